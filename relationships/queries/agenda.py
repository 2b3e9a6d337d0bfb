"""What is planned and what is open, over all visible clients: meetings and questions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from accounts.roles import Principal
from relationships.domain.instants import DAY
from relationships.models.projections import Meeting, Question
from relationships.models.roster import Client

from .clients import named_clients, open_at
from .paging import Order, one_of, page, place_of, texts
from .rows import MeetingRow, Page, QuestionRow
from .scope import Scope, checked_limit, scope_of

HOUR = timedelta(hours=1)
MEETINGS, QUESTIONS = "meetings1", "questions1"
STATUSES = ("planned", "cancelled", "held", "missed")
STATES = ("open", "overdue", "missed", "lapsed", "answered")
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
    found = Meeting.objects.filter(**rows_about(scope, client)).annotate(at=Coalesce("held_at", "starts_at"))
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
    owner: str | None = None,
    team: str | None = None,
    of_us: bool | None = None,
    sort: str = "target_at",
    limit: int | None = None,
    cursor: str | None = None,
) -> Page[QuestionRow]:
    """Questions of the visible clients, those most overdue first.

    `state` open takes in overdue and missed ones, overdue the missed ones; None all that ever were. `owner` and
    `team` as in `clients`; `of_us` leaves those asked of us, or those asked in public. Raises as `meetings` does.
    """
    texts(owner=owner, team=team)
    scope = scope_of(principal)
    order = Order(one_of("sort", sort, QUESTION_SORTS).lstrip("-"), datetime, "pk", int)
    place = place_of(QUESTIONS, sort, order, cursor)
    at = place.at if place else now
    found = asked_of(scope, client=client, owner=owner, team=team, of_us=of_us).filter(asked_at__lte=at)
    if state is not None:
        found = found.filter(in_state(one_of("state", state, STATES), at))
    found = found.annotate(client_name=F("client__name"), owner=F("client__owner_id"))
    shown = page(found, QUESTIONS, sort, order, place=place, limit=checked_limit(limit), at=at)
    return Page(rows=tuple(_question(row, at) for row in shown.rows), next=shown.next, previous=shown.previous)


def asked_of(
    scope: Scope, *, client: str | None, owner: str | None, team: str | None, of_us: bool | None
) -> QuerySet[Question]:
    """The questions of the visible clients that these parameters leave. Raises NotFound for an unknown `client`."""
    found = Question.objects.filter(**rows_about(scope, client))
    if owner is not None or team is not None:
        found = found.filter(client__in=named_clients(scope, owner=owner, team=team))
    return found if of_us is None else found.filter(of_us=of_us)


def rows_about(scope: Scope, client: str | None) -> dict[str, Any]:
    """The condition that a row of the read tables is about a visible client, or about `client`. Raises NotFound."""
    if client is None:
        return scope.mine()
    return {"generation_id": scope.generation_id, "client": scope.client(client)}


def meeting_row(row: Meeting, client: Client) -> MeetingRow | None:
    """A stored meeting of this client; None for one of which nobody knows when."""
    at = row.held_at or row.starts_at
    return None if at is None else _meeting_row(row, client.name, client.owner_id, at)


def _meeting(row: Any) -> MeetingRow:
    return _meeting_row(row, row.client_name, row.owner, row.at)


def _meeting_row(row: Meeting, client_name: str, owner: UUID | None, at: datetime) -> MeetingRow:
    return MeetingRow(
        client_id=str(row.client_id),
        client_name=client_name,
        owner=_text(owner),
        meeting_id=row.meeting_id,
        status=row.status,
        at=at,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        held_at=row.held_at,
        mode=row.mode,
        accepted=row.accepted,
        event_id=str(row.event_id),
    )


def in_state(state: str, at: datetime) -> Q:
    """The condition that a question is in a state at a moment; see `questions`."""
    is_open = open_at(at)
    return {
        "open": is_open,
        "overdue": is_open & Q(target_at__lte=at),
        "missed": is_open & Q(missed_at__lte=at),
        "lapsed": Q(closed_at__isnull=True, lapses_at__lte=at),
        "answered": Q(closed_at__lte=at),
    }[state]


def question_row(row: Question, client: Client, at: datetime) -> QuestionRow:
    """A stored question of this client, as it stands at a moment."""
    return _question_row(row, client.name, client.owner_id, at)


def _question(row: Any, at: datetime) -> QuestionRow:
    return _question_row(row, row.client_name, row.owner, at)


def _question_row(row: Question, client_name: str, owner: UUID | None, at: datetime) -> QuestionRow:
    return QuestionRow(
        client_id=str(row.client_id),
        client_name=client_name,
        owner=_text(owner),
        event_id=str(row.event_id),
        asked_at=row.asked_at,
        of_us=row.of_us,
        contact_id=row.contact,
        target_at=row.target_at,
        missed_at=row.missed_at,
        lapses_at=row.lapses_at,
        closed_at=row.closed_at,
        closed_by=_text(row.closed_by),
        answered_in_hours=None if row.closed_at is None else (row.closed_at - row.asked_at) / HOUR,
        answered_in_working_days=None if row.worked_us is None else row.worked_us / DAY,
        state=_state(row, at),
    )


def _state(row: Question, at: datetime) -> str:
    if row.closed_at is not None and row.closed_at <= at:
        return "answered"
    if row.lapses_at <= at:
        return "lapsed"
    if row.missed_at <= at:
        return "missed"
    return "overdue" if row.target_at <= at else "open"


def _text(identity: UUID | None) -> str | None:
    return None if identity is None else str(identity)
