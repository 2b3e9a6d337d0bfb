"""Working days in a client's zone: when an answer is due and when it is missed.

Source: `model.md` §6, "Questions". Saturday and Sunday are no working days; public holidays are not known.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .instants import from_us, to_us

SATURDAY = 5


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
