"""Idempotency-Key: sent again, answered again, done once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from relationships.models.integrations import IdempotencyKey
from relationships.queries import ClientRow
from tests.api.caller import Answer, Caller
from tests.api.conftest import Keys

NOTE: dict[str, Any] = {"type": "note_added", "occurred_at": "2026-05-01T10:00:00Z", "text": "They like rye."}


@pytest.fixture
def path(bakery: ClientRow) -> str:
    return f"/clients/{bakery.id}/events"


def notes(api: Caller, path: str) -> int:
    return len(api.get(path, type="note_added").body["data"])


def test_the_same_request_gets_the_same_answer_and_is_done_once(api: Caller, path: str) -> None:
    first = api.post(path, NOTE, Idempotency_Key="k1")
    again = api.post(path, dict(reversed(NOTE.items())), Idempotency_Key="k1")
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert (again.headers["Location"], again.headers["ETag"]) == (first.headers["Location"], first.headers["ETag"])
    assert notes(api, path) == 1
    assert api.post(path, NOTE, Idempotency_Key="k2").status == 201
    assert notes(api, path) == 2


def test_another_body_or_address_under_the_same_key_is_refused(api: Caller, path: str) -> None:
    api.post(path, NOTE, Idempotency_Key="k1")
    assert api.post(path, {**NOTE, "text": "Wheat."}, Idempotency_Key="k1").code == "idempotency_key_reused"
    assert api.post("/clients", {"name": "X"}, Idempotency_Key="k1").code == "idempotency_key_reused"
    assert api.post("/events/bulk?atomic=true", {"events": []}, Idempotency_Key="k2").status == 200
    assert api.post("/events/bulk", {"events": []}, Idempotency_Key="k2").code == "idempotency_key_reused"


def test_keys_belong_to_whoever_sent_them(keys: Keys, path: str) -> None:
    one, other = keys(), keys()
    assert one.post(path, NOTE, Idempotency_Key="k1").status == 201
    assert "Idempotent-Replayed" not in other.post(path, NOTE, Idempotency_Key="k1").headers


def test_what_the_caller_has_to_mend_is_not_kept(api: Caller, keys: Keys, path: str) -> None:
    assert api.post(path, {**NOTE, "mood": "good"}, Idempotency_Key="k1").status == 400
    assert api.post(path, NOTE, Idempotency_Key="k1").status == 201
    forbidden = {"type": "client_registered", "occurred_at": NOTE["occurred_at"]}
    assert api.post(path, forbidden, Idempotency_Key="k2").status == 403
    assert api.post(path, NOTE, Idempotency_Key="k2").status == 201
    with mock.patch("relationships.commands.record_event", side_effect=ZeroDivisionError):
        assert api.post(path, NOTE, Idempotency_Key="k3").status == 500
    assert "Idempotent-Replayed" not in api.post(path, NOTE, Idempotency_Key="k3").headers


def test_other_refusals_are_kept(api: Caller, path: str) -> None:
    api.post(path, {**NOTE, "source": "crm", "external_id": "1"})
    other = {**NOTE, "source": "crm", "external_id": "1", "text": "Wheat."}
    first, again = (api.post(path, other, Idempotency_Key="k1") for _ in range(2))
    assert (first.status, again.status, again.body) == (409, 409, first.body)
    assert again.headers["Content-Type"] == "application/problem+json"
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_is_none_is_a_400(api: Caller, path: str, key: str) -> None:
    assert api.post(path, NOTE, Idempotency_Key=key).faults == {"Idempotency-Key": "malformed_header"}


def test_a_key_is_busy_while_its_request_runs_and_free_a_minute_after_it_died(api: Caller, path: str) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt  # as a killed process: nothing after it runs

    with mock.patch("relationships.commands.record_event", side_effect=die), pytest.raises(KeyboardInterrupt):
        api.post(path, NOTE, Idempotency_Key="k1")
    busy = api.post(path, NOTE, Idempotency_Key="k1")
    assert (busy.status, busy.code) == (409, "request_in_progress")
    assert 1 <= int(busy.headers["Retry-After"]) <= 60
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert api.post(path, NOTE, Idempotency_Key="k1").status == 201
    assert notes(api, path) == 1


def test_a_request_that_dies_after_its_work_leaves_none_of_it(api: Caller, path: str) -> None:
    with (
        mock.patch("relationships.api.idempotency._keep", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        api.post(path, NOTE, Idempotency_Key="k1")
    assert notes(api, path) == 0
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert api.post(path, NOTE, Idempotency_Key="k1").status == 201
    assert notes(api, path) == 1


def test_a_request_that_was_taken_for_dead_leaves_nothing(api: Caller, path: str) -> None:
    with mock.patch("relationships.api.idempotency.IdempotencyKey.objects.filter") as rows:
        rows.return_value.update.return_value = 0
        assert api.post(path, NOTE, Idempotency_Key="k1").code == "request_in_progress"
    assert notes(api, path) == 0


def test_answers_are_kept_for_a_day_and_not_in_the_clear(api: Caller, path: str) -> None:
    api.post(path, NOTE, Idempotency_Key="k1")
    row = IdempotencyKey.objects.get()
    assert b"rye" not in bytes(row.answer or b"")
    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=1)):
        assert "Idempotent-Replayed" not in api.post(path, NOTE, Idempotency_Key="k1").headers


def at_once(number: int, send: Any) -> list[Answer]:
    def once(_: int) -> Answer:
        with closing(connection):
            return send()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(once, range(number)))


@pytest.mark.database
def test_of_many_at_once_one_is_done(transactional_db: None, api: Caller, path: str) -> None:
    answers = at_once(8, lambda: Caller(api.secret).post(path, NOTE, Idempotency_Key="k1"))
    made = [answer for answer in answers if answer.status == 201]
    assert len(made) >= 1
    assert all(
        answer.status == 409 and answer.code == "request_in_progress" for answer in answers if answer not in made
    )
    assert len({answer.body["event_id"] for answer in made}) == 1
    assert notes(api, path) == 1
