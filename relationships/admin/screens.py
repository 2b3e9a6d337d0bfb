"""What every screen shares: whom it is for, what it is given, and that it changes nothing by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from accounts.screens import ReadOnly, signed_in, user_of, writes


class Screen(ReadOnly, ModelAdmin):
    """A place of the admin whose pages are our own: they read by queries and write by commands.

    The theme's pages for changing, deleting and history do not exist; `get_urls` names all there is.
    """

    open_to = staticmethod(signed_in)


def page(request: HttpRequest, template: str, title: str, *, status: int = 200, **context: Any) -> TemplateResponse:
    """A page within the frame of the admin, for whoever is signed in."""
    whole = {**admin.site.each_context(request), **reader(request), "title": title, **context}
    return TemplateResponse(request, f"relationships/{template}", whole, status=status)


def reader(request: HttpRequest) -> dict[str, Any]:
    """What pages know of their reader."""
    return {
        "may_write": writes(request),
        "zone": user_of(request).time_zone,
        "clients_url": reverse("admin:relationships_client_changelist"),
        "questions_url": reverse("admin:relationships_question_changelist"),
        "new_client_url": reverse("admin:relationships_client_new"),
    }


def the_clock() -> datetime:
    """Now, read once by each view; everything below the screens is given it."""
    return timezone.now()


def client_url(client_id: str, event_id: str | None = None) -> str:
    """The page of a client, at one of its events where that is named."""
    url = reverse("admin:relationships_client_change", args=[UUID(client_id)])
    return f"{url}?event={event_id}#event-{event_id}" if event_id else url


def act_url(act: str, client_id: str, *more: str, **query: str) -> str:
    """The page of one of the acts on a client: exchange, held, plan, meeting, correct, retract."""
    url = reverse(f"admin:relationships_client_{act}", args=[UUID(client_id), *map(UUID, more)])
    return f"{url}?{'&'.join(f'{name}={value}' for name, value in query.items())}" if query else url


def person_url(act: str, contact_id: str) -> str:
    """The page of what is done about a person at a client: export, erase."""
    return reverse(f"admin:relationships_person_{act}", args=[UUID(contact_id)])


def request_id(request: HttpRequest) -> str | None:
    """The id under which this request stands in the logs; kept on the events that it records."""
    return getattr(request, "request_id", None)
