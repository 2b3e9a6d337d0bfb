"""A data folder of its own and what `manage.py up` runs on it: for tests that ask a real server over a real socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import urlopen

from config import embedded

ROOT = Path(__file__).resolve().parents[1]


class Installation:
    """`variables` go into the environment of all that it runs, beside DATA_DIR."""

    def __init__(self, data: Path, **variables: str) -> None:
        self.data = data
        self.variables = variables
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output = data / "output.txt"
        self.process: subprocess.Popen[bytes] | None = None

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )

    def key(self, *scopes: str, organisation: str = "default") -> str:
        """The secret of a new API key; all scopes unless said."""
        wanted = ",".join(scopes or ("*",))
        made = self.manage("create_api_key", "--organisation", organisation, "--name", "test", "--scopes", wanted)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def up(self, *, demo: bool = False) -> str:
        """Starts it and returns all it said until it was ready."""
        more = [] if demo else ["--no-demo"]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(self.port), *more],
                cwd=ROOT, env=self.environment, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        process = self.process
        eventually(lambda: "Ready: " in self.said() or process.poll() is not None, within_s=400)
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
        """The process ids of web server and worker."""
        return [int(pid) for pid, _ in json.loads((self.data / "up.json").read_text())["children"]]

    @property
    def log(self) -> Path:
        """What the web server wrote."""
        return self.data / "logs" / "web.log"

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")}
        return kept | {"DATA_DIR": str(self.data)} | self.variables


@contextmanager
def installation(**variables: str) -> Iterator[Installation]:
    """An empty folder; whatever was started on it is ended, and the folder removed."""
    with TemporaryDirectory(prefix="up-") as folder:
        made = Installation(Path(folder), **variables)
        try:
            yield made
        finally:
            if made.process and made.process.poll() is None:
                made.end(signal.SIGTERM)
            embedded.stop(made.data / "pg")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(holds: Callable[[], bool], *, within_s: float = 120) -> None:
    give_up_at = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < give_up_at, "it never came to be"
        time.sleep(0.1)
