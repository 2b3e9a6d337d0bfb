"""Bodies in: through the gate, never larger than what is promised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, ClassVar

from rest_framework.parsers import BaseParser

from relationships.domain.fields import FieldError

from . import gate
from .errors import Problem

MIB = 2**20


class JsonParser(BaseParser):
    """One JSON object of at most 1 MiB."""

    media_type = "application/json"
    largest: ClassVar[int] = MIB

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        raw = _read(stream, self.largest, parser_context)
        try:
            return self.value(raw)
        except gate.Unreadable as error:
            raise Problem("malformed", str(error), errors=error.errors) from None

    def value(self, raw: bytes) -> dict[str, Any]:
        return _object(gate.read(raw))


class BulkJsonParser(JsonParser):
    """One JSON object with a list of up to 1,000 entries, 5 MB at most. The gate counts each entry by itself."""

    largest = 5_000_000

    def value(self, raw: bytes) -> dict[str, Any]:
        # Two levels lie above an entry; how many values an entry may have is looked at entry by entry.
        return _object(gate.read(raw, depth=gate.DEPTH + 2, nodes=self.largest))


class NdjsonParser(JsonParser):
    """JSON objects, one a line; a line that cannot be read is kept as an Unreadable in its place."""

    media_type = "application/x-ndjson"
    largest = 5_000_000

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        lines = _read(stream, self.largest, parser_context).split(b"\n")
        if not lines[-1].strip():
            lines.pop()
        return [_line(line) for line in lines]


def _line(raw: bytes) -> dict[str, Any] | gate.Unreadable:
    try:
        return _object(gate.read(raw))
    except gate.Unreadable as error:
        return error


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise gate.Unreadable([FieldError("", "wrong_type", "A JSON object is needed here.")])
    return value


def _read(stream: IO[bytes], largest: int, context: Mapping[str, Any] | None) -> bytes:
    """The whole body. A length that is declared too large is refused unread."""
    declared = context["request"].META.get("CONTENT_LENGTH", "") if context else ""
    if declared.isdecimal() and int(declared) > largest:
        raise _too_large(largest)
    raw = stream.read(largest + 1)
    if len(raw) > largest:
        raise _too_large(largest)
    return raw


def _too_large(largest: int) -> Problem:
    return Problem("too_large", f"The body is larger than {largest:,} bytes.")
