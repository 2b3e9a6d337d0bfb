"""Which set of read tables is live, under which policy, and which clients it is behind on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import lru_cache

from django.db import IntegrityError, connection, transaction

from relationships.domain.policy import DEFAULT_POLICY, Policy
from relationships.domain.saved import SHAPE
from relationships.models.log import Event
from relationships.models.projections import ClientState, Generation
from relationships.models.roster import Client

from .adopted import policy_in_force


class Superseded(Exception):
    """This generation is no longer being built: a later rebuild has taken over."""


def live(ledger_id: int) -> Generation | None:
    """The generation that readers read; None in a ledger where nothing was ever projected."""
    with connection.cursor() as cursor:
        cursor.execute(_LIVE, [ledger_id, Generation.State.LIVE])
        row = cursor.fetchone()
    return None if row is None else Generation.from_db(connection.alias, _FIELDS, row)


# Every request asks for it: around the ORM, which takes longer to say this than the database to answer. The policy is
# large and stays the same: see `policy_of`.
_FIELDS = [field.attname for field in Generation._meta.concrete_fields if field.attname != "policy"]
_LIVE = f'SELECT {", ".join(_FIELDS)} FROM "{Generation._meta.db_table}" WHERE ledger_id = %s AND state = %s'


def ensure_live(ledger_id: int, *, now: datetime) -> Generation:
    """The live generation, made under the policy in force where there is none."""
    generation = live(ledger_id)
    if generation is not None:
        return generation
    try:
        with transaction.atomic():
            return begin(ledger_id, state=Generation.State.LIVE, policy=policy_in_force(ledger_id), now=now)
    except IntegrityError:  # another process made it at the same time
        return live(ledger_id) or ensure_live(ledger_id, now=now)


def begin(ledger_id: int, *, state: str, policy: Policy, now: datetime) -> Generation:
    """A new, empty generation. Raises IntegrityError when another process made that number first."""
    latest = Generation.objects.filter(ledger_id=ledger_id).order_by("-number").first()
    return Generation.objects.create(
        ledger_id=ledger_id,
        number=latest.number + 1 if latest else 1,
        state=state,
        policy_version=policy.version,
        shape=SHAPE,
        policy=policy.to_dict(),
        started_at=now,
        live_at=now if state == Generation.State.LIVE else None,
    )


def outdated() -> list[int]:
    """Ledgers whose read tables another release made: they lack what this one shows until they are rebuilt."""
    made_before = Generation.objects.filter(state=Generation.State.LIVE).exclude(shape=SHAPE)
    return sorted(made_before.values_list("ledger_id", flat=True))


def policy_of(generation: Generation | None) -> Policy:
    """The policy that a generation was worked out under; the default where there is no generation."""
    return DEFAULT_POLICY if generation is None else _policy(generation.pk, generation.started_at)


@lru_cache(maxsize=64)
def _policy(generation_id: int, started_at: datetime) -> Policy:
    """A generation keeps its policy for ever; a policy keeps what it has worked out of itself."""
    return Policy.from_dict(Generation.objects.values_list("policy", flat=True).get(pk=generation_id))


_BEHIND = f"""
SELECT DISTINCT e.stream_id::text
  FROM "{Event._meta.db_table}" e
  JOIN "{Client._meta.db_table}" c ON c.id = e.stream_id
  LEFT JOIN "{ClientState._meta.db_table}" s ON s.generation_id = %(generation)s AND s.client_id = e.stream_id
 WHERE e.ledger_id = %(ledger)s AND e.position > %(after)s
   AND e.version > coalesce(s.projected_version, 0)
"""
_AMONG = "   AND e.stream_id = ANY(%(among)s::uuid[])\n"
_ORDER = " ORDER BY 1"


def behind(
    ledger_id: int,
    generation: Generation | None,
    *,
    among: Collection[str] | None = None,
    after: int | None = None,
) -> list[str]:
    """Ids of the clients (of `among`, when given) with events that this generation has not taken in, in order.

    Looks only at what came after the generation's settled position, or `after`, so it costs what is new and not
    what there is. Quarantined clients are behind as well.
    """
    if among is not None and not among:
        return []
    if after is None:
        after = generation.settled_position if generation else 0
    parameters = {
        "generation": generation.pk if generation else None,
        "ledger": ledger_id,
        "after": after,
        "among": list(among) if among is not None else [],
    }
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND + (_AMONG if among is not None else "") + _ORDER, parameters)
        return [client_id for (client_id,) in cursor.fetchall()]
