"""What to do next: per client, and per manager the most pressing of all of theirs.

The actions stand in the read tables, each with the stretch of time in which it presses, so a list is one look-up
however many clients there are. A client that is behind is folded live.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q

from accounts.roles import Principal
from relationships import event_store, projections
from relationships.domain import actions as rules
from relationships.domain.actions import RANKS, RULES, Action
from relationships.domain.advice import Teller, sentence
from relationships.domain.facts import Fact
from relationships.domain.instants import from_us, to_us
from relationships.domain.policy import Policy
from relationships.domain.sentences import dates_in
from relationships.models.projections import ClientState
from relationships.models.roster import Client, Colleague, Contact
from relationships.models.suggestions import Suggestion

from . import cursors
from .errors import Invalid, NotFound
from .named import because, facts_named
from .paging import one_of
from .rows import Asked, Because, Page
from .scope import Scope, as_id, checked_limit, scope_of
from .standing import ask

LIST = "actions1"
PER_MANAGER = 10
NOBODY = "nobody"  # the owner of clients without one, last in the list
# Of a manager's clients, those with the most pressing actions are looked at: enough for ten, whatever is left out.
LOOKED_AT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """Something to do about a client. `rank` 1 is the most pressing; `until` None: until an event closes it.

    `meeting_id` names the planned meeting that it is about, if it is about one; `put_off_until` is the asking
    person's own "not now".
    """

    id: str
    client_id: str
    client_name: str
    owner: str | None
    owner_name: str | None
    rule: str
    rank: int
    since: datetime
    until: datetime | None
    sentence: str
    events: tuple[str, ...]
    because: tuple[Because, ...]
    meeting_id: str | None
    put_off_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientActions(Asked):
    """What to do about one client at a moment, the most pressing first, at most three."""

    client_id: str
    data: tuple[ActionRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFigures:
    """What became of the suggestions of one rule: each counted once a person, however often it was shown.

    `open` still stand; `put_off` were at least once; `done_share` is done ÷ (done + lapsed), None while none ended.
    """

    rule: str
    rank: int
    shown: int
    open: int
    done: int
    lapsed: int
    withdrawn: int
    put_off: int
    done_share: float | None


@dataclass(frozen=True, slots=True)
class _Found:
    """An action of a client, not yet in words."""

    client: Client
    action: Action

    @property
    def order(self) -> tuple[int, float, str, str]:
        return self.action.rank, self.action.order, self.client.normal_name, self.action.mark


def actions(
    principal: Principal,
    *,
    now: datetime,
    owner: str | None = None,
    rule: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Page[ActionRow]:
    """What presses now over the visible clients: at most three a client and ten a manager, manager by manager.

    `owner` is the id of one of our people, or "nobody" for clients without one. Those that the asking person has put
    off are left out. The number of queries does not depend on the number of clients. Raises Invalid.
    """
    scope = scope_of(principal)
    most = max(1, checked_limit(limit) // PER_MANAGER)
    if rule is not None:
        one_of("rule", rule, tuple(RANKS))
    owners, following = _owners(scope, owner, most, cursor)
    found = _pressing(scope, owners, to_us(now), rule)
    return Page(rows=_rows(scope, found, now, {}), next=following, previous=None)


def for_person(principal: Principal, *, now: datetime, limit: int = PER_MANAGER) -> tuple[ActionRow, ...]:
    """The most pressing of the clients that this person looks after, else of all that are visible to them."""
    scope = scope_of(principal)
    mine = Colleague.objects.filter(ledger_id=scope.ledger_id, user_id=principal.user_id).first()
    owners = [mine.pk] if mine is not None and scope.clients().filter(owner=mine).exists() else None
    found = _pressing(scope, owners, to_us(now), None)
    return _rows(scope, sorted(found, key=lambda one: one.order)[:limit], now, {})


def client_actions(
    principal: Principal,
    ref: str,
    *,
    now: datetime,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    policy: int | None = None,
) -> ClientActions:
    """What to do about one client at `as_of`, which may lie ahead: if nothing more happens until then.

    What the asking person has put off is left out. Raises NotFound, Invalid as `stage` does.
    """
    asked = ask(principal, ref, now=now, as_of=as_of, known_at=known_at, policy=policy)
    off = _put_off(asked.scope, [asked.client.pk], asked.moments.as_of)
    told = rules.actions(asked.fold, asked.fold.judge())
    chosen = rules.pressing(told, asked.at, put_off=_marks(off, asked.client.pk))
    rows = _rows(asked.scope, [_Found(asked.client, one) for one in chosen], asked.moments.as_of, {})
    return ClientActions(client_id=str(asked.client.pk), data=rows, **asked.footer())


def put_off(principal: Principal, *, now: datetime) -> tuple[ActionRow, ...]:
    """What the asking person has put off and still presses, the soonest to come back first; at most fifty."""
    scope = scope_of(principal)
    visible = scope.clients()
    mine = Suggestion.objects.filter(
        ledger_id=scope.ledger_id, person=principal.label, closed_at__isnull=True, put_off_until__gt=now
    )
    rows = list(mine.filter(client__in=visible).order_by("put_off_until")[:50])
    clients = visible.select_related("owner").in_bulk([row.client_id for row in rows])
    told = _all_told(scope, list(clients))
    off = {(row.client_id, row.mark): row.put_off_until for row in rows if row.put_off_until}
    found = [
        _Found(clients[row.client_id], one)
        for row in rows
        for one in told.get(row.client_id, ())
        if one.mark == row.mark and one.presses(to_us(now))
    ]
    return _rows(scope, found, now, off)


def action(principal: Principal, action_id: str, *, now: datetime) -> ActionRow:
    """One action that presses now, put off or not. Raises NotFound, also when it has closed itself."""
    scope = scope_of(principal)
    client_id, _, mark = action_id.partition(".")
    if as_id(client_id) is None:
        raise NotFound("there is no such action")
    client = scope.client(client_id)
    for one in _all_told(scope, [client.pk]).get(client.pk, ()):
        if one.mark == mark and one.presses(to_us(now)):
            off = _put_off(scope, [client.pk], now)
            return _rows(scope, [_Found(client, one)], now, off)[0]
    raise NotFound("there is no such action, or an event has closed it")


def rule_figures(principal: Principal) -> tuple[RuleFigures, ...]:
    """For each rule what became of its suggestions about the visible clients, in the order of the rules."""
    scope = scope_of(principal)
    shown = Suggestion.objects.filter(ledger_id=scope.ledger_id)
    if principal.sight != "all":
        shown = shown.filter(client__in=scope.clients())
    outcome = {name: Count("pk", filter=Q(outcome=name)) for name in Suggestion.Outcome.values}
    counted = shown.values("rule").annotate(
        shown=Count("pk"),
        open=Count("pk", filter=Q(closed_at__isnull=True)),
        put_off=Count("pk", filter=Q(put_offs__gt=0)),
        **outcome,
    )
    figures: dict[str, dict[str, Any]] = {row["rule"]: dict(row) for row in counted}
    return tuple(_figures(rule, rank, figures.get(rule, {})) for rank, (rule, _) in enumerate(RULES, start=1))


def _figures(rule: str, rank: int, row: Mapping[str, Any]) -> RuleFigures:
    done, lapsed = row.get("done", 0), row.get("lapsed", 0)
    return RuleFigures(
        rule=rule,
        rank=rank,
        shown=row.get("shown", 0),
        open=row.get("open", 0),
        done=done,
        lapsed=lapsed,
        withdrawn=row.get("withdrawn", 0),
        put_off=row.get("put_off", 0),
        done_share=done / (done + lapsed) if done + lapsed else None,
    )


# ---------------------------------------------------------------------- whose


def _owners(scope: Scope, owner: str | None, most: int, cursor: str | None) -> tuple[list[UUID | None], str | None]:
    """The managers of one page, and the cursor of the next."""
    if owner is not None:
        identity = None if owner == NOBODY else as_id(owner)
        if identity is None and owner != NOBODY:
            raise Invalid.one("owner", "invalid_id", 'This is neither the id of one of our people nor "nobody".')
        return [identity], None
    after = cursors.read(LIST, cursor, [str])[0] if cursor is not None else None
    if after is not None and as_id(after) is None:
        raise Invalid.one("cursor", "invalid_cursor", "This is no cursor of this list: begin without one.")
    owned = scope.clients().filter(owner__isnull=False).order_by("owner_id").values_list("owner_id", flat=True)
    if after is not None:
        owned = owned.filter(owner_id__gt=after)
    owners: list[UUID | None] = list(owned.distinct()[:most])
    if len(owners) < most:
        return [*owners, None], None
    return owners, cursors.write(LIST, [str(owners[-1])])


# ---------------------------------------------------------------------- what presses

_PRESSING = f"""
WITH pressing AS MATERIALIZED (
    SELECT c.owner_id, c.id AS client_id, a.item, (a.item->>'rank')::int AS rank, (a.item->>'order')::float8 AS sort
      FROM ({{clients}}) c
      JOIN "{ClientState._meta.db_table}" s ON s.generation_id = %s AND s.client_id = c.id
      CROSS JOIN LATERAL jsonb_array_elements(s.actions) AS a (item)
     WHERE (a.item->>'since')::bigint <= %s AND coalesce((a.item->>'until')::bigint > %s, true)
), placed AS (
    SELECT client_id, row_number() OVER (PARTITION BY {{part}} ORDER BY rank, sort) AS place FROM pressing
), looked_at AS (
    SELECT DISTINCT client_id FROM placed WHERE place <= {LOOKED_AT}
)
SELECT client_id, item::text FROM pressing JOIN looked_at USING (client_id)
"""


def _pressing(scope: Scope, owners: Sequence[UUID | None] | None, at: int, rule: str | None) -> list[_Found]:
    """What presses on the clients of these owners (None: on all that are visible), ten a manager, in order."""
    visible = scope.clients()
    if owners is not None:
        named = Q(owner__in=[one for one in owners if one is not None])
        visible = visible.filter(named | Q(owner__isnull=True) if None in owners else named)
    told = _stored(scope, visible.order_by().values("id", "owner_id"), owners is not None, at)
    told |= _live(scope, visible)
    clients = {client.pk: client for client in visible.filter(pk__in=list(told)).select_related("owner")}
    off = _put_off(scope, list(told), from_us(at))
    by_owner: dict[Any, list[_Found]] = {}
    for client_id, client in clients.items():
        for one in rules.pressing(told[client_id], at, put_off=_marks(off, client_id)):
            if rule is None or one.rule == rule:
                by_owner.setdefault(client.owner_id, []).append(_Found(client, one))
    if owners is None:
        return [one for found in by_owner.values() for one in found]
    return [
        one for owner in owners for one in sorted(by_owner.get(owner, ()), key=lambda found: found.order)[:PER_MANAGER]
    ]


def _stored(scope: Scope, visible: Any, by_owner: bool, at: int) -> dict[UUID, list[Action]]:
    sql, parameters = visible.query.sql_with_params()
    statement = _PRESSING.format(clients=sql, part="owner_id" if by_owner else "1")
    told: dict[UUID, list[Action]] = {}
    with connection.cursor() as cursor:
        cursor.execute(statement, [*parameters, scope.generation_id, at, at])
        for client_id, item in cursor.fetchall():
            told.setdefault(client_id, []).append(_action(json.loads(item)))
    return told


def _action(plain: dict[str, Any]) -> Action:
    return Action(
        plain["rule"],
        plain["key"],
        plain["since"],
        plain["until"],
        plain["order"],
        tuple(plain["events"]),
        plain["about"],
    )


def _live(scope: Scope, visible: Any) -> dict[UUID, list[Action]]:
    """Those of the clients that are behind, folded from the log; one that cannot be folded has none."""
    behind = projections.behind(scope.ledger_id, scope.generation)
    if not behind:
        return {}
    wanted = sorted(str(pk) for pk in visible.filter(pk__in=behind).values_list("pk", flat=True))
    if not wanted:
        return {}
    streams = event_store.facts_by_stream(scope.ledger_id, streams=wanted)
    return {UUID(client_id): _worked_out(facts, scope.policy) for client_id, facts in streams}


def _worked_out(facts: list[Fact], policy: Policy) -> list[Action]:
    try:
        fold = projections.fold_whole(facts, policy)
    except Exception:
        return []
    return rules.actions(fold, fold.judge())


def _all_told(scope: Scope, client_ids: Sequence[UUID]) -> dict[UUID, list[Action]]:
    """All actions of some clients, those to come as well."""
    states = ClientState.objects.filter(generation_id=scope.generation_id, client__in=client_ids)
    stored = states.values_list("client_id", "actions")
    told = {client_id: [_action(plain) for plain in actions] for client_id, actions in stored}
    return told | _live(scope, Client.objects.filter(pk__in=client_ids))


PutOff = dict[tuple[UUID, str], datetime]


def _put_off(scope: Scope, client_ids: Collection[UUID], now: datetime) -> PutOff:
    """What the asking person does not want to see before a moment, by client and mark."""
    rows = Suggestion.objects.filter(
        ledger_id=scope.ledger_id,
        person=scope.principal.label,
        client__in=client_ids,
        closed_at__isnull=True,
        put_off_until__gt=now,
    )
    marked = rows.values_list("client_id", "mark", "put_off_until")
    return {(client, mark): until for client, mark, until in marked if until is not None}


def _marks(off: PutOff, client_id: UUID) -> set[str]:
    return {mark for client, mark in off if client == client_id}


# ---------------------------------------------------------------------- in words


def _rows(scope: Scope, found: Iterable[_Found], now: datetime, off: PutOff) -> tuple[ActionRow, ...]:
    shown = list(found)
    day = dates_in(scope.principal.time_zone)
    facts = facts_named(scope.ledger_id, [event for one in shown for event in one.action.events])
    names = _names(scope, [one.action for one in shown])
    teller = Teller(names.get, day, to_us(now))
    return tuple(
        ActionRow(
            id=f"{one.client.pk}.{one.action.mark}",
            client_id=str(one.client.pk),
            client_name=one.client.name,
            owner=None if one.client.owner_id is None else str(one.client.owner_id),
            owner_name=None if one.client.owner is None else one.client.owner.name,
            rule=one.action.rule,
            rank=one.action.rank,
            since=from_us(one.action.since),
            until=None if one.action.until is None else from_us(one.action.until),
            sentence=sentence(one.action, teller),
            events=tuple(one.action.events),
            because=because(one.action.events, facts, day),
            meeting_id=one.action.about.get("meeting_id"),
            put_off_until=off.get((one.client.pk, one.action.mark)),
        )
        for one in shown
    )


def _names(scope: Scope, shown: Sequence[Action]) -> dict[str, str]:
    """Names of the people whom the sentences name, as far as the principal may read them."""
    ours = {one.about["colleague"] for one in shown if one.about.get("colleague")}
    theirs = {one.about["contact"] for one in shown if one.about.get("contact")}
    names: dict[str, str] = {}
    if ours:
        colleagues = Colleague.objects.filter(ledger_id=scope.ledger_id, pk__in=ours)
        names |= {str(pk): name for pk, name in colleagues.values_list("pk", "name")}
    if theirs and scope.principal.reads_text:
        contacts = Contact.objects.filter(ledger_id=scope.ledger_id, pk__in=theirs)
        names |= {str(pk): name for pk, name in contacts.values_list("pk", "name") if name}
    return names
