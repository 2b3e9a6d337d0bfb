"""What each operation promises: its scope, parameters, body and answers, said once beside the method that keeps it.

`Resource` enforces it, `relationships.api.openapi` writes it down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import transaction

from .parameters import Parameter
from .serializers.base import Answer

JSON = "application/json"
NDJSON = "application/x-ndjson"
CLOUDEVENTS = "application/cloudevents-batch+json"

Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Body:
    """A body of one media type: its JSON Schema or serializer, and named examples.

    A schema with a `name` becomes a component, which programs that are generated call by that name."""

    schema: Mapping[str, Any] | type[Answer]
    examples: Mapping[str, Any]
    media_type: str = JSON
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What comes back under one status. `headers` are those beside the ones that every answer carries."""

    meaning: str
    bodies: tuple[Body, ...] = ()
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address.

    `scope` is what a key needs, None when everybody may ask; `problems` are the codes it answers beside those that any
    may; `conditions` are the conditional request headers that it honours; `body_needed` is False where nothing needs to
    be sent."""

    id: str
    summary: str
    tag: str
    scope: str | None
    replies: Mapping[int, Reply]
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    request: tuple[Body, ...] = ()
    problems: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    path_meaning: Mapping[str, str] = field(default_factory=dict)
    body_needed: bool = True


def operation(id: str, summary: str, **promises: Any) -> Callable[[Method], Method]:
    """Marks a view's method with what it promises."""

    def mark(method: Method) -> Method:
        if method.__name__ == "get":
            # One transaction is told once who looks; each statement by itself would be.
            method = transaction.atomic(method)
        method.operation = Operation(id, summary, **promises)  # type: ignore[attr-defined]
        return method

    return mark


def operation_of(view: object, method: str) -> Operation | None:
    """What a view promises for an HTTP method; None for a method that it has not."""
    handler = getattr(view, method.lower(), None)
    return getattr(handler, "operation", None)


def answer(shape: type[Answer], meaning: str, *headers: str) -> Reply:
    """A reply with one row."""
    return Reply(meaning, (Body(shape, {"example": shape.example}),), headers)


def page_of(shape: type[Answer], meaning: str) -> Reply:
    """A reply with a page of rows."""
    schema = {
        "type": "object",
        "required": ["data", "next", "previous"],
        "properties": {
            "data": {"type": "array", "items": shape},
            "next": {"type": ["string", "null"], "format": "uri", "description": "The page after this one."},
            "previous": {"type": ["string", "null"], "format": "uri", "description": "The page before this one."},
        },
    }
    example = {"data": [shape.example], "next": None, "previous": None}
    name = f"{shape.__name__.removesuffix('Serializer')}Page"
    return Reply(meaning, (Body(schema, {"example": example}, name=name),), ("Link",))
