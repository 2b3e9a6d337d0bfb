"""``manage.py adopt_policy VERSION``: puts a version of the policy into force."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.roles import system_principal
from relationships import commands, event_store, queries
from relationships.management.organisations import organisation_and_ledger
from relationships.management.progress import bar


class Command(BaseCommand):
    help = (
        "Puts a version of the policy into force: works all clients out under it beside what is read, then records the "
        "adoption and flips over. Adopting a former version rolls back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", type=int, metavar="VERSION")
        parser.add_argument("--organisation", default="default", metavar="SLUG")
        parser.add_argument("--reason", metavar="TEXT", help="kept with the adoption")

    def handle(self, *args: Any, **options: Any) -> None:
        organisation, ledger_id = organisation_and_ledger(options["organisation"])
        principal = system_principal(organisation.pk, "adopt_policy")
        try:
            with bar(self.stderr, event_store.head(ledger_id).position) as progress:
                run = commands.adopt_policy(
                    principal,
                    options["version"],
                    reason=options["reason"],
                    now=timezone.now(),
                    progress=progress,
                    wait=True,
                )
        except commands.NotFound:
            raise CommandError(f"There is no policy {options['version']}.") from None
        except (commands.PolicyConflict, commands.Invalid) as refused:
            raise CommandError(str(refused)) from None
        found = queries.adoption(principal, options["version"], str(run))
        if found.state != "done":
            raise CommandError(f"{found.problem}: the worker tries again, and readers keep the old answers meanwhile.")
        self.stdout.write(f"Policy {found.version} is in force since position {found.position:,}.")
