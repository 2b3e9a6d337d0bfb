"""The back-test: nothing leaks from after the cut, the gate holds, and strength is told from noise."""

from __future__ import annotations

import random
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from relationships import evidence
from relationships.domain.backtest import Known, Row, rows, variants
from relationships.domain.facts import Fact
from relationships.domain.instants import DAY
from relationships.domain.policy import DEFAULT_POLICY
from relationships.evidence.gathering import Gathered
from tests.commands.cast import NOW, assemble
from tests.domain.story import DAY_ZERO

POLICIES = variants(DEFAULT_POLICY)


def meeting(day: float, number: int) -> Fact:
    at = DAY_ZERO + round(day * DAY)
    return Fact(f"e{number}", number, "meeting_held", at, None, None, {"meeting_id": f"m{number}", "mode": "in_person"})


def rows_of(facts: list[Fact], end: float, client: str = "c") -> list[Row]:
    return list(rows(client, [Known(f, f.at) for f in facts], POLICIES, end=DAY_ZERO + round(end * DAY)))


def test_the_features_of_a_cut_do_not_change_with_what_comes_later() -> None:
    early = [meeting(0, 1), meeting(40, 2)]
    before = {row.cut: row for row in rows_of(early, 400)}
    after = {row.cut: row for row in rows_of([*early, meeting(80, 3)], 400)}
    cut = min(c for c in before if c > DAY_ZERO + 45 * DAY)
    same = ("recency", "frequency", "rhythms", "coverage", "strength", "weeks", "met", "last_met")
    assert [getattr(before[cut], name) for name in same] == [getattr(after[cut], name) for name in same]
    assert (before[cut].held, after[cut].held) == (False, True)


def test_a_fact_known_late_is_no_feature_before_it_was_known() -> None:
    late = Known(meeting(40, 2), DAY_ZERO + 100 * DAY)
    found = rows("c", [Known(meeting(0, 1), DAY_ZERO), late], POLICIES, end=DAY_ZERO + 400 * DAY)
    recency = {row.cut: row.recency for row in found}
    assert all(
        (days == (cut - DAY_ZERO) / DAY) == (cut < late.known_at) for cut, days in recency.items() if cut > DAY_ZERO
    )


def test_rows_whose_end_nobody_knows_are_left_out() -> None:
    assert max(row.cut for row in rows_of([meeting(0, 1)], 200)) <= DAY_ZERO + (200 - 90) * DAY
    assert rows_of([meeting(0, 1)], 80) == []


def test_the_label_is_a_meeting_within_the_usual_time_between_meetings() -> None:
    held = {row.cut: row.held for row in rows_of([meeting(0, 1), meeting(100, 2)], 400)}
    for cut, label in held.items():
        assert label == (cut <= DAY_ZERO + 100 * DAY < cut + 90 * DAY)


def gathered(found: list[Row]) -> Gathered:
    return Gathered(DEFAULT_POLICY, found, 1, 0, 1, DAY_ZERO, DAY_ZERO)


def test_too_little_history_is_refused_with_its_reason() -> None:
    few = evidence.judge(gathered(rows_of([meeting(day, n) for n, day in enumerate(range(0, 400, 40), 1)], 400)))
    assert few.refusal is not None
    assert "No probability is shown" in evidence.as_text(few)
    assert evidence.judge(gathered([])).refusal == "there are no rows: no history is long enough"


def test_where_meetings_follow_meetings_strength_finds_them() -> None:
    chance = random.Random(1)
    found: list[Row] = []
    for client in range(60):
        day, number, facts = chance.random() * 90, 0, []
        usual = 50 if client % 2 else 400  # who meets often goes on to
        while day < 1000:
            number += 1
            facts.append(meeting(day, number))
            day += usual * (0.6 + 0.8 * chance.random())
        found += rows_of(facts, 1000, f"c{client}")
    result = evidence.judge(gathered(found))
    strength, base = result.outcome("strength"), result.outcome("base_rate")
    assert strength is not None
    assert base is not None
    assert strength.auc.low > 0.7 > base.auc.value
    assert strength.skill > 0.2
    assert strength.auc.low <= strength.auc.value <= strength.auc.high
    assert {outcome.name for outcome in result.outcomes} >= {"bg_bb", "recency", "without_beta", "silence_in_rhythms"}


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, *args: Any, **how: Any) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("builtins.__import__", missing)
    with pytest.raises(evidence.LibrariesMissing, match=r"requirements-evidence\.txt"):
        evidence.judge(gathered([]))


@pytest.mark.django_db
def test_the_command_tells_of_the_log_that_is_there() -> None:
    cast = assemble()
    client = cast.client("Brightwater", now=NOW - timedelta(days=400))
    for days in range(390, 0, -30):
        cast.record(client, "meeting_held", NOW - timedelta(days=days), mode="in_person")
    told = StringIO()
    call_command("backtest", organisation=cast.organisation.slug, stdout=told)
    assert told.getvalue().startswith("Back-test of policy 1\n")
    with pytest.raises(CommandError, match="There is no policy 7"):
        call_command("backtest", organisation=cast.organisation.slug, policy=7)
