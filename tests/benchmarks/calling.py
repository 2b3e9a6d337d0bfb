"""A client that costs little beside the server it calls: requests as bytes, over sockets that are kept open."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class Connection:
    """One connection to a server on this machine. Raises AssertionError for any answer that is no success."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, raw: bytes) -> bytes:
        """Sends one request and returns the body of its answer."""
        self._socket.sendall(raw)
        answer = self._more()
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._more()
        head = answer[:end]
        assert head[9:10] == b"2", answer[:2_000].decode(errors="replace")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        parts, missing = [answer[end + 4 :]], length - (len(answer) - end - 4)
        while missing:
            parts.append(self._more())
            missing -= len(parts[-1])
        return b"".join(parts)

    def _more(self) -> bytes:
        received = self._socket.recv(1 << 20)
        if not received:
            raise ConnectionError("the server has closed the connection")
        return received

    def close(self) -> None:
        self._socket.close()


def request(method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> bytes:
    """A request as it goes over the wire, `body` as JSON."""
    raw = b"" if body is None else json.dumps(body).encode()
    stated = {"Host": "127.0.0.1", "Content-Length": str(len(raw)), **(headers or {})}
    if body is not None:
        stated["Content-Type"] = "application/json"
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in stated.items())]
    return "\r\n".join([*lines, "", ""]).encode() + raw


def send_all(port: int, requests: Sequence[bytes], *, connections: int) -> float:
    """Sends the requests over so many connections at once, each waiting for its answers; requests a second."""
    opened = [Connection(port) for _ in range(connections)]

    def work(number: int) -> None:
        for raw in requests[number::connections]:
            opened[number].send(raw)

    try:
        begun = time.perf_counter()
        with ThreadPoolExecutor(connections) as pool:
            list(pool.map(work, range(connections)))
        return len(requests) / (time.perf_counter() - begun)
    finally:
        for connection in opened:
            connection.close()


def latencies(port: int, requests: Iterable[bytes], *, going: Callable[[], bool]) -> list[float]:
    """Sends one after the other while `going`; how long each took, in seconds."""
    connection, taken = Connection(port), []
    for raw in requests:
        if not going():
            break
        begun = time.perf_counter()
        connection.send(raw)
        taken.append(time.perf_counter() - begun)
    connection.close()
    return taken
