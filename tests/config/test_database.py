"""What the run-time role may do in the database itself, past all our code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection

from config.database import LOG_TABLES, grants

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
ROLE = "relationships_app"


@pytest.fixture
def runtime() -> Iterator[psycopg.Connection]:
    """A connection of the run-time role, which is made where the server has none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE])
        if not cursor.rowcount:
            cursor.execute(f"CREATE ROLE {ROLE} LOGIN")
        for statement in grants(ROLE):
            cursor.execute(statement)
    about = connection.settings_dict
    with psycopg.connect(
        dbname=about["NAME"], user=ROLE, host=about["HOST"], port=about["PORT"] or None, autocommit=True
    ) as theirs:
        yield theirs


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE relationships_event SET type = 'x'",
        "DELETE FROM relationships_event",
        "TRUNCATE relationships_event",
        "DROP TABLE relationships_event",
        "ALTER TABLE relationships_event DISABLE TRIGGER ALL",
        "ALTER TABLE relationships_event ADD COLUMN x int",
        "CREATE TRIGGER t BEFORE INSERT ON relationships_event EXECUTE FUNCTION relationships_refuse()",
        "UPDATE relationships_sealedpart SET ciphertext = ''",
        "TRUNCATE relationships_sealedpart",
        "SET session_replication_role = replica",
        "SET ROLE postgres",
        "DELETE FROM django_migrations",
        "CREATE TABLE mine (x int)",
    ],
)
def test_the_runtime_role_cannot_change_what_is_recorded(runtime: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        runtime.execute(statement)


def test_the_runtime_role_reads_and_writes_everything_else(runtime: psycopg.Connection) -> None:
    runtime.execute("SELECT count(*) FROM relationships_event")
    for table in sorted(connection.introspection.table_names()):
        if table not in LOG_TABLES:
            runtime.execute(f'DELETE FROM "{table}" WHERE false')
            runtime.execute(f'SELECT * FROM "{table}" LIMIT 0')
    runtime.execute("INSERT INTO accounts_organisation (slug, name, time_zone) VALUES ('quay', 'Quay', 'UTC')")


def test_the_command_prints_what_migrate_gives(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("grants", "--role", "someone")
    printed = capsys.readouterr().out
    assert 'GRANT SELECT, INSERT ON "relationships_event" TO "someone";' in printed
    assert printed.strip().splitlines() == grants("someone")


def test_a_connection_whose_server_went_away_is_seen_without_a_question(
    django_assert_num_queries: Callable[[int], AbstractContextManager[None]],
) -> None:
    connection.ensure_connection()
    kept = connection.connection
    with django_assert_num_queries(0):
        assert connection.is_usable()
    about = connection.settings_dict
    with psycopg.connect(
        dbname=about["NAME"], user=about["USER"], host=about["HOST"], port=about["PORT"] or None, autocommit=True
    ) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [kept.info.backend_pid])
    assert not connection.is_usable()
    connection.close()
    assert connection.introspection.table_names()
