"""The list of clients, and one of them: who they are and where they stand now. No query per row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    FilteredRelation,
    FloatField,
    Func,
    IntegerField,
    Min,
    OuterRef,
    Q,
    Value,
    When,
)
from django.db.models.expressions import CombinedExpression, Expression
from django.db.models.functions import Coalesce, Greatest, Power

from accounts.models import User
from accounts.roles import Principal
from relationships import event_store, projections
from relationships.domain.facts import Fact
from relationships.domain.fold import Fold
from relationships.domain.identity import normal_email, normal_name
from relationships.domain.instants import from_us, to_us
from relationships.domain.judgement import HEALTHS, STAGES, Period
from relationships.domain.policy import TIERS
from relationships.domain.strength import Mark
from relationships.models.projections import FOREVER, Meeting, Quarantine, Question, StagePeriod
from relationships.models.roster import ClientExternalId, ClientQuerySet

from .errors import NotFound
from .paging import Order, one_of, page, place_of, texts
from .rows import ClientRow, ExternalId, Page
from .scope import Scope, as_id, by_ref, checked_limit, scope_of
from .standing import known_by, period_of, strength_fields

LIST = "clients1"
# While a large import waits to be worked in there may be thousands: the rest are listed by what was told last.
MOST_LIVE = 500
BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
ORDERS = {
    "name": Order("normal_name", str, "pk"),
    "created_at": Order("registered_at", datetime, "pk"),
    "stage": Order("stage_rank", int, "pk"),
    "strength": Order("strength_key", float, "pk"),
    "last_contact_at": Order("contact_key", datetime, "pk"),
    "next_change_at": Order("change_key", datetime, "pk"),
}
SORTS = tuple(way + name for name in ORDERS for way in ("", "-"))

OneOrMore = str | Sequence[str]


def clients(
    principal: Principal,
    *,
    now: datetime,
    stage: OneOrMore | None = None,
    health: OneOrMore | None = None,
    owner: str | None = None,
    team: str | None = None,
    tier: OneOrMore | None = None,
    q: str | None = None,
    external_id: str | None = None,
    falls_before: datetime | None = None,
    sort: str = "name",
    limit: int | None = None,
    cursor: str | None = None,
) -> Page[ClientRow]:
    """A page of the visible clients with where they stand at `now`.

    Clients whose newest events are not worked in yet are folded live, so that filters and order are right for them too.
    `owner` is a colleague's id, an e-mail address, "me" or "none"; `team` a team's slug or id; `q` a part of the name
    or a domain; `external_id` "source:id"; `falls_before` leaves those whose stage falls before that moment if
    nothing more happens. All pages of a list are of the moment of its first. Raises Invalid.
    """
    texts(owner=owner, team=team, q=q, external_id=external_id)
    scope = scope_of(principal)
    order = ORDERS[one_of("sort", sort, SORTS).lstrip("-")]
    place = place_of(LIST, sort, order, cursor)
    at = place.at if place else now
    live = _behind(scope, at) if stage is not None or health is not None or falls_before or order.key in KEYS else {}
    found = _placed(
        scope, named_clients(scope, owner=owner, team=team, q=q, external_id=external_id), at, order.key, live
    )
    for name, value, allowed in (("stage", stage, STAGES), ("health", health, HEALTHS)):
        if value is not None:
            values = [value] if isinstance(value, str) else list(value)
            chosen = [one_of(name, one, allowed) for one in values]
            among = {pk for pk, one in live.items() if one.period and getattr(one.period, name) in chosen}
            found = found.filter(_either(Q(**{f"present__{name}__in": chosen}), live, among))
    if tier is not None:
        tiers = [tier] if isinstance(tier, str) else list(tier)
        found = found.filter(tier__in=[one_of("tier", one, TIERS) for one in tiers])
    if falls_before is not None:
        falls = StagePeriod.objects.filter(
            generation_id=scope.generation_id,
            client=OuterRef("pk"),
            falls=True,
            begins_at__gt=at,
            begins_at__lt=falls_before,
        )
        among = {pk for pk, one in live.items() if one.falls_at and one.falls_at < falls_before}
        found = found.filter(_either(Q(Exists(falls)), live, among))
    # Which and in which order first, with as little as that needs; what a row shows is read of the page's alone.
    shown = page(
        found, LIST, sort, order, place=place, limit=checked_limit(limit), at=at, read=lambda row, name: row[name]
    )
    ids = [str(row["pk"]) for row in shown.rows]
    rows = {row.id: row for row in rows_of(scope, scope.clients().filter(pk__in=ids), at)} if ids else {}
    return Page(rows=tuple(rows[one] for one in ids if one in rows), next=shown.next, previous=shown.previous)


def client(principal: Principal, ref: str, *, now: datetime) -> ClientRow:
    """The client of an id or "source:external id". Raises NotFound."""
    scope = scope_of(principal)
    return row_of(scope, by_ref(scope.clients(), ref), now)


def row_of(scope: Scope, clients: ClientQuerySet, now: datetime) -> ClientRow:
    """The only client of `clients`, as a row. Raises NotFound when there is none."""
    for row in rows_of(scope, clients, now):
        return row
    raise NotFound("there is no such client")


def rows_of(scope: Scope, clients: ClientQuerySet, now: datetime) -> list[ClientRow]:
    """Some clients as rows, in no order."""
    return list(_rows(scope, list(_at(scope, clients, now).values(*SHOWN)), now))


# ---------------------------------------------------------------------- which, in which order


def named_clients(
    scope: Scope,
    *,
    owner: str | None = None,
    team: str | None = None,
    q: str | None = None,
    external_id: str | None = None,
) -> ClientQuerySet:
    """The visible clients that these parameters leave; see `clients` for what each may say."""
    found = scope.clients()
    if owner is not None:
        found = found.filter(_owned_by(scope.principal, owner))
    if team is not None:
        found = found.filter(_owned_in(scope.principal, team))
    if q:
        found = found.filter(Q(normal_name__contains=normal_name(q)) | Q(domains__contains=[q.strip().lower()]))
    if external_id is not None:
        found = by_ref(found, external_id) if ":" in external_id else found.none()
    return found


def _owned_by(principal: Principal, owner: str) -> Q:
    if owner == "none":
        return Q(owner__isnull=True)
    if owner == "me":
        return Q(owner__user_id=principal.user_id) if principal.user_id else Q(pk__in=[])
    if "@" in owner:
        return Q(owner__email=normal_email(owner))
    return Q(owner=as_id(owner)) if as_id(owner) else Q(pk__in=[])


def _owned_in(principal: Principal, team: str) -> Q:
    """Owned by somebody of a team: by the login's team, or by the colleague's where there is no login."""
    named = Q(team_id=int(team)) if team.isdecimal() and len(team) < 19 else Q(team__slug=team)
    users = User.objects.filter(named, organisation_id=principal.organisation_id)
    own = Q(owner__user_id__in=users.values("pk"))
    if team.isdecimal() and len(team) < 19:
        own |= Q(owner__user_id__isnull=True, owner__team_id=int(team))
    return own


class _Seconds(Func):
    """A span in seconds."""

    template = "EXTRACT(EPOCH FROM %(expressions)s)"
    output_field = FloatField()


def _faded(total: str, half_life: str, at: datetime) -> Expression:
    """A stored sum at a moment. Far exponents would underflow, which PostgreSQL refuses."""
    age = CombinedExpression(
        _Seconds(Value(at) - F("state__marked_at")), "/", Value(86_400.0) * F(f"state__{half_life}"), FloatField()
    )
    shrunk = Power(Value(2.0), Greatest(Value(-900.0), Value(-1.0) * age, output_field=FloatField()))
    return CombinedExpression(F(f"state__{total}"), "*", shrunk, FloatField())


def _at(scope: Scope, found: ClientQuerySet, at: datetime) -> Any:
    """The clients, joined with their period at a moment (`present`) and their `state`, where these are asked for."""
    generation = scope.generation_id
    return found.alias(
        present=FilteredRelation(
            "periods",
            condition=Q(periods__generation_id=generation, periods__begins_at__lte=at, periods__ends_at__gt=at),
        ),
        state=FilteredRelation("states", condition=Q(states__generation_id=generation)),
    )


def _placed(scope: Scope, found: ClientQuerySet, at: datetime, key: str, live: Mapping[str, _Present]) -> Any:
    """The clients as rows of id and `key`, one of those that ORDERS names; `live` ones by where they stand in truth."""
    joined = _at(scope, found, at)
    if key in KEYS:
        stored = KEYS[key](at)
        otherwise = [When(pk=pk, then=Value(one.keys[key])) for pk, one in live.items()]
        by_key = Case(*otherwise, default=stored) if otherwise else stored
        joined = joined.annotate(**{key: by_key})
    return joined.values("pk", key)


def _either(stored: Q, live: Mapping[str, _Present], among: Iterable[str]) -> Q:
    """A condition that what is stored answers, but for the clients that are folded live: of these, `among`."""
    return (stored & ~Q(pk__in=list(live))) | Q(pk__in=list(among)) if live else stored


def _behind(scope: Scope, at: datetime) -> dict[str, _Present]:
    """The visible clients whose newest events are not worked in, folded live; the first of very many."""
    behind = projections.behind(scope.ledger_id, scope.generation)
    if not behind:
        return {}
    visible = scope.clients().filter(pk__in=behind)
    quarantined = _ids(Quarantine.objects.filter(generation_id=scope.generation_id, client_id__in=behind))
    wanted = [str(pk) for pk in visible.order_by("pk").values_list("pk", flat=True)[:MOST_LIVE]]
    return _live(scope, set(wanted) - quarantined, at)


def _stage_rank(at: datetime) -> Expression:
    ranks = [When(present__stage=stage, then=Value(rank)) for rank, stage in enumerate(STAGES)]
    return Case(*ranks, default=Value(-1), output_field=IntegerField())


def _strength_key(at: datetime) -> Expression:
    """The sum, since strength grows with it; unknown comes below every known one."""
    total = CombinedExpression(
        _faded("meetings_sum", "half_life_meeting", at),
        "+",
        _faded("exchanges_sum", "half_life_exchange", at),
        FloatField(),
    )
    known = When(state__last_contact_at__isnull=False, then=total)
    return Case(known, default=Value(-1.0), output_field=FloatField())


KEYS: Mapping[str, Callable[[datetime], Expression]] = {
    "stage_rank": _stage_rank,
    "strength_key": _strength_key,
    "contact_key": lambda at: Coalesce("state__last_contact_at", Value(BEFORE_ALL)),
    "change_key": lambda at: Coalesce("present__ends_at", Value(FOREVER)),
}


# ---------------------------------------------------------------------- rows


SHOWN = (
    "pk",
    "name",
    "tier",
    "time_zone",
    "remote_only",
    "tags",
    "domains",
    "owner_id",
    "owner__name",
    "registered_at",
    "present__stage",
    "present__health",
    "present__stage_since",
    "state__reached",
    "state__reached_at",
    "state__last_contact_at",
    "state__marks",
)


@dataclass(frozen=True, slots=True)
class _Present:
    """Where a client stands: read from the tables, or folded live."""

    period: Period | None
    stage_since: datetime | None
    following: Period | None
    reached: str | None
    reached_at: datetime | None
    last_contact_at: datetime | None
    strength: Mapping[str, Any]
    next_meeting_at: datetime | None
    open_questions: int
    # Of those folded live only: the next fall of the stage, and what lists sort by.
    falls_at: datetime | None = None
    keys: Mapping[str, Any] = field(default_factory=dict)


def _rows(scope: Scope, found: Sequence[Mapping[str, Any]], at: datetime) -> Iterable[ClientRow]:
    ids: list[Any] = [str(row["pk"]) for row in found]
    if not ids:
        return
    versions = event_store.versions(scope.ledger_id, ids)
    external_ids = _external_ids(ids)
    quarantined = _ids(Quarantine.objects.filter(generation_id=scope.generation_id, client__in=ids))
    behind = set(projections.behind(scope.ledger_id, scope.generation, among=ids))
    present = _from_tables(scope, found, at) | _live(scope, behind - quarantined, at)
    for row in found:
        client_id = str(row["pk"])
        now = present[client_id]
        yield ClientRow(
            id=client_id,
            name=row["name"],
            tier=row["tier"],
            time_zone=row["time_zone"],
            remote_only=row["remote_only"],
            tags=tuple(row["tags"]),
            domains=tuple(row["domains"]),
            owner=None if row["owner_id"] is None else str(row["owner_id"]),
            owner_name=row["owner__name"],
            external_ids=tuple(external_ids.get(client_id, ())),
            version=versions.get(client_id, 0),
            stage=now.period.stage if now.period else None,
            stage_since=now.stage_since,
            reached=now.reached,
            reached_at=now.reached_at,
            health=now.period.health if now.period else None,
            last_contact_at=now.last_contact_at,
            next_meeting_at=now.next_meeting_at,
            next_change_at=from_us(now.following.begins_at) if now.following else None,
            next_stage=now.following.stage if now.following else None,
            next_health=now.following.health if now.following else None,
            open_questions=now.open_questions,
            created_at=row["registered_at"],
            settled=client_id not in behind and client_id not in quarantined,
            **now.strength,
        )


def _external_ids(client_ids: Sequence[Any]) -> dict[str, list[ExternalId]]:
    found: dict[str, list[ExternalId]] = {}
    rows = ClientExternalId.objects.filter(client__in=client_ids).order_by("source", "external_id")
    for client_id, source, external_id in rows.values_list("client_id", "source", "external_id"):
        found.setdefault(str(client_id), []).append(ExternalId(source=source, id=external_id))
    return found


def _ids(rows: Any) -> set[str]:
    return {str(client_id) for client_id in rows.values_list("client_id", flat=True)}


def _from_tables(scope: Scope, found: Sequence[Mapping[str, Any]], at: datetime) -> dict[str, _Present]:
    ids = [row["pk"] for row in found]
    mine = {"generation_id": scope.generation_id, "client__in": ids}
    following: dict[Any, Period] = {}
    ahead = StagePeriod.objects.filter(**mine, begins_at__gt=at).order_by("client_id", "-begins_at")
    for period in ahead:
        following[period.client_id] = period_of(period)  # the earliest comes last
    meetings = dict(
        Meeting.objects.filter(**mine, status="planned", starts_at__gt=at)
        .values_list("client_id")
        .annotate(Min("starts_at"))
    )
    questions = dict(Question.objects.filter(open_at(at), **mine).values_list("client_id").annotate(Count("pk")))
    present = {}
    for row in found:
        marks = [Mark(*mark) for mark in row["state__marks"] or ()]
        contact = row["state__last_contact_at"]
        present[str(row["pk"])] = _Present(
            period=_period(row),
            stage_since=row["present__stage_since"],
            following=following.get(row["pk"]),
            reached=row["state__reached"],
            reached_at=row["state__reached_at"],
            last_contact_at=contact,
            strength=strength_fields(marks, to_us(at), scope.policy, known=contact is not None),
            next_meeting_at=meetings.get(row["pk"]),
            open_questions=questions.get(row["pk"], 0),
        )
    return present


def open_at(at: datetime) -> Q:
    """Questions that are open at a moment: asked, not answered, not lapsed."""
    return Q(asked_at__lte=at, lapses_at__gt=at) & (Q(closed_at__isnull=True) | Q(closed_at__gt=at))


def _period(row: Mapping[str, Any]) -> Period | None:
    if row["present__stage"] is None:
        return None
    # Only what a row of the list shows; the rest of the period is the timeline's.
    return Period(row["present__stage"], row["present__health"], 0, None, "", ())


def _live(scope: Scope, client_ids: Iterable[str], at: datetime) -> dict[str, _Present]:
    """The clients that are behind, folded from the log; one that cannot be folded stays as it was told."""
    wanted = sorted(client_ids)
    if not wanted:
        return {}
    found = {}
    for client_id, facts in event_store.facts_by_stream(scope.ledger_id, streams=wanted):
        present = _fold(scope, facts, to_us(at))
        if present is not None:
            found[client_id] = present
    return found


def _fold(scope: Scope, facts: Sequence[Fact], at: int) -> _Present | None:
    try:
        fold = projections.fold_whole(facts, scope.policy)
    except Exception:
        return None
    if fold.standing is None:
        return None
    return _folded(fold, max(at, fold.at or at))


def _folded(fold: Fold, at: int) -> _Present:
    standing = fold.standing_at(at)
    periods = fold.judge()
    ahead = [period for period in periods if period.begins_at > at]
    planned = [
        plan.starts_at
        for plan in fold.planned.values()
        if plan.status == "planned" and plan.starts_at is not None and plan.starts_at > at
    ]
    falls = [
        period.begins_at
        for before, period in pairwise(periods)
        if period.begins_at > at and STAGES.index(period.stage) < STAGES.index(before.stage)
    ]
    contact = from_us(fold.last_contact[0]) if fold.last_contact else None
    return _Present(
        period=Period(STAGES[standing.stage], standing.health, standing.since, None, "", ()),
        stage_since=from_us(standing.since),
        following=ahead[0] if ahead else None,
        reached=STAGES[standing.reached],
        reached_at=from_us(standing.reached_at),
        last_contact_at=contact,
        strength=strength_fields(list(fold.marks), at, fold.policy, known=known_by(fold, at)),
        next_meeting_at=from_us(min(planned)) if planned else None,
        open_questions=sum(1 for question in fold.open_questions if question.lapses_at > at),
        falls_at=from_us(falls[0]) if falls else None,
        keys={
            "stage_rank": standing.stage,
            "strength_key": fold.total(at) if known_by(fold, at) else -1.0,
            "contact_key": contact or BEFORE_ALL,
            "change_key": from_us(ahead[0].begins_at) if ahead else FOREVER,
        },
    )
