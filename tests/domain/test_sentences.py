"""The sentence that says why (`model.md` §4): every example reads well, and so does what nobody thought of.

The examples themselves stand in `docs/sentences.md`, read aloud; see `examples`.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relationships.domain import health
from relationships.domain.acts_in_words import act
from relationships.domain.events import EVENT_TYPES
from relationships.domain.facts import Fact, effective
from relationships.domain.fold import Fold
from relationships.domain.instants import DAY
from relationships.domain.judgement import STAGES
from relationships.domain.policy import DEFAULT_POLICY
from relationships.domain.rules_in_words import RULES, rule_in_words
from relationships.domain.sentences import Part, dates_in, explain, plain, sentence

from .examples import EXAMPLES, UTC, live_project, rows, said, told
from .story import Story, instant
from .test_fold_properties import histories
from .test_stages import bridged


def faults(words: str, client: str = "Acme") -> list[str]:
    """What a reader would stumble over."""
    found = [mark for mark in ("None", "  ", "{", "}", "_", " ,", " ;", ";;", "..", "( ", " )", "()") if mark in words]
    found += re.findall(r"\b(\w+) \1\b", words)
    found += re.findall(r"\b[aem]\d+\b", words)  # ids of facts and meetings in stories
    if not words.startswith(f"{client} ") or not words.endswith("."):
        found.append("begins or ends otherwise")
    return found


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{row[0]} {row[1]}: {row[2]}"[:60])
def test_every_example_reads_well(row: tuple[str, str, str, str]) -> None:
    assert faults(row[3]) == []


def test_the_examples_hold_every_stage_and_every_health_that_occurs_there() -> None:
    shown = {(stage, condition) for stage, condition, _, _ in rows()}
    within = {(stage, condition) for stage in STAGES[:7] for condition in ("active", "cooling", "dormant")}
    assert shown == within | {("found", "new"), ("ended", "ended")}


def test_the_examples_hold_every_rule() -> None:
    """Falls from above Bridging read like those from Bridging: one of each kind is enough."""
    shown = set()
    for _, story, day in EXAMPLES:
        fold, at = story.fold(until=day), instant(day)
        standing = fold.standing_at(at)
        shown |= {standing.stage_rule, health.reason(fold, at, standing.health)[0]}
    kinds = {rule.partition(".")[2] or rule for rule in shown}
    assert kinds == {rule.partition(".")[2] or rule for rule in RULES}


@given(histories(), st.integers(0, 500), st.booleans())
@settings(max_examples=150)
def test_any_history_gives_a_sentence_without_a_fault(facts: list[Fact], later: int, remote: bool) -> None:
    if remote:
        facts[0].data["remote_only"] = True
    fold = Fold(DEFAULT_POLICY)
    fold.take(effective(facts))
    at = (fold.at or 0) + later * DAY
    standing = fold.standing_at(at)
    assert standing.stage_rule in RULES
    for period in fold.judge():
        assert "_" not in rule_in_words(period.rule)
        assert period.rule in RULES
    explanation = explain(fold, standing, at, UTC)
    events = {fact.event_id: fact for fact in effective(facts)}
    parts = sentence("Acme", standing, explanation, events, UTC)
    assert faults(plain(parts)) == [], plain(parts)
    assert {part.event_id for part in parts if part.event_id} <= set(explanation.events)
    # Where the events cannot be read any more, the words still make a sentence.
    assert faults(plain(sentence("Acme", standing, explanation, {}, UTC))) == []


def test_every_type_of_event_has_words_of_its_own() -> None:
    for name in EVENT_TYPES:
        for direction in ("inbound", "outbound", "mutual", None):
            words = act(Fact("e1", 1, name, 0, None, None, {} if direction is None else {"direction": direction}))
            assert name == "policy_adopted" or words != name.replace("_", " "), name


def test_parts_name_the_events_they_tell() -> None:
    story = bridged()
    fold, at = story.fold(), instant(62)
    standing = fold.standing_at(at)
    events = {fact.event_id: fact for fact in story.facts}
    parts = sentence("Acme", standing, explain(fold, standing, at, UTC), events, UTC)
    linked = {part.event_id: part.text for part in parts if part.event_id}
    assert list(linked.values()) == [
        "you met in person on 6 Jan 2026",
        "you replied on 2 Mar 2026",
        "you met in person again that day",
    ]
    assert all(events[event_id].type in ("meeting_held", "reply_posted") for event_id in linked)
    assert plain([Part("a"), Part("b", "e1")]) == "ab"


# ---------------------------------------------------------------------- what is said is so


def test_what_is_said_to_save_a_stage_saves_it() -> None:
    assert "saving it takes an exchange both ways before then" in said(bridged(), 125)
    saved = bridged().at(125.1).talk()
    assert [stage for day, stage in saved.stages() if 61 < day < 160] == []


def test_what_is_said_to_come_too_late_does() -> None:
    assert "that can no longer be mended in time" in said(bridged(), 150)
    late = bridged()
    for day in (150.1, 151, 152):
        late.at(day).talk()
    assert [stage for day, stage in late.stages() if 152 < day < 153] == ["met"]


def test_the_fall_that_is_told_ahead_is_the_one_that_comes() -> None:
    for _, story, day in EXAMPLES:
        words = said(story, day)
        found = re.search(r"falls to (\w+) on (\d+ \w+ \d+)", words)
        if found is None:
            continue
        part = Story()
        part.facts = [fact for fact in story.facts if fact.at <= instant(day)]
        period = next(p for p in part.periods() if UTC(p.begins_at) == found[2])
        assert period.stage == found[1].casefold()


def test_a_live_project_keeps_symbiosis_without_a_date() -> None:
    assert "and a joint project is live." in said(live_project(), 125)


def test_a_reopened_client_is_told_so() -> None:
    stage, _, words = told(Story().at(0).meet().at(3).add("relationship_ended").at(40).add("relationship_reopened"), 41)
    assert stage == "met"
    assert "because it was reopened that day and you met in person on 5 Jan 2026" in words


def test_dates_are_written_in_the_readers_zone() -> None:
    assert dates_in("Pacific/Auckland")(instant(0.9)) == "6 Jan 2026"
