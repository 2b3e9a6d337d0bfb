"""Repairs what was left behind, and says how far the read tables are complete."""

from __future__ import annotations

from datetime import datetime, timedelta

from relationships import event_store
from relationships.models.projections import Generation, Quarantine

from .generations import behind
from .projecting import project_into
from .writing import drop

# Who read the pointer just before a flip still reads the old rows for a moment.
RETIRED_KEPT = timedelta(minutes=10)


def sweep(now: datetime) -> int:
    """Projects every client that is behind, in all ledgers; answers how many there were.

    A client in quarantine is tried again when it has new events. Generations retired a while ago are dropped.
    """
    found = 0
    for generation in Generation.objects.filter(state=Generation.State.LIVE):
        found += _repair(generation, now)
        old = Generation.objects.filter(ledger_id=generation.ledger_id, state=Generation.State.RETIRED)
        if generation.live_at is not None and generation.live_at < now - RETIRED_KEPT:
            for retired in old:
                drop(retired)
    return found


def _repair(generation: Generation, now: datetime) -> int:
    position = event_store.head(generation.ledger_id).position
    if position == generation.settled_position:
        return 0
    clients = behind(generation.ledger_id, generation)
    project_into(generation, _hopeful(generation.ledger_id, generation, clients), now=now)
    settle(generation, position)
    return len(clients)


def waiting(ledger_id: int, generation: Generation | None) -> list[str]:
    """Ids of the clients that are behind and can be projected, in order; without a generation, of all."""
    return _hopeful(ledger_id, generation, behind(ledger_id, generation))


def _hopeful(ledger_id: int, generation: Generation | None, clients: list[str]) -> list[str]:
    """Of these clients, those that are not in quarantine, or have newer events."""
    rows = Quarantine.objects.filter(generation=generation).values_list("client_id", "version")
    versions = event_store.versions(ledger_id, [str(client_id) for client_id, _ in rows])
    hopeless = {str(client_id) for client_id, version in rows if versions.get(str(client_id)) == version}
    return [client_id for client_id in clients if client_id not in hopeless]


def settle(generation: Generation, position: int) -> None:
    """Notes that everything up to `position` is projected or in quarantine, if that is so."""
    quarantined = Quarantine.objects.filter(generation=generation).values_list("client_id", flat=True)
    left = set(behind(generation.ledger_id, generation)) - {str(client_id) for client_id in quarantined}
    if not left:
        Generation.objects.filter(pk=generation.pk, settled_position__lt=position).update(settled_position=position)
