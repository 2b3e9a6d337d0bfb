"""An end to guessing over many logins from one address; django-axes ends it for one login."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone

from accounts import security


class Guessing:
    """Lets nobody in; refuses whoever comes from an address with too many failures in this minute."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        if request is not None and security.guesses_too_much("sign_in_failed", now=timezone.now()):
            raise PermissionDenied
