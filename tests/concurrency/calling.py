"""Programs that call a server at once: each request on a connection of its own, opened before all begin together."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from typing import Any


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
