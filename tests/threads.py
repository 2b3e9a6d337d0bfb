"""Several at once, for tests of what happens when they meet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

T = TypeVar("T")


def at_once(works: Sequence[Callable[[], T]]) -> list[T]:
    """Does all of it at once, each on a thread that begins when all are there; what came of it, in order."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], T]) -> T:
        start.wait(timeout=60)
        try:
            return work()
        finally:
            connection.close()  # a database's, where the work has used one

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
