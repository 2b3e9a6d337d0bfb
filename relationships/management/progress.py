"""A bar on the terminal that says how far a command is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from relationships.projections import Progress

SHOWN_EVERY = 0.5  # seconds
WIDTH = 30


@contextmanager
def bar(out: Any, total: int) -> Iterator[Progress | None]:
    """Gives a progress that draws a bar over `total` events; None where nobody looks."""
    if not out.isatty():
        yield None
        return
    shown = 0.0

    def show(events: int, clients: int) -> None:
        nonlocal shown
        if events < total and time.monotonic() - shown < SHOWN_EVERY:
            return
        shown = time.monotonic()
        filled = min(WIDTH, round(WIDTH * events / max(1, total)))
        text = f"[{'█' * filled}{'░' * (WIDTH - filled)}] {events:,} of {total:,} events, {clients:,} clients"
        out.write(f"\r{text}", ending="")

    try:
        yield show
    finally:
        if shown:
            out.write("")
