"""Names for what stands in many places of the OpenAPI document, so that generated programs have one type for each.

A generator makes a type of every list of words and every object that it meets, and calls it by the place where it met
it. What is named here is met once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relationships.commands.drafting import PRECISIONS
from relationships.domain import events as vocabulary
from relationships.domain.judgement import HEALTHS, STAGES
from relationships.domain.policy import TIERS
from relationships.queries import agenda, answering, bridging

from .serializers.standing import BANDS

PREFIX = "#/components/schemas/"
_WORDS: Mapping[str, tuple[str, ...]] = {
    "StageName": tuple(STAGES),
    "HealthName": tuple(HEALTHS),
    "BandName": tuple(BANDS),
    "TierName": tuple(TIERS),
    "GapState": tuple(bridging.STATES),
    "Precision": tuple(PRECISIONS),
    "Channel": vocabulary.CHANNELS,
    "Direction": vocabulary.DIRECTIONS,
    "AccountKind": vocabulary.ACCOUNTS,
    "MeetingMode": vocabulary.MODES,
    "MeetingOutcome": vocabulary.OUTCOMES,
    "MeetingStatus": tuple(agenda.STATUSES),
    "QuestionState": tuple(agenda.STATES),
    "QuestionGroup": answering.GROUPS,
    "Side": vocabulary.SIDES,
    "Grade": vocabulary.GRADES,
    "PostableType": tuple(name for name, kind in vocabulary.EVENT_TYPES.items() if kind.postable),
    "EventTypeName": tuple(vocabulary.EVENT_TYPES),
}
_PERSON = vocabulary.json_schema("message_sent")["properties"]["contacts"]["items"]
_OBJECTS: Mapping[str, Mapping[str, Any]] = {
    "Account": _PERSON["anyOf"][-1],
    "PersonRef": {"anyOf": [*_PERSON["anyOf"][:-1], {"$ref": f"{PREFIX}Account"}]},
    "ExternalIdIn": vocabulary.json_schema("client_registered")["properties"]["external_ids"]["items"],
    "HandleIn": vocabulary.json_schema("contact_added")["properties"]["handles"]["items"],
}
_NAMES = {words: name for name, words in _WORDS.items()}


def named() -> dict[str, Any]:
    """The components."""
    words = {name: {"type": "string", "enum": list(choices)} for name, choices in _WORDS.items()}
    objects = {name: dict(schema) for name, schema in _OBJECTS.items()}
    return {**words, **objects, "FreeObject": {"type": "object", "additionalProperties": True}}


def with_names(part: Any) -> Any:
    """A part of the document with references in the place of what has a name. Examples stay as they are."""
    if isinstance(part, list):
        return [with_names(one) for one in part]
    if not isinstance(part, dict):
        return part
    found = {
        name: one if name in ("example", "examples") else with_names(one)
        for name, one in part.items()
        if name != "x-spec-enum-id"
    }
    if "enum" in found and "type" in found:
        return _words(found)
    plain = {name: one for name, one in found.items() if name != "description"}
    if plain == {"type": ["object", "null"], "additionalProperties": {}}:
        return {"oneOf": [{"$ref": f"{PREFIX}FreeObject"}, {"type": "null"}], "description": found["description"]}
    for name, schema in _OBJECTS.items():
        if plain == schema:
            return {"$ref": f"{PREFIX}{name}"}
    return found


def _words(found: dict[str, Any]) -> dict[str, Any]:
    name = _NAMES.get(tuple(word for word in found["enum"] if word is not None))
    if name is None:
        return found
    reference = {"$ref": f"{PREFIX}{name}"}
    rest = {key: one for key, one in found.items() if key not in ("enum", "type")}
    return {"oneOf": [reference, {"type": "null"}], **rest} if None in found["enum"] else {**reference, **rest}
