"""One client: where it stands and why, what was and what comes, and what happened."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.dateparse import parse_date

from accounts.models import User
from accounts.roles import Principal
from accounts.screens import lets_people_in, principal_of, user_of, writes
from relationships import commands, queries
from relationships.admin import advice, cards, strip, words
from relationships.admin.forms import ExchangeForm, People
from relationships.admin.home import meeting_line, question_line
from relationships.admin.screens import act_url, client_url, page, person_url, the_clock
from relationships.domain.events import EVENT_TYPES
from relationships.queries.rows import (
    Carrier,
    ClientRow,
    ContactRow,
    EventRow,
    GapRow,
    MeetingRow,
    Page,
    PersonRow,
    StageAnswer,
    StrengthAnswer,
)

EVENTS, TERMS, GAPS, TIES, STRANGERS = 20, 10, 8, 8, 3
REPLIES = 10


@dataclass(frozen=True, slots=True)
class Stand:
    """The moment that the page is about. `known_at` is set where only what was known then shall count."""

    as_of: datetime
    now: datetime
    elsewhen: bool
    known_at: datetime | None

    def asked(self) -> dict[str, Any]:
        return {"now": self.now, "as_of": self.as_of if self.elsewhen else None, "known_at": self.known_at}


def show(request: HttpRequest, client_id: uuid.UUID) -> HttpResponse:
    """The page of a client; 404 for who may not see it."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    principal, ref = principal_of(request), str(client_id)
    stand = stand_of(request, principal)
    try:
        client = queries.client(principal, ref, now=stand.now)
        contacts = queries.contacts(principal, client=ref, limit=500).rows
        people = queries.people(principal, limit=500).rows
        events = _events(request, principal, ref, stand)
        meetings = queries.meetings(principal, now=stand.now, client=ref, sort="-at", limit=500).rows
    except (queries.NotFound, queries.Invalid):
        raise Http404 from None
    may_write = writes(request) and not stand.elsewhen
    return page(
        request,
        "client.html",
        client.name,
        client=client,
        may_write=may_write,
        as_of=stand.as_of,
        now=stand.now,
        elsewhen=stand.elsewhen,
        as_known=stand.known_at is not None,
        today_url=client_url(ref),
        quarantined=next((one for one in queries.quarantined(principal) if one.client_id == ref), None),
        contacts=_contacts(request, contacts),
        dossier_url=_dossier_url(request, ref, stand),
        quick=_quick(user_of(request), client, contacts, people, events.rows) if may_write else None,
        urls={name: act_url(name, ref) for name in ("exchange", "held", "plan")},
        **_standing(principal, ref, stand, meetings, _names(contacts, people), whole=request.GET.get("terms") == "all"),
        actions=_actions(request, principal, ref, stand, may_write=may_write),
        **_knowing(principal, ref, stand),
        **_open(principal, ref, stand, meetings, may_write=may_write),
        **_stream(request, principal, client, contacts, people, events, may_write=may_write),
    )


def stand_of(request: HttpRequest, principal: Principal) -> Stand:
    """The end of the asked day in the reader's zone; without a day, or today, the present."""
    now = the_clock()
    zone = ZoneInfo(principal.time_zone)
    try:
        day = parse_date(request.GET.get("as_of", ""))
    except ValueError:
        day = None
    if day is None or day == now.astimezone(zone).date() or not 1970 < day.year < 2200:
        return Stand(now, now, False, None)
    as_of = datetime.combine(day, time(23, 59, 59), tzinfo=zone).astimezone(UTC)
    return Stand(as_of, now, True, as_of if "as_known" in request.GET and as_of < now else None)


def _names(contacts: Sequence[ContactRow], people: Sequence[PersonRow]) -> dict[str, str]:
    """Who is who on both sides. Who may not read names sees pseudonyms."""
    theirs = {one.id: one.name or f"Contact {one.id[-4:]}" for one in contacts}
    return theirs | {one.id: one.name or one.email or one.id for one in people}


def _standing(
    principal: Principal,
    ref: str,
    stand: Stand,
    meetings: Sequence[MeetingRow],
    names: Mapping[str, str],
    *,
    whole: bool,
) -> dict[str, Any]:
    """Stage, sentence, timeline, strength and gaps; empty where nothing had happened by then."""
    asked = stand.asked()
    try:
        answer = queries.stage(principal, ref, **asked)
        timeline = queries.timeline(principal, ref, **asked)
        strength = queries.strength(principal, ref, **asked)
        gaps = queries.gaps(principal, ref, **asked)
    except queries.NotFound:
        return {"answer": None}
    return {
        "answer": answer,
        "stage": words.stage(answer.stage),
        "sentence": [
            {"text": part.text, "url": client_url(ref, part.event_id) if part.event_id else None}
            for part in answer.sentence_parts
        ],
        "velocity": _velocity(answer),
        "failing": answer.keeps_until is not None and answer.keeps_until <= stand.as_of,
        "strip": strip.draw(timeline.data, meetings, stand.as_of, principal.time_zone),
        "periods": [
            {
                "stage": period.stage,
                "health": period.health,
                "begins_at": period.begins_at,
                "ends_at": period.ends_at,
                "reason": words.sentence_case(period.reason),
                "here": period.begins_at <= stand.as_of and (period.ends_at is None or stand.as_of < period.ends_at),
                "future": period.begins_at > stand.as_of,
            }
            for period in timeline.data
        ],
        "strength": _strength(ref, strength, whole=whole),
        "gaps": [_gap(ref, gap, names) for gap in gaps.data[:GAPS]],
    }


