"""How many requests a key or person may send: counted in the database, so that all processes count together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from accounts.models import ApiKey, Organisation
from relationships.models.integrations import RateWindow
from relationships.models.log import Ledger

WINDOW = timedelta(minutes=1)

# One statement counts and tells, whoever else counts. A clock that is behind joins the newer window. Losing a count in
# a crash does no harm, and waiting for the disk on every request would: hence synchronous_commit, for this statement's
# own transaction only.
_COUNTING = """
ON CONFLICT (ledger_id, owner) DO UPDATE SET
    requests = CASE WHEN known.starts_at < excluded.starts_at THEN 1 ELSE known.requests + 1 END,
    starts_at = greatest(known.starts_at, excluded.starts_at)
RETURNING requests, set_config('synchronous_commit', 'off', true)
"""
_INTO = f"INSERT INTO {RateWindow._meta.db_table} AS known (ledger_id, owner, starts_at, requests)"
_COUNT = f"{_INTO} VALUES (%s, %s, %s, 1) {_COUNTING}"

# The same for a key that is looked up on the way. Only its bearer is counted: a prefix is no secret.
_KEY_FIELDS = [field.attname for field in ApiKey._meta.concrete_fields]
_ADMIT = f"""
WITH key AS (
    SELECT k.*, o.time_zone, (SELECT min(id) FROM {Ledger._meta.db_table} l WHERE l.organisation_id = o.id) AS ledger_id
      FROM {ApiKey._meta.db_table} k JOIN {Organisation._meta.db_table} o ON o.id = k.organisation_id
     WHERE k.prefix = %(prefix)s
), counted AS (
    {_INTO}
    SELECT ledger_id, 'key:' || prefix, %(starts_at)s, 1 FROM key
     WHERE ledger_id IS NOT NULL AND key_hash = %(digest)s AND revoked_at IS NULL
       AND (expires_at IS NULL OR expires_at > %(now)s)
    {_COUNTING}
)
SELECT {", ".join(f"key.{name}" for name in _KEY_FIELDS)}, key.time_zone, counted.requests
  FROM key LEFT JOIN counted ON true
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
    if not settings.RATE_LIMIT:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [ledger_id, owner, _start_of(now)])
        return _quota(cursor.fetchone()[0], now)


@dataclass(slots=True)
class Admission:
    """Looks a program's key up and counts its request, in one statement: `find` is for `ApiKey.authenticate`."""

    now: datetime
    quota: Quota | None = None

    def find(self, prefix: str, digest: bytes) -> ApiKey | None:
        asked: dict[str, Any] = {"prefix": prefix, "digest": digest, "now": self.now, "starts_at": _start_of(self.now)}
        with connection.cursor() as cursor:
            cursor.execute(_ADMIT, asked)
            row = cursor.fetchone()
        if row is None:
            return None
        *fields, time_zone, requests = row
        key = ApiKey.from_db(connection.alias, _KEY_FIELDS, fields)
        key.organisation = Organisation(pk=key.organisation_id, time_zone=time_zone)
        self.quota = None if requests is None else _quota(requests, self.now)
        return key


def _start_of(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)


def _quota(requests: int, now: datetime) -> Quota:
    limit, left = settings.RATE_LIMIT, (_start_of(now) + WINDOW - now).total_seconds()
    return Quota(limit, max(0, limit - requests), max(1, round(left)), requests > limit)
