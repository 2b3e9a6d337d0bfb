"""A program as an integrator writes it, with nothing but the client that a generator made of the served document.

It sends again what was not answered, under the same `Idempotency-Key`, and keeps the feed's cursor in a file.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx

# The generator writes bodies of JSON; that a backlog may also come as NDJSON it leaves out, and says so.
KNOWN_GAP = "Unsupported content type application/x-ndjson"
# What an integrator sends again; anything else is a fault of one side.
AGAIN = frozenset({429, 503})
IN_PROGRESS = "request_in_progress"


def generate(document: str, folder: Path, package: str) -> str:
    """Makes a client of a document, a file or an address, and lets it be imported from `folder` as `package`."""
    source = "--url" if document.startswith("http") else "--path"
    command = [
        sys.executable, "-m", "openapi_python_client", "generate", source, document, "--meta", "none",
        "--output-path", str(folder / package),
    ]  # fmt: skip
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}, timeout=300
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert said.count("WARNING") == said.count(KNOWN_GAP) == 2, said
    sys.path.insert(0, str(folder))
    return package


def operation(package: str, tag: str, name: str) -> Any:
    return importlib.import_module(f"{package}.api.{tag}.{name}")


def models(package: str) -> Any:
    return importlib.import_module(f"{package}.models")


def client_of(package: str, url: str, key: str) -> Any:
    module: ModuleType = importlib.import_module(f"{package}.client")
    return module.AuthenticatedClient(base_url=url, token=key, timeout=httpx.Timeout(15))


class Integrator:
    """One thread's worth of it. `repeated` counts how often something had to be sent again."""

    def __init__(self, package: str, url: str, key: str) -> None:
        self.package, self.models = package, models(package)
        self.client = client_of(package, url, key)
        self.repeated = 0

    def call(self, tag: str, name: str, *arguments: Any, within_s: float = 240, **options: Any) -> Any:
        """The parsed answer of a 2xx, however often that has to be asked for."""
        give_up_at = time.monotonic() + within_s
        while True:
            wait_s = 0.2
            try:
                answer = operation(self.package, tag, name).sync_detailed(*arguments, client=self.client, **options)
            except httpx.TransportError as problem:
                said: Any = problem
            else:
                if 200 <= answer.status_code < 300:
                    return answer.parsed
                said = answer.parsed
                assert answer.status_code in AGAIN or said.code == IN_PROGRESS, (answer.status_code, said)
                wait_s = float(answer.headers["Retry-After"])
            assert time.monotonic() < give_up_at, said
            self.repeated += 1
            time.sleep(wait_s)

    def register(self, name: str) -> Any:
        body = self.models.ClientIn(name=name, external_ids=[self.models.ExternalIdIn(source="crm", id=name)])
        return self.call("clients", "register_client", body=body, idempotency_key=f"client {name}")

    def write(self, client_id: Any, mark: str, *, direction: str) -> Any:
        """Records a message; its mark is its key, and the thread by which it is known in the feed."""
        message = self.models.MessageSentIn(
            type_="message_sent",
            occurred_at=datetime.now(UTC),
            data=self.models.MessageSent.from_dict({"direction": direction, "thread": mark}),
        )
        return self.call("events", "record_event", str(client_id), body=message, idempotency_key=mark)

    def meet(self, client_id: Any, mark: str) -> Any:
        meeting = self.models.MeetingHeldIn(
            type_="meeting_held",
            occurred_at=datetime.now(UTC),
            data=self.models.MeetingHeld(meeting_id=mark, mode=self.models.MeetingMode.IN_PERSON),
        )
        return self.call("events", "record_event", str(client_id), body=meeting, idempotency_key=mark)

    def bring_in(self, names: list[str], moments: list[datetime], mark: str) -> list[Any]:
        """A backlog of messages in one request, each client's turn after the other's."""
        backlog = [
            self.models.BulkEvent(
                client=self.models.ExternalIdIn(source="crm", id=names[number % len(names)]),
                type_=self.models.PostableType.MESSAGE_SENT,
                occurred_at=moment,
                data=self.models.BulkEventData.from_dict(
                    {"direction": ("inbound", "outbound")[number % 2], "thread": f"{mark}/{number}"}
                ),
            )
            for number, moment in enumerate(moments)
        ]
        done = self.call("events", "record_events", body=self.models.EventsIn(events=backlog), idempotency_key=mark)
        return list(done.results)


class Follower:
    """Follows the feed. What it knows stands in a file, cursor and events together: it may die at any moment."""

    def __init__(self, integrator: Integrator, file: Path) -> None:
        self.integrator, self.file = integrator, file
        if not file.exists():
            head = integrator.call("events", "read_head")
            self._keep(head.cursor, [])

    def known(self) -> list[dict[str, Any]]:
        return list(json.loads(self.file.read_text())["events"])

    def follow(self) -> int:
        """Reads to the end of the log; answers how many events were new."""
        kept = json.loads(self.file.read_text())
        cursor, events, new = kept["cursor"], kept["events"], 0
        while True:
            page = self.integrator.call("events", "read_feed", after=cursor, limit=100)
            events += [event.to_dict() for event in page.data]
            cursor, new = page.next_cursor, new + len(page.data)
            self._keep(cursor, events)
            if not page.has_more:
                return new

    def _keep(self, cursor: str, events: list[dict[str, Any]]) -> None:
        written = self.file.with_suffix(".new")
        written.write_text(json.dumps({"cursor": cursor, "events": events}))
        written.replace(self.file)
