"""The dossier: one sheet about a client, to be read on the way to a meeting or printed on A4."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts import security
from accounts.screens import principal_of
from relationships import queries
from relationships.admin import words
from relationships.admin.client_page import stand_of
from relationships.admin.persons import shown_name
from relationships.admin.screens import client_url, reader, the_clock
from relationships.queries.dossier import Dossier, ExchangeBrief, MeetingBrief

BEHIND, AHEAD = 4, 4  # periods of the timeline around the asked moment


def show(request: HttpRequest, client_id: uuid.UUID) -> HttpResponse:
    """The sheet; 404 for who may not see the client, and before anything was known of it."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    principal, ref = principal_of(request), str(client_id)
    stand = stand_of(request, principal)
    try:
        sheet = queries.dossier(principal, ref, **stand.asked())
    except queries.NotFound:
        raise Http404 from None
    security.note_export(f"client:{sheet.client.id}", "dossier", now=the_clock(), principal=principal)
    theirs = {one.id: "erased" if one.erased_at else shown_name(one) for one in sheet.contacts}
    ours = {one.id: one.name for one in sheet.our_people}
    return TemplateResponse(
        request,
        "relationships/dossier.html",
        {
            **reader(request),
            "sheet": sheet,
            "stage": words.stage(sheet.stage.stage),
            "velocity": words.velocity(sheet.stage.velocity),
            "elsewhen": stand.elsewhen,
            "back": client_url(ref),
            "ahead": [_meeting(one, theirs, ours) for one in sheet.meetings_ahead],
            "past": [_meeting(one, theirs, ours) for one in sheet.meetings_past],
            "exchanges": [_exchange(one, sheet, theirs, ours) for one in sheet.exchanges],
            "questions": [(one, theirs.get(one.contact_id or "")) for one in sheet.open_questions],
            "people": [(theirs[one.id], one) for one in sheet.contacts],
            "periods": _around(sheet),
            "covered": round(100 * sheet.open_gap.coverage) if sheet.open_gap else None,
        },
    )


def _meeting(one: MeetingBrief, theirs: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, Any]:
    return {
        "at": one.at,
        "mode": words.MODES.get(one.mode or "", ""),
        "status": one.status,
        "accepted": one.accepted,
        "outcome": words.OUTCOMES.get(one.outcome or "", ""),
        "who": _who(one.contacts, theirs),
        "with": _who(one.our_people, ours),
        "agenda": one.agenda,
        "place": one.place,
    }


def _exchange(one: ExchangeBrief, sheet: Dossier, theirs: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, Any]:
    named = [theirs[who] for who in one.contacts if who in theirs]
    us = [ours[who] for who in one.our_people if who in ours]
    data = {"direction": one.direction, "channel": one.channel}
    return {
        "at": one.occurred_at,
        "title": words.title(one.type, data, named, us, sheet.client.name),
        "channel": words.CHANNELS.get(one.channel or "", ""),
        "topics": ", ".join(one.topics),
        "text": one.text,
    }


def _who(ids: Iterable[str], names: Mapping[str, str]) -> str:
    return words.listed([names[one] for one in ids if one in names])


def _around(sheet: Dossier) -> list[dict[str, Any]]:
    """The periods about the asked moment, the present one marked."""
    here = next(
        (n for n, one in enumerate(sheet.timeline) if one.ends_at is None or sheet.as_of < one.ends_at),
        len(sheet.timeline) - 1,
    )
    first = max(0, here - BEHIND)
    return [
        {"period": one, "here": first + n == here, "reason": words.sentence_case(one.reason)}
        for n, one in enumerate(sheet.timeline[first : here + AHEAD + 1])
    ]
