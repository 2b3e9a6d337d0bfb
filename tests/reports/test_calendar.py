from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relationships.reports.calendar import Occurrence, Rule, following, instant_of, latest

BERLIN = "Europe/Berlin"
MONDAY_SEVEN = Rule(weekday=0, at=time(7), zone=BERLIN)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def test_a_weekly_report_stays_at_seven_when_the_clocks_go_back() -> None:
    before = latest(MONDAY_SEVEN, utc(2026, 10, 24))
    after = following(MONDAY_SEVEN, utc(2026, 10, 24))
    assert before == Occurrence(utc(2026, 10, 19, 5), date(2026, 10, 19))
    assert after == Occurrence(utc(2026, 10, 26, 6), date(2026, 10, 26))


def test_a_weekly_report_stays_at_seven_when_the_clocks_go_forward() -> None:
    assert latest(MONDAY_SEVEN, utc(2027, 3, 27)).at == utc(2027, 3, 22, 6)
    assert following(MONDAY_SEVEN, utc(2027, 3, 27)).at == utc(2027, 3, 29, 5)


def test_a_wall_time_that_the_clocks_skip_comes_as_much_later_as_was_skipped() -> None:
    assert instant_of(date(2027, 3, 28), time(2, 30), BERLIN) == utc(2027, 3, 28, 1, 30)  # 03:30 on the wall


def test_a_wall_time_that_the_clocks_show_twice_is_the_first() -> None:
    assert instant_of(date(2026, 10, 25), time(2, 30), BERLIN) == utc(2026, 10, 25, 0, 30)


def test_a_report_due_in_the_hour_that_comes_twice_comes_once() -> None:
    sunday = Rule(weekday=6, at=time(2, 30), zone=BERLIN)
    first = following(sunday, utc(2026, 10, 24))
    assert first.day == date(2026, 10, 25)
    assert latest(sunday, utc(2026, 10, 25, 1, 30)) == first  # the second 02:30
    assert following(sunday, first.at).day == date(2026, 11, 1)


def test_the_31st_is_the_last_day_of_short_months_and_the_31st_again_after() -> None:
    rule = Rule(day=31, at=time(18), zone="UTC")
    days, at = [], utc(2027, 1, 1)
    for _ in range(5):
        occurrence = following(rule, at)
        days.append(occurrence.day.isoformat())
        at = occurrence.at
    assert days == ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]


def test_the_29th_is_kept_in_a_leap_year_only() -> None:
    rule = Rule(day=29, at=time(7), zone=BERLIN)
    assert following(rule, utc(2028, 2, 1)).day == date(2028, 2, 29)
    assert following(rule, utc(2027, 2, 1)).day == date(2027, 2, 28)


def test_a_zone_far_ahead_of_utc_has_its_monday_on_our_sunday() -> None:
    rule = Rule(weekday=0, at=time(7), zone="Pacific/Kiritimati")
    assert following(rule, utc(2026, 11, 22)) == Occurrence(utc(2026, 11, 22, 17), date(2026, 11, 23))


def test_at_its_very_moment_an_occurrence_is_the_latest_and_no_longer_the_following() -> None:
    due = utc(2026, 11, 23, 6)
    assert latest(MONDAY_SEVEN, due).at == due
    assert following(MONDAY_SEVEN, due).at == due + timedelta(days=7)
    assert following(MONDAY_SEVEN, due - timedelta(microseconds=1)).at == due


@pytest.mark.parametrize(
    "wrong", [{}, {"weekday": 1, "day": 1}, {"weekday": 7}, {"weekday": -1}, {"day": 0}, {"day": 32}]
)
def test_a_rule_that_names_no_day_or_an_impossible_one_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="day"):
        Rule(at=time(7), zone="UTC", **wrong)


ZONES = st.sampled_from(
    ["UTC", BERLIN, "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Apia",
     "Pacific/Pago_Pago",
     "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca"]
)  # fmt: skip
RULES = st.builds(
    lambda weekly, number, at, zone: Rule(
        at=at, zone=zone, weekday=number % 7 if weekly else None, day=None if weekly else number
    ),
    st.booleans(), st.integers(1, 31), st.times(), ZONES,
)  # fmt: skip
MOMENTS = st.datetimes(datetime(2009, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


@given(RULES, MOMENTS)
def test_every_moment_lies_between_two_neighbouring_occurrences(rule: Rule, now: datetime) -> None:
    before, after = latest(rule, now), following(rule, now)
    assert before.at <= now < after.at
    assert following(rule, before.at) == after
    assert latest(rule, after.at) == after
    assert after.at - before.at <= timedelta(days=8 if rule.weekday is not None else 33)
