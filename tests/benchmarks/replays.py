"""Replaying a log: all rules of ours, beside a peer that only counts; and what a long history costs an append."""

from __future__ import annotations

import resource
import time
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from accounts.roles import system_principal
from relationships import commands, event_store
from relationships.domain.draft import Draft
from relationships.domain.events import clean
from relationships.domain.facts import effective
from relationships.domain.fold import Fold
from relationships.domain.policy import DEFAULT_POLICY
from relationships.projections.sharing import Report, Shard, share_out, workers
from tests.benchmarks.rounds import Peer, Result, measure
from tests.benchmarks.scratch import NOW, a_portfolio, drafts, emptied

CLIENTS = 600
PAGE = 1_000


class Client(Aggregate):
    """A stream of the peer's: its events say as much as ours do."""

    @event("Registered")
    def __init__(self) -> None:
        self.seen = 0

    @event("Said")
    def say(self, channel: str, direction: str, contact: str, thread: str, topics: str) -> None:
        self.seen += 1


def replay(*, events: int, rounds: int) -> Result:
    """The Python eventsourcing library, counting per stream; ours with every rule; ours reading only."""
    portfolio = a_portfolio(emptied(), CLIENTS)
    event_store.append_batch(portfolio.ledger_id, drafts(portfolio, events), recorded_by="key:benchmark", now=NOW)
    peer = _peer(events)

    def counting() -> float:
        counts: dict[UUID, int] = {}
        begun = time.perf_counter()
        start, read = 1, 0
        while page := peer.recorder.select_notifications(start=start, limit=PAGE):
            for notification in page:
                one: Any = peer.mapper.to_domain_event(notification)
                counts[one.originator_id] = counts.get(one.originator_id, 0) + 1
            read += len(page)
            start = page[-1].id + 1
        return read / (time.perf_counter() - begun)

    def fold_shard(shard: Shard, report: Report) -> int:
        read = 0
        for _, facts in event_store.facts_by_stream(portfolio.ledger_id, shard=shard):
            fold = Fold(DEFAULT_POLICY)
            fold.take(effective(facts))
            fold.judge()
            read += len(facts)
        return read

    def folding(processes: int) -> float:
        begun = time.perf_counter()
        read = sum(share_out(fold_shard, processes, report=lambda events, streams: None))
        return read / (time.perf_counter() - begun)

    def reading() -> float:
        begun = time.perf_counter()
        read = sum(len(facts) for _, facts in event_store.facts_by_stream(portfolio.ledger_id))
        return read / (time.perf_counter() - begun)

    peers = {
        "eventsourcing, counting": counting,
        "relationships, all rules, as rebuilt": lambda: folding(workers()),
        "relationships, all rules, one process": lambda: folding(1),
        "relationships, reading only": reading,
    }
    result = measure("replay", peers, rounds=rounds)
    print(f"largest resident memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    return result


def _peer(events: int) -> Application[UUID]:
    """The peer's log with as many events of as many streams, in tables of its own in the same database."""
    settings = connection.settings_dict
    application = Application[UUID](
        env={
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(settings["NAME"]),
            "POSTGRES_HOST": str(settings["HOST"]),
            "POSTGRES_PORT": str(settings["PORT"] or 5432),
            "POSTGRES_USER": str(settings["USER"]),
            "POSTGRES_PASSWORD": str(settings["PASSWORD"] or "none"),
        }
    )
    for number in range(CLIENTS):
        client = Client()
        for one in range(events // CLIENTS - 1):
            client.say("email", "inbound", str(uuid4()), f"thread-{one % 400}", "drawings, schedule")
        application.save(client)
        del number
    return application


def history(*, events: int, rounds: int) -> Result:
    """One event at a time through `commands`, projection included, for a client with 10 events and one with many."""
    emptied()
    organisation = commands.create_organisation("history", "History", now=NOW - timedelta(days=400))
    ledger_id = event_store.ledger_of(organisation.pk)
    principal = system_principal(organisation.pk, "benchmark")
    refs = {}
    for name, length in (("10 events", 10), (f"{events:,} events", events)):
        row, _ = commands.register_client(principal, name=name, now=NOW - timedelta(days=400))
        made = [(row.id, _message(number, length)) for number in range(length)]
        event_store.append_batch(ledger_id, made, recorded_by="key:benchmark", now=NOW)
        refs[name] = row.id
        _record(principal, row.id, 1)

    def appending(ref: str) -> Peer:
        def run() -> float:
            begun = time.perf_counter()
            _record(principal, ref, 100)
            return 100 / (time.perf_counter() - begun)

        return run

    return measure("history", {name: appending(ref) for name, ref in refs.items()}, rounds=rounds)


def _message(number: int, length: int) -> Draft:
    data = {"channel": "email", "direction": "inbound" if number % 2 else "outbound", "thread": f"t{number % 50}"}
    at = NOW - timedelta(days=365) + timedelta(days=364) * number / length
    return Draft(type="message_sent", occurred_at=at, data=clean("message_sent", data))


_clock = [0]


def _record(principal: Any, ref: str, count: int) -> None:
    for _ in range(count):
        _clock[0] += 1
        now = NOW + timedelta(seconds=_clock[0])
        item = {"type": "message_sent", "occurred_at": now, "data": {"channel": "email", "direction": "inbound"}}
        commands.record_event(principal, ref, item, now=now)
