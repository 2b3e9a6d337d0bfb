"""Child processes that are kept alive, and that end with their parent however it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

STOP_TIMEOUT_S = 20
LONGEST_PAUSE_S = 60
# Whoever lived this long starts again at once.
STABLE_AFTER_S = 60
LOG_KEPT_BYTES = 10 * 2**20


@dataclass
class Child:
    """A program in a session of its own, so that Ctrl-C reaches us alone and its own children go with it."""

    name: str
    command: list[str]
    log: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    failures: int = 0

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_KEPT_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,
                preexec_fn=_die_with_parent(),
            )
        self.started_at = time.monotonic()

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.started_at if self.runs else 0.0

    def keep_alive(self, tell: Callable[[str], None]) -> None:
        """Starts it again when it died: at once, then after 1, 2, 4 … 60 seconds while it keeps dying."""
        if self.process is not None and not self.runs:
            _end_group(self.process)
            status, self.process = self.process.returncode, None
            self.failures = 0 if time.monotonic() - self.started_at > STABLE_AFTER_S else self.failures + 1
            pause = min(LONGEST_PAUSE_S, 2 ** (self.failures - 2)) if self.failures > 1 else 0
            self.restart_at = time.monotonic() + pause
            tell(f"{self.name} ended with status {status}, starts again in {pause:g} s; see {self.log}")
        if self.process is None and time.monotonic() >= self.restart_at:
            self.start()

    def ask_to_end(self) -> None:
        if self.process is not None:
            self.process.terminate()

    def stop(self) -> None:
        """Asks it to end, waits, and ends it with all its children."""
        self.ask_to_end()
        self.wait_for_end()

    def wait_for_end(self) -> None:
        """Waits for it to end as asked; ends what is left of it and of its children."""
        if self.process is None:
            return
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_TIMEOUT_S)
        _end_group(self.process)
        self.process = None

    def identity(self) -> list[float]:
        """Its process id and when that process was made: together they name it for ever."""
        try:
            return [self.process.pid, psutil.Process(self.process.pid).create_time()] if self.process else []
        except psutil.Error:
            return []


def end_leftovers(identities: list[list[float]]) -> None:
    """Ends the children of a parent that was killed; a process id that went to somebody else is left alone."""
    for pid, created in (identity for identity in identities if len(identity) == 2):
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(int(pid))
            if abs(process.create_time() - created) > 1:
                continue
            process.terminate()
            with suppress(psutil.TimeoutExpired):
                process.wait(STOP_TIMEOUT_S)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(int(pid), signal.SIGKILL)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kills what is left of its session: workers outlive a parent that was killed."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _die_with_parent() -> Callable[[], None] | None:
    """On Linux the kernel sends SIGTERM to the child when we die, even by SIGKILL."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def before_program() -> None:
        pr_set_pdeathsig = 1
        prctl(pr_set_pdeathsig, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return before_program
