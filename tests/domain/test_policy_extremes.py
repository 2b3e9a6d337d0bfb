"""Whatever the rules of a policy let through, the fold works with: no draft puts a client into quarantine."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from relationships.domain.policy import DEFAULT_POLICY, TIERS, Policy
from relationships.domain.policy_rules import InvalidPolicy, draft
from relationships.domain.policy_words import WORDS

from .story import Story
from .test_stages import bridged

VALUES = some.one_of(
    some.sampled_from([0, 0.001, 0.5, 1, 2, 3.5, 30, 999, 36_500]), some.floats(0, 400, allow_nan=False)
)


def changed(pointer: str, value: float) -> dict[str, Any]:
    steps = pointer.split("/")[1:]
    found: Any = value
    for step in reversed(steps):
        found = {step: found}
    return dict(found)


def works(policy: Policy) -> None:
    silent = Story(policy)
    silent.at(0).register().at(10).meet().at(80).meet()
    for story in (bridged(), silent):
        story.policy = policy
        fold = story.fold()
        periods = fold.judge()
        assert all(one.ends_at == after.begins_at for one, after in pairwise(periods))
        assert fold.total(periods[-1].begins_at) >= 0


@settings(max_examples=150)
@given(some.sampled_from(sorted(WORDS)), VALUES)
def test_one_number_moved_as_far_as_it_goes(pointer: str, value: float) -> None:
    try:
        policy = draft(DEFAULT_POLICY, changed(pointer, value), version=2)
    except InvalidPolicy:
        return
    works(policy)


@pytest.mark.parametrize("pointer", sorted(WORDS))
def test_the_least_and_the_most_of_each(pointer: str) -> None:
    for value in (0, 0.001, 1, 1000, 36_500):
        try:
            policy = draft(DEFAULT_POLICY, changed(pointer, value), version=2)
        except InvalidPolicy:
            continue
        works(policy)


def test_all_tiers_are_tried() -> None:
    assert {pointer.split("/")[2] for pointer in WORDS if pointer.startswith("/tiers/")} == set(TIERS)
