"""Nothing leaks from after the cut: oracles on invented logs, and the same on a real one."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from relationships import evidence
from relationships.domain.backtest import WEEK, Known, Row
from relationships.domain.facts import Fact, amended, effective
from relationships.domain.fold import Fold
from relationships.domain.instants import DAY
from relationships.domain.policy import DEFAULT_POLICY
from relationships.domain.strength import strength_of
from tests.commands.cast import NOW, Cast, assemble
from tests.domain.story import DAY_ZERO, instant

from .invented import a_messy_log, imported, live, meeting, message, rows_of

FEATURES = [name for name in Row._fields if name != "next_at"]
END = 900
SEEDS = range(5)


def features(row: Row) -> dict[str, object]:
    return {name: getattr(row, name) for name in FEATURES}


def a_live_log(seed: int) -> list[Known]:
    """Most is recorded at once, some weeks late, amendments when they are made."""
    chance = random.Random(seed)
    known: dict[str, Known] = {}
    for fact in a_messy_log(chance, 60):
        late = 0.0 if chance.random() < 0.6 else chance.random() * 90
        recorded_at = fact.at + round(late * DAY)
        if fact.type.startswith("event_"):  # nobody corrects what the log does not hold
            recorded_at = max(recorded_at, known[fact.data["event_id"]].recorded_at)
        known[fact.event_id] = Known(fact, recorded_at, fact.at, fact.at)
    begun = Known(message(0, 0), instant(0), instant(0), instant(0))
    return [begun, *known.values()]


@pytest.mark.parametrize("seed", SEEDS)
def test_features_are_those_of_a_log_that_ends_at_the_cut(seed: int) -> None:
    known = a_live_log(seed)
    found = rows_of(known, END)
    assert len(found) > 50
    for cut, row in list(found.items())[::9]:
        then = [entry for entry in known if entry.recorded_at <= cut]
        assert features(rows_of(then, END)[cut]) == pytest.approx(features(row)), cut


@pytest.mark.parametrize("seed", SEEDS)
def test_reconstructed_features_are_those_of_what_was_over_at_the_cut(seed: int) -> None:
    chance = random.Random(seed)
    known = [
        imported(fact, over=chance.choice((0, 0, 1, 31)), told=chance.choice((0, 0, 10)))
        for fact in a_messy_log(chance, 60)
    ]
    standing = {fact.event_id: fact for fact in amended(entry.fact for entry in known)}
    told_at = {
        entry.fact.event_id: entry.told_at + standing[entry.fact.event_id].at - entry.fact.at
        for entry in known
        if entry.fact.event_id in standing
    }
    found = rows_of(known, END)
    for cut, row in list(found.items())[::9]:
        assert row.reconstructed
        # Corrections and retractions are of today: they say what was so then.
        then = [entry for entry in known if told_at.get(entry.fact.event_id, cut) <= cut]
        assert features(rows_of(then, END)[cut]) == pytest.approx(features(row)), cut


@pytest.mark.parametrize("seed", SEEDS)
def test_moving_what_comes_after_a_cut_changes_no_feature_of_it(seed: int) -> None:
    chance = random.Random(seed)
    plain = [fact for fact in a_messy_log(chance, 80) if not fact.type.startswith("event_")]
    cut = instant(350) // WEEK * WEEK
    before = rows_of([live(message(0, 0)), *(live(fact) for fact in plain)], END)
    moved = [fact if fact.at <= cut else fact._replace(at=fact.at + 40 * DAY) for fact in plain]
    after = rows_of([live(message(0, 0)), *(live(fact) for fact in moved)], END)
    for each in (c for c in before if c <= cut):
        assert features(after[each]) == features(before[each])


@pytest.mark.parametrize("seed", SEEDS)
def test_strength_and_its_ablations_are_those_of_whole_folds(seed: int) -> None:
    known = a_live_log(seed)
    policies = {
        "strength": DEFAULT_POLICY,
        "without_beta": replace(DEFAULT_POLICY, beta=0.0),
        "without_gamma": replace(DEFAULT_POLICY, gamma=0.0),
        "without_reciprocity": replace(DEFAULT_POLICY, reciprocity_minimum=10**9, reciprocity_unknown=1.0),
    }
    for cut, row in list(rows_of(known, END).items())[::7]:
        facts = effective(entry.fact for entry in known if entry.recorded_at <= cut)
        for name, policy in policies.items():
            fold = Fold(policy)
            fold.take(facts)
            assert getattr(row, name) == pytest.approx(strength_of(fold.total(cut), policy.scale) / 100), name


def test_a_meeting_is_never_both_known_and_yet_to_come() -> None:
    """Cuts lie at midnight UTC, where events given by day lie as well."""
    cut = instant(35) // WEEK * WEEK
    on_the_cut = Fact("e2", 2, "meeting_held", cut, None, None, {"meeting_id": "m2", "mode": "in_person"})
    by_instant = rows_of([imported(meeting(0, 1)), imported(on_the_cut)], 400)[cut]
    assert (by_instant.recency, by_instant.next_at) == (0, -1)  # at an instant with events the events come first
    by_day = rows_of([imported(meeting(0, 1)), imported(on_the_cut, over=1)], 400)[cut]
    assert by_day.recency > 7
    assert by_day.next_at == cut
    early = on_the_cut._replace(at=cut - DAY // 12)  # the day of the cut in Brussels
    assert rows_of([imported(meeting(0, 1)), imported(early, over=1)], 400)[cut].recency > 7
    assert rows_of([imported(meeting(0, 1)), imported(early, over=1)], 400)[cut].next_at == early.at


def test_a_usual_delay_keeps_the_latest_from_being_known() -> None:
    known = [imported(meeting(0, 1)), imported(meeting(40, 2), told=30)]
    for cut, row in rows_of(known, 400).items():
        assert (row.recency == (cut - DAY_ZERO) / DAY) == (cut < instant(70))
        assert (row.next_at == instant(40)) == (cut < instant(40))  # over and not yet told: neither


def test_a_meeting_recorded_late_is_neither_known_nor_to_come_in_between() -> None:
    known = [live(meeting(0, 1)), live(meeting(40, 2), recorded=100)]
    for cut, row in rows_of(known, 400).items():
        assert (row.recency == (cut - DAY_ZERO) / DAY) == (cut < instant(100))
        assert (row.next_at == instant(40)) == (cut < instant(40) <= cut + row.horizon)


def test_what_a_client_is_met_with_before_its_log_began_is_reconstructed() -> None:
    history = [Known(meeting(day, day + 1), instant(200), instant(day), instant(day)) for day in (0, 50, 100)]
    late = Known(meeting(230, 300), instant(300), instant(230), instant(230))
    found = rows_of([*history, late], 700)
    assert {cut < instant(200) for cut, row in found.items() if row.reconstructed} == {True}
    assert {cut < instant(200) for cut, row in found.items() if not row.reconstructed} == {False}
    # Once the log is kept, what is recorded late is known late, although the history before was imported.
    between = [row for cut, row in found.items() if instant(231) < cut < instant(300)]
    assert all(row.recency > 120 for row in between)


# ---------------------------------------------------------------------- the same on a real log

EARLY = NOW - timedelta(days=400)


def columns(cast: Cast) -> list[dict[str, float]]:
    found = evidence.gather(cast.ledger_id, DEFAULT_POLICY)
    names = found.rows.columns
    return [{name: column[n] for name, column in names.items()} for n in range(len(found.rows))]


@pytest.mark.django_db
def test_on_the_log_a_meeting_recorded_late_is_not_known_at_the_cut() -> None:
    cast = assemble()
    client = cast.client("Brightwater", now=EARLY)
    cast.record(client, "meeting_held", EARLY, now=EARLY, mode="in_person")
    held, told = EARLY + timedelta(days=50), EARLY + timedelta(days=90)
    cast.record(client, "meeting_held", held, now=told, mode="in_person")
    cast.record(client, "meeting_held", NOW, now=NOW, mode="in_person")
    found = columns(cast)
    assert found
    for row in found:
        cut = datetime.fromtimestamp(row["cut"] / 1e6, UTC)
        since = EARLY if cut < told else held
        assert row["recency"] == pytest.approx((cut - since) / timedelta(days=1))
        assert not row["reconstructed"]


@pytest.mark.django_db
def test_on_the_log_an_imported_history_is_reconstructed_and_a_correction_of_today_ends_nothing() -> None:
    cast = assemble()
    client = cast.client("Brightwater", now=NOW)
    facts = [
        cast.record(client, "meeting_held", EARLY + timedelta(days=days), mode="in_person", precision="day")
        for days in range(0, 200, 40)
    ]
    before = columns(cast)
    assert before
    assert all(row["reconstructed"] for row in before)
    cast.record(client, "event_retracted", NOW, event_id=facts[-1].event.event_id, reason="never was", if_match=6)
    after = evidence.gather(cast.ledger_id, DEFAULT_POLICY)
    assert after.ends_at is not None
    assert after.ends_at < (NOW - timedelta(days=200)).timestamp() * 1e6  # silence since is nobody's knowledge


@pytest.mark.django_db
def test_a_source_that_reports_within_days_has_a_usual_delay() -> None:
    cast = assemble()
    client = cast.client("Brightwater", now=EARLY)
    for number in range(25):
        at = EARLY + timedelta(days=7 * number)
        cast.record(
            client, "meeting_held", at, now=at + timedelta(days=2), mode="video", source="crm", external_id=str(number)
        )
    assert evidence.gather(cast.ledger_id, DEFAULT_POLICY).delays == {"crm": 2 * DAY}
