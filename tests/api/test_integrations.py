"""docs/integrations.md is true: its programs are taken from the page and run against a live server on loopback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
from django.utils import timezone

from accounts.models import ApiKey
from relationships.api.openapi import document
from tests.commands.cast import assemble

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "integrations.md").read_text()
PROGRAMS = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", PAGE, flags=re.S))


@dataclass
class Shell:
    """A folder with the programs of the page, and the variables that they need."""

    folder: Path
    base: str
    key: str

    def run(self, name: str, *arguments: str, base: str | None = None) -> str:
        (self.folder / name).write_text(PROGRAMS[name])
        how = [sys.executable] if name.endswith(".py") else ["sh", "-e"]
        done = subprocess.run(
            [*how, name, *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "BASE": base or self.base, "KEY": self.key},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{name}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        return requests.get(f"{self.base}/api/v1{path}", headers=headers, timeout=30).json()


@pytest.fixture
def shell(live_server: Any, tmp_path: Path) -> Shell:
    cast = assemble()
    _, secret = ApiKey.issue(organisation=cast.organisation, name="t", scopes=("*",), now=timezone.now())
    return Shell(tmp_path, live_server.url, secret)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_programs_run_in_their_order_as_they_stand(shell: Shell) -> None:
    first = json.loads(shell.run("register.sh"))
    assert json.loads(shell.run("register.sh"))["id"] == first["id"]
    said = json.loads(shell.run("exchange.sh"))
    assert json.loads(shell.run("exchange.sh")) == said

    sent = shell.run("send.py").splitlines()
    assert sent[0].startswith("recorded ")
    assert sent[1] == "tags ['bakery']"
    assert sent[2] == f"conflict in ['name'] of {first['id']}"

    assert shell.run("backlog.py").startswith("40 recorded, 0 already known, 1 refused\nnot_found")
    assert shell.run("backlog.py").startswith("0 recorded, 40 already known, 1 refused")

    followed = shell.run("follow.py").splitlines()
    head = shell.get("/events/head")["position"]
    assert [int(line.split()[0]) for line in followed] == [*range(1, head + 1), head]
    assert followed[-1] == f"{head} events in all, none missed"
    shell.run("send.py")
    again = shell.run("follow.py").splitlines()  # a new process: only the cursor in the file is left
    assert [line.split()[:2] for line in again[:-1]] == [[str(head + 1), "note_added"]]
    assert again[-1] == f"{head + 1} events in all, none missed"

    assert shell.run("webhook.py").splitlines() == [
        "stage.changed 0199d0a4-7b1e-7cc3-9a52-5d5b0f1a2b3c",
        "204 204",
        "forged: 401",
        "stage.changed 0199d0a4-7b1e-7cc3-9a52-5d5b0f1a2b3c",
        "rotated: 204",
    ]

    now, then = shell.run("quarter.py").splitlines()
    assert "Brightwater Foods is " in now
    assert then == "as it was reported: nothing was known"

    assert json.loads(shell.run("dossier.sh"))["client"]["id"] == first["id"]
    assert json.loads(shell.run("person.sh"))["destroyed"]["texts"] >= 1
    exported = json.loads((shell.folder / "person.json").read_text())
    assert exported["counts"]["events"] >= 40
    assert shell.get("/contacts?handle=ann@brightwater.example")["data"] == []


class Grudging(BaseHTTPRequestHandler):
    """Refuses three times in three ways, then records; notes the keys that it was sent."""

    keys: list[str] = []
    refusals = [(429, "rate_limited"), (409, "request_in_progress"), (503, "unavailable")]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.keys.append(self.headers["Idempotency-Key"])
        status, code = self.refusals[len(self.keys) - 1] if len(self.keys) <= 3 else (201, "")
        body = {"code": code, "detail": "", "type": f"/api/problems#{code}"} if code else {"event_id": "e"}
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        if code:
            self.send_header("Retry-After", "0.1")
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def grudging() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Grudging)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_what_is_refused_for_now_is_sent_again_under_the_same_key(grudging: str, tmp_path: Path) -> None:
    (tmp_path / "send.py").write_text(PROGRAMS["send.py"])
    asked = 'import send; print(send.send("POST", "/x", {}).json())'
    done = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "BASE": grudging, "KEY": "k"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == "{'event_id': 'e'}", done.stderr
    assert len(Grudging.keys) == 4
    assert len(set(Grudging.keys)) == 1


def test_the_document_has_what_importers_need() -> None:
    whole = document()
    assert [server["url"] for server in whole["servers"]] == ["/"]
    named = {tag["name"] for tag in whole["tags"]}
    assert all(tag["description"] for tag in whole["tags"])
    assert whole["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    ids = []
    for methods in whole["paths"].values():
        for operation in methods.values():
            ids.append(operation["operationId"])
            assert set(operation["tags"]) <= named
            for body in operation.get("requestBody", {}).get("content", {}).values():
                assert body["examples"]
    assert len(ids) == len(set(ids))
