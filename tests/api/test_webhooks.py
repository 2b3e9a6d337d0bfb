"""Webhooks as an integrator sets them up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks import Webhook

from accounts.models import ApiKey
from accounts.roles import Role
from relationships import webhooks
from relationships.models.integrations import IdempotencyKey
from relationships.queries import ClientRow
from tests.api.caller import Caller
from tests.api.conftest import Keys
from tests.api.test_idempotency import die_before_the_answer_is_kept
from tests.commands.cast import NOW, Cast, assemble
from tests.webhooks.receiver import Got, Receiver, receiving

NOBODY = "019ab900-1111-7222-8333-444455556666"


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW_HOSTS = ["127.0.0.1"]
    with receiving() as told:
        yield told


@pytest.fixture
def stated(receiver: Receiver) -> dict[str, Any]:
    return {"url": receiver.url, "kinds": ["event.recorded"]}


def send_all() -> None:
    sender = webhooks.Sender(threads=2)
    for _ in range(5):
        sender.turn(now=timezone.now())
        sender.finish(now=timezone.now())
    sender.close(now=timezone.now())


def test_an_endpoint_is_made_and_its_secret_told_once(api: Caller, stated: dict[str, Any]) -> None:
    made = api.post("/webhooks", {**stated, "description": "The CRM"})
    assert made.status == 201
    secret, id = made.body["secret"], made.body["id"]
    assert secret.startswith("whsec_")
    assert made.headers["Location"].endswith(f"/api/v1/webhooks/{id}")
    read = api.get(f"/webhooks/{id}")
    assert read.body == {key: value for key, value in made.body.items() if key != "secret"}
    assert (read.body["state"], read.body["waiting"], read.body["secret_hint"]) == ("in_order", 0, secret[-5:-1])
    assert api.get("/webhooks").body["data"] == [read.body]
    assert secret[6:30] not in api.get("/webhooks").raw.decode()


def test_sent_again_with_its_key_the_creation_tells_the_same_secret_and_keeps_it_sealed(
    api: Caller, stated: dict[str, Any]
) -> None:
    first = api.post("/webhooks", stated, Idempotency_Key="one")
    again = api.post("/webhooks", stated, Idempotency_Key="one")
    assert (again.status, again.body) == (201, first.body)
    assert len(api.get("/webhooks").body["data"]) == 1
    assert first.body["secret"].encode() not in bytes(IdempotencyKey.objects.get().answer or b"")


def test_what_arrives_is_verified_and_stands_in_the_log(
    api: Caller, stated: dict[str, Any], receiver: Receiver, bakery: ClientRow
) -> None:
    made = api.post("/webhooks", stated).body
    happened = {"type": "meeting_held", "occurred_at": NOW.isoformat(), "data": {"mode": "video"}}
    event = api.post(f"/clients/{bakery.id}/events", happened).body
    send_all()
    (got,) = receiver.got
    body = Webhook(made["secret"]).verify(got.body, got.headers)
    assert body["type"] == "event.recorded"
    assert {**body["data"], "text": None} == api.get(f"/events/{event['event_id']}").body
    (row,) = api.get(f"/webhooks/{made['id']}/deliveries").body["data"]
    assert (row["id"], row["state"], row["client_id"]) == (got.id, "delivered", bakery.id)
    assert api.get(f"/webhooks/{made['id']}/deliveries/{row['id']}").body == row
    assert api.get(f"/webhooks/{made['id']}/deliveries", state="parked").body["data"] == []


def test_deliveries_are_replayed_skipped_and_paged(
    api: Caller, stated: dict[str, Any], receiver: Receiver, bakery: ClientRow
) -> None:
    receiver.answers = [500]
    id = api.post("/webhooks", stated).body["id"]
    for _ in range(3):
        api.post(f"/clients/{bakery.id}/events", {"type": "note_added", "occurred_at": NOW.isoformat(), "text": "x"})
    send_all()
    waiting = api.get(f"/webhooks/{id}/deliveries", state="waiting", limit=2).body
    assert [row["number"] for row in waiting["data"]] == [3, 2]
    (first,) = api.get(waiting["next"].removeprefix("http://testserver")).body["data"]
    assert (first["number"], first["status"], first["problem"]) == (1, 500, "answered 500")
    assert api.get(f"/webhooks/{id}").body["state"] == "failing"
    path = f"/webhooks/{id}/deliveries/{first['id']}"
    assert api.post(f"{path}/replay", {}).body["attempts"] == 0
    send_all()
    assert len(receiver.got) == 4
    assert api.post(f"{path}/skip", {}).body["state"] == "delivered"
    assert api.post(f"/webhooks/{id}/replay", {}).body == {"replayed": 0}


def test_an_endpoint_is_changed_tested_rotated_and_retired(
    api: Caller, stated: dict[str, Any], receiver: Receiver
) -> None:
    made = api.post("/webhooks", stated).body
    path = f"/webhooks/{made['id']}"
    off = api.patch(path, {"enabled": False, "kinds": ["report.ready"]}).body
    assert (off["enabled"], off["state"], off["disabled_reason"]) == (False, "disabled", "switched off")
    assert api.patch(path, {"enabled": True}).body["kinds"] == ["report.ready"]
    receiver.answers = [204, 500]
    assert api.post(f"{path}/test", {}).body["ok"] is True
    ill = api.post(f"{path}/test", {}).body
    assert (ill["ok"], ill["status"], ill["problem"]) == (False, 500, "answered 500")
    assert api.post(f"{path}/test", {"to": "somebody"}).faults == {"/to": "unknown_field"}
    rotated = api.post(f"{path}/rotate-secret", {}).body
    assert rotated["secret"] != made["secret"]
    assert rotated["previous_secret_until"]
    assert api.post(f"{path}/retire", {}).status == 200
    assert api.get(path).code == "not_found"


@pytest.mark.database
def test_no_transaction_is_held_while_a_test_is_sent(
    transactional_db: None, api: Caller, stated: dict[str, Any], receiver: Receiver
) -> None:
    def look(handler: BaseHTTPRequestHandler, got: Got) -> int:
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(_IN_TRANSACTION)
            seen.append(cursor.fetchone()[0])
        return 200

    seen: list[int] = []
    id = api.post("/webhooks", stated).body["id"]
    receiver.always = look
    assert api.post(f"/webhooks/{id}/test", {}, Idempotency_Key="t").body["ok"] is True
    assert seen == [0]


_IN_TRANSACTION = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'
"""


