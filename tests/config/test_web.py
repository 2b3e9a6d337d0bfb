"""The worker that gunicorn runs, with an application that says who answers."""

from __future__ import annotations

import json
import subprocess
import time
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


def test_two_kept_connections_have_a_worker_each(port: int) -> None:
    """By chance alone both are with one worker in more than half of the rounds."""
    shared = 0
    for _ in range(8):
        connections = [HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(2)]
        shared += len({answer(connection)[0] for connection in connections}) == 2
        for connection in connections:
            connection.close()
        time.sleep(0.2)  # until the workers have noticed
    assert shared >= 7


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
