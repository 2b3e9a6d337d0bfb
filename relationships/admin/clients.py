"""The list of clients, and the way to everything about one of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold.dataclasses import SearchResult

from accounts.roles import Principal
from accounts.screens import principal_of, writes
from relationships import commands, queries
from relationships.admin import advice, client_page, dossier, persons, recording, words
from relationships.admin.forms import ClientForm
from relationships.admin.screens import Screen, client_url, page, request_id, the_clock
from relationships.domain.judgement import STAGES
from relationships.models.roster import Client
from relationships.queries.rows import ClientRow

PER_PAGE = 50
SORTS = (
    ("next_change_at", "next change first"),
    ("name", "by name"),
    ("-stage", "highest stage first"),
    ("-strength", "strongest first"),
    ("strength", "weakest first"),
    ("last_contact_at", "longest silence first"),
    ("-last_contact_at", "latest contact first"),
    ("-created_at", "newest first"),
)
FALLS = (("", "any time"), ("7", "7 days"), ("14", "14 days"), ("30", "30 days"), ("90", "90 days"))


@admin.register(Client)
class ClientAdmin(Screen):
    """Its addresses; the pages are functions of their own."""

    search_fields = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        return Client.objects.visible_to(principal_of(request))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(client_list), name="relationships_client_changelist"),
            path("new/", view(new_client), name="relationships_client_new"),
            path("<uuid:client_id>/", view(client_page.show), name="relationships_client_change"),
            path("<uuid:client_id>/not-now/<str:mark>/", view(advice.not_now), name="relationships_client_notnow"),
            path("<uuid:client_id>/dossier/", view(dossier.show), name="relationships_client_dossier"),
            path("person/<uuid:contact_id>/export/", view(persons.export), name="relationships_person_export"),
            path("person/<uuid:contact_id>/erase/", view(persons.erase), name="relationships_person_erase"),
            *(
                path(f"<uuid:client_id>/{act}/", view(show), name=f"relationships_client_{act}")
                for act, show in recording.ACTS.items()
            ),
            *(
                path(
                    f"<uuid:client_id>/events/<uuid:event_id>/{act}/",
                    view(show),
                    name=f"relationships_client_{act}",
                )
                for act, show in recording.DECISIONS.items()
            ),
        ]


def client_list(request: HttpRequest) -> HttpResponse:
    """Where everybody stands, a page of fifty."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    principal, now = principal_of(request), the_clock()
    chosen = {
        name: request.GET.get(name, "") for name in ("q", "stage", "health", "owner", "tier", "falls_within", "sort")
    }
    if "owner" not in request.GET and _owns_some(principal):
        chosen["owner"] = "me"
    problems: list[str] = []
    try:
        found = queries.clients(
            principal, now=now, limit=PER_PAGE, cursor=request.GET.get("cursor") or None, **_asked(chosen, now)
        )
    except queries.NotFound:
        found = queries.Page(rows=(), next=None, previous=None)
    except queries.Invalid as invalid:
        problems = [error.detail for error in invalid.errors]
        found = queries.Page(rows=(), next=None, previous=None)
    kept = {name: value for name, value in chosen.items() if value or name == "owner"}
    return page(
        request,
        "clients.html",
        "Clients",
        rows=[_row(row) for row in found.rows],
        chosen=chosen,
        choices=_choices(principal, chosen),
        filtered=any(value for name, value in chosen.items() if name not in ("sort", "owner"))
        or chosen["owner"] not in ("", "me"),
        tabs=_tabs(principal, chosen),
        shows_owner=principal.sight != "own" and chosen["owner"] != "me",
        problems=problems,
        next=f"?{urlencode({**kept, 'cursor': found.next})}" if found.next else None,
        previous=f"?{urlencode({**kept, 'cursor': found.previous})}" if found.previous else None,
    )


def _asked(chosen: dict[str, str], now: Any) -> dict[str, Any]:
    """What the query is asked, of what was chosen; "needs care" is two healths."""
    asked: dict[str, Any] = {name: chosen[name] or None for name in ("q", "stage", "owner", "tier")}
    health = chosen["health"]
    asked["health"] = ("cooling", "dormant") if health == "care" else health or None
    asked["sort"] = chosen["sort"] or "next_change_at"
    days = chosen["falls_within"]
    if days.isdecimal() and 0 < int(days) <= 3650:
        asked["falls_before"] = now + timedelta(days=int(days))
    return asked


def _owns_some(principal: Principal) -> bool:
    """Whether the list begins with the reader's own clients: where they see more than those, and have some."""
    if principal.sight == "own":
        return False
    try:
        return any(
            one.user_id == principal.user_id and one.clients for one in queries.people(principal, limit=500).rows
        )
    except queries.NotFound:
        return False


