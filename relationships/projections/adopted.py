"""Which policy was in force when: it follows from the log.

`policy_adopted` events on the ledger's own stream carry the whole policy. Before the first of them, the first policy
is in force.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from relationships.domain.policy import DEFAULT_POLICY, Policy
from relationships.event_store import ledger_stream
from relationships.models.log import Event
from relationships.models.policies import PolicyVersion

ADOPTED = "policy_adopted"


@dataclass(frozen=True, slots=True)
class Adoption:
    """That a version came into force with the event at `position`, recorded by `adopted_by`."""

    event_id: str
    version: int
    position: int
    adopted_at: datetime
    adopted_by: str


def adoptions(ledger_id: int) -> list[Adoption]:
    """All adoptions of a ledger, in order."""
    rows = _events(ledger_id).order_by("version")
    return [
        Adoption(str(row.event_id), row.data["version"], row.position, row.recorded_at, row.recorded_by) for row in rows
    ]


def policy_in_force(ledger_id: int, *, position: int | None = None) -> Policy:
    """The policy in force now, or when the ledger ended at `position`."""
    events = _events(ledger_id)
    if position is not None:
        events = events.filter(position__lte=position)
    latest = events.order_by("-version").first()
    return DEFAULT_POLICY if latest is None else _policy(str(latest.event_id), latest.body)


def _events(ledger_id: int) -> Any:
    return Event.objects.filter(ledger_id=ledger_id, stream_id=ledger_stream(ledger_id), type=ADOPTED)


@lru_cache(maxsize=64)
def _policy(event_id: str, body: str) -> Policy:
    """An event says the same for ever; a policy keeps what it has worked out of itself."""
    return Policy.from_dict(json.loads(body)["policy"])


def known_policy(ledger_id: int, version: int) -> Policy | None:
    """A version of a ledger's policies, adopted or only proposed; None when there is none of that number."""
    if version == DEFAULT_POLICY.version:
        return DEFAULT_POLICY
    proposed = PolicyVersion.objects.filter(ledger_id=ledger_id, version=version).first()
    if proposed is not None:
        return Policy.from_dict(proposed.policy)
    # The log outlives the tables beside it: what was adopted stands in it, whole.
    for row in _events(ledger_id).order_by("-version"):
        if row.data["version"] == version:
            return _policy(str(row.event_id), row.body)
    return None
