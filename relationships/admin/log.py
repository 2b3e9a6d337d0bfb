"""The log of the whole organisation and what was done to it, for administrators and auditors. Nothing changes here."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from unfold.admin import ModelAdmin
from unfold.decorators import display

from accounts.models import User
from accounts.screens import ReadOnly, principal_of, sees_everything, user_of
from relationships import queries
from relationships.admin import words
from relationships.admin.agenda import Agenda
from relationships.admin.screens import client_url, page
from relationships.domain.events import EVENT_TYPES
from relationships.models.capture import ImportRun
from relationships.models.log import Event
from relationships.models.projections import Quarantine

PER_PAGE = 50


@admin.register(Event)
class EventAdmin(Agenda):
    """Every event, the last recorded first."""

    open_to = staticmethod(sees_everything)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        _only_for_those_who_see_everything(request)
        chosen = {name: request.GET.get(name, "") for name in ("type", "source")}
        asked = {name: value or None for name, value in chosen.items()}
        problems: list[str] = []
        try:
            found = queries.latest(
                principal_of(request), limit=PER_PAGE, cursor=request.GET.get("cursor") or None, **asked
            )
        except (queries.NotFound, queries.Invalid) as refused:
            problems = [str(refused)] if isinstance(refused, queries.Invalid) else []
            found = queries.Page(rows=(), next=None, previous=None)
        recorders = _recorders(request, {one.event.recorded_by for one in found.rows})
        kept = {name: value for name, value in chosen.items() if value}
        return page(
            request,
            "log.html",
            "Events",
            rows=[_line(one, recorders) for one in found.rows],
            types=[(name, words.type_word(name)) for name in sorted(EVENT_TYPES)],
            chosen=chosen,
            problems=problems,
            next=f"?{urlencode({**kept, 'cursor': found.next})}" if found.next else None,
            previous=f"?{urlencode({**kept, 'cursor': found.previous})}" if found.previous else None,
        )


def _only_for_those_who_see_everything(request: HttpRequest) -> None:
    if not sees_everything(request):
        raise PermissionDenied


def _recorders(request: HttpRequest, labels: set[str]) -> dict[str, str]:
    """The names of the logins behind `user:<id>`: one query."""
    ids = [int(label[5:]) for label in labels if label.startswith("user:") and label[5:].isdecimal()]
    users = User.objects.filter(organisation=user_of(request).organisation_id, pk__in=ids)
    return {f"user:{user.pk}": str(user) for user in users}


def _line(logged: queries.Logged, recorders: dict[str, str]) -> dict[str, Any]:
    event = logged.event
    return {
        "position": event.position,
        "icon": words.look(event.type).icon,
        "type": words.type_word(event.type),
        "client": logged.client_name or "the organisation",
        "url": client_url(event.client_id, event.event_id) if event.client_id else None,
        "when": words.when(event.occurred_at, event.precision, event.occurred_tz),
        "recorded_at": event.recorded_at,
        "recorded_by": recorders.get(event.recorded_by, event.recorded_by),
        "source": event.source or "",
        "external_id": event.external_id or "",
        "amended": bool(event.superseded_by),
        "chain_hash": event.chain_hash,
    }


@admin.register(Quarantine)
class QuarantineAdmin(Agenda):
    """Clients whose events could not be worked out."""

    open_to = staticmethod(sees_everything)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        _only_for_those_who_see_everything(request)
        try:
            found = queries.quarantined(principal_of(request))
        except queries.NotFound:
            found = ()
        rows = [
            [
                {"text": one.client_name, "url": client_url(one.client_id)},
                {"text": words.when(one.since, "instant", "UTC"), "label": "Since", "nowrap": True},
                {"text": str(one.version), "label": "At version"},
                {"text": str(one.attempts), "label": "Attempts"},
                {"text": one.reason, "label": "Reason"},
            ]
            for one in found
        ]
        return page(
            request,
            "table.html",
            "Quarantine",
            says="Clients whose events could not be worked out show their last good answers. Their events are safe in "
            "the log; each is tried again by itself, and blocks nobody else.",
            columns=["Client", "Since", "At version", "Attempts", "Reason"],
            rows=rows,
            empty="Nobody is in quarantine.",
        )


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnly, ModelAdmin):
    """What was imported, by whom, and how it ended."""

    open_to = staticmethod(sees_everything)
    list_display = (
        "file",
        "format",
        "source",
        "shown_state",
        "started_at",
        "recorded",
        "known",
        "refused",
        "unmatched",
        "clients_made",
    )
    list_filter = ("state", "format")
    ordering = ("-started_at",)

    @display(description="state", label={"done": "success", "running": "info", "failed": "danger"})  # type: ignore[untyped-decorator]
    def shown_state(self, run: ImportRun) -> str:
        return run.state

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportRun]:
        return ImportRun.objects.filter(ledger__organisation_id=user_of(request).organisation_id)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="relationships_importrun_changelist"),
            path("<path:object_id>/change/", view(self.change_view), name="relationships_importrun_change"),
        ]
