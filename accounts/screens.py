"""Which screens of the admin a signed-in person gets: `accounts.roles`, asked by screens."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest

from accounts.models import User
from accounts.roles import Principal, principal_of_user


def user_of(request: HttpRequest) -> User:
    """The signed-in person; screens of the admin are for nobody else."""
    return cast(User, request.user)


def principal_of(request: HttpRequest) -> Principal:
    """What the signed-in person may see and do."""
    return principal_of_user(user_of(request))


def signed_in(request: HttpRequest) -> bool:
    """Clients, meetings and questions: everybody, their own."""
    return user_of(request).is_active and user_of(request).is_staff


def writes(request: HttpRequest) -> bool:
    """Recording events."""
    return signed_in(request) and principal_of(request).may("events:write")


def sees_everything(request: HttpRequest) -> bool:
    """The log of the whole organisation and what was done to it: administrators and auditors."""
    return signed_in(request) and principal_of(request).sight == "all"


def lets_people_in(request: HttpRequest) -> bool:
    """People, teams and API keys: whoever may do everything."""
    return signed_in(request) and principal_of(request).may("*")


def sets_policies(request: HttpRequest) -> bool:
    """The rules themselves: previews and adoptions are about all clients."""
    return sees_everything(request) and principal_of(request).may("policies:write")


def tells_others(request: HttpRequest) -> bool:
    """Webhooks: whoever may have other programs told what happens."""
    return signed_in(request) and principal_of(request).may("webhooks:write")


def operates(request: HttpRequest) -> bool:
    """What belongs to no organisation: jobs and refused sign-ins."""
    return signed_in(request) and user_of(request).is_superuser


class ReadOnly:
    """For a ModelAdmin that shows and changes nothing; `open_to` says whether somebody gets it at all."""

    @staticmethod
    def open_to(request: HttpRequest) -> bool:
        return sees_everything(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.open_to(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.open_to(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}
