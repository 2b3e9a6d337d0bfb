"""Working everything out anew, beside what is read, and flipping over when it is complete.

A rebuild that dies leaves the old generation live; what it had written is dropped by the next one. A second rebuild
started meanwhile takes over: the first finds its generation given up and stops without writing anything more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from relationships import event_store
from relationships.domain.facts import Fact
from relationships.domain.instants import to_us
from relationships.domain.policy import Policy
from relationships.models.projections import Generation, Quarantine

from .adopted import policy_in_force
from .generations import begin, behind, ensure_live
from .projecting import hold, project_into
from .sharing import Report, Shard, share_out, workers
from .sweeping import settle
from .working import Worked, work_out
from .writing import drop, quarantine, write

logger = logging.getLogger(__name__)

CHUNK_OF_EVENTS = 5_000  # folded between two transactions: bounds the memory
WORTH_SHARING = 50_000  # events; below, starting processes costs more than it saves
CATCH_UPS = 3

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild went through; `seconds` by the machine's clock."""

    generation: int
    events: int
    clients: int
    quarantined: int
    seconds: float


def rebuild(
    ledger_id: int,
    *,
    now: datetime,
    progress: Progress | None = None,
    policy: Policy | None = None,
    at_flip: Callable[[], None] | None = None,
) -> Rebuilt:
    """Works out all read tables of a ledger anew, under `policy` or the one in force, and makes them live.

    Readers see the old ones until the flip and never half of the new. `progress` is told events and clients done;
    `at_flip` is called within the transaction of the flip, with the live generation locked: what it raises stops the
    flip. Raises Superseded when another rebuild took over.
    """
    started = time.monotonic()
    current = ensure_live(ledger_id, now=now)
    with transaction.atomic():
        # The live row is the lock: of two rebuilds that start at once, the second gives the first one's work up.
        Generation.objects.select_for_update().get(pk=current.pk)
        others = Generation.objects.filter(ledger_id=ledger_id).exclude(state=Generation.State.LIVE)
        others.update(state=Generation.State.RETIRED)
        leftovers = list(others)
        policy = policy or policy_in_force(ledger_id)
        building = begin(ledger_id, state=Generation.State.BUILDING, policy=policy, now=now)
    for leftover in leftovers:
        drop(leftover)
    position = event_store.head(ledger_id).position
    events, clients = _fill(building, policy, now, progress)
    for _ in range(CATCH_UPS):
        missed = behind(ledger_id, building, after=position)
        position = event_store.head(ledger_id).position
        if not missed:
            break
        project_into(building, missed, now=now)
    _flip(building, now, at_flip)
    # What was recorded while the pointer moved went to the old tables: take it in here as well.
    project_into(building, behind(ledger_id, building, after=position), now=now)
    settle(building, position)
    quarantined = Quarantine.objects.filter(generation=building).count()
    return Rebuilt(building.number, events, clients, quarantined, time.monotonic() - started)


def _fill(building: Generation, policy: Policy, now: datetime, progress: Progress | None) -> tuple[int, int]:
    """Folds every stream whole, a large ledger in several processes; answers events and clients."""
    done = [0, 0]

    def report(events: int, clients: int) -> None:
        done[0] += events
        done[1] += clients
        if progress is not None:
            progress(done[0], done[1])

    large = event_store.head(building.ledger_id).position >= WORTH_SHARING
    share_out(
        lambda shard, told: _fill_shard(building, policy, now, shard, told), workers() if large else 1, report=report
    )
    return done[0], done[1]


def _fill_shard(building: Generation, policy: Policy, now: datetime, shard: Shard, report: Report) -> None:
    events = clients = 0
    worked: list[Worked] = []
    failed: list[tuple[str, int, str]] = []
    own_stream = event_store.ledger_stream(building.ledger_id)
    for client_id, facts in event_store.facts_by_stream(building.ledger_id, shard=shard):
        if client_id == own_stream:
            continue
        one = _attempt(client_id, facts, policy, now, failed)
        if one is not None:
            worked.append(one)
        events += len(facts)
        clients += 1
        if events >= CHUNK_OF_EVENTS:
            _store(building, worked, failed, now)
            report(events, clients)
            worked, failed, events, clients = [], [], 0, 0
    _store(building, worked, failed, now)
    report(events, clients)


def _attempt(
    client_id: str, facts: list[Fact], policy: Policy, now: datetime, failed: list[tuple[str, int, str]]
) -> Worked | None:
    try:
        return work_out(client_id, facts, policy, known=0, now=to_us(now))
    except Exception as problem:
        logger.error("client %s cannot be folded", client_id, exc_info=problem)
        failed.append((client_id, max(fact.version for fact in facts), f"{type(problem).__name__}: {problem}"))
        return None


def _store(building: Generation, worked: list[Worked], failed: list[tuple[str, int, str]], now: datetime) -> None:
    with transaction.atomic():
        hold(building)
        with connection.cursor() as cursor:
            # A lost chunk is made again: no need to wait for the disk.
            cursor.execute("SET LOCAL synchronous_commit = off")
        write(building, worked, now=now, fresh=True)
        for client_id, version, reason in failed:
            quarantine(building, client_id, version=version, reason=reason, now=now)


def _flip(building: Generation, now: datetime, at_flip: Callable[[], None] | None) -> None:
    """Makes this generation the one that is read, in one step."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            # In a transaction of the caller's the chunks have switched it off.
            cursor.execute("SET LOCAL synchronous_commit TO DEFAULT")
        live = Generation.objects.select_for_update().filter(ledger_id=building.ledger_id, state=Generation.State.LIVE)
        list(live)
        hold(building)
        live.update(state=Generation.State.RETIRED)
        building.state, building.live_at = Generation.State.LIVE, now
        building.save(update_fields=["state", "live_at"])
        if at_flip is not None:
            at_flip()
