"""The stages of `model.md` §4, each entered, kept and lost at its exact moment."""

from __future__ import annotations

from itertools import pairwise

import pytest

from .story import Story, instant

GRACE = 30


def bridged() -> Story:
    """Two meetings in person, 60 days apart, joined by talk every fortnight."""
    story = Story().at(0).register().at(1).meet()
    for day in (14, 28, 42, 56):
        story.at(day).talk()
    return story.at(61).meet()


def deepened() -> Story:
    """A third meeting, ideas from both sides, two of their people."""
    story = bridged()
    for day in (74, 88, 102, 116):
        story.at(day).talk()
    story.at(75).they("idea_shared").at(76).we("idea_shared", who="bob")
    story.at(103).they("idea_shared", who="bob").at(104).we("idea_shared")
    return story.at(121).meet(who=("ann", "bob"))


def test_a_client_is_found_from_its_earliest_event_of_any_type() -> None:
    assert Story().at(5).register().at(2).add("note_added").stages() == [(2, "found")]


def test_an_answered_question_makes_a_client_helped() -> None:
    assert Story().at(1).question().at(2).answer().stages()[:2] == [(1, "found"), (2, "helped")]


def test_helped_falls_to_found_180_days_and_the_grace_after_the_last_two_way_contact() -> None:
    assert Story().at(1).question().at(2).answer().stages()[2] == (2 + 180 + GRACE, "found")


def test_an_unanswered_message_of_ours_is_no_two_way_contact() -> None:
    assert Story().at(1).we().at(2).we().stages() == [(1, "found")]


def test_a_reply_of_theirs_within_14_days_is_two_way_and_at_14_days_no_longer() -> None:
    assert Story().at(1).we().at(14.99).they().stages()[1] == (14.99, "helped")
    assert Story().at(1).we().at(15).they().stages() == [(1, "found")]


def test_a_broadcast_neither_begins_nor_answers() -> None:
    assert Story().at(1).they().at(2).we(channel="broadcast").stages() == [(1, "found")]


def test_conversing_needs_three_days_one_of_them_begun_by_them() -> None:
    story = Story()
    for day in (1, 3, 5):
        story.at(day).they(thread="t").at(day + 0.1).we(thread="t")
    # Theirs on day 3 and 5 answer ours of less than two days before… of 1.9 days: begun by us.
    assert "conversing" not in [stage for _, stage in story.stages()]
    story.at(10).they(thread="t")
    assert (10, "conversing") in story.stages()


def test_two_way_contact_on_one_day_counts_once() -> None:
    story = Story().at(1).talk().at(1.2).talk().at(1.4).talk()
    assert "conversing" not in [stage for _, stage in story.stages()]


def test_conversing_is_lost_90_days_after_the_last_two_way_contact_and_helped_after_that() -> None:
    story = Story()
    for day in (1, 8, 15, 22):
        story.at(day).they(thread="t").at(day + 0.1).we(thread="t")
    assert story.stages()[-3:] == [(15, "conversing"), (22.1 + 60 + GRACE, "helped"), (22.1 + 180 + GRACE, "found")]


def test_a_meeting_in_person_makes_met_and_a_video_does_not() -> None:
    assert Story().at(1).meet().stages()[0] == (1, "met")
    assert Story().at(1).meet("video").stages()[0] == (1, "helped")


def test_a_video_makes_met_for_a_remote_only_client() -> None:
    assert Story().at(0).register(remote_only=True).at(1).meet("video").stages()[1] == (1, "met")
    assert Story().at(0).register(remote_only=True).at(1).meet("video").on(1).rule == "met.by_video"


def test_met_falls_a_year_and_the_grace_after_the_last_meeting_in_person() -> None:
    story = Story().at(1).meet()
    assert story.stages() == [(1, "met"), (1 + 365 + GRACE, "found")]


def test_a_meeting_in_the_grace_saves_the_stage_and_one_at_its_end_too() -> None:
    for day in (366, 380, 1 + 365 + GRACE):
        assert Story().at(1).meet().at(day).meet().stages()[-1][0] == day + 365 + GRACE


def test_bridging_is_entered_at_the_second_meeting_joined_by_talk() -> None:
    assert bridged().stages()[1:3] == [(1, "met"), (61, "bridging")]


def test_bridging_names_the_meeting_the_exchange_and_the_meeting_before() -> None:
    story = bridged()
    because = story.on(61).because
    assert because == (story.facts[-1].event_id, story.facts[-2].event_id, "e2")


def test_two_meetings_with_nothing_between_them_do_not_bridge() -> None:
    assert Story().at(1).meet().at(40).meet().stages()[0] == (1, "met")
    assert "bridging" not in [stage for _, stage in Story().at(1).meet().at(40).meet().stages()]


def test_one_exchange_cannot_cover_half_a_long_gap() -> None:
    # Windows of 21 days from the meeting and from the talk: 42 of 90 days.
    thin = Story().at(0).meet().at(50).talk().at(90).meet()
    assert "bridging" not in [stage for _, stage in thin.stages()]
    # 42 of 84 days are half.
    assert (84, "bridging") in Story().at(0).meet().at(50).talk().at(84).meet().stages()


def test_two_days_of_one_conference_are_one_post() -> None:
    story = Story().at(1).meet().at(3).talk().at(4).meet()
    assert "bridging" not in [stage for _, stage in story.stages()]
    assert story.fold().posts == 1


