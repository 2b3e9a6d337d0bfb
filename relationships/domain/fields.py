"""What a field of an event may hold: said once, and followed by validation, JSON Schema, forms and documentation.

A field of an event's dataclass carries a `Spec` as its metadata. `check` takes a value in and gives the value that is
stored, or adds to the list of errors; `schema` says the same as JSON Schema 2020-12.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .identity import normal_email, normal_handle


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong: where (an RFC 6901 pointer), what kind (for programs) and what to do (for people)."""

    pointer: str
    code: str
    detail: str


Errors = list[FieldError]


@dataclass(frozen=True, slots=True)
class Spec:
    """What one field may hold.

    `kind` names an entry of `KINDS`; `most` is the longest text, largest number or longest list, `each` the longest
    text in a list; `sealed` marks personal text, which is stored encrypted; `default` is taken when nothing is said.
    """

    kind: str
    doc: str
    required: bool = False
    sealed: bool = False
    choices: tuple[str, ...] = ()
    most: int = 200
    each: int = 255
    default: Any = None


def spec(kind: str, doc: str, **options: Any) -> Any:
    """A dataclass field, None unless said, with its Spec."""
    return field(default=None, metadata={"spec": Spec(kind, doc, **options)})


def shown(value: Any) -> str:
    """A value as an error message quotes it: short, on one line."""
    text = ascii(value) if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def check_text(value: Any, spec: Spec, pointer: str, errors: Errors) -> Any:
    """A text without NUL or lone surrogates, trimmed, not longer than allowed."""
    if not isinstance(value, str):
        return _wrong(pointer, value, "a string", errors)
    text = value.strip()
    fault = text_fault(text)
    if fault:
        errors.append(FieldError(pointer, "invalid_text", f"{fault}: {shown(text)}. Remove it."))
    elif not text:
        errors.append(FieldError(pointer, "blank", "This is empty: leave the field out or say something."))
    elif len(text) > spec.most:
        errors.append(
            FieldError(pointer, "too_long", f"{len(text)} characters; at most {spec.most} are kept: shorten it.")
        )
    return text


def text_fault(text: str) -> str | None:
    """Why PostgreSQL or UTF-8 could not keep this text; None when they can."""
    if "\x00" in text:
        return "A NUL character is not text"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "A lone surrogate is not a character"
    return None


def _check_choice(value: Any, spec: Spec, pointer: str, errors: Errors) -> Any:
    if not isinstance(value, str) or value not in spec.choices:
        known = ", ".join(spec.choices)
        errors.append(FieldError(pointer, "invalid_choice", f"{shown(value)} is none of: {known}."))
    return value


def parse_time(value: Any, pointer: str, errors: Errors) -> datetime | None:
    """An RFC 3339 time with its offset, as aware UTC; None, with an error added, when it is none."""
    if not isinstance(value, str):
        _wrong(pointer, value, "a string with an RFC 3339 time", errors)
        return None
    example = "such as 2026-06-01T09:30:00+02:00"
    if not _RFC3339.fullmatch(value.strip()):
        naive = _NAIVE.fullmatch(value.strip()) is not None
        code, what = ("naive_time", "has no offset") if naive else ("invalid_time", "is no RFC 3339 time")
        errors.append(FieldError(pointer, code, f"{shown(value)} {what}: write one {example}."))
        return None
    try:
        return datetime.fromisoformat(value.strip().upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        detail = f"{shown(value)} is no moment that exists: write one {example}."
        errors.append(FieldError(pointer, "invalid_time", detail))
        return None


# Finer fractions than a microsecond, as some clocks write them, are cut off.
_DATE_AND_TIME = r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,12})?)?"
_RFC3339 = re.compile(_DATE_AND_TIME + r"([Zz]|[+-]\d{2}:\d{2})")
_NAIVE = re.compile(_DATE_AND_TIME + r"|\d{4}-\d{2}-\d{2}")


