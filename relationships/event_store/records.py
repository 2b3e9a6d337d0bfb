"""What goes into the log and comes out of it, and why an event may be refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from relationships.domain.instants import from_us


class Recorded(NamedTuple):
    """An event as it stands in the log. `data` holds the clear fields; texts are opened by `relationships.sealing`."""

    ledger_id: int
    position: int
    event_id: str
    stream_id: str
    version: int
    type: str
    type_version: int
    occurred_at: datetime
    occurred_tz: str
    precision: str
    recorded_at: datetime
    recorded_by: str
    source: str | None
    external_id: str | None
    request_id: str | None
    supersedes: str | None
    data: dict[str, Any]
    chain_hash: bytes
    sealed_digest: bytes | None


# Instants as microseconds: to read two of them out of text took a quarter of a page of the feed.
OCCURRED_AT, _RECORDED_AT = (
    f"(date_part('epoch', e.{name}) * 1000000)::bigint" for name in ("occurred_at", "recorded_at")
)
COLUMNS = f"""e.ledger_id, e.position, e.event_id::text, e.stream_id::text, e.version, e.type, e.type_version,
    {OCCURRED_AT}, e.occurred_tz, e.precision, {_RECORDED_AT}, e.recorded_by, e.source, e.external_id, e.request_id,
    e.supersedes::text, e.body::text, e.chain_hash, e.sealed_digest"""
_INSTANTS = (7, 10)
_BODY = 16


def recorded(row: tuple[Any, ...]) -> Recorded:
    """The event of a row of COLUMNS."""
    fields: list[Any] = list(row)
    for place in _INSTANTS:
        fields[place] = from_us(row[place])
    fields[_BODY] = orjson.loads(row[_BODY])
    return Recorded(*fields)


@dataclass(frozen=True, slots=True)
class Appended:
    """The event, and whether it was written now; `created` is False when its natural key was known already.

    `personal` holds what was sealed with it, when it was written now and alone; None: it has to be opened to be read.
    """

    event: Recorded
    created: bool
    personal: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """Where a ledger ends: its last position, the hash of the whole chain, and the epoch that cursors belong to."""

    position: int
    chain_hash: bytes
    recorded_at: datetime
    epoch: int


class Refused(Exception):
    """The event was not recorded."""


class Conflict(Refused):
    """Something else stands there already.

    `existing` is what stands, `fields` name the difference (`occurred_at`, `text`, `data/mode` …). A correction of a
    retracted fact conflicts with the retraction, in `data/event_id`.
    """

    def __init__(self, existing: Recorded, fields: Iterable[str]) -> None:
        self.existing = existing
        self.fields = tuple(fields)
        super().__init__(f"{existing.event_id} stands already and differs in {', '.join(self.fields)}")


class VersionConflict(Refused):
    """The stream is not at the version that the caller had seen; `current` is where it is."""

    def __init__(self, current: int) -> None:
        self.current = current
        super().__init__(f"the stream is at version {current}")


class StreamUnknown(Refused):
    """There is no such stream in this ledger."""

    def __init__(self, stream_id: str) -> None:
        self.stream_id = stream_id
        super().__init__(f"this ledger has no stream {stream_id}")


class EventUnknown(Refused):
    """A correction or retraction names an event that is not in the stream."""

    def __init__(self, event_id: str) -> None:
        self.event_id = event_id
        super().__init__(f"the stream has no event {event_id}")


class OutsideTime(Refused):
    """`occurred_at` lies before 1970 or more than five minutes ahead."""


class FutureEvent(OutsideTime):
    """`occurred_at` lies more than five minutes ahead: record a plan as a fact of today about tomorrow."""
