"""Evidence that is kept: the latest back-test of each version of the policy, with its time and position."""

from __future__ import annotations

import logging
import math
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.roles import Principal
from relationships import event_store
from relationships.commands import policies
from relationships.domain.ids import uuid7
from relationships.domain.instants import to_us
from relationships.models.policies import PolicyRun
from relationships.projections import known_policy

from .gathering import gather
from .judging import Evidence, judge
from .libraries import LibrariesMissing
from .telling import as_json

logger = logging.getLogger(__name__)


def carry_out(run_id: UUID, attempt: int, *, now: datetime) -> None:
    """Does a back-test that was asked for and claimed. Whatever goes wrong is kept with the run."""
    run = policies.begin(run_id, attempt, now=now)
    if run is None:
        return
    progress = policies.alive(run, now=now)
    try:
        policy = known_policy(run.ledger_id, run.version)
        if policy is None:
            raise LookupError(f"there is no policy {run.version}")
        position = event_store.head(run.ledger_id).position
        found = judge(gather(run.ledger_id, policy, progress=lambda clients: progress(0, clients)))
    except LibrariesMissing as missing:
        policies.fail(run, missing, now=now, again=False)
    except Exception as problem:
        logger.exception("%s failed", run)
        policies.fail(run, problem, now=now)
    else:
        policies.finish(run, now=now, position=position, result=_kept(found))


def keep(principal: Principal, ledger_id: int, found: Evidence, *, position: int, now: datetime) -> None:
    """Keeps a back-test that was made at a command line, as though the worker had made it."""
    version = found.gathered.policy.version
    PolicyRun.objects.create(
        id=UUID(uuid7(to_us(now) // 1000)),
        ledger_id=ledger_id,
        kind=PolicyRun.Kind.EVIDENCE,
        version=version,
        state=PolicyRun.State.DONE,
        asked_at=now,
        asked_by=principal.label,
        instead_of=version,
        finished_at=now,
        position=position,
        result=_kept(found),
    )


def _kept(found: Evidence) -> dict[str, Any]:
    """As JSON that a database takes: a measure that is no number is null."""
    kept: dict[str, Any] = _finite(as_json(found))
    return kept


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
