"""What a signed-in person's requests get: an end to old sessions, and times in their own zone."""

from __future__ import annotations

import time
from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import walls
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


class Walls:
    """Lets the database show a signed-in person what they may see, and nothing to anybody else.

    What a request may see ends with it, a program's too, which the API finds out later (`walls.see`)."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with walls.seeing_nothing():
            if not request.user.is_authenticated:
                return self.get_response(request)
            with walls.seeing(principal_of_user(request.user)):
                return self.get_response(request)


class TimeZone:
    """Shows times in the person's own zone."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone = ZoneInfo(request.user.time_zone) if request.user.is_authenticated else None
        with timezone.override(zone):
            return self.get_response(request)
