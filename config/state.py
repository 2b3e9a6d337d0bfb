"""Whether `up` runs for a data directory, and where: a locked file that says so."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "up.json"


class AlreadyRuns(Exception):
    """Somebody else holds the file; `where` is what they wrote."""

    def __init__(self, where: dict[str, Any]) -> None:
        super().__init__(where)
        self.where = where


@dataclass(frozen=True)
class State:
    """The file while we hold it. `left` is what a run that was killed had written, empty after a clean end."""

    path: Path
    left: dict[str, Any]

    def write(self, about: dict[str, Any]) -> None:
        # Not replaced: the lock is on this very file.
        with self.path.open("r+") as file:
            file.write(json.dumps(about))
            file.truncate()


@contextmanager
def held(data_dir: Path) -> Iterator[State]:
    """Holds the file for as long as the program runs; the lock goes with the process, however it ends.

    Raises AlreadyRuns."""
    path = data_dir / FILE
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRuns(_read(path)) from None
        try:
            yield State(path, _read(path))
        finally:
            file.truncate(0)


def running(data_dir: Path) -> dict[str, Any] | None:
    """What the running `up` wrote: `pid`, `url` and `since`, in seconds of the epoch; None when none runs."""
    path = data_dir / FILE
    if not path.exists():
        return None
    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(path)
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (ValueError, TypeError):
        return {}
