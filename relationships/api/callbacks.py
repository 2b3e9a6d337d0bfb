"""What webhooks send, for the OpenAPI document: `webhooks` beside its `paths` (OpenAPI 3.1, 4.8.1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from relationships.webhooks import egress, schedule
from relationships.webhooks.kinds import ANSWER_REVISED, EVENT_RECORDED, REPORT_READY, STAGE_CHANGED, TEST

from .components import PREFIX

Schema = dict[str, Any]


def _id(meaning: str, *, or_null: bool = False) -> Schema:
    return {"type": ["string", "null"] if or_null else "string", "format": "uuid", "description": meaning}


def _moment(meaning: str) -> Schema:
    return {"type": "string", "format": "date-time", "description": meaning}


def _object(meaning: str, properties: Mapping[str, Schema]) -> Schema:
    return {
        "type": "object",
        "description": meaning,
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"{PREFIX}{name}"}


_STANDING = _object(
    "Where a client stands.",
    {"stage": _ref("StageName"), "health": _ref("HealthName"), "since": _moment("Since when; may lie in the past.")},
)
_CAUSES: Schema = {"type": "array", "items": {"type": "string", "format": "uuid"}}
_PERIODS: Schema = {"type": "array", "items": _ref("Period")}

_DATA: Mapping[str, tuple[str, Schema]] = {
    EVENT_RECORDED: ("An event was recorded: what GET /api/v1/events/{id} answers for it.", _ref("Event")),
    STAGE_CHANGED: (
        "A client stands elsewhere, by an event or by silence alone.",
        _object(
            "The change; each goes on where the one before ended.",
            {
                "client_id": _id("Whose."),
                "event_id": _id("The event that brought it; null when silence did.", or_null=True),
                "at": _moment("When it changed."),
                "before": {"oneOf": [_STANDING, {"type": "null"}], "description": "null: it has just come."},
                "after": {"oneOf": [_STANDING, {"type": "null"}], "description": "null: no event of it is left."},
                "rule": {"type": ["string", "null"], "description": "The rule that says so."},
                "reason": {"type": ["string", "null"], "description": "The same in words."},
                "because": {**_CAUSES, "description": "The events that it rests on, at most three."},
                "sentence": {
                    "type": ["string", "null"],
                    "description": "The whole in words; null when another policy says otherwise by now.",
                },
            },
        ),
    ),
    ANSWER_REVISED: (
        "What had been told of the past turned out otherwise, through a late event or a correction.",
        _object(
            "The periods from `from_at` on, as told before and as told now.",
            {
                "client_id": _id("Whose."),
                "version": {"type": "integer", "description": "The client's version that brought it."},
                "noted_at": _moment("When it was noticed."),
                "from_at": _moment("The first moment of which another thing is told."),
                "cause": {**_CAUSES, "description": "The events that it comes from, at most ten."},
                "before": _PERIODS,
                "after": _PERIODS,
            },
        ),
    ),
    REPORT_READY: (
        "A scheduled report was made.",
        _object(
            "The run.",
            {
                "run_id": _id("Its id."),
                "report": {"type": "string", "description": "Which report."},
                "schedule": {"type": "string", "description": "The schedule's name."},
                "starts_at": _moment("From when it tells."),
                "ends_at": _moment("Until when."),
                "made_at": _moment("When it was made."),
                "late": {"type": "boolean", "description": "Whether it was made later than it was due."},
                "position": {"type": "integer", "description": "The position of the log that it rests on."},
            },
        ),
    ),
    TEST: (
        "Sent when somebody asks for a test.",
        _object(
            "Nothing has happened.",
            {
                "endpoint_id": _id("The endpoint."),
                "url": {"type": "string", "description": "Its address."},
                "message": {"type": "string", "description": "For people."},
            },
        ),
    ),
}
_HEADERS = {
    "webhook-id": "The same on every attempt: deal with each id once.",
    "webhook-timestamp": "When this attempt was made, in seconds since 1970; refuse what is older than five minutes.",
    "webhook-signature": "`v1,` and the HMAC-SHA256 of id, timestamp and body in base64; two, parted by a blank, for"
    " a day after the secret was rotated.",
}


def _span(span: timedelta) -> str:
    """A whole number of hours, minutes or seconds, in the largest of these units that leaves no rest."""
    seconds = round(span.total_seconds())
    unit, name = next((size, name) for size, name in ((3600, "h"), (60, "min"), (1, "s")) if not seconds % size)
    return f"{seconds // unit} {name}"


_ANSWERS = {
    "2XX": {"description": f"Taken. Answer within {egress.TOTAL_S:.0f} seconds and do the work afterwards."},
    "410": {"description": "Gone: the endpoint is switched off."},
    "default": {"description": f"It is tried again: after {', '.join(map(_span, schedule.AFTER))}."},
}


def described() -> dict[str, Any]:
    """The kinds of webhooks, each with its headers, body and the answers that it understands."""
    return {
        kind: {
            "post": {
                "operationId": kind.replace(".", "_"),
                "summary": meaning,
                "description": "Signed as Standard Webhooks 1.0 says, in order for each client.",
                "tags": ["webhooks"],
                "security": [],
                "parameters": [
                    {"name": name, "in": "header", "required": True, "description": says, "schema": {"type": "string"}}
                    for name, says in _HEADERS.items()
                ],
                "requestBody": {"required": True, "content": {"application/json": {"schema": _body(kind, data)}}},
                "responses": _ANSWERS,
            }
        }
        for kind, (meaning, data) in _DATA.items()
    }


def _body(kind: str, data: Schema) -> Schema:
    return _object(
        "What is signed and sent.",
        {
            "type": {"type": "string", "const": kind},
            "timestamp": _moment("When it happened."),
            "data": data,
        },
    )
