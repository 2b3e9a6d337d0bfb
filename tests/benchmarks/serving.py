"""Web servers on this machine's loopback: ours as `manage.py up` serves it, and a plain one, on the same database."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from config.database import grant
from relationships.management.commands.up import web_command
from tests.benchmarks.plain.models import TABLE

OURS = "config.wsgi:application"
PLAIN = "tests.benchmarks.plain.web:application"
UNREACHED = 100_000_000  # requests a minute
_START_S = 60


def prepare() -> None:
    """Gives the scratch database what servers need: the run-time role's rights, and the peer's table."""
    grant()
    with connection.cursor() as cursor:
        cursor.execute(TABLE)
        cursor.execute(f"GRANT ALL ON plain_note TO {connection.ops.quote_name(settings.RUNTIME_ROLE)}")


@contextmanager
def served(application: str, *, rate_limit: int = UNREACHED) -> Iterator[int]:
    """Serves an application with two workers, as the run-time role; gives the port. `rate_limit` is by minute and key,
    and counted though nobody reaches it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            web_command(application, f"127.0.0.1:{port}", workers="2"),
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment(rate_limit),
        )
        try:
            _wait(process, port)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=30)


def environment(rate_limit: int = UNREACHED) -> dict[str, str]:
    """The database of this process, as the run-time role."""
    where = connection.settings_dict
    database = f"postgresql://{settings.RUNTIME_ROLE}@/{where['NAME']}?host={quote(str(where['HOST']), safe='')}"
    own = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    paths = os.pathsep.join(filter(None, [str(settings.BASE_DIR), own.get("PYTHONPATH")]))
    return {
        **own,
        "DATABASE_URL": database,
        "MIGRATE_DATABASE_URL": "",
        "DATA_DIR": str(settings.DATA_DIR),
        "RATE_LIMIT": str(rate_limit),
        "PYTHONPATH": paths,
    }


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    give_up_at = time.monotonic() + _START_S
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the server on port {port} did not start: {process.args!r}")
