"""The people at a client: added, changed, gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.roles import Principal
from relationships import event_store, projections, sealing
from relationships.domain.draft import Draft
from relationships.domain.events import InvalidData, clean
from relationships.domain.fields import unknown_field
from relationships.domain.identity import normal_handle
from relationships.domain.ids import uuid7
from relationships.domain.instants import to_us
from relationships.models.roster import Contact, ContactHandle, ErasedHandle
from relationships.queries.roster import contact_row, find_contact
from relationships.queries.rows import ContactRow
from relationships.queries.scope import Scope, scope_of

from .drafting import check_span, moment
from .effects import take_effect
from .errors import ContactConflict, Invalid, PreconditionFailed
from .scopes import demand

CHANGES = ("name", "role", "handles", "left_at")


def add_contact(
    principal: Principal,
    client: str,
    *,
    name: str | None = None,
    role: str | None = None,
    handles: Iterable[Mapping[str, str]] = (),
    now: datetime,
    request_id: str | None = None,
) -> ContactRow:
    """Adds a person to a client (id or "source:external id"); `handles` are {platform, handle}, addresses on `email`.

    Raises NotFound for the client, Invalid, also when there is neither a name nor a handle, ContactConflict when
    somebody at the client has one of the handles or was erased with it, and Forbidden.
    """
    demand(principal, "clients:write")
    scope = scope_of(principal)
    found = scope.client(client)
    contact_id = uuid7(to_us(now) // 1000)
    data = _checked(
        "contact_added", {"contact_id": contact_id, "name": name, "role": role, "handles": list(handles) or None}
    )
    if "name" not in data and "handles" not in data:
        raise Invalid.one("/name", "required", "Say a name, or a handle to find the person by.")
    contact = Contact(id=contact_id, ledger_id=scope.ledger_id, client_id=found.pk, added_at=now)
    with transaction.atomic():
        event_store.lock_streams(scope.ledger_id, [str(found.pk)])
        _check_free(contact, data.get("handles", ()))
        contact.name, contact.role = data.get("name"), data.get("role")
        contact.save(force_insert=True)
        _set_handles(contact, data.get("handles", ()))
        _append(scope, contact, "contact_added", data, now, now, request_id)
    projections.project(scope.ledger_id, str(found.pk), now=now)
    return contact_row(scope, find_contact(scope, contact_id))


def update_contact(
    principal: Principal,
    contact_id: str,
    changes: Mapping[str, Any],
    *,
    if_match: int | None = None,
    now: datetime,
    request_id: str | None = None,
) -> ContactRow:
    """Changes a contact's `name`, `role` or `handles` (all of them anew), or says with `left_at` since when it is gone.

    Only what differs becomes an event. With `if_match`, only while the client is at that version.

    Raises NotFound, Invalid, also for an erased contact, ContactConflict for a handle that somebody else at the client
    has, PreconditionFailed and Forbidden.
    """
    demand(principal, "clients:write")
    scope = scope_of(principal)
    contact = find_contact(scope, contact_id)
    client_id = str(contact.client_id)
    if unknown := [unknown_field(f"/{name}", name, CHANGES) for name in changes if name not in CHANGES]:
        raise Invalid(unknown)
    details = {name: value for name, value in changes.items() if name != "left_at" and value is not None}
    left_at = _left_at(changes, now)
    data = _checked("contact_updated", {"contact_id": contact_id, **details})
    with transaction.atomic():
        version = event_store.lock_streams(scope.ledger_id, [client_id])[client_id]
        if if_match is not None and version != if_match:
            raise PreconditionFailed(version)
        contact.refresh_from_db()
        if contact.erased_at is not None:
            raise Invalid.one("", "erased", "This person was erased: nothing can be kept of them.")
        differing = {
            name: value for name, value in data.items() if name in details and not _stands(contact, name, value)
        }
        if differing:
            _check_free(contact, differing.get("handles", ()))
            _set_details(contact, differing)
            stated = {"contact_id": contact_id, **differing}
            _append(scope, contact, "contact_updated", stated, now, now, request_id)
        if left_at is not None:
            _append(scope, contact, "contact_left", {"contact_id": contact_id}, left_at, now, request_id)
            take_effect(scope.ledger_id, client_id)
    projections.project(scope.ledger_id, client_id, now=now)
    return contact_row(scope, find_contact(scope, contact_id))


def _stands(contact: Contact, name: str, value: Any) -> bool:
    """Whether a detail is already as stated."""
    if name != "handles":
        return bool(getattr(contact, name) == value)
    known = ContactHandle.objects.filter(contact=contact).values_list("platform", "handle", "shown")
    return set(known) == {(*key, shown) for key, shown in _normal(value).items()}


def _check_free(contact: Contact, handles: Iterable[Mapping[str, str]]) -> None:
    """Raises ContactConflict when somebody else at the client has one of the handles; the stream is locked."""
    wanted = _normal(handles)
    rows = ContactHandle.objects.filter(
        ledger_id=contact.ledger_id,
        contact__client_id=contact.client_id,
        handle__in={handle for _, handle in wanted},
    ).exclude(contact_id=contact.pk)
    for platform, handle, holder in rows.order_by("contact__added_at").values_list("platform", "handle", "contact_id"):
        if (platform, handle) in wanted:
            raise ContactConflict(str(holder), erased=False)
    macs = [sealing.handle_mac(contact.ledger_id, *handle) for handle in wanted]
    erased = ErasedHandle.objects.filter(
        ledger_id=contact.ledger_id, mac__in=macs, contact__client_id=contact.client_id
    ).first()
    if erased is not None:
        raise ContactConflict(str(erased.contact_id), erased=True)


def _normal(handles: Iterable[Mapping[str, str]]) -> dict[tuple[str, str], str]:
    """Handles by platform and normal form, with how they were given."""
    normal = {}
    for one in handles:
        platform = one["platform"].casefold()
        normal[platform, normal_handle(platform, one["handle"])] = one["handle"]
    return normal


def _left_at(changes: Mapping[str, Any], now: datetime) -> datetime | None:
    if changes.get("left_at") is None:
        return None
    errors: list[Any] = []
    at = moment(changes["left_at"], "/left_at", errors)
    if at is not None:
        check_span(at, "/left_at", now, errors)
    if errors:
        raise Invalid(errors)
    return at


def _checked(type: str, stated: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return clean(type, stated)
    except InvalidData as invalid:
        raise Invalid(invalid.errors) from None


def _set_details(contact: Contact, data: Mapping[str, Any]) -> None:
    for name in ("name", "role"):
        if name in data:
            setattr(contact, name, data[name])
    Contact.objects.filter(pk=contact.pk).update(name=contact.name, role=contact.role)
    if "handles" in data:
        ContactHandle.objects.filter(contact=contact).delete()
        _set_handles(contact, data["handles"])


def _set_handles(contact: Contact, handles: Iterable[Mapping[str, str]]) -> None:
    ContactHandle.objects.bulk_create(
        ContactHandle(ledger_id=contact.ledger_id, contact_id=contact.pk, platform=platform, handle=handle, shown=shown)
        for (platform, handle), shown in _normal(handles).items()
    )


def _append(
    scope: Scope,
    contact: Contact,
    type: str,
    data: dict[str, Any],
    occurred_at: datetime,
    now: datetime,
    request_id: str | None,
) -> None:
    event_store.append(
        scope.ledger_id,
        str(contact.client_id),
        Draft(type=type, occurred_at=occurred_at, data=data),
        recorded_by=scope.principal.label,
        now=now,
        request_id=request_id,
    )
