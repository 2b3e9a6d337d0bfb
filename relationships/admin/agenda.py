"""Meetings and questions over all clients that the reader sees."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from accounts.screens import principal_of, writes
from relationships import queries
from relationships.admin import words
from relationships.admin.home import meeting_line, question_line
from relationships.admin.screens import Screen, page, the_clock
from relationships.models.projections import Meeting, Question

PER_PAGE = 50
MEETING_VIEWS = {
    "planned": "Planned",
    "past": "Did they take place?",
    "held": "Held",
    "missed": "Missed",
    "cancelled": "Cancelled",
}
QUESTION_VIEWS = {"open": "Open", "overdue": "Overdue", "missed": "Missed", "answered": "Answered", "lapsed": "Lapsed"}


class Agenda(Screen):
    """A list that reads a table of its own by a query; the model only lends its name and address."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        nothing: QuerySet[Any] = self.model._default_manager.none()
        return nothing

    def get_urls(self) -> list[URLPattern]:
        name = f"relationships_{self.opts.model_name}_changelist"
        return [path("", self.admin_site.admin_view(self.changelist_view), name=name)]


@admin.register(Meeting)
class MeetingAdmin(Agenda):
    """What is planned, and what became of what was."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        now, may_write = the_clock(), writes(request)
        view = _view(request, MEETING_VIEWS)
        asked = {
            "planned": {"status": "planned", "since": now, "sort": "at"},
            "past": {"status": "planned", "until": now, "sort": "-at"},
        }.get(view, {"status": view, "sort": "-at"})
        found = _page(request, queries.meetings, now, **asked)
        rows = []
        for meeting in found.rows:
            line = meeting_line(meeting, now)
            row = [
                {"text": line["client"], "url": line["url"]},
                {"text": words.when(line["at"], "instant", "UTC"), "label": "When", "nowrap": True},
                {"text": line["distance"], "label": "That is", "nowrap": True},
                {
                    "text": line["mode"] + (", accepted" if line["accepted"] and view == "planned" else ""),
                    "label": "How",
                },
            ]
            if may_write and view in ("planned", "past"):
                row.append(
                    {
                        "text": "It was held" if view == "past" else "Change",
                        "url": line["held_url" if view == "past" else "change_url"],
                    }
                )
            rows.append(row)
        columns = ["Client", "When", "That is", "How", *([""] if may_write and view in ("planned", "past") else [])]
        return _table(request, "Meetings", view, MEETING_VIEWS, columns, rows, found, "No meetings here.")


@admin.register(Question)
class QuestionAdmin(Agenda):
    """What waits for an answer: the most basic way to begin a relationship."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        now, may_write = the_clock(), writes(request)
        view = _view(request, QUESTION_VIEWS)
        waits = view in ("open", "overdue", "missed")
        found = _page(request, queries.questions, now, state=view, sort="target_at" if waits else "-asked_at")
        rows = []
        for question in found.rows:
            line = question_line(question, now, may_write=may_write)
            row: list[dict[str, Any]] = [
                {"text": line["client"], "url": line["url"]},
                {"text": words.when(line["asked_at"], "instant", "UTC"), "label": "Asked", "nowrap": True},
                {"text": "us" if question.of_us else "in public", "label": "Whom"},
                {"text": words.sentence_case(line["due"]), "label": "Answer"},
            ]
            if may_write and waits:
                row.append({"text": "Answer", "url": line["answer_url"]})
            rows.append(row)
        columns = ["Client", "Asked", "Whom", "Answer", *([""] if may_write and waits else [])]
        says = _answering(request, now)
        return _table(request, "Questions", view, QUESTION_VIEWS, columns, rows, found, "No questions here.", says=says)


def _answering(request: HttpRequest, now: datetime) -> str:
    """How the questions of the last 90 days were answered."""
    try:
        told = words.answering(queries.question_statistics(principal_of(request), now=now).total)
    except queries.NotFound:
        return ""
    return f"Asked within 90 days: {told}" if told else ""


def _view(request: HttpRequest, views: dict[str, str]) -> str:
    chosen = request.GET.get("view", "")
    return chosen if chosen in views else next(iter(views))


def _page(request: HttpRequest, query: Any, now: Any, **asked: Any) -> Any:
    """A page of a list; an empty one where there is no log yet or the cursor is none."""
    try:
        cursor = request.GET.get("cursor") or None
        return query(principal_of(request), now=now, limit=PER_PAGE, cursor=cursor, **asked)
    except (queries.NotFound, queries.Invalid):
        return queries.Page(rows=(), next=None, previous=None)


def _table(
    request: HttpRequest,
    title: str,
    view: str,
    views: dict[str, str],
    columns: Sequence[str],
    rows: Sequence[Any],
    found: Any,
    empty: str,
    *,
    says: str = "",
) -> HttpResponse:
    def turn(cursor: str | None) -> str | None:
        return f"?{urlencode({'view': view, 'cursor': cursor})}" if cursor else None

    return page(
        request,
        "table.html",
        title,
        says=says,
        tabs=[{"word": word, "url": f"?view={key}", "here": key == view} for key, word in views.items()],
        columns=columns,
        rows=rows,
        empty=empty,
        next=turn(found.next),
        previous=turn(found.previous),
    )
