"""Many at once: entries in, a result for each out, in their order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rest_framework.request import Request

from relationships.domain.fields import FieldError, unknown_field

from . import gate
from .errors import KINDS, Problem, invalid, problem_of
from .examples import CLIENT, EVENT
from .operations import Body, Reply
from .parameters import Parameter, flag

MOST = 1_000
ATOMIC = Parameter("atomic", "Record all or nothing; false unless given.", *flag(), example=False)

Outcome = tuple[int, int, str | None, Exception | None]  # index, status, id, error


@dataclass(frozen=True, slots=True)
class Item:
    """One entry as it came; `unreadable` when there is nothing to understand in it, and `value` is None then."""

    value: Any
    unreadable: Problem | None = None


def items_of(request: Request, name: str) -> list[Item]:
    """The entries of a body: the list `name` of a JSON object, or the lines of NDJSON.

    Raises Problem: 413 for more than 1,000, 400 for another shape."""
    data: Any = request.data
    if isinstance(data, dict):
        errors = [unknown_field(f"/{key}", key, (name,)) for key in data if key != name]
        data = data.get(name)
        if not isinstance(data, list):
            errors.append(FieldError(f"/{name}", "required", f"`{name}` is a list of at most {MOST:,}."))
        if errors:
            raise invalid(errors)
    if len(data) > MOST:
        raise Problem("too_large", f"{len(data):,} entries; at most {MOST:,} at once.")
    return [_item(value) for value in data]


def _item(value: Any) -> Item:
    try:
        if isinstance(value, gate.Unreadable):
            raise value
        gate.check_size(value)
    except gate.Unreadable as error:
        return Item(None, Problem("malformed", str(error), errors=error.errors))
    return Item(value)


def refuse(name: str, outcomes: Iterable[Outcome]) -> None:
    """Raises Problem naming every fault, if there is one: all or nothing was asked."""
    found = [
        FieldError(f"/{name}/{index}{error.pointer}", error.code, error.detail)
        for index, _, _, exception in outcomes
        if exception is not None
        for error in _faults(exception)
    ]
    if found:
        raise Problem("batch_refused", f"{len(found)} faults: nothing was recorded.", errors=found)


def _faults(exception: Exception) -> Iterable[FieldError]:
    problem = problem_of(exception)
    if problem is None:
        raise exception
    return problem.errors or (FieldError("", problem.code, problem.detail),)


def result(request: Request, name: str, index: int, status: int, id: str | None, error: Exception | None) -> Any:
    """The line of one entry: `{index, status, <name>}`, or a problem in place of the id."""
    if error is None:
        return {"index": index, "status": status, name: id}
    problem = problem_of(error)
    if problem is None:
        raise error
    return {"index": index, "status": problem.status, "problem": problem.document(request)}


_INDEX = {"type": "integer", "description": "Which entry, from 0."}
_STATUS = {"type": "integer", "description": "201 made, 200 known already, else why not."}


def _made(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "What an entry became.",
        "required": ["index", "status", name],
        "properties": {"index": _INDEX, "status": _STATUS, name: {"type": "string", "format": "uuid"}},
        "additionalProperties": False,
    }


COMPONENTS: dict[str, Any] = {
    "EventResult": _made("event_id"),
    "ClientResult": _made("client_id"),
    "Refusal": {
        "type": "object",
        "description": "Why an entry was not taken.",
        "required": ["index", "status", "problem"],
        "properties": {"index": _INDEX, "status": _STATUS, "problem": {"$ref": "#/components/schemas/Problem"}},
        "additionalProperties": False,
    },
}


def _reply(name: str, example: str, title: str) -> Reply:
    kind = KINDS["not_found"]
    problem = {
        "type": "/api/problems#not_found",
        "title": kind.title,
        "status": kind.status,
        "detail": "there is no such client",
        "instance": "/api/v1/events/bulk",
        "code": "not_found",
        "request_id": "0f2c9d1e",
        "errors": [],
    }
    either = {"oneOf": [{"$ref": f"#/components/schemas/{one}"} for one in (title, "Refusal")]}
    schema = {
        "type": "object",
        "required": ["results"],
        "properties": {"results": {"type": "array", "items": either}},
    }
    results = [{"index": 0, "status": 201, name: example}, {"index": 1, "status": 404, "problem": problem}]
    return Reply(
        "What became of each, in their order.", (Body(schema, {"example": {"results": results}}, name=f"{title}s"),)
    )


RESULTS = {
    "event_id": _reply("event_id", EVENT, "EventResult"),
    "client_id": _reply("client_id", CLIENT, "ClientResult"),
}