def test_a_test_that_died_before_its_answer_is_told_and_not_sent_again(
    api: Caller, stated: dict[str, Any], receiver: Receiver
) -> None:
    path = f"/webhooks/{api.post('/webhooks', stated).body['id']}"
    receiver.answers = [503]
    with die_before_the_answer_is_kept(), pytest.raises(KeyboardInterrupt):
        api.post(f"{path}/test", {}, Idempotency_Key="t")
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        again, once_more = (api.post(f"{path}/test", {}, Idempotency_Key="t") for _ in range(2))
    assert (again.body["status"], once_more.body) == (503, again.body)
    [got] = receiver.got
    assert got.id == again.body["delivery_id"]
    assert len(api.get(f"{path}/deliveries", kind="webhook.test").body["data"]) == 1


def test_a_test_that_died_before_it_was_written_down_is_sent_again_under_the_same_id(
    api: Caller, stated: dict[str, Any], receiver: Receiver
) -> None:
    path = f"/webhooks/{api.post('/webhooks', stated).body['id']}"
    dying = mock.patch("relationships.webhooks.queue.note_test", side_effect=KeyboardInterrupt)
    with dying, pytest.raises(KeyboardInterrupt):
        api.post(f"{path}/test", {}, Idempotency_Key="t")
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert api.post(f"{path}/test", {}, Idempotency_Key="t").body["ok"] is True
    assert len({got.id for got in receiver.got}) == 1
    assert len(receiver.got) == 2


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"url": None}, {"/url": "wrong_type"}),
        ({"url": "https://127.0.0.1:1/x\n"}, {"/url": "invalid_url"}),
        ({"url": "http://hooks.example.org/"}, {"/url": "not_https"}),
        ({"url": "https://10.0.0.1/"}, {"/url": "private_address"}),
        ({"kinds": []}, {"/kinds": "required"}),
        ({"kinds": ["stage.moved"]}, {"/kinds": "invalid_choice"}),
        ({"kinds": "stage.changed"}, {"/kinds": "wrong_type"}),
        ({"event_types": ["note_added", "note_added"]}, {"/event_types": "repeated"}),
        ({"description": "x" * 201}, {"/description": "too_long"}),
        ({"include_text": 1}, {"/include_text": "wrong_type"}),
        ({"enabled": False}, {"/enabled": "unknown_field"}),
        ({"secret": "whsec_mine", "team_id": 3}, {"/secret": "unknown_field", "/team_id": "unknown_field"}),
    ],
)
def test_nonsense_is_named(api: Caller, stated: dict[str, Any], change: dict[str, Any], fault: dict[str, str]) -> None:
    refused = api.post("/webhooks", {**stated, **change})
    assert (refused.status, refused.faults) == (400, fault)


