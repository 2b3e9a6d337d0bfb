"""The events that an answer names, as they hold now: corrections taken in."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from relationships import event_store
from relationships.domain.facts import Fact, effective
from relationships.domain.instants import from_us, to_us
from relationships.domain.sentences import Day, phrase
from relationships.event_store import Recorded
from relationships.models.log import Event

from .rows import Because

_LINEAGES = f"""
WITH RECURSIVE line (event_id) AS (
    SELECT e.event_id FROM "{Event._meta.db_table}" e
     WHERE e.ledger_id = %(ledger)s AND e.event_id = ANY(%(ids)s::uuid[])
    UNION
    SELECT e.event_id FROM line JOIN "{Event._meta.db_table}" e
        ON e.ledger_id = %(ledger)s AND e.supersedes = line.event_id
)
SELECT event_id::text FROM line
"""


def facts_named(ledger_id: int, event_ids: Iterable[str]) -> dict[str, Fact]:
    """The facts of these ids with what corrections state of them; unknown and retracted ones are left out."""
    wanted = sorted(set(event_ids))
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_LINEAGES, {"ledger": ledger_id, "ids": wanted})
        found = [event_id for (event_id,) in cursor.fetchall()]
    facts = effective(fact_of(event) for event in event_store.events(ledger_id, found).values())
    return {fact.event_id: fact for fact in facts}


def fact_of(event: Recorded) -> Fact:
    """A recorded event as the rules see it."""
    return Fact(
        event.event_id,
        event.version,
        event.type,
        to_us(event.occurred_at),
        event.source,
        event.external_id,
        event.data,
    )


def because(event_ids: Iterable[str], facts: dict[str, Fact], day: Day) -> tuple[Because, ...]:
    """These events in the order given, without those that are not among the facts."""
    return tuple(
        Because(
            event_id=fact.event_id,
            type=fact.type,
            occurred_at=from_us(fact.at),
            mode=fact.data.get("mode"),
            phrase=phrase(fact, day),
        )
        for event_id in event_ids
        if (fact := facts.get(event_id)) is not None
    )
