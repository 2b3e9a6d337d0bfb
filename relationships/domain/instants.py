"""Instants as whole microseconds since the Unix epoch, in UTC.

The rules compare instants for equality at the ends of half-open spans ("within N days of X" ends where X + N days
begins), so they work on integers: no rounding, no zone, no clock. A day is 86,400 s, always; calendars are for
display and for question targets only.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 86_400 * SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_us(moment: datetime) -> int:
    """Microseconds since the epoch of an aware datetime; ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone: an instant needs one")
    return (moment - _EPOCH) // _MICROSECOND


def from_us(instant: int) -> datetime:
    """The aware UTC datetime of an instant."""
    return _EPOCH + timedelta(microseconds=instant)


def utc_day(instant: int) -> int:
    """The UTC calendar day of an instant, as days since 1 January 1970."""
    return instant // DAY


def days(number: float) -> int:
    """A span of days (86,400 s each) in microseconds."""
    return round(number * DAY)
