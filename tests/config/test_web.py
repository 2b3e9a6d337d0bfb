"""The worker that gunicorn runs, with an application that says who answers."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from config.web import GARBAGE_AFTER
from relationships.management.commands.up import web_command
from tests.installation import eventually, free_port


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    number = free_port()
    command = web_command("tests.config.answering:application", f"127.0.0.1:{number}", workers="2")
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        seen: Counter[int] = Counter()

        def both_have_answered() -> bool:
            seen.update(who_answers(number))
            return len(seen) == 2

        eventually(both_have_answered, within_s=60)
        yield number
    finally:
        server.terminate()
        server.wait(timeout=30)


def who_answers(port: int) -> list[int]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        return answer(connection)[:1]
    except ConnectionRefusedError:
        return []
    finally:
        connection.close()


def test_kept_connections_are_shared_by_the_workers(port: int) -> None:
    connections = [HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(8)]
    try:
        workers = Counter(answer(connection)[0] for connection in connections)
    finally:
        for connection in connections:
            connection.close()
    assert len(workers) == 2
    assert min(workers.values()) >= 2, workers


def test_the_program_itself_is_not_searched_for_garbage(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    _, threshold, frozen = answer(connection)
    connection.close()
    assert threshold == GARBAGE_AFTER
    assert frozen > 10_000


def answer(connection: HTTPConnection) -> list[int]:
    connection.request("GET", "/")
    told: list[int] = json.loads(connection.getresponse().read())
    return told
