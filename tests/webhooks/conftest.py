from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.commands.cast import Cast, assemble
from tests.webhooks.cast import Post
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """A receiver on loopback, which is excepted from the guard."""
    settings.WEBHOOK_ALLOW_HOSTS = ["127.0.0.1"]
    with receiving() as told:
        yield told


@pytest.fixture
def cast(db: None) -> Cast:
    return assemble()


@pytest.fixture
def post(cast: Cast, receiver: Receiver) -> Iterator[Post]:
    made = Post(cast, receiver)
    yield made
    made.sender.pool.shutdown()
