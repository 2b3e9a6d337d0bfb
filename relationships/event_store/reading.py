"""Reading the log: one stream, the whole of it in order, or what the rules need of many streams, fast."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from django.db import connection
from psycopg import Cursor

from accounts import walls
from relationships.domain.facts import Fact
from relationships.event_store.records import COLUMNS, OCCURRED_AT, Recorded, recorded

WithMac = tuple[Recorded, bytes | None]
NaturalKey = tuple[str, str, str]

# Facts are read in pages of about so many: enough to hide the round trips, few enough to hold in memory.
_PAGE = 10_000


def read_stream(
    ledger_id: int, stream_id: str, *, after_version: int = 0, until_position: int | None = None
) -> list[Recorded]:
    """The events of one stream in order of version, those up to a position of the ledger when one is given."""
    return _select(
        "e.ledger_id = %s AND e.stream_id = %s AND e.version > %s"
        " AND (%s::bigint IS NULL OR e.position <= %s) ORDER BY e.version",
        [ledger_id, stream_id, after_version, until_position, until_position],
    )


def read_log(ledger_id: int, *, after: int = 0, limit: int = 500) -> list[Recorded]:
    """At most `limit` events after a position, in order. Positions have no holes: nothing is ever missed."""
    return _select("e.ledger_id = %s AND e.position > %s ORDER BY e.position LIMIT %s", [ledger_id, after, limit])


def read_span(ledger_id: int, *, after: int, until: int) -> list[Recorded]:
    """The events after one position and up to another, in order, as far as the database shows them."""
    return _select(
        "e.ledger_id = %s AND e.position > %s AND e.position <= %s ORDER BY e.position", [ledger_id, after, until]
    )


def skeleton(ledger_id: int, *, after: int = 0, limit: int = 500) -> list[tuple[int, bytes]]:
    """Position and chain hash of at most `limit` events after a position, those included that may not be read."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT o_position, o_chain_hash FROM relationships_skeleton(%s, %s, %s)", [ledger_id, after, limit]
        )
        return [(position, bytes(chain_hash)) for position, chain_hash in cursor.fetchall()]


def events(ledger_id: int, event_ids: Iterable[str]) -> dict[str, Recorded]:
    """Events by id; unknown ids are left out."""
    found = _select("e.ledger_id = %s AND e.event_id = ANY(%s::uuid[])", [ledger_id, list(event_ids)])
    return {event.event_id: event for event in found}


def successors(ledger_id: int, event_ids: Sequence[str]) -> dict[str, str]:
    """By which event each of these was corrected or retracted; those that stand are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT supersedes::text, event_id::text FROM relationships_event"
            " WHERE ledger_id = %s AND supersedes = ANY(%s::uuid[])",
            [ledger_id, list(event_ids)],
        )
        return dict(cursor.fetchall())


def position_at(ledger_id: int, known_at: datetime) -> int:
    """The position of the last event recorded at or before a moment, whoever may read it; 0 when there is none."""
    with walls.whole_organisation(), connection.cursor() as cursor:
        cursor.execute(_POSITION_AT, {"ledger": ledger_id, "known_at": known_at})
        row = cursor.fetchone()
    return row[0] if row else 0


# recorded_at grows with position, so that the index on positions is enough to halve down to the place.
_POSITION_AT = """
WITH RECURSIVE search (low, high) AS (
    SELECT 0::bigint, position FROM relationships_ledgerhead WHERE ledger_id = %(ledger)s
    UNION ALL
    SELECT CASE WHEN e.recorded_at <= %(known_at)s THEN e.position ELSE low END,
           CASE WHEN e.recorded_at <= %(known_at)s THEN high ELSE e.position - 1 END
      FROM search JOIN relationships_event e
        ON e.ledger_id = %(ledger)s AND e.position = (low + high + 1) / 2
     WHERE low < high
)
SELECT low FROM search WHERE low = high
"""


def last_recorded(ledger_id: int, below: Mapping[str, int | None], *, until_position: int) -> dict[str, datetime]:
    """When each stream was last added to before a version (None: at all), and up to a position of the ledger.

    Streams without such an event are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT wanted.stream::text, last.recorded_at"
            " FROM unnest(%s::uuid[], %s::bigint[]) AS wanted (stream, below)"
            " CROSS JOIN LATERAL (SELECT e.recorded_at FROM relationships_event e"
            " WHERE e.ledger_id = %s AND e.stream_id = wanted.stream AND e.position <= %s"
            " AND (wanted.below IS NULL OR e.version < wanted.below) ORDER BY e.version DESC LIMIT 1) AS last",
            [list(below), list(below.values()), ledger_id, until_position],
        )
        return dict(cursor.fetchall())


def facts_of_stream(
    ledger_id: int, stream_id: str, *, after_version: int = 0, until_position: int | None = None
) -> list[Fact]:
    """What the rules read of one stream, in order of version."""
    return [_fact(row) for row in _facts(ledger_id, [stream_id], after_version, until_position)]


