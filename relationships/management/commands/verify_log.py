"""``manage.py verify_log``: does the log still say what was recorded?"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import security
from accounts.roles import system_principal
from relationships import event_store
from relationships.domain.verification import Verdict
from relationships.management.organisations import organisation_and_ledger
from relationships.models.roster import ClientExternalId


class Command(BaseCommand):
    help = (
        "Walks the hash chain of an organisation's log and prints 'N events, chain intact, head …', or names the "
        "position and the kind of the first break and ends with 1. Keep the printed head outside the database: only "
        "a head kept elsewhere can tell that the end of the log was cut off."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organisation", default="default", metavar="SLUG")
        parser.add_argument("--client", metavar="ID", help="only this client's events: an id, or source:external id")
        parser.add_argument(
            "--export", type=Path, metavar="FILE", help="also write the log to FILE, as NDJSON, for --from"
        )
        parser.add_argument(
            "--from", type=Path, metavar="FILE", dest="source", help="verify an export, without the database"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        ticker = _Ticker(self)
        if source := options["source"]:
            verdict = self._from_export(source, ticker)
        else:
            organisation, ledger_id = organisation_and_ledger(options["organisation"])
            if options["client"]:
                verdict = event_store.verify_stream(ledger_id, self._client(ledger_id, options["client"]))
            else:
                verdict = event_store.verify(ledger_id, progress=ticker)
            if options["export"]:
                self._export(organisation.pk, ledger_id, options["export"], ticker)
        ticker.done()
        self._tell(verdict)

    def _tell(self, verdict: Verdict) -> None:
        problem = verdict.problem
        if problem:
            raise CommandError(f"position {problem.position}: {problem.kind}: {problem.detail}")
        self.stdout.write(f"{verdict.events} events, chain intact, head {verdict.head_hash.hex()}")

    def _client(self, ledger_id: int, given: str) -> str:
        source, colon, external_id = given.partition(":")
        known = ClientExternalId.objects.filter(ledger_id=ledger_id, source=source, external_id=external_id)
        try:
            stream_id = str(known.get().client_id) if colon else str(UUID(given))
        except (ClientExternalId.DoesNotExist, ValueError):
            stream_id = ""
        if not stream_id or not event_store.versions(ledger_id, [stream_id]):
            raise CommandError(f"There is no client {given!r}.")
        return stream_id

    def _export(self, organisation_id: int, ledger_id: int, path: Path, ticker: _Ticker) -> None:
        try:
            with path.open("w", encoding="utf-8") as file:
                event_store.export(ledger_id, file, progress=ticker)
        except OSError as problem:
            raise CommandError(f"{path}: {problem.strerror}") from problem
        principal = system_principal(organisation_id, "verify_log")
        security.note_export(f"ledger:{ledger_id}", "ndjson", now=timezone.now(), principal=principal)

    def _from_export(self, path: Path, ticker: _Ticker) -> Verdict:
        try:
            with path.open(encoding="utf-8") as file:
                return event_store.verify_export(file, progress=ticker)
        except OSError as problem:
            raise CommandError(f"{path}: {problem.strerror}") from problem
        except ValueError as problem:
            raise CommandError(f"{path}: {problem}") from problem


class _Ticker:
    """Shows how far a walk is, once a second and from the third second on, on a terminal only."""

    def __init__(self, command: BaseCommand) -> None:
        self._out = command.stderr
        self._next = time.monotonic() + 2
        self._shown = False

    def __call__(self, done: int, total: int) -> None:
        if self._out.isatty() and time.monotonic() >= self._next:
            self._next = time.monotonic() + 1
            self._shown = True
            self._out.write(f"\r{done:,} of {total:,} events", self._plain, ending="")

    def done(self) -> None:
        if self._shown:
            self._out.write("")

    @staticmethod
    def _plain(text: str) -> str:
        return text