def test_a_key_without_the_scope_reads_nothing(keys: Keys, stated: dict[str, Any]) -> None:
    assert keys("events:read", "clients:read").get("/webhooks").code == "missing_scope"


def test_who_may_not_read_text_cannot_have_it_sent(api: Caller, keys: Keys, stated: dict[str, Any]) -> None:
    blind = keys("webhooks:write")
    assert blind.post("/webhooks", {**stated, "include_text": True}).code == "forbidden"
    id = api.post("/webhooks", {**stated, "include_text": True}).body["id"]
    assert blind.patch(f"/webhooks/{id}", {"url": stated["url"] + "/elsewhere"}).code == "forbidden"
    assert blind.patch(f"/webhooks/{id}", {"description": "mine"}).status == 200


def test_a_teams_endpoint_is_not_there_for_others(api: Caller, keys: Keys, cast: Cast, stated: dict[str, Any]) -> None:
    north, south = keys(team=cast.team("north")), keys(team=cast.team("south"))
    made = north.post("/webhooks", stated).body
    assert made["team_id"] is not None
    assert south.get(f"/webhooks/{made['id']}").code == north.get(f"/webhooks/{NOBODY}").code == "not_found"
    assert south.get("/webhooks").body["data"] == []
    for path in ("deliveries", "deliveries/" + NOBODY):
        assert south.get(f"/webhooks/{made['id']}/{path}").code == "not_found"
    for act in ("test", "replay", "retire", "rotate-secret", f"deliveries/{NOBODY}/replay"):
        assert south.post(f"/webhooks/{made['id']}/{act}", {}).code == "not_found"
    assert south.patch(f"/webhooks/{made['id']}", {"enabled": False}).code == "not_found"
    assert api.get(f"/webhooks/{made['id']}").status == 200


def test_a_team_that_lost_a_client_does_not_see_what_was_sent_of_it(
    keys: Keys, cast: Cast, stated: dict[str, Any], api: Caller
) -> None:
    north = cast.team("north")
    own = cast.client("Own", by=cast.user("Mia", Role.ACCOUNT_MANAGER, north))
    caller = keys(team=north)
    id = caller.post("/webhooks", stated).body["id"]
    api.post(f"/clients/{own.id}/events", {"type": "note_added", "occurred_at": NOW.isoformat(), "text": "x"})
    send_all()
    (row,) = caller.get(f"/webhooks/{id}/deliveries").body["data"]
    api.patch(f"/clients/{own.id}", {"owner": None}, If_Match="*")
    assert caller.get(f"/webhooks/{id}/deliveries").body["data"] == []
    assert caller.get(f"/webhooks/{id}/deliveries/{row['id']}").code == "not_found"
    assert api.get(f"/webhooks/{id}/deliveries/{row['id']}").status == 200


def test_other_organisations_see_nothing(stated: dict[str, Any], api: Caller) -> None:
    id = api.post("/webhooks", stated).body["id"]
    _, secret = ApiKey.issue(organisation=assemble("other").organisation, name="x", scopes=("*",), now=timezone.now())
    assert Caller(secret).get(f"/webhooks/{id}").code == "not_found"
    assert Caller(secret).get("/webhooks").body["data"] == []


def test_operators_see_how_webhooks_do(api: Caller, stated: dict[str, Any], bakery: ClientRow) -> None:
    api.post("/webhooks", stated)
    assert Caller().get("/health/ready").body["checks"]["webhooks"] == "the sender has not run yet"
    assert "relationships_webhooks_endpoints 1.0" in Caller().get("/metrics").raw.decode()
