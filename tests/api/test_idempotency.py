"""Idempotency-Key: sent again, answered again, done once."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from relationships import commands
from relationships.api import idempotency
from relationships.models.integrations import IdempotencyKey
from relationships.queries import ClientRow
from tests.api.caller import Answer, Caller
from tests.api.conftest import Keys
from tests.threads import at_once

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


def die_before_the_answer_is_kept() -> Any:
    """As a process killed between the commit of what it recorded and its answer."""
    return mock.patch("relationships.api.idempotency._answer", side_effect=KeyboardInterrupt)


def test_what_a_request_recorded_before_it_died_is_the_answer_to_the_next(api: Caller, path: str) -> None:
    with die_before_the_answer_is_kept(), pytest.raises(KeyboardInterrupt):
        api.post(path, NOTE, Idempotency_Key="k1")
    assert notes(api, path) == 1
    assert api.post(path, NOTE, Idempotency_Key="k1").code == "request_in_progress"
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert api.post(path, {**NOTE, "text": "Wheat."}, Idempotency_Key="k1").code == "idempotency_key_reused"
        again, once_more = (api.post(path, NOTE, Idempotency_Key="k1") for _ in range(2))
    assert (again.status, again.body["text"]) == (201, NOTE["text"])
    assert again.headers["ETag"] == f'"v{again.body["version"]}"'
    assert (once_more.status, once_more.body) == (201, again.body)
    assert once_more.headers["Idempotent-Replayed"] == "true"
    assert notes(api, path) == 1


def test_a_correction_that_died_is_found_although_the_client_has_moved_on(api: Caller, path: str) -> None:
    note = api.post(path, NOTE)
    wrong = {
        "type": "event_retracted",
        "occurred_at": NOTE["occurred_at"],
        "data": {"event_id": note.body["event_id"], "reason": "never said"},
    }

    def send() -> Answer:
        return api.post(path, wrong, Idempotency_Key="k1", If_Match=note.headers["ETag"])

    with die_before_the_answer_is_kept(), pytest.raises(KeyboardInterrupt):
        send()
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert send().status == 201
    assert len(api.get(path, type="event_retracted").body["data"]) == 1


def test_a_batch_that_died_is_found_whole(api: Caller, path: str) -> None:
    client = path.split("/")[2]
    batch = {"events": [{"client_id": client, **NOTE}, {"client_id": client, "type": "nonsense"}, {**NOTE}]}
    with die_before_the_answer_is_kept(), pytest.raises(KeyboardInterrupt):
        api.post("/events/bulk", batch, Idempotency_Key="k1")
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        results = api.post("/events/bulk", batch, Idempotency_Key="k1").body["results"]
    assert [result["status"] for result in results] == [201, 400, 400]
    [stored] = api.get(path, type="note_added").body["data"]
    assert stored["event_id"] == results[0]["event_id"]


def test_a_failure_of_ours_after_the_work_is_made_good_by_the_next_try(api: Caller, path: str) -> None:
    with mock.patch("relationships.queries.appended", side_effect=ZeroDivisionError):
        assert api.post(path, NOTE, Idempotency_Key="k1").status == 500
    again = api.post(path, NOTE, Idempotency_Key="k1")
    assert (again.status, notes(api, path)) == (201, 1)


@pytest.mark.database
def test_two_runs_of_one_request_record_one_event(transactional_db: None, api: Caller, path: str) -> None:
    """The first was taken for dead and was only slow: the second has recorded the event when it comes to it."""
    record = commands.record_event

    def slow(*args: Any, **named: Any) -> Any:
        with (
            mock.patch("relationships.commands.record_event", side_effect=record),
            time_machine.travel(timezone.now() + timedelta(seconds=61)),
        ):
            answers.append(api.post(path, NOTE, Idempotency_Key="k1"))
        return record(*args, **named)

    answers: list[Answer] = []
    with mock.patch("relationships.commands.record_event", side_effect=slow):
        answers.append(api.post(path, NOTE, Idempotency_Key="k1"))
    assert [answer.status for answer in answers] == [201, 201]
    assert len({answer.body["event_id"] for answer in answers}) == 1
    assert notes(api, path) == 1


@pytest.mark.database
def test_of_two_runs_of_one_batch_one_is_recorded(transactional_db: None, api: Caller, path: str) -> None:
    record = commands.record_events
    batch = {"events": [{"client_id": path.split("/")[2], **NOTE}] * 2}

    def send() -> Answer:
        return api.post("/events/bulk", batch, Idempotency_Key="k1")

    def slow(*args: Any, **named: Any) -> Any:
        with (
            mock.patch("relationships.commands.record_events", side_effect=record),
            time_machine.travel(timezone.now() + timedelta(seconds=61)),
        ):
            answers.append(send())
        return record(*args, **named)

    answers: list[Answer] = []
    with mock.patch("relationships.commands.record_events", side_effect=slow):
        answers.append(send())
    first, second = (answer.body["results"] for answer in answers)
    assert [result["status"] for result in first] == [201, 201]
    assert first == second
    assert notes(api, path) == 2


def test_a_client_whose_request_was_taken_for_dead_is_not_made(api: Caller) -> None:
    with mock.patch("relationships.api.idempotency.IdempotencyKey.objects.filter") as rows:
        rows.return_value.update.return_value = 0
        assert api.post("/clients", {"name": "Rye & Co"}, Idempotency_Key="k1").code == "request_in_progress"
    assert api.get("/clients", q="Rye").body["data"] == []


def test_answers_are_kept_for_a_day_and_not_in_the_clear(api: Caller, path: str) -> None:
    api.post(path, NOTE, Idempotency_Key="k1")
    row = IdempotencyKey.objects.get()
    assert b"rye" not in bytes(row.answer or b"")
    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=1)):
        assert "Idempotent-Replayed" not in api.post(path, NOTE, Idempotency_Key="k1").headers


@pytest.mark.database
def test_the_log_is_free_while_an_answer_is_kept(transactional_db: None, api: Caller, path: str) -> None:
    """What was recorded is committed by then: nobody waits for its lock, and a killed process leaves it."""

    def look(*_: Any) -> bytes:
        with ThreadPoolExecutor(1) as other:
            seen.append(other.submit(others_see, api, path).result(timeout=20))
        return answer(*_)

    answer = idempotency._answer
    seen: list[tuple[int, int]] = []
    with mock.patch("relationships.api.idempotency._answer", side_effect=look):
        assert api.post(path, NOTE, Idempotency_Key="k1").status == 201
    assert seen == [(1, 201)]


def others_see(api: Caller, path: str) -> tuple[int, int]:
    """How many notes another process reads, and how its own append goes, should the log be locked: not at all."""
    with closing(connection):
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        other = Caller(api.secret)
        found = notes(other, path)
        return found, other.post(path, {**NOTE, "text": "Another."}).status


@pytest.mark.database
def test_killed_between_commit_and_answer(transactional_db: None, api: Caller, path: str) -> None:
    """A real process, killed by SIGKILL where the answer would be kept; the retry gives its event."""
    connection.close()
    child = os.fork()
    if child == 0:
        with mock.patch(
            "relationships.api.idempotency._answer", side_effect=lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        ):
            Caller(api.secret).post(path, NOTE, Idempotency_Key="k1")
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    [stored] = api.get(path, type="note_added").body["data"]
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        again = api.post(path, NOTE, Idempotency_Key="k1")
    assert (again.status, again.body["event_id"]) == (201, stored["event_id"])
    assert notes(api, path) == 1


@pytest.mark.database
def test_of_many_at_once_one_is_done(transactional_db: None, api: Caller, path: str) -> None:
    answers = at_once([lambda: Caller(api.secret).post(path, NOTE, Idempotency_Key="k1")] * 8)
    made = [answer for answer in answers if answer.status == 201]
    assert len(made) >= 1
    assert all(
        answer.status == 409 and answer.code == "request_in_progress" for answer in answers if answer not in made
    )
    assert len({answer.body["event_id"] for answer in made}) == 1
    assert notes(api, path) == 1
