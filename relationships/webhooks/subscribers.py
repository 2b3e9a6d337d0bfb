"""Who is told: endpoints made, changed, given another secret, retired; and as their owners see them.

An endpoint made with a team's key is the team's: it is told of that team's clients, and other teams' keys do not see
it. Whoever sees everything sees all endpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts import security
from accounts.models import Organisation
from accounts.roles import Principal
from relationships import event_store
from relationships.commands import Forbidden, Invalid, NotFound
from relationships.domain.events import EVENT_TYPES
from relationships.domain.fields import FieldError, shown, text_fault, unknown_field
from relationships.domain.ids import uuid7
from relationships.domain.instants import to_us
from relationships.models.webhooks import WebhookDelivery, WebhookEndpoint
from relationships.queries import Page
from relationships.queries.events import EPOCH
from relationships.queries.paging import Order, page, place_of
from relationships.queries.scope import checked_limit

from . import egress, signing
from .kinds import KINDS
from .rows import EndpointRow, Totals

SCOPE = "webhooks:write"
BOTH_SIGN = timedelta(hours=24)
LONGEST_DESCRIPTION = 200
FIELDS = ("url", "kinds", "event_types", "description", "include_text")
CHANGES = (*FIELDS, "enabled")

STATES = ("in_order", "failing", "disabled")
SWITCHED_OFF = "switched off"
LIST = "webhooks1"

State = WebhookDelivery.State
_BY_AGE = Order("created_at", datetime, "id")


def principal_of(endpoint: WebhookEndpoint) -> Principal:
    """As whom an endpoint is told: what its team sees, or everything; texts only where it was let."""
    return Principal(
        organisation_id=endpoint.ledger.organisation_id,
        label=f"webhook:{endpoint.pk}",
        sight="all" if endpoint.team_id is None else "team",
        team_id=endpoint.team_id,
        user_id=None,
        scopes=frozenset(
            {"events:read", "clients:read", "reports:read"} | ({"text:read"} if endpoint.include_text else set())
        ),
        time_zone=Organisation.objects.values_list("time_zone", flat=True).get(pk=endpoint.ledger.organisation_id),
    )


def endpoints(principal: Principal, *, limit: int | None = None, cursor: str | None = None) -> Page[EndpointRow]:
    """The endpoints that the principal may see, the oldest first.

    Raises Forbidden without the scope, and Invalid for a bad cursor or limit.
    """
    place = place_of(LIST, "created_at", _BY_AGE, cursor)
    shown = page(
        _counted(visible(principal)), LIST, "created_at", _BY_AGE, place=place, limit=checked_limit(limit), at=EPOCH
    )
    return Page(rows=tuple(row_of(one) for one in shown.rows), next=shown.next, previous=shown.previous)


def endpoint(principal: Principal, endpoint_id: str) -> EndpointRow:
    """One endpoint. Raises NotFound."""
    return row_of(find(principal, endpoint_id, among=_counted(visible(principal))))


def create(principal: Principal, stated: Mapping[str, Any], *, now: datetime) -> tuple[EndpointRow, str]:
    """Makes an endpoint, which is told of everything from now on; answers it and its secret, which is told only here.

    Raises Invalid, naming each field; Forbidden without the scope, or for texts that the principal may not read.
    """
    visible(principal)
    given = _checked(stated, known=FIELDS, required=("url", "kinds"))
    _may_pass_text_on(principal, given.get("include_text", False))
    ledger_id = event_store.ensure_ledger(principal.organisation_id)
    position = event_store.head(ledger_id).position
    identity, secret = uuid7(to_us(now) // 1000), signing.new_secret()
    with transaction.atomic():
        made = WebhookEndpoint.objects.create(
            id=UUID(identity),
            ledger_id=ledger_id,
            team_id=principal.team_id if principal.sight == "team" else None,
            created_at=now,
            created_by=principal.label,
            secret=signing.seal(secret, identity),
            secret_hint=signing.hint(secret),
            started_at=now,
            started_position=position,
            position=position,
            told_until=now,
            **given,
        )
        _note(principal, made, "created", given, now=now)
    return endpoint(principal, str(made.pk)), secret


def change(principal: Principal, endpoint_id: str, stated: Mapping[str, Any], *, now: datetime) -> EndpointRow:
    """Changes what is stated and leaves the rest. Switched on again, it is told everything since it was switched off.

    Raises as `create` does, and NotFound.
    """
    known = find(principal, endpoint_id)
    given = _checked(stated, known=CHANGES)
    if "url" in given or "include_text" in given:
        _may_pass_text_on(principal, given.get("include_text", known.include_text))
    with transaction.atomic():
        row = WebhookEndpoint.objects.select_for_update().get(pk=known.pk)
        differs = [name for name, value in given.items() if getattr(row, name) != value]
        enabled = given.pop("enabled", row.enabled)
        for name, value in given.items():
            setattr(row, name, value)
        row.save(update_fields=list(given))
        if enabled and not row.enabled:
            enable(row, now=now)
        elif row.enabled and not enabled:
            disable(row, SWITCHED_OFF, now=now)
        if differs:
            _note(principal, row, "changed", differs, now=now)
    return endpoint(principal, endpoint_id)


def rotate(principal: Principal, endpoint_id: str, *, now: datetime) -> tuple[EndpointRow, str]:
    """Gives an endpoint a new secret; the one before signs as well for 24 hours. Raises NotFound."""
    known = find(principal, endpoint_id)
    secret = signing.new_secret()
    with transaction.atomic():
        row = WebhookEndpoint.objects.select_for_update().get(pk=known.pk)
        row.previous_secret, row.previous_until = row.secret, now + BOTH_SIGN
        row.secret, row.secret_hint = signing.seal(secret, str(row.pk)), signing.hint(secret)
        row.save(update_fields=["secret", "secret_hint", "previous_secret", "previous_until"])
        _note(principal, row, "given another secret", now=now)
    return endpoint(principal, endpoint_id), secret


def retire(principal: Principal, endpoint_id: str, *, now: datetime) -> EndpointRow:
    """Takes an endpoint away for good, with its deliveries; answers it as it was last. Raises NotFound."""
    last = endpoint(principal, endpoint_id)
    with transaction.atomic():
        # Its row first: whoever tells it or sends to it waits, and then finds it gone.
        gone = WebhookEndpoint.objects.select_for_update().filter(pk=last.id)
        for row in gone:
            _note(principal, row, "retired", now=now)
        WebhookDelivery.objects.filter(endpoint__in=gone).delete()
        gone.delete()
    return last


def enable(row: WebhookEndpoint, *, now: datetime) -> None:
    """Switches a locked endpoint on: what waits is due now, with all its attempts before it."""
    row.enabled, row.disabled_reason, row.disabled_at, row.failing_since = True, "", None, None
    row.save(update_fields=["enabled", "disabled_reason", "disabled_at", "failing_since"])
    WebhookDelivery.objects.filter(endpoint=row, state=State.WAITING).update(attempts=0, next_attempt_at=now)


def disable(row: WebhookEndpoint, reason: str, *, now: datetime) -> None:
    """Switches a locked endpoint off. What waits goes on waiting, and its cursor stays where it is."""
    row.enabled, row.disabled_reason, row.disabled_at = False, reason, now
    row.save(update_fields=["enabled", "disabled_reason", "disabled_at"])


def totals(*, now: datetime) -> Totals:
    """Over all organisations, for operators."""
    waiting = WebhookDelivery.objects.filter(state=State.WAITING, endpoint__enabled=True)
    counted = waiting.aggregate(number=Count("pk"), oldest=Min("created_at"))
    switched = WebhookEndpoint.objects.aggregate(
        all=Count("pk"), off=Count("pk", filter=Q(enabled=False) & ~Q(disabled_reason=SWITCHED_OFF))
    )
    return Totals(
        endpoints=switched["all"],
        disabled=switched["off"],
        waiting=counted["number"],
        parked=WebhookDelivery.objects.filter(state=State.PARKED).count(),
        oldest_s=0.0 if counted["oldest"] is None else max(0.0, (now - counted["oldest"]).total_seconds()),
    )


def visible(principal: Principal) -> QuerySet[WebhookEndpoint]:
    """The endpoints that a principal may see and change. Raises Forbidden without the scope."""
    if not principal.may(SCOPE):
        raise Forbidden(f"this needs the scope {SCOPE}")
    ours = WebhookEndpoint.objects.filter(ledger__organisation_id=principal.organisation_id)
    if principal.sight == "all":
        return ours
    if principal.sight == "team" and principal.team_id is not None:
        return ours.filter(team_id=principal.team_id)
    raise Forbidden("endpoints belong to an organisation or a team")


def find(principal: Principal, endpoint_id: str, *, among: QuerySet[WebhookEndpoint] | None = None) -> WebhookEndpoint:
    """The endpoint of an id. Raises NotFound, and Forbidden without the scope."""
    try:
        identity = UUID(endpoint_id)
    except ValueError:
        raise NotFound("there is no such endpoint") from None
    found = (visible(principal) if among is None else among).filter(pk=identity).first()
    if found is None:
        raise NotFound("there is no such endpoint")
    return found


def row_of(endpoint: Any) -> EndpointRow:
    """An endpoint, counted, for readers."""
    return EndpointRow(
        id=str(endpoint.pk),
        url=endpoint.url,
        description=endpoint.description,
        kinds=tuple(endpoint.kinds),
        event_types=tuple(endpoint.event_types),
        include_text=endpoint.include_text,
        team_id=endpoint.team_id,
        enabled=endpoint.enabled,
        disabled_reason=endpoint.disabled_reason,
        disabled_at=endpoint.disabled_at,
        created_at=endpoint.created_at,
        created_by=endpoint.created_by,
        secret_hint=endpoint.secret_hint,
        previous_secret_until=endpoint.previous_until,
        state="disabled" if not endpoint.enabled else "failing" if endpoint.failing_since else "in_order",
        last_success_at=endpoint.last_success_at,
        last_failure_at=endpoint.last_failure_at,
        last_failure=endpoint.last_failure,
        failing_since=endpoint.failing_since,
        waiting=endpoint.waiting_now,
        parked=endpoint.parked_now,
        oldest_waiting_at=endpoint.oldest_waiting,
    )


def _counted(found: QuerySet[WebhookEndpoint]) -> QuerySet[WebhookEndpoint]:
    """With how much waits and is parked, told by the index of what is open and not by the whole log of deliveries."""

    def told(state: str, what: Count | Min) -> Subquery:
        rows = WebhookDelivery.objects.filter(endpoint=OuterRef("pk"), state=state).order_by()
        return Subquery(rows.values("endpoint").annotate(told=what).values("told"))

    return found.annotate(
        waiting_now=Coalesce(told(State.WAITING, Count("pk")), 0),
        parked_now=Coalesce(told(State.PARKED, Count("pk")), 0),
        oldest_waiting=told(State.WAITING, Min("created_at")),
    )


def _note(principal: Principal, row: WebhookEndpoint, act: str, fields: Iterable[str] = (), *, now: datetime) -> None:
    """What became of an endpoint, and to which host it is told: the rest of an address may be a secret of others."""
    details: dict[str, str | int | None] = {"act": act, "host": urlsplit(row.url).hostname}
    if fields:
        details["fields"] = " ".join(sorted(fields))
    security.note("endpoint_changed", now=now, principal=principal, about=f"webhook:{row.pk}", details=details)


def _may_pass_text_on(principal: Principal, include_text: bool) -> None:
    if include_text and not principal.reads_text:
        raise Forbidden("to have personal text sent somewhere, one has to be let to read it: text:read")


# ---------------------------------------------------------------------- what may be stated


@dataclass
class _Checking:
    stated: Mapping[str, Any]
    errors: list[FieldError] = field(default_factory=list)

    def wrong(self, name: str, code: str, detail: str) -> None:
        self.errors.append(FieldError(f"/{name}", code, detail))

    def text(self, name: str, longest: int) -> None:
        value = self.stated[name]
        if not isinstance(value, str):
            self.wrong(name, "wrong_type", "A text.")
        elif fault := text_fault(value):
            self.wrong(name, "invalid_text", f"{fault}.")
        elif len(value) > longest:
            self.wrong(name, "too_long", f"At most {longest:,} characters.")

    def switch(self, name: str) -> None:
        if not isinstance(self.stated[name], bool):
            self.wrong(name, "wrong_type", "true or false.")

    def words(self, name: str, among: Mapping[str, Any] | tuple[str, ...], *, least: int) -> None:
        value = self.stated[name]
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.wrong(name, "wrong_type", "A list of texts.")
        elif unknown := next((one for one in value if one not in among), None):
            self.wrong(name, "invalid_choice", f"{shown(unknown)} is none of: {', '.join(among)}.")
        elif len(set(value)) != len(value):
            self.wrong(name, "repeated", "Each at most once.")
        elif len(value) < least:
            self.wrong(name, "required", "At least one.")

    def url(self) -> None:
        self.text("url", egress.LONGEST_URL)
        if self.errors:
            return
        try:
            egress.check(self.stated["url"])
        except egress.Refused as refused:
            self.wrong("url", refused.code, refused.detail)


def _checked(stated: Mapping[str, Any], *, known: tuple[str, ...], required: tuple[str, ...] = ()) -> dict[str, Any]:
    checking = _Checking(stated)
    for name in required:
        if name not in stated:
            checking.wrong(name, "required", "It has to be given.")
    for name in stated:
        if name not in known:
            checking.errors.append(unknown_field(f"/{name}", name, known))
    if "kinds" in stated:
        checking.words("kinds", KINDS, least=1)
    if "event_types" in stated:
        checking.words("event_types", EVENT_TYPES, least=0)
    if "description" in stated:
        checking.text("description", LONGEST_DESCRIPTION)
    for name in ("include_text", "enabled"):
        if name in stated and name in known:
            checking.switch(name)
    if "url" in stated:
        # Last: the network is asked only when the rest is right.
        checking.url()
    if checking.errors:
        raise Invalid(checking.errors)
    return dict(stated)
