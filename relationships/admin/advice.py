"""What to do next, as lines with what one can do about each; "not now", and what became of the suggestions."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.screens import principal_of, writes
from relationships import commands, queries
from relationships.admin import words
from relationships.admin.screens import Screen, act_url, client_url, page, the_clock
from relationships.models.suggestions import Suggestion
from relationships.queries.actions import ActionRow
from relationships.queries.knowing import HandoverRow

# Per rule: its icon, the word on the button, and the act that it leads to.
LOOKS: dict[str, tuple[str, str, str]] = {
    "answer_question": ("contact_support", "Answer", "answer"),
    "confirm_meeting": ("event_available", "It was held", "held"),
    "offer_dates": ("event_repeat", "Plan meeting", "plan"),
    "keep_promise": ("task_alt", "See the promise", "look"),
    "prepare_meeting": ("menu_book", "Read up", "look"),
    "propose_meeting": ("handshake", "Plan meeting", "plan"),
    "talk_then_propose": ("forum", "Log exchange", "exchange"),
    "stop_writing": ("mark_email_unread", "See the client", "look"),
    "bridge_gap": ("conversion_path", "Log exchange", "exchange"),
    "share_idea": ("lightbulb", "Log idea", "idea"),
    "meet_another": ("group_add", "Log exchange", "exchange"),
    "rebalance": ("balance", "See the client", "look"),
    "joint_meeting": ("groups", "Plan meeting", "plan"),
    "reopen": ("restart_alt", "Log exchange", "exchange"),
    "answer_in_public": ("campaign", "Answer", "answer"),
}
RULES_IN_WORDS = {
    "answer_question": "Answer a question past its target",
    "confirm_meeting": "Say whether a meeting took place",
    "offer_dates": "Offer new dates",
    "keep_promise": "Keep a promise",
    "prepare_meeting": "Read up before a meeting",
    "propose_meeting": "Propose the next meeting",
    "talk_then_propose": "Talk first, then propose",
    "stop_writing": "Stop writing",
    "bridge_gap": "Bridge the gap",
    "share_idea": "Share an idea",
    "meet_another": "Meet a second of their people",
    "rebalance": "Answer as yourself, or bring a colleague in",
    "joint_meeting": "Meet together after a change of owner",
    "reopen": "Reopen",
    "answer_in_public": "Answer in public",
}
PAUSES = ((1, "tomorrow"), (7, "in a week"), (30, "in a month"))


def lines(rows: Iterable[ActionRow], *, back: str, may_write: bool) -> list[dict[str, Any]]:
    """Actions as lines of a list; `back` is the page that they stand on."""
    return [_line(row, back, may_write) for row in rows]


def _line(row: ActionRow, back: str, may_write: bool) -> dict[str, Any]:
    icon, word, act = LOOKS[row.rule]
    client, _, mark = row.id.partition(".")
    here = reverse("admin:relationships_client_notnow", args=[uuid.UUID(client), mark])
    return {
        "icon": icon,
        "client": row.client_name,
        "client_url": client_url(row.client_id),
        "owner": row.owner_name,
        "sentence": row.sentence,
        "since": row.since,
        "because": [{"text": one.phrase, "url": client_url(row.client_id, one.event_id)} for one in row.because],
        "do": word if may_write or act == "look" else None,
        "do_url": _do_url(row, act),
        "pauses": [{"days": days, "word": word} for days, word in PAUSES] if may_write else [],
        "not_now_url": here,
        "back": back,
        "put_off_until": row.put_off_until,
    }


def _do_url(row: ActionRow, act: str) -> str:
    if act == "answer":
        return act_url("exchange", row.client_id, kind="our_answer", in_reply_to=row.events[0])
    if act == "idea":
        return act_url("exchange", row.client_id, kind="our_idea")
    if act == "held" and row.meeting_id is not None:
        return f"{act_url('held', row.client_id)}?{urlencode({'meeting': row.meeting_id})}"
    if act in ("plan", "exchange"):
        return act_url(act, row.client_id)
    return client_url(row.client_id, row.events[0] if row.events else None)


def not_now(request: HttpRequest, client_id: uuid.UUID, mark: str) -> HttpResponse:
    """Puts an action off for the person at the screen, for `days`; 0 shows it again."""
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    if not writes(request):
        raise Http404
    now = the_clock()
    days = request.POST.get("days", "")
    if days not in {"0", *(str(days) for days, _ in PAUSES)}:
        raise Http404
    until = now + timedelta(days=int(days)) if days != "0" else None
    try:
        row = commands.put_off(principal_of(request), f"{client_id}.{mark}", until, now=now)
    except queries.NotFound:
        messages.info(request, "This is done already, or its time has passed.")
    else:
        again = f"comes back {words.distance(until, now)}" if until else "is shown again"
        messages.success(request, f"{row.client_name}: “{row.sentence}” {again}.")
    return HttpResponseRedirect(_back(request))


def _back(request: HttpRequest) -> str:
    """The page that they came from, if it is one of ours."""
    back = request.POST.get("back", "")
    safe = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return back if safe else reverse("admin:index")


@admin.register(Suggestion)
class SuggestionAdmin(Screen):
    """What became of the suggestions, rule by rule, and the hand-overs that are under way."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Suggestion]:
        return Suggestion.objects.none()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(figures), name="relationships_suggestion_changelist"),
            path("hand-overs/", view(handovers), name="relationships_suggestion_handovers"),
        ]


