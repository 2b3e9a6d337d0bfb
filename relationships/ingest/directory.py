"""Finds out who is meant: the clients, our people and the contacts that a source names.

Nothing is guessed. A client is the one with that external id, else the only one whose name has the same normal form,
and is made where the mapping says so. People are looked up, and made, by `commands.people`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from accounts.roles import Principal
from relationships import commands
from relationships.commands.people import EMAIL, Ref
from relationships.domain.identity import normal_name
from relationships.importers import NamedClient, NamedPerson
from relationships.models.log import Ledger
from relationships.models.roster import Client, ClientExternalId, Colleague

LONGEST_NAME = 200
MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Why a named client is none that we know, and whether registering it would help."""

    reason: str
    may_be_made: bool = False


@dataclass(slots=True)
class Directory:
    """Who is who in one ledger, as far as one source has asked; the clients that it found are remembered.

    `owner` is the address of whom the clients belong to that are made.
    """

    principal: Principal
    ledger_id: int
    source: str
    now: datetime
    owner: str | None = None
    clients_made: int = 0
    _clients: dict[NamedClient, str] = field(default_factory=dict)

    def clients(self, named: Collection[NamedClient], *, register: bool) -> dict[NamedClient, str | Unplaced]:
        """The id of each named client, or why there is none; unknown ones are made when `register` says so."""
        unknown = {client for client in named if client not in self._clients}
        found: dict[NamedClient, str | Unplaced] = dict(self._look_up(unknown))
        if register and (new := [client for client in named if client in unknown and client not in found]):
            with transaction.atomic():
                # Two imports must not make the same client twice; who appends is not kept waiting by this lock.
                Ledger.objects.select_for_update(no_key=True).get(pk=self.ledger_id)
                found |= self._look_up(new)
                found |= self._register(client for client in new if client not in found)
        for client, client_id in found.items():
            if isinstance(client_id, str):
                self._clients[client] = client_id
        return {
            client: self._clients.get(client)
            or found.get(client)
            or Unplaced(f"There is no client {client}. Register it, or let the mapping do so (unknown_clients).", True)
            for client in named
        }

    def _look_up(self, named: Collection[NamedClient]) -> dict[NamedClient, str | Unplaced]:
        by_external_id = dict(
            ClientExternalId.objects.filter(
                ledger_id=self.ledger_id,
                source=self.source,
                external_id__in={client.external_id for client in named if client.external_id},
            ).values_list("external_id", "client_id")
        )
        by_name: dict[str, list[str]] = {}
        names = {normal_name(client.name) for client in named if client.name}
        rows = Client.objects.filter(ledger_id=self.ledger_id, normal_name__in=names)
        for name, pk in rows.values_list("normal_name", "pk"):
            by_name.setdefault(name, []).append(str(pk))
        found: dict[NamedClient, str | Unplaced] = {}
        for client in named:
            if client_id := by_external_id.get(client.external_id or ""):
                found[client] = str(client_id)
            elif client.name and len(client.name) > LONGEST_NAME:
                found[client] = Unplaced(
                    f"What stands for the client has {len(client.name)} characters; a name has at most {LONGEST_NAME}."
                )
            elif client.name and (same := by_name.get(normal_name(client.name))):
                found[client] = (
                    same[0] if len(same) == 1 else Unplaced(f"There are {len(same)} clients of the name {client.name}.")
                )
        return found

    def _register(self, named: Iterable[NamedClient]) -> dict[NamedClient, str | Unplaced]:
        by_identity: dict[tuple[str | None, str | None], list[NamedClient]] = {}
        for client in named:
            identity = (client.external_id, None) if client.external_id else (None, normal_name(client.name or ""))
            by_identity.setdefault(identity, []).append(client)
        spellings = list(by_identity.values())
        found: dict[NamedClient, str | Unplaced] = {}
        for start in range(0, len(spellings), MOST_AT_ONCE):
            some = spellings[start : start + MOST_AT_ONCE]
            for each, placed in zip(some, self._make([self._details(each[0]) for each in some]), strict=True):
                found |= dict.fromkeys(each, placed)
        return found

    def _make(self, items: list[dict[str, Any]]) -> list[str | Unplaced]:
        try:
            ids = commands.make_clients(self.principal, items, now=self.now)
        except (commands.Invalid, IntegrityError):
            # One by one, then, to tell whose fault it is.
            results = commands.register_clients(self.principal, items, now=self.now)
            self.clients_made += sum(result.created for result in results)
            return [
                result.client.id if result.client else Unplaced(f"It cannot be registered: {result.error}")
                for result in results
            ]
        self.clients_made += len(ids)
        return list(ids)

    def _details(self, client: NamedClient) -> dict[str, Any]:
        details: dict[str, Any] = {"name": client.name}
        if client.external_id:
            details["external_ids"] = [{"source": self.source, "id": client.external_id}]
        if self.owner:
            details["owner"] = self.owner
        return details

    def our_people(self, named: Iterable[NamedPerson]) -> dict[NamedPerson, Ref]:
        """How `commands.people` is told of each of ours: by address, by the source's key, or by an id.

        Only a name: the one colleague of that name, else somebody whom this source knows by it.
        """
        refs = {person: self.reference(person) for person in named}
        nameless = [person for person in refs if not (person.email or person.key or person.handle)]
        if nameless:
            by_name: dict[str, list[str]] = {}
            for pk, name in Colleague.objects.filter(ledger_id=self.ledger_id).values_list("pk", "name"):
                by_name.setdefault(normal_name(name), []).append(str(pk))
            for person in nameless:
                same = by_name.get(normal_name(person.name or ""), [])
                if len(same) == 1:
                    refs[person] = same[0]
        return refs

    def reference(self, person: NamedPerson) -> Ref:
        """How `commands.people` is told of a person; the source's own key, or name, counts as a handle there."""
        if person.email:
            return {"platform": EMAIL, "handle": person.email, "name": person.name}
        if person.platform and person.handle:
            return {"platform": person.platform, "handle": person.handle, "name": person.name}
        handle = person.key or normal_name(person.name or person.handle or "")
        return {"platform": self.source, "handle": handle, "name": person.name}
