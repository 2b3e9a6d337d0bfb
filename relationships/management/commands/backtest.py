"""``manage.py backtest``: does the score mean anything, on this organisation's own log?"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Organisation
from relationships import event_store, evidence, projections


class Command(BaseCommand):
    help = (
        "Back-tests the policy in force: client × weekly cut, learnt on the past and judged on later time, beside "
        "recency, frequency, silence and BG/BB. Needs requirements-evidence.txt."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organisation", default="default", metavar="SLUG")
        parser.add_argument("--policy", type=int, metavar="VERSION", help="default: the one in force")
        parser.add_argument("--output", type=Path, metavar="FILE", help="write it here as JSON, too")

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = Organisation.objects.filter(slug=options["organisation"]).first()
        if organisation is None:
            raise CommandError(f"There is no organisation {options['organisation']!r}.")
        ledger_id = event_store.ledger_of(organisation.pk)
        policy = projections.policy_of(projections.live(ledger_id))
        if options["policy"] not in (None, policy.version):
            raise CommandError(f"There is no policy {options['policy']}; the one in force is {policy.version}.")
        try:
            found = evidence.judge(evidence.gather(ledger_id, policy, progress=self._progress))
        except evidence.LibrariesMissing as missing:
            raise CommandError(str(missing)) from missing
        self.stdout.write(evidence.as_text(found), ending="")
        if options["output"]:
            options["output"].write_text(json.dumps(evidence.as_json(found), indent=2) + "\n")

    def _progress(self, clients: int) -> None:
        if clients % 500 == 0 and self.stderr.isatty():
            self.stderr.write(f"\r  {clients:,} clients …", ending="")
