"""Appending: one event a transaction, many writers, whole batches."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection

from relationships import event_store
from relationships.domain.draft import Draft

from .rounds import Result, measure
from .scratch import COLUMNS, NOW, a_portfolio, drafts, emptied, rows

_INSERT = (
    f"INSERT INTO bare ({', '.join(COLUMNS)}) VALUES"
    f" ({', '.join('%s::json' if name == 'body' else '%s' for name in COLUMNS)})"
)
_COPY = f"COPY bare ({', '.join(COLUMNS)}) FROM STDIN"
_CHUNK = 10_000


def append(*, events: int, rounds: int) -> Result:
    """One event a transaction: a bare INSERT into a table with the same indexes, and the whole store."""

    def bare() -> float:
        portfolio = a_portfolio(emptied(), 600)
        ready = rows(portfolio, drafts(portfolio, events))
        raw = _raw()
        return _rate(events, lambda: [raw.execute(_INSERT, row, prepare=True) for row in ready])

    def store(text: bool = False) -> float:
        portfolio = a_portfolio(emptied(), 600)
        ready = drafts(portfolio, events, text=text)

        def work() -> None:
            for one in ready:
                _append(portfolio.ledger_id, *one)

        return _rate(events, work)

    peers = {"bare INSERT": bare, "event_store": store, "event_store, with text": lambda: store(text=True)}
    return measure("append", peers, rounds=rounds)


def writers(*, events: int, rounds: int, at_once: int = 8) -> Result:
    """Writers of one ledger at once: each on a connection of its own, over the same clients."""

    def run(count: int) -> float:
        portfolio = a_portfolio(emptied(), 600)
        ready = drafts(portfolio, events)

        def write(number: int) -> None:
            for one in ready[number::count]:
                _append(portfolio.ledger_id, *one)
            connection.close()

        def all_of_them() -> None:
            with ThreadPoolExecutor(count) as pool:
                list(pool.map(write, range(count)))

        return _rate(events, all_of_them)

    peers = {"1 writer": lambda: run(1), f"{at_once} writers": lambda: run(at_once)}
    return measure("writers", peers, rounds=rounds)


def batch(*, events: int, rounds: int) -> Result:
    """Batches over 2,000 clients: bare COPY of rows made beforehand, in the same chunks, and the whole store."""

    def bare() -> float:
        portfolio = a_portfolio(emptied(), 2_000)
        ready = rows(portfolio, drafts(portfolio, events))
        return _rate(events, lambda: _copy(ready))

    def store() -> float:
        portfolio = a_portfolio(emptied(), 2_000)
        ready = drafts(portfolio, events)
        return _rate(
            events,
            lambda: event_store.append_batch(portfolio.ledger_id, ready, recorded_by="key:benchmark", now=NOW),
        )

    return measure("batch", {"bare COPY": bare, "event_store": store}, rounds=rounds)


def _append(ledger_id: int, stream_id: str, draft: Draft) -> None:
    event_store.append(ledger_id, stream_id, draft, recorded_by="key:benchmark", now=NOW)


def _copy(ready: list[tuple[object, ...]]) -> None:
    raw = _raw()
    for start in range(0, len(ready), _CHUNK):
        with raw.cursor() as cursor, cursor.copy(_COPY) as copy:
            for row in ready[start : start + _CHUNK]:
                copy.write_row(row)


def _raw() -> Any:
    connection.ensure_connection()
    return connection.connection


def _rate(events: int, work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return events / (time.perf_counter() - started)
