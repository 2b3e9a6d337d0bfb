"""Prints what the owner grants to the run-time role, for a database server of one's own."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.database import as_owner, grants


class Command(BaseCommand):
    help = "Prints the SQL that gives the run-time role its rights. `migrate` runs it where both roles are known."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--role", help="the run-time role (default: the user of DATABASE_URL)")

    def handle(self, *args: Any, **options: Any) -> None:
        role = options["role"] or settings.RUNTIME_ROLE
        if not role:
            raise CommandError("DATABASE_URL names no user: give --role")
        with as_owner():
            self.stdout.write("\n".join(grants(role)))
