"""The gap and what bridges it, the words that the rules use, and questions (`model.md` §2, §6)."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from relationships.domain.coverage import Cover, falls_below, rises_to
from relationships.domain.instants import DAY, from_us, to_us
from relationships.domain.workdays import working_days_after

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
