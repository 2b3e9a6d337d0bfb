"""What was shown to whom, "not now until …", and what became of it. None of it is a fact about a client.

Who reads a list of actions is shown them: that is noted, once a person, so that each rule can be measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction

from accounts.roles import Principal
from relationships import event_store, projections, queries
from relationships.models.projections import ClientState, Generation
from relationships.models.suggestions import Suggestion
from relationships.queries.actions import ActionRow

from .errors import Invalid

LONGEST = timedelta(days=366)


def note_shown(principal: Principal, rows: Iterable[ActionRow], *, now: datetime) -> None:
    """Notes that these actions were shown; those shown before stay as they are. One statement."""
    ledger_id = event_store.ledger_of(principal.organisation_id)
    policy = projections.policy_of(projections.live(ledger_id)).version
    found = [
        Suggestion(
            ledger_id=ledger_id,
            client_id=row.client_id,
            mark=_mark(row),
            rule=row.rule,
            person=principal.label,
            policy=policy,
            shown_at=now,
            until=row.until,
        )
        for row in rows
    ]
    if found:
        Suggestion.objects.bulk_create(found, ignore_conflicts=True)


def put_off(principal: Principal, action_id: str, until: datetime | None, *, now: datetime) -> ActionRow:
    """ "Not now until …" for the asking person alone; `until` None shows it again at once.

    Raises NotFound for an action that does not stand, Invalid for a moment that is past or more than a year away.
    """
    if until is not None and not now < until <= now + LONGEST:
        raise Invalid.one("/until", "out_of_range", "Give a moment from now on, and at most a year away.")
    row = queries.action(principal, action_id, now=now)
    with transaction.atomic():
        note_shown(principal, [row], now=now)
        mine = Suggestion.objects.select_for_update().get(
            ledger_id=event_store.ledger_of(principal.organisation_id),
            client_id=row.client_id,
            mark=_mark(row),
            person=principal.label,
            closed_at__isnull=True,
        )
        mine.put_off_until = until
        mine.put_offs += until is not None
        mine.save(update_fields=["put_off_until", "put_offs"])
    return queries.action(principal, action_id, now=now)


def close_suggestions(*, now: datetime) -> int:
    """Notes which of the actions shown no longer stand, and why; answers how many. In all ledgers, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE, {"now": now})
        return cursor.rowcount


# By the policy in force when it was shown: under another one a rule may call for nothing any more.
_CLOSE = f"""
UPDATE "{Suggestion._meta.db_table}" shown
   SET closed_at = %(now)s,
       outcome = CASE WHEN shown.until <= %(now)s THEN 'lapsed'
                      WHEN shown.policy <> g.policy_version THEN 'withdrawn'
                      ELSE 'done' END
  FROM "{Generation._meta.db_table}" g
  JOIN "{ClientState._meta.db_table}" s ON s.generation_id = g.id
 WHERE shown.closed_at IS NULL AND g.state = 'live' AND g.ledger_id = shown.ledger_id
   AND s.client_id = shown.client_id
   AND (shown.until <= %(now)s OR NOT s.actions @> jsonb_build_array(jsonb_build_object('mark', shown.mark)))
"""


def _mark(row: ActionRow) -> str:
    return row.id.partition(".")[2]
