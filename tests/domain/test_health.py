"""Health (`model.md` §5): each rule alone, at its exact day. Days are counted from a Monday."""

from __future__ import annotations

import pytest

from .story import Story


def met_often() -> Story:
    """A rhythm of a contact every seven days, told by talk on six days."""
    story = Story()
    for day in range(0, 42, 7):
        story.at(day).talk()
    return story


def test_new_until_the_first_contact() -> None:
    assert Story().at(0).register().at(3).we().at(10).they().healths()[:2] == [(0, "new"), (10, "active")]


def test_cooling_after_three_times_the_tiers_rhythm_of_silence() -> None:
    assert Story().at(0).they().healths()[1] == (45, "cooling")
    key = Story().at(0).register("key").they()
    assert key.healths()[1] == (30, "cooling")


def test_cooling_after_three_times_the_known_rhythm_but_not_before_the_window() -> None:
    assert met_often().healths()[1] == (35 + 21, "cooling")
    slower = Story()
    for day in range(0, 60, 10):
        slower.at(day).talk()
    assert slower.healths()[1] == (50 + 30, "cooling")


def test_dormant_after_eight_rhythms_of_silence_and_the_cadence() -> None:
    assert Story().at(0).they().healths()[2] == (120, "dormant")
    assert met_often().healths()[2] == (35 + 90, "dormant")


@pytest.mark.parametrize(("tier", "limit"), [("key", 80), ("standard", 120), ("light", 240)])
def test_silence_alone_makes_dormant(tier: str, limit: int) -> None:
    assert Story().at(0).register(tier).they().healths()[-1] == (limit, "dormant")


def test_the_silence_limit_binds_when_the_rhythm_is_slow() -> None:
    story = Story()
    for day in range(0, 180, 30):
        story.at(day).talk()  # ρ* is 30, kept at 22: 8 × 22 = 176 < 180
    assert story.healths()[-1] == (150 + 176, "dormant")


def test_an_overdue_meeting_cools_once_the_window_has_been_silent_too() -> None:
    story = Story().at(0).meet()
    for day in range(10, 140, 10):
        story.at(day).talk()
    # 1.5 × 90 days after the meeting is day 135; the silence since day 130 reaches 21 days on day 151.
    assert story.healths()[-2:] == [(151, "cooling"), (220, "dormant")]


def test_a_question_missed_by_five_working_days_cools_until_it_is_answered() -> None:
    story = Story().at(0.5).question()
    assert story.healths()[1] == (7.5, "cooling")  # Monday noon to the next Monday noon
    assert story.at(9).answer().healths()[:3] == [(0.5, "active"), (7.5, "cooling"), (9, "active")]


def test_a_question_answered_in_time_never_cools() -> None:
    assert Story().at(0.5).question().at(6).answer().healths()[1] == (51, "cooling")


def test_a_public_question_is_no_signal() -> None:
    assert Story().at(0).question(channel="public_thread").healths()[1] == (45, "cooling")


def test_a_missed_meeting_cools_seven_days_later_until_the_next_two_way_contact() -> None:
    story = Story().at(0).they().at(1).add("meeting_missed", meeting_id="m")
    assert story.healths()[1] == (8, "cooling")
    assert story.at(9).they().at(9.5).we().healths()[:3] == [(0, "active"), (8, "cooling"), (9.5, "active")]


def test_a_two_way_contact_within_the_seven_days_clears_the_signal() -> None:
    story = Story().at(0).they().at(1).add("commitment_broken", commitment_id="c").at(5).we()
    assert story.healths()[1] == (5 + 45, "cooling")  # ours answers theirs: a contact, too


def test_a_miss_of_a_meeting_that_was_held_counts_nothing() -> None:
    story = Story().at(0).they().at(1).add("meeting_missed", meeting_id="m").at(20).meet(meeting_id="m")
    assert story.healths()[0:2] == [(0, "active"), (20 + 45, "cooling")]


def planned() -> Story:
    story = Story().at(0).they().at(100)
    story.add("meeting_scheduled", meeting_id="m", starts_at="2026-05-25T10:00:00Z", ends_at="2026-05-25T12:00:00Z")
    return story.at(101).add("meeting_answered", meeting_id="m", answer="accepted")


PLANNED_END = 140.5  # 25 May 2026 at noon


def test_an_accepted_meeting_lifts_dormant_to_cooling_until_its_planned_end() -> None:
    assert planned().healths() == [(0, "active"), (45, "cooling"), (PLANNED_END, "dormant")]


def test_a_planned_meeting_that_nobody_accepted_lifts_nothing() -> None:
    story = planned()
    story.facts.pop()
    assert story.healths()[-1] == (120, "dormant")


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("meeting_cancelled", {}),
        ("meeting_answered", {"answer": "declined"}),
        ("meeting_missed", {}),
    ],
)
def test_cancelled_declined_or_missed_it_lifts_no_longer(kind: str, data: dict[str, str]) -> None:
    story = planned().at(130).add(kind, meeting_id="m", **data)
    assert story.healths()[-1] == (130, "dormant")


def test_a_moved_meeting_lifts_until_its_new_end() -> None:
    story = planned().at(130).add("meeting_moved", meeting_id="m", new_starts_at="2026-06-04T10:00:00Z")
    assert story.healths()[-1] == (PLANNED_END + 10, "dormant")


def test_the_health_of_an_ended_relationship_is_ended() -> None:
    assert Story().at(0).meet().at(1).add("relationship_ended").healths() == [(0, "active"), (1, "ended")]
