"""Many at once: positions stay gapless and in commit order, readers miss nothing, one fact is recorded once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import timedelta
from functools import partial
from threading import Event as Signal
from threading import Thread

import pytest
from django.conf import settings
from django.db import connection, transaction

from relationships import event_store, sealing
from relationships.event_store import Appended, Conflict, VersionConflict
from tests.threads import at_once

from .conftest import NOW, Log, corrected, held, reported

pytestmark = pytest.mark.database


def test_eight_writers_leave_no_hole_and_a_reader_that_polls_misses_nothing(real_log: Log) -> None:
    streams = [real_log.open() for _ in range(4)]
    seen: list[int] = []
    finished = Signal()

    def follow() -> None:
        while True:
            last_look = finished.is_set()
            page = event_store.read_log(real_log.ledger_id, after=seen[-1] if seen else 0, limit=20)
            seen.extend(event.position for event in page)
            if last_look and not page:
                connection.close()
                return

    def write(number: int) -> None:
        for turn in range(20):
            stream_id = streams[(number + turn) % 4]
            if turn % 5 == 0:
                real_log.batch(*[(stream_id, held(text="x"))] * 3)
            elif turn % 7 == 0:
                with pytest.raises(ZeroDivisionError), transaction.atomic():
                    real_log.append(held(), stream_id=stream_id)
                    raise ZeroDivisionError
            else:
                real_log.append(held(text="x"), stream_id=stream_id)

    reader = Thread(target=follow)
    reader.start()
    at_once([partial(write, n) for n in range(8)])
    finished.set()
    reader.join()

    total = 8 * (4 * 3 + 14)
    assert seen == list(range(1, total + 1))
    for stream_id in streams:
        versions = [event.version for event in event_store.read_stream(real_log.ledger_id, stream_id)]
        assert versions == list(range(1, len(versions) + 1))
    verdict = event_store.verify(real_log.ledger_id)
    assert (verdict.events, verdict.problem) == (total, None)


def test_a_reader_never_sees_past_an_append_that_is_not_committed(real_log: Log) -> None:
    """The race in which a plain sequence loses events: A is numbered, B is numbered and committed, A commits."""
    numbered, go_on = Signal(), Signal()
    other = real_log.open()

    def write(number: int) -> None:
        if number == 0:
            with transaction.atomic():
                real_log.append(held())
                numbered.set()
                go_on.wait(10)
        elif number == 1:
            numbered.wait(10)
            real_log.append(held(), stream_id=other)
        else:
            numbered.wait(10)
            time.sleep(0.2)
            assert real_log.positions() == []
            go_on.set()

    at_once([partial(write, n) for n in range(3)])
    assert real_log.positions() == [1, 2]


def test_one_fact_from_many_senders_is_recorded_once(real_log: Log) -> None:
    def send(number: int) -> list[bool]:
        if number % 2:
            outcomes = real_log.batch(*[reported(f"a-{key}", text="same") for key in range(10)])
        else:
            outcomes = [real_log.append(reported(f"a-{key}", text="same")) for key in range(10)]
        return [outcome.created for outcome in outcomes if isinstance(outcome, Appended)]

    created = at_once([partial(send, n) for n in range(8)])
    assert [len(one) for one in created] == [10] * 8
    assert sum(sum(one) for one in created) == 10
    assert len(real_log.positions()) == 10


def test_of_many_who_saw_the_same_version_one_wins(real_log: Log) -> None:
    def decide(number: int) -> bool:
        try:
            return real_log.append(held(), expected_version=0).created
        except VersionConflict:
            return False

    assert sum(at_once([partial(decide, n) for n in range(8)])) == 1


def test_corrections_at_once_make_one_line(real_log: Log) -> None:
    fact = real_log.append(held()).event
    at_once([lambda: real_log.append(corrected(fact.event_id))] * 8)
    line = event_store.read_stream(real_log.ledger_id, real_log.stream_id)
    assert [event.supersedes for event in line[1:]] == [event.event_id for event in line[:-1]]


def test_batches_over_the_same_streams_in_opposite_order_do_not_wait_in_a_ring(real_log: Log) -> None:
    streams = [real_log.open() for _ in range(6)]

    def send(number: int) -> None:
        order = streams if number % 2 else streams[::-1]
        for _ in range(3):
            real_log.batch(*[(stream_id, held(text="x")) for stream_id in order])

    at_once([partial(send, n) for n in range(8)])
    assert real_log.positions() == list(range(1, 8 * 3 * 6 + 1))


def test_an_erasure_at_the_same_time_leaves_no_text_and_breaks_nothing(real_log: Log) -> None:
    real_log.append(held(text="x"))

    def work(number: int) -> None:
        if number == 0:
            with transaction.atomic():
                event_store.lock_streams(real_log.ledger_id, [real_log.stream_id])
                sealing.erase(real_log.ledger_id, real_log.stream_id, now=NOW)
        else:
            for _ in range(5):
                real_log.append(held(text="x"))

    at_once([partial(work, n) for n in range(8)])
    events = event_store.read_stream(real_log.ledger_id, real_log.stream_id)
    assert len(events) == 36
    assert sealing.open_parts(real_log.ledger_id, [event.event_id for event in events]) == {}


_IMPORT = """
import os
import django
from django.db import connection
django.setup()
connection.settings_dict["NAME"] = os.environ["TEST_DATABASE"]
from tests.event_store.conftest import Log, reported
from relationships.event_store import batches
batches._CHUNK = 200
log = Log(int(os.environ["LEDGER"]), os.environ["STREAM"])
print("begins", flush=True)
log.batch(*[reported(f"a-{number}", text="x") for number in range(20_000)])
print("ended", flush=True)
"""


@pytest.mark.slow
def test_a_process_killed_in_the_middle_of_a_batch_leaves_whole_chunks_and_the_rest_can_be_sent_again(
    real_log: Log,
) -> None:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE,
        "TEST_DATABASE": str(connection.settings_dict["NAME"]),
        "LEDGER": str(real_log.ledger_id),
        "STREAM": real_log.stream_id,
        "MASTER_KEY": settings.MASTER_KEY.hex(),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", _IMPORT],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "begins\n"
        deadline = time.monotonic() + 30
        while event_store.head(real_log.ledger_id).position < 600 and time.monotonic() < deadline:
            time.sleep(0.005)
        process.kill()
        assert process.stdout.read() == ""
    process.wait()
    _settled()

    written = event_store.head(real_log.ledger_id).position
    assert 600 <= written < 20_000
    assert written % 200 == 0
    assert event_store.verify(real_log.ledger_id).intact
    assert event_store.versions(real_log.ledger_id, [real_log.stream_id]) == {real_log.stream_id: written}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM relationships_sealedpart")
        assert cursor.fetchone() == (written,)

    again = real_log.batch(*[reported(f"a-{number}", text="x") for number in range(written + 100)])
    assert [outcome.created for outcome in again if isinstance(outcome, Appended)] == [False] * written + [True] * 100
    assert not [outcome for outcome in again if isinstance(outcome, Conflict)]


def _settled() -> None:
    """Waits until the server has noticed that the client is gone."""
    deadline = time.monotonic() + timedelta(seconds=20).total_seconds()
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            if cursor.fetchone() == (0,):
                return
        time.sleep(0.02)
