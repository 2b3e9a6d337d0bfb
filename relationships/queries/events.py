"""The log as its readers may see it: a client's events, one event, and the whole of it as a feed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from django.db.models.fields.json import KeyTextTransform

from accounts import walls
from accounts.roles import Principal
from relationships import event_store, sealing
from relationships.event_store import Appended, Recorded
from relationships.models.log import Event

from . import cursors
from .errors import Invalid, NotFound
from .paging import Order, one_of, page, place_of, texts
from .rows import EventRow, Feed, Head, Page, RedactedRow
from .scope import Scope, as_id, checked_limit, scope_of

FEED, EVENTS = "feed1", "events1"
SORTS = ("-version", "version", "-occurred_at", "occurred_at")
ORDERS = {
    "version": Order("version", int, "version", int),
    "occurred_at": Order("occurred_at", datetime, "version", int),
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StaleCursor(Exception):
    """A feed's cursor from before a restore, ahead of the log as it is now: what it had read is no longer there."""


def client_events(
    principal: Principal,
    ref: str,
    *,
    type: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    direction: str | None = None,
    channel: str | None = None,
    sort: str = "-version",
    limit: int | None = None,
    cursor: str | None = None,
) -> Page[EventRow]:
    """A client's events, newest first unless `sort` says otherwise; `since` is included, `until` excluded.

    Raises NotFound, and Invalid for a bad cursor, limit or sort.
    """
    texts(type=type, direction=direction, channel=channel)
    scope = scope_of(principal)
    client = scope.client(ref)
    order = ORDERS[one_of("sort", sort, SORTS).lstrip("-")]
    place = place_of(EVENTS, sort, order, cursor)
    events = Event.objects.filter(ledger_id=scope.ledger_id, stream_id=client.pk)
    for condition, value in {"type": type, "occurred_at__gte": since, "occurred_at__lt": until}.items():
        if value is not None:
            events = events.filter(**{condition: value})
    for name, value in (("direction", direction), ("channel", channel)):
        if value is not None:
            events = events.annotate(**{name: KeyTextTransform(name, "body")}).filter(**{name: value})
    found = page(events, EVENTS, sort, order, place=place, limit=checked_limit(limit), at=EPOCH)
    rows = rows_of(scope, [recorded(one) for one in found.rows])
    return Page(rows=tuple(rows), next=found.next, previous=found.previous)


def event(principal: Principal, event_id: str) -> EventRow:
    """One event. Raises NotFound."""
    found = {} if as_id(event_id) is None else events_by_id(principal, [event_id])
    if event_id not in found:
        raise NotFound("there is no such event")
    return found[event_id]


def events_by_id(principal: Principal, event_ids: Sequence[str]) -> dict[str, EventRow]:
    """Those of some events that there are and that the principal may see."""
    scope = scope_of(principal)
    found = event_store.events(scope.ledger_id, event_ids).values()
    visible = _visible_streams(scope, found)
    return {row.event_id: row for row in rows_of(scope, [event for event in found if event.stream_id in visible])}


def appended(principal: Principal, one: Appended) -> EventRow:
    """An event that the principal has just recorded, or found recorded, as `event` would show it."""
    if one.personal is None:
        return event(principal, one.event.event_id)
    opened = one.personal if principal.reads_text else {}
    return _row(one.event, opened, None, event_store.ledger_stream(one.event.ledger_id))


def feed(principal: Principal, *, after: str | None = None, limit: int | None = None) -> Feed:
    """The log after a cursor (None: from its beginning), in order. What the reader may not see comes redacted.

    Raises Invalid for a bad cursor or limit, StaleCursor, and NotFound without a log.
    """
    scope, wanted = scope_of(principal), checked_limit(limit)
    end = event_store.head(scope.ledger_id)
    position = 0 if after is None else _position_of(after, scope.ledger_id, end)
    with walls.seeing(principal):
        rows, more = _stretch(scope, position, wanted)
    last = rows[-1].position if rows else position
    return Feed(rows=rows, next_cursor=_cursor(scope.ledger_id, end.epoch, last), has_more=more)


def _stretch(scope: Scope, position: int, wanted: int) -> tuple[tuple[EventRow | RedactedRow, ...], bool]:
    """The rows after a position, and whether there are more."""
    if scope.principal.sight == "all":
        events = event_store.read_log(scope.ledger_id, after=position, limit=wanted + 1)
        return tuple(rows_of(scope, events[:wanted])), len(events) > wanted
    bones = event_store.skeleton(scope.ledger_id, after=position, limit=wanted + 1)
    return tuple(_fleshed(scope, bones[:wanted])), len(bones) > wanted


