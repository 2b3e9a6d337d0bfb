"""The snapshot as it is, for programs: ids, RFC 3339 times in UTC, and the stock counted out."""

from __future__ import annotations

import json
from collections.abc import Mapping

from relationships.reports.snapshot import Snapshot

FORM = "json"
MEDIA_TYPE = "application/json"


def render(snapshot: Snapshot, *, people: Mapping[str, str], zone: str) -> str:
    """One JSON object. ``people`` adds the names of the colleagues that it mentions; ``zone`` moves
    nothing."""
    owners = {line.owner for line in snapshot.clients if line.owner}
    named = {person: name for person, name in sorted(people.items()) if person in owners}
    return json.dumps(snapshot.to_dict() | {"people": named}, ensure_ascii=False, indent=2) + "\n"
