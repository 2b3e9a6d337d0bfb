"""What a signed-in person's requests get: an end to old sessions, and times in their own zone."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone

from accounts import security, walls
from accounts.models import User
from accounts.roles import principal_of_user

View = Callable[[HttpRequest], HttpResponse]


class SessionLimits:
    """Ends a session ``SESSION_LONGEST`` seconds after it began, and ``SESSION_COOKIE_AGE`` after its last request."""

    # Each renewal writes a row: once a minute is exact enough for an hour.
    RENEWED_EVERY_S = 60

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now = int(time.time())
            began = request.session.setdefault("began", now)
            if now - began > settings.SESSION_LONGEST:
                logout(request)
            elif now - request.session.get("seen", 0) > self.RENEWED_EVERY_S:
                request.session["seen"] = now
        return self.get_response(request)


class SecurityLog:
    """Notes who signs in and out, who fails to, who changes their password, and whom the screens refuse."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        place = security.Whence(security.address_of(request), str(getattr(request, "request_id", "")))
        token = security.whence.set(place)
        try:
            before = request.user.pk
            response = self.get_response(request)
            if not request.path_info.startswith("/api"):  # which notes for itself
                self._note(request, response, before)
            return response
        finally:
            security.whence.reset(token)

    def _note(self, request: HttpRequest, response: HttpResponse, before: int | None) -> None:
        now = timezone.now()
        user = request.user
        screen = request.resolver_match.view_name if request.resolver_match else ""
        if user.is_authenticated and before is None:
            security.note("signed_in", now=now, principal=principal_of_user(user))
        elif before is not None and not user.is_authenticated:
            security.note("signed_out", now=now, actor=f"user:{before}", organisation_id=_organisation_of(before))
        elif user.is_authenticated and screen == "admin:password_change" and response.status_code == 302:
            security.note_person("password_changed", user, now=now, principal=principal_of_user(user))
        elif screen == "admin:login" and request.method == "POST":
            self._note_failure(request, response, now)
        elif response.status_code == 403 and user.is_authenticated:
            label, organisation = f"user:{user.pk}", user.organisation_id
            about = f"{request.method} {request.path_info}"
            security.note_refusal("access_refused", now=now, actor=label, organisation_id=organisation, about=about)

    @staticmethod
    def _note_failure(request: HttpRequest, response: HttpResponse, now: datetime) -> None:
        """A sign-in that failed: whose login it would have been is said by id, what was typed is not kept."""
        email = request.POST.get("username", "").strip().casefold()
        tried = User.objects.filter(email=email).only("pk", "organisation_id").first() if "\0" not in email else None
        security.note_refusal(
            "sign_in_failed",
            now=now,
            organisation_id=tried.organisation_id if tried else None,
            about=f"user:{tried.pk}" if tried else "",
            details={} if response.status_code == 200 else {"locked": "yes"},
        )


def _organisation_of(user_id: int) -> int | None:
    return User.objects.filter(pk=user_id).values_list("organisation_id", flat=True).first()


class Walls:
    """Lets the database show a signed-in person what they may see, and nothing to anybody else.

    What a request may see ends with it, a program's too, which the API finds out later (`walls.see`)."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with walls.seeing_nothing():
            if request.user.is_authenticated:
                walls.see(principal_of_user(request.user))
            response = self.get_response(request)
            if isinstance(response, StreamingHttpResponse):
                response.streaming_content = walls.kept(response)
            return response


class TimeZone:
    """Shows times in the person's own zone."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone = ZoneInfo(request.user.time_zone) if request.user.is_authenticated else None
        with timezone.override(zone):
            return self.get_response(request)
