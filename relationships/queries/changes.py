"""Whether a client is as it was when somebody last looked: what conditional requests ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from accounts.roles import Principal
from relationships import event_store
from relationships.models.log import Event
from relationships.models.projections import Generation, StagePeriod

from .errors import NotFound
from .scope import NO_CLIENT, scope_of


@dataclass(frozen=True, slots=True)
class Seen:
    """A client's version, how often since then time alone changed where it stands, and how many policies were adopted.

    The two are told apart: under another policy fewer periods may have begun, and the sum be the same.
    """

    version: int
    periods: int
    policies: int


def seen(principal: Principal, ref: str, *, now: datetime) -> Seen:
    """What there is to be seen of a client now. Raises NotFound."""
    scope = scope_of(principal)
    asked: dict[str, Any] = {
        "ledger": scope.ledger_id,
        "client": scope.client_id(ref),
        "own": event_store.ledger_stream(scope.ledger_id),
        "live": Generation.State.LIVE,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, asked)
        found = cursor.fetchone()
    if found is None:
        raise NotFound(NO_CLIENT)
    return Seen(*found)


# One statement, since every read of one client asks it, and one that comes to nothing new asks nothing else.
_SEEN = f"""
SELECT latest.version,
       (SELECT count(*) FROM "{StagePeriod._meta.db_table}" period
         WHERE period.client_id = %(client)s AND period.begins_at > latest.recorded_at AND period.begins_at <= %(now)s
           AND period.generation_id = (SELECT id FROM "{Generation._meta.db_table}"
                                        WHERE ledger_id = %(ledger)s AND state = %(live)s)),
       (SELECT count(*) FROM "{Event._meta.db_table}" adoption
         WHERE adoption.ledger_id = %(ledger)s AND adoption.stream_id = %(own)s AND adoption.type = 'policy_adopted'
           AND adoption.recorded_at > latest.recorded_at)
  FROM (SELECT version, recorded_at FROM "{Event._meta.db_table}"
         WHERE ledger_id = %(ledger)s AND stream_id = %(client)s ORDER BY version DESC LIMIT 1) AS latest
"""
