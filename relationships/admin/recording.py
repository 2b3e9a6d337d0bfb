"""What people do from a client's page: log, plan, correct, retract. Each shows a form and gives one order."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.dateparse import parse_datetime

from accounts.roles import Principal
from accounts.screens import principal_of, user_of, writes
from relationships import commands, queries
from relationships.admin import cards, words
from relationships.admin.client_page import people_of, replies_of
from relationships.admin.forms import (
    BY_KEY,
    Act,
    CorrectForm,
    Decision,
    ExchangeForm,
    MeetingChangeForm,
    MeetingHeldForm,
    People,
    PlanForm,
    RetractForm,
)
from relationships.admin.screens import client_url, page, request_id, the_clock
from relationships.queries.rows import ClientRow, ContactRow, EventRow, MeetingRow, PersonRow


class Desk:
    """One client as the person at the desk sees it now, and what forms about it need. Raises Http404."""

    def __init__(self, request: HttpRequest, client_id: uuid.UUID) -> None:
        self.request, self.now = request, the_clock()
        self.principal: Principal = principal_of(request)
        self.ref = str(client_id)
        try:
            self.client: ClientRow = queries.client(self.principal, self.ref, now=self.now)
            self.contacts: tuple[ContactRow, ...] = queries.contacts(self.principal, client=self.ref, limit=500).rows
            self.colleagues: tuple[PersonRow, ...] = queries.people(self.principal, limit=500).rows
        except queries.NotFound:
            raise Http404 from None
        self.people: People = people_of(user_of(request), self.contacts, self.colleagues)

    def stage_and_health(self) -> tuple[str | None, str | None]:
        row = queries.client(self.principal, self.ref, now=self.now)
        return row.stage, row.health

    def planned(self) -> tuple[MeetingRow, ...]:
        return queries.meetings(self.principal, now=self.now, client=self.ref, status="planned", limit=20).rows


def exchange(request: HttpRequest, client_id: uuid.UUID) -> HttpResponse:
    """Logs something said or written. `kind` and `in_reply_to` in the address choose for one."""
    desk = _desk(request, client_id)
    latest = queries.client_events(desk.principal, desk.ref, sort="-occurred_at", limit=50).rows
    replies = replies_of(desk.client, desk.contacts, latest)
    asked_for = request.GET.get("in_reply_to") or request.POST.get("in_reply_to") or ""
    if asked_for and asked_for not in dict(replies):
        replies.insert(0, _reply_to(desk, asked_for))
    initial = {"in_reply_to": asked_for}
    if request.GET.get("kind") in BY_KEY:
        initial["kind"] = request.GET["kind"]
    form = ExchangeForm(desk.people, replies, request.POST or None, initial=initial)
    return _act(desk, form, "Log exchange", exchange=True)


def _reply_to(desk: Desk, event_id: str) -> tuple[str, str]:
    """An older event that this is in answer to, as a choice."""
    try:
        event = queries.event(desk.principal, event_id)
    except queries.NotFound:
        raise Http404 from None
    if event.client_id != desk.ref:
        raise Http404
    told = replies_of(desk.client, desk.contacts, [event])
    return told[0] if told else (event_id, words.type_word(event.type))


def held(request: HttpRequest, client_id: uuid.UUID) -> HttpResponse:
    """Logs a meeting that took place; `meeting` in the address chooses the planned one."""
    desk = _desk(request, client_id)
    form = MeetingHeldForm(desk.people, desk.planned(), request.POST or None, initial=_chosen_meeting(request))
    return _act(desk, form, "Log meeting held")


def plan(request: HttpRequest, client_id: uuid.UUID) -> HttpResponse:
    """Plans a meeting."""
    desk = _desk(request, client_id)
    return _act(desk, PlanForm(desk.people, request.POST or None), "Plan meeting")


def meeting(request: HttpRequest, client_id: uuid.UUID) -> HttpResponse:
    """Says what became of a planned meeting that was not simply held."""
    desk = _desk(request, client_id)
    planned = desk.planned()
    if not planned:
        messages.info(request, "No meeting is planned.")
        return HttpResponseRedirect(client_url(desk.ref))
    form = MeetingChangeForm(desk.people, planned, request.POST or None, initial=_chosen_meeting(request))
    return _act(desk, form, "Planned meeting")


def correct(request: HttpRequest, client_id: uuid.UUID, event_id: uuid.UUID) -> HttpResponse:
    """Says how an event was in truth."""
    desk = _desk(request, client_id)
    fact, lineage = _fact(desk, str(event_id))
    data, at = fact.data, fact.occurred_at
    for row in lineage:
        data = row.data.get("data") or data
        at = parse_datetime(str(row.data.get("occurred_at") or "")) or at
    form = CorrectForm(desk.people, fact, data, at, request.POST or None, initial={"version": desk.client.version})
    return _act(desk, form, "Correct", about=(fact, lineage), save="Record the correction")


def retract(request: HttpRequest, client_id: uuid.UUID, event_id: uuid.UUID) -> HttpResponse:
    """Says that an event never happened."""
    desk = _desk(request, client_id)
    fact, lineage = _fact(desk, str(event_id))
    form = RetractForm(desk.people, fact, request.POST or None, initial={"version": desk.client.version})
    return _act(desk, form, "Retract", about=(fact, lineage), save="Retract for good", risky=True)


View = Callable[..., HttpResponse]
ACTS: dict[str, View] = {"exchange": exchange, "held": held, "plan": plan, "meeting": meeting}
DECISIONS: dict[str, View] = {"correct": correct, "retract": retract}


def _desk(request: HttpRequest, client_id: uuid.UUID) -> Desk:
    """Who may not write has no desk; a client that they may not see does not exist."""
    desk = Desk(request, client_id)
    if not writes(request):
        raise Http404
    return desk


def _chosen_meeting(request: HttpRequest) -> dict[str, Any]:
    chosen = request.GET.get("meeting")
    return {"meeting": chosen} if chosen else {}


def _fact(desk: Desk, event_id: str) -> tuple[EventRow, list[EventRow]]:
    """An event of this client that stands, with its corrections; 404 for all others."""
    try:
        fact = queries.event(desk.principal, event_id)
    except queries.NotFound:
        raise Http404 from None
    lineage = cards.amendments(desk.principal, desk.ref, [fact]).get(event_id, [])
    names = cards.names_for(desk.principal, desk.client, [fact], (), ())
    if (
        fact.client_id != desk.ref
        or cards.card(fact, names, lineage, text_hidden=False, may_write=True).correct_url is None
    ):
        raise Http404
    return fact, lineage


def _act(
    desk: Desk,
    form: Act,
    title: str,
    *,
    about: tuple[EventRow, list[EventRow]] | None = None,
    **context: Any,
) -> HttpResponse:
    """Shows the form; when it is sent, gives the order, and shows it again with what was typed if that is refused."""
    stale = ""
    if form.is_bound and form.is_valid():
        before = desk.stage_and_health()
        try:
            _order(desk, form)
        except commands.Invalid as refused:
            form.refuse(refused.errors)
        except commands.PreconditionFailed as failed:
            stale = _look_again(form, failed.current)
        except commands.Conflict:
            form.add_error(
                None, "This has been recorded already, otherwise than it stands here. See the client's events."
            )
        else:
            _say(desk, before)
            return HttpResponseRedirect(client_url(desk.ref))
    return page(
        desk.request,
        "form.html",
        f"{title}: {desk.client.name}",
        form=form,
        back=client_url(desk.ref),
        about=_card(desk, *about) if about else None,
        stale=stale,
        status=422 if form.is_bound else 200,
        **context,
    )


def _order(desk: Desk, form: Act) -> None:
    # A person decides on what they saw only in corrections; what happened, happened whatever came in meanwhile.
    seen = form.cleaned_data["version"] if isinstance(form, Decision) else None
    commands.record_event(
        desk.principal, desk.ref, form.draft(desk.now), if_match=seen, now=desk.now, request_id=request_id(desk.request)
    )


def _look_again(form: Act, current: int) -> str:
    """Keeps what was typed and takes the present version, so that saving again is a decision on what is shown now."""
    assert isinstance(form.data, QueryDict)
    typed = form.data.copy()
    typed["version"] = str(current)
    form.data = typed
    return (
        "Something was recorded about this client since you opened this page. Look at the event as it stands below; "
        "if your change is still right, save again."
    )


def _say(desk: Desk, before: tuple[str | None, str | None]) -> None:
    """What the new event changed, in a message."""
    after = desk.stage_and_health()
    moved = [words.change(was, becomes) for was, becomes in zip(before, after, strict=True) if was != becomes]
    told = ", ".join(moved) if moved else "stage and health stay as they are"
    messages.success(desk.request, f"Recorded. {desk.client.name}: {told}.")


def _card(desk: Desk, fact: EventRow, lineage: list[EventRow]) -> cards.Card:
    names = cards.names_for(desk.principal, desk.client, [fact, *lineage], desk.contacts, desk.colleagues)
    return cards.card(fact, names, lineage, text_hidden=not desk.principal.reads_text, may_write=False)
