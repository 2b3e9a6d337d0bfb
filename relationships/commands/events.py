"""Recording what happened: one event, many, a correction, a retraction.

The facts are appended first; the clients they touch are projected right after, in transactions of their own.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from psycopg.errors import UniqueViolation

from accounts.roles import Principal
from relationships import event_store, projections
from relationships.domain.draft import Draft
from relationships.domain.facts import CORRECTED, RETRACTED
from relationships.domain.fields import Errors, FieldError, text_fault
from relationships.domain.ids import bound_to as ids_bound_to
from relationships.event_store import Appended, EventUnknown, Outcome, Recorded, VersionConflict
from relationships.queries.scope import Scope, as_id, scope_of

from .drafting import amended, moment, stated
from .effects import EFFECTIVE, take_effect
from .errors import BatchRefused, Forbidden, Invalid, NotFound, PreconditionFailed, PreconditionRequired
from .people import People
from .scopes import demand

AMENDMENTS = (CORRECTED, RETRACTED)
MOST = 1_000
NAMING = ("client_id", "client")


def record_event(
    principal: Principal,
    ref: str,
    item: Mapping[str, Any],
    *,
    if_match: int | None = None,
    now: datetime,
    request_id: str | None = None,
    event_id: str | None = None,
) -> Appended:
    """Records one event of a client (id or "source:external id") and projects the client.

    `item` is what the API takes: `{type, occurred_at, occurred_tz?, precision?, source?, external_id?, text?, data?}`,
    times as text or aware datetimes; people in `data` as ids, e-mail addresses or `{platform, handle, name?}`. With
    `if_match`, only when the client is at that version; corrections and retractions demand it. An event whose
    (source, external_id) is known comes back with `created` False. With `event_id` it is recorded under that id, and
    once: should somebody else record it at the same time, theirs comes back.

    Raises NotFound, Invalid, Forbidden, Conflict, PreconditionFailed and PreconditionRequired.
    """
    demand(principal, "events:write")
    scope = scope_of(principal)
    with projections.in_turn(scope.ledger_id):
        client_id = scope.client_id(ref)
        draft = _checked(scope, client_id, stated(item, now=now), now=now)
        if draft.type in AMENDMENTS and if_match is None:
            raise PreconditionRequired
        people = _people(scope, [(client_id, draft)])
        try:
            appended = _append(scope, client_id, replace(draft, event_id=event_id), people, if_match, now, request_id)
        except IntegrityError:
            known = event_store.events(scope.ledger_id, [event_id]) if event_id else {}
            if event_id not in known:
                raise
            return Appended(known[event_id], created=True)
        except VersionConflict as conflict:
            raise PreconditionFailed(conflict.current) from None
        except EventUnknown:
            raise _unknown_event() from None
    if appended.created:
        projections.project(scope.ledger_id, client_id, now=now)
    return appended


def correct_event(
    principal: Principal,
    ref: str,
    event_id: str,
    *,
    reason: str,
    if_match: int | None,
    occurred_at: datetime | str | None = None,
    precision: str | None = None,
    data: Mapping[str, Any] | None = None,
    now: datetime,
    request_id: str | None = None,
) -> Appended:
    """Records how an event really was; `data` replaces all of it, None leaves it. Raises as `record_event` does."""
    errors: Errors = []
    at = None if occurred_at is None else moment(occurred_at, "/data/occurred_at", errors)
    if errors:
        raise Invalid(errors)
    given = {
        "event_id": event_id,
        "reason": reason,
        "occurred_at": None if at is None else at.isoformat(),
        "precision": precision,
        "data": data,
    }
    item = {"type": CORRECTED, "occurred_at": now, "data": {k: v for k, v in given.items() if v is not None}}
    return record_event(principal, ref, item, if_match=if_match, now=now, request_id=request_id)


def retract_event(
    principal: Principal,
    ref: str,
    event_id: str,
    *,
    reason: str,
    if_match: int | None,
    now: datetime,
    request_id: str | None = None,
) -> Appended:
    """Records that an event never happened; this is final. Raises as `record_event` does."""
    item = {"type": RETRACTED, "occurred_at": now, "data": {"event_id": event_id, "reason": reason}}
    return record_event(principal, ref, item, if_match=if_match, now=now, request_id=request_id)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one item of a batch: `appended`, or the `error` for which it was refused."""

    index: int
    appended: Appended | None
    error: Exception | None


