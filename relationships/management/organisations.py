"""The organisation that a command is about."""

from __future__ import annotations

from django.core.management.base import CommandError

from accounts.models import Organisation
from relationships import event_store
from relationships.models.log import Ledger


def organisation_named(slug: str) -> Organisation:
    """The organisation of that name. Raises CommandError where there is none."""
    organisation = Organisation.objects.filter(slug=slug).first()
    if organisation is None:
        raise CommandError(f"There is no organisation {slug!r}.")
    return organisation


def organisation_and_ledger(slug: str) -> tuple[Organisation, int]:
    """The organisation of that name and its ledger. Raises CommandError where there is none."""
    organisation = organisation_named(slug)
    try:
        return organisation, event_store.ledger_of(organisation.pk)
    except Ledger.DoesNotExist:
        raise CommandError(f"{slug} has no log yet.") from None
