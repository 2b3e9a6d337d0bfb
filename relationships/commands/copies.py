"""The copies of what is known about a person that lie outside of the log and of the contact's own rows.

Each is short-lived and encrypted: answers kept for repeated requests (24 hours) and rows of imports that found no
client (90 days). An erasure does not wait for that. Reports, deliveries and letters name people by id and hold none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag

from relationships import sealing
from relationships.domain.events import EVENT_TYPES
from relationships.models.capture import UnmatchedRow
from relationships.models.integrations import IdempotencyKey
from relationships.queries.unmatched import unmatched_naming

ERASED = "(erased)"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Traces:
    """What a person is recognised by in a copy: their id, all handles they ever had (in normal form, as (platform,
    handle)), and the events that held their words."""

    contact_id: str
    handles: frozenset[tuple[str, str]]
    event_ids: Collection[str]

    def tell(self, text: str) -> bool:
        """Whether a text, case folded, holds one of their addresses or is one of their handles."""
        return any(handle in text if "@" in handle else handle == text for _, handle in self.handles)


def forget_in_answers(ledger_id: int, traces: Traces) -> int:
    """Takes the person out of the answers that are kept under idempotency keys; returns how many those were.

    What a repeated request gets is then what reading the same thing again would give.
    """
    changed = 0
    for row in IdempotencyKey.objects.filter(ledger_id=ledger_id, answer__isnull=False).iterator(chunk_size=_AT_ONCE):
        try:
            plain = sealing.open_answer(str(row.pk), bytes(row.answer or b""))
        except InvalidTag:
            continue  # kept under a MASTER_KEY of former days: nobody can read it any more
        type, headers, body = orjson.loads(plain)
        without = _without(body, traces)
        if without != body:
            sealed = sealing.seal_answer(str(row.pk), orjson.dumps([type, headers, without]))
            changed += IdempotencyKey.objects.filter(pk=row.pk, status__isnull=False).update(answer=sealed)
    return changed


def _without(value: Any, traces: Traces) -> Any:
    if isinstance(value, dict):
        inner = {name: _without(part, traces) for name, part in value.items()}
        if value.get("id") == traces.contact_id and "handles" in value:
            return {**inner, "name": None, "role": None, "handles": []}
        if value.get("event_id") in traces.event_ids and "data" in value:
            return {**inner, "text": None, "data": _clear(str(value.get("type")), inner["data"])}
        return inner
    if isinstance(value, list):
        return [_without(part, traces) for part in value]
    return ERASED if isinstance(value, str) and traces.tell(value.casefold()) else value


def _clear(type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    sealed = EVENT_TYPES[type].sealed if type in EVENT_TYPES else ()
    return {name: part for name, part in data.items() if name not in sealed}


def forget_unmatched(ledger_id: int, traces: Traces, *, now: datetime) -> int:
    """Drops the rows of imports without a client that name the person; returns how many those were."""
    named = [row.pk for row, _ in unmatched_naming(ledger_id, traces.handles, now=now)]
    UnmatchedRow.objects.filter(pk__in=named).delete()
    return len(named)
