"""What is told, in which order, and what is never told."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from unittest.mock import Mock

import pytest

from accounts.roles import Role
from relationships import commands, event_store, projections, queries
from relationships.domain.instants import from_us, to_us
from relationships.domain.policy import DEFAULT_POLICY, Policy
from relationships.models.projections import Quarantine, Revision
from relationships.models.webhooks import WebhookDelivery, WebhookEndpoint
from relationships.projections import projecting
from relationships.webhooks import telling
from relationships.webhooks.changes import News, changes
from tests.commands.cast import DAY, Cast
from tests.webhooks.cast import SECOND, Post

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
STANDING = ("stage", "health")


def types(bodies: list[Any]) -> list[str]:
    return [body["type"] for body in bodies]


def written(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))


@contextmanager
def nothing_projected() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("relationships.commands.events.projections.project", lambda *_, **__: None)
        patch.setattr("relationships.commands.events.projections.project_many", lambda *_, **__: None)
        yield


def test_an_event_is_told_as_the_api_answers_it_and_the_stage_that_it_brought_after_it(post: Post) -> None:
    post.endpoint()
    client = post.cast.client(now=post.now)
    assert types(post.go()) == ["event.recorded", "stage.changed"]
    met = post.cast.record(client, "meeting_held", post.now, now=post.now, mode="in_person")
    event, change = post.go()
    row = queries.event(post.cast.system, met.event.event_id)
    assert event["data"]["event_id"] == row.event_id
    assert event["data"]["data"] == row.data
    assert event["data"]["chain_hash"] == row.chain_hash
    assert event["timestamp"] == change["timestamp"] == written(row.recorded_at)
    assert change["data"]["before"] == {"stage": "found", "health": "new", "since": "2026-06-01T12:00:00Z"}
    assert change["data"]["after"]["stage"] == "met"
    assert change["data"]["event_id"] == met.event.event_id in change["data"]["because"]
    assert change["data"]["rule"] == "met.in_person"
    assert change["data"]["sentence"].startswith("Brightwater Foods is Met since 1 Jun 2026")


def test_what_was_before_an_endpoint_is_not_told(post: Post) -> None:
    post.cast.client(now=post.now)
    post.endpoint()
    assert post.go() == []
    assert post.go(HOUR) == []


def test_silence_alone_is_told_at_its_moment_and_once(post: Post) -> None:
    client = post.cast.client(now=post.now)
    post.cast.record(client, "meeting_held", post.now, mode="in_person")
    post.endpoint("stage.changed")
    periods = [p for p in queries.timeline(post.cast.system, client.id, now=post.now).data if p.begins_at > post.now]
    told: list[Any] = []
    for period in periods:
        assert post.go(period.begins_at - post.now - SECOND) == []
        bodies = post.go()
        assert [body["data"]["after"]["since"] for body in bodies] == [written(period.begins_at)]
        assert bodies[0]["timestamp"] == bodies[0]["data"]["after"]["since"]
        assert bodies[0]["data"]["event_id"] is None
        assert bodies[0]["data"]["sentence"]
        assert post.go() == []
        told += bodies
    assert len(told) == 3
    for one, following in pairwise(told):
        assert one["data"]["after"] == following["data"]["before"]


def test_a_sender_that_was_away_tells_all_that_time_brought_before_the_event_that_ended_it(post: Post) -> None:
    client = post.cast.client(now=post.now)
    post.cast.record(client, "meeting_held", post.now, mode="in_person")
    post.endpoint("stage.changed", "event.recorded")
    back = post.now + 300 * DAY
    post.cast.record(client, "call_held", back - HOUR, now=back, direction="mutual", channel="phone")
    bodies = post.go(301 * DAY)
    kinds = types(bodies)
    assert kinds[-2:] == ["event.recorded", "stage.changed"]
    assert len(kinds) > 2
    standings = post.standings(bodies)
    for one, following in pairwise(standings):
        assert one[1] == following[0]
    row = queries.client(post.cast.system, client.id, now=post.now)
    assert standings[-1][1] == f"{row.stage}/{row.health}"


def test_whatever_comes_in_whatever_order_each_change_goes_on_from_the_one_before(post: Post) -> None:
    """Late events, corrections, retractions, silence, a sender that is away at times: what was told is what is."""
    dice = random.Random(7)
    clients = [post.cast.client(f"Client {number}", now=post.now) for number in range(4)]
    post.endpoint("stage.changed")
    bodies: list[Any] = []
    recorded: list[tuple[str, str]] = []
    for _ in range(60):
        client = dice.choice(clients)
        late = dice.choice([timedelta(), HOUR, 3 * DAY, 40 * DAY])
        turn = dice.random()
        if turn < 0.15 and recorded:
            of, event_id = recorded.pop(dice.randrange(len(recorded)))
            version = event_store.versions(post.cast.ledger_id, [of])[of]
            post.cast.record(
                of, "event_retracted", post.now, now=post.now, if_match=version, event_id=event_id, reason="Wrong."
            )
        elif turn < 0.6:
            made = post.cast.record(client, "meeting_held", post.now - late, now=post.now, mode="in_person")
            recorded.append((client.id, made.event.event_id))
        else:
            made = post.cast.record(
                client, "call_held", post.now - late, now=post.now, direction="mutual", channel="phone"
            )
            recorded.append((client.id, made.event.event_id))
        if dice.random() < 0.6:
            bodies += post.go(dice.choice([SECOND, DAY, 20 * DAY]))
        else:
            post.now += dice.choice([SECOND, DAY, 20 * DAY])
    bodies += post.go()
    assert len(bodies) > 30
    for client in clients:
        standings = post.standings([body for body in bodies if body["data"]["client_id"] == client.id])
        for one, following in pairwise(standings):
            assert one[1] == following[0]
        now = queries.client(post.cast.system, client.id, now=post.now)
        assert standings[-1][1] == f"{now.stage}/{now.health}"


def test_a_late_event_that_changes_what_was_told_is_told_as_a_revision_after_its_event(post: Post) -> None:
    client = post.cast.client(now=post.now - 50 * DAY)
    post.endpoint()
    late = post.cast.record(client, "meeting_held", post.now - 20 * DAY, now=post.now, mode="in_person")
    bodies = post.go()
    assert types(bodies) == ["event.recorded", "stage.changed", "answer.revised"]
    revised = bodies[-1]["data"]
    assert revised["cause"] == [late.event.event_id]
    assert revised["from_at"] == written(post.now - SECOND - 20 * DAY)
    assert (revised["before"][0]["stage"], revised["after"][0]["stage"]) == ("found", "met")
    assert post.go(HOUR * 2) == []


def test_a_revision_noted_long_after_its_event_is_told_all_the_same(post: Post) -> None:
    client = post.cast.client(now=post.now - 50 * DAY)
    post.endpoint()
    with nothing_projected():
        post.cast.record(client, "meeting_held", post.now - 20 * DAY, now=post.now, mode="in_person")
        assert types(post.go()) == ["event.recorded", "stage.changed"]
    post.now += HOUR * 3
    projections.sweep(post.now)
    assert Revision.objects.count() == 1
    assert types(post.go()) == ["answer.revised"]


def test_a_period_of_a_client_that_is_not_projected_yet_is_told_at_its_moment(post: Post) -> None:
    client = post.cast.client(now=post.now)
    post.cast.record(client, "meeting_held", post.now, mode="in_person")
    post.endpoint("stage.changed")
    post.now += DAY
    with nothing_projected():
        post.cast.record(client, "call_held", post.now, now=post.now, direction="mutual", channel="phone")
    first = next(p for p in queries.timeline(post.cast.system, client.id, now=post.now).data if p.begins_at > post.now)
    post.go()
    bodies = post.go(first.begins_at - post.now)
    assert [body["data"]["after"]["since"] for body in bodies] == [written(first.begins_at)]


# ---------------------------------------------------------------------- by silence alone, whatever else goes on


def met_and_then_silent(post: Post, name: str = "Brightwater Foods") -> tuple[str, Any]:
    """A client that was met just now, and the moment at which silence alone moves it."""
    client = post.cast.client(name, now=post.now)
    post.cast.record(client, "meeting_held", post.now, mode="in_person")
    timeline = queries.timeline(post.cast.system, client.id, now=post.now).data
    return client.id, next(period.begins_at for period in timeline if period.begins_at > post.now)


def silent_moments(bodies: list[Any], client_id: str) -> list[str]:
    """When silence alone moved a client, as it was told; each change has to go on from the one before."""
    own = [body["data"] for body in bodies if body["data"]["client_id"] == client_id]
    for one, following in pairwise(own):
        assert [one["after"][name] for name in STANDING] == [following["before"][name] for name in STANDING]
    return [one["at"] for one in own if one["event_id"] is None]


def moments_by_the_log(post: Post, client_id: str, started: datetime) -> list[str]:
    """When silence alone moved a client since a moment, event by event as they were recorded."""
    facts = event_store.facts_of_stream(post.cast.ledger_id, client_id)
    recorded = event_store.read_stream(post.cast.ledger_id, client_id)
    news = [News(event.version, to_us(event.recorded_at)) for event in recorded if event.recorded_at > started]
    changed = changes(facts, news, DEFAULT_POLICY, told=to_us(started), until=to_us(post.now))
    return [written(from_us(change.at)) for _, change in changed if change.event_id is None]


def go_often(post: Post, later: timedelta = SECOND) -> list[Any]:
    return post.go(later) + [body for _ in range(4) for body in post.go()]


def test_a_moment_that_passed_before_a_backlog_is_told_though_a_late_event_in_it_covers_the_silence(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "PAGE", 3)
    client, moment = met_and_then_silent(post)
    other = post.cast.client("Other", now=post.now)
    post.endpoint("stage.changed")
    post.now = moment + HOUR
    for number in range(7):
        post.cast.record(other, "note_added", post.now, now=post.now + number * SECOND, text="Nobody there.")
    late = post.now + 2 * HOUR
    post.cast.record(client, "call_held", moment - DAY, now=late, direction="mutual", channel="phone")
    assert silent_moments(go_often(post, 3 * HOUR), client) == [written(moment)]


def test_a_moment_of_a_client_that_is_not_projected_yet_is_told_while_a_backlog_is(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "PAGE", 3)
    client, _ = met_and_then_silent(post)
    other = post.cast.client("Other", now=post.now)
    post.endpoint("stage.changed")
    post.now += DAY
    with nothing_projected():
        post.cast.record(client, "call_held", post.now, now=post.now, direction="mutual", channel="phone")
    timeline = queries.timeline(post.cast.system, client, now=post.now).data
    moment = next(period.begins_at for period in timeline if period.begins_at > post.now)
    assert silent_moments(go_often(post, moment - post.now - HOUR), client) == []
    post.now = moment + SECOND
    for number in range(7):
        post.cast.record(other, "note_added", post.now, now=post.now + number * SECOND, text="Nobody there.")
    assert silent_moments(go_often(post, HOUR), client) == [written(moment)]


def test_when_more_wait_to_be_projected_than_are_looked_at_their_moments_wait_and_none_is_lost(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "PAGE", 2)
    clients = [met_and_then_silent(post, f"Client {number}")[0] for number in range(5)]
    post.endpoint("stage.changed")
    post.now += DAY
    with nothing_projected():
        for client in clients:
            post.cast.record(client, "call_held", post.now, now=post.now, direction="mutual", channel="phone")
        timeline = queries.timeline(post.cast.system, clients[0], now=post.now).data
        moment = next(period.begins_at for period in timeline if period.begins_at > post.now)
        bodies = go_often(post) + go_often(post, moment + HOUR - post.now)
    projections.sweep(post.now)
    bodies += go_often(post)
    for client in clients:
        assert silent_moments(bodies, client) == [written(moment)]


def test_a_client_that_came_out_of_quarantine_is_told_before_it_is_projected(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = met_and_then_silent(post)
    post.endpoint("stage.changed")
    started = post.now
    post.now += DAY
    with monkeypatch.context() as patch:
        patch.setattr(projecting, "go_on", Mock(side_effect=ZeroDivisionError("stumbled")))
        post.cast.record(client, "call_held", post.now, now=post.now, direction="mutual", channel="phone")
    assert Quarantine.objects.count() == 1
    post.now += DAY
    with nothing_projected():
        post.cast.record(client, "call_held", post.now, now=post.now, direction="mutual", channel="phone")
    bodies = [body for _ in range(80) for body in post.go(DAY)]
    moments = moments_by_the_log(post, client, started)
    assert moments
    assert silent_moments(bodies, client) == moments


@pytest.mark.parametrize("seed", range(6))
def test_in_small_pages_and_projected_late_each_moment_is_told_once_and_none_is_left_out(
    post: Post, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """What is told by small pages, with read tables that lag, is what is told event by event as they come."""
    monkeypatch.setattr(telling, "PAGE", 2)
    dice = random.Random(seed)
    clients = [met_and_then_silent(post, f"Client {number}")[0] for number in range(4)]
    post.endpoint("stage.changed")
    started, bodies = post.now, []
    for _ in range(40):
        post.now += dice.choice([HOUR, DAY, 20 * DAY])
        at = post.now - dice.choice([timedelta(), HOUR, 3 * DAY, 40 * DAY])
        with nothing_projected() if dice.random() < 0.4 else nullcontext():
            post.cast.record(dice.choice(clients), "call_held", at, now=post.now, direction="mutual", channel="phone")
        if dice.random() < 0.3:
            projections.sweep(post.now)
        if dice.random() < 0.4:
            bodies += post.go()
    projections.sweep(post.now)
    for _ in range(40):
        bodies += post.go()
    for client in clients:
        assert silent_moments(bodies, client) == moments_by_the_log(post, client, started)


# ---------------------------------------------------------------------- what is never told


def other_policy() -> Policy:
    """Under which a meeting keeps nobody at Met for long."""
    stated = DEFAULT_POLICY.to_dict()
    stated["version"] = 2
    stated["met_keep"] = 40
    return Policy.from_dict(stated)


def test_a_rebuild_tells_nothing_and_nor_does_a_new_policy(post: Post) -> None:
    clients = [post.cast.client(f"Client {number}", now=post.now) for number in range(3)]
    for client in clients:
        post.cast.record(client, "meeting_held", post.now, mode="in_person")
    post.endpoint()
    post.go(100 * DAY)
    before = queries.stage(post.cast.system, clients[0].id, now=post.now)
    told = WebhookDelivery.objects.count()

    projections.rebuild(post.cast.ledger_id, now=post.now)
    assert post.go() == []
    projections.rebuild(post.cast.ledger_id, now=post.now, policy=other_policy())
    after = queries.stage(post.cast.system, clients[0].id, now=post.now)
    assert (before.stage, after.stage) == ("met", "helped")
    assert post.go() == []
    assert post.go(HOUR) == []
    assert WebhookDelivery.objects.count() == told

    # An event that moves nobody under the new policy tells nothing of a stage, though the old one was told last.
    post.cast.record(clients[0], "note_added", post.now, now=post.now, text="Called, nobody there.")
    assert types(post.go()) == ["event.recorded"]
    post.cast.record(clients[0], "meeting_held", post.now, now=post.now, mode="in_person")
    bodies = post.go()
    assert types(bodies) == ["event.recorded", "stage.changed"]
    assert bodies[1]["data"]["before"]["stage"] == "helped"


def test_a_reactor_that_dies_in_the_middle_tells_nothing_twice(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = post.endpoint()
    post.cast.client(now=post.now)
    real = telling._write

    def die(*arguments: Any) -> int:
        real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(telling, "_write", die)
        post.go()
    assert WebhookDelivery.objects.count() == 0
    assert types(post.go()) == ["event.recorded", "stage.changed"]
    assert WebhookEndpoint.objects.get(pk=endpoint.pk).position == 1


def test_a_backlog_is_told_page_by_page(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "PAGE", 3)
    post.endpoint("event.recorded")
    client = post.cast.client(now=post.now)
    for hour in range(20):
        post.cast.record(client, "meeting_held", post.now - hour * HOUR, now=post.now, mode="video")
    versions = [body["data"]["version"] for _ in range(8) for body in post.go()]
    assert versions == list(range(1, 22))


def test_in_a_backlog_each_revision_is_told_once_and_after_its_event(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "PAGE", 2)
    client = post.cast.client(now=post.now - 50 * DAY)
    post.endpoint("event.recorded", "answer.revised")
    late = []
    for days in range(5):
        made = post.cast.record(client, "meeting_held", post.now - (20 + days) * DAY, now=post.now, mode="in_person")
        late.append(made.event.event_id)
    bodies = go_often(post)
    revised = [body["data"]["cause"][0] for body in bodies if body["type"] == "answer.revised"]
    assert revised == late
    order = [body["data"].get("event_id") or body["data"]["cause"][0] for body in bodies]
    assert all(order.index(one) < len(order) - 1 - order[::-1].index(one) for one in late)


def test_many_clients_that_time_moves_at_once_are_told_page_by_page(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "PAGE", 2)
    clients = [post.cast.client(f"Client {number}", now=post.now) for number in range(5)]
    for client in clients:
        post.cast.record(client, "meeting_held", post.now, mode="in_person")
    post.endpoint("stage.changed")
    bodies = [body for _ in range(5) for body in post.go(400 * DAY if not post.receiver.got else SECOND)]
    for client in clients:
        standings = post.standings([body for body in bodies if body["data"]["client_id"] == client.id])
        now = queries.client(post.cast.system, client.id, now=post.now)
        assert standings[-1][1] == f"{now.stage}/{now.health}"
        for one, following in pairwise(standings):
            assert one[1] == following[0]


# ---------------------------------------------------------------------- to whom


def test_an_endpoint_is_told_the_kinds_and_types_that_it_wants(post: Post) -> None:
    post.endpoint("event.recorded", event_types=["meeting_held"])
    client = post.cast.client(now=post.now)
    post.cast.record(client, "meeting_held", post.now, now=post.now, mode="video")
    assert [body["data"]["type"] for body in post.go()] == ["meeting_held"]


def test_text_is_sent_only_where_it_was_asked_for(post: Post) -> None:
    plain, whole = post.endpoint("event.recorded"), post.endpoint("event.recorded", include_text=True)
    client = post.cast.client(now=post.now)
    post.cast.record(client, "note_added", post.now, now=post.now, text="A word in private.")
    post.go()
    told = {one.pk: {d.pk for d in one.deliveries.all()} for one in (plain, whole)}
    texts = {one.json["data"]["text"]: one.id for one in post.receiver.got if one.json["data"]["type"] == "note_added"}
    assert texts["A word in private."] in map(str, told[whole.pk])
    assert texts[None] in map(str, told[plain.pk])


def test_a_teams_endpoint_is_told_of_its_clients_and_asked_again_when_it_is_sent(post: Post, cast: Cast) -> None:
    north, south = cast.team("north"), cast.team("south")
    mia = cast.user("Mia", Role.ACCOUNT_MANAGER, north)
    nils = cast.user("Nils", Role.ACCOUNT_MANAGER, south)
    post.endpoint(by=post.team_key(north))
    own, others = cast.client("Own", by=mia, now=post.now), cast.client("Others", by=nils, now=post.now)
    bodies = post.go()
    assert {body["data"]["client_id"] for body in bodies} == {own.id}

    post.receiver.answers = [500]
    cast.record(own, "meeting_held", post.now, now=post.now, mode="video")
    post.go()
    commands.assign_owner(cast.system, own.id, "nils@acme.example", now=post.now)
    assert post.go(HOUR) == []
    skipped = WebhookDelivery.objects.filter(state="skipped")
    assert {str(one.client_id) for one in skipped} == {own.id}
    assert not WebhookDelivery.objects.filter(client_id=others.id).exists()
