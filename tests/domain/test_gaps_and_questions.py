"""The gap and what bridges it, the words that the rules use, and questions (`model.md` §2, §6)."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from relationships.domain.coverage import Cover, falls_below, rises_to
from relationships.domain.gaps import ground, ground_laid
from relationships.domain.instants import DAY, HOUR, from_us, to_us
from relationships.domain.workdays import working_days_after, working_time

from .story import Story, instant


def coverage_of_first_gap(story: Story) -> float:
    gap = story.fold().closed[0]
    assert gap.ends_at is not None
    return gap.coverage(gap.ends_at)


def test_a_gap_runs_from_the_first_meeting_of_a_post_to_the_first_of_the_next() -> None:
    story = Story().at(0).meet().at(6.9).meet().at(40).meet()
    gap = story.fold().closed[0]
    assert (gap.begins_at, gap.ends_at) == (instant(0), instant(40))


def test_a_meeting_seven_utc_dates_after_the_first_is_another_post() -> None:
    assert Story().at(0.9).meet().at(7.1).meet().fold().posts == 2
    assert Story().at(0.9).meet().at(6.9).meet().fold().posts == 1


def test_windows_overlap_without_counting_twice() -> None:
    story = Story().at(0).meet().at(10).talk().at(20).talk().at(100).meet()
    assert coverage_of_first_gap(story) == pytest.approx(41 / 100)


def test_outreach_that_nobody_answers_covers_nothing() -> None:
    story = Story().at(0).meet().at(30).we().at(45).we("content_shared").at(100).meet()
    assert coverage_of_first_gap(story) == pytest.approx(21 / 100)


def test_a_discussed_idea_and_a_call_cover() -> None:
    story = Story().at(0).meet().at(30).we("idea_discussed").at(70).say("mutual", "call_held").at(100).meet()
    assert coverage_of_first_gap(story) == pytest.approx(63 / 100)


def test_through_a_brand_account_only_two_way_covers_and_half_as_long() -> None:
    story = Story().at(0).meet().at(30).they().at(31).we(our_account="brand")
    story.at(60).we("idea_discussed", our_account="brand", who="bob").at(100).meet()
    assert coverage_of_first_gap(story) == pytest.approx((21 + 10.5) / 100)


def test_an_act_casts_the_window_of_the_tier_at_its_own_time() -> None:
    story = Story().at(0).register("key").meet().at(50).add("tier_changed", tier="light").at(60).talk().at(200).meet()
    assert coverage_of_first_gap(story) == pytest.approx((14 + 42) / 200)


def test_cstar_is_the_median_of_the_last_five_gaps_once_there_are_three() -> None:
    story = Story().at(0).meet().at(50).meet().at(110).meet()
    assert story.fold().meeting_rhythm == 90 * DAY
    assert story.at(180).meet().fold().meeting_rhythm == 60 * DAY
    assert Story().at(0).meet().at(10).meet().at(20).meet().at(30).meet().fold().meeting_rhythm == 45 * DAY


def test_rhostar_is_the_median_of_intervals_between_contact_days_once_there_are_five() -> None:
    story = Story()
    for day in (0, 10, 20, 30, 40):
        story.at(day).talk()
    assert story.fold().rhythm == 15 * DAY
    assert story.at(50).talk().fold().rhythm == 10 * DAY


def test_longest_silence_counts_the_one_that_lasts() -> None:
    gap = Story().at(0).meet().at(10).talk().fold().gap
    assert gap is not None
    assert gap.silence(instant(5 + 10)) == 10 * DAY
    assert gap.silence(instant(40)) == 30 * DAY


def test_a_thread_joins_what_channels_part() -> None:
    apart = Story().at(0).we(channel="email").at(1).they(channel="direct_message")
    assert apart.fold().last_two_way is None
    joined = Story().at(0).we(channel="email", thread="t").at(1).they(channel="direct_message", thread="t")
    assert joined.fold().last_two_way is not None


def test_a_reply_belongs_to_the_conversation_of_what_it_replies_to_by_event_or_external_id() -> None:
    by_id = Story().at(0).we(channel="email").at(1).they(channel="direct_message", in_reply_to="e1")
    assert by_id.fold().last_two_way is not None
    story = Story().at(0).add("message_sent", external_id="x9", channel="email", direction="outbound", contacts=["a"])
    story.at(1).they(channel="direct_message", in_reply_to="x9")
    assert story.fold().last_two_way is not None


# ---------------------------------------------------------------------- coverage as arithmetic


def test_the_union_of_windows_up_to_a_moment() -> None:
    cover = Cover()
    cover.cast(0, 10)
    cover.cast(5, 10)
    cover.cast(30, 5)
    assert (cover.up_to(30), cover.up_to(32), cover.up_to(40)) == (15, 17, 20)


def test_the_moment_of_breaking_is_the_first_below_the_threshold() -> None:
    moment = falls_below(21 * DAY, 0, 0, 0.34)
    assert 21 * DAY / moment < 0.34 <= 21 * DAY / (moment - 2)


def test_the_moment_of_mending_is_the_first_at_the_threshold() -> None:
    moment = rises_to(50 * DAY, 0, 0, 0.34)
    assert 1 - 50 * DAY / moment >= 0.34 > 1 - 50 * DAY / (moment - 2)


# ---------------------------------------------------------------------- questions


def test_a_question_closes_at_a_reply_to_it_at_an_answer_in_its_conversation_or_at_the_next_call_or_meeting() -> None:
    assert not Story().at(0).question().at(1).we(in_reply_to="e1").fold().open_questions
    assert not Story().at(0).question().at(1).answer().fold().open_questions
    assert not Story().at(0).question().at(1).say("mutual", "call_held", channel="phone").fold().open_questions
    assert not Story().at(0).question().at(1).meet().fold().open_questions


def test_a_message_that_does_not_reply_and_an_answer_to_another_leave_it_open() -> None:
    assert Story().at(0).question().at(1).we().fold().open_questions
    assert Story().at(0).question().at(1).answer(in_reply_to="unknown").fold().open_questions
    assert Story().at(0).question(thread="a").at(1).answer(thread="b").fold().open_questions


def test_a_question_lapses_after_90_days() -> None:
    fold = Story().at(0).question().at(89).they("reaction_added").fold()
    assert len(fold.open_questions) == 1
    fold = Story().at(0).question().at(90).they("reaction_added").fold()
    assert fold.open_questions == []
    assert fold.fresh_questions[0].closed_at is None


@pytest.mark.parametrize(
    ("asked", "days", "due"),
    [
        ("2026-06-01T15:00", 1, "2026-06-02T15:00"),  # Monday to Tuesday
        ("2026-06-05T15:00", 1, "2026-06-08T15:00"),  # Friday to Monday
        ("2026-06-06T15:00", 1, "2026-06-09T00:00"),  # Saturday counts from Monday 00:00
        ("2026-10-23T15:00", 1, "2026-10-26T15:00"),  # over the end of summer time: the same time on the wall
        ("2026-06-01T15:00", 5, "2026-06-08T15:00"),
    ],
)
def test_targets_count_working_days_at_the_same_wall_clock_time(asked: str, days: int, due: str) -> None:
    zone = ZoneInfo("Europe/Berlin")
    instant_asked = to_us(datetime.fromisoformat(asked).replace(tzinfo=zone).astimezone(UTC))
    found = from_us(working_days_after(instant_asked, days, "Europe/Berlin")).astimezone(zone)
    assert found.replace(tzinfo=None).isoformat(timespec="minutes") == due


@pytest.mark.parametrize(
    ("zone", "asked", "days", "due"),
    [
        # Summer time begins and ends: the wall clock counts, not the hours.
        ("Europe/Berlin", "2026-03-27T15:00", 1, "2026-03-30T15:00"),
        ("Europe/Berlin", "2026-03-27T15:00", 5, "2026-04-03T15:00"),
        ("America/New_York", "2026-03-06T09:30", 1, "2026-03-09T09:30"),
        ("America/New_York", "2026-10-30T09:30", 1, "2026-11-02T09:30"),
        ("Australia/Sydney", "2026-04-03T17:00", 2, "2026-04-07T17:00"),
        ("America/Santiago", "2026-09-04T12:00", 1, "2026-09-07T12:00"),
        # Zones with odd offsets, and weekends that begin at another time than in UTC.
        ("Asia/Kathmandu", "2026-06-05T23:59", 1, "2026-06-08T23:59"),
        ("Pacific/Chatham", "2026-06-06T00:01", 1, "2026-06-09T00:00"),
        ("Pacific/Kiritimati", "2026-06-07T12:00", 2, "2026-06-10T00:00"),
        ("Pacific/Pago_Pago", "2026-06-05T23:00", 1, "2026-06-08T23:00"),
        # Sunday evening is Monday nowhere else; New Year is a working day, since holidays are not known.
        ("Asia/Tokyo", "2026-06-07T23:59", 1, "2026-06-09T00:00"),
        ("UTC", "2026-12-31T10:00", 1, "2027-01-01T10:00"),
        ("UTC", "2028-02-28T10:00", 1, "2028-02-29T10:00"),
    ],
)
def test_targets_in_many_zones(zone: str, asked: str, days: int, due: str) -> None:
    here = ZoneInfo(zone)
    begins = to_us(datetime.fromisoformat(asked).replace(tzinfo=here).astimezone(UTC))
    ends = working_days_after(begins, days, zone)
    assert from_us(ends).astimezone(here).replace(tzinfo=None).isoformat(timespec="minutes") == due
    assert working_time(begins, ends, zone) == days * DAY


@pytest.mark.parametrize(
    ("begins", "ends", "hours"),
    [
        ("2026-06-01T15:00", "2026-06-01T18:30", 3.5),
        ("2026-06-05T15:00", "2026-06-08T09:00", 18),  # Friday to Monday: the weekend does not count
        ("2026-06-06T10:00", "2026-06-07T18:00", 0),  # asked and answered at a weekend
        ("2026-06-06T10:00", "2026-06-08T01:00", 1),
        ("2026-10-23T12:00", "2026-10-26T12:00", 24),  # over the end of summer time
        ("2026-06-02T12:00", "2026-06-01T12:00", 0),  # never negative
    ],
)
def test_working_time_leaves_weekends_out(begins: str, ends: str, hours: float) -> None:
    here = ZoneInfo("Europe/Berlin")
    first, last = (to_us(datetime.fromisoformat(one).replace(tzinfo=here).astimezone(UTC)) for one in (begins, ends))
    assert working_time(first, last, "Europe/Berlin") == hours * HOUR


def test_an_unknown_zone_counts_as_utc() -> None:
    assert working_days_after(instant(0), 1, "Mars/Olympus") == instant(1)


def test_an_answer_that_stands_before_its_question_closes_it() -> None:
    """Two clocks, or an answer known by day only: the question was answered all the same."""
    story = Story().at(1).answer(in_reply_to="q7").at(1.5)
    story.add("question_asked", external_id="q7", channel="email", direction="inbound", contacts=["ann"])
    assert not story.fold().open_questions
    (question,) = story.fold().fresh_questions
    assert (question.closed_by, question.closed_at, question.worked) == ("e1", instant(1.5), 0)


def test_a_reply_of_the_same_instant_closes_its_question_whatever_comes_first() -> None:
    for kind, named in (("reply_posted", {"in_reply_to": "q"}), ("question_answered", {})):
        story = (
            Story().at(1).add(kind, external_id="a", channel="email", direction="outbound", contacts=["ann"], **named)
        )
        story.add("question_asked", external_id="q", channel="email", direction="inbound", contacts=["ann"])
        assert not story.fold().open_questions, kind


def test_an_answer_long_before_or_to_nothing_closes_nothing() -> None:
    story = Story().at(1).answer(in_reply_to="q7").at(40)
    story.add("question_asked", external_id="q7", channel="email", direction="inbound", contacts=["ann"])
    assert len(story.fold().open_questions) == 1
    assert Story().at(1).answer(in_reply_to="nothing at all").fold().open_questions == []
    # The next answer in a conversation closes what was asked before it, not what is asked later.
    assert Story().at(1).answer().at(2).question().fold().open_questions


def test_the_time_worked_on_an_answer_is_kept() -> None:
    story = Story().at(0).register(time_zone="Europe/Berlin").at(4.5).question().at(7.5).answer()  # Friday to Monday
    (question,) = story.fold().fresh_questions
    assert question.worked == DAY


# ---------------------------------------------------------------------- the ground for the next meeting


def test_the_ground_is_laid_while_coverage_is_enough_and_an_exchange_is_recent() -> None:
    fold = Story().at(0).meet().at(10).talk().fold()
    assert fold.gap is not None
    assert ground(fold.gap, fold.policy) == (instant(10), instant(31))
    assert ground_laid(fold.gap, instant(30.9), fold.policy)
    assert not ground_laid(fold.gap, instant(31), fold.policy)


@pytest.mark.parametrize("story", [Story().at(0).meet().at(5).we(), Story().at(0).meet().at(5).they()])
def test_a_meeting_and_a_message_that_nobody_answered_lay_no_ground(story: Story) -> None:
    fold = story.fold()
    assert fold.gap is not None
    assert ground(fold.gap, fold.policy) is None
    assert not ground_laid(fold.gap, instant(6), fold.policy)


def test_an_exchange_just_before_the_meeting_counts_as_recent() -> None:
    fold = Story().at(0).talk().at(10).meet().fold()
    assert fold.gap is not None
    assert ground(fold.gap, fold.policy) == (instant(10), instant(21))
    fold = Story().at(0).meet().at(35).talk().at(40).meet().fold()
    assert fold.gap is not None
    assert ground(fold.gap, fold.policy) == (instant(40), instant(56))


def test_ground_that_is_kept_up_has_been_laid_since_its_beginning() -> None:
    fold = Story().at(0).meet().at(10).talk().at(25).talk().at(40).talk().fold()
    assert fold.gap is not None
    assert ground(fold.gap, fold.policy) == (instant(10), instant(61))


def test_after_a_silence_the_ground_is_laid_once_talk_outweighs_it() -> None:
    """Covered to day 21, silent until day 50, then covered: half of the gap from day 58 on."""
    fold = Story().at(0).meet().at(50).talk().fold()
    assert fold.gap is not None
    laid = ground(fold.gap, fold.policy)
    assert laid is not None
    assert laid[0] == instant(58)
    assert fold.gap.coverage(laid[0]) >= 0.5
    assert not ground_laid(fold.gap, instant(57.9), fold.policy)


def test_a_closed_gap_says_whether_its_meeting_came_on_laid_ground() -> None:
    story = Story().at(0).meet().at(10).talk().at(25).meet().at(90).meet()
    first, second = story.fold().closed
    assert ground(first, story.policy) == (instant(10), instant(25))
    assert ground_laid(first, instant(25), story.policy)
    assert not ground_laid(second, instant(90), story.policy)


def test_who_carried_a_gap_and_through_which_account() -> None:
    story = Story().at(0).meet().at(10).talk().at(20).they(who="bob").at(21)
    story.we("reply_posted", who="bob", our_people=["you"], our_account="brand").at(30).we()
    gap = story.fold().gap
    assert gap is not None
    assert gap.carried_ours == {"us": 1, "you": 1}
    assert gap.carried_theirs == {"ann": 1, "bob": 1}
    assert (gap.through_personal, gap.through_brand) == (1, 1)
