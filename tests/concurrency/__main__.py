"""`python -m tests.concurrency`: many at once over HTTP, round after round, on two workers and a database of their own.

Exit 1 when something did not hold in a round."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from tests.benchmarks import serving  # noqa: E402
from tests.benchmarks.scratch import scratch_database  # noqa: E402
from tests.concurrency.rounds import LIMIT, ROUNDS, a_firm  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.concurrency", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ROUNDS)}; all when silent")
    parser.add_argument("--rounds", type=int, default=100, help="of each")
    options = parser.parse_args()
    if unknown := set(options.names) - ROUNDS.keys():
        parser.error(f"no case {', '.join(sorted(unknown))}; there are {', '.join(ROUNDS)}")
    with scratch_database():
        serving.prepare()
        with serving.served(serving.OURS, rate_limit=LIMIT) as port:
            failed = sum([failures(name, options.rounds, port) for name in options.names or ROUNDS])
    return 1 if failed else 0


def failures(name: str, rounds: int, port: int) -> int:
    """Does the rounds of a case, tells how they went, and answers how many failed."""
    seen: Counter[str] = Counter()
    failed, begun = 0, time.monotonic()
    for number in range(rounds):
        try:
            seen += ROUNDS[name](a_firm(port))
        except AssertionError as problem:
            failed += 1
            print(f"{name}, round {number + 1}: {problem}", flush=True)
    told = ", ".join(f"{count:,} {what}" for what, count in sorted(seen.items()))
    print(f"{name}: {rounds:,} rounds, {failed} failed, {time.monotonic() - begun:.0f} s; {told}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
