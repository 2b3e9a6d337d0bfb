"""What holds for every history: order, duplicates, contiguity, sums, and going on from saved state."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relationships.domain.actions import actions
from relationships.domain.facts import Fact, effective
from relationships.domain.fold import Fold, timeline
from relationships.domain.history import NeedsHistory
from relationships.domain.instants import DAY, HOUR, SECOND
from relationships.domain.policy import DEFAULT_POLICY, Policy

from .story import DAY_ZERO

PEOPLE = ("ann", "bob", "cem")
SPOKEN = ("message_sent", "question_asked", "question_answered", "idea_shared", "idea_discussed", "reply_posted")


@st.composite
def payloads(draw: st.DrawFn, number: int) -> tuple[str, dict[str, Any]]:
    kind = draw(
        st.sampled_from(
            (
                *SPOKEN,
                *SPOKEN,
                "reaction_added",
                "call_held",
                "meeting_held",
                "meeting_held",
                "meeting_held",
                "meeting_scheduled",
                "meeting_answered",
                "meeting_missed",
                "meeting_outcome_noted",
                "commitment_broken",
                "commitment_kept",
                "project_started",
                "project_succeeded",
                "advocacy_given",
                "contact_left",
                "tier_changed",
                "relationship_ended",
                "relationship_reopened",
                "note_added",
            )
        )
    )
    meeting = {"meeting_id": f"m{draw(st.integers(0, 6))}"}
    if kind in ("meeting_held",):
        return kind, {
            **meeting,
            "mode": draw(st.sampled_from(("in_person", "in_person", "video"))),
            "contacts": draw(st.lists(st.sampled_from(PEOPLE), unique=True)),
            "our_people": ["us"],
        }
    if kind == "meeting_scheduled":
        return kind, {**meeting, "starts_at": f"2026-{draw(st.integers(1, 12)):02}-10T09:00:00Z"}
    if kind == "meeting_answered":
        return kind, {**meeting, "answer": draw(st.sampled_from(("accepted", "declined")))}
    if kind == "meeting_missed":
        return kind, meeting
    if kind == "meeting_outcome_noted":
        return kind, {**meeting, "outcome": draw(st.sampled_from(("decision", "information", "none")))}
    if kind.startswith("project"):
        return kind, {"name": "P"}
    if kind == "contact_left":
        return kind, {"contact_id": draw(st.sampled_from(PEOPLE))}
    if kind == "tier_changed":
        return kind, {"tier": draw(st.sampled_from(("key", "standard", "light")))}
    if kind in ("relationship_ended", "relationship_reopened", "note_added", "commitment_broken", "commitment_kept"):
        return kind, {}
    data: dict[str, Any] = {
        "direction": "mutual" if kind == "call_held" else draw(st.sampled_from(("inbound", "outbound"))),
        "channel": draw(st.sampled_from(("email", "email", "public_thread", "broadcast"))),
        "contacts": [draw(st.sampled_from(PEOPLE))],
        "our_people": ["us"],
        "our_account": draw(st.sampled_from(("personal", "personal", "brand"))),
    }
    if number and draw(st.booleans()):
        data["in_reply_to"] = f"e{draw(st.integers(0, number - 1))}"
    return kind, data


@st.composite
def histories(draw: st.DrawFn, largest: int = 30) -> list[Fact]:
    facts = [Fact("e0", 1, "client_registered", DAY_ZERO, None, None, {"name": "A", "tier": "standard"})]
    at = DAY_ZERO
    for number in range(1, draw(st.integers(1, largest))):
        at += draw(st.sampled_from((0, HOUR, DAY // 2, 2 * DAY, 9 * DAY, 25 * DAY, 80 * DAY)))
        kind, data = draw(payloads(number))
        facts.append(Fact(f"e{number}", number + 1, kind, at, "s", f"x{number:03}", data))
    return facts


@st.composite
def amended(draw: st.DrawFn) -> list[Fact]:
    """A history some of whose facts are corrected or retracted later."""
    facts = draw(histories(25))
    plain = list(facts)
    for number in range(draw(st.integers(0, 4))):
        fact = draw(st.sampled_from(plain))
        amendment: dict[str, Any] = {"event_id": fact.event_id, "reason": "r"}
        kind = draw(st.sampled_from(("event_corrected", "event_retracted")))
        if kind == "event_corrected":
            amendment["data"] = fact.data
        version = len(facts) + 1
        facts.append(Fact(f"a{number}", version, kind, facts[-1].at + HOUR, "s", f"z{number}", amendment))
    return facts


@given(amended(), st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_arrival_order_does_not_matter(facts: list[Fact], random: Any) -> None:
    """Shuffled facts get other versions; those with natural keys fold alike. (Amendments keep theirs: last wins.)"""
    plain = [fact for fact in facts if not fact.type.startswith("event_")]
    amendments = [fact for fact in facts if fact.type.startswith("event_")]
    shuffled = list(plain)
    random.shuffle(shuffled)
    shuffled = [fact._replace(version=number + 1) for number, fact in enumerate(shuffled)]
    assert timeline([*shuffled, *amendments], DEFAULT_POLICY) == timeline(facts, DEFAULT_POLICY)


@given(histories())
@settings(max_examples=25)
def test_periods_are_contiguous_and_each_differs_from_the_one_before(facts: list[Fact]) -> None:
    periods = timeline(facts, DEFAULT_POLICY)
    assert periods[0].begins_at == facts[0].at
    assert periods[-1].ends_at is None
    for one, next_one in pairwise(periods):
        assert one.ends_at == next_one.begins_at > one.begins_at
        assert (one.stage, one.health) != (next_one.stage, next_one.health)
    assert all(len(period.because) <= 3 for period in periods)


@given(histories())
@settings(max_examples=25)
def test_no_stage_is_entered_by_time_alone(facts: list[Fact]) -> None:
    order = ("found", "helped", "conversing", "met", "bridging", "deepening", "symbiosis")
    moments = {fact.at for fact in facts}
    periods = timeline(facts, DEFAULT_POLICY)
    for one, next_one in pairwise(periods):
        if "ended" in (one.stage, next_one.stage):
            continue
        if order.index(next_one.stage) > order.index(one.stage):
            assert next_one.begins_at in moments


@given(histories(), st.integers(0, 400))
@settings(max_examples=25)
def test_the_terms_add_up(facts: list[Fact], later: int) -> None:
    fold = Fold(DEFAULT_POLICY)
    fold.take(effective(facts))
    moment = (fold.at or 0) + later * DAY
    assert sum(term.points for term in fold.terms(moment)) == pytest.approx(fold.total(moment), rel=1e-9, abs=1e-12)


def in_the_log(facts: list[Fact], known: list[Fact]) -> set[str]:
    """What may be named: every event, and the meetings of those that were taken in."""
    events = {name for fact in facts for name in (fact.event_id, fact.external_id) if name}
    return events | {str(fact.data["meeting_id"]) for fact in known if "meeting_id" in fact.data}


@given(histories(), st.data())
@settings(max_examples=40)
def test_going_on_from_saved_state_gives_what_folding_from_nothing_gives(facts: list[Fact], data: Any) -> None:
    whole = Fold(DEFAULT_POLICY)
    whole.take(effective(facts))
    told = whole.judge()
    cut = data.draw(st.sampled_from(sorted({fact.at for fact in facts})))
    before = Fold(DEFAULT_POLICY)
    # A miss of a meeting held later is no fact of the whole, but one of the part: leave these to NeedsHistory.
    known = [fact for fact in facts if fact.at <= cut]
    before.take(effective(known))
    earlier = before.judge()
    resumed = Fold.load(DEFAULT_POLICY, json.loads(json.dumps(before.dump())))
    later = effective([fact for fact in facts if fact.at > cut])
    try:
        resumed.take(later, absent=resumed.unresolved(later) - in_the_log(facts, known))
    except NeedsHistory:
        return
    fresh = resumed.judge()
    assert [p for p in earlier if p.begins_at < fresh[0].begins_at] + fresh == told
    moment = (whole.at or 0) + 7 * DAY
    assert resumed.total(moment) == pytest.approx(whole.total(moment), rel=1e-9, abs=1e-12)
    going_on, at_once = resumed.dump(), whole.dump()
    for name in ("standing", "gap", "open_questions", "early_answers"):
        assert json.dumps(going_on[name]) == json.dumps(at_once[name]), name
    assert actions(resumed, fresh) == actions(whole, told)
    assert [tie[:2] for tie in resumed.ties(moment)] == [tie[:2] for tie in whole.ties(moment)]


@pytest.mark.parametrize("again", ["meeting_scheduled", "meeting_cancelled"])
def test_a_meeting_missed_and_then_said_otherwise_needs_history_when_it_was_held(again: str) -> None:
    """Its miss counts nothing then, and the saved state has counted it."""
    meeting = {"meeting_id": "m"}
    plan = meeting | ({"starts_at": "2026-01-10T09:00:00Z"} if again == "meeting_scheduled" else {"by": "theirs"})
    facts = [
        Fact("e0", 1, "client_registered", DAY_ZERO, None, None, {"name": "A", "tier": "standard"}),
        Fact("e1", 2, "meeting_missed", DAY_ZERO + DAY, "s", "x1", meeting),
        Fact("e2", 3, again, DAY_ZERO + DAY, "s", "x2", plan),
    ]
    fold = Fold(DEFAULT_POLICY)
    fold.take(effective(facts))
    fold.judge()
    resumed = Fold.load(DEFAULT_POLICY, json.loads(json.dumps(fold.dump())))
    held = Fact("e3", 4, "meeting_held", DAY_ZERO + 2 * DAY, "s", "x3", meeting | {"mode": "in_person"})
    with pytest.raises(NeedsHistory):
        resumed.take(effective([held]))


def test_a_miss_of_a_meeting_that_was_held_leaves_saved_state_as_it_was() -> None:
    fold = Fold(DEFAULT_POLICY)
    fold.take(
        [
            Fact("e0", 1, "client_registered", DAY_ZERO, None, None, {"name": "A", "tier": "standard"}),
            Fact("e1", 2, "meeting_held", DAY_ZERO + DAY, "s", "x1", {"meeting_id": "m", "mode": "in_person"}),
        ]
    )
    told = fold.judge()
    saved = json.loads(json.dumps(fold.dump()))
    resumed = Fold.load(DEFAULT_POLICY, saved)
    resumed.take(effective([Fact("e2", 3, "meeting_missed", DAY_ZERO + 2 * DAY, "s", "x2", {"meeting_id": "m"})]))
    assert resumed.judge() == told[-len(resumed.judge()) :]
    assert json.loads(json.dumps(resumed.dump())) == saved


@given(histories())
@settings(max_examples=25)
def test_a_fact_retracted_is_as_though_it_had_never_been(facts: list[Fact]) -> None:
    gone = facts[-1]
    retraction = Fact(
        "r", 999, "event_retracted", gone.at + DAY, None, None, {"event_id": gone.event_id, "reason": "r"}
    )
    if len(facts) > 1:
        assert timeline([*facts, retraction], DEFAULT_POLICY) == timeline(facts[:-1], DEFAULT_POLICY)


def test_a_correction_moves_a_fact_in_time_and_a_later_one_keeps_what_it_does_not_state() -> None:
    fact = Fact("e1", 1, "meeting_held", DAY_ZERO, None, None, {"meeting_id": "m", "mode": "video"})
    moved = {"event_id": "e1", "reason": "r", "occurred_at": "2026-02-01T00:00:00Z"}
    other = {"event_id": "e2", "reason": "r", "data": {"meeting_id": "m", "mode": "in_person"}}
    facts = [
        fact,
        Fact("e2", 2, "event_corrected", DAY_ZERO, None, None, moved),
        Fact("e3", 3, "event_corrected", DAY_ZERO, None, None, other),
    ]
    (corrected,) = effective(facts)
    assert (corrected.event_id, corrected.version, corrected.data["mode"]) == ("e1", 1, "in_person")
    assert corrected.at == DAY_ZERO + 27 * DAY


def test_saved_state_stays_small_however_long_the_history_is() -> None:
    def size(number: int) -> int:
        facts = [
            Fact(
                f"e{n}",
                n + 1,
                "message_sent" if n % 10 else "meeting_held",
                DAY_ZERO + n * DAY,
                "s",
                f"x{n}",
                {"direction": "inbound", "channel": "email", "contacts": ["ann"], "thread": f"t{n}"}
                if n % 10
                else {"meeting_id": f"m{n}", "mode": "in_person", "contacts": ["ann"]},
            )
            for n in range(number)
        ]
        fold = Fold(DEFAULT_POLICY)
        fold.take(facts)
        return len(json.dumps(fold.dump()))

    assert size(8000) < 1.2 * size(1000)


def test_saved_state_stays_small_however_much_is_said_in_a_day() -> None:
    def size(number: int) -> int:
        data = {"direction": "inbound", "channel": "email", "contacts": ["ann"], "thread": "t"}
        fold = Fold(DEFAULT_POLICY)
        fold.take(
            [Fact(f"e{n}", n + 1, "message_sent", DAY_ZERO + n * 5 * SECOND, "s", f"x{n}", data) for n in range(number)]
        )
        return len(json.dumps(fold.dump()))

    assert size(8000) < 1.2 * size(100)


def test_a_policy_survives_its_own_json() -> None:
    assert Policy.from_dict(json.loads(json.dumps(DEFAULT_POLICY.to_dict()))) == DEFAULT_POLICY
