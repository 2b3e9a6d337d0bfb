"""One server for all tests here: gunicorn with two workers on an embedded database, as `manage.py up` starts it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.installation import Installation, installation


@pytest.fixture(scope="session")
def server() -> Iterator[Installation]:
    with installation(RATE_LIMIT="0") as made:
        made.up()
        yield made


@pytest.fixture(scope="session")
def key(server: Installation) -> str:
    """A key that may do everything."""
    return server.key()
