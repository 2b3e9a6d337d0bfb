"""Next best actions (`model.md` §7): each rule appears, names its events, and closes itself."""

from __future__ import annotations

import pytest

from relationships.domain.actions import PER_CLIENT, RULES, Action, actions, pressing
from relationships.domain.advice import Teller, sentence
from relationships.domain.balance import balance_at, balances, echo_at
from relationships.domain.instants import DAY
from relationships.domain.sentences import dates_in

from .story import Story, instant
from .test_stages import bridged, deepened

NAMES = {"ann": "Ann Lee", "bob": "Bob Ray", "cem": "Cem Oz"}


def all_of(story: Story, day: float | None = None) -> list[Action]:
    fold = story.fold(until=day)
    return actions(fold, fold.judge())


def due(story: Story, day: float) -> list[Action]:
    return pressing(all_of(story, day), instant(day))


def said(action: Action, day: float) -> str:
    return sentence(action, Teller(NAMES.get, dates_in("UTC"), instant(day)))


def codes(story: Story, day: float) -> list[str]:
    return [action.rule for action in due(story, day)]


def plan(story: Story, starts: str, meeting_id: str = "m") -> Story:
    return story.add("meeting_scheduled", meeting_id=meeting_id, starts_at=starts)


def test_a_question_past_its_target_is_to_be_answered() -> None:
    story = Story().at(0.5).question()
    assert codes(story, 1.4) == []
    (action,) = due(story, 1.5)
    assert (action.rule, action.rank, action.events) == ("answer_question", 1, ("e1",))
    assert said(action, 1.5) == "Ann Lee’s question of 5 Jan 2026 is still open: answer it."
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
    assert "prepare_meeting" not in codes(story, 21.9)
    action = next(a for a in due(story, 22) if a.rule == "prepare_meeting")
    expected = "You meet on 30 Jan 2026: since you last met on 5 Jan 2026 there was no exchange. Read up on it."
    assert said(action, 22) == expected


def test_with_the_ground_laid_a_meeting_is_to_be_proposed_else_talk_comes_first() -> None:
    talking = Story().at(0).meet()
    for day in (15, 30, 45, 60, 71):
        talking.at(day).talk()
    assert codes(talking, 72)[0] == "propose_meeting"
    assert codes(Story().at(0).meet(), 72)[0] == "talk_then_propose"
    assert "talk_then_propose" not in codes(Story().at(0).meet(), 71.9)


def test_why_the_ground_is_not_laid_is_told() -> None:
    story = Story().at(0).meet()
    assert "have not talked since" in said(due(story, 72)[0], 72)
    story.at(1).talk()
    assert "talk has run dry" in said(due(story, 72)[0], 72)
    story.at(70).talk()
    assert "with long silences since" in said(due(story, 72)[0], 72)


def test_three_unanswered_messages_are_enough() -> None:
    story = Story().at(0).they().at(20).we().at(21).we().at(22).we()
    assert "stop_writing" in codes(story, 22)
    assert "stop_writing" not in codes(story, 52)
    assert "stop_writing" not in codes(story.at(23).they(), 23)


def test_silence_after_a_first_contact_is_to_be_bridged_with_their_topic() -> None:
    story = Story().at(0).they(topics=["cold chain"])
    assert codes(story, 20.9) == []
    (action,) = due(story, 21)
    assert said(action, 21) == "Nothing heard since 5 Jan 2026: bridge the gap, ask about cold chain."
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
    assert balance_at(alone.fold(), instant(122)).verdict == "one_person"
    assert balance_at(Story().at(0).they().fold(), instant(1)).verdict == "unknown"


def test_another_owner_wants_a_joint_meeting() -> None:
    story = Story().at(0).they().at(1).add("owner_assigned", owner="you", previous="us")
    assert codes(story, 2) == ["joint_meeting"]
    assert codes(story.at(3).meet(), 3.1) == []


def test_the_dormant_who_once_met_are_to_be_reopened() -> None:
    action = due(Story().at(0).meet(), 200)[-1]
    assert action.rule == "reopen"
    assert "as far as Met" in said(action, 200)


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


def test_what_will_press_is_known_in_advance() -> None:
    """Judged once after the last event, the look-up at any later day gives what judging on that day gives."""
    for story in (bridged(), deepened(), Story().at(0).meet().at(3).question().at(4).we().at(5).we().at(6).we()):
        told = all_of(story)
        for day in range(round(story.day), round(story.day) + 400, 3):
            assert [a.rule for a in pressing(told, instant(day))] == codes(story, day)


def test_one_put_off_leaves_room_for_the_next_and_still_settles_others() -> None:
    story = Story().at(0).meet().at(30).question()
    told = all_of(story)
    first = pressing(told, instant(80))[0]
    assert first.rule == "answer_question"
    rest = pressing(told, instant(80), put_off={first.mark})
    assert "answer_question" not in [action.rule for action in rest]
    assert "talk_then_propose" not in [action.rule for action in rest]


def test_who_is_to_stop_writing_is_not_told_to_write() -> None:
    story = Story().at(0).they().at(20).we().at(21).we().at(22).we()
    assert codes(story, 30) == ["stop_writing"]
    assert "bridge_gap" in codes(story, 53)


def test_a_mark_stays_the_same_while_the_same_facts_call_for_it() -> None:
    story = Story().at(0).question()
    (before,) = due(story, 2)
    (after,) = [a for a in due(story.at(3).add("note_added"), 4) if a.rule == "answer_question"]
    assert before.mark == after.mark
    assert before.mark != due(Story().at(0).they().question(), 2)[0].mark


def test_the_balance_shifts_as_points_grow_old() -> None:
    story = Story()
    for day in range(10):
        story.at(day).they(our_account="brand")
    for day in range(60, 70):
        story.at(day).they(our_people=["us" if day % 2 else "you"])
    told = [(round((since - instant(0)) / DAY), balance.verdict) for since, _, balance in balances(story.fold())]
    assert told[0] == (69, "healthy")
    assert "unknown" in [verdict for _, verdict in told]
    for since, until, balance in balances(story.fold()):
        assert since < until
        assert balance_at(story.fold(), since) == balance


def test_an_echo_is_told_from_three_on_and_only_where_a_person_linked_it() -> None:
    story = Story().at(0).they()
    for number, agrees in enumerate((True, False)):
        story.at(number + 1).add("experience_reported", topic="t", grade="good", statement="s", agrees=agrees)
    story.at(4).add("experience_reported", topic="t", grade="good")
    assert echo_at(story.fold(), instant(5)).share is None
    story.at(6).add("experience_reported", topic="t", grade="good", statement="s", agrees=True)
    echo = echo_at(story.fold(), instant(7))
    assert (echo.agreeing, echo.all) == (2, 3)
    assert echo.share == pytest.approx(2 / 3)
    assert echo_at(story.fold(), instant(370)).all == 1


def test_a_hand_over_runs_to_the_first_meeting_without_the_former_owner() -> None:
    story = Story().at(0).meet().at(1).add("handover_started", from_colleague="us", to_colleague="you")
    assert "joint_meeting" in codes(story, 2)
    story.at(10).meet(our_people=["us", "you"])
    assert "joint_meeting" not in codes(story, 11)
    assert story.fold().handover.met_at is None  # type: ignore[union-attr]
    story.at(20).meet(our_people=["you"])
    assert story.fold().handover.met_at == instant(20)  # type: ignore[union-attr]


def test_every_rule_has_a_sentence() -> None:
    from relationships.domain.advice import _SENTENCES

    assert [rule for rule, _ in RULES] == list(_SENTENCES)
