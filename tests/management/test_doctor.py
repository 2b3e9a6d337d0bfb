from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import Settings

from config import state
from config.database import grants
from relationships.management import findings
from relationships.models.reports import Heartbeat

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def test_each_part_gets_a_line() -> None:
    subjects = [finding.subject for finding in findings.all_findings(now=NOW)]
    assert subjects == [
        "versions", "database", "migrations", "durability", "triggers", "rights", "read tables", "second wall",
        "worker", "webhooks", "mail", "disk",
    ]  # fmt: skip


@pytest.fixture
def guarded() -> None:
    """The log as it is outside of tests, which must empty it between them."""
    with connection.cursor() as cursor:
        for table in ("relationships_event", "relationships_sealedpart"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")


@pytest.mark.database
@pytest.mark.usefixtures("guarded")
def test_a_trigger_that_is_switched_off_is_found() -> None:
    assert findings.triggers().ok
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE relationships_event DISABLE TRIGGER event_immutable")
    found = findings.triggers()
    assert not found.ok
    assert "UPDATE of relationships_event, DELETE of relationships_event" in found.text


@pytest.mark.database
def test_a_wall_that_is_down_is_found() -> None:
    assert findings.second_wall().ok
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE relationships_contact DISABLE ROW LEVEL SECURITY")
        cursor.execute("DROP POLICY event_seen ON relationships_event")
    found = findings.second_wall()
    assert not found.ok
    assert "no row-level security on relationships_contact, relationships_event:" in found.text


@pytest.mark.database
def test_a_run_time_role_with_too_many_rights_is_found(settings: Settings) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        settings.RUNTIME_ROLE = cursor.fetchone()[0]
    found = findings.rights()
    assert not found.ok
    assert "is a superuser" in found.text


@pytest.mark.database
def test_a_run_time_role_that_may_change_the_log_is_found(settings: Settings) -> None:
    settings.RUNTIME_ROLE = "too_much"
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE too_much")
        for statement in grants("too_much"):
            cursor.execute(statement)
        assert findings.rights().ok
        cursor.execute("GRANT UPDATE ON relationships_event TO too_much")
    found = findings.rights()
    assert not found.ok
    assert "has UPDATE on relationships_event" in found.text


def test_a_run_time_role_that_does_not_exist_is_found(settings: Settings) -> None:
    settings.RUNTIME_ROLE = "nobody_at_all"
    assert not findings.rights().ok


@pytest.mark.parametrize(("ago_s", "ok"), [(10, True), (180, True), (181, False)])
def test_a_worker_that_stopped_is_found(settings: Settings, tmp_path: Path, ago_s: int, ok: bool) -> None:
    settings.DATA_DIR = tmp_path
    Heartbeat.objects.create(name="tick", at=NOW - timedelta(seconds=ago_s))
    assert findings.heartbeat(now=NOW).ok is ok


@pytest.mark.parametrize(("since_s", "ok"), [(20, True), (200, False)])
def test_a_worker_just_started_is_given_its_time(settings: Settings, tmp_path: Path, since_s: int, ok: bool) -> None:
    settings.DATA_DIR = tmp_path
    Heartbeat.objects.create(name="tick", at=NOW - timedelta(days=1))
    with state.held(tmp_path) as held:
        held.write({"pid": 1, "url": "", "since": NOW.timestamp() - since_s})
        assert findings.heartbeat(now=NOW).ok is ok
    assert not json.loads((tmp_path / state.FILE).read_text() or "{}")


def test_a_mail_server_that_does_not_answer_is_found(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert not findings.mail().ok


def test_one_bad_part_makes_the_exit_bad(settings: Settings) -> None:
    settings.RUNTIME_ROLE = "nobody_at_all"
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=out)
    assert ended.value.code == 1
    assert "BAD  rights" in out.getvalue()
