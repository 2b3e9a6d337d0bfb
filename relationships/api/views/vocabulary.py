"""The vocabulary: which events there are and what their data may hold."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from relationships import queries
from relationships.domain.events import EVENT_TYPES, json_schema

from ..operations import Body, Reply, operation
from ..resource import Resource

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "version", "postable", "schema", "example"],
    "properties": {
        "type": {"type": "string", "description": "Its name."},
        "version": {"type": "integer", "description": "Version of its data."},
        "postable": {"type": "boolean", "description": "False: another resource makes it, and posting it is a 403."},
        "summary": {"type": "string", "description": "What it says."},
        "schema": {
            "type": "object",
            "additionalProperties": True,
            "description": "JSON Schema 2020-12 of its `data`.",
        },
        "example": {
            "type": "object",
            "additionalProperties": True,
            "description": "`data` that can be posted as it stands; a correction's `event_id` is one of yours.",
        },
    },
}
_LIST = {
    "type": "object",
    "required": ["data", "next", "previous"],
    "properties": {
        "data": {"type": "array", "items": {"$ref": "#/components/schemas/EventTypeDescription"}},
        "next": {"type": "null", "description": "There is one page."},
        "previous": {"type": "null", "description": "There is one page."},
    },
}


def described(name: str) -> dict[str, Any]:
    """One entry of the vocabulary as it goes out."""
    kind = EVENT_TYPES[name]
    return {
        "type": name,
        "version": kind.version,
        "postable": kind.postable,
        "summary": kind.summary,
        "schema": json_schema(name),
        "example": dict(kind.example),
    }


_EXAMPLE = described("meeting_held")
_ONE_TYPE = {"data": [_EXAMPLE], "next": None, "previous": None}


class EventTypes(Resource):
    @operation(
        "list_event_types",
        "The types of events",
        tag="event types",
        scope="events:read",
        replies={
            200: Reply(
                "All of them.",
                (
                    Body(
                        _LIST,
                        {"one type": _ONE_TYPE},
                        name="EventTypePage",
                    ),
                ),
            )
        },
    )
    def get(self, request: Request) -> Response:
        return Response({"data": [described(name) for name in EVENT_TYPES], "next": None, "previous": None})


class EventType(Resource):
    @operation(
        "get_event_type",
        "One type of event",
        tag="event types",
        scope="events:read",
        replies={200: Reply("The type.", (Body(_SCHEMA, {"example": _EXAMPLE}, name="EventTypeDescription"),))},
    )
    def get(self, request: Request, type: str) -> Response:
        if type not in EVENT_TYPES:
            raise queries.NotFound("There is no such type.")
        return Response(described(type))
