"""``manage.py import_events FORMAT FILE``: brings in what happened elsewhere."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.utils import timezone

from accounts.models import Organisation
from accounts.roles import system_principal
from relationships import ingest
from relationships.importers import FORMATS, Mapping, MappingError, RowError, Unreadable, format_named, parse_mapping

_SECONDS_BETWEEN_LINES = 0.2


class Command(BaseCommand):
    help = (
        "Imports events. What is known already is skipped, so the same file can be sent again at any time.\n\n"
        "formats:\n"
        + "".join(f"  {known.name:<8} {known.summary}\n" for known in FORMATS)
        + "\nA mapping is a TOML file that says what the columns mean: see docs/importing.md and docs/mappings/."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("format", choices=[known.name for known in FORMATS], help="what FILE is")
        parser.add_argument("file", type=Path, metavar="FILE", help="a plain, .gz or .zip file, or a folder of them")
        parser.add_argument("--organisation", default="default", metavar="SLUG")
        parser.add_argument("--mapping", type=Path, metavar="FILE", help="what the columns mean, in TOML")
        parser.add_argument("--owner", metavar="EMAIL", help="whose the clients are that the import makes")
        parser.add_argument("--dry-run", action="store_true", help="tell what would be recorded, and record nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = Organisation.objects.filter(slug=options["organisation"]).first()
        if organisation is None:
            raise CommandError(
                f"There is no organisation {options['organisation']!r}. Make it with create_organisation."
            )
        refused: list[RowError] = []
        progress = _Progress(self.stderr)
        try:
            outcome = ingest.import_file(
                system_principal(organisation.pk, "import_events"),
                format_named(options["format"]),
                options["file"],
                _mapping(options["mapping"]),
                now=timezone.now(),
                owner_email=_address(options["owner"]),
                dry_run=options["dry_run"],
                refuse=refused.append,
                progress=progress.show,
            )
        except Unreadable as error:
            progress.end()
            raise CommandError(str(error)) from error
        progress.end()
        self.stdout.write(f"{'Dry run, nothing was written: ' if options['dry_run'] else ''}{outcome}")
        for row in refused:
            self.stdout.write(str(row))
        if outcome.rows == 0 or outcome.rows == outcome.refused:
            raise CommandError(f"Nothing in {options['file']} could be read.")


def _mapping(path: Path | None) -> Mapping:
    if path is None:
        raise CommandError("This format needs --mapping FILE; docs/importing.md says how to write one.")
    try:
        return parse_mapping(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"The mapping {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"The mapping {path} is not written in UTF-8, as TOML has to be.") from error
    except MappingError as error:
        raise CommandError(f"{path}: {error}") from error


def _address(owner: str | None) -> str | None:
    if owner is not None:
        try:
            validate_email(owner)
        except ValidationError as error:
            raise CommandError(f"--owner {owner!r} is no e-mail address.") from error
    return owner


class _Progress:
    """One line that is written anew, on a terminal only."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._shown = sys.stderr.isatty()
        self._begun = time.monotonic()
        self._last = 0.0

    def show(self, outcome: ingest.Outcome) -> None:
        now = time.monotonic()
        if not self._shown or now - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        rate = outcome.rows / max(now - self._begun, 0.001)
        working = f", {outcome.clients_projected:,} clients worked out" if outcome.clients_projected else ""
        self._say(f"{outcome.rows:,} rows, {rate:,.0f} a second{working}")

    def end(self) -> None:
        """Clears the line."""
        if self._shown:
            self._say("")

    def _say(self, text: str) -> None:
        self._stream.write(f"\r{text}\x1b[K", lambda plain: plain, ending="")
        self._stream.flush()
