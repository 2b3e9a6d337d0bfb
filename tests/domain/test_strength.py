"""Strength (`model.md` §3): each factor alone, against numbers worked by hand."""

from __future__ import annotations

import math

import pytest

from relationships.domain.policy import DEFAULT_POLICY
from relationships.domain.strength import band, strength_of

from .story import Story, instant


def strength(total: float) -> float:
    return strength_of(total, DEFAULT_POLICY.scale)


def test_one_plain_meeting_gives_30_and_two_on_the_spot_51() -> None:
    assert round(strength(Story().at(0).meet(outcome="information").total(0))) == 30
    assert round(strength(20.0)) == 51


def test_a_meeting_halves_in_180_days_and_an_exchange_in_45() -> None:
    assert Story().at(0).meet(outcome="information").total(180) == pytest.approx(5)
    # One spoken exchange: R is unknown, 0.5, so the share is 0.75.
    assert Story().at(0).they().total(45) == pytest.approx(0.5 * 0.75)


@pytest.mark.parametrize(
    ("outcome", "quality"), [("decision", 1.2), ("next_step", 1.2), ("information", 1.0), ("none", 0.8), (None, 0.8)]
)
def test_the_outcome_weighs(outcome: str | None, quality: float) -> None:
    assert Story().at(0).meet(outcome=outcome).total(0) == pytest.approx(10 * quality)


def test_an_outcome_noted_later_counts_from_then_on() -> None:
    story = Story().at(0).meet().at(90).add("meeting_outcome_noted", meeting_id="m1", outcome="decision")
    assert story.total(89) == pytest.approx(8 * 2 ** (-89 / 180))
    assert story.total(90) == pytest.approx(12 * 2 ** (-90 / 180))


def test_a_crowd_counts_less() -> None:
    nine = tuple(f"p{n}" for n in range(9))
    assert Story().at(0).meet(who=nine).total(0) == pytest.approx(8 / math.sqrt(9 / 4))
    assert Story().at(0).meet(who=nine[:4]).total(0) == pytest.approx(8)


def test_video_counts_half() -> None:
    assert Story().at(0).meet("video").total(0) == pytest.approx(4)


def test_meetings_of_one_day_earn_as_one_the_best() -> None:
    story = Story().at(0).meet("video").at(0.3).meet().at(0.6).meet("video", outcome="decision")
    assert story.fold().sums.meetings == pytest.approx(8 * 2 ** (-0.3 / 180))


def test_a_prepared_meeting_counts_up_to_half_more() -> None:
    # Three windows of 21 days in the 60 days before: covered from day 0, 63 days until day 61.
    story = Story().at(0).talk().at(20).talk().at(40).talk().at(60).meet()
    assert story.fold().sums.meetings == pytest.approx(8 * 1.5)
    # Half of the 60 days before the first post: one window of 21 days, and 9 of a second one.
    half = Story().at(0).talk().at(51).talk().at(60).meet()
    assert half.fold().sums.meetings == pytest.approx(8 * (1 + 0.5 * 30 / 60))


def test_talk_counts_double_on_the_day_of_a_meeting_in_person_and_less_later() -> None:
    story = Story().at(0).meet().at(60).they()
    exchange = story.fold().sums.exchanges
    assert exchange == pytest.approx(1.5)
    assert Story().at(0).meet("video").at(0.5).they().fold().sums.exchanges == pytest.approx(1)


def test_the_nth_exchange_of_a_day_with_one_contact_counts_less() -> None:
    story = Story().at(0).they().at(0.1).they().at(0.2).they(who="bob").at(0.3).they()
    expected = 1 + math.log(2) + 1 + (math.log(3) - math.log(2))
    assert story.fold().sums.exchanges == pytest.approx(expected, rel=0.01)


def test_ours_counts_a_quarter_when_sent_and_the_rest_when_they_speak_within_14_days() -> None:
    story = Story().at(0).we()
    assert story.fold().sums.exchanges == pytest.approx(0.25)
    story.at(10).they()
    sums = story.fold().sums
    assert sums.exchanges == pytest.approx(0.25 * 2 ** (-10 / 45) + 0.75 + 1)
    late = Story().at(0).we().at(14).they().fold().sums
    assert late.exchanges == pytest.approx(0.25 * 2 ** (-14 / 45) + 1)


