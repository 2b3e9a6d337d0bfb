"""Dates, numbers and lists as people write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from .instants import from_us

Day = Callable[[int], str]

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def dates_in(zone: str) -> Day:
    """A writer of dates such as "3 Sep 2026" in the IANA zone."""
    here = ZoneInfo(zone)

    def write(instant: int) -> str:
        moment = from_us(instant).astimezone(here)
        return f"{moment.day} {moment:%b %Y}"

    return write


def number(count: int) -> str:
    """Up to ten in letters."""
    return _NUMBERS[count] if 0 <= count < len(_NUMBERS) else str(count)


def counted(count: int, one: str, many: str) -> str:
    """``one more meeting``, ``two more meetings``."""
    return f"{number(count)} {one if count == 1 else many}"


def every(days: float) -> str:
    """``once a year``, ``every 60 days``."""
    return "once a year" if days == 365 else f"every {days:g} days"


def listed(pieces: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; pieces that hold an "and" of their own are parted by a comma before it."""
    if len(pieces) < 2:
        return "".join(pieces)
    comma = "," if any(" and " in piece or ", " in piece for piece in pieces) else ""
    return f"{', '.join(pieces[:-1])}{comma} and {pieces[-1]}"
