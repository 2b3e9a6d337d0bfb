"""Verifying a ledger, here or from an export alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

from django.db import connection
from psycopg import Cursor

from accounts import walls
from relationships.domain.chain import GENESIS, StatedEvent
from relationships.domain.instants import to_us
from relationships.domain.verification import Row, Verdict, walk, walk_stream
from relationships.event_store.ledgers import head
from relationships.sealing import subject_of

# Called now and then with how many events are done, and how many there are.
Progress = Callable[[int, int], None]

FORMAT = "relationships-log/1"
_PAGE = 1_000


def verify(ledger_id: int, *, progress: Progress | None = None) -> Verdict:
    """Walks a ledger as far as its head stands now, in bounded memory, to the first break."""
    end = head(ledger_id)
    rows = (_row(stored) for stored in _told(_stored(ledger_id, end.position), end.position, progress))
    return walk(rows, head=(end.position, end.chain_hash))


def verify_stream(ledger_id: int, stream_id: str) -> Verdict:
    """Verifies the events of one client, each linked to the position before it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT body ->> 'contact_id' FROM relationships_event
             WHERE ledger_id = %s AND stream_id = %s AND type = 'person_erased'
            """,
            [ledger_id, stream_id],
        )
        erased = [subject or stream_id for (subject,) in cursor.fetchall()]
    return walk_stream(_linked_rows(ledger_id, stream_id), erased=erased)


def export(ledger_id: int, file: TextIO, *, progress: Progress | None = None) -> int:
    """Writes a ledger as NDJSON and returns how many events that were.

    The first line names format, ledger and head. Every other line is one event: its columns, hashes in hexadecimal,
    times in RFC 3339, `body` as the exact text that was hashed, and the ciphertext of its sealed part or null. It is
    all that `verify_export` needs, and holds no key.
    """
    end = head(ledger_id)
    first = {
        "format": FORMAT,
        "ledger": ledger_id,
        "epoch": end.epoch,
        "position": end.position,
        "chain_hash": end.chain_hash.hex(),
    }
    file.write(json.dumps(first) + "\n")
    for stored in _told(_stored(ledger_id, end.position), end.position, progress):
        file.write(json.dumps(_as_json(stored), ensure_ascii=False) + "\n")
    return end.position


def verify_export(file: Iterable[str], *, progress: Progress | None = None) -> Verdict:
    """Verifies an export, without any database. Raises ValueError when the file is not one."""
    lines = iter(file)
    try:
        first = json.loads(next(lines, "null"))
        if first["format"] != FORMAT:
            raise ValueError(f"format {first['format']!r}, not {FORMAT!r}")
        end = (first["position"], bytes.fromhex(first["chain_hash"]))
        rows = (_row(stored) for stored in _told(map(_from_json, lines), end[0], progress))
        return walk(rows, head=end)
    except (KeyError, TypeError) as error:
        raise ValueError("this is not an export of a log") from error


_COLUMNS = (
    "position",
    "event_id",
    "stream_id",
    "version",
    "type",
    "type_version",
    "occurred_at",
    "occurred_tz",
    "precision",
    "recorded_at",
    "recorded_by",
    "source",
    "external_id",
    "request_id",
    "supersedes",
    "body",
    "sealed_digest",
    "content_hash",
    "chain_hash",
    "nonce",
    "ciphertext",
)
_AS_TEXT = ("event_id", "stream_id", "supersedes", "body")
_AS_HEXADECIMAL = ("sealed_digest", "content_hash", "chain_hash", "nonce", "ciphertext")
_AS_TIME = ("occurred_at", "recorded_at")
_SELECTED = ", ".join(
    f"{'p' if name in ('nonce', 'ciphertext') else 'e'}.{name}{'::text' if name in _AS_TEXT else ''}"
    for name in _COLUMNS
)
_FROM = "FROM relationships_event e LEFT JOIN relationships_sealedpart p ON p.event_id = e.event_id"


def _stored(ledger_id: int, until: int) -> Iterator[dict[str, Any]]:
    """The rows of a ledger in order of position, read in pages."""
    after = -1
    while True:
        rows = _select(
            f"SELECT {_SELECTED} {_FROM} WHERE e.ledger_id = %s AND e.position > %s AND e.position <= %s"
            " ORDER BY e.position LIMIT %s",
            [ledger_id, after, until, _PAGE],
        )
        for row in rows:
            yield dict(zip(_COLUMNS, row, strict=True))
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


def _linked_rows(ledger_id: int, stream_id: str) -> Iterator[tuple[Row, bytes]]:
    """The rows of a stream in order of version, each with the chain hash of the position before it."""
    after = -1
    while True:
        rows = _select(
            f"SELECT {_SELECTED}, coalesce(b.chain_hash, %s) {_FROM} LEFT JOIN relationships_event b"
            " ON b.ledger_id = e.ledger_id AND b.position = e.position - 1"
            " WHERE e.ledger_id = %s AND e.stream_id = %s AND e.version > %s ORDER BY e.version LIMIT %s",
            [GENESIS, ledger_id, stream_id, after, _PAGE],
        )
        for *row, previous in rows:
            yield _row(dict(zip(_COLUMNS, row, strict=True))), previous
        if len(rows) < _PAGE:
            return
        after = rows[-1][_COLUMNS.index("version")]


def _select(query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        with walls.told(connection):
            cursor.execute(query, parameters, binary=True)
        return cursor.fetchall()


def _row(stored: dict[str, Any]) -> Row:
    stated = StatedEvent(
        event_id=stored["event_id"],
        stream_id=stored["stream_id"],
        type=stored["type"],
        type_version=stored["type_version"],
        occurred_at_us=to_us(stored["occurred_at"]),
        occurred_tz=stored["occurred_tz"],
        precision=stored["precision"],
        recorded_by=stored["recorded_by"],
        source=stored["source"],
        external_id=stored["external_id"],
        supersedes=stored["supersedes"],
        request_id=stored["request_id"],
        body=stored["body"].encode(),
        sealed_digest=stored["sealed_digest"],
    )
    nonce, ciphertext = stored["nonce"], stored["ciphertext"]
    return Row(
        stated=stated,
        position=stored["position"],
        version=stored["version"],
        recorded_at_us=to_us(stored["recorded_at"]),
        content_hash=stored["content_hash"],
        chain_hash=stored["chain_hash"],
        sealed_found=None if nonce is None else hashlib.sha256(nonce + ciphertext).digest(),
        subject=subject_of(stored["stream_id"], json.loads(stored["body"])) if stored["sealed_digest"] else "",
    )


def _as_json(stored: dict[str, Any]) -> dict[str, Any]:
    out = dict(stored)
    for name in _AS_TIME:
        out[name] = stored[name].astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    for name in _AS_HEXADECIMAL:
        out[name] = None if stored[name] is None else stored[name].hex()
    return out


def _from_json(line: str) -> dict[str, Any]:
    out: dict[str, Any] = json.loads(line)
    for name in _AS_TIME:
        out[name] = datetime.fromisoformat(out[name])
    for name in _AS_HEXADECIMAL:
        out[name] = None if out[name] is None else bytes.fromhex(out[name])
    return out


def _told(rows: Iterable[dict[str, Any]], total: int, progress: Progress | None) -> Iterator[dict[str, Any]]:
    for done, row in enumerate(rows, start=1):
        yield row
        if progress and done % _PAGE == 0:
            progress(done, total)
