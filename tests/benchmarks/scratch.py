"""A database of its own on the server of the tests, and invented events to fill it with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from relationships import event_store
from relationships.domain.draft import Draft
from relationships.domain.events import clean
from relationships.domain.ids import uuid7

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LOG_TABLES = "relationships_event, relationships_sealedpart, bare"


@contextmanager
def scratch_database() -> Iterator[None]:
    """A migrated database that is dropped in the end; `bare` is a table with the event's columns and indexes."""
    names = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    try:
        with connection.cursor() as cursor:
            for table in ("relationships_event", "relationships_sealedpart"):
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute("CREATE TABLE bare (LIKE relationships_event INCLUDING ALL)")
        yield
    finally:
        teardown_databases(names, verbosity=0)


def emptied() -> int:
    """Empties the log and returns its ledger."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {LOG_TABLES}")
        cursor.execute("DELETE FROM relationships_stream")
        cursor.execute("DELETE FROM relationships_ledgerhead")
        cursor.execute("CHECKPOINT")
    return event_store.ensure_ledger(1)


@dataclass(frozen=True)
class Portfolio:
    """Streams and, for each event to come, which of them it belongs to."""

    ledger_id: int
    streams: tuple[str, ...]


def a_portfolio(ledger_id: int, clients: int) -> Portfolio:
    streams = tuple(uuid7(int(NOW.timestamp() * 1000)) for _ in range(clients))
    event_store.open_streams(ledger_id, streams)
    return Portfolio(ledger_id, streams)


def drafts(portfolio: Portfolio, count: int, *, text: bool = False) -> list[tuple[str, Draft]]:
    """Messages and meetings of a year, spread over the clients, each with a natural key."""
    made = []
    for number in range(count):
        stream_id = portfolio.streams[number * 7919 % len(portfolio.streams)]
        type, data = _data(number, stream_id)
        occurred_at = NOW - timedelta(seconds=31_000_000 * (count - number) / count)
        made.append(
            (
                stream_id,
                Draft(
                    type=type,
                    occurred_at=occurred_at,
                    data=clean(type, data),
                    source="benchmark",
                    external_id=f"{number:08d}",
                    text=_TEXT if text else None,
                ),
            )
        )
    return made


_TEXT = "Thank you for the drawings; the second variant is what we had in mind. Shall we talk on Thursday?"


def _data(number: int, stream_id: str) -> tuple[str, dict[str, Any]]:
    contact = f"019a0000-0000-7000-8000-{number % 5:012d}"
    ours = f"019a0000-0000-7000-9000-{number % 11:012d}"
    if number % 10 == 0:
        return "meeting_held", {
            "meeting_id": f"meeting-{number}",
            "mode": "in_person" if number % 20 else "video",
            "contacts": [contact],
            "our_people": [ours],
            "minutes": 45,
            "outcome": "next_step",
        }
    return "message_sent", {
        "channel": "email",
        "direction": "inbound" if number % 3 else "outbound",
        "contacts": [contact],
        "our_people": [ours],
        "thread": f"thread-{number % 400}",
        "topics": ["drawings", "schedule"],
    }


COLUMNS = (
    "event_id",
    "ledger_id",
    "position",
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
)


def rows(portfolio: Portfolio, placed: list[tuple[str, Draft]]) -> list[tuple[Any, ...]]:
    """Rows of COLUMNS as the log would hold them: everything a bare INSERT needs, made beforehand."""
    import json

    versions: dict[str, int] = {}
    made = []
    for position, (stream_id, draft) in enumerate(placed, start=1):
        versions[stream_id] = versions.get(stream_id, 0) + 1
        made.append(
            (
                uuid7(int(NOW.timestamp() * 1000)),
                portfolio.ledger_id,
                position,
                stream_id,
                versions[stream_id],
                draft.type,
                1,
                draft.occurred_at,
                draft.occurred_tz,
                draft.precision,
                NOW,
                "key:benchmark",
                draft.source,
                draft.external_id,
                None,
                None,
                json.dumps(draft.data),
                None,
                bytes(32),
                bytes(32),
            )
        )
    return made
