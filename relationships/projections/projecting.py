"""Takes the newest events of clients into the read tables."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime

from django.db import DatabaseError, connection, transaction
from django.db.models import Q

from accounts import walls
from relationships import event_store
from relationships.domain.facts import Fact
from relationships.domain.history import NeedsHistory
from relationships.domain.instants import to_us
from relationships.domain.policy import Policy
from relationships.models.log import Event
from relationships.models.projections import ClientState, Generation, Meeting

from .generations import Superseded, ensure_live, policy_of
from .working import Worked, go_on, work_out
from .writing import quarantine, write

logger = logging.getLogger(__name__)

CHUNK = 200  # clients locked, folded and written together
FEW = 8  # so many rather save round trips than have their rows copied

# What the transaction writes is not waited for on the disk: a crash that loses it loses nothing that was told, the
# clients are behind then and projected again. And its statements are always the same, by keys: to plan them for each
# client takes the database longer than to run them.
_FOR_THIS_ALONE = (
    "SELECT set_config('synchronous_commit', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)"
)


@walls.of_whole_organisation
def project_many(
    ledger_id: int,
    client_ids: Iterable[str],
    *,
    now: datetime,
    progress: Callable[[int], None] | None = None,
    quick: bool = False,
) -> set[str]:
    """Takes the newest events of these clients in, in transactions of its own; `progress` is told how many are done.

    Call it after the append has committed. It raises nothing: the facts are safe, whoever reads a client folds it
    live, and the next sweep tries again. Answers the clients that were left out: if `quick`, those that others would
    have to wait for, since somebody has locked them or their whole history has to be read.
    """
    try:
        generation = ensure_live(ledger_id, now=now)
        return project_into(generation, client_ids, now=now, progress=progress, quick=quick)
    except DatabaseError:
        logger.exception("projecting clients of ledger %s failed", ledger_id)
        return set()


def project_into(
    generation: Generation,
    client_ids: Iterable[str],
    *,
    now: datetime,
    progress: Callable[[int], None] | None = None,
    quick: bool = False,
) -> set[str]:
    """Takes the newest events of these clients into this generation, a chunk to a transaction.

    Answers those left out, as `project_many` does. Raises Superseded when a generation that is being built was given
    up meanwhile, and DatabaseError.
    """
    policy = policy_of(generation)
    ordered = sorted(set(client_ids))
    left: set[str] = set()
    for start in range(0, len(ordered), CHUNK):
        chunk = ordered[start : start + CHUNK]
        with event_store.together() if len(chunk) <= FEW else nullcontext(), transaction.atomic():
            if generation.state == Generation.State.BUILDING:
                hold(generation)
            known = _lock_states(generation, chunk, quick)
            left.update(set(chunk) - known.keys())
            write(generation, list(_work_out(generation, known, policy, now, left if quick else None)), now=now)
        if progress is not None:
            progress(start + len(chunk))
    return left


def hold(building: Generation) -> None:
    """Keeps a generation in building from being given up until the transaction ends. Raises Superseded if it was."""
    # FOR SHARE: the workers of one rebuild hold it side by side, and whoever gives it up waits for all of them.
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT FROM "{Generation._meta.db_table}" WHERE id = %s AND state = %s FOR SHARE',
            [building.pk, Generation.State.BUILDING],
        )
        held = cursor.rowcount
    if not held:
        raise Superseded(f"generation {building.number} was given up: another rebuild has taken over")


def _lock_states(generation: Generation, client_ids: list[str], quick: bool) -> dict[str, tuple[int, str | None]]:
    """Locks the clients' state rows, in id order, making those that are missing: id → version and saved fold.

    If `quick`, it leaves out those that somebody else has locked.
    """
    table = ClientState._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(_FOR_THIS_ALONE)
        cursor.execute(
            f'INSERT INTO "{table}" (ledger_id, generation_id, client_id, projected_version, meetings_sum,'
            " exchanges_sum, half_life_meeting, half_life_exchange, marks, actions, ties)"
            " SELECT %s, %s, client, 0, 0, 0, 1, 1, '[]', '[]', '[]' FROM unnest(%s::uuid[]) AS client"
            " ON CONFLICT (ledger_id, generation_id, client_id) DO NOTHING",
            [generation.ledger_id, generation.pk, client_ids],
        )
        cursor.execute(
            f'SELECT client_id::text, projected_version, fold FROM "{table}"'
            " WHERE generation_id = %s AND client_id = ANY(%s::uuid[]) ORDER BY client_id FOR UPDATE"
            f"{' SKIP LOCKED' if quick else ''}",
            [generation.pk, client_ids],
        )
        return {client_id: (version, fold) for client_id, version, fold in cursor.fetchall()}


def _work_out(
    generation: Generation,
    known: Mapping[str, tuple[int, str | None]],
    policy: Policy,
    now: datetime,
    left: set[str] | None,
) -> Iterator[Worked]:
    """What is new about each client: from saved state where that suffices, else from the whole stream.

    Where there is a `left`, those who need their whole stream are put there instead."""
    ledger_id, moment = generation.ledger_id, to_us(now)
    wanting = [client_id for client_id, (_, saved) in known.items() if saved is None]
    going_on = {client_id: saved for client_id, (_, saved) in known.items() if saved is not None}
    newest = event_store.facts_after(ledger_id, {client_id: known[client_id][0] for client_id in going_on})
    for client_id, newer in newest.items():
        saved = going_on[client_id]
        try:
            yield go_on(client_id, saved, newer, policy, absent=_absent_from(generation, client_id), now=moment)
        except NeedsHistory:
            wanting.append(client_id)
        except Exception as problem:
            _put_aside(generation, client_id, newer, problem, now)
    if left is not None:
        left.update(wanting)
    if left is not None or not wanting:
        return
    for client_id, facts in event_store.facts_by_stream(ledger_id, streams=wanting):
        version = known[client_id][0]
        if not any(fact.version > version for fact in facts):
            continue
        try:
            yield work_out(client_id, facts, policy, known=version, now=moment)
        except Exception as problem:
            _put_aside(generation, client_id, facts, problem, now)


def _put_aside(
    generation: Generation, client_id: str, facts: Sequence[Fact], problem: Exception, now: datetime
) -> None:
    """A database that fails is no fault of the client's events; anything else puts the client into quarantine."""
    if isinstance(problem, DatabaseError):
        raise problem
    logger.error("client %s cannot be folded", client_id, exc_info=problem)
    version = max(fact.version for fact in facts)
    quarantine(generation, client_id, version=version, reason=f"{type(problem).__name__}: {problem}", now=now)


def _absent_from(generation: Generation, client_id: str) -> Callable[[set[str]], set[str]]:
    """Tells which of some event ids, external ids and meeting ids the client's log does not hold."""

    def absent(names: set[str]) -> set[str]:
        events = Event.objects.filter(ledger_id=generation.ledger_id, stream_id=client_id)
        ids = [name for name in names if _looks_like_an_id(name)]
        named = events.filter(Q(event_id__in=ids) | Q(external_id__in=names)).values_list("event_id", "external_id")
        found = {str(name) for pair in named for name in pair if name is not None}
        meetings = Meeting.objects.filter(generation=generation, client_id=client_id, meeting_id__in=names)
        return names - found - set(meetings.values_list("meeting_id", flat=True))

    return absent


def _looks_like_an_id(name: str) -> bool:
    return len(name) == 36 and name.count("-") == 4 and all(c in "0123456789abcdefABCDEF-" for c in name)
