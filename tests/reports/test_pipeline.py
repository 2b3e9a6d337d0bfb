from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from relationships.domain.judgement import HEALTHS, STAGES
from relationships.queries.rows import ClientPeriods, PeriodRow
from relationships.reports.pipeline import tell
from tests.reports.samples import a_snapshot

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
WEEK = timedelta(days=7)


def a_client(number: int, begins: datetime, steps: list[tuple[str, str, int]]) -> ClientPeriods:
    """A timeline of (stage, health, days it lasts); the last one lasts for ever."""
    spans, at = [], begins
    for index, (stage, health, days) in enumerate(steps):
        ends = None if index == len(steps) - 1 else at + timedelta(days=days)
        spans.append(
            PeriodRow(
                stage=stage,
                health=health,
                begins_at=at,
                ends_at=ends,
                rule=f"{stage}.rule",
                reason="",
                because=(),
            )
        )
        at += timedelta(days=days)
    return ClientPeriods(client_id=f"c{number}", name=f"Client {number}", owner=None, periods=tuple(spans))


STEPS = st.lists(st.tuples(st.sampled_from(STAGES), st.sampled_from(HEALTHS), st.integers(1, 40)), min_size=1)
BEGINNINGS = st.datetimes(datetime(2026, 8, 1), datetime(2026, 12, 1), timezones=st.just(UTC))
PORTFOLIOS = st.lists(st.tuples(BEGINNINGS, STEPS), max_size=12).map(
    lambda drawn: [a_client(number, *one) for number, one in enumerate(drawn)]
)


@given(PORTFOLIOS, st.integers(0, 60))
def test_whatever_the_timelines_the_report_ties_out(portfolio: list[ClientPeriods], days: int) -> None:
    since = NOW - timedelta(days=days)
    told = tell(portfolio, since=since, as_of=NOW, causes={})
    snapshot = a_snapshot(clients=told.lines, moves=told.moves, risks=told.risks, since=since, as_of=NOW).check()
    opening = Counter(
        span.stage
        for client in portfolio
        for span in client.periods
        if span.begins_at <= since and (span.ends_at is None or since < span.ends_at)
    )
    assert {one.stage: one.opening for one in snapshot.stock()} == {stage: opening[stage] for stage in STAGES}


@given(PORTFOLIOS)
def test_two_reports_in_a_row_hand_over_closing_as_opening(portfolio: list[ClientPeriods]) -> None:
    first = tell(portfolio, since=NOW - WEEK, as_of=NOW, causes={})
    second = tell(portfolio, since=NOW, as_of=NOW + WEEK, causes={})
    closing = {line.id: line.stage for line in first.lines}
    opening = {line.id: line.opening for line in second.lines if line.opening}
    assert closing == opening


@given(PORTFOLIOS)
def test_every_risk_is_for_the_worse_and_lies_within_its_days(portfolio: list[ClientPeriods]) -> None:
    for risk in tell(portfolio, since=NOW - WEEK, as_of=NOW, causes={}).risks:
        order, days = (STAGES, 30) if risk.kind == "stage" else (HEALTHS, 7)
        assert NOW < risk.at <= NOW + timedelta(days=days)
        assert (order.index(risk.after) < order.index(risk.before)) == (risk.kind == "stage")


def test_a_client_that_rose_and_fell_back_within_the_span_did_not_move() -> None:
    client = a_client(
        1, NOW - 4 * WEEK, [("helped", "active", 22), ("conversing", "active", 2), ("helped", "active", 9)]
    )
    told = tell([client], since=NOW - WEEK, as_of=NOW, causes={})
    assert told.moves == ()
    assert told.lines[0].opening == told.lines[0].stage == "helped"


def test_a_move_is_told_by_the_last_change_of_stage_not_of_health() -> None:
    client = a_client(1, NOW - 4 * WEEK, [("helped", "active", 23), ("met", "active", 2), ("met", "cooling", 9)])
    move = tell([client], since=NOW - WEEK, as_of=NOW, causes={}).moves[0]
    assert (move.before, move.after, move.rule) == ("helped", "met", "met.rule")
    assert move.at == NOW - 4 * WEEK + timedelta(days=23)


def test_a_client_that_came_in_has_no_opening_and_one_yet_to_come_is_not_listed() -> None:
    came = a_client(1, NOW - timedelta(days=2), [("found", "new", 1)])
    later = a_client(2, NOW + timedelta(days=2), [("found", "new", 1)])
    told = tell([came, later], since=NOW - WEEK, as_of=NOW, causes={})
    assert [(move.before, move.after) for move in told.moves] == [(None, "found")]
    assert [line.id for line in told.lines] == ["c1"]


def test_a_change_at_the_very_end_of_one_span_belongs_to_it_and_not_to_the_next() -> None:
    client = a_client(1, NOW - WEEK * 2, [("found", "new", 14), ("helped", "active", 9)])
    assert len(tell([client], since=NOW - WEEK, as_of=NOW, causes={}).moves) == 1
    assert tell([client], since=NOW, as_of=NOW + WEEK, causes={}).moves == ()


def test_a_fall_of_stage_is_told_before_a_fading_health_of_the_same_client() -> None:
    client = a_client(1, NOW - WEEK, [("met", "active", 10), ("met", "cooling", 10), ("helped", "cooling", 1)])
    risks = tell([client], since=NOW - WEEK, as_of=NOW, causes={}).risks
    assert [(risk.kind, risk.before, risk.after) for risk in risks] == [("stage", "met", "helped")]


def test_a_health_that_fades_within_the_week_is_told_and_a_later_one_is_not() -> None:
    soon = a_client(1, NOW - WEEK, [("met", "active", 13), ("met", "cooling", 1)])
    later = a_client(2, NOW - WEEK, [("met", "active", 15), ("met", "cooling", 1)])
    risks = tell([soon, later], since=NOW - WEEK, as_of=NOW, causes={}).risks
    assert [(risk.client_id, risk.kind, risk.after) for risk in risks] == [("c1", "health", "cooling")]
