"""``manage.py backtest``: does the score mean anything, on this organisation's own log?"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.roles import system_principal
from relationships import event_store, evidence, projections
from relationships.domain.instants import days
from relationships.management.organisations import organisation_and_ledger
from relationships.models.roster import Client

BAR = 30  # characters
SHOWN_EVERY = 0.2  # seconds


class Command(BaseCommand):
    help = (
        "Back-tests the policy in force: client × weekly cut, learnt on the past and judged on later time, beside "
        "recency, frequency, silence and BG/BB. Needs requirements-evidence.txt."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organisation", default="default", metavar="SLUG")
        parser.add_argument("--policy", type=int, metavar="VERSION", help="default: the one in force")
        parser.add_argument(
            "--delay",
            type=_days,
            default=0,
            metavar="DAYS",
            help="how long after the fact imported events would have been recorded, where the log does not tell",
        )
        parser.add_argument("--output", type=Path, metavar="FILE", help="write it here as JSON, too")

    def handle(self, *args: Any, **options: Any) -> None:
        organisation, ledger_id = organisation_and_ledger(options["organisation"])
        in_force = projections.policy_in_force(ledger_id)
        wanted = options["policy"]
        policy = in_force if wanted is None else projections.known_policy(ledger_id, wanted)
        if policy is None:
            raise CommandError(f"There is no policy {wanted}; the one in force is {in_force.version}.")
        position = event_store.head(ledger_id).position
        try:
            evidence.need_libraries()
        except evidence.LibrariesMissing as missing:
            raise CommandError(str(missing)) from missing
        gathered = evidence.gather(ledger_id, policy, progress=self._bar(ledger_id), delay=options["delay"])
        self._say("judging …")
        found = evidence.judge(gathered)
        self._say("")
        principal = system_principal(organisation.pk, "backtest")
        evidence.keep(principal, ledger_id, found, position=position, now=timezone.now())
        self.stdout.write(evidence.as_text(found), ending="")
        if options["output"]:
            try:
                options["output"].write_text(json.dumps(evidence.as_json(found), indent=2, allow_nan=False) + "\n")
            except OSError as error:
                raise CommandError(f"{options['output']} cannot be written: {error.strerror}.") from error

    def _bar(self, ledger_id: int) -> Callable[[int], None] | None:
        """A bar on a terminal; nothing else."""
        if not sys.stderr.isatty():
            return None
        total = Client.objects.filter(ledger_id=ledger_id).count()
        shown_at = time.monotonic()

        def show(clients: int) -> None:
            nonlocal shown_at
            if time.monotonic() - shown_at >= SHOWN_EVERY:
                shown_at = time.monotonic()
                done = min(BAR, BAR * clients // max(1, total))
                self._say(f"[{'#' * done}{'.' * (BAR - done)}] {clients:,} of {total:,} clients")

        return show

    def _say(self, text: str) -> None:
        """The line of a terminal, written anew."""
        if sys.stderr.isatty():
            self.stderr.write(f"\r{text}\x1b[K", lambda plain: plain, ending="")
            self.stderr.flush()


def _days(text: str) -> int:
    """A number of days, as microseconds."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 366:
        raise ArgumentTypeError(f"{text!r} is no number of days from 0 to 366")
    return days(number)