def written_time(moment: datetime) -> str:
    """A moment as it is written: RFC 3339, UTC with Z, microseconds only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _check_time(value: Any, spec: Spec, pointer: str, errors: Errors) -> Any:
    moment = parse_time(value, pointer, errors)
    if moment is None:
        return value
    if not EARLIEST <= moment < LATEST:
        detail = f"{shown(value)} lies outside {EARLIEST.year} to {LATEST.year}: check the year."
        errors.append(FieldError(pointer, "out_of_range", detail))
    return written_time(moment)


# What rules reckon from a time in the data (an hour later, years of silence) must stay within what a datetime holds.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def _check_integer(value: Any, spec: Spec, pointer: str, errors: Errors) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        return _wrong(pointer, value, "a whole number", errors)
    if not 0 <= value <= spec.most:
        errors.append(FieldError(pointer, "out_of_range", f"{shown(value)} is not between 0 and {spec.most}."))
    return value


def _check_boolean(value: Any, spec: Spec, pointer: str, errors: Errors) -> Any:
    return value if isinstance(value, bool) else _wrong(pointer, value, "true or false", errors)


def _check_id(value: Any, spec: Spec, pointer: str, errors: Errors) -> Any:
    if isinstance(value, str):
        try:
            return str(uuid.UUID(value))
        except ValueError:
            pass
    errors.append(FieldError(pointer, "invalid_id", f"{shown(value)} is no id (a UUID, as the API gives them)."))
    return value


def _check_person(value: Any, spec: Spec, pointer: str, errors: Errors) -> Any:
    """A person not yet resolved: an id, an e-mail address, or an account on a platform."""
    if isinstance(value, str):
        if is_email(value):
            return value.strip()
        try:
            return str(uuid.UUID(value))
        except ValueError:
            detail = f"{shown(value)} is neither an id nor an e-mail address."
            errors.append(FieldError(pointer, "invalid_person", detail))
            return value
    if not isinstance(value, dict):
        return _wrong(pointer, value, "an id, an e-mail address or {platform, handle, name}", errors)
    return _check_account(value, _PERSON_PARTS, pointer, errors)


EMAIL = r"[^@\s<>\x00-\x1f]+@[^@\s<>\x00-\x1f]+\.[^@\s<>\x00-\x1f]+"
_EMAIL = re.compile(EMAIL)
UUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_LONGEST_EMAIL = 254


def is_email(value: str) -> bool:
    """Whether this is written like an e-mail address, and short enough to be kept in its normal form too."""
    fits = len(value) <= _LONGEST_EMAIL and len(normal_email(value)) <= _LONGEST_EMAIL
    return fits and text_fault(value) is None and _EMAIL.fullmatch(value.strip()) is not None


_PERSON_PARTS = {"platform": 40, "handle": 254, "name": 200}
_EXTERNAL_PARTS = {"source": 60, "id": 255}
_HANDLE_PARTS = {"platform": 40, "handle": 254}


def _check_account(value: dict[str, Any], parts: dict[str, int], pointer: str, errors: Errors) -> Any:
    """A handle on a platform, which has to fit in its normal form too: folding case makes some letters two."""
    before = len(errors)
    clean = _check_parts(value, parts, ("platform", "handle"), pointer, errors)
    if len(errors) > before:
        return clean
    normal = normal_handle(clean["platform"], clean["handle"])
    if not normal:
        errors.append(FieldError(f"{pointer}/handle", "blank", f"{shown(clean['handle'])} names nobody."))
    if len(normal) > parts["handle"]:
        errors.append(FieldError(f"{pointer}/handle", "too_long", f"In lower case it has {len(normal)} characters."))
    if len(clean["platform"].casefold()) > parts["platform"]:
        errors.append(FieldError(f"{pointer}/platform", "too_long", "It is too long in lower case."))
    return clean


def _check_parts(
    value: dict[str, Any], parts: dict[str, int], required: tuple[str, ...], pointer: str, errors: Errors
) -> Any:
    clean: dict[str, Any] = {}
    for name, part in value.items():
        if name not in parts:
            errors.append(unknown_field(f"{pointer}/{escaped(name)}", name, parts))
        elif part is not None:
            clean[name] = check_text(part, Spec("text", "", most=parts[name]), f"{pointer}/{name}", errors)
    for name in required:
        if name not in clean:
            errors.append(FieldError(f"{pointer}/{name}", "required", f"`{name}` is missing."))
    return clean


def _check_external(value: Any, spec: Spec, pointer: str, errors: Errors) -> Any:
    if not isinstance(value, dict):
        return _wrong(pointer, value, "{source, id}", errors)
    before = len(errors)
    clean = _check_parts(value, _EXTERNAL_PARTS, ("source", "id"), pointer, errors)
    if len(errors) == before and ":" in clean["source"]:
        detail = f"{shown(clean['source'])} holds a ':', which parts a source from its id: use another name."
        errors.append(FieldError(f"{pointer}/source", "invalid_source", detail))
    return clean


def _check_handle(value: Any, spec: Spec, pointer: str, errors: Errors) -> Any:
    if not isinstance(value, dict):
        return _wrong(pointer, value, "{platform, handle}", errors)
    return _check_account(value, _HANDLE_PARTS, pointer, errors)


def _check_object(value: Any, spec: Spec, pointer: str, errors: Errors) -> Any:
    if not isinstance(value, dict):
        return _wrong(pointer, value, "an object", errors)
    return value


def _listing(check_one: Check, *, distinct: bool = False) -> Check:
    def check(value: Any, spec: Spec, pointer: str, errors: Errors) -> Any:
        if not isinstance(value, list | tuple):
            return _wrong(pointer, value, "a list", errors)
        if len(value) > spec.most:
            errors.append(FieldError(pointer, "too_many", f"{len(value)} entries; at most {spec.most} are kept."))
            return value
        one = Spec("text", spec.doc, most=spec.each)
        entries = [check_one(entry, one, f"{pointer}/{number}", errors) for number, entry in enumerate(value)]
        # Who is named twice is still one: the rules count heads.
        return list({repr(entry): entry for entry in entries}.values()) if distinct else entries

    return check


def _wrong(pointer: str, value: Any, wanted: str, errors: Errors) -> Any:
    errors.append(FieldError(pointer, "wrong_type", f"{shown(value)} is not {wanted}."))
    return value


def unknown_field(pointer: str, name: str, known: Iterable[str]) -> FieldError:
    """The error for a field that does not exist, naming those that do."""
    detail = f"There is no field {shown(name)}; known are: {', '.join(sorted(known))}."
    return FieldError(pointer, "unknown_field", detail)


def escaped(name: str) -> str:
    """A name as a reference token of a JSON pointer (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


Check = Callable[[Any, Spec, str, Errors], Any]
_TEXT = {"type": "string", "minLength": 1, "pattern": r"\S"}
_ID = {"type": "string", "format": "uuid"}


def _parts_schema(parts: dict[str, int], required: list[str]) -> dict[str, Any]:
    properties = {name: {**_TEXT, "maxLength": most} for name, most in parts.items()}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_EXTERNAL = _parts_schema(_EXTERNAL_PARTS, ["source", "id"])
_EXTERNAL["properties"]["source"]["pattern"] = r"^[^:]*[^:\s][^:]*$"

_PERSON = {
    "anyOf": [
        _ID,
        {"type": "string", "format": "email", "pattern": f"^{EMAIL}$", "maxLength": _LONGEST_EMAIL},
        _parts_schema(_PERSON_PARTS, ["platform", "handle"]),
    ]
}


def _list_schema(items: dict[str, Any]) -> Callable[[Spec], dict[str, Any]]:
    return lambda spec: {"type": "array", "maxItems": spec.most, "items": items}


# kind → (check, JSON Schema)
KINDS: dict[str, tuple[Check, Callable[[Spec], dict[str, Any]]]] = {
    "text": (check_text, lambda spec: {**_TEXT, "maxLength": spec.most}),
    "zone": (check_text, lambda spec: {**_TEXT, "maxLength": spec.most, "format": "time-zone"}),
    "choice": (_check_choice, lambda spec: {"type": "string", "enum": list(spec.choices)}),
    "time": (_check_time, lambda spec: {"type": "string", "format": "date-time"}),
    "integer": (_check_integer, lambda spec: {"type": "integer", "minimum": 0, "maximum": spec.most}),
    "boolean": (_check_boolean, lambda spec: {"type": "boolean"}),
    "id": (_check_id, lambda spec: dict(_ID)),
    "ids": (_listing(_check_id, distinct=True), _list_schema(_ID)),
    "person": (_check_person, lambda spec: dict(_PERSON)),
    "people": (_listing(_check_person, distinct=True), _list_schema(_PERSON)),
    "texts": (
        _listing(check_text),
        lambda spec: {"type": "array", "maxItems": spec.most, "items": {**_TEXT, "maxLength": spec.each}},
    ),
    "externals": (_listing(_check_external), _list_schema(_EXTERNAL)),
    "handles": (_listing(_check_handle), _list_schema(_parts_schema(_HANDLE_PARTS, ["platform", "handle"]))),
    "object": (_check_object, lambda spec: {"type": "object", "additionalProperties": True}),
}


def check(value: Any, spec: Spec, pointer: str, errors: Errors, *, resolved: bool) -> Any:
    """The value that is stored; with `resolved`, people must be ids by now."""
    kind = {"people": "ids", "person": "id"}.get(spec.kind, spec.kind) if resolved else spec.kind
    return KINDS[kind][0](value, spec, pointer, errors)


def schema(spec: Spec) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one field."""
    described = {**KINDS[spec.kind][1](spec), "description": spec.doc}
    if spec.default is not None:
        described["default"] = spec.default
    return described
