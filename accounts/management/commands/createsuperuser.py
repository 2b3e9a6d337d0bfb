"""Django's ``createsuperuser``, noted in the security log."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.db.models import Max
from django.utils import timezone

from accounts import security
from accounts.models import User


class Command(createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> str | None:
        latest = User.objects.aggregate(Max("pk"))["pk__max"] or 0
        told: str | None = super().handle(*args, **options)
        for user in User.objects.filter(pk__gt=latest, is_superuser=True):
            rights = security.rights_of(user)
            security.note_person(
                "person_added", user, now=timezone.now(), actor="system:createsuperuser", details=rights
            )
        return told
