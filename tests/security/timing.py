"""Whether the time of a 404 tells what is hidden from what is absent: `python -m tests.security.timing`.

Both are asked for in turns, by a key of another team and of another organisation, under the run-time role.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from uuid import uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
os.environ.setdefault("RATE_LIMIT", "0")
os.environ["ALLOWED_HOSTS"] = "testserver"
django.setup()

from tests.benchmarks.scratch import scratch_database  # noqa: E402
from tests.security.test_matrix import House  # noqa: E402

PATHS = (
    "/clients/{client}",
    "/clients/{client}/events",
    "/clients/{client}/stage",
    "/contacts/{contact}",
    "/events/{event}",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.security.timing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    with scratch_database():
        house = House()
        print(f"404 of a hidden and of an absent row, medians of {rounds} in turns, in ms")
        for who in ("key of another team", "key of another organisation"):
            caller = house.callers[who]
            for path in PATHS:
                spent: dict[str, list[float]] = {"hidden": [], "absent": []}
                for number in range(2 * rounds):
                    kind = "hidden" if number % 2 else "absent"
                    ids = house.samples if kind == "hidden" else dict.fromkeys(house.samples, str(uuid4()))
                    begun = time.perf_counter()
                    answer = caller.get(path.format(**ids))
                    spent[kind].append((time.perf_counter() - begun) * 1000)
                    assert answer.status == 404
                hidden, absent = (statistics.median(spent[kind]) for kind in ("hidden", "absent"))
                print(f"  {who:<28} {path:<26} {hidden:6.2f} {absent:6.2f}  difference {hidden - absent:+.2f}")


main()
