"""What to do next, for one manager: beside a page of their clients, and among ten times as many clients of others."""

from __future__ import annotations

import time
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.roles import system_principal
from relationships import commands, event_store, projections, queries
from relationships.models.roster import Client
from tests.benchmarks.rounds import Peer, Result, measure
from tests.benchmarks.scratch import NOW, Portfolio, drafts, emptied

OF_ONE, OF_OTHERS = 500, 5_000


def actions(*, events: int, rounds: int) -> Result:
    """One manager's list among 500 clients of their own, and again when others have 5,000 more."""
    emptied()
    organisation = commands.create_organisation("advice", "Advice", now=NOW - timedelta(days=400))
    ledger_id = event_store.ledger_of(organisation.pk)
    principal = system_principal(organisation.pk, "benchmark")

    def portfolio(owner: str, clients: int) -> None:
        wanted = [{"name": f"{owner} {number}", "owner": f"{owner}@example.com"} for number in range(clients)]
        streams: tuple[str, ...] = ()
        for begin in range(0, clients, OF_ONE):
            chunk = wanted[begin : begin + OF_ONE]
            made = commands.register_clients(principal, chunk, now=NOW - timedelta(days=399))
            streams += tuple(one.client.id for one in made if one.client)
        placed = drafts(Portfolio(ledger_id, streams), events * clients // OF_ONE)
        event_store.append_batch(ledger_id, placed, recorded_by="key:benchmark", now=NOW)
        projections.rebuild(ledger_id, now=NOW)

    portfolio("mine", OF_ONE)
    mine = str(Client.objects.values_list("owner_id", flat=True)[0])

    def listing() -> float:
        begun = time.perf_counter()
        queries.actions(principal, now=NOW, owner=mine)
        return 1 / (time.perf_counter() - begun)

    def paging() -> float:
        begun = time.perf_counter()
        queries.clients(principal, now=NOW, owner=mine)
        return 1 / (time.perf_counter() - begun)

    peers: dict[str, Peer] = {"a page of 50 clients": paging, f"actions among {OF_ONE}": listing}
    alone = measure("actions", peers, rounds=rounds)
    with CaptureQueriesContext(connection) as spent:
        queries.actions(principal, now=NOW, owner=mine)
    print(f"{len(spent)} queries for the actions of one manager")
    portfolio("others", OF_OTHERS)
    among = measure("actions", {f"the same beside {OF_OTHERS:,} of others": listing}, rounds=rounds)
    return Result("actions", rounds, (*alone.lines, *among.lines))
