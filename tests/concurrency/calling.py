"""Programs that call a server at once: each request on a connection of its own, opened before all begin together."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from typing import Any, TypeVar

from django.db import connection

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What came back; `body` is the JSON value."""

    status: int
    headers: HTTPMessage
    body: Any


@dataclass(frozen=True)
class Program:
    """One that holds a key to the API on a port of this machine."""

    port: int
    secret: str

    def ready(self, method: str, path: str, body: Any = None, **headers: str) -> Callable[[], Answer]:
        """A request that waits on an open connection; calling it sends it. Header names with _ for -."""
        line = HTTPConnection("127.0.0.1", self.port, timeout=60)
        line.connect()
        named = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = None if body is None else json.dumps(body)

        def send() -> Answer:
            try:
                line.request(method, f"/api/v1{path}", raw, named)
                response = line.getresponse()
                return Answer(response.status, response.headers, json.loads(response.read()))
            finally:
                line.close()

        return send

    def get(self, path: str) -> Answer:
        return self.ready("GET", path)()

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.ready("POST", path, body, **headers)()


def at_once(works: Sequence[Callable[[], T]]) -> list[T]:
    """Does all of it at once, each on a thread that begins when all are there; what came of it, in order."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], T]) -> T:
        start.wait(timeout=60)
        try:
            return work()
        finally:
            connection.close()  # a database's, where the work has used one

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
