"""What is planned and what is open, over all visible clients: meetings and questions."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Coalesce

from accounts.roles import Principal
from relationships.models.projections import Meeting, Question

from .clients import open_at
from .paging import Order, one_of, page, place_of
from .rows import MeetingRow, Page, QuestionRow
from .scope import Scope, checked_limit, scope_of

MEETINGS, QUESTIONS = "meetings1", "questions1"
STATUSES = ("planned", "cancelled", "held", "missed")
STATES = ("open", "late", "missed", "lapsed", "answered")
MEETING_SORTS = ("at", "-at")
QUESTION_SORTS = ("target_at", "-target_at", "-asked_at", "asked_at")
_MEETING_ORDER = Order("at", datetime, "pk", int)


def meetings(
    principal: Principal,
    *,
    now: datetime,
    client: str | None = None,
    status: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    sort: str = "at",
    limit: int | None = None,
    cursor: str | None = None,
) -> Page[MeetingRow]:
    """Meetings of the visible clients by when they are or were, `since` included, `until` excluded.

    Raises Invalid, and NotFound for an unknown `client` (id or "source:external id").
    """
    scope = scope_of(principal)
    one_of("sort", sort, MEETING_SORTS)
    place = place_of(MEETINGS, sort, _MEETING_ORDER, cursor)
    found = Meeting.objects.filter(**_mine(scope, client)).annotate(at=Coalesce("held_at", "starts_at"))
    found = found.filter(at__isnull=False)
    if status is not None:
        found = found.filter(status=one_of("status", status, STATUSES))
    if since is not None:
        found = found.filter(at__gte=since)
    if until is not None:
        found = found.filter(at__lt=until)
    found = found.annotate(client_name=F("client__name"), owner=F("client__owner_id"))
    shown = page(found, MEETINGS, sort, _MEETING_ORDER, place=place, limit=checked_limit(limit), at=now)
    return Page(rows=tuple(_meeting(row) for row in shown.rows), next=shown.next, previous=shown.previous)


def questions(
    principal: Principal,
    *,
    now: datetime,
    client: str | None = None,
    state: str | None = "open",
    sort: str = "target_at",
    limit: int | None = None,
    cursor: str | None = None,
) -> Page[QuestionRow]:
    """Questions of the visible clients, those most overdue first.

    `state` open takes in late and missed ones, None all that ever were. Raises as `meetings` does.
    """
    scope = scope_of(principal)
    order = Order(one_of("sort", sort, QUESTION_SORTS).lstrip("-"), datetime, "pk", int)
    place = place_of(QUESTIONS, sort, order, cursor)
    at = place.at if place else now
    found = Question.objects.filter(**_mine(scope, client), asked_at__lte=at)
    if state is not None:
        found = found.filter(_in_state(one_of("state", state, STATES), at))
    found = found.annotate(client_name=F("client__name"), owner=F("client__owner_id"))
    shown = page(found, QUESTIONS, sort, order, place=place, limit=checked_limit(limit), at=at)
    return Page(rows=tuple(_question(row, at) for row in shown.rows), next=shown.next, previous=shown.previous)


def _mine(scope: Scope, client: str | None) -> dict[str, Any]:
    if client is None:
        return scope.mine()
    return {"generation_id": scope.generation_id, "client": scope.client(client)}


def _meeting(row: Any) -> MeetingRow:
    return MeetingRow(
        client_id=str(row.client_id),
        client_name=row.client_name,
        owner=_text(row.owner),
        meeting_id=row.meeting_id,
        status=row.status,
        at=row.at,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        held_at=row.held_at,
        mode=row.mode,
        accepted=row.accepted,
        event_id=str(row.event_id),
    )


def _in_state(state: str, at: datetime) -> Q:
    is_open = open_at(at)
    return {
        "open": is_open,
        "late": is_open & Q(target_at__lte=at),
        "missed": is_open & Q(missed_at__lte=at),
        "lapsed": Q(closed_at__isnull=True, lapses_at__lte=at),
        "answered": Q(closed_at__lte=at),
    }[state]


def _question(row: Any, at: datetime) -> QuestionRow:
    return QuestionRow(
        client_id=str(row.client_id),
        client_name=row.client_name,
        owner=_text(row.owner),
        event_id=str(row.event_id),
        asked_at=row.asked_at,
        of_us=row.of_us,
        contact_id=row.contact,
        target_at=row.target_at,
        missed_at=row.missed_at,
        lapses_at=row.lapses_at,
        closed_at=row.closed_at,
        closed_by=_text(row.closed_by),
        state=_state(row, at),
    )


def _state(row: Question, at: datetime) -> str:
    if row.closed_at is not None and row.closed_at <= at:
        return "answered"
    if row.lapses_at <= at:
        return "lapsed"
    if row.missed_at <= at:
        return "missed"
    return "late" if row.target_at <= at else "open"


def _text(identity: UUID | None) -> str | None:
    return None if identity is None else str(identity)
