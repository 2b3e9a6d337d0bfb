"""One event at a time: one round trip, see relationships/migrations/sql/append.sql."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from relationships import sealing
from relationships.domain.draft import Draft
from relationships.event_store.ledgers import lock_streams
from relationships.event_store.lineage import Lineage
from relationships.event_store.reading import WithMac, with_macs
from relationships.event_store.records import Appended, Conflict, StreamUnknown, VersionConflict
from relationships.event_store.stating import Stated, difference, seal, state

_APPEND = """
SELECT outcome, o_event_id::text, o_position, o_version, o_recorded_at, o_chain_hash FROM relationships_append(
    %s, %s::uuid, %s, %s,
    %s::uuid, %s, %s::smallint, %s, %s, %s, %s, %s, %s, %s, %s::uuid,
    %s::json, %s::bytea, %s::bytea, %s::uuid, %s::bytea, %s::bytea, %s::bytea)
"""


def append(
    ledger_id: int,
    stream_id: str,
    draft: Draft,
    *,
    recorded_by: str,
    now: datetime,
    expected_version: int | None = None,
    request_id: str | None = None,
) -> Appended:
    """Records one event and returns it, numbered and linked.

    `draft.data` is clean and resolved (see `domain.events.clean`). `now` becomes `recorded_at`, unless the ledger's
    last event is as late: then a microsecond after that one. Where the draft's (source, external_id) is known in the
    stream, that event comes back and nothing is written. A correction or retraction is linked to the latest of the
    lineage that its `event_id` belongs to.

    Works alone and inside a transaction. There, call it last: the ledger stays locked until the transaction ends.

    Raises Conflict (the natural key stands with another content, or the fact was retracted), VersionConflict (the
    stream is not at `expected_version`), StreamUnknown, EventUnknown, FutureEvent and OutsideTime.
    """
    stated = state(stream_id, draft, recorded_by=recorded_by, request_id=request_id, now=now)
    seal(ledger_id, [stated], now=now)
    if not stated.amends:
        return _append(ledger_id, stated, expected_version, now)
    with transaction.atomic():
        if not lock_streams(ledger_id, [stream_id]):
            raise StreamUnknown(stream_id)
        if stated.natural_key and (known := with_macs(ledger_id, natural_keys=[stated.natural_key])):
            return the_same(known[0], stated)
        stated.supersedes = Lineage(ledger_id, [stated]).superseded_by(stated)
        stated.hash()
        return _append(ledger_id, stated, expected_version, now)


def _append(ledger_id: int, stated: Stated, expected_version: int | None, now: datetime) -> Appended:
    draft, part = stated.draft, stated.part
    with connection.cursor() as cursor:
        cursor.execute(
            _APPEND,
            (
                ledger_id,
                stated.stream_id,
                expected_version,
                now,
                stated.event_id,
                draft.type,
                stated.type_version,
                draft.occurred_at,
                draft.occurred_tz,
                draft.precision,
                stated.recorded_by,
                draft.source,
                draft.external_id,
                stated.request_id,
                stated.supersedes,
                stated.body,
                stated.content_hash,
                stated.sealed_digest,
                part.key_id if part else None,
                part.nonce if part else None,
                part.ciphertext if part else None,
                part.text_mac if part else None,
            ),
        )
        row = cursor.fetchone()
    outcome, event_id, position, version, recorded_at, chain_hash = row
    match outcome:
        case "created":
            event = stated.as_recorded(ledger_id, position, version, recorded_at, bytes(chain_hash))
            return Appended(event, created=True, personal=stated.personal if part else {})
        case "known":
            return the_same(with_macs(ledger_id, event_ids=[event_id])[0], stated)
        case "version":
            raise VersionConflict(version)
        case "key_destroyed":
            sealing.forget(ledger_id, [stated.subject])
            seal(ledger_id, [stated], now=now)
            return _append(ledger_id, stated, expected_version, now)
        case _:
            raise StreamUnknown(stated.stream_id)


def the_same(known: WithMac, stated: Stated) -> Appended:
    """The known event, when the draft repeats it. Raises Conflict when it says something else."""
    existing, mac = known
    if fields := difference(existing, mac, stated):
        raise Conflict(existing, fields)
    return Appended(existing, created=False)
