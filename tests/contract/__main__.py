"""`python -m tests.contract`: tries every operation of docs/openapi.yaml on a server of its own, with schemathesis.

Starts what `manage.py up` starts (two gunicorn workers, embedded database, demo data) on a folder of its own, sends at
least 20,000 requests in all phases with all checks, and ends with the figures. Exit 1 when anything was found."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.contract.fuzzing import PROFILES, fuzz
from tests.installation import installation


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.contract", description=__doc__)
    parser.add_argument("--profile", choices=PROFILES, default="full")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="requests at the same time")
    parser.add_argument("--output", type=Path, help="where to keep all that schemathesis said")
    options = parser.parse_args()
    profile = PROFILES[options.profile]
    with installation(RATE_LIMIT="0") as server:
        server.up(demo=True)
        outcome = fuzz(server, profile, seed=options.seed, workers=options.workers)
        if options.output:
            options.output.write_text(outcome.said)
            (options.output.with_suffix(".server.log")).write_text(server.log.read_text())
    if outcome.failures:
        print(outcome.said[max(0, outcome.said.find("FAILURES")) :])  # with the requests, as curl would send them
    answers = ", ".join(f"{status} {count:,}" for status, count in sorted(outcome.statuses.items()))
    print(f"answers: {answers}")
    print(
        f"seed {options.seed}: {outcome.requests:,} requests, {outcome.seconds:.0f} s,"
        f" {len(outcome.failures)} failures, {outcome.server_errors} answers of 5xx"
    )
    if outcome.requests < profile.at_least:
        print(f"too few: at least {profile.at_least:,} were to be sent")
        return 1
    return 1 if outcome.failures or outcome.server_errors else 0


if __name__ == "__main__":
    sys.exit(main())
