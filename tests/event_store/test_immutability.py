"""What is recorded stays: the database refuses, whoever asks."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from relationships import sealing

from .conftest import NOW, Log, held

pytestmark = pytest.mark.database


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE relationships_event SET body = '{}'",
        "UPDATE relationships_event SET occurred_at = occurred_at - interval '1 day'",
        "DELETE FROM relationships_event",
        "UPDATE relationships_sealedpart SET ciphertext = ''",
        "DELETE FROM relationships_sealedpart",
    ],
)
def test_rows_are_neither_changed_nor_deleted(log: Log, statement: str) -> None:
    log.append(held(text="We met."))
    with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert getattr(refused.value.__cause__, "sqlstate", None) == "23001"  # restrict_violation


@pytest.mark.parametrize(
    ("table", "trigger"),
    [
        ("relationships_event", "event_not_truncated"),
        ("relationships_sealedpart", "sealed_part_not_truncated"),
    ],
)
def test_the_tables_are_not_truncated(log: Log, table: str, trigger: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # Off in the test database alone, see tests/conftest.py; this is how it stands everywhere else.
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")
        with pytest.raises(DatabaseError, match="TRUNCATE of"), transaction.atomic():
            cursor.execute(f"TRUNCATE {table} CASCADE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")


def test_a_sealed_part_goes_with_its_key(log: Log) -> None:
    log.append(held(text="We met."))
    assert sealing.erase(log.ledger_id, log.stream_id, now=NOW) == 1


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("occurred_at", "recorded_at + interval '5 minutes 1 second'"),
        ("occurred_at", "'1969-12-31Z'"),
        ("source", "NULL"),
    ],
)
def test_the_tables_refuse_what_cannot_be(log: Log, column: str, value: str) -> None:
    log.append(held(source="crm", external_id="a-1"))
    with pytest.raises(DatabaseError, match="violates check"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE TEMPORARY TABLE other ON COMMIT DROP AS SELECT * FROM relationships_event;
            UPDATE other SET event_id = gen_random_uuid(), position = 2, version = 2, {column} = {value};
            INSERT INTO relationships_event SELECT * FROM other
            """
        )
