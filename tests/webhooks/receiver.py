"""A receiver on loopback that answers as it is told, and remembers what came."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

Answering = Callable[[BaseHTTPRequestHandler, "Got"], int | None]


@dataclass(frozen=True)
class Got:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Receiver:
    """`answers` are given one after the other, a status or a function; then 200 for ever."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    answers: list[int | Answering] = field(default_factory=list)
    always: int | Answering = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/in"

    def of_kind(self, kind: str) -> list[Any]:
        return [one.json for one in self.got if one.json["type"] == kind]


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got = Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body, time.time())
            answer = told.answers.pop(0) if told.answers else told.always
            told.got.append(got)
            with suppress(OSError):
                status = answer if isinstance(answer, int) else answer(self, got)
                if status is not None:
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        # More at once than the five of the standard library: those that find no place connect a second later, or never.
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
