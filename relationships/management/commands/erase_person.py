"""``manage.py erase_person CONTACT --yes``: a person is forgotten, for good."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.roles import system_principal
from relationships import commands
from relationships.management.organisations import organisation_named


class Command(BaseCommand):
    help = (
        "Destroys the key under which a contact's words are sealed, and clears their name, handles and every copy. "
        "What happened stays under a pseudonym. It cannot be undone: export_person first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("contact", metavar="CONTACT", help="the contact's id, as the API and the export show it")
        parser.add_argument("--organisation", default="default", metavar="SLUG")
        parser.add_argument("--reason", metavar="TEXT", help="why; it is kept, so leave the name out")
        parser.add_argument("--yes", action="store_true", help="really: it cannot be undone")

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = organisation_named(options["organisation"])
        if not options["yes"]:
            raise CommandError("This cannot be undone. Say --yes if you mean it.")
        principal = system_principal(organisation.pk, "erase_person")
        try:
            erasure = commands.erase_person(principal, options["contact"], reason=options["reason"], now=timezone.now())
        except commands.NotFound as unknown:
            raise CommandError(f"{str(unknown).capitalize()}: {options['contact']}") from unknown
        except commands.Invalid as invalid:
            raise CommandError(f"--reason: {invalid.errors[0].detail}") from invalid
        gone = ", ".join(f"{count} {name}" for name, count in asdict(erasure.destroyed).items())
        self.stdout.write(f"Erased {erasure.contact_id} at {erasure.erased_at:%Y-%m-%d %H:%M} UTC: {gone}")
        for other in erasure.elsewhere:
            self.stdout.write(f"The same address is known at another client: {other}")
