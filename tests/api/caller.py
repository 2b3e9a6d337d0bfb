"""A program that calls the API with a key: what tests speak, and nothing but HTTP.

Whatever comes back is held against the OpenAPI document: an answer that it does not promise fails the test.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.api.document import judge
from tests.walls import Browser

V1 = "/api/v1"


@dataclass
class Answer:
    """What came back."""

    response: Any

    @property
    def status(self) -> int:
        return int(self.response.status_code)

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers

    @property
    def raw(self) -> bytes:
        return b"".join(self.response.streaming_content) if self.response.streaming else self.response.content

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def code(self) -> str:
        """The code of the problem; fails when it is none."""
        assert self.headers["Content-Type"] == "application/problem+json", (self.status, self.raw[:300])
        assert self.body["status"] == self.status
        return str(self.body["code"])

    @property
    def faults(self) -> dict[str, str]:
        """The codes of single mistakes, by pointer."""
        return {error["pointer"]: error["code"] for error in self.body["errors"]}


@dataclass
class Caller:
    """A key, or nobody when `secret` is None; paths begin below /api/v1 unless they name /api or another root."""

    secret: str | None = None
    browser: Browser = field(default_factory=lambda: Browser(raise_request_exception=False))

    def get(self, path: str, headers: Mapping[str, str] | None = None, /, **query: Any) -> Answer:
        return self._told(self.browser.get(_at(path), query, headers=self._headers(headers)))

    def post(self, path: str, body: Any, /, type: str = "application/json", **headers: str) -> Answer:
        return self.send("POST", path, body, type=type, **headers)

    def patch(self, path: str, body: Any, /, **headers: str) -> Answer:
        return self.send("PATCH", path, body, **headers)

    def send(
        self, method: str, path: str, body: Any = b"", /, type: str = "application/json", **headers: str
    ) -> Answer:
        """`body` as bytes is sent as it is, anything else as JSON; header names with _ for -."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._told(self.browser.generic(method, _at(path), raw, content_type=type, headers=self._headers(named)))

    def _headers(self, more: Mapping[str, str] | None) -> dict[str, str]:
        key = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        return {**key, **(more or {})}

    @staticmethod
    def _told(response: Any) -> Answer:
        request = response.wsgi_request
        if request.method != "HEAD":
            judge(request.method, request.path, response)
        return Answer(response)


def _at(path: str) -> str:
    return path if path.startswith(("/api", "/health", "/metrics", "http")) else V1 + path
