"""An organisation with a few keys, and callers that hold them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from accounts.models import ApiKey, Team
from relationships.queries import ClientRow
from tests.api.caller import Caller
from tests.commands.cast import Cast, assemble

Keys = Callable[..., Caller]


@pytest.fixture
def cast(db: None) -> Cast:
    return assemble()


@pytest.fixture
def keys(cast: Cast) -> Keys:
    """Makes a caller with these scopes, all of them unless said."""

    def make(*scopes: str, team: Team | None = None) -> Caller:
        _, secret = ApiKey.issue(
            organisation=cast.organisation, name="test", scopes=scopes or ("*",), team=team, now=datetime.now(UTC)
        )
        return Caller(secret)

    return make


@pytest.fixture
def api(keys: Keys) -> Caller:
    """A key that may do everything."""
    return keys()


@pytest.fixture
def bakery(cast: Cast) -> ClientRow:
    return cast.client("Nordlicht Bakery", tier="key", external_ids=[{"source": "crm", "id": "4711"}])
