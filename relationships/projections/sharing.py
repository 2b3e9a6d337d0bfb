"""Sharing work out between processes of this machine: folding needs the processor, and each stream stands alone."""

from __future__ import annotations

import gc
import multiprocessing
import os
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import connection

Result = TypeVar("Result")
Shard = tuple[int, int]  # the i-th of n equal parts
Report = Callable[[int, int], None]  # events and streams done since the last report


class WorkerDied(Exception):
    """A worker process ended without a result."""


def workers() -> int:
    """How many processes are worth starting: one where forking is not to be had, or a transaction is open.

    A process of its own sees only what is committed.
    """
    if connection.in_atomic_block or "fork" not in multiprocessing.get_all_start_methods():
        return 1
    if multiprocessing.current_process().daemon:  # may have no children
        return 1
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def share_out(work: Callable[[Shard, Report], Result], shards: int, *, report: Report) -> list[Result]:
    """Does `work` for every shard, each in a process of its own; answers their results in no order.

    What a worker raises is raised here, after the others have ended. `report` is called in this process, while they
    work. With one shard it is done in this process.
    """
    if shards == 1:
        return [work((0, 1), report)]
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[tuple[str, object]] = context.Queue()
    processes = [context.Process(target=_run, args=(work, (part, shards), answers)) for part in range(shards)]
    for process in processes:
        process.start()
    results: list[Result] = []
    problems: list[Exception] = []
    while len(results) + len(problems) < shards:
        try:
            kind, value = answers.get(timeout=1)
        except queue.Empty:
            if dead := [process for process in processes if process.exitcode]:
                problems += [WorkerDied(f"a worker ended with {process.exitcode}") for process in dead]
            continue
        if kind == "report":
            report(*value)  # type: ignore[misc]  # what _run puts beside this word
        elif kind == "result":
            results.append(value)  # type: ignore[arg-type]
        else:
            problems.append(value)  # type: ignore[arg-type]
    for process in processes:
        process.join()
    if problems:
        raise problems[0]
    return results


def _run(
    work: Callable[[Shard, Report], object], shard: Shard, answers: multiprocessing.Queue[tuple[str, object]]
) -> None:
    # The parent's connection came along with the fork. Let go of it without a word to the server: libpq objects of
    # another process are not closed (psycopg checks), and the first query opens a connection of our own.
    connection.connection = None
    gc.freeze()  # what came along is not ours to collect: walking over it would copy every page of it
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        result = work(shard, lambda events, streams: answers.put(("report", (events, streams))))
        answers.put(("result", result))
    except Exception as problem:
        answers.put(("problem", problem))
    finally:
        connection.close()


def _end_with(parent: int) -> None:
    """Ends this process when its parent has ended: nobody waits for the result any more."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
