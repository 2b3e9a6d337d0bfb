"""A client is projected right after its append; what fails or falls behind is shown, and harms nobody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from relationships import commands, projections, queries
from relationships.domain.fold import Fold
from relationships.models.projections import ClientState, Generation, Quarantine, StagePeriod
from relationships.projections import projecting
from relationships.queries import ClientRow
from tests.commands.cast import DAY, NOW, Cast, assemble

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return assemble()


def met(cast: Cast, client: ClientRow, days_ago: int, **stated: Any) -> str:
    at = NOW - days_ago * DAY
    return cast.record(client, "meeting_held", at, now=at, mode="in_person", **stated).event.event_id


def test_an_append_is_told_at_once(cast: Cast) -> None:
    client = cast.client(now=NOW - 100 * DAY)
    met(cast, client, 10)
    row = queries.client(cast.system, client.id, now=NOW)
    assert (row.stage, row.health, row.settled) == ("met", "active", True)


def test_an_append_touches_only_the_tail_of_what_is_told(cast: Cast) -> None:
    client = cast.client(now=NOW - 900 * DAY)
    for days_ago in range(880, 400, -20):
        met(cast, client, days_ago)
    told = set(StagePeriod.objects.values_list("pk", flat=True))
    with CaptureQueriesContext(connection) as first:
        met(cast, client, 300)
    assert len(told & set(StagePeriod.objects.values_list("pk", flat=True))) >= len(told) - 6
    with CaptureQueriesContext(connection) as second:
        met(cast, client, 299)
    assert len(second) <= len(first)


def test_a_client_that_cannot_be_folded_is_quarantined_alone(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    ill, well = cast.client("Ill", now=NOW - 100 * DAY), cast.client("Well", now=NOW - 100 * DAY)
    met(cast, ill, 50)
    take = Fold.take

    def stumble(self: Fold, facts: Any, **options: Any) -> None:
        if any(fact.data.get("name") == "stone" for fact in facts):
            raise ZeroDivisionError("stumbled")
        take(self, facts, **options)

    monkeypatch.setattr(Fold, "take", stumble)
    cast.record(ill, "project_started", NOW - 5 * DAY, name="stone")
    met(cast, well, 4)

    [quarantined] = queries.quarantined(cast.system)
    assert (quarantined.client_id, quarantined.reason) == (ill.id, "ZeroDivisionError: stumbled")
    answer = queries.stage(cast.system, ill.id, now=NOW)
    assert (answer.stage, answer.settled) == ("met", False), "the last good answer, and it says so"
    assert queries.stage(cast.system, ill.id, now=NOW, as_of=NOW - 20 * DAY).stage == "met"
    assert queries.stage(cast.system, well.id, now=NOW).settled
    assert not queries.pipeline(cast.system, now=NOW).settled
    assert projections.sweep(NOW) == 1
    assert projections.sweep(NOW) == 0, "it is not tried again without new events"

    monkeypatch.setattr(Fold, "take", take)
    met(cast, ill, 1)
    assert not queries.quarantined(cast.system)
    assert queries.stage(cast.system, ill.id, now=NOW).settled


def test_readers_fold_live_what_is_behind_and_the_sweep_repairs_it(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    client, other = cast.client(now=NOW - 100 * DAY), cast.client("Other", now=NOW - 100 * DAY)
    with monkeypatch.context() as patch:
        patch.setattr(projections, "project", lambda *_, **__: None)
        met(cast, client, 10)
    for answer in (
        queries.stage(cast.system, client.id, now=NOW),
        queries.client(cast.system, client.id, now=NOW),
    ):
        assert (answer.stage, answer.settled) == ("met", False)
    assert queries.client(cast.system, other.id, now=NOW).settled
    pipeline = queries.pipeline(cast.system, now=NOW)
    assert {stage.stage: stage.clients for stage in pipeline.stages if stage.clients} == {"found": 1, "met": 1}
    assert not pipeline.settled
    moves = queries.movements(cast.system, now=NOW, start=NOW - 50 * DAY)
    assert [(move.from_, move.to, move.clients) for move in moves.matrix] == [("found", "met", 1)]
    assert moves.moved[0].at == NOW - 10 * DAY

    assert projections.sweep(NOW) == 1
    assert queries.stage(cast.system, client.id, now=NOW).settled
    assert Generation.objects.get(state="live").settled_position == 3


def test_a_fold_that_nobody_has_noticed_to_fail_does_not_break_readers(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = cast.client(now=NOW - 100 * DAY)
    met(cast, client, 20)
    with monkeypatch.context() as patch:
        patch.setattr(projections, "project", lambda *_, **__: None)
        cast.record(client, "project_started", NOW - 5 * DAY, name="stone")
    take = Fold.take

    def stumble(self: Fold, facts: Any, **options: Any) -> None:
        if any(fact.data.get("name") == "stone" for fact in facts):
            raise ZeroDivisionError("stumbled")
        take(self, facts, **options)

    monkeypatch.setattr(Fold, "take", stumble)
    assert queries.stage(cast.system, client.id, now=NOW).stage == "met"
    assert not queries.clients(cast.system, now=NOW).rows[0].settled
    assert not queries.pipeline(cast.system, now=NOW).settled


def test_a_database_that_fails_loses_no_facts(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    client = cast.client(now=NOW - 100 * DAY)

    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(projecting, "project_into", fail)
        met(cast, client, 10)
    assert queries.client(cast.system, client.id, now=NOW).version == 2


class TestRevisions:
    def test_a_correction_leaves_before_after_and_cause(self, cast: Cast) -> None:
        client = cast.client(now=NOW - 100 * DAY)
        held = met(cast, client, 50)
        commands.retract_event(cast.system, client.id, held, reason="Wrong client", if_match=2, now=NOW)
        [revision] = queries.revisions(cast.system, since=NOW - DAY, until=NOW + DAY)
        assert revision.from_at == NOW - 50 * DAY
        assert [period["stage"] for period in revision.before][:1] == ["met"]
        assert {period["stage"] for period in revision.after} == {"found"}
        assert len(revision.cause) == 1

    def test_a_late_event_leaves_one(self, cast: Cast) -> None:
        client = cast.client(now=NOW - 100 * DAY)
        met(cast, client, 10)
        cast.record(client, "meeting_held", NOW - 60 * DAY, now=NOW, mode="in_person")
        [revision] = queries.revisions(cast.system, since=NOW - DAY, until=NOW + DAY)
        assert revision.from_at == NOW - 60 * DAY

    def test_an_event_told_within_the_day_leaves_none(self, cast: Cast) -> None:
        client = cast.client(now=NOW - 100 * DAY)
        cast.record(client, "meeting_held", NOW - timedelta(hours=5), now=NOW, mode="in_person")
        assert not queries.revisions(cast.system, since=NOW - DAY, until=NOW + DAY)

    def test_one_that_changes_no_period_leaves_none(self, cast: Cast) -> None:
        client = cast.client(now=NOW - 100 * DAY)
        met(cast, client, 10)
        cast.record(client, "note_added", NOW - 60 * DAY, now=NOW, text="They liked the place")
        assert not queries.revisions(cast.system, since=NOW - DAY, until=NOW + DAY)


class TestMemory:
    def test_a_reply_to_something_long_forgotten_is_folded_from_the_whole_history(
        self, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("relationships.domain.saved.REPLIES_REMEMBERED", 2)
        client = cast.client(now=NOW - 100 * DAY)
        for days_ago in range(60, 40, -1):
            cast.record(
                client,
                "message_sent",
                NOW - days_ago * DAY,
                now=NOW - days_ago * DAY,
                direction="inbound",
                channel="email",
                source="mail",
                external_id=f"m{days_ago}",
            )
        state = ClientState.objects.get(client_id=client.id)
        for target in ("m60", "never-seen"):
            appended = cast.record(
                client,
                "reply_posted",
                NOW - 30 * DAY + timedelta(minutes=len(target)),
                direction="outbound",
                in_reply_to=target,
            )
        state.refresh_from_db()
        assert state.projected_version == appended.event.version
        assert not Quarantine.objects.exists()
