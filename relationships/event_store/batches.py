"""Many events at once: by COPY, in chunks, each under one lock.

All that can be done before a lock is held is done there. Under it: look up natural keys, number, link, COPY.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from relationships import sealing
from relationships.domain.chain import link
from relationships.domain.draft import Draft
from relationships.domain.instants import to_us
from relationships.event_store.appending import the_same
from relationships.event_store.ledgers import lock_streams
from relationships.event_store.lineage import Lineage
from relationships.event_store.reading import NaturalKey, WithMac, with_macs
from relationships.event_store.records import Appended, Recorded, Refused, StreamUnknown
from relationships.event_store.stating import Stated, seal, state

# A chunk holds the ledger's lock for about half a second; larger ones gain little and keep others waiting.
_CHUNK = 10_000
_LINES = 200  # written at once: the server takes them in while the next are made
_MICROSECOND = timedelta(microseconds=1)

Outcome = Appended | Refused


def append_batch(
    ledger_id: int,
    drafts: Sequence[tuple[str, Draft]],
    *,
    recorded_by: str,
    now: datetime,
    request_id: str | None = None,
) -> list[Outcome]:
    """Records many events, given as (stream id, draft), and says in the same order what became of each.

    Like `append` for every one: known ones come back, and an event that is refused (Conflict, EventUnknown,
    FutureEvent …) stands in the list as that exception and does not stop the rest. The new ones are numbered in order
    of `occurred_at`, corrections and retractions after the facts. Chunks of 10,000 commit one by one, unless a
    surrounding transaction holds them together; a process that dies leaves whole chunks, and sending all again
    records the rest.
    """
    with _collector_paused():
        return _append_batch(ledger_id, drafts, recorded_by, now, request_id)


def _append_batch(
    ledger_id: int,
    drafts: Sequence[tuple[str, Draft]],
    recorded_by: str,
    now: datetime,
    request_id: str | None,
) -> list[Outcome]:
    outcomes: list[Outcome | None] = [None] * len(drafts)
    accepted: list[tuple[int, Stated]] = []
    if connection.in_atomic_block:
        # Streams are locked before keys are made; outside a transaction, keys are kept at once and nobody waits.
        lock_streams(ledger_id, {stream_id for stream_id, _ in drafts})
    for index, (stream_id, draft) in enumerate(drafts):
        try:
            stated = state(stream_id, draft, recorded_by=recorded_by, request_id=request_id, now=now)
            accepted.append((index, stated))
        except Refused as refusal:
            outcomes[index] = refusal
    accepted.sort(key=lambda item: (item[1].amends, item[1].draft.occurred_at))
    for start in range(0, len(accepted), _CHUNK):
        chunk = accepted[start : start + _CHUNK]
        results = _append_chunk(ledger_id, [stated for _, stated in chunk], now)
        for (index, _), outcome in zip(chunk, results, strict=True):
            outcomes[index] = outcome
    return [outcome for outcome in outcomes if outcome is not None]


@contextmanager
def _collector_paused() -> Iterator[None]:
    """A batch makes many objects and no cycles: looking for some among them would take a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _append_chunk(ledger_id: int, chunk: Sequence[Stated], now: datetime) -> list[Outcome]:
    seal(ledger_id, chunk, now=now)
    with transaction.atomic():
        versions = lock_streams(ledger_id, {stated.stream_id for stated in chunk})
        _lock_keys(ledger_id, chunk, now)
        known = _known(ledger_id, chunk)
        writer = _Numbering(ledger_id, versions, now)
        lineage = Lineage(ledger_id, [stated for stated in chunk if stated.amends])
        outcomes: list[Outcome] = []
        for stated in chunk:
            try:
                outcomes.append(_place(stated, writer, known, lineage))
            except Refused as refusal:
                outcomes.append(refusal)
        writer.write()
    return outcomes


def _place(stated: Stated, writer: _Numbering, known: dict[NaturalKey, WithMac], lineage: Lineage) -> Appended:
    """What becomes of one draft, its stream being locked. Raises Refused."""
    if stated.stream_id not in writer.versions:
        raise StreamUnknown(stated.stream_id)
    key = stated.natural_key
    if key is not None and key in known:
        return the_same(known[key], stated)
    if stated.amends:
        stated.supersedes = lineage.superseded_by(stated)
        stated.hash()
    event = writer.number(stated)
    if stated.amends:
        lineage.note(event)
    if key is not None:
        known[key] = (event, stated.part.text_mac if stated.part else None)
    return Appended(event, created=True)


