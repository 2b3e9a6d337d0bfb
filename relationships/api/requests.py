"""The shapes of bodies that come in, as JSON Schema: made from the vocabulary, so that they cannot say anything else.

They document; what checks a body is the command that it is handed to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from relationships.commands.clients import DETAILS
from relationships.commands.drafting import LONGEST_TEXT, PRECISIONS
from relationships.domain.events import EVENT_TYPES, json_schema
from relationships.domain.fields import EMAIL, UUID
from relationships.domain.policy import TIERS, Tier
from relationships.domain.policy_rules import EARNING, WHOLE, bounds
from relationships.domain.policy_words import WORDS, sentence_case

from .examples import CLIENT, COLLEAGUE, CONTACT, EARLIER, EVENT, NOW, QUESTION

COMPONENTS = "#/components/schemas/"

_ENVELOPE: dict[str, Any] = {
    "occurred_at": {"type": "string", "format": "date-time", "description": "When it happened, with an offset."},
    "occurred_tz": {
        "type": ["string", "null"],
        "minLength": 1,
        "format": "time-zone",
        "description": "IANA name of the zone it was said in; UTC unless given.",
    },
    "precision": {
        "type": ["string", "null"],
        "enum": [*PRECISIONS, None],
        "description": "A day or month stands at its first instant in `occurred_tz`; instant unless given.",
    },
    "source": {
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": 80,
        "pattern": r"\S",
        "description": "What reports it.",
    },
    "external_id": {
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": 255,
        "pattern": r"\S",
        "description": "Its id there. Sent again with the same `source`, it is recorded once.",
    },
    "text": {
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": LONGEST_TEXT,
        "pattern": r"\S",
        "description": "The words themselves: personal, stored encrypted.",
    },
}
_NAMING: dict[str, Any] = {
    "client_id": {"type": "string", "format": "uuid", "description": "Whose event it is."},
    "client": {
        **json_schema("client_registered")["properties"]["external_ids"]["items"],
        "description": "The same by external id.",
    },
}


def postable() -> list[str]:
    """The types that may be posted, in the order of the vocabulary."""
    return [name for name, kind in EVENT_TYPES.items() if kind.postable]


def event_components() -> dict[str, Any]:
    """A schema for each type that may be posted and for its data, and `EventIn`, which is any of them."""
    components: dict[str, Any] = {}
    for name in postable():
        data = {key: value for key, value in json_schema(name).items() if key != "$schema"}
        data["properties"] = {field: _without_default(one) for field, one in data["properties"].items()}
        title = _title(name)
        components[f"{title}Data"] = data
        components[f"{title}In"] = _event(name, {"$ref": f"{COMPONENTS}{title}Data"}, bool(data["required"]))
    refs = {name: f"{COMPONENTS}{_title(name)}In" for name in postable()}
    components["EventIn"] = {
        "description": "One event: which fields `data` has follows from `type`.",
        "oneOf": [{"$ref": ref} for ref in refs.values()],
        "discriminator": {"propertyName": "type", "mapping": refs},
    }
    return components


def _without_default(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What is taken when nothing is said, in words: of a `default` many generators make a field that has to be said."""
    plain = {key: value for key, value in schema.items() if key != "default"}
    if "default" in schema:
        plain["description"] = f"{schema['description'].rstrip('.')}; {schema['default']} unless given."
    return plain


def _event(name: str, data: Mapping[str, Any], needed: bool) -> dict[str, Any]:
    return {
        "type": "object",
        "description": EVENT_TYPES[name].summary,
        "required": ["type", "occurred_at", *(["data"] if needed else [])],
        "properties": {"type": {"type": "string", "const": name}, **_ENVELOPE, "data": dict(data)},
        "additionalProperties": False,
    }


