"""How many requests a key or person may send: counted in the database, so that all processes count together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from relationships.models.integrations import RateWindow

WINDOW = timedelta(minutes=1)

# One statement counts and tells, whoever else counts. A clock that is behind joins the newer window. Losing a count in
# a crash does no harm, and waiting for the disk on every request would: hence synchronous_commit, for this statement's
# own transaction only.
_COUNT = f"""
INSERT INTO {RateWindow._meta.db_table} AS known (ledger_id, owner, starts_at, requests) VALUES (%s, %s, %s, 1)
ON CONFLICT (ledger_id, owner) DO UPDATE SET
    requests = CASE WHEN known.starts_at < excluded.starts_at THEN 1 ELSE known.requests + 1 END,
    starts_at = greatest(known.starts_at, excluded.starts_at)
RETURNING requests, set_config('synchronous_commit', 'off', true)
"""


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left: `limit` and `remaining` requests, `seconds` until the window ends."""

    limit: int
    remaining: int
    seconds: int
    exceeded: bool

    @property
    def headers(self) -> dict[str, str]:
        """Both families: the draft of the IETF, and what most clients read today."""
        return {
            "RateLimit-Policy": f'"default";q={self.limit};w={int(WINDOW.total_seconds())}',
            "RateLimit": f'"default";r={self.remaining};t={self.seconds}',
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.seconds),
        }


def count(ledger_id: int, owner: str, *, now: datetime) -> Quota | None:
    """Counts one request of `owner`. None when `settings.RATE_LIMIT` is 0: nobody counts."""
    limit = settings.RATE_LIMIT
    if not limit:
        return None
    starts_at = now.replace(second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [ledger_id, owner, starts_at])
        requests = cursor.fetchone()[0]
    left = (starts_at + WINDOW - now).total_seconds()
    return Quota(limit, max(0, limit - requests), max(1, round(left)), requests > limit)
