"""Who knows whom, through which accounts it runs, and what would leave with one of ours.

A tie is strength restricted to one of our people and one contact: the same terms, the same fading. Ties stand in the
read tables as running sums, so a portfolio is one look-up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from accounts.roles import Principal
from relationships.domain.balance import balance_at, echo_at
from relationships.domain.instants import DAY, from_us, to_us
from relationships.domain.policy import Policy
from relationships.domain.strength import Mark, band, strength_of
from relationships.models.projections import ClientState
from relationships.models.roster import Client, Colleague, Contact

from .errors import NotFound
from .paging import one_of
from .rows import Asked
from .scope import MOST, Scope, as_id, scope_of
from .standing import Folded, ask

NOTHING = 0.005  # points: a tie that has faded below is none
HANDOVER_STATES = ("begun", "met", "completed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """How well one of our people knows one contact; `share` is the part of the client's whole sum in it."""

    person_id: str
    person_name: str | None
    contact_id: str
    contact_name: str | None
    contact_left: bool
    strength: float
    band: str
    share: float
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """Whom of us to ask for an introduction to a contact: who knows them best.

    `through_id` is None when nobody knows them; then `by_way_of` is who knows somebody at the client best.
    """

    contact_id: str
    contact_name: str | None
    through_id: str | None
    through_name: str | None
    by_way_of_id: str | None
    by_way_of_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ties(Asked):
    """Who knows whom at one client, the strongest first, and whom to ask for an introduction to each contact."""

    client_id: str
    data: tuple[Tie, ...]
    introductions: tuple[Introduction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPoints:
    """What one of our people earned personally."""

    person_id: str | None
    person_name: str | None
    points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceAnswer(Asked):
    """Personal ÷ all points over 180 days, what they rest on, and the echo over 365; None below the minimum."""

    client_id: str
    verdict: str
    share: float | None
    personal: float
    brand: float
    minimum: float
    people: tuple[PersonPoints, ...]
    echo: float | None
    echo_agreeing: int
    echo_all: int
    echo_minimum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What one of ours carries at one client: `share` of its strength, and the contacts that nobody else knows."""

    client_id: str
    client_name: str
    owner: str | None
    strength: float | None
    share: float
    contacts: tuple[str, ...]
    only_theirs: tuple[str, ...]
    next_best: str | None
    next_best_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverRow:
    """A client passing from one of ours to another.

    `state`: begun, then met (a meeting without the former owner was held), or completed (said so, without one).
    `days` is from the start to that meeting, or until now while there was none.
    """

    client_id: str
    client_name: str
    owner: str | None
    former: str | None
    former_name: str | None
    successor: str | None
    successor_name: str | None
    started_at: datetime
    event_id: str
    first_meeting_at: datetime | None
    first_meeting: str | None
    completed_at: datetime | None
    state: str
    days: float


def ties(
    principal: Principal,
    ref: str,
    *,
    now: datetime,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    policy: int | None = None,
) -> Ties:
    """Who of us knows whom at a client. Raises NotFound, Invalid as `stage` does."""
    asked = ask(principal, ref, now=now, as_of=as_of, known_at=known_at, policy=policy)
    fold = asked.fold
    found = [tie for tie in fold.ties(asked.at) if tie[2] >= NOTHING]
    people = _people(asked.scope, {ours for ours, _, _ in found})
    contacts = {
        str(contact.pk): contact
        for contact in Contact.objects.filter(ledger_id=asked.scope.ledger_id, client=asked.client)
    }
    whole = fold.total(asked.at)
    rows = tuple(
        Tie(
            person_id=ours,
            person_name=people.get(ours),
            contact_id=theirs,
            contact_name=_readable(asked.scope, contacts.get(theirs)),
            contact_left=theirs in contacts and contacts[theirs].left_at is not None,
            strength=strength_of(points, fold.policy.scale),
            band=band(strength_of(points, fold.policy.scale), fold.policy),
            share=min(1.0, points / whole) if whole else 0.0,
            last_at=from_us(fold.pairs[f"{ours} {theirs}"][0]),
        )
        for ours, theirs, points in found
    )
    introductions = _introductions(asked, rows, contacts.values(), people)
    return Ties(client_id=str(asked.client.pk), data=rows, introductions=introductions, **asked.footer())


def _introductions(
    asked: Folded, found: tuple[Tie, ...], contacts: Iterable[Contact], people: dict[str, str]
) -> tuple[Introduction, ...]:
    """For each contact who is still there, in the order of their names (of their ids, for who may not read them)."""
    best: dict[str, str] = {}
    for tie in found:
        best.setdefault(tie.contact_id, tie.person_id)
    otherwise = found[0].person_id if found else None
    rows = []
    for contact in contacts:
        if contact.left_at is not None or contact.erased_at is not None:
            continue
        through = best.get(str(contact.pk))
        by_way_of = None if through else otherwise
        rows.append(
            Introduction(
                contact_id=str(contact.pk),
                contact_name=_readable(asked.scope, contact),
                through_id=through,
                through_name=people.get(through or ""),
                by_way_of_id=by_way_of,
                by_way_of_name=people.get(by_way_of or ""),
            )
        )
    return tuple(sorted(rows, key=lambda row: ((row.contact_name or "").casefold(), row.contact_id)))


def balance(
    principal: Principal,
    ref: str,
    *,
    now: datetime,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    policy: int | None = None,
) -> BalanceAnswer:
    """Through which accounts the relationship runs, and its echo. Raises NotFound, Invalid as `stage` does."""
    asked = ask(principal, ref, now=now, as_of=as_of, known_at=known_at, policy=policy)
    told, echo = balance_at(asked.fold, asked.at), echo_at(asked.fold, asked.at)
    names = _people(asked.scope, {person for person, _ in told.people})
    return BalanceAnswer(
        client_id=str(asked.client.pk),
        verdict=told.verdict,
        share=told.share,
        personal=told.personal,
        brand=told.brand,
        minimum=asked.fold.policy.balance_minimum,
        people=tuple(
            PersonPoints(person_id=person or None, person_name=names.get(person), points=points)
            for person, points in told.people
        ),
        echo=echo.share,
        echo_agreeing=echo.agreeing,
        echo_all=echo.all,
        echo_minimum=asked.fold.policy.echo_minimum,
        **asked.footer(),
    )


# ---------------------------------------------------------------------- over the portfolio

_TIES_OF = f"""
SELECT s.client_id, tie.ours, tie.theirs, tie.at, tie.met, tie.talked, s.half_life_meeting, s.half_life_exchange
  FROM "{ClientState._meta.db_table}" s
  CROSS JOIN LATERAL jsonb_to_recordset(s.ties)
       AS tie (ours text, theirs text, at bigint, met float8, talked float8)
 WHERE s.generation_id = %(generation)s
   AND s.ties @> jsonb_build_array(jsonb_build_object('ours', %(person)s::text))
"""


def leaving(principal: Principal, person_id: str, *, now: datetime) -> tuple[Leaving, ...]:
    """What would leave with one of ours, over the visible clients, the largest share first; at most 500 clients.

    As of the latest events that are worked in. Raises NotFound for nobody of ours.
    """
    scope = scope_of(principal)
    person = _person(scope, person_id)
    at = to_us(now)
    sums: dict[UUID, dict[tuple[str, str], float]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_TIES_OF, {"generation": scope.generation_id, "person": str(person.pk)})
        for client_id, ours, theirs, then, met, talked, long, short in cursor.fetchall():
            points = Mark(then, met, talked, long, short).total(at)
            if points >= NOTHING:
                sums.setdefault(client_id, {})[(ours, theirs)] = points
    clients = scope.clients().filter(pk__in=list(sums)).in_bulk()
    states = {
        state.client_id: state
        for state in ClientState.objects.filter(generation_id=scope.generation_id, client__in=list(clients)).only(
            "client_id", "marked_at", "meetings_sum", "exchanges_sum", "half_life_meeting", "half_life_exchange"
        )
    }
    found = [
        _leaving(scope.policy, client, _total(states[pk], at), str(person.pk), sums[pk])
        for pk, client in clients.items()
    ]
    kept = sorted((row for row in found if row.share > 0), key=lambda row: (-row.share, row.client_name))[:MOST]
    names = _people(scope, {row.next_best for row in kept if row.next_best})
    return tuple(_named(row, names) for row in kept)


def _named(row: Leaving, names: dict[str, str]) -> Leaving:
    values = {name: getattr(row, name) for name in Leaving.__slots__}
    return Leaving(**values | {"next_best_name": names.get(row.next_best or "")})


def _leaving(policy: Policy, client: Client, whole: float, person: str, sums: dict[tuple[str, str], float]) -> Leaving:
    theirs = {contact for ours, contact in sums if ours == person}
    known_by_others = {contact for ours, contact in sums if ours != person}
    others: dict[str, float] = {}
    for (ours, _), points in sums.items():
        if ours != person:
            others[ours] = others.get(ours, 0.0) + points
    mine = sum(points for (ours, _), points in sums.items() if ours == person)
    return Leaving(
        client_id=str(client.pk),
        client_name=client.name,
        owner=None if client.owner_id is None else str(client.owner_id),
        strength=strength_of(whole, policy.scale) if whole else None,
        share=min(1.0, mine / whole) if whole else 0.0,
        contacts=tuple(sorted(theirs)),
        only_theirs=tuple(sorted(theirs - known_by_others)),
        next_best=max(others, key=lambda one: (others[one], one)) if others else None,
        next_best_name=None,
    )


def _total(state: ClientState, at: int) -> float:
    """The sum of strength at a moment, from the stored mark."""
    if state.marked_at is None:
        return 0.0
    mark = Mark(
        to_us(state.marked_at),
        state.meetings_sum,
        state.exchanges_sum,
        state.half_life_meeting,
        state.half_life_exchange,
    )
    return mark.total(at)


def handovers(principal: Principal, *, now: datetime, state: str | None = None) -> tuple[HandoverRow, ...]:
    """The latest hand-over of each visible client, those begun first; at most 500. `state` limits them.

    Raises Invalid.
    """
    scope = scope_of(principal)
    states = ClientState.objects.filter(**scope.mine(), handover__isnull=False).values_list("client_id", "handover")
    stored: dict[UUID, dict[str, Any]] = {pk: plain for pk, plain in states if plain is not None}
    clients = scope.clients().filter(pk__in=list(stored)).in_bulk()
    people = _people(
        scope, {one for pk in clients for one in (stored[pk]["former"], stored[pk]["successor"]) if one is not None}
    )
    rows = [_handover(clients[pk], stored[pk], people, to_us(now)) for pk in clients]
    if state is not None:
        one_of("state", state, HANDOVER_STATES)
        rows = [row for row in rows if row.state == state]
    latest_first = sorted(rows, key=lambda row: row.started_at, reverse=True)
    return tuple(sorted(latest_first, key=lambda row: HANDOVER_STATES.index(row.state))[:MOST])


def _handover(client: Client, plain: dict[str, Any], people: dict[str, str], now: int) -> HandoverRow:
    met, completed = plain["met_at"], plain["completed_at"]
    return HandoverRow(
        client_id=str(client.pk),
        client_name=client.name,
        owner=None if client.owner_id is None else str(client.owner_id),
        former=plain["former"],
        former_name=people.get(plain["former"] or ""),
        successor=plain["successor"],
        successor_name=people.get(plain["successor"] or ""),
        started_at=from_us(plain["at"]),
        event_id=plain["event_id"],
        first_meeting_at=None if met is None else from_us(met),
        first_meeting=plain["met_event"],
        completed_at=None if completed is None else from_us(completed),
        state="met" if met is not None else "completed" if completed is not None else "begun",
        days=((now if met is None else met) - plain["at"]) / DAY,
    )


# ---------------------------------------------------------------------- people


def _person(scope: Scope, person_id: str) -> Colleague:
    found = Colleague.objects.filter(ledger_id=scope.ledger_id, pk=person_id).first() if as_id(person_id) else None
    if found is None:
        raise NotFound("there is no such person among ours")
    return found


def _people(scope: Scope, ids: set[str]) -> dict[str, str]:
    """Our people's names by id."""
    wanted = [identity for identity in ids if as_id(identity)]
    rows = Colleague.objects.filter(Q(pk__in=wanted), ledger_id=scope.ledger_id).values_list("pk", "name")
    return {str(pk): name for pk, name in rows}


def _readable(scope: Scope, contact: Contact | None) -> str | None:
    return contact.name if contact is not None and scope.principal.reads_text else None
