"""The mapping: a TOML file that says what the columns of a table mean.

`parse_mapping` turns its text into a `Mapping` or raises MappingError, which names the key, the value and the remedy.
Every key is explained, with a worked example, in `docs/importing.md`.
"""

from __future__ import annotations

import codecs
import difflib
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Mapping as Dict
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from relationships.domain.events import EVENT_TYPES

Row = Dict[str, str]

PRECISIONS = ("instant", "day", "month")
UNKNOWN_CLIENTS = ("unmatched", "register")
REPEATS = ("same", "numbered")
TIMESTAMPS = {"unix": 1, "unix_ms": 1000}
ISO = "iso"

_T = TypeVar("_T")


class MappingError(ValueError):
    """A mapping that cannot be used. `key` is the dotted path of what is wrong ("" for the file as a whole)."""

    def __init__(self, key: str, problem: str, remedy: str) -> None:
        self.key = key
        super().__init__(f"{key}: {problem} {remedy}" if key else f"{problem} {remedy}")


class CellError(ValueError):
    """A cell that does not hold what the mapping says; the text names the column, the value and the remedy."""


@dataclass(frozen=True, slots=True)
class Value:
    """What one field is taken from: a constant, or cells of a row.

    The cells of `columns` are joined by a blank, equal ones once, missing ones left out. `pattern` keeps what its first
    group, or the whole of it, matches, and nothing when it does not. `when` picks the value of the first pattern that
    is found.
    """

    constant: Any = None
    columns: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    when: tuple[tuple[re.Pattern[str], Any], ...] = ()
    otherwise: Any = None
    cut: re.Pattern[str] | None = None
    number: bool = False

    def of(self, row: Row) -> Any:
        """The value in this row: a string, a number, a list (when it is split), the mapping's word, or None."""
        if not self.columns:
            return self.constant
        text = self.stated(row)
        if self.when:
            return self._chosen(text)
        if self.pattern is not None and text is not None:
            text = _captured(self.pattern, text)
        if self.cut is not None:
            return list(_parts(text, self.cut))
        if self.number and text is not None:
            return self._number(text)
        return text

    def all_of(self, row: Row) -> list[Any]:
        """The value as a list: empty when there is none, one element when it is not split."""
        value = self.of(row)
        if value is None:
            return []
        return value if isinstance(value, list) else [value]

    def stated(self, row: Row) -> str | None:
        """What stands in the cells, before any pattern."""
        if len(self.columns) == 1:
            return row[self.columns[0]] or None
        return " ".join(dict.fromkeys(row[column] for column in self.columns if row[column])) or None

    def outcomes(self) -> set[Any] | None:
        """Every value that can come out, or None when a cell decides freely."""
        if not self.columns:
            return {self.constant}
        if not self.when:
            return None
        return {value for _, value in self.when} | ({self.otherwise} - {None})

    def _chosen(self, text: str | None) -> Any:
        for pattern, value in self.when:
            if pattern.search(text or ""):
                return value
        if self.otherwise is None:
            raise CellError(
                f"no pattern for {_columns(self.columns)} fits {_short(text)}. Add one to the mapping, or `otherwise`."
            )
        return self.otherwise

    def _number(self, text: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise CellError(f"{_columns(self.columns)} holds {_short(text)}, which is no whole number.") from None


@dataclass(frozen=True, slots=True)
class Clock:
    """How the time of a row is read."""

    columns: tuple[str, ...]
    formats: tuple[str, ...]
    zone: str
    precision: str

    def of(self, row: Row) -> datetime:
        """The instant, in UTC: for a day or a month, the first instant of it in the mapping's zone."""
        text = " ".join(row[column] for column in self.columns if row[column])
        if not text:
            raise CellError(f"{_columns(self.columns)} is empty; a row without a time is no event.")
        moment = self._read(text)
        if self.precision != "instant":
            local = moment.astimezone(ZoneInfo(self.zone)) if moment.tzinfo else moment
            moment = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
            if self.precision == "month":
                moment = moment.replace(day=1)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(self.zone))
        return moment.astimezone(UTC)

    def _read(self, text: str) -> datetime:
        for form in self.formats:
            try:
                if form in TIMESTAMPS:
                    return datetime.fromtimestamp(float(text) / TIMESTAMPS[form], UTC)
                return datetime.fromisoformat(text) if form == ISO else datetime.strptime(text, form)
            except (ValueError, OverflowError, OSError):
                continue
        expected = " or ".join(self.formats)
        raise CellError(
            f"{_columns(self.columns)} holds {_short(text)}, which is no time of the form {expected}. Correct the"
            " cell, or name its form under time.format."
        )


