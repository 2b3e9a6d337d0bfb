"""What a preview of another policy costs, beside a rebuild of the same invented ledger."""

from __future__ import annotations

import resource
import time

from relationships import event_store, projections
from relationships.domain.policy import DEFAULT_POLICY
from relationships.domain.policy_rules import draft

from .rounds import Result, measure
from .scratch import NOW, a_portfolio, drafts, emptied

BATCH = 100_000
SHORTER = {
    "tiers": {"standard": {"window": 2}},
    "met_keep": 30,
    "helped_keep": 20,
    "conversing_keep": 10,
    "cooling_rhythms": 0.5,
}


def preview(*, events: int, rounds: int, clients: int) -> Result:
    """A rebuild as `rebuild_projections` does it, and a preview as `preview_policy` does it: events a second."""
    portfolio = a_portfolio(emptied(), clients)
    made = drafts(portfolio, events)
    while made:
        event_store.append_batch(portfolio.ledger_id, made[:BATCH], recorded_by="key:benchmark", now=NOW)
        del made[:BATCH]
    other = draft(DEFAULT_POLICY, SHORTER, version=2)

    def rebuilding() -> float:
        begun = time.perf_counter()
        projections.rebuild(portfolio.ledger_id, now=NOW)
        return events / (time.perf_counter() - begun)

    def previewing() -> float:
        begun = time.perf_counter()
        found = projections.preview(portfolio.ledger_id, other, now=NOW)
        took = time.perf_counter() - begun
        counted.append((found.moved, found.stages_moved, len(found.moves)))
        return events / took

    counted: list[tuple[int, int, int]] = []
    rebuilding()  # readers have been there before anybody previews
    result = measure("preview", {"rebuild": rebuilding, "preview": previewing}, rounds=rounds)
    moved, stages, told = counted[-1]
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{events:,} events of {clients:,} clients: {moved:,} move, {stages:,} of them their stage; {told:,} told")
    print(f"largest resident memory: {own:.0f} MiB, of a worker process {workers:.0f} MiB")
    return result
