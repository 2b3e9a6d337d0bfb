"""Rate limits: a key's own, counted together, told in every answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from tests.api.caller import Caller
from tests.api.conftest import Keys
from tests.commands.cast import Cast
from tests.threads import at_once

MINUTE = datetime(2026, 11, 25, 10, 0, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _three_a_minute(settings: Any) -> Iterator[None]:
    settings.RATE_LIMIT = 3
    with time_machine.travel(MINUTE, tick=False):
        yield


def test_the_answer_tells_what_is_left_in_both_families(api: Caller) -> None:
    headers = api.get("/clients").headers
    assert headers["RateLimit-Policy"] == '"default";q=3;w=60'
    assert headers["RateLimit"] == '"default";r=2;t=40'
    told = {name: headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")}
    assert told == {"Limit": "3", "Remaining": "2", "Reset": "40"}


def test_one_too_many_is_a_429_for_that_key_and_minute_alone(keys: Keys) -> None:
    api, other = keys(), keys()
    assert [api.get("/clients").status for _ in range(3)] == [200] * 3
    refused = api.get("/clients")
    assert (refused.status, refused.code, refused.headers["Retry-After"]) == (429, "rate_limited", "40")
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert other.get("/clients").status == 200
    with time_machine.travel(MINUTE + timedelta(seconds=40)):
        assert api.get("/clients").status == 200


def test_refusals_count_too(keys: Keys) -> None:
    reader = keys("events:read")
    for _ in range(3):
        assert reader.get("/clients").status == 403
    assert reader.get("/clients").status == 429


def test_nought_is_no_limit(api: Caller, settings: Any) -> None:
    settings.RATE_LIMIT = 0
    answer = api.get("/clients")
    assert answer.status == 200
    assert not [name for name in answer.headers if re.match("(X-)?RateLimit", name)]


@pytest.mark.database
def test_all_processes_count_together(transactional_db: None, cast: Cast, keys: Keys) -> None:
    api = keys()
    statuses = [answer.status for answer in at_once([lambda: Caller(api.secret).get("/clients")] * 6)]
    assert sorted(statuses) == [200, 200, 200, 429, 429, 429]
