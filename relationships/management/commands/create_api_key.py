"""Issues a key for a program."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import security
from accounts.models import ApiKey, Organisation, Team
from accounts.roles import SCOPES


class Command(BaseCommand):
    help = "Prints a new API key's secret, once, alone on stdout."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", default="default", metavar="SLUG")
        parser.add_argument("--name", required=True, help="what the key is for")
        parser.add_argument("--scopes", required=True, help=f"with commas between them: {', '.join(SCOPES)}")
        parser.add_argument("--team", metavar="SLUG", help="limit the key to this team's clients")
        parser.add_argument("--expires", type=int, metavar="DAYS", help="days until it expires (default: never)")

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = Organisation.objects.filter(slug=options["organisation"]).first()
        if organisation is None:
            raise CommandError(f"no organisation {options['organisation']!r}: manage.py create_organisation makes one")
        team = None
        if options["team"]:
            team = Team.objects.filter(organisation=organisation, slug=options["team"]).first()
            if team is None:
                raise CommandError(f"no team {options['team']!r} in {organisation.slug!r}")
        if options["expires"] is not None and not 1 <= options["expires"] <= 36_500:
            raise CommandError(f"--expires {options['expires']}: give a number of days from 1 to 36500")
        now = timezone.now()
        try:
            key, secret = ApiKey.issue(
                organisation=organisation,
                name=options["name"],
                scopes=[scope.strip() for scope in options["scopes"].split(",") if scope.strip()],
                team=team,
                expires_at=None if options["expires"] is None else now + timedelta(days=options["expires"]),
                now=now,
            )
        except ValidationError as problem:
            raise CommandError("; ".join(problem.messages)) from None
        security.note_key("key_issued", key, now=now, actor="system:create_api_key")
        until = f"until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "without end"
        self.stderr.write(f"{key.name}: {', '.join(key.scopes)}, {until}. The secret is not shown again.")
        self.stdout.write(secret)
