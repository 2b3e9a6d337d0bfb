"""Several statements in one round trip to the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def together() -> Iterator[None]:
    """Statements within wait for no answer until one is fetched, or the block ends.

    A statement's error is raised there too, as Django's. COPY is not possible within.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield
