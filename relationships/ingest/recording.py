"""Records what an importer read: who is meant is looked up, the known is skipped, the rest goes into the log at once.

Clients are registered first; then a chunk's people and events are one transaction. A process that dies leaves whole
chunks, and the next run finds them by their natural keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction

from relationships import event_store
from relationships.commands.effects import EFFECTIVE, take_effect
from relationships.commands.people import People
from relationships.domain.draft import Draft
from relationships.event_store import Appended, Conflict, Refused
from relationships.importers import ImportedRow, NamedClient
from relationships.models.log import Event

from .directory import Directory, Unplaced

AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a row for one client that it names.

    `client_id` is None when there is no such client; then `reason` says why, as it does when the log refused the
    event. `created` is False for what was known already, and for everything that was not recorded.
    """

    row: ImportedRow
    client: NamedClient | None
    client_id: str | None
    created: bool = False
    reason: str | None = None


def record(directory: Directory, rows: Sequence[ImportedRow], *, register: bool) -> list[Placed]:
    """Records rows, each for every client that it names; see `Placed` for what comes back.

    They are learnt at `directory.now`. `register`: clients that are not known are made. Projects nothing: the caller
    does, once for each client.
    """
    placed = _find_clients(directory, rows, register=register)
    recordable = {n: each for n, each in enumerate(placed) if each.client_id and each.reason is None}
    with transaction.atomic():
        added, drafts = _with_people(directory, recordable)
        outcomes = event_store.append_batch(
            directory.ledger_id, [*added, *drafts], recorded_by=directory.principal.label, now=directory.now
        )
        for index, outcome in zip(recordable, outcomes[len(added) :], strict=True):
            placed[index] = _with_outcome(placed[index], outcome)
        changed = {each.client_id for each in placed if each.created and each.row.draft.type in EFFECTIVE}
        for client_id in sorted(filter(None, changed)):
            take_effect(directory.ledger_id, client_id)
    return placed


def rehearse(
    directory: Directory, rows: Sequence[ImportedRow], seen: set[tuple[str, str]], *, register: bool
) -> list[Placed]:
    """What `record` would do, without writing: `seen` remembers from chunk to chunk what this run would record."""
    named = [client for row in rows for client in row.clients]
    found = directory.clients(named, register=False)
    stored = {
        (str(stream_id), key)
        for stream_id, key in Event.objects.filter(
            ledger_id=directory.ledger_id,
            stream_id__in=[each for each in found.values() if isinstance(each, str)],
            source=directory.source,
            external_id__in={row.draft.external_id for row in rows},
        ).values_list("stream_id", "external_id")
    }
    placed = []
    for row, client in _pairs(rows):
        client_id = found[client] if client else Unplaced(_NO_CLIENT)
        if isinstance(client_id, Unplaced) and register and client and client_id.may_be_made:
            client_id = f"new {client}"
        if isinstance(client_id, Unplaced):
            placed.append(Placed(row, client, None, reason=client_id.reason))
            continue
        key = (client_id, row.draft.external_id or "")
        known = key in stored or key in seen
        seen.add(key)
        placed.append(Placed(row, client, client_id, created=not known, reason=_too_early(row, directory.now)))
    return placed


_NO_CLIENT = "The row names no client."


def _pairs(rows: Sequence[ImportedRow]) -> list[tuple[ImportedRow, NamedClient | None]]:
    return [(row, client) for row in rows for client in row.clients or (None,)]


def _find_clients(directory: Directory, rows: Sequence[ImportedRow], *, register: bool) -> list[Placed]:
    clients = directory.clients([client for row in rows for client in row.clients], register=register)
    placed = []
    for row, client in _pairs(rows):
        found = clients[client] if client else Unplaced(_NO_CLIENT)
        if isinstance(found, Unplaced):
            placed.append(Placed(row, client, None, reason=found.reason))
        else:
            placed.append(Placed(row, client, found, reason=_too_early(row, directory.now)))
    return placed


def _with_people(
    directory: Directory, placed: Mapping[int, Placed]
) -> tuple[list[tuple[str, Draft]], list[tuple[str, Draft]]]:
    """The events of contacts that had to be added, and the rows' own, with the ids of people in their data."""
    ours = directory.our_people(person for each in placed.values() for person in each.row.our_people)
    people = People(directory.ledger_id, directory.principal.organisation_id)
    stated = []
    for each in placed.values():
        named = {
            "our_people": [ours[person] for person in each.row.our_people],
            "contacts": [directory.reference(person) for person in each.row.contacts],
        }
        data = each.row.draft.data | {name: refs for name, refs in named.items() if refs}
        client_id = str(each.client_id)
        people.mention(client_id, data, each.row.draft.occurred_at)
        stated.append((client_id, replace(each.row.draft, data=data)))
    # Two imports that name the same unknown person wait for each other here; the second finds it.
    event_store.lock_streams(directory.ledger_id, {client_id for client_id, _ in stated})
    people.look_up()
    people.make(now=directory.now)
    drafts = [
        (client_id, replace(draft, data=people.resolve(client_id, draft.data, []))) for client_id, draft in stated
    ]
    return people.added, drafts


def _too_early(row: ImportedRow, now: datetime) -> str | None:
    if row.draft.occurred_at <= now + AHEAD:
        return None
    return f"It lies ahead ({row.draft.occurred_at.date()}), and only what happened is recorded. Import it afterwards."


def _with_outcome(placed: Placed, outcome: Appended | Refused) -> Placed:
    if isinstance(outcome, Appended):
        return replace(placed, created=outcome.created)
    if isinstance(outcome, Conflict):
        return replace(
            placed,
            reason=f"It is recorded already with another {', '.join(outcome.fields)}"
            f" (event {outcome.existing.event_id}). Correct that event if the file is right.",
        )
    return replace(placed, reason=f"{outcome}.")
