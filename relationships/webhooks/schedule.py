"""When what failed is tried again: ten attempts over three days, further and further apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import SystemRandom

AFTER = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
ATTEMPTS = len(AFTER) + 1
JITTER = 0.2
LONGEST_ASKED = timedelta(hours=24)
# Who waits when asked to, by the status of the answer.
ASKS = (429, 503)

_random = SystemRandom().random


def next_attempt(
    attempts: int,
    *,
    now: datetime,
    status: int | None = None,
    retry_after: str | None = None,
    chance: Callable[[], float] = _random,
) -> datetime | None:
    """When to try again after so many attempts; None: no more.

    Up to a fifth is added by chance, so that what failed together does not come back together. A 429 or 503 may ask
    for more time, at most a day.
    """
    if attempts > len(AFTER):
        return None
    planned = now + AFTER[attempts - 1] * (1 + JITTER * chance())
    asked = _asked(retry_after, now) if status in ASKS else None
    return planned if asked is None else max(planned, min(asked, now + LONGEST_ASKED))


def _asked(retry_after: str | None, now: datetime) -> datetime | None:
    """The moment that a `Retry-After` names, in seconds or as a date (RFC 9110); None for anything else."""
    if not retry_after:
        return None
    if retry_after.isascii() and retry_after.isdecimal():
        return now + min(timedelta(seconds=int(retry_after[:9])), LONGEST_ASKED)
    try:
        named = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    return named if named.tzinfo else named.replace(tzinfo=UTC)
