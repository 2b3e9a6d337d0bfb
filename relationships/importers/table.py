"""Tables: CSV files and their kin, read by a mapping.

The rows stream: memory does not grow with the file. A row that cannot be used is yielded as a RowError with the line
on which it begins, and the rest is read on; a file that cannot be a table at all raises Unreadable.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from relationships.domain.draft import Draft
from relationships.domain.events import EVENT_TYPES, InvalidData, UnknownType, clean

from .files import CORRUPT, TooLarge, files_in, opened
from .mapping import CellError, Mapping, People
from .rows import ImportedRow, Item, NamedClient, NamedPerson, Place, RowError, SkippedRow, Unreadable

SUFFIX = ".csv"
LONGEST_LINE = 1024**2
LONGEST_CELL = 128 * 1024
MOST_COLUMNS = 1_000
LONGEST_KEY = 200
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

csv.field_size_limit(LONGEST_CELL)


def read_table(path: Path, mapping: Mapping) -> Iterator[Item]:
    """Every row of a table (or of each table in a folder, in order of name), as the mapping reads it.

    Raises Unreadable when the first table cannot be read at all; of a later one in a folder it is a RowError.
    """
    keys = _Keys(mapping)
    for number, file in enumerate(files_in(path, SUFFIX)):
        try:
            yield from _read_file(file, mapping, keys)
        except Unreadable as error:
            if number == 0 and not isinstance(error, TooLarge):
                raise
            yield RowError(Place(file.name), str(error))


def _read_file(file: Path, mapping: Mapping, keys: _Keys) -> Iterator[Item]:
    with opened(file) as (name, stream):
        text = io.TextIOWrapper(stream, mapping.dialect.encoding, errors="surrogateescape", newline="")
        rows = csv.reader(
            _lines(text, name),
            delimiter=mapping.dialect.delimiter,
            quotechar=mapping.dialect.quote,
            escapechar=mapping.dialect.escape,
        )
        header: list[str] = []
        line = 0
        try:
            header = _header(rows, name, mapping)
            while True:
                line = rows.line_num + 1
                try:
                    cells = next(rows)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield RowError(Place(name, line), f"the line is no row of a table: {error}. Check its quotes.")
                    continue
                if cells:
                    yield _read_row(Place(name, line), header, cells, mapping, keys)
        except (UnicodeError, csv.Error, *CORRUPT) as error:
            reason = f"it cannot be read on from line {rows.line_num + 1}: {_reason(error, mapping)}"
            if not header:
                raise Unreadable(f"{name}: {reason}") from error
            yield RowError(Place(name, line), reason + " What stands before it was read.")


def _reason(error: Exception, mapping: Mapping) -> str:
    if isinstance(error, UnicodeError):
        return f"it is not written in {mapping.dialect.encoding}. Name its encoding under file.encoding."
    if isinstance(error, EOFError):
        return "the compressed file ends in the middle. Fetch it again."
    return f"{error}. Fetch the file again."


def _lines(text: IO[str], name: str) -> Iterator[str]:
    """The lines, each of bounded length: what has no line ends is no table, and must not fill the memory."""
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and line[-1] not in "\r\n":
            raise Unreadable(f"{name} has a line of more than {LONGEST_LINE:,} characters: it is no table of rows.")
        yield line


def _header(rows: Iterator[list[str]], name: str, mapping: Mapping) -> list[str]:
    header = list(mapping.dialect.columns) or [cell.strip() for cell in next(rows, [])]
    if len(header) > MOST_COLUMNS:
        raise Unreadable(f"{name} has {len(header):,} columns; at most {MOST_COLUMNS:,} are read.")
    if any("\0" in cell or _is_damaged(cell) for cell in header):
        raise Unreadable(
            f"{name} does not begin like a table written in {mapping.dialect.encoding.removesuffix('-sig')}. Check that"
            " it is one, and name its encoding under file.encoding."
        )
    _check_columns(header, name, mapping)
    return header


def _check_columns(header: list[str], name: str, mapping: Mapping) -> None:
    named = mapping.columns()
    if absent := sorted(named - set(header)):
        listed = ", ".join(repr(column) for column in header[:20])
        hint = "" if len(header) > 1 else " Is file.delimiter right?"
        raise Unreadable(
            f"{name} has no column {', '.join(map(repr, absent))}, which the mapping names. Its columns are"
            f" {listed or 'none'}.{hint}"
        )
    if twice := sorted(column for column in named if header.count(column) > 1):
        raise Unreadable(f"{name} has several columns {twice[0]!r}: which one is meant? Rename one of them.")


def _read_row(place: Place, header: list[str], cells: list[str], mapping: Mapping, keys: _Keys) -> Item:
    if len(cells) != len(header):
        return RowError(
            place,
            f"the row has {len(cells)} cells where the heading has {len(header)}. Check its quotes and delimiters.",
        )
    row = {column: _present(cell, mapping.missing) for column, cell in zip(header, cells, strict=True)}
    if damaged := next((column for column, cell in row.items() if _is_damaged(cell)), None):
        encoding = mapping.dialect.encoding.removesuffix("-sig")
        return RowError(place, f"column {damaged} is not written in {encoding}. Correct it, or see file.encoding.")
    if unprintable := next((column for column, cell in row.items() if "\0" in cell), None):
        return RowError(place, f"column {unprintable} holds a NUL character, which is no text. Take it out.")
    if not all(condition.holds(row) for condition in mapping.keep) or any(
        condition.holds(row) for condition in mapping.skip
    ):
        return SkippedRow(place)
    try:
        return _imported(place, row, mapping, keys.of(row))
    except CellError as error:
        return RowError(place, str(error))
    except InvalidData as error:
        return RowError(place, "; ".join(f"{field.pointer.lstrip('/')}: {field.detail}" for field in error.errors))
    except UnknownType as error:
        return RowError(place, f"{error} Correct the cell, or give event.type patterns.")


def _imported(place: Place, row: dict[str, str], mapping: Mapping, key: str) -> ImportedRow:
    occurred_at = mapping.clock.of(row)
    if occurred_at < EARLIEST:
        raise CellError(f"the time {occurred_at.date()} lies before 1970; the log begins there.")
    kind = mapping.type.of(row)
    if kind not in EVENT_TYPES or not EVENT_TYPES[kind].postable:
        raise CellError(f"{kind!r} is no type of event that is imported. Give event.type patterns for it.")
    draft = Draft(
        type=kind,
        occurred_at=occurred_at,
        occurred_tz=mapping.clock.zone,
        precision=mapping.clock.precision,
        source=mapping.source,
        external_id=key,
        text=mapping.text.of(row) if mapping.text else None,
        data=clean(kind, _data(kind, row, mapping, key), resolved=False),
    )
    return ImportedRow(
        place=place,
        draft=draft,
        clients=_clients(row, mapping),
        our_people=_people(row, mapping.our_people),
        contacts=_people(row, mapping.contacts),
        stated=_stated_client(row, mapping),
    )


def _data(kind: str, row: dict[str, str], mapping: Mapping, key: str) -> dict[str, Any]:
    """The fields that this type has; a meeting without an id of its own is known by the row's key."""
    specs = EVENT_TYPES[kind].specs
    data: dict[str, Any] = {}
    for name in mapping.data.keys() & specs.keys():
        value = mapping.data[name]
        found = value.all_of(row) if specs[name].kind == "texts" else value.of(row)
        if found not in (None, []):
            data[name] = found
    if EVENT_TYPES[kind].kind == "meeting":
        data.setdefault("meeting_id", key)
    return data


