"""A ledger with a few streams, and shorthand to append to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relationships import event_store
from relationships.domain.draft import Draft
from relationships.domain.ids import uuid7

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def held(minutes_ago: int = 60, **fields: Any) -> Draft:
    """A meeting held before NOW."""
    fields.setdefault("data", {"meeting_id": "m-1", "mode": "in_person"})
    return Draft(type="meeting_held", occurred_at=NOW - timedelta(minutes=minutes_ago), **fields)


def reported(external_id: str, **fields: Any) -> Draft:
    """The same, with a natural key."""
    return held(source="crm", external_id=external_id, **fields)


def corrected(event_id: str, **fields: Any) -> Draft:
    data = {"event_id": event_id, "reason": "typing", "data": {"meeting_id": "m-1", "mode": "video"}}
    return Draft(type="event_corrected", occurred_at=NOW, data=data, **fields)


def retracted(event_id: str, **fields: Any) -> Draft:
    return Draft(type="event_retracted", occurred_at=NOW, data={"event_id": event_id, "reason": "doubled"}, **fields)


@dataclass
class Log:
    """A ledger and its first client's stream."""

    ledger_id: int
    stream_id: str

    def open(self) -> str:
        stream_id = uuid7(int(NOW.timestamp() * 1000))
        event_store.open_stream(self.ledger_id, stream_id)
        return stream_id

    def append(self, draft: Draft, *, stream_id: str | None = None, **how: Any) -> event_store.Appended:
        how = {"recorded_by": "user:1", "now": NOW, **how}
        return event_store.append(self.ledger_id, stream_id or self.stream_id, draft, **how)

    def batch(self, *drafts: Draft | tuple[str, Draft], **how: Any) -> list[event_store.Outcome]:
        how = {"recorded_by": "key:import", "now": NOW, **how}
        placed = [(self.stream_id, item) if isinstance(item, Draft) else item for item in drafts]
        return event_store.append_batch(self.ledger_id, placed, **how)

    def positions(self) -> list[int]:
        return [event.position for event in event_store.read_log(self.ledger_id, limit=100_000)]


def a_log(organisation_id: int = 1) -> Log:
    log = Log(event_store.ensure_ledger(organisation_id), "")
    log.stream_id = log.open()
    return log


@pytest.fixture
def log(db: None) -> Log:
    return a_log()


@pytest.fixture
def real_log(transactional_db: None) -> Log:
    """The same outside a transaction, for tests with several connections."""
    return a_log()


Tamper = Callable[[str], None]


@pytest.fixture
def tamper(db: None) -> Tamper:
    """Changes the log as its owner can, behind the triggers' back."""
    from django.db import connection

    def run(statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in ("event", "sealedpart"):
                cursor.execute(f"ALTER TABLE relationships_{table} DISABLE TRIGGER USER")
            cursor.execute(statement)
            assert cursor.rowcount, "nothing was changed"
            for table in ("event", "sealedpart"):
                cursor.execute(f"ALTER TABLE relationships_{table} ENABLE TRIGGER USER")

    return run
