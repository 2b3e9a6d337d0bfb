"""Who asks: a program by its key, or a person by the session of their browser. Either way a `Principal`."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import security
from accounts.models import ApiKey
from accounts.roles import Principal, principal_of_key, principal_of_user

from . import limits
from .errors import Problem
from .operations import operation_of


class BearerKey(BaseAuthentication):
    """`Authorization: Bearer KEY`. A key in an address is never looked at: addresses are logged."""

    def authenticate(self, request: Request) -> tuple[None, Principal] | None:
        header = request.headers.get("Authorization")
        if header is None:
            return None
        scheme, _, secret = header.strip().partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationFailed("Authorization has to be `Bearer KEY`.")
        now = timezone.now()
        admission = limits.Admission(now) if _counts(request) else None
        key = ApiKey.authenticate(secret.strip(), now=now, find=admission.find if admission else None)
        if key is None:
            raise _refused(secret.strip(), now)
        request.quota = admission.quota if admission else None  # type: ignore[attr-defined]
        return None, principal_of_key(key)

    def authenticate_header(self, request: Request) -> str:
        failed = ', error="invalid_token"' if "Authorization" in request.headers else ""
        return f'Bearer realm="api"{failed}'


def _counts(request: Request) -> bool:
    """Whether the request is one that a key may send so many of: what everybody may ask is not counted."""
    promised = operation_of(request.parser_context["view"], request.method or "")
    return bool(settings.RATE_LIMIT) and promised is not None and promised.scope is not None


def _refused(secret: str, now: datetime) -> Exception:
    """Why a key does not do: the same words whatever the reason, which the security log alone keeps."""
    known, fits = ApiKey.of_secret(secret)
    if known is None:
        times = security.note_refusal("key_refused", now=now, details={"reason": "unknown"})
    else:
        reason = "wrong secret" if not fits else "revoked" if known.revoked_at else "expired"
        label = f"key:{known.prefix}"
        times = security.note_refusal(
            "key_refused", now=now, organisation_id=known.organisation_id, about=label, details={"reason": reason}
        )
    if times > security.GUESSES:
        left = 60 - now.second
        raise Problem("rate_limited", "Too many unusable keys from this address.", headers={"Retry-After": str(left)})
    return AuthenticationFailed("This key is unknown, expired or revoked.")


class Session(SessionAuthentication):
    """A signed-in person, as far as they may see. What changes anything needs the CSRF token."""

    def authenticate(self, request: Request) -> tuple[None, Principal] | None:
        found = super().authenticate(request)
        return found and (None, principal_of_user(found[0]))
