"""Cursors: opaque words that say where a page of a list begins.

Base64 of a small JSON array, its first entry the kind of list and its version, so that a cursor of another list, of an
older program or of somebody's imagination is refused instead of misread. They hold nothing secret and are not signed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import orjson

from .errors import Invalid

LONGEST = 2_000


def write(kind: str, values: Sequence[Any]) -> str:
    """The cursor of a list of this kind that stands at these JSON values."""
    return base64.urlsafe_b64encode(orjson.dumps([kind, *values])).rstrip(b"=").decode()


def read(kind: str, cursor: str, types: Sequence[type | tuple[type, ...]]) -> list[Any]:
    """The values of a cursor, each of the type at its place. Raises Invalid for anything else."""
    try:
        if len(cursor) > LONGEST:
            raise ValueError
        found = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(found, list) or len(found) != len(types) + 1 or found[0] != kind:
            raise ValueError
        values = found[1:]
        if any(isinstance(value, str) and "\0" in value for value in values):
            raise ValueError
        if any(type(value) not in _all(kinds) for value, kinds in zip(values, types, strict=True)):
            raise ValueError
    except (ValueError, binascii.Error):
        raise Invalid.one("cursor", "invalid_cursor", "This is no cursor of this list: begin without one.") from None
    return values


def _all(kinds: type | tuple[type, ...]) -> tuple[type, ...]:
    return kinds if isinstance(kinds, tuple) else (kinds,)