def _velocity(answer: StageAnswer) -> str:
    moved = words.velocity(answer.velocity)
    return f"{moved} within 30 days" if moved else "steady for 30 days"


def _strength(ref: str, answer: StrengthAnswer, *, whole: bool) -> dict[str, Any] | None:
    """The terms with their factors, the weightiest ones unless the whole is asked for; factors of 1 go unsaid."""
    if answer.strength is None:
        return None
    most = len(answer.terms) if whole else TERMS
    shown, others = answer.terms[:most], answer.terms[most:]
    return {
        "strength": answer.strength,
        "sum": answer.sum,
        "k": answer.k,
        "count": len(answer.terms),
        "terms": [
            {
                "url": client_url(ref, term.event_id),
                "label": words.sentence_case(term.label),
                "factors": " × ".join(
                    f"{name.replace('_', ' ')} {value:.3g}" for name, value in term.factors if value != 1
                ),
                "points": term.points,
            }
            for term in shown
        ],
        "others": len(others),
        "all_url": f"{client_url(ref)}?terms=all#strength",
        "others_points": sum(term.points for term in others),
    }


def _gap(ref: str, gap: GapRow, names: Mapping[str, str]) -> dict[str, Any]:
    """A gap with what bridges it, the newest act first."""

    def carriers(side: Sequence[Carrier]) -> str:
        return words.listed([f"{names[one.id]} ({one.acts})" for one in side if one.id in names])

    return {
        "begins_at": gap.begins_at,
        "ends_at": gap.ends_at,
        "days": gap.days,
        "percent": round(100 * gap.coverage),
        "state": gap.state,
        "facts": words.gap_facts(gap),
        "carried": [
            f"{told} of {whose}"
            for whose, told in (("yours", carriers(gap.carried_ours)), ("theirs", carriers(gap.carried_theirs)))
            if told
        ],
        "ground_laid": gap.ground_laid,
        "ground_since": gap.ground_since,
        "ground_until": gap.ground_until,
        "acts": [
            {
                "url": client_url(ref, act.event_id),
                "what": words.sentence_case(act.phrase),
                "who": words.listed([names[one] for one in (*act.our_people, *act.contacts) if one in names]),
                "brand": act.our_account == "brand",
            }
            for act in reversed(gap.acts)
        ],
    }


def _open(
    principal: Principal, ref: str, stand: Stand, meetings: Sequence[MeetingRow], *, may_write: bool
) -> dict[str, Any]:
    """What waits: questions without an answer and meetings that are planned. Only the present has such."""
    if stand.elsewhen:
        return {"questions": [], "answering": "", "planned": [], "next_meeting": None}
    questions = queries.questions(principal, now=stand.now, client=ref).rows
    planned = [meeting_line(one, stand.now) for one in reversed(meetings) if one.status == "planned"]
    return {
        "questions": [question_line(one, stand.now, may_write=may_write) for one in questions],
        "answering": words.answering(queries.question_statistics(principal, now=stand.now, client=ref).total),
        "planned": planned,
        "next_meeting": next((one for one in planned if one["at"] > stand.now), None),
    }


def _actions(
    request: HttpRequest, principal: Principal, ref: str, stand: Stand, *, may_write: bool
) -> list[dict[str, Any]]:
    """What to do next, of the present only; what is shown to who can do it is counted as shown."""
    if stand.elsewhen:
        return []
    try:
        told = queries.client_actions(principal, ref, now=stand.now).data
    except queries.NotFound:
        return []
    if may_write:
        commands.note_shown(principal, told, now=stand.now)
    return advice.lines(told, back=request.path, may_write=may_write)


def _knowing(principal: Principal, ref: str, stand: Stand) -> dict[str, Any]:
    """Who knows whom, whom nobody knows, and through whom it runs."""
    try:
        ties = queries.ties(principal, ref, **stand.asked())
        balance = queries.balance(principal, ref, **stand.asked())
    except queries.NotFound:
        return {"ties": []}
    return {
        "ties": [
            {
                "ours": tie.person_name or "one of us",
                "theirs": tie.contact_name or f"Contact {tie.contact_id[-4:]}",
                "left": tie.contact_left,
                "strength": tie.strength,
                "band": tie.band,
            }
            for tie in ties.data[:TIES]
        ],
        "strangers": [
            f"Nobody knows {one.contact_name} yet: ask {one.by_way_of_name} for an introduction."
            for one in ties.introductions
            if one.through_id is None and one.contact_name and one.by_way_of_name
        ][:STRANGERS],
        "balance": words.balance(balance),
    }


