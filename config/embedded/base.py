"""Our PostgreSQL backend, which starts the embedded server when it finds nobody there."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from psycopg import OperationalError

from config import embedded
from config.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        # Asking first would cost every connection a look at the process table; a dead server refuses at once.
        try:
            return super().get_new_connection(conn_params)
        except OperationalError:
            embedded.ensure(settings.EMBEDDED_DIRECTORY)
            return super().get_new_connection(conn_params)
