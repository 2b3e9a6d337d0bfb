"""Wall-clock schedules: when a report is due, in which period, across changes of clocks and short months.

Pure functions, standard library only. A rule says "Mondays at 07:00 in Europe/Berlin" or "on the 31st at
18:00"; an occurrence is the local date on which it falls and the instant, in UTC, at which it comes due.

Wall times that are not one instant follow RFC 5545 §3.3.5:

* one that the clocks skip (02:30 on 28 March 2027 in Berlin) is read with the offset before the change, so it
  comes as much later on the wall as was skipped: 03:30;
* one that the clocks show twice (02:30 on 25 October 2026 in Berlin) is the first of the two.

A month without the wanted day has its last day instead, and the next month counts from the rule again: the
31st gives 31 January, 28 February, 31 March.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# An occurrence is looked for among this many of its neighbours: local dates and UTC differ by at most a day,
# so the one before and the one after the date at hand always suffice.
_NEIGHBOURS = range(-2, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Weekly on ``weekday`` (0 is Monday) or monthly on ``day`` (1 to 31), at the wall-clock time ``at`` in
    ``zone``.

    Exactly one of ``weekday`` and ``day`` is given; anything else raises ValueError.
    """

    at: time
    zone: str
    weekday: int | None = None
    day: int | None = None

    def __post_init__(self) -> None:
        if (self.weekday is None) == (self.day is None):
            raise ValueError("a rule names either a weekday or a day of the month")
        if self.weekday is not None and not 0 <= self.weekday <= 6:
            raise ValueError(f"weekday {self.weekday}: 0 (Monday) to 6 (Sunday)")
        if self.day is not None and not 1 <= self.day <= 31:
            raise ValueError(f"day {self.day}: 1 to 31")


@dataclass(frozen=True, slots=True, order=True)
class Occurrence:
    """One time at which a rule comes due: ``at`` in UTC, ``day`` the local date that names the period."""

    at: datetime
    day: date


def instant_of(day: date, at: time, zone: str) -> datetime:
    """The instant, in UTC, at which clocks in ``zone`` show ``at`` on ``day``; see above for odd wall
    times."""
    return datetime.combine(day, at, tzinfo=ZoneInfo(zone)).replace(fold=0).astimezone(UTC)


def latest(rule: Rule, now: datetime) -> Occurrence:
    """The last occurrence at or before ``now``."""
    return max(one for one in _around(rule, now) if one.at <= now)


def following(rule: Rule, now: datetime) -> Occurrence:
    """The first occurrence after ``now``."""
    return min(one for one in _around(rule, now) if one.at > now)


def _around(rule: Rule, now: datetime) -> list[Occurrence]:
    today = now.astimezone(ZoneInfo(rule.zone)).date()
    days = (
        _weekly_day(rule.weekday, today, n) if rule.weekday is not None else _monthly_day(rule.day or 1, today, n)
        for n in _NEIGHBOURS
    )
    return [Occurrence(instant_of(day, rule.at, rule.zone), day) for day in days]


def _weekly_day(weekday: int, today: date, weeks: int) -> date:
    return today + timedelta(days=weekday - today.weekday() + 7 * weeks)


def _monthly_day(day: int, today: date, months: int) -> date:
    year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
    return date(year, month + 1, min(day, monthrange(year, month + 1)[1]))
