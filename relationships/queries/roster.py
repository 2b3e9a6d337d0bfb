"""Who is who: our people, and the contacts at the clients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Lower

from accounts.roles import Principal
from relationships.domain.identity import normal_handle
from relationships.models.roster import Client, Colleague, Contact, ContactHandle

from .errors import NotFound
from .paging import Order, page, place_of, texts
from .rows import ContactRow, Handle, Page, PersonRow
from .scope import Scope, as_id, checked_limit, scope_of

PEOPLE, CONTACTS = "people1", "contacts1"
_BY_NAME = Order("sort_name", str, "pk")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def people(principal: Principal, *, limit: int | None = None, cursor: str | None = None) -> Page[PersonRow]:
    """Our people by name, each with the number of the visible clients they own. Raises Invalid."""
    scope = scope_of(principal)
    place = place_of(PEOPLE, "name", _BY_NAME, cursor)
    ours = Colleague.objects.filter(ledger_id=scope.ledger_id).annotate(sort_name=Lower("name"))
    shown = page(ours, PEOPLE, "name", _BY_NAME, place=place, limit=checked_limit(limit), at=_EPOCH)
    owned = dict(
        scope.clients()
        .filter(owner__in=[colleague.pk for colleague in shown.rows])
        .values_list("owner_id")
        .annotate(Count("pk"))
        .order_by()
    )
    rows = tuple(
        PersonRow(
            id=str(colleague.pk),
            name=colleague.name,
            email=colleague.email,
            user_id=colleague.user_id,
            team_id=colleague.team_id,
            clients=owned.get(colleague.pk, 0),
        )
        for colleague in shown.rows
    )
    return Page(rows=rows, next=shown.next, previous=shown.previous)


def contacts(
    principal: Principal,
    *,
    client: str | None = None,
    q: str | None = None,
    handle: str | None = None,
    left: bool | None = None,
    erased: bool | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Page[ContactRow]:
    """The contacts of the visible clients, or of one (id or "source:external id"), by name.

    `q` is a part of a name or handle, `handle` a whole one: an e-mail address or "platform:handle"; readers without
    personal text find nothing by either. `left` and `erased` tell those who left or were erased from the others.
    Raises Invalid, NotFound.
    """
    texts(q=q, handle=handle)
    scope = scope_of(principal)
    reads = principal.reads_text
    sort = "name" if reads else "id"
    order = _BY_NAME if reads else Order("pk", str, "pk")
    place = place_of(CONTACTS, sort, order, cursor)
    found = _contacts(scope)
    if client is not None:
        found = found.filter(client=scope.client(client))
    if q:
        named = Q(name__icontains=q) | Q(
            pk__in=ContactHandle.objects.filter(ledger_id=scope.ledger_id, handle__icontains=q).values("contact_id")
        )
        found = found.filter(named) if reads else found.none()
    if handle:
        known = ContactHandle.objects.filter(ledger_id=scope.ledger_id, **_handle_of(handle))
        found = found.filter(pk__in=known.values("contact_id")) if reads else found.none()
    if left is not None:
        found = found.filter(left_at__isnull=not left)
    if erased is not None:
        found = found.filter(erased_at__isnull=not erased)
    shown = page(found, CONTACTS, sort, order, place=place, limit=checked_limit(limit), at=_EPOCH)
    return Page(rows=tuple(_rows(scope, shown.rows)), next=shown.next, previous=shown.previous)


def _handle_of(text: str) -> dict[str, str]:
    """The condition for a handle as a reader writes it: "platform:handle", or an e-mail address."""
    platform, colon, handle = text.partition(":")
    if not colon or "@" in platform:
        platform, handle = "email", text
    platform = platform.strip().casefold()
    return {"platform": platform, "handle": normal_handle(platform, handle)}


def contact(principal: Principal, contact_id: str) -> ContactRow:
    """One contact. Raises NotFound."""
    scope = scope_of(principal)
    return contact_row(scope, find_contact(scope, contact_id))


def contacts_of(scope: Scope, client: Client, left: Mapping[str, datetime]) -> list[ContactRow]:
    """All contacts of a client by name, those who are there first; `left` says who had left, and when."""
    found = _contacts(scope).filter(client=client).order_by(Lower(Coalesce(F("name"), Value(""))), "pk")
    rows = [replace(row, left_at=left.get(row.id)) for row in _rows(scope, found)]
    return sorted(rows, key=lambda row: row.left_at is not None)


def find_contact(scope: Scope, contact_id: str) -> Contact:
    """The contact of that id at a visible client. Raises NotFound."""
    found = _contacts(scope).filter(pk=contact_id).first() if as_id(contact_id) else None
    if found is None:
        raise NotFound("there is no such contact")
    return found


def contact_row(scope: Scope, contact: Contact) -> ContactRow:
    """A contact as the principal may read it."""
    return next(iter(_rows(scope, [contact])))


def _contacts(scope: Scope) -> QuerySet[Contact]:
    found = Contact.objects.filter(ledger_id=scope.ledger_id, client__in=scope.clients())
    return found.select_related("client").annotate(sort_name=Lower(Coalesce(F("name"), Value(""))))


def _rows(scope: Scope, found: Iterable[Any]) -> Iterable[ContactRow]:
    contacts = list(found)
    handles: dict[Any, list[Handle]] = {}
    if scope.principal.reads_text:
        known = ContactHandle.objects.filter(contact__in=[contact.pk for contact in contacts])
        for row in known.order_by("platform", "handle"):
            handles.setdefault(row.contact_id, []).append(Handle(platform=row.platform, handle=row.shown))
    for contact in contacts:
        yield ContactRow(
            id=str(contact.pk),
            client_id=str(contact.client_id),
            client_name=contact.client.name,
            name=contact.name if scope.principal.reads_text else None,
            role=contact.role,
            handles=tuple(handles.get(contact.pk, ())),
            left_at=contact.left_at,
            erased_at=contact.erased_at,
        )
