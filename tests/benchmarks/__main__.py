"""``python -m tests.benchmarks append writers … post bulk feed reads sizes preview``: see the package."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from tests.benchmarks import advice, appends, previews, replays, serving, sizes, web  # noqa: E402
from tests.benchmarks.rounds import Result, tell, write  # noqa: E402
from tests.benchmarks.scratch import scratch_database  # noqa: E402

Benchmark = Callable[..., Result]

# Name → what it does, and how many events a round has unless --events says so.
BENCHMARKS: dict[str, tuple[Benchmark, int]] = {
    "append": (appends.append, 3_000),
    "writers": (appends.writers, 4_000),
    "batch": (appends.batch, 100_000),
    "replay": (replays.replay, 90_000),
    "history": (replays.history, 10_000),
    "actions": (advice.actions, 10_000),
    "post": (web.post, 1_000),
    "bulk": (web.bulk, 10_000),
    "feed": (web.feed, 20_000),
    "reads": (web.reads, 0),
    "sizes": (sizes.sizes, 1_000_000),
    "preview": (previews.preview, 200_000),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all when silent")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, help="per round and peer")
    parser.add_argument("--clients", type=int, default=10_000, help="of preview's ledger; 10,000 when silent")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results here")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - BENCHMARKS.keys():
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    results = []
    with scratch_database():
        serving.prepare()
        for name in arguments.names or BENCHMARKS:
            run, events = BENCHMARKS[name]
            size = {"clients": arguments.clients} if name == "preview" else {}
            results.append(run(events=arguments.events or events, rounds=arguments.rounds, **size))
            tell(results[-1])
    if arguments.json:
        write(results, arguments.json)


main()
