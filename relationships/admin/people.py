"""Logins and our people in the log's roster: who changes the one keeps the other in step."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin import UserAdmin
from accounts.models import User
from relationships import commands

admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(UserAdmin):
    """The screen of `accounts`; whose address is a colleague's becomes that colleague's login."""

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        commands.link_logins(obj.organisation_id)
