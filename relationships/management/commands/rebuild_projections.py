"""``manage.py rebuild_projections``: works all read tables out anew, beside what is read, and flips over."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from relationships import event_store, projections
from relationships.management.organisations import organisation_and_ledger
from relationships.management.progress import bar


class Command(BaseCommand):
    help = "Works out stages, strength and everything else that follows from the log anew, and makes it live at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organisation", default="default", metavar="SLUG")

    def handle(self, *args: Any, organisation: str, **options: Any) -> None:
        _, ledger_id = organisation_and_ledger(organisation)
        try:
            with bar(self.stderr, event_store.head(ledger_id).position) as progress:
                rebuilt = projections.rebuild(ledger_id, now=timezone.now(), progress=progress)
        except projections.Superseded:
            raise CommandError("Another rebuild was started meanwhile and has taken over.") from None
        self.stdout.write(
            f"{rebuilt.events:,} events, {rebuilt.clients:,} clients, {rebuilt.seconds:.1f} seconds;"
            f" generation {rebuilt.generation} is live"
        )
        if rebuilt.quarantined:
            self.stdout.write(self.style.WARNING(f"{rebuilt.quarantined:,} clients could not be folded: quarantined"))
