"""`manage.py up`, from an empty folder to its end, as a user would see it."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator

import psutil
import pytest
from django.core.management.base import CommandError

from config import embedded
from relationships.management.commands.up import check_port, is_loopback, shown_host
from tests.installation import Installation, eventually, free_port
from tests.installation import installation as fresh_installation


@pytest.fixture
def installation() -> Iterator[Installation]:
    with fresh_installation() as made:
        yield made


@pytest.mark.slow
def test_up_from_an_empty_folder_to_its_end(installation: Installation) -> None:
    said = installation.up()
    assert f"Ready: {installation.url}/admin/" in said
    assert re.search(r"^Password \(shown only this once\): \S{20}$", said, re.MULTILINE)
    assert installation.answers()

    second = installation.manage("up", "--port", str(free_port()))
    assert second.returncode == 1
    assert installation.url in second.stderr
    assert installation.manage("db", "stop").returncode == 1

    doctor = installation.manage("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert "role relationships_app" in doctor.stdout

    web, worker, sender = installation.children()
    os.kill(web, signal.SIGKILL)
    eventually(lambda: installation.children()[0] != web and installation.answers())

    # Killed, it leaves the database running; the next one attaches, and ends whatever else is left.
    assert installation.end(signal.SIGKILL) == -signal.SIGKILL
    assert embedded.running_pid(installation.data / "pg")
    said = installation.up()
    assert "Password" not in said
    assert installation.answers()
    assert not psutil.pid_exists(worker)
    assert not psutil.pid_exists(sender)

    children = installation.children()
    assert installation.end(signal.SIGTERM) == 0
    assert not any(psutil.pid_exists(pid) for pid in children)
    assert embedded.running_pid(installation.data / "pg") is None
    assert not installation.answers()


def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=rf"127\.0\.0\.1:{port} .*choose another --port"):
            check_port("127.0.0.1", port, patience_s=0)


def test_a_host_that_does_not_exist_is_said() -> None:
    with pytest.raises(CommandError, match="cannot listen on"):
        check_port("nowhere.invalid", 8000, patience_s=0)


@pytest.mark.parametrize(
    ("host", "own", "shown"),
    [
        ("127.0.0.1", True, "127.0.0.1"),
        ("::1", True, "[::1]"),
        ("localhost", True, "localhost"),
        ("0.0.0.0", False, "127.0.0.1"),
        ("192.168.1.4", False, "192.168.1.4"),
        ("example.org", False, "example.org"),
    ],
)
def test_hosts_beyond_this_machine_are_told_apart(host: str, own: bool, shown: str) -> None:
    assert is_loopback(host) is own
    assert shown_host(host) == shown
