"""Clients of threads that wait for each other are projected together; a client that is held delays nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from accounts import walls
from relationships import projections, queries
from relationships.models.projections import ClientState
from relationships.projections import turns
from tests.commands.cast import DAY, NOW, Cast, assemble

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cast() -> Cast:
    return assemble()


def met_behind_the_projections_back(cast: Cast, name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    client = cast.client(name, now=NOW - 100 * DAY)
    with monkeypatch.context() as patched:
        patched.setattr(projections, "project", lambda *_, **__: None)
        cast.record(client, "meeting_held", NOW - DAY, mode="in_person")
    return client.id


def projected(cast: Cast, client_id: str) -> None:
    try:
        with walls.seeing_everything():
            projections.project(cast.ledger_id, client_id, now=NOW)
    finally:
        connection.close()


def standing(cast: Cast, client_id: str) -> str | None:
    return ClientState.objects.get(client_id=client_id).reached


def test_those_that_come_while_one_is_at_work_go_together(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = [met_behind_the_projections_back(cast, f"Firm {number}", monkeypatch) for number in range(6)]
    taken: list[set[str]] = []
    gathered = threading.Event()
    first_begun = threading.Event()

    def slowly(ledger_id: int, client_ids: Iterable[str], **how: Any) -> set[str]:
        taken.append(set(client_ids))
        first_begun.set()
        assert gathered.wait(10)
        return projections.project_many(ledger_id, client_ids, **how)

    monkeypatch.setattr(turns, "project_many", slowly)
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(projected, cast, clients[0])
        assert first_begun.wait(10)
        others = [pool.submit(projected, cast, one) for one in clients[1:]]
        while len(turns._gathering[cast.ledger_id].client_ids) < 5:
            time.sleep(0.01)
        gathered.set()
        for one in [first, *others]:
            one.result(timeout=30)
    assert taken == [{clients[0]}, set(clients[1:])]
    assert [standing(cast, one) for one in clients] == ["met"] * 6
    assert not turns._gathering


def test_a_client_that_is_held_delays_itself_alone(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    held, free = (met_behind_the_projections_back(cast, name, monkeypatch) for name in ("Held", "Free"))
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            list(ClientState.objects.select_for_update().filter(client_id=held))
            waiting = pool.submit(projected, cast, held)
            pool.submit(projected, cast, free).result(timeout=10)
            assert standing(cast, free) == "met"
            assert not waiting.done()
        waiting.result(timeout=10)
    assert standing(cast, held) == "met"


def test_a_client_whose_whole_history_is_read_delays_itself_alone(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    client = cast.client(now=NOW - 100 * DAY)
    wrong = cast.record(client, "meeting_held", NOW - 20 * DAY, now=NOW - 20 * DAY, mode="in_person")
    with monkeypatch.context() as patched:
        patched.setattr(projections, "project", lambda *_, **__: None)
        cast.record(
            client, "event_retracted", NOW, event_id=wrong.event.event_id, reason="It was another firm.", if_match=2
        )
    ways: list[bool] = []

    def watched(ledger_id: int, client_ids: Iterable[str], *, now: Any, quick: bool = False) -> set[str]:
        ways.append(quick)
        return projections.project_many(ledger_id, client_ids, now=now, quick=quick)

    monkeypatch.setattr(turns, "project_many", watched)
    projections.project(cast.ledger_id, client.id, now=NOW)
    assert ways == [True, False]
    assert queries.client(cast.system, client.id, now=NOW).stage == "found"


def test_recording_takes_turns_in_the_order_of_arrival_and_a_projection_waits_for_one(cast: Cast) -> None:
    order: list[str] = []
    queue = turns._at_work[cast.ledger_id]

    def record(name: str) -> None:
        with projections.in_turn(cast.ledger_id):
            order.append(name)
        with projections.in_turn(cast.ledger_id):  # whoever comes back stands behind those who wait
            order.append(name)

    assert queue.acquire(0)
    with ThreadPoolExecutor(3) as pool:
        works = []
        for number, name in enumerate("abc", 1):
            works.append(pool.submit(record, name))
            while len(queue._waiting) < number:
                time.sleep(0.001)
        queue.release()
        for work in works:
            work.result(timeout=10)
    assert order == list("abcabc")
    assert not queue._taken


def test_a_turn_that_does_not_come_is_gone_without(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    client = met_behind_the_projections_back(cast, "Firm", monkeypatch)
    monkeypatch.setattr(turns, "PATIENCE", 0.05)
    queue = turns._at_work[cast.ledger_id]
    assert queue.acquire(0)
    with projections.in_turn(cast.ledger_id):
        assert not queue.acquire(0)
    projections.project(cast.ledger_id, client, now=NOW)
    assert standing(cast, client) == "met"
    assert not queue._waiting
    queue.release()
    assert queue.acquire(0)
    queue.release()


def test_whoever_is_in_a_transaction_waits_for_no_turn(cast: Cast) -> None:
    queue = turns._at_work[cast.ledger_id]
    assert queue.acquire(0)
    try:
        with transaction.atomic():
            begun = time.monotonic()
            with projections.in_turn(cast.ledger_id):
                assert time.monotonic() - begun < turns.PATIENCE / 2
    finally:
        queue.release()


def test_one_that_fails_is_tried_by_the_next_who_waits(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    client = met_behind_the_projections_back(cast, "Firm", monkeypatch)
    with monkeypatch.context() as patched:
        patched.setattr(turns, "project_many", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            projections.project(cast.ledger_id, client, now=NOW)
    projections.project(cast.ledger_id, client, now=NOW)
    assert queries.client(cast.system, client, now=NOW).stage == "met"


def test_what_is_not_committed_is_projected_where_it_can_be_seen(cast: Cast) -> None:
    with transaction.atomic():
        client = cast.client(now=NOW - 100 * DAY)
        cast.record(client, "meeting_held", NOW - DAY, mode="in_person")
        assert standing(cast, client.id) == "met"
