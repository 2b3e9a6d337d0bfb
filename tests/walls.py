"""Requests as web and worker send them: under the run-time role, whom row-level security holds back.

Tests themselves make tables and rows as the owner; only what happens within a request is walled.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import StreamingHttpResponse
from django.test import Client


@contextmanager
def runtime_role() -> Iterator[None]:
    """Within it this connection may no more than web and worker."""
    try:
        connection.ensure_connection()
    except (RuntimeError, DatabaseError):  # a test without a database
        yield
        return
    # Temporary tables belong to the role that made them, which outside tests is one and the same.
    raw = connection.connection
    raw.execute("DISCARD TEMP")
    raw.execute(f'SET ROLE "{settings.RUNTIME_ROLE}"')
    try:
        yield
    finally:
        raw.execute("RESET ROLE")
        raw.execute("DISCARD TEMP")


class Browser(Client):
    """Django's, as the program is run; what streams is read to its end at once."""

    def request(self, **request: Any) -> Any:
        with runtime_role():
            response = super().request(**request)
            if isinstance(response, StreamingHttpResponse):
                response.streaming_content = iter(list(response.streaming_content))
        return response
