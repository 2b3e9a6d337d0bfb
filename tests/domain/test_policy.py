"""Drafts of policies: what may be changed, what is refused, and that the refusal explains itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relationships.domain.policy import DEFAULT_POLICY, Policy
from relationships.domain.policy_rules import InvalidPolicy, differences, draft

from .test_stages import bridged


def test_a_draft_changes_what_it_names_and_nothing_else() -> None:
    changes: dict[str, Any] = {"met_keep": 180, "tiers": {"key": {"window": 10}}, "points": {"message_sent": 0}}
    policy = draft(DEFAULT_POLICY, changes, version=2)
    assert differences(DEFAULT_POLICY, policy) == [
        ("/tiers/key/window", 14, 10),
        ("/points/message_sent", 1.0, 0.0),
        ("/met_keep", 365, 180.0),
    ]
    assert policy.version == 2
    assert Policy.from_dict(json.loads(json.dumps(policy.to_dict()))) == policy


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"met_needs_face": False}, "/met_needs_face", "law"),
        ({"version": 7}, "/version", "read_only"),
        ({"grace_days": 3}, "/grace_days", "unknown_field"),
        ({"met_keep": "long"}, "/met_keep", "wrong_type"),
        ({"met_keep": True}, "/met_keep", "wrong_type"),
        ({"met_keep": float("nan")}, "/met_keep", "wrong_type"),
        ({"met_keep": 0}, "/met_keep", "out_of_range"),
        ({"met_keep": 1e9}, "/met_keep", "out_of_range"),
        ({"met_keep": 1e-9}, "/met_keep", "out_of_range"),
        ({"tiers": {"key": {"half_life_meeting": 1e-300}}}, "/tiers/key/half_life_meeting", "out_of_range"),
        ({"bridging_posts": 10**40}, "/bridging_posts", "out_of_range"),
        ({"bridging_posts": 2.5}, "/bridging_posts", "wrong_type"),
        ({"bridging_posts": 1}, "/bridging_posts", "contradiction"),
        ({"bridging_coverage": 1.2}, "/bridging_coverage", "out_of_range"),
        ({"bridging_coverage": 0.3}, "/gap_broken", "contradiction"),
        ({"points_in_person": 2}, "/points_in_person", "contradiction"),
        ({"points": {"meeting_held": 3}}, "/points/meeting_held", "unknown_field"),
        ({"tiers": {"gold": {}}}, "/tiers/gold", "unknown_field"),
        ({"tiers": {"key": {"window": 61}}}, "/tiers/key/window", "contradiction"),
        ({"tiers": {"key": {"windows": 3}}}, "/tiers/key/windows", "unknown_field"),
        ({"tiers": 3}, "/tiers", "wrong_type"),
    ],
)
def test_nonsense_is_refused_with_its_place(changes: dict[str, Any], pointer: str, code: str) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        draft(DEFAULT_POLICY, changes, version=2)
    assert (pointer, code) in [(error.pointer, error.code) for error in caught.value.errors]


def test_a_number_may_have_a_fraction_unless_it_counts_something() -> None:
    changes = {"cooling_rhythms": 2.5, "met_keep": 1500.5, "tiers": {"light": {"window": 10.5}}}
    policy = draft(DEFAULT_POLICY, changes, version=2)
    assert (policy.cooling_rhythms, policy.met_keep, policy.tier("light").window) == (2.5, 1500.5, 10.5)
    assert draft(DEFAULT_POLICY, {"bridging_posts": 3.0}, version=2).bridging_posts == 3


def test_shorter_windows_move_a_client_as_worked_by_hand() -> None:
    story = bridged()
    story.policy = draft(DEFAULT_POLICY, {"tiers": {"standard": {"window": 10}}}, version=2)
    # Five windows of 10 days in 60: 0.83 still bridges; but the open gap breaks after 10 / 0.34 days.
    assert (61, "bridging") in story.stages()
    fall = next(day for day, stage in story.stages() if day > 61 and stage == "met")
    assert fall == pytest.approx(61 + 30 + 30, abs=1e-6)  # once it is 30 days old, and the grace
