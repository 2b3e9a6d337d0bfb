"""``manage.py create_organisation SLUG``: another organisation."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Organisation
from relationships import commands


class Command(BaseCommand):
    help = "Makes an organisation with an empty log."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", metavar="SLUG", help="its short name: small letters, digits and dashes")
        parser.add_argument("--name", metavar="NAME", help="its name (default: the slug)")
        parser.add_argument("--time-zone", metavar="ZONE", default="UTC", help="an IANA zone (default: UTC)")

    def handle(self, *args: Any, slug: str, name: str | None, time_zone: str, **options: Any) -> None:
        if Organisation.objects.filter(slug=slug).exists():
            raise CommandError(f"There is an organisation {slug} already.")
        try:
            organisation = commands.create_organisation(slug, name or slug, time_zone=time_zone, now=timezone.now())
        except commands.Invalid as invalid:
            raise CommandError(str(invalid)) from None
        self.stdout.write(f"Organisation {organisation.slug} ({organisation.name}) is there.")
