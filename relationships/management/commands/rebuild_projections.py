"""``manage.py rebuild_projections``: works all read tables out anew, beside what is read, and flips over."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Organisation
from relationships import event_store, projections
from relationships.models.log import Ledger

SHOWN_EVERY = 1.0  # seconds


class Command(BaseCommand):
    help = "Works out stages, strength and everything else that follows from the log anew, and makes it live at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organisation", default="default", metavar="SLUG")

    def handle(self, *args: Any, organisation: str, **options: Any) -> None:
        found = Organisation.objects.filter(slug=organisation).first()
        if found is None:
            raise CommandError(f"There is no organisation {organisation!r}.")
        try:
            ledger_id = event_store.ledger_of(found.pk)
        except Ledger.DoesNotExist:
            raise CommandError(f"{organisation} has no log yet.") from None
        try:
            rebuilt = projections.rebuild(ledger_id, now=timezone.now(), progress=self._progress())
        except projections.Superseded:
            raise CommandError("Another rebuild was started meanwhile and has taken over.") from None
        self.stdout.write(
            f"{rebuilt.events:,} events, {rebuilt.clients:,} clients, {rebuilt.seconds:.1f} seconds;"
            f" generation {rebuilt.generation} is live"
        )
        if rebuilt.quarantined:
            self.stdout.write(self.style.WARNING(f"{rebuilt.quarantined:,} clients could not be folded: quarantined"))

    def _progress(self) -> projections.Progress | None:
        """Shows how far it is, on a terminal, about once a second."""
        if not sys.stderr.isatty():
            return None
        shown_at = time.monotonic()

        def show(events: int, clients: int) -> None:
            nonlocal shown_at
            if time.monotonic() - shown_at >= SHOWN_EVERY:
                shown_at = time.monotonic()
                self.stderr.write(f"\r{events:,} events, {clients:,} clients …", ending="")

        return show
