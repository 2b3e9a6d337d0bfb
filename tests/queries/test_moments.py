"""Two clocks: what was so at a moment, past or coming, and what was known of it at another."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection

from relationships import commands, projections, queries
from relationships.models.log import Ledger
from relationships.queries import ClientRow, Invalid, NotFound, StaleCursor
from tests.commands.cast import DAY, NOW, Cast, assemble

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return assemble()


@pytest.fixture
def client(cast: Cast) -> ClientRow:
    """Registered 200 days ago, met 100 days ago, told late, 50 days ago; retracted ten days ago; met five days ago."""
    client = cast.client(now=NOW - 200 * DAY)
    held = cast.record(client, "meeting_held", NOW - 100 * DAY, now=NOW - 50 * DAY, mode="in_person")
    commands.retract_event(
        cast.system, client.id, held.event.event_id, reason="Another firm", if_match=2, now=NOW - 10 * DAY
    )
    cast.record(client, "meeting_held", NOW - 5 * DAY, now=NOW - 5 * DAY, mode="in_person")
    return client


# (days ago that are asked about, days ago that it was known; None: now) → where it stood
TWO_CLOCKS = {
    (0, None): "met",
    (0, 20): "met",  # what was known then, on to now: met 100 days ago
    (0, 60): "found",
    (0, 7): "found",  # retracted, and not met again yet
    (7, None): "found",
    (70, None): "found",
    (70, 20): "met",
    (70, 60): "found",
    (-500, None): "found",
    (-300, None): "met",
}


def test_stage_pipeline_and_timeline_agree_at_any_two_moments(cast: Cast, client: ClientRow) -> None:
    for (days_ago, known_days_ago), stage in TWO_CLOCKS.items():
        moment = NOW - days_ago * DAY
        known = None if known_days_ago is None else NOW - known_days_ago * DAY
        answer = queries.stage(cast.system, client.id, now=NOW, as_of=moment, known_at=known)
        assert (answer.stage, answer.as_of, answer.known_at) == (stage, moment, known or NOW)
        pipeline = queries.pipeline(cast.system, now=NOW, as_of=moment, known_at=known)
        assert {one.stage for one in pipeline.stages if one.clients} == {stage}
        assert pipeline.position == answer.position
        periods = queries.timeline(cast.system, client.id, now=NOW, as_of=moment, known_at=known).data
        [there] = [p for p in periods if p.begins_at <= moment and (p.ends_at is None or moment < p.ends_at)]
        assert (there.stage, there.health) == (stage, answer.health)
        assert all(before.ends_at == after.begins_at for before, after in pairwise(periods))
        assert periods[-1].ends_at is None


def test_before_the_first_event_and_before_anything_was_known_nothing_is_found(cast: Cast, client: ClientRow) -> None:
    asks: list[dict[str, Any]] = [{"as_of": NOW - 201 * DAY}, {"known_at": NOW - 201 * DAY}]
    for ask in asks:
        for query in (queries.stage, queries.timeline, queries.strength, queries.gaps):
            with pytest.raises(NotFound):
                query(cast.system, client.id, now=NOW, **ask)
        assert queries.pipeline(cast.system, now=NOW, **ask).total == 0


def test_nobody_knows_the_future(cast: Cast, client: ClientRow) -> None:
    for query in (
        lambda **known: queries.stage(cast.system, client.id, now=NOW, **known),
        lambda **known: queries.pipeline(cast.system, now=NOW, **known),
        lambda **known: queries.movements(cast.system, now=NOW, start=NOW - DAY, **known),
    ):
        with pytest.raises(Invalid) as refusal:
            query(known_at=NOW + timedelta(seconds=1))
        assert refusal.value.errors[0].pointer == "known_at"


def test_strength_terms_add_up_at_every_moment(cast: Cast, client: ClientRow) -> None:
    for moment in (NOW, NOW - DAY, NOW + 100 * DAY):
        answer = queries.strength(cast.system, client.id, now=NOW, as_of=moment)
        assert answer.sum is not None
        assert answer.strength is not None
        assert sum(term.points for term in answer.terms) == pytest.approx(answer.sum)
    unknown = queries.strength(cast.system, client.id, now=NOW, as_of=NOW - 150 * DAY)
    assert (unknown.strength, unknown.sum, unknown.band, unknown.terms) == (None, None, "unknown", ())


def test_known_at_is_what_a_reader_was_told_then(cast: Cast) -> None:
    """Every answer given on the way is given again when asked for by `known_at`."""
    client = cast.client(now=NOW - 100 * DAY)
    told: list[tuple[datetime, Any]] = []
    acts: list[tuple[int, int, str, dict[str, Any]]] = [
        (90, 90, "question_asked", {}),
        (80, 89, "question_answered", {}),
        (70, 75, "meeting_held", {"mode": "in_person"}),
        (60, 72, "message_sent", {"direction": "inbound"}),
        (20, 20, "meeting_held", {"mode": "video"}),
    ]
    for told_ago, ago, type, data in acts:
        now = NOW - told_ago * DAY
        cast.record(client, type, NOW - ago * DAY, now=now, **data)
        now += timedelta(hours=1)
        told.append((now, _told(queries.stage(cast.system, client.id, now=now))))
    for moment, answer in told:
        again = queries.stage(cast.system, client.id, now=NOW, as_of=moment, known_at=moment)
        assert _told(again) == answer


def _told(answer: Any) -> tuple[Any, ...]:
    return (
        answer.stage,
        answer.since,
        answer.health,
        answer.sentence,
        answer.keeps_until,
        answer.position,
        pytest.approx(answer.strength),
        pytest.approx(answer.velocity),
    )


class TestMovements:
    def test_they_tie_out(self, cast: Cast) -> None:
        for n in range(9):
            client = cast.client(f"Client {n}", now=NOW - (10 + 30 * (n % 3)) * DAY)
            if n % 2:
                cast.record(client, "meeting_held", NOW - (n + 1) * 3 * DAY, mode="in_person")
            if n % 4 == 3:
                cast.record(client, "relationship_ended", NOW - DAY)
        later = NOW + timedelta(minutes=1)
        for known_at in (None, later):
            found = queries.movements(cast.system, now=later, start=NOW - 20 * DAY, known_at=known_at)
            for stage in found.stages:
                assert stage.opening + stage.in_ - stage.out == stage.closing
                moves = [m for m in found.matrix if stage.stage in (m.from_, m.to)]
                assert stage.in_ == sum(m.clients for m in moves if m.to == stage.stage)
                assert stage.out == sum(m.clients for m in moves if m.from_ == stage.stage)
            assert sum(stage.closing for stage in found.stages) == 9
            assert len(found.moved) == sum(move.clients for move in found.matrix)
            assert any(move.from_ is None for move in found.matrix)
            assert {"ended"} <= {move.to for move in found.matrix}

    def test_known_at_now_says_the_same_as_the_tables(self, cast: Cast, client: ClientRow) -> None:
        tables = queries.movements(cast.system, now=NOW, start=NOW - 50 * DAY)
        folded = queries.movements(cast.system, now=NOW, start=NOW - 50 * DAY, known_at=NOW)
        assert (tables.stages, tables.matrix, tables.moved) == (folded.stages, folded.matrix, folded.moved)

    def test_a_span_that_ends_before_it_begins_is_refused(self, cast: Cast) -> None:
        with pytest.raises(Invalid):
            queries.movements(cast.system, now=NOW, start=NOW, end=NOW - DAY)


def test_what_falls_is_told_with_its_reason(cast: Cast, client: ClientRow) -> None:
    falls = queries.falling(cast.system, now=NOW, within_days=500)
    assert [(fall.kind, fall.before, fall.after) for fall in falls] == [
        ("health", "active", "cooling"),
        ("stage", "met", "found"),
    ]
    assert falls[1].reason == "you had not met for long"
    assert falls[1].because[0].type == "meeting_held"
    assert queries.falling(cast.system, now=NOW, within_days=10) == ()


def test_a_quiet_portfolio_looks_the_same_after_a_rebuild(cast: Cast, client: ClientRow) -> None:
    before = queries.timelines(cast.system, now=NOW)
    projections.rebuild(cast.ledger_id, now=NOW)
    assert queries.timelines(cast.system, now=NOW).rows == before.rows


class TestFeed:
    def test_pages_go_on_where_they_ended_and_the_last_cursor_keeps_working(
        self, cast: Cast, client: ClientRow
    ) -> None:
        page = queries.feed(cast.system, limit=3)
        assert [row.position for row in page.rows] == [1, 2, 3]
        assert page.has_more
        rest = queries.feed(cast.system, after=page.next_cursor)
        assert [row.position for row in rest.rows] == [4]
        assert not rest.has_more
        assert queries.feed(cast.system, after=rest.next_cursor).rows == ()
        assert queries.head(cast.system).cursor == rest.next_cursor
        cast.record(client, "note_added", NOW, text="More")
        assert [row.position for row in queries.feed(cast.system, after=rest.next_cursor).rows] == [5]

    def test_a_cursor_ahead_of_a_restored_log_is_told_so(self, cast: Cast, client: ClientRow) -> None:
        ahead = queries.head(cast.system).cursor
        Ledger.objects.filter(pk=cast.ledger_id).update(epoch=2)
        assert queries.feed(cast.system, after=ahead).rows == (), "what it had read is still there"
        from relationships.queries import cursors

        with pytest.raises(StaleCursor):
            queries.feed(cast.system, after=cursors.write("feed1", [1, cast.ledger_id, 99]))
        mine = cast.ledger_id
        for forged in ([2, mine, 99], [3, mine, 1], [1, mine + 1, 1], [2, mine, -1]):
            with pytest.raises(Invalid):
                queries.feed(cast.system, after=cursors.write("feed1", forged))


class TestClientEvents:
    def test_newest_first_with_filters_and_pages(self, cast: Cast, client: ClientRow) -> None:
        events = queries.client_events(cast.system, client.id).rows
        assert [event.version for event in events] == [4, 3, 2, 1]
        assert events[1].supersedes == events[2].event_id
        assert events[2].superseded_by == events[1].event_id
        assert events[1].data["reason"] == "Another firm"
        held = queries.client_events(cast.system, client.id, type="meeting_held", until=NOW - 50 * DAY)
        assert [event.version for event in held.rows] == [2]
        for sort in ("version", "-version", "occurred_at", "-occurred_at"):
            whole = [e.version for e in queries.client_events(cast.system, client.id, sort=sort).rows]
            page = queries.client_events(cast.system, client.id, sort=sort, limit=3)
            rest = queries.client_events(cast.system, client.id, sort=sort, limit=3, cursor=page.next)
            assert [e.version for e in (*page.rows, *rest.rows)] == whole
            again = queries.client_events(cast.system, client.id, sort=sort, limit=3, cursor=rest.previous)
            assert again.rows == page.rows

    def test_direction_and_channel(self, cast: Cast, client: ClientRow) -> None:
        cast.record(client, "message_sent", NOW, direction="inbound", channel="email")
        assert len(queries.client_events(cast.system, client.id, direction="inbound", channel="email").rows) == 1
        assert not queries.client_events(cast.system, client.id, direction="inbound", channel="phone").rows


class TestQuestions:
    def test_they_are_open_late_missed_lapsed_or_answered(self, cast: Cast, client: ClientRow) -> None:
        cast.record(client, "question_asked", NOW - 4 * DAY, thread="a")  # a Thursday: due on Friday
        [row] = queries.questions(cast.system, now=NOW).rows
        states = {}
        for days in (0, 1, 30, 100):
            [now_row] = queries.questions(cast.system, now=NOW + days * DAY, state=None).rows
            states[days] = now_row.state
        assert states == {0: "overdue", 1: "overdue", 30: "missed", 100: "lapsed"}
        cast.record(client, "question_answered", NOW, in_reply_to=row.event_id)
        assert queries.questions(cast.system, now=NOW).rows == ()
        assert [one.state for one in queries.questions(cast.system, now=NOW, state="answered").rows] == ["answered"]


def test_movements_do_not_go_through_all_clients_for_each_where_statistics_are_missing(cast: Cast) -> None:
    cast.client(now=NOW - 100 * DAY)
    plans: list[str] = []

    def explained(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "opening__stage" in sql:
            with context["connection"].connection.cursor() as cursor:
                plans.append("\n".join(line for (line,) in cursor.execute(f"EXPLAIN {sql}", params)))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        queries.movements(cast.system, now=NOW, start=NOW - 50 * DAY)
    assert len(plans) == 2
    # One is left: with the one row of the ledger.
    assert all(plan.count("Nested Loop") <= 1 for plan in plans), plans
