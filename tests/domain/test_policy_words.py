"""A policy in words: every number has a name, a unit and an effect, and differences read as sentences."""

from __future__ import annotations

from relationships.domain.policy import DEFAULT_POLICY
from relationships.domain.policy_rules import draft
from relationships.domain.policy_words import SECTIONS, WORDS, differences_in_words, full_label


def test_every_number_of_a_policy_stands_in_exactly_one_section() -> None:
    plain = DEFAULT_POLICY.to_dict()
    tiers, points = plain.pop("tiers"), plain.pop("points")
    del plain["version"]
    pointers = [
        *(f"/{name}" for name in plain),
        *(f"/tiers/{tier}/{name}" for tier, fields in tiers.items() for name in fields),
        *(f"/points/{name}" for name in points),
    ]
    assert sorted(word.pointer for section in SECTIONS for word in section.words) == sorted(pointers)


def test_no_two_numbers_have_the_same_name() -> None:
    labels = [full_label(word) for word in WORDS.values()]
    assert len(labels) == len(set(labels))


def test_differences_read_as_sentences_in_the_order_of_the_sections() -> None:
    changes = {"met_keep": 180, "tiers": {"key": {"window": 1}}, "points": {"message_sent": 0, "call_held": 1}}
    found = differences_in_words(DEFAULT_POLICY, draft(DEFAULT_POLICY, changes, version=2))
    assert [one.sentence for one in found] == [
        "Key clients: window of a covering act: 1 day instead of 14 days.",
        "Met stays: 180 days instead of 365 days.",
        "Points of message sent: 0 points instead of 1 point.",
        "Points of call held: 1 point instead of 3 points.",
    ]
    assert found[0].pointer == "/tiers/key/window"
    assert (found[0].before, found[0].after) == (14, 1)
