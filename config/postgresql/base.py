"""The backend of every connection, a server's of one's own and the embedded one's."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any

from django.db.backends.postgresql import base

from accounts import walls

# What reads or writes rows. Nothing else has to know who looks, and psycopg forgets prepared statements, ours among
# them, at a ROLLBACK or DROP: in a pipeline it would do so a statement too late.
OF_ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE")


class DatabaseWrapper(base.DatabaseWrapper):
    """Keeps in mind what the open transaction was told, and tells it again where the database has forgotten."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.told: walls.Sight | None = walls.NOTHING
        self.execute_wrappers.append(self._tell_first)

    def _tell_first(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        if not (isinstance(sql, str) and sql.lstrip(" \n(")[:6].upper().startswith(OF_ROWS)):
            return execute(sql, params, many, context)
        with walls.told(self):
            return execute(sql, params, many, context)

    def is_usable(self) -> bool:
        # Asked before each request of a connection that was kept. A server that went away has closed its end, and that
        # is seen here without asking it anything; whatever else waits to be read is for the usual question.
        if self.connection is not None and not self.connection.closed and _is_silent(self.connection.fileno()):
            return True
        return super().is_usable()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        self.told = walls.NOTHING
        return super().get_new_connection(conn_params)

    def set_autocommit(self, autocommit: bool, *args: Any, **kwargs: Any) -> None:
        # A transaction begins or has ended: what it was told is gone.
        super().set_autocommit(autocommit, *args, **kwargs)
        self.told = walls.NOTHING

    def commit(self) -> None:
        super().commit()
        self.told = walls.NOTHING

    def rollback(self) -> None:
        super().rollback()
        self.told = walls.NOTHING

    def savepoint_rollback(self, sid: str) -> None:
        # Whatever was said since the savepoint is unsaid; what was said before it, nobody remembers here.
        super().savepoint_rollback(sid)
        self.told = None


def _is_silent(descriptor: int) -> bool:
    """Whether nothing has come over a socket, its end included."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return not waiting.poll(0)
