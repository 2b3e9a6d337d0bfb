"""Over HTTP, with two workers: one event a request, a thousand, the feed, and reads while others write."""

from __future__ import annotations

import itertools
import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import ApiKey
from accounts.roles import system_principal
from relationships import commands
from tests.benchmarks import serving
from tests.benchmarks.calling import Connection, latencies, request, send_all
from tests.benchmarks.rounds import Peer, Result, measure

CLIENTS = 200
CONNECTIONS = 8
BULK = 1_000
PAGE = 500
_numbers = itertools.count()


@dataclass
class Firm:
    """An organisation with clients and a key, and requests in its name."""

    clients: list[str]
    contacts: dict[str, str]
    headers: dict[str, str]
    begun: datetime = field(default_factory=timezone.now)

    def event(
        self, number: int, *, text: bool = False, sender: int = 0, senders: int = 1
    ) -> tuple[str, dict[str, Any]]:
        """A client and a message of its contact's, just after the one before it; each is new.

        Of several `senders` each has clients of its own: what arrives late folds a client anew, and who measures that
        does not measure how fast it is recorded."""
        place = number % len(self.clients)
        place += sender - place % senders
        client = self.clients[place]
        people = [f"ann@client{place}.example"] if text else [self.contacts[client]]
        data = {
            "channel": "email",
            "direction": "inbound" if number % 3 else "outbound",
            "contacts": people,
            "thread": f"thread-{number % 50}",
            **({"our_people": ["ida.falk@firm.example"]} if text else {}),
        }
        item = {
            "type": "message_sent",
            "occurred_at": (self.begun - timedelta(days=30) + timedelta(milliseconds=50 * number)).isoformat(),
            "source": "benchmark",
            "external_id": f"{number:09d}",
            "data": data,
        }
        return client, {**item, "text": _TEXT} if text else item

    def post(self, *, key: bool = False, text: bool = False) -> bytes:
        number = next(_numbers)
        client, item = self.event(number, text=text)
        headers = {**self.headers, "Idempotency-Key": f"key-{number}"} if key else self.headers
        return request("POST", f"/api/v1/clients/{client}/events", item, headers)

    def bulk(self, *, sender: int = 0, senders: int = 1) -> bytes:
        events = []
        for number in itertools.islice(_numbers, BULK):
            client, item = self.event(number, sender=sender, senders=senders)
            events.append({"client_id": client, **item})
        return request("POST", "/api/v1/events/bulk", {"events": events}, self.headers)

    def get(self, path: str) -> bytes:
        return request("GET", f"/api/v1{path}", headers=self.headers)


_TEXT = "Thank you for the drawings; the second variant is what we had in mind. Shall we talk on Thursday?"


def _a_firm() -> Firm:
    """Made through the commands, as a new organisation of the scratch database, a while before its first event."""
    now = timezone.now() - timedelta(days=60)
    name = f"firm-{next(_numbers)}"
    organisation = commands.create_organisation(name, name, now=now)
    principal = system_principal(organisation.pk, "benchmark")
    items = [{"name": f"Client {number}", "tier": "key"} for number in range(CLIENTS)]
    clients = [one.client.id for one in commands.register_clients(principal, items, now=now) if one.client]
    contacts = {}
    for number, client in enumerate(clients):
        handle = {"platform": "email", "handle": f"ann@client{number}.example"}
        contact = commands.add_contact(principal, client, name="Ann", handles=[handle], now=now)
        contacts[client] = contact.id
    _, secret = ApiKey.issue(organisation=organisation, name="benchmark", scopes=["*"], now=timezone.now())
    return Firm(clients, contacts, {"Authorization": f"Bearer {secret}"})


@contextmanager
def _ours() -> Iterator[tuple[Firm, int]]:
    firm = _a_firm()
    with serving.served(serving.OURS) as port:
        send_all(port, [firm.post(key=True, text=True) for _ in range(CLIENTS)], connections=CONNECTIONS)
        yield firm, port


