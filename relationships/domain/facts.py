"""What a rule reads of an event, and which facts hold once corrections and retractions are taken in.

Source: `model.md` §2, "Corrections" and "Order".
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from .instants import to_us

CORRECTED = "event_corrected"
RETRACTED = "event_retracted"


class Fact(NamedTuple):
    """One recorded event as the rules see it.

    `at` is the moment it happened (microseconds, UTC), `version` its number within the client, `data` its clear
    fields: personal text is never among them, so erasing a person cannot move a stage.
    """

    event_id: str
    version: int
    type: str
    at: int
    source: str | None
    external_id: str | None
    data: dict[str, Any]


def folding_order(fact: Fact) -> tuple[int, bool, str, str, int]:
    """The sort key of the fold: by time; within one instant by natural key, those without one after, by version."""
    if fact.external_id is None:
        return (fact.at, True, "", "", fact.version)
    return (fact.at, False, fact.source or "", fact.external_id, fact.version)


def meeting_of(fact: Fact) -> str:
    """Which meeting an event is about; one that names none begins a meeting of its own."""
    return str(fact.data.get("meeting_id") or fact.event_id)


def effective(facts: Iterable[Fact]) -> list[Fact]:
    """The facts that hold, in folding order.

    Takes every fact known of one client, in any order. A correction may name the fact or an earlier correction of
    it; what it states replaces what stood before, the last by version holds, and a retraction is final. A corrected
    fact keeps its id, version and type. A miss of a meeting that was held counts nothing and is left out, as are
    the corrections and retractions themselves.
    """
    standing = amended(facts)
    if any(fact.type == "meeting_missed" for fact in standing):
        held = {meeting_of(fact) for fact in standing if fact.type == "meeting_held"}
        standing = [
            fact for fact in standing if fact.type != "meeting_missed" or fact.data.get("meeting_id") not in held
        ]
    return sorted(standing, key=folding_order)


def amended(facts: Iterable[Fact]) -> list[Fact]:
    """The facts as corrections and retractions leave them, in no order; without these themselves."""
    plain: dict[str, Fact] = {}
    amendments: list[Fact] = []
    for fact in facts:
        if fact.type == CORRECTED or fact.type == RETRACTED:
            amendments.append(fact)
        else:
            plain[fact.event_id] = fact
    if amendments:
        _amend(plain, amendments)
    return list(plain.values())


def _amend(plain: dict[str, Fact], amendments: list[Fact]) -> None:
    """Applies corrections and retractions to `plain`, by version."""
    root_of: dict[str, str] = {}
    gone: set[str] = set()
    for amendment in sorted(amendments, key=lambda fact: fact.version):
        named = amendment.data["event_id"]
        root = root_of.get(named, named)
        root_of[amendment.event_id] = root
        fact = plain.get(root)
        if fact is None or root in gone:
            continue
        if amendment.type == RETRACTED:
            gone.add(root)
            del plain[root]
        else:
            plain[root] = _corrected(fact, amendment.data)


def _corrected(fact: Fact, stated: dict[str, Any]) -> Fact:
    at = fact.at
    if stated.get("occurred_at"):
        at = to_us(datetime.fromisoformat(stated["occurred_at"]))
    data = stated["data"] if stated.get("data") is not None else fact.data
    return fact._replace(at=at, data=data)
