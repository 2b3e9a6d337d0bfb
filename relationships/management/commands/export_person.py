"""``manage.py export_person CONTACT``: everything that is recorded about a person."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import security
from accounts.roles import system_principal
from relationships import queries
from relationships.exports import person_html, person_json
from relationships.management.organisations import organisation_named

FORMS = {"json": person_json, "html": person_html}


class Command(BaseCommand):
    help = "Writes everything that is recorded about a contact, with the words, as JSON or as a page to read."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("contact", metavar="CONTACT", help="the contact's id, as the API and the export show it")
        parser.add_argument("--organisation", default="default", metavar="SLUG")
        parser.add_argument("--format", choices=list(FORMS), default="json", dest="form")
        parser.add_argument("--output", type=Path, metavar="FILE", help="write here instead of to the terminal")

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = organisation_named(options["organisation"])
        principal = system_principal(organisation.pk, "export_person")
        now = timezone.now()
        try:
            record = queries.person(principal, options["contact"], now=now)
        except queries.NotFound as unknown:
            raise CommandError(f"{str(unknown).capitalize()}: {options['contact']}") from unknown
        security.note_export(f"contact:{record.contact.pk}", options["form"], now=now, principal=principal)
        chunks = FORMS[options["form"]](record)
        if options["output"] is None:
            for chunk in chunks:
                self.stdout.write(chunk.decode(), ending="")
            return
        try:
            with options["output"].open("wb") as file:
                options["output"].chmod(0o600)
                file.writelines(chunks)
        except OSError as problem:
            raise CommandError(f"--output {options['output']}: {problem.strerror}") from problem
        self.stderr.write(f"Written to {options['output']}.")