def post(*, events: int, rounds: int) -> Result:
    """One event a request, eight at once, beside the plainest CreateAPIView on one table without an index."""
    with ExitStack() as stack:
        firm, port = stack.enter_context(_ours())
        plain_port = stack.enter_context(serving.served(serving.PLAIN))

        def note() -> bytes:
            client, item = firm.event(next(_numbers))
            return request("POST", "/notes", {"client": client, **item})

        def plain() -> float:
            return send_all(plain_port, [note() for _ in range(events)], connections=CONNECTIONS)

        def ours(**how: bool) -> Peer:
            return lambda: send_all(port, [firm.post(**how) for _ in range(events)], connections=CONNECTIONS)

        peers = {
            "plain CreateAPIView": plain,
            "an event": ours(),
            "under an Idempotency-Key": ours(key=True),
            "with sealed text, people by address": ours(text=True),
        }
        return measure("post", peers, rounds=rounds)


def bulk(*, events: int, rounds: int) -> Result:
    """A thousand events a request beside one a request; events a second."""
    with _ours() as (firm, port):
        single = min(events, 1_000)

        def two_at_once() -> float:
            requests = [firm.bulk(sender=number % 2, senders=2) for number in range(events // BULK)]
            return BULK * send_all(port, requests, connections=2)

        peers = {
            "one a request": lambda: send_all(port, [firm.post() for _ in range(single)], connections=CONNECTIONS),
            "1,000 a request": lambda: (
                BULK * send_all(port, [firm.bulk() for _ in range(events // BULK)], connections=1)
            ),
            "1,000 a request, two at once": two_at_once,
        }
        return measure("bulk", peers, rounds=rounds)


def feed(*, events: int, rounds: int) -> Result:
    """The whole log, 500 events a page: plain ones, and a log in which every event has sealed text."""
    with ExitStack() as stack:
        clear, port = stack.enter_context(_ours())
        sealed, sealed_port = stack.enter_context(_ours())
        send_all(port, [clear.bulk() for _ in range(events // BULK)], connections=1)
        texts = [sealed.post(text=True) for _ in range(events // 10)]
        send_all(sealed_port, texts, connections=CONNECTIONS)
        peers: dict[str, Peer] = {
            "500 a page": lambda: _follow(clear, port),
            "500 a page, texts opened": lambda: _follow(sealed, sealed_port),
        }
        return measure("feed", peers, rounds=rounds)


def _follow(firm: Firm, port: int) -> float:
    """Reads the feed to its end, as a subscriber does; events a second."""
    connection, read, after = Connection(port), 0, ""
    begun = time.perf_counter()
    more = True
    while more:
        page = json.loads(connection.send(firm.get(f"/events?limit={PAGE}{after}")))
        read += len(page["data"])
        after, more = f"&after={page['next_cursor']}", page["has_more"]
    taken = time.perf_counter() - begun
    connection.close()
    return read / taken


def reads(*, events: int, rounds: int) -> Result:
    """The slowest of a hundred reads (p99, in milliseconds), alone and while eight writers append over HTTP."""
    with _ours() as (firm, port):
        paths = [f"/clients/{client}{what}" for client in firm.clients for what in ("", "/stage", "/timeline")]

        def alone() -> float:
            begun = time.perf_counter()
            return _p99(latencies(port, map(firm.get, itertools.cycle(paths)), going=lambda: _s(begun) < 5))

        def with_writers() -> float:
            stop = threading.Event()
            writers = [threading.Thread(target=_write, args=(firm, port, stop)) for _ in range(CONNECTIONS)]
            for writer in writers:
                writer.start()
            begun = time.perf_counter()
            taken = latencies(port, map(firm.get, itertools.cycle(paths)), going=lambda: _s(begun) < 10)
            stop.set()
            for writer in writers:
                writer.join()
            return _p99(taken)

        return measure("reads", {"alone": alone, "while 8 append": with_writers}, rounds=rounds, unit="ms, p99")


def _write(firm: Firm, port: int, stop: threading.Event) -> None:
    connection = Connection(port)
    while not stop.is_set():
        connection.send(firm.post())
    connection.close()


def _s(begun: float) -> float:
    return time.perf_counter() - begun


def _p99(taken: list[float]) -> float:
    return 1_000 * statistics.quantiles(taken, n=100)[98]
