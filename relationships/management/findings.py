"""What is right and what is wrong with this installation, one line each: for `doctor`, and before `up` serves."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from importlib.metadata import version

from django.conf import settings
from django.core.mail import get_connection
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from config import state
from config.database import LOG_TABLES, WALLED_TABLES
from relationships import projections, webhooks
from relationships.models.log import Event, SealedPart
from relationships.models.reports import Heartbeat

SUPPORTED_SERVERS = range(15, 19)
HEARTBEAT_OLDEST = timedelta(seconds=180)
DISK_LEAST_BYTES = 2**30

_OWN_ROLE = "name one that owns nothing in DATABASE_URL, the owner in MIGRATE_DATABASE_URL, and migrate"

# What the log's triggers refuse, as pg_trigger.tgtype says it: rows changed or deleted, the table emptied.
_REFUSED = {"UPDATE": 16, "DELETE": 8, "TRUNCATE": 32}


@dataclass(frozen=True)
class Finding:
    subject: str
    ok: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok ' if self.ok else 'BAD'}  {self.subject:<12} {self.text}"


def all_findings(*, now: datetime) -> Iterator[Finding]:
    """Every finding; of the database, up to the first that makes the rest meaningless."""
    yield versions()
    yield from _database_findings(now)
    yield mail()
    yield disk()


def _database_findings(now: datetime) -> Iterator[Finding]:
    try:
        for check in (database, migrations):
            found = check()
            yield found
            if not found.ok:
                return
        yield durability()
        yield triggers()
        yield rights()
        yield read_tables()
        yield second_wall()
        yield heartbeat(now=now)
        yield told(now=now)
    except DatabaseError as problem:
        yield Finding("database", False, f"{str(problem).splitlines()[0]}; `manage.py migrate` gives rights again")


def versions() -> Finding:
    ours = ", ".join(f"{name} {version(name)}" for name in ("Django", "psycopg", "django-q2", "django-unfold"))
    return Finding("versions", True, f"Python {platform.python_version()}, {ours}")


def database() -> Finding:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, current_database(), current_setting('server_version')")
            role, name, server = cursor.fetchone()
    except DatabaseError as problem:
        return Finding("database", False, f"not reachable: {str(problem).splitlines()[0]}")
    major = connection.connection.info.server_version // 10_000
    kind = "embedded" if settings.DATABASES["default"]["ENGINE"] == "config.embedded" else "given by DATABASE_URL"
    text = f"PostgreSQL {server}, {kind}, database {name}, role {role}"
    if major not in SUPPORTED_SERVERS:
        return Finding("database", False, f"{text}; versions {SUPPORTED_SERVERS[0]} to {SUPPORTED_SERVERS[-1]} will do")
    return Finding("database", True, text)


def durability() -> Finding:
    """Whether what was acknowledged survives a crash of the machine."""
    names = ("fsync", "synchronous_commit", "full_page_writes")
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(names)])
        values = dict(cursor.fetchall())
    text = ", ".join(f"{name} {values[name]}" for name in names)
    if off := [name for name in names if values[name] == "off"]:
        return Finding("durability", False, f"{text}; a crash would lose recorded events: turn on {', '.join(off)}")
    return Finding("durability", True, text)


def migrations() -> Finding:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        first = missing[0][0]
        return Finding("migrations", False, f"{len(missing)} not applied, the first is {first}: manage.py migrate")
    return Finding("migrations", True, f"all {len(executor.loader.applied_migrations)} applied")


def triggers() -> Finding:
    """Whether the database itself refuses to change, delete or empty what is recorded."""
    missing = []
    with connection.cursor() as cursor:
        for table in (Event._meta.db_table, SealedPart._meta.db_table):
            cursor.execute(
                "SELECT tgtype FROM pg_trigger"
                " WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgenabled IN ('O', 'A')",
                [table],
            )
            enabled = [kind for (kind,) in cursor.fetchall()]
            missing += [f"{what} of {table}" for what, bit in _REFUSED.items() if not any(t & bit for t in enabled)]
    if missing:
        return Finding("triggers", False, f"nothing refuses {', '.join(missing)}: migrate a sound database, verify_log")
    return Finding("triggers", True, "the log refuses change, deletion and truncation")


def rights() -> Finding:
    """Whether web and worker work as a role that owns nothing and may only add to the log."""
    wrong = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(nullif(%s, ''), current_user)", [settings.RUNTIME_ROLE])
        role = cursor.fetchone()[0]
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s", [role])
        found = cursor.fetchone()
        if found is None:
            return Finding("rights", False, f"the run-time role {role} does not exist")
        if found[0]:
            return Finding("rights", False, f"the run-time role {role} is a superuser: {_OWN_ROLE}")
        cursor.execute(
            "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
            " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
            " AND pg_has_role(%s, r.oid, 'MEMBER')",
            [role],
        )
        if owned := cursor.fetchone()[0]:
            return Finding("rights", False, f"the run-time role {role} owns {owned} tables: {_OWN_ROLE}")
        for table, allowed in LOG_TABLES.items():
            for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER"):
                cursor.execute("SELECT has_table_privilege(%s, %s, %s)", [role, table, privilege])
                if cursor.fetchone()[0] != (privilege in allowed.split(", ")):
                    wrong.append(f"{'lacks' if privilege in allowed else 'has'} {privilege} on {table}")
    if wrong:
        return Finding(
            "rights", False, f"the run-time role {role} {', '.join(wrong)}; `manage.py migrate` gives rights again"
        )
    return Finding("rights", True, f"the run-time role {role} owns nothing and may only add to the log")


def read_tables() -> Finding:
    """Whether what is read was worked out by this release."""
    if outdated := projections.outdated():
        text = f"{len(outdated)} were worked out by another release: manage.py rebuild_projections"
        return Finding("read tables", False, text)
    return Finding("read tables", True, "worked out by this release")


def second_wall() -> Finding:
    """Whether the database itself holds rows back from whoever may not see them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity"
            " AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)"
        )
        walled = {table for (table,) in cursor.fetchall()}
    if open_tables := [table for table in WALLED_TABLES if table not in walled]:
        text = f"no row-level security on {', '.join(open_tables)}: migrate a sound database"
        return Finding("second wall", False, text)
    return Finding("second wall", True, f"row-level security on {len(WALLED_TABLES)} tables of clients and events")