def _tabs(here: str) -> list[dict[str, Any]]:
    views = (("changelist", "Suggestions"), ("handovers", "Hand-overs"))
    return [
        {"word": word, "url": reverse(f"admin:relationships_suggestion_{name}"), "here": name == here}
        for name, word in views
    ]


def figures(request: HttpRequest) -> HttpResponse:
    """How often each rule was shown, and what came of it."""
    try:
        told = queries.rule_figures(principal_of(request))
    except queries.NotFound:
        told = ()
    rows = [
        [
            {"text": f"{one.rank}. {RULES_IN_WORDS[one.rule]}", "label": "Rule"},
            {"text": f"{one.shown:,}", "label": "Shown"},
            {"text": f"{one.open:,}", "label": "Open"},
            {"text": f"{one.done:,}", "label": "Done"},
            {"text": f"{one.lapsed:,}", "label": "Lapsed"},
            {"text": f"{one.put_off:,}", "label": "Put off"},
            {"text": _share(one.done, one.done + one.lapsed), "label": "Done of those ended"},
        ]
        for one in told
    ]
    return page(
        request,
        "table.html",
        "Suggestions",
        says="What was suggested to somebody, counted once a person, and what came of it. Done: an event closed it. "
        "Lapsed: its time passed.",
        tabs=_tabs("changelist"),
        columns=["Rule", "Shown", "Open", "Done", "Lapsed", "Put off", "Done of those ended"],
        rows=rows if any(one.shown for one in told) else [],
        empty="Nothing has been suggested yet.",
    )


def _share(part: int, whole: int) -> str:
    """Counts, not percentages, under twenty."""
    if not whole:
        return "–"
    return f"{part} of {whole}" if whole < 20 else f"{part / whole:.0%}"


def handovers(request: HttpRequest) -> HttpResponse:
    """Clients that pass from one of us to another, those still open first."""
    now = the_clock()
    try:
        found = queries.handovers(principal_of(request), now=now)
    except queries.NotFound:
        found = ()
    return page(
        request,
        "table.html",
        "Hand-overs",
        says="From the start to the first meeting without the former owner.",
        tabs=_tabs("handovers"),
        columns=["Client", "From", "To", "Began", "How far"],
        rows=[_handover(one, now) for one in found],
        empty="No client is passing from one of us to another.",
    )


def _handover(row: HandoverRow, now: datetime) -> list[dict[str, Any]]:
    days = f"{row.days:.0f} day{'' if round(row.days) == 1 else 's'}"
    how_far = {
        "begun": f"no meeting without the former owner for {days}",
        "met": f"met without the former owner after {days}",
        "completed": "said to be done, without such a meeting",
    }[row.state]
    return [
        {"text": row.client_name, "url": client_url(row.client_id), "label": "Client"},
        {"text": row.former_name or "not said", "label": "From"},
        {"text": row.successor_name or "not said", "label": "To"},
        {"text": words.distance(row.started_at, now), "label": "Began", "nowrap": True},
        {"text": words.sentence_case(how_far), "label": "How far"},
    ]