@dataclass(frozen=True, slots=True)
class Condition:
    """A rule about one row: a pattern that is found in the cells of some columns."""

    columns: tuple[str, ...]
    pattern: re.Pattern[str]

    def holds(self, row: Row) -> bool:
        """Whether the pattern is found; an empty cell is searched as the empty text."""
        return bool(self.pattern.search(" ".join(row[column] for column in self.columns)))


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the table is written down."""

    encoding: str = "utf-8-sig"
    delimiter: str = ","
    quote: str = '"'
    escape: str | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class People:
    """Where the people of a row stand. Lists of several fields run in step: the second name has the second key."""

    name: Value | None = None
    email: Value | None = None
    key: Value | None = None
    platform: Value | None = None
    handle: Value | None = None

    def given(self) -> dict[str, Value]:
        """The fields that the mapping names."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}


@dataclass(frozen=True, slots=True)
class Mapping:
    """A whole mapping, checked."""

    source: str
    key: tuple[str, ...]
    repeats: str
    missing: frozenset[str]
    unknown_clients: str
    dialect: Dialect
    keep: tuple[Condition, ...]
    skip: tuple[Condition, ...]
    client_name: Value | None
    client_id: Value | None
    clock: Clock
    type: Value
    text: Value | None
    data: dict[str, Value]
    our_people: People
    contacts: People

    def columns(self) -> set[str]:
        """Every column that is named."""
        values: list[Value] = [self.type, *self.data.values()]
        values += [value for value in (self.client_name, self.client_id, self.text) if value]
        for people in (self.our_people, self.contacts):
            values += people.given().values()
        named: set[str] = {*self.key, *self.clock.columns}
        named.update(column for value in values for column in value.columns)
        named.update(column for condition in (*self.keep, *self.skip) for column in condition.columns)
        return named


