"""Finds out who is meant by an id, an e-mail address or a handle, for many events in a fixed number of queries.

Their people are looked for at their client alone; an unknown one is added to it, with a `contact_added`. One of ours
who is unknown becomes a colleague without a login, or with the one that has the same e-mail address. Nothing is
guessed from names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.db import connection

from accounts.models import User
from relationships import sealing
from relationships.domain.draft import Draft
from relationships.domain.events import clean
from relationships.domain.fields import Errors, FieldError, shown
from relationships.domain.identity import normal_email, normal_handle
from relationships.domain.ids import uuid7
from relationships.domain.instants import to_us
from relationships.models.roster import Colleague, Contact, ContactHandle, ErasedHandle
from relationships.queries.scope import as_id

EMAIL = "email"
Ref = Any  # an id, an e-mail address, or {platform, handle, name?}


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody as a caller names them: by id, or by handle on a platform (an address: on `email`)."""

    id: str | None
    platform: str = ""
    handle: str = ""
    shown: str = ""
    name: str | None = None

    @classmethod
    def of(cls, ref: Ref) -> Named:
        """What a checked reference names."""
        if isinstance(ref, Mapping):
            platform = str(ref["platform"]).strip().casefold()
            handle = str(ref["handle"])
            return cls(None, platform, normal_handle(platform, handle), handle, ref.get("name"))
        if (identity := as_id(ref)) is not None:
            return cls(str(identity))
        return cls(None, EMAIL, normal_email(ref), ref)

    @property
    def key(self) -> tuple[str, str]:
        return self.platform, self.handle


