"""`manage.py up`, from an empty folder to its end, as a user would see it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pytest
from django.core.management.base import CommandError

from config import embedded
from relationships.management.commands.up import check_port, is_loopback, shown_host

ROOT = Path(__file__).resolve().parents[2]


class Installation:
    """A data folder and what runs on it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output = data / "output.txt"
        self.process: subprocess.Popen[bytes] | None = None

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )

    def up(self) -> str:
        """Starts it and returns all it said until it was ready."""
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(self.port), "--no-demo"],
                cwd=ROOT, env=self.environment, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        process = self.process
        eventually(lambda: "Ready: " in self.said() or process.poll() is not None)
        assert "Ready: " in self.said(), self.said()
        return self.said()

    def said(self) -> str:
        return self.output.read_text()

    def end(self, number: signal.Signals) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(60)

    def answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/health/live", timeout=5) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def children(self) -> list[int]:
        return [int(pid) for pid, _ in json.loads((self.data / "up.json").read_text())["children"]]

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")}
        return kept | {"DATA_DIR": str(self.data)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(holds: Callable[[], bool], *, within_s: float = 120) -> None:
    give_up_at = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < give_up_at, "it never came to be"
        time.sleep(0.1)


@pytest.fixture
def installation() -> Iterator[Installation]:
    with TemporaryDirectory(prefix="up-") as folder:
        made = Installation(Path(folder))
        yield made
        if made.process and made.process.poll() is None:
            made.end(signal.SIGTERM)
        embedded.stop(made.data / "pg")


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

    web, worker = installation.children()
    os.kill(web, signal.SIGKILL)
    eventually(lambda: installation.children()[0] != web and installation.answers())

    # Killed, it leaves the database running; the next one attaches, and ends whatever else is left.
    assert installation.end(signal.SIGKILL) == -signal.SIGKILL
    assert embedded.running_pid(installation.data / "pg")
    said = installation.up()
    assert "Password" not in said
    assert installation.answers()
    assert not psutil.pid_exists(worker)

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