def _row(row: ClientRow) -> dict[str, Any]:
    ahead = ""
    if row.next_stage is not None and row.next_stage != row.stage:
        ahead = words.change(row.stage, row.next_stage)
    elif row.next_health is not None:
        ahead = words.change(row.health, row.next_health)
    return {
        "url": client_url(row.id),
        "name": row.name,
        "tier": row.tier,
        "stage": words.stage(row.stage),
        "health": row.health,
        "strength": row.strength,
        "band": row.band,
        "velocity": words.velocity(row.velocity),
        "last_contact_at": row.last_contact_at,
        "next_meeting_at": row.next_meeting_at,
        "next_change_at": row.next_change_at,
        "next_change": ahead,
        "owner_name": row.owner_name,
        "open_questions": row.open_questions,
        "settled": row.settled,
    }


def _choices(principal: Principal, chosen: dict[str, str]) -> list[dict[str, Any]]:
    def choice(name: str, label: str, options: Any) -> dict[str, Any]:
        return {"name": name, "label": label, "options": list(options), "chosen": chosen[name]}

    shown = [
        choice("stage", "Stage", [("", "any"), *((one, one.capitalize()) for one in STAGES)]),
        choice(
            "health",
            "Health",
            [("", "any"), ("care", "Cooling or dormant"), *((one, one.capitalize()) for one in words.HEALTHS)],
        ),
        choice("tier", "Tier", [("", "any"), ("key", "Key"), ("standard", "Standard"), ("light", "Light")]),
        choice("falls_within", "Stage falls within", FALLS),
        choice("sort", "Order", SORTS),
    ]
    if principal.sight != "own":
        owners = [(one.id, one.name or one.email or one.id) for one in _people(principal)]
        shown.insert(2, choice("owner", "Owner", [("", "anybody"), ("me", "me"), ("none", "nobody"), *owners]))
    return shown


def _people(principal: Principal) -> tuple[Any, ...]:
    try:
        return queries.people(principal, limit=500).rows
    except queries.NotFound:
        return ()


def _tabs(principal: Principal, chosen: dict[str, str]) -> list[dict[str, Any]]:
    views: list[tuple[str, dict[str, str]]] = [
        ("All", {}),
        ("Falling within 30 days", {"falls_within": "30"}),
        ("Cooling or dormant", {"health": "care"}),
        ("Longest silence", {"sort": "last_contact_at"}),
    ]
    if principal.sight != "own":
        views.insert(0, ("Mine", {"owner": "me"}))
    held = {name: value for name, value in chosen.items() if value}
    return [{"word": word, "url": f"?{urlencode({'owner': '', **view})}", "here": held == view} for word, view in views]


def find(request: HttpRequest, term: str) -> list[SearchResult]:
    """Clients for the search of the theme (Ctrl+K)."""
    try:
        found = queries.clients(principal_of(request), now=the_clock(), q=term, limit=20)
    except (queries.NotFound, queries.Invalid):
        return []
    return [
        SearchResult(
            title=row.name,
            description=f"{(row.stage or '').capitalize()}, {row.health or 'new'}",
            link=client_url(row.id),
            icon="apartment",
        )
        for row in found.rows
    ]


def new_client(request: HttpRequest) -> HttpResponse:
    """Registers a client. Whoever sees only their own becomes its owner."""
    principal, now = principal_of(request), the_clock()
    if not writes(request) or not principal.may("clients:write"):
        return page(request, "refused.html", "New client", status=403)
    people = _people(principal)
    me = next((one.id for one in people if one.user_id == principal.user_id), None)
    owners = {one.id: one.name or one.email or one.id for one in people if principal.sight != "own" or one.id == me}
    initial = {"time_zone": principal.time_zone, "owner": me}
    form = ClientForm(owners, request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            row, _ = commands.register_client(
                principal,
                name=given["name"],
                tier=given["tier"],
                time_zone=given["time_zone"],
                tags=given["tags"],
                domains=given["domains"],
                remote_only=given["remote_only"],
                owner=given["owner"] or None,
                now=now,
                request_id=request_id(request),
            )
        except commands.Invalid as refused:
            form.refuse(refused.errors)
        else:
            messages.success(request, f"{row.name} is registered.")
            return HttpResponseRedirect(client_url(row.id))
    return page(
        request,
        "form.html",
        "New client",
        form=form,
        back=reverse("admin:relationships_client_changelist"),
        status=422 if form.is_bound else 200,
    )