def facts_after(ledger_id: int, versions: Mapping[str, int]) -> dict[str, list[Fact]]:
    """What the rules read of some streams, each after a version of its own, in order; streams without are left out."""
    found: dict[str, list[Fact]] = {}
    if versions:
        after = (
            "JOIN unnest(%s::uuid[], %s::bigint[]) AS known (stream, version)"
            " ON e.stream_id = known.stream AND e.version > known.version WHERE e.ledger_id = %s"
        )
        for row in _facts_where(after, [list(versions), list(versions.values()), ledger_id]):
            found.setdefault(row[0], []).append(_fact(row))
    return found


def facts_by_stream(
    ledger_id: int,
    *,
    streams: Iterable[str] | None = None,
    shard: tuple[int, int] | None = None,
    until_position: int | None = None,
) -> Iterator[tuple[str, list[Fact]]]:
    """What the rules read of many streams, stream by stream, each in order of version; streams without are left out.

    All streams of the ledger, or those given, in id order; `shard` (i, n) takes the i-th of n equal parts, to share
    the work between processes. Needs no transaction and holds about ten thousand facts, or the longest stream, in
    memory. `until_position` makes one consistent picture of a ledger that is appended to meanwhile.
    """
    for page in _pages(_sizes(ledger_id, streams, shard)):
        of_stream: list[Fact] = []
        current = None
        for row in _facts(ledger_id, page, 0, until_position):
            if row[0] != current:
                if current is not None:
                    yield current, of_stream
                current, of_stream = row[0], []
            of_stream.append(_fact(row))
        if current is not None:
            yield current, of_stream


def with_macs(
    ledger_id: int, *, event_ids: Sequence[str] = (), natural_keys: Sequence[NaturalKey] = ()
) -> list[WithMac]:
    """Events by id or natural key, each with the HMAC of its text (None when it has none, or was erased)."""
    if natural_keys:
        # As JSON: it is made ten times as fast as an array.
        wanted = (
            "JOIN (SELECT (k ->> 0)::uuid AS stream_id, k ->> 1 AS source, k ->> 2 AS external_id"
            " FROM json_array_elements(%s::json) AS k) AS keys USING (stream_id, source, external_id)"
            " WHERE e.ledger_id = %s"
        )
        parameters: list[Any] = [orjson.dumps(natural_keys).decode(), ledger_id]
    else:
        wanted = "WHERE e.event_id = ANY(%s::uuid[]) AND e.ledger_id = %s"
        parameters = [list(event_ids), ledger_id]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT p.text_mac, {COLUMNS} FROM relationships_event e"
            f" LEFT JOIN relationships_sealedpart p ON p.event_id = e.event_id {wanted}",
            parameters,
        )
        return [(recorded(row[1:]), row[0] and bytes(row[0])) for row in cursor.fetchall()]


def _select(condition: str, parameters: Sequence[Any]) -> list[Recorded]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {COLUMNS} FROM relationships_event e WHERE {condition}", parameters)
        return [recorded(row) for row in cursor.fetchall()]


def _fact(row: tuple[Any, ...]) -> Fact:
    _, event_id, version, type, at, source, external_id, body = row
    return Fact(event_id, version, type, at, source, external_id, orjson.loads(body))


def _facts(
    ledger_id: int, streams: Sequence[str], after_version: int, until_position: int | None
) -> list[tuple[Any, ...]]:
    """Rows of (stream, fields of Fact), the data still as text."""
    return _facts_where(
        "WHERE e.ledger_id = %s AND e.stream_id = ANY(%s::uuid[]) AND e.version > %s"
        " AND (%s::bigint IS NULL OR e.position <= %s)",
        [ledger_id, streams, after_version, until_position, until_position],
    )


def _facts_where(condition: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Around Django's cursor: binary results without UUID and datetime objects are three times as fast to read."""
    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        with walls.told(connection):
            cursor.execute(
                f"""
                SELECT e.stream_id::text, e.event_id::text, e.version, e.type,
                       {OCCURRED_AT}, e.source, e.external_id, e.body::text
                  FROM relationships_event e {condition}
                 ORDER BY e.stream_id, e.version
                """,
                parameters,
                binary=True,
            )
        return cursor.fetchall()


def _sizes(ledger_id: int, streams: Iterable[str] | None, shard: tuple[int, int] | None) -> Iterator[tuple[str, int]]:
    """Streams with the number of their events, in id order, read in pages."""
    among = None if streams is None else list(streams)
    part, parts = shard or (0, 1)
    after = "00000000-0000-0000-0000-000000000000"
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT id::text, version FROM relationships_stream
                 WHERE ledger_id = %s AND id > %s AND version > 0
                   AND (%s::uuid[] IS NULL OR id = ANY(%s::uuid[]))
                   AND get_byte(uuid_send(id), 15) %% %s = %s
                 ORDER BY id LIMIT %s
                """,
                [ledger_id, after, among, among, parts, part, _PAGE],
            )
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


def _pages(sizes: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    page: list[str] = []
    size = 0
    for stream_id, version in sizes:
        if page and size + version > _PAGE:
            yield page
            page, size = [], 0
        page.append(stream_id)
        size += version
    if page:
        yield page
