"""``manage.py stage_report NAME``: a report, made now."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import security
from accounts.roles import system_principal
from relationships import queries
from relationships.management.organisations import organisation_named
from relationships.reports import BY_NAME, people
from relationships.reports.calendar import instant_of
from relationships.reports.renderers import FORMS


class Command(BaseCommand):
    help = (
        "Makes a report now and prints it, or writes it to a file. T is RFC 3339 with an offset "
        "(2026-11-23T07:00:00+01:00) or a date, which means its first moment in the organisation's zone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", choices=sorted(BY_NAME), help="which report")
        parser.add_argument("--organisation", default="default", metavar="SLUG")
        parser.add_argument("--as-of", metavar="T", help="where the report stands (default: now)")
        parser.add_argument("--known-at", metavar="T", help="only what was known by then (default: now)")
        parser.add_argument("--since", metavar="T", help="movements from here (default: 7 days before --as-of)")
        parser.add_argument("--format", choices=list(FORMS), default="text", dest="form")
        parser.add_argument("--output", type=Path, metavar="FILE", help="write here instead of to the terminal")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        organisation = organisation_named(options["organisation"])
        zone = organisation.time_zone
        principal = system_principal(organisation.pk, "stage_report")
        try:
            snapshot = BY_NAME[options["name"]].build(
                principal,
                now=now,
                as_of=_moment(options["as_of"], "--as-of", zone),
                known_at=_moment(options["known_at"], "--known-at", zone),
                since=_moment(options["since"], "--since", zone),
            )
        except (ValueError, queries.NotFound) as problem:
            raise CommandError(str(problem)) from problem
        security.note_export(f"report:{options['name']}", options["form"], now=now, principal=principal)
        self._write(
            FORMS[options["form"]].render(snapshot, people=people(organisation.pk), zone=zone), options["output"]
        )

    def _write(self, text: str, output: Path | None) -> None:
        if output is None:
            self.stdout.write(text, ending="")
            return
        try:
            # As bytes: the line ends of CSV are part of it.
            output.write_bytes(text.encode())
        except OSError as problem:
            raise CommandError(f"--output {output}: {problem.strerror}") from problem
        self.stderr.write(f"Written to {output}.")


def _moment(given: str | None, name: str, zone: str) -> datetime | None:
    if given is None:
        return None
    try:
        if len(given) == len("2026-11-23"):
            return instant_of(date.fromisoformat(given), time(), zone)
        moment = datetime.fromisoformat(given)
        if moment.tzinfo is None:
            raise CommandError(f"{name} {given}: without an offset; write {given}Z for UTC, or a date alone.")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandError(f"{name} {given}: not a time; write 2026-11-23 or 2026-11-23T07:00:00+01:00.") from None