def _title(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


EVENT_IN = {"$ref": f"{COMPONENTS}EventIn"}
BULK_EVENT_REF = {"$ref": f"{COMPONENTS}BulkEvent"}
BULK_EVENT = {
    "type": "object",
    "description": "As for one client, with the client named by `client_id` or `client`.",
    "required": ["type", "occurred_at"],
    "properties": {
        **_NAMING,
        "type": {"type": "string", "enum": postable()},
        **_ENVELOPE,
        "data": {
            "type": "object",
            "additionalProperties": True,
            "description": "Which fields it has follows from `type`: see /api/v1/event-types.",
        },
    },
    "additionalProperties": False,
}


def _client_schema(required: list[str]) -> dict[str, Any]:
    properties = json_schema("client_registered")["properties"]
    owner = {
        "type": ["string", "null"],
        "pattern": rf"^({EMAIL}|{UUID})$",
        "maxLength": 254,
        "description": "One of our people, by id or e-mail address; null: nobody.",
    }
    return {
        "type": "object",
        "required": required,
        "properties": {name: owner if name == "owner" else properties[name] for name in DETAILS},
        "additionalProperties": False,
    }


CLIENT_IN = _client_schema(["name"])
CLIENT_REF = {"$ref": f"{COMPONENTS}ClientIn"}
CLIENT_CHANGES = _client_schema([])

_PERSON: dict[str, Any] = {
    name: schema
    for name, schema in json_schema("contact_added")["properties"].items()
    if name in ("name", "role", "handles")
}
_LEFT = {"type": "string", "format": "date-time", "description": "Since when they are gone."}
_EMPLOYER = {"type": "string", "description": "Where they work: an id or `source:external id`."}
CONTACT_CHANGES = {"type": "object", "properties": {**_PERSON, "left_at": _LEFT}, "additionalProperties": False}
CONTACT_FIELDS: dict[str, Any] = {"client": _EMPLOYER, **_PERSON}
CONTACT_IN = {
    "type": "object",
    "description": "A name, or a handle to find the person by, is needed.",
    "required": ["client"],
    "properties": CONTACT_FIELDS,
    "additionalProperties": False,
}
ERASE_FIELDS: dict[str, Any] = {
    "reason": {
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": 1000,
        "description": "Why, without their name: it is kept.",
    }
}
ERASE_IN = {"type": "object", "properties": ERASE_FIELDS, "additionalProperties": False}

PUT_OFF = {
    "type": "object",
    "required": ["until"],
    "properties": {
        "until": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "Not before then, for you alone: from now on, at most a year away. null: show it again.",
        }
    },
    "additionalProperties": False,
}


def _number(name: str, *, whole: bool = False, zero: bool = False) -> dict[str, Any]:
    least, most = bounds(name, whole=whole, zero=zero)
    return {"type": "integer" if whole else "number", "minimum": least, "maximum": most}


POLICY_IN = {
    "type": "object",
    "required": ["changes"],
    "properties": {
        "name": {"type": ["string", "null"], "maxLength": 80, "description": "What to call it."},
        "reason": {"type": ["string", "null"], "maxLength": 1000, "description": "Why it is made."},
        "based_on": {
            "type": ["integer", "null"],
            "minimum": 1,
            "description": "The version that it changes; the one in force unless given.",
        },
        "changes": {
            "type": "object",
            "minProperties": 1,
            "description": "What changes, in the shape of `policy`.",
            "properties": {
                **{
                    word.field: {
                        **_number(word.field, whole=word.field in WHOLE),
                        "description": f"{sentence_case(word.label)}. {word.effect}",
                    }
                    for word in WORDS.values()
                    if word.pointer.count("/") == 1
                },
                "tiers": {
                    "type": "object",
                    "properties": {
                        tier: {
                            "type": "object",
                            "properties": {field.name: _number(field.name) for field in fields(Tier)},
                            "additionalProperties": False,
                        }
                        for tier in TIERS
                    },
                    "additionalProperties": False,
                },
                "points": {
                    "type": "object",
                    "properties": {name: _number(name, zero=True) for name in EARNING},
                    "additionalProperties": False,
                },
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
ADOPTION_IN = {
    "type": "object",
    "properties": {"reason": {"type": ["string", "null"], "maxLength": 1000, "description": "Why."}},
    "additionalProperties": False,
}

# ---------------------------------------------------------------------- examples

CLIENT_EXAMPLE = {
    "name": "Nordlicht Bakery",
    "tier": "key",
    "time_zone": "Europe/Berlin",
    "tags": ["food"],
    "domains": ["nordlicht.example"],
    "owner": "ida.falk@example.com",
    "external_ids": [{"source": "crm", "id": "4711"}],
}
CONTACT_EXAMPLE = {
    "client": "crm:4711",
    "name": "Ann Meyer",
    "role": "Head of purchasing",
    "handles": [{"platform": "email", "handle": "ann@nordlicht.example"}],
}
EVENT_EXAMPLES: dict[str, dict[str, Any]] = {
    "an answer": {
        "type": "question_answered",
        "occurred_at": EARLIER,
        "occurred_tz": "Europe/Berlin",
        "source": "helpdesk",
        "external_id": "T-1043/2",
        "text": "The oven can be delivered in May.",
        "data": {
            "channel": "email",
            "contacts": ["ann@nordlicht.example"],
            "our_people": ["ida.falk@example.com"],
            "in_reply_to": QUESTION,
        },
    },
    "a meeting held": {
        "type": "meeting_held",
        "occurred_at": EARLIER,
        "data": {"meeting_id": "visit-2026-11", "mode": "in_person", "contacts": [CONTACT], "our_people": [COLLEAGUE]},
    },
    "a correction": {
        "type": "event_corrected",
        "occurred_at": NOW,
        "data": {"event_id": EVENT, "reason": "It was the day before.", "occurred_at": EARLIER},
    },
}
BULK_EXAMPLE = [
    {"client": {"source": "crm", "id": "4711"}, **EVENT_EXAMPLES["an answer"]},
    {"client_id": CLIENT, **EVENT_EXAMPLES["a meeting held"]},
]
