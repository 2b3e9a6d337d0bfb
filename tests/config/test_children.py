from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from config.children import Child, end_leftovers

SLEEPS = "import time; time.sleep(60)"
# A parent whose own child outlives it.
FORKS = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]); time.sleep(60)"


def child(tmp_path: Path, code: str) -> Child:
    return Child("worker", [sys.executable, "-c", code], tmp_path / "logs" / "worker.log", dict(os.environ))


def wait_until_gone(pid: int) -> None:
    give_up_at = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def test_what_a_child_says_goes_to_its_log(tmp_path: Path) -> None:
    one = child(tmp_path, "print('here I am')")
    one.start()
    assert one.process
    one.process.wait()
    assert one.log.read_text() == "here I am\n"


def test_a_child_that_dies_starts_again_at_once_and_then_ever_later(tmp_path: Path) -> None:
    told: list[str] = []
    one = child(tmp_path, "raise SystemExit(3)")
    one.start()
    pauses = []
    for _ in range(4):
        assert one.process
        one.process.wait()
        one.keep_alive(told.append)
        pauses.append(round(max(0, one.restart_at - time.monotonic())))
        one.restart_at = 0
        one.keep_alive(told.append)
    one.stop()
    assert pauses == [0, 1, 2, 4]
    assert "worker ended with status 3" in told[0]


def test_a_child_that_lives_is_left_alone(tmp_path: Path) -> None:
    one = child(tmp_path, SLEEPS)
    one.start()
    before = one.process
    one.keep_alive(pytest.fail)
    assert one.process is before
    assert one.runs
    one.stop()
    assert not one.runs


def test_the_children_of_a_child_end_with_it(tmp_path: Path) -> None:
    one = child(tmp_path, FORKS)
    one.start()
    assert one.process
    parent = psutil.Process(one.process.pid)
    give_up_at = time.monotonic() + 10
    while not parent.children():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
    grandchild = parent.children()[0].pid
    one.stop()
    wait_until_gone(grandchild)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel of Linux does this")
def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, sys, time
from config.children import Child
one = Child("x", [sys.executable, "-c", {SLEEPS!r}], pathlib.Path({str(tmp_path)!r}) / "x.log", dict(os.environ))
one.start()
print(one.process.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    wait_until_gone(pid)


def test_what_a_killed_parent_left_is_ended_and_others_are_not(tmp_path: Path) -> None:
    left, other = child(tmp_path, SLEEPS), child(tmp_path, SLEEPS)
    left.start()
    other.start()
    assert left.process
    pid, created = other.identity()
    end_leftovers([left.identity(), [pid, created - 1000], []])
    left.process.wait(10)
    assert other.runs
    other.stop()
