"""Many at once over HTTP, a few rounds of each case; `python -m tests.concurrency` does as many as one likes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.benchmarks.serving import OURS, served
from tests.concurrency import rounds

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def port(django_db_setup: None) -> Iterator[int]:
    """Two workers, as `manage.py up` runs them."""
    with served(OURS, rate_limit=rounds.LIMIT) as port:
        yield port


def test_a_request_sent_often_under_one_key_is_done_once(port: int) -> None:
    for _ in range(2):
        rounds.same_key(rounds.a_firm(port))


def test_a_fact_told_singly_in_bulk_and_by_import_is_one_event(port: int) -> None:
    for _ in range(4):
        rounds.same_fact(rounds.a_firm(port))


def test_the_feed_brings_each_event_once_without_holes_while_many_write(port: int) -> None:
    rounds.followed(rounds.a_firm(port))


def test_the_limit_of_one_key_is_exact_and_no_other_key_s(port: int) -> None:
    rounds.limited(rounds.a_firm(port))
