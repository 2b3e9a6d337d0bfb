"""Parameters of addresses: what each may hold, said once, read strictly, and shown in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import QueryDict

from relationships.domain.fields import FieldError, parse_time, shown, text_fault
from relationships.domain.judgement import HEALTHS, STAGES
from relationships.domain.policy import TIERS
from relationships.queries.scope import MOST

from .examples import NOW


class Unfit(ValueError):
    """A value that a parameter may not hold: what kind of mistake, and what would be right."""

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `read` takes its text; `name` is what the caller writes, `argument` what the query takes.

    `many` may be given more than once or with commas, and is read into a list."""

    name: str
    meaning: str
    read: Callable[[str], Any]
    schema: Mapping[str, Any]
    example: Any = None
    argument: str | None = None
    required: bool = False
    many: bool = False

    def document(self) -> dict[str, Any]:
        """The parameter as OpenAPI describes it."""
        schema = {"type": "array", "minItems": 1, "items": dict(self.schema)} if self.many else dict(self.schema)
        described = {"name": self.name, "in": "query", "required": self.required, "description": self.meaning}
        how = {"style": "form", "explode": False} if self.many else {}
        example = {} if self.example is None else {"example": self.example}
        return {**described, **how, "schema": schema, **example}


def read(query: QueryDict, parameters: Sequence[Parameter]) -> tuple[dict[str, Any], list[FieldError]]:
    """The arguments that a query string gives, and all that is wrong with it. What is not given is not there."""
    known = {parameter.name: parameter for parameter in parameters}
    errors = [
        FieldError(_safe(name), "unknown_parameter", f"There is none of this name; {_names(known)}.")
        for name in query
        if name not in known
    ]
    found: dict[str, Any] = {}
    for parameter in parameters:
        try:
            given = _given(query, parameter)
            if given is not None:
                found[parameter.argument or parameter.name] = given
        except Unfit as error:
            errors.append(FieldError(parameter.name, error.code, error.detail))
    return found, errors


def _given(query: QueryDict, parameter: Parameter) -> Any:
    values = query.getlist(parameter.name)
    if not values:
        if parameter.required:
            raise Unfit("required", "It has to be given.")
        return None
    if parameter.many:
        return [parameter.read(_checked(one)) for value in values for one in value.split(",")]
    if len(values) > 1:
        raise Unfit("repeated", "It may be given once only.")
    return parameter.read(_checked(values[0]))


def _checked(value: str) -> str:
    if fault := text_fault(value):
        raise Unfit("invalid_text", f"{fault}.")
    return value


def _safe(name: str) -> str:
    return name[:80].encode("ascii", "backslashreplace").decode().replace("\0", "\\0")


def _names(known: Iterable[str]) -> str:
    return f"known are {', '.join(sorted(known))}" if known else "this address takes none"


# ---------------------------------------------------------------------- what a value may be


def word(most: int = 255, pattern: str | None = None) -> tuple[Callable[[str], str], dict[str, Any]]:
    """A text that is not empty; `pattern` tells the caller more, and the query holds to it."""

    def read(value: str) -> str:
        if not 0 < len(value) <= most:
            raise Unfit("too_long" if value else "blank", f"It has between 1 and {most} characters.")
        return value

    more = {} if pattern is None else {"pattern": pattern}
    return read, {"type": "string", "minLength": 1, "maxLength": most, **more}


def choice(choices: Sequence[str]) -> tuple[Callable[[str], str], dict[str, Any]]:
    def read(value: str) -> str:
        if value not in choices:
            raise Unfit("invalid_choice", f"{shown(value)} is none of {', '.join(choices)}.")
        return value

    return read, {"type": "string", "enum": list(choices)}


def integer(least: int, most: int) -> tuple[Callable[[str], int], dict[str, Any]]:
    def read(value: str) -> int:
        if not (value.isascii() and value.isdecimal() and len(value) <= 18 and least <= int(value) <= most):
            raise Unfit("out_of_range", f"{shown(value)} is no whole number between {least} and {most}.")
        return int(value)

    return read, {"type": "integer", "minimum": least, "maximum": most}


def moment() -> tuple[Callable[[str], datetime], dict[str, Any]]:
    def read(value: str) -> datetime:
        errors: list[FieldError] = []
        # In a query an unescaped + is a blank, and an offset is where everybody forgets it.
        found = parse_time(value.replace(" ", "+") if value[-6:-5] == " " else value, "", errors)
        if found is None:
            raise Unfit(errors[0].code, errors[0].detail)
        return found

    return read, {"type": "string", "format": "date-time"}


def flag() -> tuple[Callable[[str], bool], dict[str, Any]]:
    def read(value: str) -> bool:
        if value not in ("true", "false"):
            raise Unfit("wrong_type", f"{shown(value)} is neither true nor false.")
        return value == "true"

    return read, {"type": "boolean"}


def identity() -> tuple[Callable[[str], str], dict[str, Any]]:
    def read(value: str) -> str:
        try:
            return str(UUID(value)) if len(value) == 36 else _no_id(value)
        except ValueError:
            return _no_id(value)

    return read, {"type": "string", "format": "uuid"}


def _no_id(value: str) -> str:
    raise Unfit("invalid_id", f"{shown(value)} is no id (a UUID, as the API gives them).")


# ---------------------------------------------------------------------- those that many addresses take

LIMIT = Parameter("limit", f"Rows on a page, at most {MOST}; 50 unless given.", *integer(1, MOST), example=50)
CURSOR = Parameter("cursor", "Where the page begins: take it from `next` or `previous`.", *word(2_000))
PAGE = (LIMIT, CURSOR)

AS_OF = Parameter("as_of", "The moment asked about, past or future; now unless given.", *moment(), example=NOW)
KNOWN_AT = Parameter("known_at", "Only what had been recorded by then; now unless given.", *moment(), example=NOW)
POLICY = Parameter(
    "policy",
    "Judged by this version of the rules; unless given, by the one in force when `known_at` was.",
    *integer(1, 10_000),
    example=1,
)
MOMENTS = (AS_OF, KNOWN_AT, POLICY)

CLIENT = Parameter("client", "Only of this client: its id or `source:external id`.", *word(340))
STAGE = Parameter("stage", "On one of these stages.", *choice(STAGES), many=True, example=["met", "bridging"])
HEALTH = Parameter("health", "Of one of these healths.", *choice(HEALTHS), many=True, example=["cooling"])
TIER = Parameter("tier", "Of one of these tiers.", *choice(TIERS), many=True, example=["key"])
SINCE = Parameter("since", "From this moment on, included.", *moment(), example=NOW)
UNTIL = Parameter("until", "Up to this moment, excluded.", *moment(), example=NOW)

OWNER = Parameter("owner", "Looked after by this colleague: an id, an e-mail address, `me` or `none`.", *word())
TEAM = Parameter("team", "Looked after by somebody of this team: its slug or number.", *word())


def sort(choices: Sequence[str], default: str) -> Parameter:
    """The order of a list."""
    return Parameter("sort", f"The order; a leading - turns it round; {default} unless given.", *choice(choices))
