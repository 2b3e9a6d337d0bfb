"""Working days in a client's zone: when an answer is due and when it is missed, and how long it took.

Source: `model.md` §6, "Questions". Saturday and Sunday are no working days; public holidays are not known.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .instants import DAY, from_us, to_us

SATURDAY = 5
MONDAY_ZERO = datetime(1970, 1, 5)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def working_days_after(instant: int, number: int, zone: str) -> int:
    """The instant `number` working days after `instant`, at the same wall-clock time in the IANA `zone`.

    Asked at a weekend, it counts from Monday 00:00. A wall-clock time that a change of clocks skips or repeats is
    read with the offset from before the change (PEP 495, fold 0). An unknown zone counts as UTC.
    """
    here = from_us(instant).astimezone(_zone(zone))
    wall = here.replace(tzinfo=None)
    if wall.weekday() >= SATURDAY:
        monday = wall.date() + timedelta(days=7 - wall.weekday())
        wall = datetime.combine(monday, time())
    while number:
        wall += timedelta(days=1)
        if wall.weekday() < SATURDAY:
            number -= 1
    return to_us(wall.replace(tzinfo=_zone(zone)).astimezone(UTC))


def working_time(begins: int, ends: int, zone: str) -> int:
    """The time on working days between two instants, in microseconds on the clock of the IANA `zone`.

    A working day has 24 hours, so what is answered at its target, n working days on, took n days. Never negative.
    """
    return max(0, _worked_until(ends, zone) - _worked_until(begins, zone))


def _worked_until(instant: int, zone: str) -> int:
    """The working time from a Monday long ago to the wall-clock time of an instant."""
    wall = from_us(instant).astimezone(_zone(zone)).replace(tzinfo=None)
    weeks, within = divmod((wall - MONDAY_ZERO) // timedelta(microseconds=1), 7 * DAY)
    return weeks * SATURDAY * DAY + min(within, SATURDAY * DAY)