def test_a_one_sided_talk_does_not_bridge() -> None:
    story = Story().at(0).meet()
    for day in range(1, 50, 3):
        story.at(day).we()
    story.at(50).they().at(60).meet()
    assert "bridging" not in [stage for _, stage in story.stages()]


def test_bridging_falls_when_the_open_gap_breaks() -> None:
    # The last post's meeting covers 21 days; 21 / 0.34 = 61.76 days after it the gap is broken, and 30 days later lost.
    story = bridged()
    fall = next(day for day, stage in story.stages() if day > 61 and stage == "met")
    assert fall == pytest.approx(61 + 21 / 0.34 + GRACE, abs=1e-6)
    assert story.on(fall).rule == "bridging.conversation_broke"


def test_talk_in_the_open_gap_keeps_bridging_until_no_meeting_follows() -> None:
    story = bridged()
    for day in range(70, 400, 10):
        story.at(day).talk()
    # C* is the cadence (fewer than three gaps): 2 × 90 days after the last meeting, and the grace.
    assert (61 + 180 + GRACE, "met") in story.stages()
    assert story.on(61 + 180 + GRACE).rule == "bridging.no_meeting"


def test_an_act_that_mends_the_gap_before_the_grace_ends_saves_the_stage() -> None:
    broken = 61 + 21 / 0.34
    story = bridged().at(broken + 5).talk()
    # From 26.4 % it grows again while the talk covers; it reaches 34 % before the grace is over.
    assert story.on(broken + GRACE).stage == "bridging"


def test_a_broken_gap_that_closes_fails_the_keep_at_once() -> None:
    story = bridged().at(61 + 90).meet()
    closed = story.fold().closed[-1]
    assert closed.coverage(closed.ends_at or 0) < 0.34
    fall = next(day for day, stage in story.stages() if day > 61 and stage == "met")
    assert fall == pytest.approx(61 + 21 / 0.34 + GRACE, abs=1e-6)


def test_bridging_is_entered_only_at_a_held_meeting() -> None:
    story = Story().at(0).meet()
    for day in (14, 28, 42, 56):
        story.at(day).talk()
    story.at(61).meet("video").at(62).talk()
    assert [stage for _, stage in story.stages()][:2] == ["met", "bridging"]
    assert story.stages()[1][0] == 61


def test_deepening_needs_ideas_from_both_sides_and_two_of_their_people() -> None:
    assert (121, "deepening") in deepened().stages()
    fewer = Story()
    fewer.facts = [fact for fact in deepened().facts if fact.type != "idea_shared" or fact.at > instant(76)]
    assert "deepening" not in [stage for _, stage in fewer.stages()]


def test_deepening_may_be_entered_at_an_idea_once_bridging() -> None:
    story = deepened()
    last = [fact for fact in story.facts if fact.type == "idea_shared"][-1]
    story.facts.remove(last)
    assert "deepening" not in [stage for _, stage in story.stages()]
    story.at(125).we("idea_shared")
    assert (125, "deepening") in story.stages()


def test_symbiosis_needs_a_success_three_of_theirs_and_two_of_ours() -> None:
    story = deepened().at(122).add("project_started", name="P").at(123).they(who="cem", our_people=["you"])
    story.at(123.1).we(who="cem", our_people=["you"])
    assert "symbiosis" not in [stage for _, stage in story.stages()]
    story.at(124).add("project_succeeded", name="P")
    assert (124, "symbiosis") in story.stages()
    assert story.on(124).rule == "symbiosis.project"


def test_who_has_left_is_not_active() -> None:
    story = deepened().at(122).they(who="cem", our_people=["you"]).at(122.1).we(who="cem", our_people=["you"])
    story.at(123).add("contact_left", contact_id="cem").at(124).add("project_succeeded", name="P")
    assert "symbiosis" not in [stage for _, stage in story.stages()]


def test_ended_lasts_until_reopened_and_then_starts_at_found_with_what_holds() -> None:
    story = Story().at(1).meet().at(10).add("relationship_ended").at(20).talk()
    assert story.stages() == [(1, "met"), (10, "ended")]
    assert story.on(15).health == "ended"
    story.at(30).add("relationship_reopened")
    assert story.stages()[2] == (30, "met")


def test_reached_is_the_highest_stage_ever_and_when_it_first_began() -> None:
    standing = bridged().fold().standing_at(instant(1000))
    assert (standing.stage, standing.reached, standing.reached_at) == (0, 4, instant(61))


def test_a_tier_named_first_holds_for_the_time_before() -> None:
    story = Story().at(1).meet().at(200).register("light")
    # The light tier's silence limit is 360 days, its cadence 180: 8 × 30 days of silence make it dormant.
    assert (241, "dormant") in story.healths()


def test_the_first_of_several_meetings_held_with_one_id_counts() -> None:
    story = Story().at(1).meet("video", meeting_id="m").at(2).meet(meeting_id="m")
    assert "met" not in [stage for _, stage in story.stages()]


def test_periods_are_contiguous_and_the_last_has_no_end() -> None:
    periods = deepened().periods()
    assert all(a.ends_at == b.begins_at for a, b in pairwise(periods))
    assert periods[-1].ends_at is None
    assert all((a.stage, a.health) != (b.stage, b.health) for a, b in pairwise(periods))
