"""Django's ``migrate``, as the owner of the tables, with the run-time role's rights given again at its end."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate

from config.database import as_owner, grant


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with as_owner():
            super().handle(*args, **options)
            grant()