def head(principal: Principal) -> Head:
    """The end of the log. Raises NotFound without one."""
    ledger_id = scope_of(principal).ledger_id
    end = event_store.head(ledger_id)
    return Head(
        ledger=ledger_id,
        position=end.position,
        cursor=_cursor(ledger_id, end.epoch, end.position),
        chain_hash=end.chain_hash.hex(),
    )


def rows_of(scope: Scope, events: list[Recorded]) -> list[EventRow]:
    """Events as the principal may read them, in the order given."""
    ids = [event.event_id for event in events]
    opened = sealing.open_parts(scope.ledger_id, ids) if scope.principal.reads_text else {}
    superseded_by = event_store.successors(scope.ledger_id, ids)
    own_stream = event_store.ledger_stream(scope.ledger_id)
    return [
        _row(event, opened.get(event.event_id, {}), superseded_by.get(event.event_id), own_stream) for event in events
    ]


def _row(event: Recorded, opened: Mapping[str, Any], superseded_by: str | None, own_stream: str) -> EventRow:
    personal = {name: value for name, value in opened.items() if name != "text"}
    return EventRow(
        event_id=event.event_id,
        client_id=None if event.stream_id == own_stream else event.stream_id,
        version=event.version,
        ledger=event.ledger_id,
        position=event.position,
        type=event.type,
        type_version=event.type_version,
        occurred_at=event.occurred_at,
        occurred_tz=event.occurred_tz,
        precision=event.precision,
        recorded_at=event.recorded_at,
        recorded_by=event.recorded_by,
        source=event.source,
        external_id=event.external_id,
        request_id=event.request_id,
        data=_merged(event.data, personal),
        text=opened.get("text"),
        sealed=event.sealed_digest is not None,
        supersedes=event.supersedes,
        superseded_by=superseded_by,
        chain_hash=event.chain_hash.hex(),
    )


def _merged(clear: Mapping[str, Any], personal: Mapping[str, Any]) -> dict[str, Any]:
    """Both parts of an event's data as they were stated together."""
    whole = dict(clear)
    for name, value in personal.items():
        before = whole.get(name)
        whole[name] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return whole


def _visible_streams(scope: Scope, events: Iterable[Recorded]) -> set[str]:
    """Which of the events' streams the principal may see; the organisation's own is for those who see everything."""
    streams = {event.stream_id for event in events}
    if scope.principal.sight == "all":
        return streams  # the whole log is theirs
    return {str(client) for client in scope.clients().filter(pk__in=streams).values_list("pk", flat=True)}


def _fleshed(scope: Scope, bones: list[tuple[int, bytes]]) -> Iterator[EventRow | RedactedRow]:
    """The events at these positions without holes, redacted where the principal may not read them."""
    if not bones:
        return
    found = event_store.read_span(scope.ledger_id, after=bones[0][0] - 1, until=bones[-1][0])
    visible = _visible_streams(scope, found)
    seen = {row.position: row for row in rows_of(scope, [event for event in found if event.stream_id in visible])}
    for position, chain_hash in bones:
        yield seen.get(position) or RedactedRow(ledger=scope.ledger_id, position=position, chain_hash=chain_hash.hex())


def _cursor(ledger_id: int, epoch: int, position: int) -> str:
    return cursors.write(FEED, [epoch, ledger_id, position])


def _position_of(cursor: str, ledger_id: int, end: event_store.Head) -> int:
    epoch, ledger, position = cursors.read(FEED, cursor, [int, int, int])
    if epoch < end.epoch and position > end.position and ledger == ledger_id:
        raise StaleCursor("the log was restored to a moment before this cursor: read it again from where you trust it")
    if ledger != ledger_id or epoch > end.epoch or not 0 <= position <= end.position:
        raise Invalid.one("after", "invalid_cursor", "This is no cursor of this log: begin without one.")
    return int(position)


def recorded(event: Event) -> Recorded:
    return Recorded(
        event.ledger_id,
        event.position,
        str(event.event_id),
        str(event.stream_id),
        event.version,
        event.type,
        event.type_version,
        event.occurred_at,
        event.occurred_tz,
        event.precision,
        event.recorded_at,
        event.recorded_by,
        event.source,
        event.external_id,
        event.request_id,
        None if event.supersedes is None else str(event.supersedes),
        orjson.loads(event.body),
        bytes(event.chain_hash),
        None if event.sealed_digest is None else bytes(event.sealed_digest),
    )
