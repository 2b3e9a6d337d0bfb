"""The first page: who needs me, what is coming, and how the whole stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from accounts.roles import Principal
from accounts.screens import principal_of, writes
from relationships import commands, queries
from relationships.admin import advice, cards, words
from relationships.admin.screens import act_url, client_url, reader, the_clock
from relationships.queries.rows import Fall, MeetingRow, Pipeline, QuestionRow

FALLING_DAYS, MEETING_DAYS, UNDECIDED_DAYS = 30, 14, 60
SHOWN = 8
MOST_COUNTED = 100


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page shows to whoever is signed in (the theme's dashboard callback)."""
    principal, now = principal_of(request), the_clock()
    context |= reader(request) | {"title": "Home", "days": FALLING_DAYS, "warnings": []}
    try:
        context |= _today(request, principal, now)
        context |= _portfolio(principal, now) | _calendar(principal, now, may_write=writes(request))
    except queries.NotFound:
        return context | {"headline": "Nothing has been recorded yet.", "pipeline": {"total": 0}}
    return context


def _today(request: HttpRequest, principal: Principal, now: datetime) -> dict[str, Any]:
    """Whom to turn to, and what was put off; what is shown to who can do it is counted as shown."""
    pressing = queries.for_person(principal, now=now)
    may_write = writes(request)
    if may_write:
        commands.note_shown(principal, pressing, now=now)
    told = partial(advice.lines, back=request.path, may_write=may_write)
    return {"actions": told(pressing), "put_off": told(queries.put_off(principal, now=now))}


def _portfolio(principal: Principal, now: datetime) -> dict[str, Any]:
    falls = queries.falling(principal, now=now, within_days=FALLING_DAYS)
    pipeline = queries.pipeline(principal, now=now)
    cool = _cool(principal, now)
    quarantined = queries.quarantined(principal)
    latest = queries.latest(principal, limit=SHOWN).rows
    return {
        "headline": _headline(pipeline, falls, len(cool)),
        "warnings": [
            f"{one.client_name} could not be worked out and shows its last good answer." for one in quarantined[:3]
        ],
        "falling": [_fall(fall, now) for fall in falls[:SHOWN]],
        "falling_total": len(falls),
        "falling_more": len(falls) > SHOWN,
        "cool": cool[:SHOWN],
        "cool_total": len(cool),
        "pipeline": _bars(pipeline),
        "latest": [cards.latest_line(one.event, one.client_name) for one in latest if one.client_name],
    }


def _headline(pipeline: Pipeline, falls: Sequence[Fall], cool: int) -> str:
    if not pipeline.total:
        return "There are no clients yet."
    clients = f"{pipeline.total:,} client{'' if pipeline.total == 1 else 's'}"
    dropping = len({fall.client_id for fall in falls if fall.kind == "stage"})
    ahead = (
        f"{dropping} fall{'s' if dropping == 1 else ''} a stage within {FALLING_DAYS} days unless something happens"
        if dropping
        else f"nobody falls a stage within {FALLING_DAYS} days"
    )
    return f"{clients}: {ahead}; {cool or 'none'} {'is' if cool == 1 else 'are'} cooling or dormant."


def _fall(fall: Fall, now: datetime) -> dict[str, Any]:
    last = words.listed([cause.phrase for cause in fall.because[:1]])
    return {
        "name": fall.name,
        "url": client_url(fall.client_id),
        "what": words.change(fall.before, fall.after),
        "at": fall.at,
        "distance": words.distance(fall.at, now),
        "why": words.sentence_case(f"{fall.reason} (last: {last})" if last else fall.reason),
    }


def _cool(principal: Principal, now: datetime) -> list[dict[str, Any]]:
    """Cooling and dormant clients, those that cooled last first: they are the ones to be won back."""
    this_moment = now + timedelta(microseconds=1)
    at_once = queries.timelines(principal, now=now, since=now, until=this_moment, healths=("cooling", "dormant"))
    found = [
        {
            "name": row.name,
            "url": client_url(row.client_id),
            "stage": words.stage(period.stage),
            "health": period.health,
            "since": period.begins_at,
            "why": words.sentence_case(period.reason),
        }
        for row in at_once.rows
        for period in row.periods
    ]
    return sorted(found, key=lambda row: row["since"], reverse=True)


def _bars(pipeline: Pipeline) -> dict[str, Any]:
    """The pipeline from the highest stage down, as numbers and as bars relative to the largest."""
    largest = max((stage.clients for stage in pipeline.stages), default=0) or 1
    healths = [h for h in words.HEALTHS if any(stage.by_health.get(h) for stage in pipeline.stages)]
    rows = [
        {
            "key": row.stage,
            "stage": words.stage(row.stage),
            "clients": row.clients,
            "width": f"{100 * row.clients / largest:.1f}",
            "counts": [row.by_health.get(health, 0) for health in healths],
            "parts": [
                {"health": health, "width": f"{100 * row.by_health[health] / row.clients:.1f}"}
                for health in healths
                if row.by_health.get(health)
            ],
        }
        for row in reversed(pipeline.stages)
        if row.stage != "ended" or row.clients
    ]
    ended = [row for row in rows if row["key"] == "ended"]
    return {"total": pipeline.total, "healths": healths, "rows": [r for r in rows if r not in ended] + ended}


def _calendar(principal: Principal, now: datetime, *, may_write: bool) -> dict[str, Any]:
    planned = queries.meetings(
        principal, now=now, since=now, until=now + timedelta(days=MEETING_DAYS), status="planned", limit=SHOWN
    )
    past = queries.meetings(
        principal, now=now, since=now - timedelta(days=UNDECIDED_DAYS), until=now, status="planned", limit=SHOWN
    )
    waiting = queries.questions(principal, now=now, limit=MOST_COUNTED).rows
    return {
        "meetings": [meeting_line(one, now) for one in planned.rows],
        "undecided": [meeting_line(one, now) for one in past.rows] if may_write else [],
        "questions": [question_line(one, now, may_write=may_write) for one in waiting[:SHOWN]],
        "questions_total": f"{MOST_COUNTED} and more" if len(waiting) == MOST_COUNTED else len(waiting),
        "questions_more": len(waiting) > SHOWN,
        "meetings_url": reverse("admin:relationships_meeting_changelist"),
    }


def meeting_line(meeting: MeetingRow, now: datetime) -> dict[str, Any]:
    """A meeting as a line in a list, with what one can do about it."""
    query = urlencode({"meeting": meeting.meeting_id})
    return {
        "client": meeting.client_name,
        "url": client_url(meeting.client_id),
        "icon": "videocam" if meeting.mode == "video" else "handshake",
        "at": meeting.at,
        "distance": words.distance(meeting.at, now),
        "mode": words.MODES.get(meeting.mode or "", "place not said"),
        "accepted": meeting.accepted,
        "held_url": f"{act_url('held', meeting.client_id)}?{query}",
        "change_url": f"{act_url('meeting', meeting.client_id)}?{query}",
    }


def question_line(question: QuestionRow, now: datetime, *, may_write: bool) -> dict[str, Any]:
    """A question as a line in a list, with the way to answer it."""
    answer = act_url("exchange", question.client_id, kind="our_answer", in_reply_to=question.event_id)
    return {
        "client": question.client_name,
        "url": client_url(question.client_id, question.event_id),
        "asked_at": question.asked_at,
        "due": words.due(question, now),
        "state": question.state,
        "public": not question.of_us,
        "answer_url": answer if may_write else None,
    }