def record_events(
    principal: Principal,
    items: Sequence[Any],
    *,
    atomic: bool = False,
    now: datetime,
    request_id: str | None = None,
    bound_to: str | None = None,
    resumed: bool = False,
) -> list[Result]:
    """Records many events, each naming its client by `client_id` or `client` {source, id}; answers in their order.

    What is wrong with one does not stop the rest; with `atomic`, one fault refuses all. Corrections go one by one, by
    `record_event`. With `bound_to`, a UUIDv7, the events' ids follow from it and their place; `resumed` says that some
    of them may be recorded already, and these come back as though they were recorded now.

    Raises Forbidden without the scope, Invalid for more than 1,000 items, BatchRefused.
    """
    demand(principal, "events:write")
    if len(items) > MOST:
        raise Invalid.one("/events", "too_many", f"{len(items)} events; at most {MOST} at once.")
    scope = scope_of(principal)
    ids = {} if bound_to is None else {index: ids_bound_to(bound_to, index) for index in range(len(items))}
    done = _done(scope, ids) if resumed else {}
    try:
        return _record_events(scope, items, ids, done, atomic, now, request_id)
    except (IntegrityError, UniqueViolation):
        # A batch is recorded in one transaction: either somebody else has recorded this very one meanwhile, or nobody.
        done = _done(scope, ids)
        if not done:
            raise
        return _record_events(scope, items, ids, done, atomic, now, request_id)


def _done(scope: Scope, ids: Mapping[int, str]) -> dict[int, Appended]:
    """Which events of a batch are recorded, by their index."""
    known = event_store.events(scope.ledger_id, ids.values())
    return {index: Appended(known[event_id], created=True) for index, event_id in ids.items() if event_id in known}


def _record_events(
    scope: Scope,
    items: Sequence[Any],
    ids: Mapping[int, str],
    done: Mapping[int, Appended],
    atomic: bool,
    now: datetime,
    request_id: str | None,
) -> list[Result]:
    errors: dict[int, Exception] = {}
    client_ids = _clients_of(scope, items, errors, leave_out=done)
    drafts = _drafts_of(items, client_ids, ids, errors, now)
    people = _people(scope, [(client_ids[index], draft) for index, draft in drafts.items()])
    _refuse(errors, atomic)
    with transaction.atomic():
        if people.unknown:
            event_store.lock_streams(scope.ledger_id, {client_ids[index] for index in drafts})
            people.look_up()
            people.make(now=now)
        ready = _resolved(people, client_ids, drafts, errors)
        _refuse(errors, atomic)
        outcomes = _append_batch(scope, people, client_ids, ready, now, request_id)
        errors |= {index: _told(outcome) for index, outcome in outcomes.items() if isinstance(outcome, Exception)}
        _refuse(errors, atomic)
        created = {index: o for index, o in outcomes.items() if isinstance(o, Appended) and o.created}
        for client_id in {client_ids[index] for index, o in created.items() if o.event.type in EFFECTIVE}:
            take_effect(scope.ledger_id, client_id)
    projections.project_many(scope.ledger_id, sorted({client_ids[index] for index in created}), now=now)
    told: dict[int, Outcome] = {**outcomes, **done}
    return [
        Result(
            index,
            outcome if isinstance(outcome := told.get(index), Appended) else None,
            errors.get(index),
        )
        for index in range(len(items))
    ]


# ---------------------------------------------------------------------- one event