def _dossier_url(request: HttpRequest, ref: str, stand: Stand) -> str:
    """The sheet of the moment that the page stands on."""
    kept = {name: request.GET[name] for name in ("as_of", "as_known") if stand.elsewhen and name in request.GET}
    return f"{act_url('dossier', ref)}{'?' if kept else ''}{urlencode(kept)}"


def _contacts(request: HttpRequest, contacts: Sequence[ContactRow]) -> list[dict[str, Any]]:
    """Their people; those who are still there first. Who may not read names sees a pseudonym."""
    exports, erases = principal_of(request).reads_text, lets_people_in(request)
    return [
        {
            "name": contact.name or ("erased" if contact.erased_at else f"Contact {contact.id[-4:]}"),
            "role": contact.role,
            "handles": contact.handles,
            "left_at": contact.left_at,
            "export_url": person_url("export", contact.id) if exports else None,
            "erase_url": person_url("erase", contact.id) if erases and not contact.erased_at else None,
        }
        for contact in sorted(contacts, key=lambda one: one.left_at is not None)
    ]


# ---------------------------------------------------------------------- the stream


def _events(request: HttpRequest, principal: Principal, ref: str, stand: Stand) -> Page[EventRow]:
    return queries.client_events(
        principal,
        ref,
        type=request.GET.get("type") or None,
        until=stand.as_of + timedelta(seconds=1) if stand.elsewhen else None,
        sort="-occurred_at",
        limit=EVENTS,
        cursor=request.GET.get("cursor") or None,
    )


def _stream(
    request: HttpRequest,
    principal: Principal,
    client: ClientRow,
    contacts: Sequence[ContactRow],
    people: Sequence[PersonRow],
    events: Page[EventRow],
    *,
    may_write: bool,
) -> dict[str, Any]:
    """The events of this page of the stream, and above them the one that a link named."""
    rows = list(events.rows)
    named = _named(request, principal, client, rows)
    told = [*rows, *([named] if named else [])]
    lineages = cards.amendments(principal, client.id, told)
    amending = [row for lineage in lineages.values() for row in lineage]
    names = cards.names_for(principal, client, [*told, *amending], contacts, people)

    def card(event: EventRow) -> cards.Card:
        return cards.card(
            event,
            names,
            lineages.get(event.event_id, ()),
            text_hidden=not principal.reads_text,
            may_write=may_write,
        )

    kept = {name: request.GET[name] for name in ("as_of", "as_known", "type") if name in request.GET}
    return {
        "events": [card(event) for event in rows],
        "named": card(named) if named else None,
        "types": [(name, words.type_word(name)) for name in sorted(EVENT_TYPES)],
        "type": request.GET.get("type", ""),
        "kept": {name: value for name, value in kept.items() if name != "type"},
        "next": f"?{urlencode({**kept, 'cursor': events.next})}#events" if events.next else None,
        "previous": f"?{urlencode({**kept, 'cursor': events.previous})}#events" if events.previous else None,
    }


def _named(request: HttpRequest, principal: Principal, client: ClientRow, rows: Sequence[EventRow]) -> EventRow | None:
    """The event that the address names, where this page of the stream does not hold it anyway."""
    wanted = request.GET.get("event", "")
    if not wanted or any(row.event_id == wanted for row in rows):
        return None
    try:
        found = queries.event(principal, wanted)
    except queries.NotFound:
        return None
    return found if found.client_id == client.id else None


# ---------------------------------------------------------------------- the quick form


def people_of(user: User, contacts: Sequence[ContactRow], people: Sequence[PersonRow]) -> People:
    """Whom forms offer: contacts who are still there, and our people with whoever fills the form in."""
    ours = {one.id: one.name or one.email or one.id for one in people}
    # Not among our people yet: an address is enough for the command to take them in.
    me = next((one.id for one in people if one.user_id == user.pk), user.email)
    ours.setdefault(me, str(user))
    return People(
        theirs={
            one.id: one.name or f"Contact {one.id[-4:]}" for one in contacts if not one.left_at and not one.erased_at
        },
        ours=ours,
        me=me,
        zone=user.time_zone,
    )


def replies_of(client: ClientRow, contacts: Sequence[ContactRow], events: Sequence[EventRow]) -> list[tuple[str, str]]:
    """The latest spoken events, which an exchange may be in answer to."""
    names = {one.id: one.name for one in contacts if one.name}

    def told(event: EventRow) -> str:
        theirs = [names[one] for one in event.data.get("contacts", ()) if one in names]
        title = words.title(event.type, event.data, theirs, (), client.name)
        return f"{title}, {words.when(event.occurred_at, event.precision, event.occurred_tz)}"

    spoken = [event for event in events if event.type in EVENT_TYPES and EVENT_TYPES[event.type].spoken]
    return [(event.event_id, told(event)) for event in spoken[:REPLIES]]


def _quick(
    user: User,
    client: ClientRow,
    contacts: Sequence[ContactRow],
    people: Sequence[PersonRow],
    events: Sequence[EventRow],
) -> ExchangeForm:
    return ExchangeForm(people_of(user, contacts, people), replies_of(client, contacts, events), auto_id="quick_%s")
