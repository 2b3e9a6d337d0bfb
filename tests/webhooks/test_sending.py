"""What is sent arrives: signed, in order per client, again and again; and one's trouble is not another's."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from standardwebhooks import Webhook, WebhookVerificationError

from relationships import event_store, sealing, webhooks
from relationships.models.webhooks import WebhookDelivery, WebhookEndpoint
from relationships.webhooks import bodies, queue, schedule, sending
from relationships.webhooks.queue import Outcome
from tests.api.document import sent_faults
from tests.commands.cast import DAY, Cast
from tests.webhooks.cast import SECOND, Post
from tests.webhooks.receiver import Got, Receiver, receiving

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
PLANNED = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]


def verified(secret: str, got: Got, now: datetime) -> Any:
    with time_machine.travel(now, tick=False):
        return Webhook(secret).verify(got.body, got.headers)


# ---------------------------------------------------------------------- signatures


def test_the_reference_library_verifies_what_is_sent(post: Post) -> None:
    endpoint = post.endpoint()
    post.cast.client(now=post.now)
    post.go()
    secret = post.secrets[str(endpoint.pk)]
    for got in post.receiver.got:
        assert verified(secret, got, post.now)["type"] in webhooks.KINDS
        assert WebhookDelivery.objects.get(pk=got.id).state == "delivered"
    with pytest.raises(WebhookVerificationError):
        verified("whsec_" + "A" * 43 + "=", post.receiver.got[0], post.now)


def test_for_a_day_after_a_rotation_both_secrets_verify(post: Post) -> None:
    endpoint = post.endpoint("event.recorded")
    old = post.secrets[str(endpoint.pk)]
    row, new = webhooks.rotate(post.cast.system, str(endpoint.pk), now=post.now)
    assert row.previous_secret_until == post.now + DAY
    assert row.secret_hint == new.rstrip("=")[-4:]
    post.cast.client(now=post.now)
    post.go()
    assert verified(old, post.receiver.got[-1], post.now) == verified(new, post.receiver.got[-1], post.now)
    post.now += DAY
    post.cast.client("Later", now=post.now)
    post.go()
    assert verified(new, post.receiver.got[-1], post.now)
    with pytest.raises(WebhookVerificationError):
        verified(old, post.receiver.got[-1], post.now)


def test_secrets_stand_nowhere_to_be_read(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    endpoint = post.endpoint()
    secret = post.secrets[str(endpoint.pk)]
    post.receiver.answers = [500]
    post.cast.client(now=post.now)
    post.go()
    stored = b"".join(bytes(value) for value in (endpoint.secret,))
    shown = repr(webhooks.endpoint(post.cast.system, str(endpoint.pk))) + caplog.text
    assert secret.encode() not in stored
    assert secret[6:20] not in shown
    assert f"'{secret.rstrip('=')[-4:]}'" in shown


# ---------------------------------------------------------------------- again and again


def test_a_delivery_is_tried_ten_times_over_three_days_and_then_parked(post: Post) -> None:
    endpoint = post.endpoint("event.recorded")
    post.receiver.always = 500
    client = post.cast.client(now=post.now)
    post.go()
    began, tried = post.now, [0.0]
    while WebhookDelivery.objects.get().state == "waiting":
        row = WebhookDelivery.objects.get()
        assert row.next_attempt_at is not None
        post.go(row.next_attempt_at - post.now - timedelta(microseconds=1))
        assert len(post.receiver.got) == len(tried)
        post.go(timedelta(microseconds=1))
        tried.append((post.now - began).total_seconds())
        WebhookEndpoint.objects.update(failing_since=post.now)  # not given up for being away five days
    gaps = [later - earlier for earlier, later in pairwise(tried)]
    assert len(tried) == 10
    for gap, planned in zip(gaps, PLANNED, strict=True):
        assert planned <= gap <= planned * 1.2
    assert 75 * 3600 < tried[-1] < 75.6 * 3600 * 1.2
    assert len({got.id for got in post.receiver.got}) == 1
    assert (row.attempts, WebhookDelivery.objects.get().problem) == (9, "answered 500")

    # Parked, it holds back its client's later ones, and nobody else's; asked for, all go out in order.
    post.receiver.always = 200
    post.cast.record(client, "meeting_held", post.now, now=post.now, mode="video")
    other = post.cast.client("Other", now=post.now)
    assert [body["data"]["client_id"] for body in post.go()] == [other.id]
    assert webhooks.endpoint(post.cast.system, str(endpoint.pk)).parked == 1
    assert webhooks.replay_parked(post.cast.system, str(endpoint.pk), now=post.now) == 1
    assert [body["data"]["version"] for body in post.go()] == [1, 2]


def test_one_that_nobody_wants_can_be_skipped(post: Post) -> None:
    endpoint = post.endpoint("event.recorded")
    post.receiver.answers = [500]
    client = post.cast.client(now=post.now)
    post.cast.record(client, "meeting_held", post.now, now=post.now, mode="video")
    post.go()
    first = WebhookDelivery.objects.get(number=1)
    assert webhooks.skip(post.cast.system, str(endpoint.pk), str(first.pk), now=post.now).state == "skipped"
    assert [body["data"]["version"] for body in post.go()] == [2]


def test_what_was_delivered_can_be_asked_for_again_under_the_same_id(post: Post) -> None:
    endpoint = post.endpoint("event.recorded")
    post.cast.client(now=post.now)
    post.go()
    webhooks.replay(post.cast.system, str(endpoint.pk), post.receiver.got[0].id, now=post.now)
    post.go()
    assert len({got.id for got in post.receiver.got}) == 1
    assert len(post.receiver.got) == 2


@pytest.mark.parametrize(
    ("status", "asked", "least"),
    [(429, "3600", 3600), (503, "120", 120), (500, "3600", 5), (429, "99999999999", 86_400), (429, "soon", 5)],
)
def test_a_receiver_that_asks_for_time_gets_it(post: Post, status: int, asked: str, least: int) -> None:
    def busy(handler: BaseHTTPRequestHandler, got: Got) -> None:
        handler.send_response(status)
        handler.send_header("Retry-After", asked)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    post.endpoint("event.recorded")
    post.receiver.answers = [busy]
    post.cast.client(now=post.now)
    post.go()
    row = WebhookDelivery.objects.get()
    assert row.next_attempt_at is not None
    waits = (row.next_attempt_at - post.now).total_seconds()
    assert least <= waits <= max(least, 6)


def test_a_date_is_understood_too() -> None:
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    asked = "Mon, 01 Jun 2026 13:00:00 GMT"
    assert schedule.next_attempt(1, now=now, status=503, retry_after=asked) == now + timedelta(hours=1)
    assert schedule.next_attempt(10, now=now) is None


def test_gone_switches_the_endpoint_off_and_nothing_is_lost_when_it_is_switched_on(post: Post) -> None:
    endpoint = post.endpoint("event.recorded")
    post.receiver.answers = [410]
    client = post.cast.client(now=post.now)
    post.go()
    row = webhooks.endpoint(post.cast.system, str(endpoint.pk))
    assert (row.enabled, row.disabled_reason, row.state) == (False, "it answered 410 Gone", "disabled")
    post.cast.record(client, "meeting_held", post.now, now=post.now, mode="video")
    assert post.go(DAY) == []
    webhooks.change(post.cast.system, str(endpoint.pk), {"enabled": True}, now=post.now)
    assert [body["data"]["version"] for body in post.go()] == [1, 2]


def test_five_days_without_any_success_switch_it_off(post: Post) -> None:
    endpoint = post.endpoint("event.recorded")
    post.receiver.always = 500
    for _ in range(6):
        post.cast.client(f"Client {_}", now=post.now)
        post.go(DAY)
    assert webhooks.endpoint(post.cast.system, str(endpoint.pk)).disabled_reason == "nothing has succeeded for 5 days"


def test_a_redirect_is_a_failure(post: Post) -> None:
    post.endpoint("event.recorded")
    post.receiver.answers = [301]
    post.cast.client(now=post.now)
    post.go()
    assert (WebhookDelivery.objects.get().status, WebhookDelivery.objects.get().state) == (301, "waiting")


def test_an_hour_of_trouble_costs_nothing_but_time(post: Post) -> None:
    post.endpoint("event.recorded")
    post.receiver.always = 503
    clients = [post.cast.client(f"Client {number}", now=post.now) for number in range(3)]
    for minute in range(60):
        post.cast.record(clients[minute % 3], "meeting_held", post.now, now=post.now, mode="video")
        post.go(MINUTE)
    post.receiver.always, post.receiver.got = 200, []
    for _ in range(5):
        post.go(timedelta(hours=1))
    for client in clients:
        versions = [g.json["data"]["version"] for g in post.receiver.got if g.json["data"]["client_id"] == client.id]
        assert versions == list(range(1, 22))


# ---------------------------------------------------------------------- one's trouble is not another's


def test_a_poisonous_delivery_holds_up_its_own_client_alone(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    post.endpoint("event.recorded")
    poisoned, well = post.cast.client("Poisoned", now=post.now), post.cast.client("Well", now=post.now)
    real = bodies._event

    def break_down(eyes: Any, delivery: WebhookDelivery, now: datetime) -> Any:
        if str(delivery.client_id) == poisoned.id:
            raise ZeroDivisionError
        return real(eyes, delivery, now)

    monkeypatch.setitem(bodies._COMPOSERS, "event.recorded", break_down)
    post.cast.record(well, "meeting_held", post.now, now=post.now, mode="video")
    assert [body["data"]["client_id"] for body in post.go()] == [well.id, well.id]
    stuck = WebhookDelivery.objects.get(client_id=poisoned.id)
    assert (stuck.attempts, stuck.problem) == (1, "it could not be put together: ZeroDivisionError")


def test_a_text_that_cannot_be_opened_holds_up_its_own_client_alone(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.endpoint("event.recorded", include_text=True)
    broken, well = post.cast.client("Broken", now=post.now), post.cast.client("Well", now=post.now)
    real = sealing.open_parts
    first = str(event_store.read_stream(post.cast.ledger_id, broken.id)[0].event_id)

    def open_parts(ledger_id: int, event_ids: list[str]) -> Any:
        if first in event_ids:
            raise ValueError("no such text")
        return real(ledger_id, event_ids)

    monkeypatch.setattr("relationships.queries.events.sealing.open_parts", open_parts)
    assert [body["data"]["client_id"] for body in post.go()] == [well.id]
    stuck = WebhookDelivery.objects.get(client_id=broken.id)
    assert (stuck.state, stuck.problem) == ("waiting", "it could not be put together: ValueError")


def test_endpoints_that_hang_delay_no_other(cast: Cast, receiver: Receiver) -> None:
    """Eight endpoints that never answer, threads for eight: the ninth is told at once."""

    def hang(handler: BaseHTTPRequestHandler, got: Got) -> None:
        time.sleep(8)

    with receiving() as dead:
        dead.always = hang
        post = Post(cast, receiver)
        hanging = Post(cast, dead)
        for _ in range(8):
            hanging.endpoint("event.recorded")
        WebhookEndpoint.objects.update(failing_since=post.now)
        alive = post.endpoint("event.recorded")
        for number in range(5):
            cast.client(f"Client {number}", now=post.now)
        began = time.monotonic()
        while len(receiver.got) < 5 and time.monotonic() - began < 8:
            post.sender.turn(now=post.now)
            post.sender.wait(0.05)
        assert time.monotonic() - began < 7
        post.sender.finish(now=post.now)
        assert set(alive.deliveries.values_list("state", flat=True)) == {"delivered"}
        post.sender.pool.shutdown()
        hanging.sender.pool.shutdown()


# ---------------------------------------------------------------------- who died in the middle


def claim(endpoint: WebhookEndpoint, now: datetime) -> list[WebhookDelivery]:
    return queue.claim(endpoint.ledger_id, [(endpoint, 9)], by=uuid4(), now=now, until=now + queue.LEASE)


def test_no_more_is_taken_than_asked_for(post: Post) -> None:
    endpoints = [post.endpoint("event.recorded") for _ in range(3)]
    post.receiver.always = 500
    for number in range(20):
        post.cast.client(f"Client {number}", now=post.now)
    post.sender.turn(now=post.now)
    post.sender.finish(now=post.now)
    later = post.now + MINUTE
    room = [(endpoint, most) for most, endpoint in enumerate(endpoints, 1)]
    taken = queue.claim(endpoints[0].ledger_id, room, by=uuid4(), now=later, until=later + MINUTE)
    assert Counter(one.endpoint_id for one in taken) == {endpoint.pk: most for endpoint, most in room}


def test_a_result_that_comes_after_the_lease_changes_nothing(post: Post) -> None:
    endpoint = post.endpoint("event.recorded")
    post.cast.client(now=post.now)
    post.receiver.answers = [500]
    post.go()
    later = post.now + 10 * SECOND
    (slow,) = claim(endpoint, later)
    assert claim(endpoint, later + queue.LEASE - SECOND) == []
    (quick,) = claim(endpoint, later + queue.LEASE)
    assert quick.pk == slow.pk
    assert queue.finish([(slow, Outcome(problem="too late"))], now=later + MINUTE) == 0
    assert queue.finish([(quick, Outcome(200))], now=later + MINUTE) == 1
    assert (WebhookDelivery.objects.get().state, WebhookDelivery.objects.get().attempts) == ("delivered", 3)


def test_what_a_living_sender_has_under_way_no_other_takes_and_what_a_dead_one_had_is_taken_soon(post: Post) -> None:
    post.endpoint("event.recorded")
    post.cast.client(now=post.now)
    answered = threading.Event()

    def late(handler: BaseHTTPRequestHandler, got: Got) -> int:
        answered.wait(30)
        return 200

    post.receiver.answers = [late]
    other = webhooks.Sender(threads=2)
    post.now += SECOND
    post.sender.turn(now=post.now)
    for _ in range(6):
        post.now += queue.LEASE / 2
        post.sender.turn(now=post.now)
        other.turn(now=post.now)
        assert not other.running
    post.now += queue.LEASE + SECOND
    other.turn(now=post.now)
    assert len(other.running) == 1, "the first has not been heard of for longer than its lease"
    answered.set()
    other.close(now=post.now)
    post.sender.finish(now=post.now)
    assert len({got.id for got in post.receiver.got}) == 1
    assert WebhookDelivery.objects.get().attempts == 2


def test_one_that_kills_its_senders_is_parked_after_ten(post: Post) -> None:
    endpoint = post.endpoint("event.recorded")
    post.cast.client(now=post.now)
    post.receiver.answers = [500]
    post.go()
    for _ in range(9):
        post.now += queue.LEASE
        assert len(claim(endpoint, post.now)) == 1
    post.now += queue.LEASE
    assert claim(endpoint, post.now) == []
    assert WebhookDelivery.objects.get().state == "parked"


def test_two_senders_side_by_side_send_nothing_twice(post: Post) -> None:
    post.endpoint("event.recorded")
    for number in range(30):
        post.cast.client(f"Client {number}", now=post.now)
    other = sending.Sender(threads=8)
    for _ in range(20):
        post.sender.turn(now=post.now)
        other.turn(now=post.now)
        post.sender.finish(now=post.now)
        other.finish(now=post.now)
    other.close(now=post.now)
    assert len(post.receiver.got) == len({got.id for got in post.receiver.got}) == 30


# ---------------------------------------------------------------------- tests, and forgetting


def test_a_test_is_sent_at_once_and_its_answer_told(post: Post) -> None:
    endpoint = post.endpoint("report.ready")
    webhooks.change(post.cast.system, str(endpoint.pk), {"enabled": False}, now=post.now)
    post.receiver.answers = [204, 418]
    well, ill = (webhooks.test(post.cast.system, str(endpoint.pk), now=post.now) for _ in range(2))
    assert (well.ok, well.status, well.problem) == (True, 204, "")
    assert (ill.ok, ill.status, ill.problem) == (False, 418, "answered 418")
    told = verified(post.secrets[str(endpoint.pk)], post.receiver.got[0], post.now)
    assert (told["type"], post.receiver.got[0].id) == ("webhook.test", well.delivery_id)
    assert not sent_faults(told)
    logged = webhooks.deliveries(post.cast.system, str(endpoint.pk)).rows
    assert [(row.kind, row.state) for row in logged] == [("webhook.test", "skipped"), ("webhook.test", "delivered")]


def test_after_thirty_days_a_delivery_is_forgotten(post: Post) -> None:
    post.endpoint("event.recorded")
    post.cast.client(now=post.now)
    post.go()
    assert webhooks.forget(now=post.now + 29 * DAY) == 0
    assert webhooks.forget(now=post.now + 31 * DAY) == 1


def test_a_delivery_holds_no_text(post: Post) -> None:
    post.endpoint("event.recorded", include_text=True)
    client = post.cast.client(now=post.now)
    post.cast.record(client, "note_added", post.now, now=post.now, text="A word in private.")
    assert post.go()[-1]["data"]["text"] == "A word in private."
    rows = [list(row.values()) for row in WebhookDelivery.objects.values()]
    assert "private" not in json.dumps(rows, default=str)
