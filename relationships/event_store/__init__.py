"""The only writer of events: append, read one stream, read the log, verify.

A ledger's head row is locked from just before an event is inserted until the transaction commits. So positions follow
commits without holes, and a reader that asks for everything after N can never miss a late one.
"""

from relationships.event_store.appending import append
from relationships.event_store.batches import Outcome, append_batch
from relationships.event_store.ledgers import (
    ensure_ledger,
    head,
    ledger_of,
    ledger_stream,
    lock_streams,
    open_stream,
    open_streams,
    versions,
)
from relationships.event_store.reading import (
    events,
    facts_after,
    facts_by_stream,
    facts_of_stream,
    last_recorded,
    position_at,
    read_log,
    read_span,
    read_stream,
    skeleton,
    successors,
)
from relationships.event_store.records import (
    Appended,
    Conflict,
    EventUnknown,
    FutureEvent,
    Head,
    OutsideTime,
    Recorded,
    Refused,
    StreamUnknown,
    VersionConflict,
)
from relationships.event_store.roundtrips import together
from relationships.event_store.verifying import export, verify, verify_export, verify_stream

__all__ = [
    "Appended",
    "Conflict",
    "EventUnknown",
    "FutureEvent",
    "Head",
    "Outcome",
    "OutsideTime",
    "Recorded",
    "Refused",
    "StreamUnknown",
    "VersionConflict",
    "append",
    "append_batch",
    "ensure_ledger",
    "events",
    "export",
    "facts_after",
    "facts_by_stream",
    "facts_of_stream",
    "head",
    "last_recorded",
    "ledger_of",
    "ledger_stream",
    "lock_streams",
    "open_stream",
    "open_streams",
    "position_at",
    "read_log",
    "read_span",
    "read_stream",
    "skeleton",
    "successors",
    "together",
    "verify",
    "verify_export",
    "verify_stream",
    "versions",
]
