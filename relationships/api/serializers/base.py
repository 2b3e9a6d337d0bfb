"""How rows of queries are written, and the kinds of fields that they have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, ClassVar

from rest_framework import serializers


class Answer(serializers.Serializer[Any]):
    """Writes rows of `queries` as they are: times stay times until the renderer writes them."""

    example: ClassVar[Mapping[str, Any]]

    @classmethod
    def written(cls, row: Any) -> dict[str, Any]:
        """One row as it goes out."""
        return {
            name: _nested(shape, many, getattr(row, source)) if shape else getattr(row, source)
            for name, source, shape, many in _plan(cls)
        }

    @classmethod
    def list_of(cls, rows: Iterable[Any]) -> list[dict[str, Any]]:
        """Many rows as they go out."""
        return [cls.written(row) for row in rows]


@cache
def _plan(cls: type[Answer]) -> tuple[tuple[str, str, type[Answer] | None, bool], ...]:
    """Per field its name, its attribute of the row, and the serializer of what it nests. Looked up once a class."""
    steps = []
    for name, field in cls().fields.items():
        many = isinstance(field, serializers.ListSerializer)
        inner = field.child if isinstance(field, serializers.ListSerializer) else field
        steps.append((name, field.source or name, type(inner) if isinstance(inner, Answer) else None, many))
    return tuple(steps)


def _nested(shape: type[Answer], many: bool, value: Any) -> Any:
    if value is None:
        return None
    return shape.list_of(value) if many else shape.written(value)


def string(meaning: str, *, null: bool = False, source: str | None = None) -> serializers.CharField:
    return serializers.CharField(help_text=meaning, allow_null=null, source=source)


def identity(meaning: str, *, null: bool = False, source: str | None = None) -> serializers.UUIDField:
    return serializers.UUIDField(help_text=meaning, allow_null=null, source=source)


def moment(meaning: str, *, null: bool = False) -> serializers.DateTimeField:
    return serializers.DateTimeField(help_text=meaning, allow_null=null)


def whole(meaning: str, *, null: bool = False, source: str | None = None) -> serializers.IntegerField:
    return serializers.IntegerField(help_text=meaning, allow_null=null, source=source)


def number(meaning: str, *, null: bool = False) -> serializers.FloatField:
    return serializers.FloatField(help_text=meaning, allow_null=null)


def flag(meaning: str) -> serializers.BooleanField:
    return serializers.BooleanField(help_text=meaning)


def one_of(choices: Iterable[str], meaning: str, *, null: bool = False) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=list(choices), help_text=meaning, allow_null=null)


def texts(meaning: str) -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(), help_text=meaning)


def identities(meaning: str) -> serializers.ListField:
    return serializers.ListField(child=serializers.UUIDField(), help_text=meaning)