def test_only_the_latest_of_ours_earns_the_rest() -> None:
    story = Story().at(0).we().at(1).we().at(2).they()
    expected = 0.25 * 2 ** (-2 / 45) + 0.25 * 2 ** (-1 / 45) + 0.75 + 1
    assert story.fold().sums.exchanges == pytest.approx(expected)


def test_the_fourth_unanswered_message_counts_nothing() -> None:
    story = Story()
    for day in range(4):
        story.at(day).we()
    expected = 0.25 * sum(2 ** (-age / 45) for age in (3, 2, 1))
    assert story.fold().sums.exchanges == pytest.approx(expected)


def test_an_answer_of_ours_counts_in_full_at_once_from_a_personal_account() -> None:
    assert Story().at(0).answer().fold().sums.exchanges == pytest.approx(2)


def test_through_a_brand_account_theirs_counts_half_and_ours_only_when_answered() -> None:
    assert Story().at(0).they(our_account="brand").fold().sums.exchanges == pytest.approx(0.5)
    assert Story().at(0).we(our_account="brand").fold().sums.exchanges == 0
    story = Story().at(0).we(our_account="brand").at(1).they()
    assert story.fold().sums.exchanges == pytest.approx(1 + 0.5 * math.log(2))
    assert Story().at(0).answer(our_account="brand").fold().sums.exchanges == 0


def test_gestures_of_ours_count_a_quarter_theirs_in_full_and_broadcasts_nothing() -> None:
    assert Story().at(0).we("reaction_added").fold().sums.exchanges == pytest.approx(0.05)
    assert Story().at(0).they("reaction_added").fold().sums.exchanges == pytest.approx(0.2)
    assert Story().at(0).they(channel="broadcast").fold().sums.exchanges == 0
    assert Story().at(0).we("mention_made", our_account="brand").fold().sums.exchanges == 0


def test_commitments_kept_and_advocacy_count_in_full() -> None:
    story = Story().at(0).add("commitment_kept", commitment_id="c").add("advocacy_given", direction="inbound")
    assert story.fold().sums.exchanges == pytest.approx(6)


def test_reciprocity_is_unknown_before_three_and_then_twice_the_smaller_share() -> None:
    assert Story().at(0).they().at(0).we().fold().reciprocity() == 0.5
    story = Story().at(0).they().at(0).we().at(0).they()
    assert story.fold().reciprocity() == pytest.approx(2 / 3)
    mutual = Story().at(0).say("mutual", "call_held").say("mutual", "call_held").say("mutual", "call_held")
    assert mutual.fold().reciprocity() == 1


def test_the_terms_add_up_to_the_sum_and_their_factors_to_their_points() -> None:
    story = Story().at(0).register().at(1).talk().at(5).meet(outcome="decision").at(9).we().at(11).they()
    fold = story.at(30).meet("video", who=("a", "b", "c", "d", "e")).fold()
    terms = fold.terms(instant(44))
    assert sum(term.points for term in terms) == pytest.approx(fold.total(instant(44)), rel=1e-12)
    for term in terms:
        assert math.prod(value for _, value in term.factors) == pytest.approx(term.points, rel=1e-12)


def test_a_change_of_tier_changes_how_all_that_went_before_fades() -> None:
    story = Story().at(0).register("standard").meet(outcome="information").at(90).add("tier_changed", tier="key")
    assert story.total(89) == pytest.approx(10 * 2 ** (-89 / 180))
    assert story.total(90) == pytest.approx(10 * 2 ** (-90 / 120))


@pytest.mark.parametrize(
    ("value", "word"),
    [(None, "unknown"), (0, "faint"), (29.99, "faint"), (30, "forming"), (50, "firm"), (69.99, "firm"), (70, "strong")],
)
def test_bands_are_half_open(value: float | None, word: str) -> None:
    assert band(value, DEFAULT_POLICY) == word
