"""Next best actions (`model.md` §7): each rule appears, names its events, and closes itself."""

from __future__ import annotations

import pytest

from relationships.domain.actions import PER_CLIENT, Action, Moment, actions, balance_of
from relationships.domain.sentences import dates_in

from .story import Story, instant
from .test_stages import bridged, deepened

NAMES = {"ann": "Ann Lee", "bob": "Bob Ray", "cem": "Cem Oz"}


def due(story: Story, day: float) -> list[Action]:
    fold = story.fold(until=day)
    moment = instant(day)
    return actions(Moment(fold, fold.standing_at(moment), moment, lambda who: NAMES.get(who, who), dates_in("UTC")))


def codes(story: Story, day: float) -> list[str]:
    return [action.code for action in due(story, day)]


def plan(story: Story, starts: str, meeting_id: str = "m") -> Story:
    return story.add("meeting_scheduled", meeting_id=meeting_id, starts_at=starts)


def test_a_question_past_its_target_is_to_be_answered() -> None:
    story = Story().at(0.5).question()
    assert codes(story, 1.4) == []
    (action,) = due(story, 1.5)
    assert (action.code, action.rank, action.events) == ("answer_question", 1, ("e1",))
    assert action.sentence == "Ann Lee's question of 5 Jan 2026 is still open: answer it."
    assert codes(story.at(1.6).answer(), 1.7) == []


def test_a_meeting_whose_end_has_passed_by_a_working_day_is_to_be_confirmed() -> None:
    story = plan(Story().at(0).they(), "2026-01-08T10:00:00Z")
    assert "confirm_meeting" not in codes(story, 4)
    assert "confirm_meeting" in codes(story, 4.5)
    assert "confirm_meeting" not in codes(story.at(4.6).meet(meeting_id="m"), 5)


def test_a_cancelled_meeting_without_a_new_date_wants_two() -> None:
    story = plan(Story().at(0).they(), "2026-01-30T10:00:00Z").at(1).add("meeting_cancelled", meeting_id="m")
    assert codes(story, 3.9) == []
    assert codes(story, 4) == ["offer_dates"]
    assert codes(plan(story.at(4.1), "2026-02-20T10:00:00Z", "n"), 4.2) == []


def test_a_promise_is_due_two_days_before_and_done_when_kept() -> None:
    story = Story().at(0).they().add("commitment_made", commitment_id="c", due="2026-01-12T00:00:00Z", by="ours")
    assert codes(story, 4.9) == []
    assert codes(story, 5) == ["keep_promise"]
    assert codes(story.at(6).add("commitment_kept", commitment_id="c"), 6.1) == []


def test_a_meeting_within_three_days_wants_a_brief() -> None:
    story = plan(Story().at(0).meet(), "2026-01-30T00:00:00Z")
    assert "prepare_meeting" not in codes(story, 22)
    action = next(a for a in due(story, 22.1) if a.code == "prepare_meeting")
    assert action.sentence == "You meet on 30 Jan 2026: what happened since you last met on 5 Jan 2026."


def test_with_the_ground_laid_a_meeting_is_to_be_proposed_else_talk_comes_first() -> None:
    talking = Story().at(0).meet()
    for day in (15, 30, 45, 60, 71):
        talking.at(day).talk()
    assert codes(talking, 72)[0] == "propose_meeting"
    assert codes(Story().at(0).meet(), 72)[0] == "talk_then_propose"
    assert "talk_then_propose" not in codes(Story().at(0).meet(), 71.9)


def test_three_unanswered_messages_are_enough() -> None:
    story = Story().at(0).they().at(20).we().at(21).we().at(22).we()
    assert "stop_writing" in codes(story, 22)
    assert "stop_writing" not in codes(story, 52)
    assert "stop_writing" not in codes(story.at(23).they(), 23)


def test_silence_after_a_first_contact_is_to_be_bridged_with_their_topic() -> None:
    story = Story().at(0).they(topics=["cold chain"])
    assert codes(story, 20.9) == []
    (action,) = due(story, 21)
    assert action.sentence == "Quiet since 5 Jan 2026: bridge the gap, ask about cold chain."
    assert codes(plan(story.at(21.1), "2026-02-10T00:00:00Z"), 21.2) == []


def test_who_met_wants_an_idea_every_sixty_days() -> None:
    assert "share_idea" in codes(bridged(), 70)
    assert "share_idea" not in codes(bridged().at(71).we("idea_shared"), 72)


def test_bridging_through_one_person_wants_a_second() -> None:
    story = bridged()
    assert "meet_another" in codes(story, 62)
    assert "meet_another" not in codes(story.at(63).they(who="bob"), 64)


def test_a_balance_towards_the_brand_or_a_single_person_is_told() -> None:
    brand = Story()
    for day in range(0, 30, 2):
        brand.at(day).they(our_account="brand")
    assert "rebalance" in codes(brand, 30)
    alone = deepened()
    assert balance_of(alone.fold(), instant(122)).one_person  # type: ignore[union-attr]
    assert balance_of(Story().at(0).they().fold(), instant(1)) is None


def test_another_owner_wants_a_joint_meeting() -> None:
    story = Story().at(0).they().at(1).add("owner_assigned", owner="you", previous="us")
    assert codes(story, 2) == ["joint_meeting"]
    assert codes(story.at(3).meet(), 3.1) == []


def test_the_dormant_who_once_met_are_to_be_reopened() -> None:
    action = due(Story().at(0).meet(), 200)[-1]
    assert action.code == "reopen"
    assert "as far as Met" in action.sentence


def test_a_public_question_of_one_just_found_is_to_be_answered() -> None:
    story = Story().at(0).question(channel="public_thread")
    assert codes(story, 1) == ["answer_in_public"]
    assert codes(story.at(2).answer(channel="public_thread"), 3) == []


def test_at_most_three_in_order_of_rank_and_none_when_ended() -> None:
    story = Story().at(0).meet().at(0.5).question().at(0.6).add("commitment_broken", commitment_id="c")
    story.at(1).add("owner_assigned", owner="you", previous="us")
    found = due(story, 100)
    assert len(found) <= PER_CLIENT
    assert [action.rank for action in found] == sorted(action.rank for action in found)
    assert due(story.at(101).add("relationship_ended"), 102) == []


@pytest.mark.parametrize("day", [30, 62, 90, 122, 200, 500])
def test_every_action_names_events_of_the_client(day: float) -> None:
    story = deepened()
    known = {fact.event_id for fact in story.facts}
    for action in due(story, day):
        assert set(action.events) <= known
        assert action.since <= instant(day)