def parse_mapping(text: str) -> Mapping:
    """The mapping that a TOML text states; MappingError when it cannot be used."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError("", f"The mapping is not valid TOML: {error}.", "Correct that place.") from None
    return _mapping(_Reader(table))


def _mapping(top: _Reader) -> Mapping:
    client, time, event = top.table("client"), top.table("time"), top.table("event")
    mapping = Mapping(
        source=_source(top),
        key=top.names("key", required=True),
        repeats=top.choice("repeats", REPEATS),
        missing=frozenset(word.casefold() for word in top.words("missing")),
        unknown_clients=top.choice("unknown_clients", UNKNOWN_CLIENTS),
        dialect=_dialect(top.table("file")),
        keep=_conditions(top, "keep"),
        skip=_conditions(top, "skip"),
        client_name=client.value("name", constant=False),
        client_id=client.value("id", constant=False),
        clock=_clock(time),
        type=event.value("type", required=True) or Value(),
        text=event.value("text", constant=False),
        data=_data(event.table("data")),
        our_people=_people(top.table("our_people")),
        contacts=_people(top.table("contacts")),
    )
    for table in (client, time, event, top):
        table.close()
    if mapping.client_name is None and mapping.client_id is None:
        raise MappingError(
            "client", "no column names the client.", 'Give client.name or client.id, such as name = {column = "firm"}.'
        )
    if mapping.unknown_clients == "register" and mapping.client_name is None:
        raise MappingError(
            "client.name",
            "is missing, and a client cannot be made without a name.",
            'Name its column, or set unknown_clients = "unmatched".',
        )
    _check_vocabulary(mapping)
    return mapping


def possible_types(mapping: Mapping) -> set[str]:
    """The event types that the mapping can produce."""
    outcomes = mapping.type.outcomes()
    return {name for name, kind in EVENT_TYPES.items() if kind.postable} if outcomes is None else outcomes


def _check_vocabulary(mapping: Mapping) -> None:
    types = possible_types(mapping)
    for name in types:
        kind = EVENT_TYPES.get(name)
        if kind is None:
            raise MappingError("event.type", f"there is no event type {name!r}.", _nearest(name, EVENT_TYPES))
        if not kind.postable:
            raise MappingError(
                "event.type", f"{name} is not recorded by imports.", "Pick a type of docs/events.md that is."
            )
    allowed = {field for name in types for field in EVENT_TYPES[name].specs}
    for name in mapping.data:
        if name in ("contacts", "our_people"):
            raise MappingError(f"event.data.{name}", "people have tables of their own.", f"Use [{name}] instead.")
        if name not in allowed:
            raise MappingError(
                f"event.data.{name}",
                f"no field of {', '.join(sorted(types)[:3])} has this name.",
                _nearest(name, allowed),
            )


def _source(top: _Reader) -> str:
    source = top.text("source", required=True) or ""
    if ":" in source or not source.strip() or len(source) > 60:
        raise MappingError("source", f"{source!r} names no source.", "Use up to 60 letters, without a colon.")
    return source


def _dialect(table: _Reader) -> Dialect:
    encoding = table.text("encoding") or "utf-8"
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise MappingError("file.encoding", f"{encoding!r} is no encoding.", 'Try "utf-8" or "cp1252".') from None
    dialect = Dialect(
        encoding="utf-8-sig" if name == "utf-8" else name,
        delimiter=table.character("delimiter") or ",",
        quote=table.character("quote") or '"',
        escape=table.character("escape"),
        columns=table.names("columns"),
    )
    table.close()
    return dialect


def _clock(table: _Reader) -> Clock:
    clock = Clock(
        columns=table.names("column", required=True),
        formats=table.words("format") or (ISO,),
        zone=table.text("zone") or "UTC",
        precision=table.choice("precision", PRECISIONS),
    )
    for form in clock.formats:
        if form in (ISO, *TIMESTAMPS):
            continue
        try:
            datetime.strptime("", form)
        except ValueError as error:
            if "bad directive" in str(error) or "stray" in str(error) or "%" not in form:
                raise MappingError(
                    "time.format",
                    f"{form!r} is no form of a time.",
                    'Write it as in Python\'s strptime, such as "%d-%m-%Y", or "iso", "unix", "unix_ms".',
                ) from None
    try:
        ZoneInfo(clock.zone)
    except (KeyError, ValueError, OSError):
        raise MappingError(
            "time.zone", f"{clock.zone!r} is no time zone.", 'Use an IANA name such as "Europe/Brussels".'
        ) from None
    return clock


def _conditions(top: _Reader, name: str) -> tuple[Condition, ...]:
    conditions = []
    for table in top.tables(name):
        columns = table.names("column", required=True)
        pattern = table.pattern("pattern")
        if pattern is None:
            raise table.error("pattern", "is missing.", "Give the regular expression to look for.")
        conditions.append(Condition(columns, pattern))
        table.close()
    return tuple(conditions)


def _data(table: _Reader) -> dict[str, Value]:
    return {name: value for name in table.keys_given() if (value := table.value(name)) is not None}


def _people(table: _Reader) -> People:
    people = People(**{field.name: table.value(field.name) for field in fields(People)})
    table.close()
    given = people.given()
    if given and not {"name", "email", "key", "handle"} & given.keys():
        raise table.error("name", "is missing.", "Name the column of name, email, key or handle.")
    if people.handle and not people.platform:
        raise table.error("platform", "is missing.", 'A handle needs one, such as platform = "linkedin".')
    return people


class _Reader:
    """One table of the TOML, taken key by key; `close` refuses what nobody asked for."""

    def __init__(self, table: dict[str, Any], path: str = "") -> None:
        self._table = table
        self._path = path
        self._known: set[str] = set()

    def keys_given(self) -> list[str]:
        return list(self._table)

    def error(self, key: str, problem: str, remedy: str) -> MappingError:
        return MappingError(f"{self._path}.{key}" if self._path else key, problem, remedy)

    def _take(self, key: str, kind: type[_T], called: str) -> _T | None:
        self._known.add(key)
        value = self._table.get(key)
        if value is None:
            return None
        if not isinstance(value, kind):
            raise self.error(key, f"{value!r} is not {called}.", f"Write {called}.")
        return value

    def text(self, key: str, *, required: bool = False) -> str | None:
        value = self._take(key, str, "a text in quotes")
        if value is None and required:
            raise self.error(key, "is missing.", "See docs/importing.md for what it means.")
        return value

    def character(self, key: str) -> str | None:
        value = self.text(key)
        if value is not None and len(value) != 1:
            raise self.error(key, f"{value!r} is not one character.", 'Write one, such as ";" or "\\t".')
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        value = self.text(key)
        if value is None:
            return allowed[0]
        if value not in allowed:
            raise self.error(key, f"{value!r} is not known.", f"Use one of {', '.join(allowed)}.")
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """A text or a list of texts."""
        self._known.add(key)
        value = self._table.get(key, [])
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(word, str) for word in listed):
            raise self.error(key, f"{value!r} is neither a text nor a list of texts.", 'Write ["a", "b"].')
        return tuple(listed)

    def names(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """One column or several."""
        names = self.words(key)
        if required and not names:
            raise self.error(key, "is missing.", 'Name a column, or several: ["date", "time"].')
        return names

    def pattern(self, key: str) -> re.Pattern[str] | None:
        value = self.text(key)
        if value is None:
            return None
        try:
            return re.compile(value)
        except re.error as error:
            raise self.error(key, f"{value!r} is no regular expression: {error}.", "Correct it.") from None

    def table(self, key: str) -> _Reader:
        return self._below(key, self._take(key, dict, "a table") or {})

    def tables(self, key: str) -> Iterator[_Reader]:
        for number, table in enumerate(self._take(key, list, "a list of tables") or []):
            if not isinstance(table, dict):
                raise self.error(key, f"{table!r} is not a table.", f"Write [[{key}]] for each.")
            yield self._below(f"{key}[{number}]", table)

    def _below(self, key: str, table: dict[str, Any]) -> _Reader:
        return _Reader(table, f"{self._path}.{key}" if self._path else key)

    def value(self, key: str, *, required: bool = False, constant: bool = True) -> Value | None:
        """A constant, or a table {column, pattern, when, otherwise, split, whole, number}."""
        self._known.add(key)
        stated = self._table.get(key)
        if stated is None:
            if required:
                raise self.error(key, "is missing.", 'Give a word, or {column = "…"}.')
            return None
        if isinstance(stated, dict):
            return self._below(key, stated)._cells()
        if not constant or isinstance(stated, float):
            raise self.error(key, f"{stated!r} names no column.", f'Write {key} = {{column = "…"}}.')
        return Value(constant=stated)

    def _cells(self) -> Value:
        value = Value(
            columns=self.names("column", required=True),
            pattern=self.pattern("pattern"),
            when=tuple(self._cases()),
            otherwise=self._take("otherwise", object, "a value"),
            cut=_cutter(self.words("split"), self.words("whole")),
            number=self._take("number", bool, "true or false") or False,
        )
        self.close()
        if value.otherwise is not None and not value.when:
            raise self.error("otherwise", "stands without `when`.", "Add the patterns that come before it.")
        if value.when and (value.pattern or value.cut or value.number):
            raise self.error("when", "cannot be used with pattern, split or number.", "Keep one of them.")
        return value

    def _cases(self) -> Iterator[tuple[re.Pattern[str], Any]]:
        for case in self.tables("when"):
            pattern, value = case.pattern("pattern"), case._take("is", object, "a value")
            if pattern is None or value is None:
                raise case.error("pattern", "or `is` is missing.", 'Write {pattern = "…", is = "…"}.')
            case.close()
            yield pattern, value

    def close(self) -> None:
        """Raises MappingError for a key that means nothing."""
        for key in self._table:
            if key not in self._known:
                raise self.error(key, "means nothing here.", _nearest(key, self._known))


def _cutter(separators: Iterable[str], whole: Iterable[str]) -> re.Pattern[str] | None:
    """Finds where a cell is cut (group 1), passing over the names that are never cut."""
    longest_first = sorted((s for s in separators if s), key=len, reverse=True)
    if not longest_first:
        return None
    kept = "|".join(re.escape(name) for name in sorted(whole, key=len, reverse=True))
    cuts = "|".join(re.escape(separator) for separator in longest_first)
    return re.compile(f"(?:{kept})|({cuts})" if kept else f"({cuts})", re.IGNORECASE)


def _parts(text: str | None, cut: re.Pattern[str]) -> Iterator[str]:
    start = 0
    for found in cut.finditer(text or ""):
        if found.group(1) is not None:
            if part := (text or "")[start : found.start()].strip():
                yield part
            start = found.end()
    if part := (text or "")[start:].strip():
        yield part


def _captured(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    if found is None:
        return None
    groups = [group for group in found.groups() if group]
    return ((groups[0] if groups else "") if pattern.groups else found.group()).strip() or None


def _columns(columns: tuple[str, ...]) -> str:
    return ("column " if len(columns) == 1 else "columns ") + ", ".join(columns)


def _short(text: str | None) -> str:
    return repr(text if text is None or len(text) <= 60 else text[:57] + "…")


def _nearest(word: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(sorted(known)[:12])}."
