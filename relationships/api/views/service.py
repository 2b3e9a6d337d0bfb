"""What operators and readers of the documents ask: is it alive, how much is there, what can be asked. No sign-in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import walls
from relationships import webhooks
from relationships.models.reports import Heartbeat

from .. import metrics
from ..errors import KINDS
from ..openapi import document, to_yaml
from ..operations import Body, Reply, operation
from ..renderers import JsonRenderer, PageRenderer, to_json
from ..resource import Resource

SILENT_AFTER = timedelta(minutes=3)


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is looked at."""
    return JsonResponse({"status": "live"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Whether requests can be served, and what is wrong: 503 when the database or its tables are not there.

    A silent worker and webhooks that do not arrive are named too, but the API serves without them."""
    checks = {"database": _database()}
    if checks["database"] == "ok":
        checks |= {"migrations": _migrations(), "worker": _beats("tick"), "webhooks": _webhooks()}
    serves = all(checks[name] == "ok" for name in ("database", "migrations") if name in checks)
    status = {"status": "ready" if serves else "not ready", "checks": checks}
    return JsonResponse(status, status=200 if serves else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return f"does not answer ({type(error).__name__})"
    return "ok"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(missing)} not applied: run manage.py migrate" if missing else "ok"


def _webhooks() -> str:
    """The sender, where there is somebody to send to."""
    totals = webhooks.totals(now=timezone.now())
    sender = _beats("webhooks") if totals.endpoints else "ok"
    if sender != "ok":
        return f"the sender {sender}"
    wrong = {"parked": totals.parked, "endpoints disabled": totals.disabled}
    return ", ".join(f"{number} {what}" for what, number in wrong.items() if number) or "ok"


def _beats(name: str) -> str:
    try:
        latest = Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()
    except DatabaseError:
        return "unknown"
    if latest is None:
        return "has not run yet"
    return "ok" if timezone.now() - latest < SILENT_AFTER else f"silent since {latest:%Y-%m-%d %H:%M:%S} UTC"


@require_safe
def prometheus(request: HttpRequest) -> HttpResponse:
    """Counts from the database, in the text form of Prometheus. No names, no ids."""
    with walls.seeing_everything():
        return HttpResponse(metrics.exposition(now=timezone.now()), content_type=metrics.CONTENT_TYPE)


class OpenApi(SpectacularAPIView):
    """The OpenAPI document: YAML, or JSON if `Accept` says so."""

    authentication_classes: Sequence[Any] = ()
    permission_classes: Sequence[Any] = ()

    def _get_schema_response(self, request: Request) -> HttpResponse:
        form = request.accepted_renderer
        written = to_json(document()) if "json" in form.format else to_yaml()
        return HttpResponse(written, content_type=form.media_type)


class Docs(SpectacularSwaggerSplitView):
    """Swagger UI from our own files: it works offline and under a strict content security policy."""

    authentication_classes: Sequence[Any] = ()
    permission_classes: Sequence[Any] = ()
    template_name = "api/docs.html"
    url_name = "schema"


class Problems(Resource):
    """Programs get JSON; a browser, which asks for HTML first, gets the page that `type` of a problem points into."""

    renderer_classes = [JsonRenderer, PageRenderer]

    @operation(
        "list_problems",
        "All codes of refusal",
        tag="problems",
        scope=None,
        description="`type` of a problem points here.",
        replies={
            200: Reply(
                "What can be said, and what to do about it.",
                (
                    Body(
                        {
                            "type": "object",
                            "required": ["data"],
                            "properties": {
                                "data": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "required": ["code", "status", "title", "remedy"],
                                        "properties": {
                                            "code": {"type": "string"},
                                            "status": {"type": "integer"},
                                            "title": {"type": "string"},
                                            "remedy": {"type": "string"},
                                        },
                                    },
                                }
                            },
                        },
                        {
                            "one code": {
                                "data": [
                                    {
                                        "code": "rate_limited",
                                        "status": 429,
                                        "title": "Too many requests",
                                        "remedy": "Wait for `Retry-After` seconds.",
                                    }
                                ]
                            }
                        },
                    ),
                    Body({"type": "string"}, {"a page": "<!DOCTYPE html>…"}, PageRenderer.media_type),
                ),
            )
        },
    )
    def get(self, request: Request) -> Response | HttpResponse:
        kinds = [described(code) for code in KINDS]
        if request.accepted_renderer.format == PageRenderer.format:
            return render(request, "api/problems.html", {"kinds": [(kind, _marked(kind["remedy"])) for kind in kinds]})
        return Response({"data": kinds})


def _marked(text: str) -> list[tuple[str, bool]]:
    """A text in pieces, each with whether it stands between backticks."""
    return [(piece, number % 2 == 1) for number, piece in enumerate(text.split("`"))]


def described(code: str) -> dict[str, Any]:
    """One code as it goes out."""
    kind = KINDS[code]
    return {"code": code, "status": kind.status, "title": kind.title, "remedy": kind.remedy}