def _checked(scope: Scope, client_id: str, draft: Draft, *, now: datetime) -> Draft:
    """The draft, a correction's new data checked by the type of the fact that it corrects."""
    if draft.type not in AMENDMENTS:
        return draft
    fact = _fact_of(scope, draft.data["event_id"])
    if fact is None or fact.stream_id != client_id:
        raise _unknown_event()
    return replace(draft, data=amended(draft.data, fact, now=now))


def _fact_of(scope: Scope, event_id: str) -> Recorded | None:
    """The fact at the root of the lineage that an event belongs to."""
    while True:
        found = event_store.events(scope.ledger_id, [event_id]).get(event_id)
        if found is None or found.type not in AMENDMENTS:
            return found
        event_id = str(found.data["event_id"])


def _unknown_event() -> Invalid:
    return Invalid.one("/data/event_id", "unknown_event", "This client has no such event.")


def _people(scope: Scope, drafts: Iterable[tuple[str, Draft]]) -> People:
    people = People(scope.ledger_id, scope.principal.organisation_id)
    for client_id, draft in drafts:
        people.mention(client_id, draft.data, draft.occurred_at)
    people.look_up()
    return people


def _append(
    scope: Scope,
    client_id: str,
    draft: Draft,
    people: People,
    if_match: int | None,
    now: datetime,
    request_id: str | None,
) -> Appended:
    ledger_id = scope.ledger_id
    append = partial(event_store.append, ledger_id, recorded_by=scope.principal.label, now=now, request_id=request_id)
    if not people.unknown and draft.type not in EFFECTIVE:
        # The usual case: one round trip, no surrounding transaction.
        return append(client_id, _with_people(people, client_id, draft), expected_version=if_match)
    with transaction.atomic():
        # Two requests that name the same unknown person wait for each other here; the second finds it.
        version = event_store.lock_streams(ledger_id, [client_id])[client_id]
        people.look_up()
        people.make(now=now)
        ready = _with_people(people, client_id, draft)
        if people.added and if_match is not None:
            if if_match != version:
                raise VersionConflict(version)
            if_match = version + len(people.added)
        for of_client, added in people.added:
            append(of_client, added)
        appended = append(client_id, ready, expected_version=if_match)
        if appended.created and draft.type in EFFECTIVE:
            take_effect(ledger_id, client_id)
    return appended


def _with_people(people: People, client_id: str, draft: Draft) -> Draft:
    errors: Errors = []
    data = people.resolve(client_id, draft.data, errors)
    if errors:
        raise Invalid(errors)
    return replace(draft, data=data)


# ---------------------------------------------------------------------- many events


def _clients_of(
    scope: Scope, items: Sequence[Any], errors: dict[int, Exception], *, leave_out: Container[int]
) -> dict[int, str]:
    """The client of each item, by its index, in two queries; what names none is an error."""
    named: dict[int, str | tuple[str, str]] = {}
    for index, item in enumerate(items):
        if index in leave_out:
            continue
        try:
            named[index] = _client_named(item)
        except Invalid as invalid:
            errors[index] = invalid
    ids = {name for name in named.values() if isinstance(name, str)}
    visible: dict[Any, str] = {
        str(pk): str(pk) for pk in scope.clients().filter(pk__in=ids).values_list("pk", flat=True)
    }
    pairs = {name for name in named.values() if not isinstance(name, str)}
    if pairs:
        rows = scope.clients().filter(
            external_ids__source__in={source for source, _ in pairs},
            external_ids__external_id__in={external_id for _, external_id in pairs},
        )
        for pk, source, external_id in rows.values_list("pk", "external_ids__source", "external_ids__external_id"):
            visible[source, external_id] = str(pk)
    for index, name in named.items():
        if name not in visible:
            errors[index] = NotFound("there is no such client")
    return {index: visible[name] for index, name in named.items() if name in visible}


