"""Requests as no decent program sends them: bytes on a socket, and the first line of what comes back."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psutil

from tests.installation import Installation

PATIENCE_S = 30


@dataclass(frozen=True)
class Answer:
    """`status` 0 when the connection was closed without a word; `seconds` from the first byte sent."""

    status: int
    body: bytes
    seconds: float


def send(
    server: Installation, head: str, body: Iterable[bytes] = (), *, key: str | None = None, port: int = 0
) -> Answer:
    """Sends a head (lines, without the empty one) and pieces of a body, and reads all of the answer."""
    lines = [head.strip(), f"Host: 127.0.0.1:{server.port}", "Connection: close"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    raw = "\r\n".join(line.strip() for part in lines for line in part.splitlines()).encode() + b"\r\n\r\n"
    began = time.perf_counter()
    with closing(socket.create_connection(("127.0.0.1", port or server.port), timeout=PATIENCE_S)) as peer:
        try:
            peer.sendall(raw)
            for piece in body:
                peer.sendall(piece)
        except OSError:
            pass  # refused while we still spoke: what it said can be read all the same
        answer = http.client.HTTPResponse(peer)
        try:
            answer.begin()
            read = answer.read()
        except (http.client.HTTPException, OSError):
            return Answer(0, b"", time.perf_counter() - began)
    return Answer(answer.status, read, time.perf_counter() - began)


def post(server: Installation, path: str, body: bytes, key: str, type: str = "application/json") -> Answer:
    """A decent POST."""
    head = f"POST /api/v1{path} HTTP/1.1\nContent-Type: {type}\nContent-Length: {len(body)}"
    return send(server, head, [body], key=key)


def get(server: Installation, path: str, key: str, *, port: int = 0) -> Answer:
    """A decent GET; to another port when a proxy stands before the server."""
    return send(server, f"GET /api/v1{path} HTTP/1.1", key=key, port=port)


def register(server: Installation, key: str, name: str) -> str:
    """The id of a new client."""
    answer = post(server, "/clients", json.dumps({"name": name}).encode(), key)
    assert answer.status == 201, answer.body
    made: dict[str, Any] = json.loads(answer.body)
    return str(made["id"])


def resident(server: Installation) -> dict[int, int]:
    """The memory of each process of the web server, in bytes."""
    web = psutil.Process(server.children()[0])
    return {one.pid: one.memory_info().rss for one in [web, *web.children(recursive=True)]}
