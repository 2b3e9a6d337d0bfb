"""Clients whose events are recorded at the same moment are projected together.

Most of what a projection costs is the same for one client and for five: a transaction and its statements. So while one
thread of a process projects, the others' clients gather, and whoever comes first takes all of them along. Nobody
waits who would not have waited for the processor, and nobody goes on before the own client is done.

Recording takes a turn of its own first (`in_turn`), in the same queue. Threads of one process share one processor:
eight that record at once finish no sooner than one after another, and whoever only reads stands in line behind all of
them. A turn is a courtesy and guards nothing: after `PATIENCE` one goes without.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from django.db import connection

from .projecting import project_many

PATIENCE = 1.0  # seconds: far more than eight turns take, unless somebody waits for a lock of the database


class Queue:
    """A lock that goes to whoever has waited longest.

    With `threading.Lock` whoever releases it and wants it again mostly gets it again: each would record and project
    alone, and nobody's clients would gather.
    """

    def __init__(self) -> None:
        self._gate = Lock()  # of what follows
        self._taken = False
        self._waiting: deque[Lock] = deque()  # each held until it is its turn

    def acquire(self, timeout: float) -> bool:
        """Waits for the turn, at most so many seconds; False when it has not come."""
        with self._gate:
            if not self._taken:
                self._taken = True
                return True
            place = Lock()
            place.acquire()
            self._waiting.append(place)
        if place.acquire(timeout=timeout):
            return True
        with self._gate:
            if place in self._waiting:
                self._waiting.remove(place)
                return False
        return True  # it came in the very moment

    def release(self) -> None:
        with self._gate:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Has the turn while the block runs; False inside when it did not come in `PATIENCE`."""
        mine = self.acquire(PATIENCE)
        try:
            yield mine
        finally:
            if mine:
                self.release()


@dataclass(slots=True)
class _Turn:
    """Clients that gather until somebody projects them, and the latest moment of those who wait."""

    now: datetime
    client_ids: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    done: bool = False


_gathering: dict[int, _Turn] = {}  # by ledger
_gate = Lock()  # of the above
_at_work: defaultdict[int, Queue] = defaultdict(Queue)  # by ledger: one turn at a time


@contextmanager
def in_turn(ledger_id: int) -> Iterator[None]:
    """Does the block when no other thread of this process records or projects in the ledger.

    Inside a transaction at once: whoever holds locks of the database is not to wait for those who may want them.
    """
    if connection.in_atomic_block:
        yield
        return
    with _gate:
        at_work = _at_work[ledger_id]
    with at_work.turn():
        yield


def project(ledger_id: int, client_id: str, *, now: datetime) -> None:
    """Takes the newest events of one client in, in one transaction with those of other threads.

    Call it after the append has committed. Like `project_many` it raises nothing.
    """
    if connection.in_atomic_block:  # what is not committed, no other thread sees
        project_many(ledger_id, [client_id], now=now)
        return
    with _gate:
        turn = _gathering.setdefault(ledger_id, _Turn(now))
        turn.client_ids.add(client_id)
        turn.now = max(turn.now, now)
        at_work = _at_work[ledger_id]
    with at_work.turn() as mine:
        if mine and not turn.done:
            _take(ledger_id, turn)
    if client_id in turn.left or not turn.done:  # this may take long, and nobody else is to wait for it
        project_many(ledger_id, [client_id], now=now)


def _take(ledger_id: int, turn: _Turn) -> None:
    with _gate:
        if _gathering.get(ledger_id) is turn:
            del _gathering[ledger_id]
    turn.left = project_many(ledger_id, turn.client_ids, now=turn.now, quick=True)
    turn.done = True