@dataclass(slots=True)
class People:
    """Who is who in one ledger, as far as some events name them.

    `look_up` all references at once, `make` those that are unknown (in a transaction that has the clients' streams
    locked), then `resolve` each event's data. `added` holds the drafts of the contacts made, as (client id, draft).
    """

    ledger_id: int
    organisation_id: int
    added: list[tuple[str, Draft]] = field(default_factory=list)
    _theirs: set[tuple[str, Named]] = field(default_factory=set)
    _first_at: dict[tuple[str, tuple[str, str]], datetime] = field(default_factory=dict)
    _ours: set[Named] = field(default_factory=set)
    _contact_ids: dict[str, str] = field(default_factory=dict)  # contact → client
    _contacts: dict[tuple[str, tuple[str, str]], str] = field(default_factory=dict)
    _colleague_ids: set[str] = field(default_factory=set)
    _colleagues: dict[tuple[str, str], str] = field(default_factory=dict)

    def mention(self, client_id: str, data: Mapping[str, Any], at: datetime) -> None:
        """Notes whom an event's data names, that of a correction included; `at` is when it happened."""
        for ref in (*data.get("contacts", ()), *filter(None, [data.get("contact_id")])):
            named = Named.of(ref)
            self._theirs.add((client_id, named))
            known = self._first_at.get((client_id, named.key))
            self._first_at[client_id, named.key] = at if known is None else min(known, at)
        ours = [data.get(name) for name in ("from_colleague", "to_colleague", "owner")]
        self._ours |= {Named.of(ref) for ref in (*data.get("our_people", ()), *filter(None, ours))}
        if isinstance(data.get("data"), Mapping):
            self.mention(client_id, data["data"], at)

    def look_up(self) -> None:
        """Finds everybody mentioned who is known."""
        self._find_contacts()
        self._find_colleagues()

    def _find_contacts(self) -> None:
        ids = [named.id for _, named in self._theirs if named.id]
        if ids:
            self._contact_ids = dict(_rows(_BY_ID, [self.ledger_id, ids]))
        by_handle = [(client_id, named) for client_id, named in self._theirs if not named.id]
        if by_handle:
            clients = list({client_id for client_id, _ in by_handle})
            platforms = list({named.platform for _, named in by_handle})
            handles = list({named.handle for _, named in by_handle})
            for client_id, platform, handle, pk in _rows(_BY_HANDLE, [self.ledger_id, platforms, handles, clients]):
                self._contacts.setdefault((client_id, (platform, handle)), pk)
            self._find_erased([pair for pair in by_handle if (pair[0], pair[1].key) not in self._contacts])

    def _find_erased(self, unknown: list[tuple[str, Named]]) -> None:
        """Whoever was erased at a client is known there by the digest of the handle, and stays without a name."""
        keys = {sealing.handle_mac(self.ledger_id, *named.key): named.key for _, named in unknown}
        if not keys:
            return
        erased = ErasedHandle.objects.filter(
            ledger_id=self.ledger_id, mac__in=keys, contact__client_id__in={client_id for client_id, _ in unknown}
        )
        for client_id, mac, pk in erased.order_by("contact__added_at", "pk").values_list(
            "contact__client_id", "mac", "contact_id"
        ):
            self._contacts.setdefault((str(client_id), keys[mac]), str(pk))

    def _find_colleagues(self) -> None:
        if not self._ours:
            return
        ids = [named.id or self._own_id(named) for named in self._ours if named.platform != EMAIL]
        emails = list({named.handle for named in self._ours if named.platform == EMAIL})
        for pk, email in _rows(_COLLEAGUES, [self.ledger_id, ids, emails]):
            self._colleague_ids.add(pk)
            if email is not None:
                self._colleagues[EMAIL, email] = pk
        for named in self._ours:
            if not named.id and named.platform != EMAIL and self._own_id(named) in self._colleague_ids:
                self._colleagues[named.key] = self._own_id(named)

    def _own_id(self, named: Named) -> str:
        """The id of a colleague known by a handle: it follows from the handle, so the next event finds the same."""
        return str(uuid5(NAMESPACE_URL, f"colleague:{self.ledger_id}:{named.platform}:{named.handle}"))

    @property
    def unknown(self) -> bool:
        """Whether somebody mentioned by address or handle has to be made."""
        return any(self._missing_contacts()) or any(self._missing_colleagues())

    def _missing_contacts(self) -> Iterable[tuple[str, Named]]:
        seen = set()
        for client_id, named in sorted(self._theirs, key=lambda pair: (pair[0], pair[1].key, pair[1].name or "")):
            place = (client_id, named.key)
            if not named.id and place not in self._contacts and place not in seen:
                seen.add(place)
                yield client_id, named

    def _missing_colleagues(self) -> Iterable[Named]:
        return (named for named in self._ours if not named.id and named.key not in self._colleagues)

    def make(self, *, now: datetime) -> None:
        """Makes the contacts and colleagues that are unknown still."""
        self._make_contacts(now)
        self._make_colleagues()

    def _make_contacts(self, now: datetime) -> None:
        contacts, handles = [], []
        for client_id, named in list(self._missing_contacts()):
            contact_id = uuid7(to_us(now) // 1000)
            self._contacts[client_id, named.key] = contact_id
            contacts.append(
                Contact(id=contact_id, ledger_id=self.ledger_id, client_id=client_id, name=named.name, added_at=now)
            )
            handles.append(
                ContactHandle(
                    ledger_id=self.ledger_id,
                    contact_id=contact_id,
                    platform=named.platform,
                    handle=named.handle,
                    shown=named.shown,
                )
            )
            stated = {"contact_id": contact_id, "handles": [{"platform": named.platform, "handle": named.shown}]}
            if named.name:
                stated["name"] = named.name
            draft = Draft(
                type="contact_added",
                # Known from the first event that names them: it must not come out of order after it.
                occurred_at=self._first_at[client_id, named.key],
                data=clean("contact_added", stated),
            )
            self.added.append((client_id, draft))
        Contact.objects.bulk_create(contacts)
        ContactHandle.objects.bulk_create(handles)

    def _make_colleagues(self) -> None:
        missing = {named.key: named for named in self._missing_colleagues()}
        if not missing:
            return
        emails = [named.handle for named in missing.values() if named.platform == EMAIL]
        logins = {
            user.email: user for user in User.objects.filter(organisation_id=self.organisation_id, email__in=emails)
        }
        made = [self._colleague(named, logins.get(named.handle)) for named in missing.values()]
        # Another process may have made them meanwhile: whoever is there then is meant.
        Colleague.objects.bulk_create(made, ignore_conflicts=True)
        self._find_colleagues()

    def _colleague(self, named: Named, login: User | None) -> Colleague:
        name = login.name if login else named.name or named.shown
        return Colleague(
            id=self._own_id(named),
            ledger_id=self.ledger_id,
            name=name[:200],
            email=named.handle if named.platform == EMAIL else None,
            user_id=login.pk if login else None,
            team_id=login.team_id if login else None,
        )

    def resolve(
        self, client_id: str, data: Mapping[str, Any], errors: Errors, pointer: str = "/data"
    ) -> dict[str, Any]:
        """The data with ids in place of names; an id that is nobody's, or another client's, is an error."""
        resolved = dict(data)
        for name, find in (("contacts", self._contact), ("our_people", self._colleague_of)):
            if name in resolved:
                ids = [
                    find(client_id, ref, f"{pointer}/{name}/{number}", errors)
                    for number, ref in enumerate(resolved[name])
                ]
                resolved[name] = list(dict.fromkeys(ids))
        if resolved.get("contact_id"):
            resolved["contact_id"] = self._contact(client_id, resolved["contact_id"], f"{pointer}/contact_id", errors)
        for name in ("from_colleague", "to_colleague", "owner"):
            if resolved.get(name):
                resolved[name] = self._colleague_of(client_id, resolved[name], f"{pointer}/{name}", errors)
        if isinstance(resolved.get("data"), Mapping):
            resolved["data"] = self.resolve(client_id, resolved["data"], errors, f"{pointer}/data")
        return resolved

    def colleague(self, ref: Ref, pointer: str, errors: Errors) -> str:
        """The id of one of our people, who was mentioned, looked up and made."""
        return self._colleague_of("", ref, pointer, errors)

    def mention_colleague(self, ref: Ref) -> None:
        """Notes one of our people."""
        self._ours.add(Named.of(ref))

    def _contact(self, client_id: str, ref: Ref, pointer: str, errors: Errors) -> str:
        named = Named.of(ref)
        if not named.id:
            return self._contacts[client_id, named.key]
        if self._contact_ids.get(named.id) != client_id:
            detail = f"{shown(named.id)} is no contact of this client: give an address, and one is added."
            errors.append(FieldError(pointer, "unknown_contact", detail))
        return named.id

    def _colleague_of(self, client_id: str, ref: Ref, pointer: str, errors: Errors) -> str:
        named = Named.of(ref)
        if not named.id:
            return self._colleagues[named.key]
        if named.id not in self._colleague_ids:
            detail = f"{shown(named.id)} is none of our people: see /api/v1/people."
            errors.append(FieldError(pointer, "unknown_person", detail))
        return named.id


# Around the ORM, which takes longer to say these than the database to answer: most events name people.
_BY_ID = f"SELECT id::text, client_id::text FROM {Contact._meta.db_table} WHERE ledger_id = %s AND id = ANY(%s::uuid[])"
_BY_HANDLE = f"""
SELECT contact.client_id::text, known.platform, known.handle, contact.id::text
  FROM {ContactHandle._meta.db_table} known
  JOIN {Contact._meta.db_table} contact ON contact.ledger_id = known.ledger_id AND contact.id = known.contact_id
 WHERE known.ledger_id = %s AND known.platform = ANY(%s) AND known.handle = ANY(%s)
   AND contact.client_id = ANY(%s::uuid[])
 ORDER BY contact.added_at, known.id
"""
_COLLEAGUES = f"""
SELECT id::text, email FROM {Colleague._meta.db_table}
 WHERE ledger_id = %s AND (id = ANY(%s::uuid[]) OR email = ANY(%s))
"""


def _rows(statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def link_logins(organisation_id: int) -> int:
    """Brings our people in step with the logins: who has which, in which team; answers how many rows changed.

    A colleague belongs to the login of the same e-mail address. Call it when a login or its team changes.
    """
    users = {user.pk: user for user in User.objects.filter(organisation_id=organisation_id)}
    by_email = {normal_email(user.email): user for user in users.values()}
    changed = []
    for colleague in Colleague.objects.filter(ledger__organisation_id=organisation_id):
        user = users.get(colleague.user_id or 0) or by_email.get(colleague.email or "")
        if user is not None and (colleague.user_id, colleague.team_id) != (user.pk, user.team_id):
            colleague.user_id, colleague.team_id = user.pk, user.team_id
            changed.append(colleague)
    Colleague.objects.bulk_update(changed, ["user_id", "team_id"])
    return len(changed)
