"""Where to go on from an answer: the `links` of the OpenAPI document, by the operation that gives the answer.

Programs that explore an API follow them from what they made to all that can be asked about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Link:
    """From one answer to the operation `to`: runtime expressions for its parameters and for members of its body."""

    to: str
    meaning: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        """The link as OpenAPI describes it."""
        body = {} if self.body is None else {"requestBody": dict(self.body)}
        return {
            "operationId": self.to,
            "description": self.meaning,
            "parameters": dict(self.parameters),
            **body,
        }


_ID = {"id": "$response.body#/id"}
_FIRST = {"id": "$response.body#/data/0/id"}
_ETAG = "$response.header.ETag"
_EVENT = {"event_id": "$response.body#/event_id"}
_MISTAKE = {**_EVENT, "reason": "It was entered by mistake."}
_SAME_CLIENT = {"id": "$request.path.id", "header.If-Match": _ETAG}

_OF_CLIENT = {
    "its_client": Link("get_client", "The client by itself.", _ID),
    "its_events": Link("list_client_events", "What happened with it.", _ID),
    "its_next_event": Link("record_event", "Record what happens next.", _ID),
    "its_stage": Link("get_stage", "Where it stands, and why.", _ID),
    "its_timeline": Link("get_timeline", "Its periods.", _ID),
    "its_strength": Link("get_strength", "How strong the relationship is.", _ID),
    "its_gaps": Link("get_gaps", "The time between its meetings.", _ID),
    "its_next_contact": Link("add_contact", "Add a person to it.", body={"client": "$response.body#/id"}),
    "its_contacts": Link("list_contacts", "The people at it.", {"client": "$response.body#/id"}),
    "its_meetings": Link("list_meetings", "Its meetings.", {"client": "$response.body#/id"}),
    "its_questions": Link("list_questions", "Its questions.", {"client": "$response.body#/id"}),
    "its_actions": Link("get_client_actions", "What to do next.", _ID),
    "its_ties": Link("get_ties", "Who knows whom.", _ID),
    "its_balance": Link("get_balance", "Who speaks, and through what.", _ID),
    "its_dossier": Link("get_dossier", "Everything on one sheet.", _ID),
    "its_change": Link("update_client", "Change what was seen.", {**_ID, "header.If-Match": _ETAG}),
}

_VERSION = {"version": "$response.body#/version"}
_OF_POLICY = {
    "its_policy": Link("get_policy", "The version by itself.", _VERSION),
    "its_preview": Link("preview_policy", "Who would move where.", _VERSION),
    "its_evidence": Link("get_evidence", "Whether it means anything on this log.", _VERSION),
}
_OF_WEBHOOK = {
    "its_endpoint": Link("get_webhook", "The endpoint by itself.", _ID),
    "its_change": Link("update_webhook", "Change it.", _ID),
    "its_deliveries": Link("list_webhook_deliveries", "What was sent to it.", _ID),
    "its_secret": Link("rotate_webhook_secret", "Change its secret.", _ID),
    "its_test": Link("test_webhook", "Send an event of no consequence.", _ID),
    "its_end": Link("retire_webhook", "Send nothing to it any more.", _ID),
}

LINKS: Mapping[str, Mapping[str, Link]] = {
    "register_client": _OF_CLIENT,
    "get_client": _OF_CLIENT,
    "update_client": _OF_CLIENT,
    "list_clients": {"its_client": Link("get_client", "The first of them.", _FIRST)},
    "record_event": {
        "its_event": Link("get_event", "The event by itself.", _EVENT),
        "its_correction": Link(
            "record_event",
            "Say what is right.",
            _SAME_CLIENT,
            {"type": "event_corrected", "data": {**_MISTAKE, "precision": "day"}},
        ),
        "its_retraction": Link(
            "record_event", "Take it back.", _SAME_CLIENT, {"type": "event_retracted", "data": _MISTAKE}
        ),
        "its_stage": Link("get_stage", "Where its client stands now.", {"id": "$request.path.id"}),
        "its_type": Link("get_event_type", "What its data may hold.", {"type": "$response.body#/type"}),
    },
    "list_client_events": {
        "its_event": Link("get_event", "The first of them.", {"event_id": "$response.body#/data/0/event_id"})
    },
    "read_feed": {"what_follows": Link("read_feed", "What comes after it.", {"after": "$response.body#/next_cursor"})},
    "read_head": {"what_follows": Link("read_feed", "What comes from now on.", {"after": "$response.body#/cursor"})},
    "get_event": {"its_type": Link("get_event_type", "What its data may hold.", {"type": "$response.body#/type"})},
    "add_contact": {
        "its_contact": Link("get_contact", "The person alone.", _ID),
        "its_change": Link("update_contact", "Change what is known.", _ID),
        "its_client": Link("get_client", "Where they work.", {"id": "$response.body#/client_id"}),
    },
    "list_actions": {"putting_it_off": Link("snooze_action", "Not now.", _FIRST)},
    "get_client_actions": {"putting_it_off": Link("snooze_action", "Not now.", _FIRST)},
    "list_people": {"their_ties": Link("get_person_ties", "Whom the first of them knows.", _FIRST)},
    "list_policies": {
        "its_policy": Link("get_policy", "The first of them.", {"version": "$response.body#/data/0/version"})
    },
    "draft_policy": _OF_POLICY,
    "get_policy": _OF_POLICY,
    "create_webhook": _OF_WEBHOOK,
    "get_webhook": _OF_WEBHOOK,
    "list_webhook_deliveries": {
        "its_delivery": Link(
            "get_webhook_delivery",
            "The first of them.",
            {"id": "$request.path.id", "delivery_id": "$response.body#/data/0/id"},
        )
    },
    "list_contacts": {"its_contact": Link("get_contact", "The first of them.", _FIRST)},
    "list_event_types": {
        "its_type": Link("get_event_type", "The first of them.", {"type": "$response.body#/data/0/type"})
    },
}