def _client_named(item: Any) -> str | tuple[str, str]:
    """What an item names its client by: an id, or a source and its id there. Raises Invalid."""
    if not isinstance(item, Mapping):
        raise Invalid.one("", "wrong_type", "This is no event: an object is wanted.")
    client_id, client = item.get("client_id"), item.get("client")
    if (client_id is None) == (client is None):
        raise Invalid.one("/client_id", "required", "Name the client by `client_id` or by `client` {source, id}.")
    if isinstance(client_id, str) and (identity := as_id(client_id)) is not None:
        return str(identity)
    if client_id is not None:
        raise Invalid.one("/client_id", "invalid_id", "A client's id is a UUID, as the API gives them.")
    if isinstance(client, Mapping) and set(client) == {"source", "id"} and all(map(_is_text, client.values())):
        return str(client["source"]), str(client["id"])
    raise Invalid.one("/client", "wrong_type", "A client is named by {source, id}, both text.")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and text_fault(value) is None


def _drafts_of(
    items: Sequence[Any],
    client_ids: Mapping[int, str],
    ids: Mapping[int, str],
    errors: dict[int, Exception],
    now: datetime,
) -> dict[int, Draft]:
    drafts = {}
    for index in client_ids:
        item = {name: value for name, value in items[index].items() if name not in NAMING}
        try:
            draft = stated(item, now=now)
        except (Invalid, Forbidden) as refusal:
            errors[index] = refusal
            continue
        if draft.type in AMENDMENTS:
            errors[index] = PreconditionRequired("corrections and retractions are recorded one by one, with If-Match")
        else:
            drafts[index] = replace(draft, event_id=ids.get(index))
    return drafts


def _resolved(
    people: People, client_ids: Mapping[int, str], drafts: Mapping[int, Draft], errors: dict[int, Exception]
) -> dict[int, Draft]:
    ready = {}
    for index, draft in drafts.items():
        try:
            ready[index] = _with_people(people, client_ids[index], draft)
        except Invalid as invalid:
            errors[index] = invalid
    return ready


def _append_batch(
    scope: Scope,
    people: People,
    client_ids: Mapping[int, str],
    ready: Mapping[int, Draft],
    now: datetime,
    request_id: str | None,
) -> dict[int, Outcome]:
    """Appends the contacts made and the events; the outcome of each event, by its index.

    Of several with one natural key the first given is recorded: the store itself takes a batch in order of time.
    """
    outcomes: dict[int, Outcome] = {}
    added = people.added
    for wave in _waves(client_ids, ready):
        batch = [*added, *((client_ids[index], draft) for index, draft in wave.items())]
        told = event_store.append_batch(
            scope.ledger_id, batch, recorded_by=scope.principal.label, now=now, request_id=request_id
        )
        outcomes |= dict(zip(wave, told[len(added) :], strict=True))
        added = []
    return outcomes


def _waves(client_ids: Mapping[int, str], ready: Mapping[int, Draft]) -> Iterable[dict[int, Draft]]:
    """The drafts, those that repeat a natural key of the same batch after all others."""
    first: dict[int, Draft] = {}
    again: dict[int, Draft] = {}
    seen = set()
    for index, draft in ready.items():
        key = (client_ids[index], draft.source, draft.external_id)
        repeats = draft.external_id is not None and key in seen
        (again if repeats else first)[index] = draft
        seen.add(key)
    return (wave for wave in (first, again) if wave)


def _told(refusal: Exception) -> Exception:
    return _unknown_event() if isinstance(refusal, EventUnknown) else refusal


def _refuse(errors: Mapping[int, Exception], atomic: bool) -> None:
    """Raises BatchRefused when all or nothing was asked and something is wrong."""
    if not atomic or not errors:
        return
    found: Errors = []
    for index, error in sorted(errors.items()):
        place = f"/events/{index}"
        if isinstance(error, Invalid):
            found += [FieldError(place + one.pointer, one.code, one.detail) for one in error.errors]
        else:
            found.append(FieldError(place, _CODES.get(type(error).__name__, "refused"), str(error)))
    raise BatchRefused(found)


_CODES = {
    "NotFound": "not_found",
    "Forbidden": "forbidden",
    "Conflict": "conflict",
    "PreconditionRequired": "precondition_required",
}