def _clients(row: dict[str, str], mapping: Mapping) -> tuple[NamedClient, ...]:
    names: list[str | None] = []
    if mapping.client_name:
        names += [_one_line(name) for name in mapping.client_name.all_of(row)]
    ids: list[str | None] = mapping.client_id.all_of(row) if mapping.client_id else []
    if ids and names and len(ids) != len(names):
        raise CellError(f"the row names {len(names)} clients and {len(ids)} ids of clients; they must be as many.")
    pairs = list(zip(names or [None] * len(ids), ids or [None] * len(names), strict=True))
    return tuple(NamedClient(name, external_id) for name, external_id in dict.fromkeys(pairs))


def _stated_client(row: dict[str, str], mapping: Mapping) -> str:
    value = mapping.client_name or mapping.client_id
    return _one_line((value.stated(row) if value else None) or "")


def _people(row: dict[str, str], people: People) -> tuple[NamedPerson, ...]:
    listed = {name: value.all_of(row) for name, value in people.given().items() if name != "platform"}
    listed = {name: values for name, values in listed.items() if values}
    count = max(map(len, listed.values()), default=0)
    if uneven := next((name for name, values in listed.items() if len(values) != count), None):
        raise CellError(f"the row names {count} people, but {len(listed[uneven])} of them with {uneven}.")
    platform = people.platform.of(row) if people.platform else None
    return tuple(
        NamedPerson(**{name: _one_line(values[n]) for name, values in listed.items()}, platform=platform)
        for n in range(count)
    )


class _Keys:
    """The natural key of a row: the source's own id, or a hash of the columns that tell one record from another."""

    def __init__(self, mapping: Mapping) -> None:
        self._columns = mapping.key
        self._numbered = mapping.repeats == "numbered"
        self._seen: dict[str, int] = {}

    def of(self, row: dict[str, str]) -> str:
        """The row's key. Numbered, the second of two equal rows has another; else they are one record."""
        key = self._stated(row)
        if not self._numbered:
            return key
        number = self._seen[key] = self._seen.get(key, 0) + 1
        return key if number == 1 else f"{key}#{number}"

    def _stated(self, row: dict[str, str]) -> str:
        if len(self._columns) > 1:
            text = "".join(f"{len(row[column])}:{row[column]}" for column in self._columns)
            return hashlib.sha256(text.encode()).hexdigest()[:32]
        key = row[self._columns[0]]
        if not key or len(key) > LONGEST_KEY:
            raise CellError(
                f"column {self._columns[0]} holds no id of up to {LONGEST_KEY} characters. Correct the cell, or name"
                " several columns under key."
            )
        return key


def _present(cell: str, missing: frozenset[str]) -> str:
    cell = cell.strip()
    return "" if cell.casefold() in missing else cell


def _is_damaged(cell: str) -> bool:
    """Whether bytes that the encoding does not know were kept as surrogates."""
    return not cell.isascii() and any("\ud800" <= character <= "\udfff" for character in cell)


def _one_line(text: str) -> str:
    return " ".join(text.split())