class _Numbering:
    """Numbers and links events while the ledger's head is locked, and writes them all at the end."""

    def __init__(self, ledger_id: int, versions: dict[str, int], now: datetime) -> None:
        self.versions = versions
        self._ledger_id = ledger_id
        self._new: list[tuple[Stated, Recorded]] = []
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT position, chain_hash, recorded_at FROM relationships_ledgerhead
                 WHERE ledger_id = %s FOR UPDATE
                """,
                [ledger_id],
            )
            self._position, chain_hash, recorded_at = cursor.fetchone()
        self._chain_hash = bytes(chain_hash)
        self._recorded_at = max(now - _MICROSECOND, recorded_at)

    def number(self, stated: Stated) -> Recorded:
        version = self.versions[stated.stream_id] = self.versions[stated.stream_id] + 1
        self._position += 1
        self._recorded_at += _MICROSECOND
        self._chain_hash = link(
            self._chain_hash, stated.content_hash, self._position, version, to_us(self._recorded_at)
        )
        event = stated.as_recorded(self._ledger_id, self._position, version, self._recorded_at, self._chain_hash)
        self._new.append((stated, event))
        return event

    def write(self) -> None:
        if not self._new:
            return
        with connection.cursor() as cursor:
            with _arriving(cursor, "relationships_event", _EVENT_COLUMNS) as copy:
                for start in range(0, len(self._new), _LINES):
                    copy.write("".join(_event_line(*one) for one in self._new[start : start + _LINES]))
            sealed = [stated for stated, _ in self._new if stated.part]
            if sealed:
                with _arriving(cursor, "relationships_sealedpart", _SEALED_COLUMNS) as copy:
                    for stated in sealed:
                        copy.write_row(_sealed_row(self._ledger_id, stated))
            changed = {event.stream_id: event.version for _, event in self._new}
            cursor.execute(
                """
                UPDATE relationships_stream s SET version = n.version
                  FROM unnest(%s::uuid[], %s::bigint[]) AS n (id, version)
                 WHERE s.ledger_id = %s AND s.id = n.id
                """,
                [list(changed), list(changed.values()), self._ledger_id],
            )
            cursor.execute(
                """
                UPDATE relationships_ledgerhead SET position = %s, chain_hash = %s, recorded_at = %s
                 WHERE ledger_id = %s
                """,
                [self._position, self._chain_hash, self._recorded_at, self._ledger_id],
            )


def _known(ledger_id: int, chunk: Iterable[Stated]) -> dict[NaturalKey, WithMac]:
    """What stands already under the chunk's natural keys."""
    keys = [key for stated in chunk if (key := stated.natural_key)]
    if not keys:
        return {}
    return {
        (event.stream_id, event.source or "", event.external_id or ""): (event, mac)
        for event, mac in with_macs(ledger_id, natural_keys=keys)
    }


def _lock_keys(ledger_id: int, chunk: Sequence[Stated], now: datetime) -> None:
    """Keeps persons from being erased until the chunk is in; seals nothing for those who were meanwhile."""
    key_ids = {stated.part.key_id for stated in chunk if stated.part}
    if not key_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id::text FROM relationships_personkey
             WHERE ledger_id = %s AND id = ANY(%s::uuid[]) AND destroyed_at IS NULL ORDER BY id FOR SHARE
            """,
            [ledger_id, list(key_ids)],
        )
        standing = {key_id for (key_id,) in cursor.fetchall()}
    if erased := [stated for stated in chunk if stated.part and stated.part.key_id not in standing]:
        sealing.forget(ledger_id, {stated.subject for stated in erased})
        seal(ledger_id, erased, now=now)


_EVENT_COLUMNS = (
    "event_id, ledger_id, position, stream_id, version, type, type_version, occurred_at, occurred_tz, precision,"
    " recorded_at, recorded_by, source, external_id, request_id, supersedes, body, sealed_digest, content_hash,"
    " chain_hash"
)


@contextmanager
def _arriving(cursor: Any, table: str, columns: str) -> Iterator[Any]:
    """A COPY into a table. Where rows are walled off PostgreSQL refuses COPY itself: they arrive beside, and move over.

    The table beside is the session's own, holds nothing beyond the transaction and is written to no log."""
    beside = f"{table}_arriving"
    cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {beside} (LIKE {table}) ON COMMIT DELETE ROWS")
    with cursor.copy(f"COPY {beside} ({columns}) FROM STDIN") as copy:
        yield copy
    cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {beside}")
    cursor.execute(f"TRUNCATE {beside}")


def _event_line(stated: Stated, event: Recorded) -> str:
    """The event as a line of COPY's text format (PostgreSQL's documentation, COPY, "Text Format").

    Written by hand: psycopg's adapters take six times as long for twenty columns, all of it under the lock.
    """
    digest = event.sealed_digest
    return (
        f"{event.event_id}\t{event.ledger_id}\t{event.position}\t{event.stream_id}\t{event.version}\t"
        f"{event.type}\t{event.type_version}\t{event.occurred_at.isoformat()}\t{_field(event.occurred_tz)}\t"
        f"{event.precision}\t{event.recorded_at.isoformat()}\t{_field(event.recorded_by)}\t"
        f"{_field(event.source)}\t{_field(event.external_id)}\t{_field(event.request_id)}\t"
        f"{_field(event.supersedes)}\t{_field(stated.body)}\t"
        f"{NULL if digest is None else HEX + digest.hex()}\t{HEX}{stated.content_hash.hex()}\t"
        f"{HEX}{event.chain_hash.hex()}\n"
    )


NULL, HEX = "\\N", "\\\\x"
_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _field(text: str | None) -> str:
    if text is None:
        return NULL
    return text.translate(_ESCAPES) if _SPECIAL.search(text) else text


_SEALED_COLUMNS = "event_id, ledger_id, key_id, nonce, ciphertext, text_mac"


def _sealed_row(ledger_id: int, stated: Stated) -> tuple[object, ...]:
    part = stated.part
    assert part is not None
    return (stated.event_id, ledger_id, part.key_id, part.nonce, part.ciphertext, part.text_mac)
