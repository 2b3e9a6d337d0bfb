"""The embedded database server, for people."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import security
from config import embedded, state


class Command(BaseCommand):
    help = "The embedded database server. All but `stop` start it where it does not run, and work as its owner."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="stop|uri|shell|dump")
        verbs.add_parser("stop", help="stops it")
        verbs.add_parser("uri", help="prints its address, for other programs on this machine")
        verbs.add_parser("shell", help="opens psql; statements may also come from stdin")
        dump = verbs.add_parser("dump", help="writes a backup that pg_restore reads")
        dump.add_argument("--output", type=Path, metavar="FILE", help="default: stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.DATABASES["default"]["ENGINE"] != "config.embedded":
            raise CommandError("DATABASE_URL names another server: use its own tools")
        try:
            getattr(self, options["verb"])(options)
        except embedded.ServerFailed as problem:
            raise CommandError(str(problem)) from None

    def stop(self, options: dict[str, Any]) -> None:
        if where := state.running(settings.DATA_DIR):
            raise CommandError(f"in use by `manage.py up` (process {where.get('pid')}): stop that with Ctrl-C")
        self.stdout.write("stopped" if embedded.stop(settings.EMBEDDED_DIRECTORY) else "was not running")

    def uri(self, options: dict[str, Any]) -> None:
        embedded.ensure(settings.EMBEDDED_DIRECTORY)
        self.stdout.write(embedded.uri(settings.EMBEDDED_DIRECTORY))

    def shell(self, options: dict[str, Any]) -> None:
        embedded.ensure(settings.EMBEDDED_DIRECTORY)
        self.stdout.flush()
        psql = str(embedded.program("psql"))
        os.execv(psql, [psql, embedded.uri(settings.EMBEDDED_DIRECTORY)])  # noqa: S606 - no shell is wanted

    def dump(self, options: dict[str, Any]) -> None:
        if options["output"] is None and sys.stdout.isatty():
            raise CommandError("a backup is not for reading: give --output FILE, or send stdout to a file")
        embedded.ensure(settings.EMBEDDED_DIRECTORY)
        command = [str(embedded.program("pg_dump")), "--format=custom", embedded.uri(settings.EMBEDDED_DIRECTORY)]
        unfinished = None
        if options["output"] is not None:
            unfinished = options["output"].with_name(f"{options['output'].name}.part")
            command.append(f"--file={unfinished}")
        if subprocess.run(command, check=False).returncode:
            raise CommandError("no backup was made")
        security.note("exported", now=timezone.now(), actor="system:db", about="database", details={"form": "dump"})
        if unfinished is not None:
            unfinished.replace(options["output"])