def heartbeat(*, now: datetime) -> Finding:
    """Whether the worker still does its minute's work."""
    last = Heartbeat.objects.filter(name="tick").values_list("at", flat=True).first()
    running = state.running(settings.DATA_DIR)
    text = f"last ran at {last:%Y-%m-%d %H:%M:%S} UTC" if last else "has never run"
    if running is None and last is None:
        return Finding("worker", True, f"{text}; `manage.py up` starts it")
    # A worker just started is not late for what was due before.
    started = datetime.fromtimestamp(running.get("since", 0), UTC) if running else None
    due_since = max(moment for moment in (last, started) if moment is not None)
    return Finding("worker", now - due_since <= HEARTBEAT_OLDEST, text)


def told(*, now: datetime) -> Finding:
    """Whether webhooks go out: somebody sends them, and none was given up."""
    found = webhooks.totals(now=now)
    if not found.endpoints:
        return Finding("webhooks", True, "no endpoints")
    text = f"{found.endpoints} endpoints, {found.waiting} deliveries wait, {found.parked} parked"
    last = Heartbeat.objects.filter(name="webhooks").values_list("at", flat=True).first()
    if found.waiting and (last is None or now - last > HEARTBEAT_OLDEST):
        return Finding("webhooks", False, f"{text}; nobody sends: `manage.py up` or `manage.py send_webhooks` does")
    if found.parked or found.disabled:
        return Finding("webhooks", False, f"{text}, {found.disabled} endpoints given up: see the admin")
    return Finding("webhooks", True, text)


def mail() -> Finding:
    """Whether mail can leave; without a mail server it is kept as files."""
    if settings.EMAIL_BACKEND == "relationships.reports.outbox.EmailBackend":
        return Finding("mail", True, f"no EMAIL_URL: kept as files in {settings.EMAIL_FILE_PATH}")
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    text = f"as {sender} by {settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        server = get_connection(timeout=5)
        server.open()
        server.close()
    except Exception as problem:
        return Finding("mail", False, f"{text}: {problem}")
    return Finding("mail", True, text)


def disk() -> Finding:
    free = shutil.disk_usage(settings.DATA_DIR).free
    text = f"{free / 2**30:.1f} GiB free in {settings.DATA_DIR}"
    return Finding("disk", free >= DISK_LEAST_BYTES, text)
