"""The gaps of all visible clients: where the conversation between meetings holds, and where it breaks.

Read from the stored rows in a constant number of queries, whatever the number of clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import (
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    Func,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest

from accounts.roles import Principal
from relationships.domain.instants import to_us
from relationships.domain.policy import TIERS, Policy
from relationships.domain.sentences import dates_in
from relationships.models.projections import Gap, Meeting, Question, StagePeriod

from .agenda import rows_about
from .bridging import STATES, gap_row, named_in, stored_gap, with_client
from .clients import OneOrMore, named_clients, open_at
from .named import facts_named
from .paging import Order, one_of, page, place_of, texts
from .rows import ClientGapRow, Page
from .scope import Scope, checked_limit, scope_of

LIST = "gaps1"
ACTS_NAMED = 5
ORDERS = {
    "coverage": Order("coverage", float, "pk", int),
    "silence": Order("silence", float, "pk", int),
    "begins_at": Order("begins_at", datetime, "pk", int),
}
SORTS = tuple(way + name for name in ORDERS for way in ("", "-"))


def all_gaps(
    principal: Principal,
    *,
    now: datetime,
    client: str | None = None,
    state: OneOrMore | None = None,
    open: bool | None = None,
    owner: str | None = None,
    team: str | None = None,
    tier: OneOrMore | None = None,
    ends_before: datetime | None = None,
    sort: str = "coverage",
    limit: int | None = None,
    cursor: str | None = None,
) -> Page[ClientGapRow]:
    """A page of the gaps of the visible clients as they stand at `now`; those least covered first.

    `state` is bridged, patchy or broken, `open` leaves the open or the closed ones; `owner` and `team` as in
    `clients`. `ends_before` leaves what ended before that moment, and what a planned meeting is to end before it.
    Open gaps of ended relationships are left out: no meeting is to come. Each row names the latest five covering
    acts. Raises Invalid, and NotFound for an unknown `client`.
    """
    texts(owner=owner, team=team)
    scope = scope_of(principal)
    order = ORDERS[one_of("sort", sort, SORTS).lstrip("-")]
    place = place_of(LIST, sort, order, cursor)
    at = place.at if place else now
    found = _measured(_of(scope, client, owner, team, tier), scope, at)
    if state is not None:
        chosen = [state] if isinstance(state, str) else list(state)
        found = found.filter(_in_states([one_of("state", one, STATES) for one in chosen], scope.policy))
    if open is not None:
        found = found.filter(ends_at__isnull=open)
    if ends_before is not None:
        planned = Q(ends_at__isnull=True, next_meeting_at__lt=ends_before)
        found = found.filter(Q(ends_at__lt=ends_before) | planned)
    shown = page(found, LIST, sort, order, place=place, limit=checked_limit(limit), at=at)
    return Page(rows=_rows(scope, shown.rows, at), next=shown.next, previous=shown.previous)


def _of(scope: Scope, client: str | None, owner: str | None, team: str | None, tier: OneOrMore | None) -> QuerySet[Gap]:
    found = Gap.objects.filter(**rows_about(scope, client))
    if owner is not None or team is not None:
        found = found.filter(client__in=named_clients(scope, owner=owner, team=team))
    if tier is not None:
        tiers = [tier] if isinstance(tier, str) else list(tier)
        found = found.filter(client__tier__in=[one_of("tier", one, TIERS) for one in tiers])
    return found


class _Microseconds(Func):
    """A span in microseconds."""

    template = "(EXTRACT(EPOCH FROM %(expressions)s) * 1000000)::float8"
    output_field = FloatField()


def _span(later: Any, earlier: Any) -> Any:
    return _Microseconds(ExpressionWrapper(later - earlier, output_field=FloatField()))


def _measured(found: QuerySet[Gap], scope: Scope, at: datetime) -> Any:
    """The gaps that had begun at a moment, with their coverage and longest silence then (`domain.judgement.Gap`)."""
    # Any: the checker does not know what annotate adds.
    until: Any = F("until")
    gaps: Any = found.filter(begins_at__lte=at).annotate(until=Coalesce("ends_at", Value(at)))
    over = Greatest(Value(0.0), _span(F("covered_until"), until), output_field=FloatField())
    covered = ExpressionWrapper((F("covered_us") - over) / _span(until, F("begins_at")), output_field=FloatField())
    ended = StagePeriod.objects.filter(
        generation_id=scope.generation_id, client=OuterRef("client"), stage="ended", begins_at__lte=at, ends_at__gt=at
    )
    planned = Meeting.objects.filter(
        generation_id=scope.generation_id, client=OuterRef("client"), status="planned", starts_at__gt=at
    )
    return gaps.annotate(
        coverage=Case(When(until__lte=F("begins_at"), then=Value(1.0)), default=covered, output_field=FloatField()),
        silence=Greatest(F("longest_silence_us"), _span(until, F("last_contact_at")), output_field=FloatField()),
        next_meeting_at=Subquery(planned.order_by().values("client").annotate(first=Min("starts_at")).values("first")),
        client_name=F("client__name"),
        owner=F("client__owner_id"),
    ).filter(Q(ends_at__isnull=False) | ~Exists(ended))


def _in_states(states: Sequence[str], policy: Policy) -> Q:
    bounds = {
        "bridged": Q(coverage__gte=policy.gap_bridged),
        "patchy": Q(coverage__lt=policy.gap_bridged, coverage__gte=policy.gap_broken),
        "broken": Q(coverage__lt=policy.gap_broken),
    }
    condition = Q(pk__in=[])
    for state in states:
        condition |= bounds[state]
    return condition


def _rows(scope: Scope, found: Sequence[Any], at: datetime) -> tuple[ClientGapRow, ...]:
    gaps = [stored_gap(row) for row in found]
    facts = facts_named(scope.ledger_id, named_in(gaps, ACTS_NAMED))
    waiting = _open_questions(scope, {row.client_id for row in found if row.ends_at is None}, at)
    day = dates_in(scope.principal.time_zone)
    rows = []
    for row, gap in zip(found, gaps, strict=True):
        open_questions = waiting.get(row.client_id, 0) if gap.ends_at is None else 0
        told = gap_row(
            gap,
            to_us(at),
            scope.policy,
            facts,
            day,
            rhythm=gap.rhythm,
            open_questions=open_questions,
            acts=ACTS_NAMED,
        )
        rows.append(
            ClientGapRow(
                **with_client(
                    told,
                    client_id=str(row.client_id),
                    client_name=row.client_name,
                    owner=None if row.owner is None else str(row.owner),
                    next_meeting_at=row.next_meeting_at if gap.ends_at is None else None,
                )
            )
        )
    return tuple(rows)


def _open_questions(scope: Scope, clients: set[Any], at: datetime) -> dict[Any, int]:
    asked = Question.objects.filter(open_at(at), generation_id=scope.generation_id, client__in=clients)
    return dict(asked.values_list("client_id").annotate(Count("pk")).order_by())
