"""Organisations: our side, each with a log of its own."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import Organisation
from relationships import event_store, projections
from relationships.domain.fields import FieldError

from .errors import Invalid


def create_organisation(slug: str, name: str, *, time_zone: str = "UTC", now: datetime) -> Organisation:
    """Makes an organisation with an empty log and empty read tables; one with that slug comes back as it is.

    Raises Invalid for a slug or time zone that is none.
    """
    with transaction.atomic():
        organisation = Organisation.objects.filter(slug=slug).first()
        if organisation is None:
            organisation = Organisation(slug=slug, name=name, time_zone=time_zone)
            try:
                organisation.full_clean()
            except ValidationError as invalid:
                raise Invalid(
                    FieldError(f"/{field}", "invalid", " ".join(messages))
                    for field, messages in invalid.message_dict.items()
                ) from None
            organisation.save()
        ledger_id = event_store.ensure_ledger(organisation.pk)
        projections.ensure_live(ledger_id, now=now)
    return organisation
