"""Runs schemathesis against a server and tells what it sent and what it found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from tests.installation import ROOT, Installation

CONFIG = Path(__file__).with_name("schemathesis.toml")
DOCUMENT = ROOT / "docs" / "openapi.yaml"


@dataclass(frozen=True)
class Profile:
    """How much is tried: examples an operation, phases, and the fewest requests that count as having tried."""

    examples: int
    phases: tuple[str, ...]
    at_least: int


PROFILES = {
    "short": Profile(3, ("examples", "fuzzing", "stateful"), 300),
    "full": Profile(210, ("examples", "coverage", "fuzzing", "stateful"), 20_000),
}


@dataclass(frozen=True)
class Outcome:
    """`failures` are what schemathesis found, in words; `statuses` how often the server gave each, by its own log."""

    seconds: float
    failures: list[str]
    statuses: dict[int, int]
    said: str

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())

    @property
    def server_errors(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= 500)


def fuzz(server: Installation, profile: Profile, *, seed: int, workers: int = 2) -> Outcome:
    """Tries the whole document on a running server, as a key of one organisation with a stranger beside it."""
    server.manage("create_organisation", "strangers")
    ours, strangers = server.key(), server.key(organisation="strangers")
    seed_examples(server, ours)
    keys = server.data / "keys.json"
    entries = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {secret}"}]}
        for name, secret in (("ours", ours), ("strangers", strangers))
    ]
    keys.write_text(json.dumps({"auth": entries}))
    report = server.data / "report.json"
    before = statuses(server)
    command = [
        str(Path(sys.executable).with_name("st")), "--config-file", str(CONFIG), "--no-color", "run", str(DOCUMENT),
        "--url", server.url, "--checks", "all", "--phases", ",".join(profile.phases), "--seed", str(seed),
        "--max-examples", str(profile.examples), "--workers", str(workers),
        "--report", "json", "--report-json-path", str(report),
    ]  # fmt: skip
    environment = {**os.environ, "CONTRACT_KEYS": str(keys), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command,
        cwd=server.data,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    said = f"schemathesis ended with {done.returncode}: {done.stdout[-4000:]}"
    assert report.exists(), said
    assert report.stat().st_size, said
    told = json.loads(report.read_text())
    failures = [f"{one['title']} x{one['count']}: {', '.join(one['operations'])}" for one in told["failures"]]
    failures += [f"{one['title']} x{one['count']}" for one in told["errors"]]
    after = statuses(server)
    answered = {
        status: count - before.get(status, 0) for status, count in after.items() if count > before.get(status, 0)
    }
    return Outcome(told["running_time"], failures, answered, done.stdout)


def seed_examples(server: Installation, secret: str) -> None:
    """The client that the examples of the document name by its external id."""
    body = {"name": "Nordlicht Bakery", "external_ids": [{"source": "crm", "id": "4711"}]}
    request = Request(
        f"{server.url}/api/v1/clients",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
    )
    with urlopen(request, timeout=30) as answer:
        assert answer.status in (200, 201)


def statuses(server: Installation) -> dict[int, int]:
    """How many requests under /api/ the server has answered with each status since it began."""
    found: dict[int, int] = {}
    with server.log.open() as log:
        for line in log:
            if match := re.search(r'"message": "[A-Z]+ /api/.*"status": (\d{3}), "ms"', line):
                status = int(match[1])
                found[status] = found.get(status, 0) + 1
    return found
