"""Events of the log as CloudEvents 1.0.

`source` is the log, `id` unique in it, `subject` the client; `data` is the event as everywhere else. The extensions
`position` and `clientid` let a reader keep order and prove that nothing is missing.
"""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request

from relationships.queries.rows import EventRow, RedactedRow

from .serializers.events import EventSerializer, RedactedEventSerializer

PREFIX = "relationships."


def cloud_event(request: Request, row: EventRow | RedactedRow) -> dict[str, Any]:
    """One entry of a batch."""
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "source": f"/api/v1/events?ledger={row.ledger}",
        "datacontenttype": "application/json",
        "position": row.position,
    }
    if isinstance(row, RedactedRow):
        data = RedactedEventSerializer.written(row)
        return {**envelope, "id": str(row.position), "type": f"{PREFIX}redacted", "data": data}
    whose = {} if row.client_id is None else {"subject": row.client_id, "clientid": row.client_id}
    return {
        **envelope,
        **whose,
        "id": row.event_id,
        "type": f"{PREFIX}{row.type}",
        "time": row.occurred_at,
        "dataschema": request.build_absolute_uri(f"/api/v1/event-types/{row.type}"),
        "data": EventSerializer.written(row),
    }


EXAMPLE = {
    "specversion": "1.0",
    "source": "/api/v1/events?ledger=1",
    "datacontenttype": "application/json",
    "position": EventSerializer.example["position"],
    "subject": EventSerializer.example["client_id"],
    "clientid": EventSerializer.example["client_id"],
    "id": EventSerializer.example["event_id"],
    "type": f"{PREFIX}question_answered",
    "time": EventSerializer.example["occurred_at"],
    "dataschema": "https://relationships.example/api/v1/event-types/question_answered",
    "data": EventSerializer.example,
}

CLOUD_EVENTS = {
    "type": "array",
    "description": "A batch in the JSON format of CloudEvents 1.0.",
    "items": {
        "type": "object",
        "required": ["specversion", "source", "id", "type", "datacontenttype", "position", "data"],
        "properties": {
            "specversion": {"type": "string", "const": "1.0"},
            "source": {"type": "string", "format": "uri-reference", "description": "The log."},
            "id": {"type": "string", "description": "Unique in the log."},
            "type": {"type": "string", "description": f"`{PREFIX}` and the type of the event."},
            "datacontenttype": {"type": "string", "const": "application/json"},
            "position": {"type": "integer", "description": "1, 2, 3 … within the log, without holes."},
            "subject": {"type": "string", "description": "The client, if it is about one."},
            "clientid": {"type": "string", "description": "The same."},
            "time": {"type": "string", "format": "date-time", "description": "When it happened."},
            "dataschema": {"type": "string", "format": "uri", "description": "What its data may hold."},
            "data": {"anyOf": [EventSerializer, RedactedEventSerializer]},
        },
    },
}
