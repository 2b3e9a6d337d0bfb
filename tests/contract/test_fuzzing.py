"""The short profile of `python -m tests.contract`."""

from __future__ import annotations

import pytest

from tests.contract.fuzzing import PROFILES, fuzz
from tests.installation import Installation


@pytest.mark.contract
@pytest.mark.slow
def test_schemathesis_finds_nothing(server: Installation) -> None:
    outcome = fuzz(server, PROFILES["short"], seed=1)
    assert not outcome.failures, outcome.said[-6000:]
    assert outcome.server_errors == 0, outcome.statuses
    assert outcome.requests >= PROFILES["short"].at_least
