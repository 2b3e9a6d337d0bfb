"""The newest events over all visible clients: for a first page, and for the log as people leaf through it."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.roles import Principal
from relationships import event_store
from relationships.models.log import Event

from .events import EPOCH, recorded, rows_of
from .paging import Order, page, place_of
from .rows import EventRow, Page
from .scope import checked_limit, scope_of

LATEST = "latest1"
# Whoever sees few clients would else read a long log backwards to find theirs.
RECENT = 50_000
_BY_POSITION = Order("position", int, "position", int)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """An event and the name of its client; None for events of the organisation."""

    event: EventRow
    client_name: str | None


def latest(
    principal: Principal,
    *,
    type: str | None = None,
    source: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Page[Logged]:
    """The events that the principal may see, the last recorded first.

    Who does not see everything is shown what is among the log's last 50,000. Raises Invalid, and NotFound without one.
    """
    scope = scope_of(principal)
    place = place_of(LATEST, "-position", _BY_POSITION, cursor)
    found = Event.objects.filter(ledger_id=scope.ledger_id)
    if principal.sight != "all":
        recent = event_store.head(scope.ledger_id).position - RECENT
        found = found.filter(stream_id__in=scope.clients().values("pk"), position__gt=recent)
    if type is not None:
        found = found.filter(type=type)
    if source is not None:
        found = found.filter(source=source)
    shown = page(found, LATEST, "-position", _BY_POSITION, place=place, limit=checked_limit(limit), at=EPOCH)
    rows = rows_of(scope, [recorded(one) for one in shown.rows])
    known = scope.clients().filter(pk__in={row.client_id for row in rows if row.client_id})
    names = {str(pk): name for pk, name in known.values_list("pk", "name")}
    return Page(
        rows=tuple(Logged(event=row, client_name=names.get(row.client_id or "")) for row in rows),
        next=shown.next,
        previous=shown.previous,
    )
