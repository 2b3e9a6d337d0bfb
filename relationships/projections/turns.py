"""Clients whose events are recorded at the same moment are projected together.

Most of what a projection costs is the same for one client and for five: a transaction and its statements. So while one
thread of a process projects, the others' clients gather, and whoever comes first takes all of them along. Nobody
waits who would not have waited for the processor, and nobody goes on before the own client is done.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from django.db import connection

from .projecting import project_many


@dataclass(slots=True)
class _Turn:
    """Clients that gather until somebody projects them, and the latest moment of those who wait."""

    now: datetime
    client_ids: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    done: bool = False


_gathering: dict[int, _Turn] = {}  # by ledger
_gate = Lock()  # of the above
_at_work: defaultdict[int, Lock] = defaultdict(Lock)  # by ledger: one turn at a time


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
    with at_work:
        if not turn.done:
            _take(ledger_id, turn)
    if client_id in turn.left:  # this may take long, and nobody else is to wait for it
        project_many(ledger_id, [client_id], now=now)


def _take(ledger_id: int, turn: _Turn) -> None:
    with _gate:
        if _gathering.get(ledger_id) is turn:
            del _gathering[ledger_id]
    turn.left = project_many(ledger_id, turn.client_ids, now=turn.now, quick=True)
    turn.done = True
