"""Who asks: a program by its key, or a person by the session of their browser. Either way a `Principal`."""

from __future__ import annotations

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiKey
from accounts.roles import Principal, principal_of_key, principal_of_user


class BearerKey(BaseAuthentication):
    """`Authorization: Bearer KEY`. A key in an address is never looked at: addresses are logged."""

    def authenticate(self, request: Request) -> tuple[None, Principal] | None:
        header = request.headers.get("Authorization")
        if header is None:
            return None
        scheme, _, secret = header.strip().partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationFailed("Authorization has to be `Bearer KEY`.")
        key = ApiKey.authenticate(secret.strip(), now=timezone.now())
        if key is None:
            raise AuthenticationFailed("This key is unknown, expired or revoked.")
        return None, principal_of_key(key)

    def authenticate_header(self, request: Request) -> str:
        failed = ', error="invalid_token"' if "Authorization" in request.headers else ""
        return f'Bearer realm="api"{failed}'


class Session(SessionAuthentication):
    """A signed-in person, as far as they may see. What changes anything needs the CSRF token."""

    def authenticate(self, request: Request) -> tuple[None, Principal] | None:
        found = super().authenticate(request)
        return found and (None, principal_of_user(found[0]))
