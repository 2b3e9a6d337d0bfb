"""The one gate that every JSON body passes before anybody looks at it.

What is refused, each with its place: more than 32 containers in one another, more than 10,000 values, names given
twice, NUL and lone surrogates anywhere, NaN and infinities, and numbers beyond ±2^53, which half of all JSON readers
would silently round. Good bodies are checked at the speed of the parser and one flat walk; only a bad one is walked
again for the pointers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from relationships.domain.fields import FieldError, escaped

DEPTH = 32
NODES = 10_000
LARGEST = 2**53
_MOST_ERRORS = 20
_UNSAFE = re.compile("[\x00\ud800-\udfff]")


class Unreadable(ValueError):
    """The text is not JSON, or not such as is taken; `errors` say where and why."""

    def __init__(self, errors: list[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__(errors[0].detail)


def read(raw: bytes, *, depth: int = DEPTH, nodes: int = NODES) -> Any:
    """The value of a JSON text in UTF-8. Raises Unreadable."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise _unreadable(f"Byte {error.start} is not UTF-8.") from None
    doubts = _Doubts()
    try:
        value = json.loads(
            text,
            object_pairs_hook=doubts.object,
            parse_int=doubts.integer,
            parse_float=doubts.number,
            parse_constant=doubts.constant,
        )
    except RecursionError:
        raise _unreadable(f"It nests deeper than {depth} levels.", "too_deep") from None
    except ValueError as error:
        raise _unreadable(f"This is not JSON: {error}.") from None
    check_size(value, depth=depth, nodes=nodes)
    if doubts.found or "\\u" in text:
        errors = list(_errors(value, ""))[:_MOST_ERRORS]
        if errors:
            raise Unreadable(errors)
    return value


def check_size(value: Any, *, depth: int = DEPTH, nodes: int = NODES) -> None:
    """Raises Unreadable when a value nests too deep or has too many parts."""
    level, count, deep = [value], 1, 0
    while level := [one for one in level if isinstance(one, (dict, list))]:
        deep += 1
        level = [part for one in level for part in (one.values() if isinstance(one, dict) else one)]
        count += len(level)
        if deep > depth:
            raise _unreadable(f"It nests deeper than {depth} levels.", "too_deep")
        if count > nodes:
            raise _unreadable(f"It has more than {nodes:,} values.", "too_many_values")


@dataclass(slots=True)
class _Doubts:
    """Marks what the parser meets and JSON readers disagree about; marked values are found again by the slow walk."""

    found: bool = field(default=False)

    def object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) == len(pairs):
            return result
        self.found = True
        names = [name for name, _ in pairs]
        return _Twice(result, next(name for name in names if names.count(name) > 1))

    def integer(self, digits: str) -> int | float:
        if len(digits) <= 17 and -LARGEST <= (value := int(digits)) <= LARGEST:
            return value
        self.found = True
        return float("inf")

    def number(self, digits: str) -> float:
        value = float(digits)
        self.found |= not -LARGEST <= value <= LARGEST
        return value

    def constant(self, name: str) -> float:
        self.found = True
        return float("nan") if name == "NaN" else float("inf")


class _Twice(dict):
    """An object that gave a name twice."""

    def __init__(self, values: dict[str, Any], name: str) -> None:
        super().__init__(values)
        self.name = name


def _errors(value: Any, pointer: str) -> Iterator[FieldError]:
    match value:
        case str() if _UNSAFE.search(value):
            yield FieldError(pointer, "unsafe_text", "NUL and lone surrogates are not taken.")
        case float() if not -LARGEST <= value <= LARGEST:
            yield FieldError(pointer, "out_of_range", "Numbers lie within ±2^53; send larger ones as strings.")
        case dict():
            if isinstance(value, _Twice):
                yield FieldError(_step(pointer, value.name), "duplicate_name", "It is given more than once.")
            for name, part in value.items():
                if _UNSAFE.search(name):
                    yield FieldError(pointer, "unsafe_text", "A name in it holds NUL or a lone surrogate.")
                else:
                    yield from _errors(part, _step(pointer, name))
        case list():
            for index, part in enumerate(value):
                yield from _errors(part, f"{pointer}/{index}")


def _step(pointer: str, name: str) -> str:
    return f"{pointer}/{escaped(_UNSAFE.sub('?', name))}"


def _unreadable(detail: str, code: str = "malformed") -> Unreadable:
    return Unreadable([FieldError("", code, detail)])
