"""What grows with the ledger: the memory of a rebuild, a page of the clients, the pipeline and its movements."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.models import Organisation
from accounts.roles import Principal, system_principal
from relationships import event_store, queries
from relationships.models.roster import Client
from tests.benchmarks import serving
from tests.benchmarks.rounds import Peer, Result, measure
from tests.benchmarks.scratch import Portfolio, a_portfolio, drafts

EVENTS_A_CLIENT = 10
BATCH = 100_000
SIZES = (100, 10, 1)  # parts of the whole


def sizes(*, events: int, rounds: int) -> Result:
    """Milliseconds of four reads in ledgers of 1 %, 10 % and all of the events, each rebuilt by the command."""
    principals = {events // part: _a_ledger(events // part) for part in SIZES}
    now = timezone.now()

    def reading(read: Callable[[Principal], object], principal: Principal) -> Peer:
        def run() -> float:
            taken = []
            for _ in range(5):
                begun = time.perf_counter()
                read(principal)
                taken.append(1_000 * (time.perf_counter() - begun))
            return statistics.median(taken)

        return run

    reads: dict[str, Callable[[Principal], object]] = {
        "50 clients by name": lambda who: queries.clients(who, now=now),
        "50 clients by strength": lambda who: queries.clients(who, now=now, sort="-strength"),
        "pipeline": lambda who: queries.pipeline(who, now=now),
        "movements of 30 days": lambda who: queries.movements(who, now=now, start=now - timedelta(days=30)),
    }
    peers = {
        f"{name}, {size // EVENTS_A_CLIENT:,} clients": reading(read, principal)
        for name, read in reads.items()
        for size, principal in principals.items()
    }
    return measure("sizes", peers, rounds=rounds, unit="ms")


def _a_ledger(events: int) -> Principal:
    """An organisation with so many events, its read tables rebuilt by the command; tells what that took."""
    organisation = Organisation.objects.create(slug=f"size-{events}", name=f"Size {events}")
    portfolio = a_portfolio(event_store.ensure_ledger(organisation.pk), events // EVENTS_A_CLIENT)
    _register(portfolio)
    made = drafts(portfolio, events)
    for start in range(0, events, BATCH):
        batch = made[start : start + BATCH]
        event_store.append_batch(portfolio.ledger_id, batch, recorded_by="key:benchmark", now=timezone.now())
    del made
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) relationships_event")
    begun = time.perf_counter()
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "rebuild_projections"]
    subprocess.run([*command, "--organisation", organisation.slug], env=serving.environment(), check=True)
    taken = time.perf_counter() - begun
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1_024
    print(f"rebuild of {events:,} events: {taken:.0f} s, largest process so far {memory:.0f} MiB", flush=True)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return system_principal(organisation.pk, "benchmark")


def _register(portfolio: Portfolio) -> None:
    now = timezone.now()
    Client.objects.bulk_create(
        [
            Client(
                id=stream,
                ledger_id=portfolio.ledger_id,
                name=f"Client {number:06d}",
                normal_name=f"client {number:06d}",
                registered_at=now,
            )
            for number, stream in enumerate(portfolio.streams)
        ],
        batch_size=2_000,
    )
