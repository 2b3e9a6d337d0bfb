"""Erasing a person: for good, and so that they do not come back by the next import."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import security
from accounts.roles import Principal
from relationships import event_store, projections, sealing
from relationships.domain.draft import Draft
from relationships.domain.events import EVENT_TYPES, InvalidData, clean
from relationships.models.log import Event
from relationships.models.roster import Contact, ContactHandle, ErasedHandle
from relationships.queries.persons import handles_ever
from relationships.queries.roster import find_contact
from relationships.queries.scope import Scope, scope_of

from .copies import Traces, forget_in_answers, forget_unmatched
from .errors import Forbidden, Invalid
from .scopes import demand

logger = logging.getLogger(__name__)

MOST_HANDLES = EVENT_TYPES["person_erased"].specs["handle_macs"].most


@dataclass(frozen=True, slots=True, kw_only=True)
class Destroyed:
    """How much is gone: `keys` (1, or 0 when there was none to destroy), `texts` (sealed parts of events), `handles`,
    `answers` (kept for repeated requests, now without the person) and `unmatched` (rows of imports)."""

    keys: int = 0
    texts: int = 0
    handles: int = 0
    answers: int = 0
    unmatched: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A person who is erased. `elsewhere` are contacts of other visible clients with the same address: perhaps the
    same person, to be erased by a request of their own."""

    contact_id: str
    client_id: str
    erased_at: datetime
    event_id: str
    destroyed: Destroyed
    elsewhere: tuple[str, ...]


def erase_person(
    principal: Principal,
    contact_id: str,
    *,
    reason: str | None = None,
    now: datetime,
    request_id: str | None = None,
) -> Erasure:
    """Destroys a contact's key, deletes what was sealed under it, clears every copy and appends `person_erased`.

    What stays is the skeleton: that something happened, when and by which channel, under a pseudonym; so stages,
    strength and hashes stay as they were. Whoever names one of the person's handles at this client again means the
    pseudonym. `reason` is kept under the client's key. Erasing again destroys nothing and answers the first erasure.

    Raises NotFound, Invalid, and Forbidden: without the scope, and for people who are no administrators.
    """
    demand(principal, "clients:write")
    if principal.user_id is not None and not principal.may("*"):
        raise Forbidden("only administrators erase a person: it cannot be undone")
    scope = scope_of(principal)
    contact = find_contact(scope, contact_id)
    client_id = str(contact.client_id)
    draft_of = _draft(contact, reason, now)
    with transaction.atomic():
        event_store.lock_streams(scope.ledger_id, [client_id])
        contact.refresh_from_db()
        if contact.erased_at is not None:
            return _erased_before(scope, contact)
        traces = _traces(scope.ledger_id, contact)
        elsewhere = _elsewhere(scope, contact)
        destroyed = Destroyed(
            answers=forget_in_answers(scope.ledger_id, traces),
            unmatched=forget_unmatched(scope.ledger_id, traces, now=now),
            **_destroy(scope.ledger_id, contact, traces, now=now),
        )
        appended = event_store.append(
            scope.ledger_id,
            client_id,
            draft_of(_macs(scope.ledger_id, traces)),
            recorded_by=principal.label,
            now=now,
            request_id=request_id,
        )
        security.note(
            "person_erased",
            now=now,
            principal=principal,
            about=f"contact:{contact.pk}",
            details={"event": appended.event.event_id},
        )
    projections.project(scope.ledger_id, client_id, now=now)
    logger.warning("person %s erased by %s: %s", contact.pk, principal.label, destroyed)
    return Erasure(
        contact_id=str(contact.pk),
        client_id=client_id,
        erased_at=now,
        event_id=appended.event.event_id,
        destroyed=destroyed,
        elsewhere=elsewhere,
    )


def _draft(contact: Contact, reason: str | None, now: datetime) -> Any:
    """Makes the event of digests; what is wrong with the reason is found before anything is destroyed."""

    def draft(macs: list[str]) -> Draft:
        stated = {"contact_id": str(contact.pk), "handle_macs": macs, "reason": reason}
        return Draft(type="person_erased", occurred_at=now, data=clean("person_erased", stated))

    try:
        draft([])
    except InvalidData as invalid:
        raise Invalid(invalid.errors) from None
    return draft


def _traces(ledger_id: int, contact: Contact) -> Traces:
    words = frozenset(sealing.parts_of(ledger_id, str(contact.pk)))
    return Traces(str(contact.pk), handles_ever(ledger_id, contact), words)


def _macs(ledger_id: int, traces: Traces) -> list[str]:
    return [sealing.handle_mac(ledger_id, *handle) for handle in sorted(traces.handles)][:MOST_HANDLES]


def _destroy(ledger_id: int, contact: Contact, traces: Traces, *, now: datetime) -> dict[str, int]:
    """Destroys the key with all that it opened, and clears the contact's rows."""
    handles, _ = ContactHandle.objects.filter(contact=contact).delete()
    Contact.objects.filter(pk=contact.pk).update(name=None, role=None, erased_at=now)
    ErasedHandle.objects.bulk_create(
        ErasedHandle(ledger_id=ledger_id, contact_id=contact.pk, mac=mac) for mac in _macs(ledger_id, traces)
    )
    had_key = sealing.has_key(ledger_id, str(contact.pk))
    texts = sealing.erase(ledger_id, str(contact.pk), now=now)
    return {"keys": int(had_key), "texts": texts, "handles": handles}


def _elsewhere(scope: Scope, contact: Contact) -> tuple[str, ...]:
    addresses = ContactHandle.objects.filter(contact=contact, platform="email").values("handle")
    others = ContactHandle.objects.filter(
        ledger_id=scope.ledger_id, platform="email", handle__in=addresses, contact__client__in=scope.clients()
    ).exclude(contact=contact)
    return tuple(str(pk) for pk in others.order_by("contact_id").values_list("contact_id", flat=True).distinct())


def _erased_before(scope: Scope, contact: Contact) -> Erasure:
    [event] = [
        one
        for one in Event.objects.filter(
            ledger_id=scope.ledger_id, stream_id=contact.client_id, type="person_erased"
        ).order_by("version")
        if one.data["contact_id"] == str(contact.pk)
    ][:1]
    assert contact.erased_at is not None
    return Erasure(
        contact_id=str(contact.pk),
        client_id=str(contact.client_id),
        erased_at=contact.erased_at,
        event_id=str(event.pk),
        destroyed=Destroyed(),
        elsewhere=(),
    )
