"""The formats that can be imported. A new one is a module beside these, a line in FORMATS, a test and a paragraph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .mapping import Mapping, MappingError, parse_mapping
from .rows import ImportedRow, Item, NamedClient, NamedPerson, Place, RowError, SkippedRow, Unreadable
from .table import read_table

__all__ = [
    "FORMATS",
    "Format",
    "ImportedRow",
    "Item",
    "Mapping",
    "MappingError",
    "NamedClient",
    "NamedPerson",
    "Place",
    "RowError",
    "SkippedRow",
    "Unreadable",
    "format_named",
    "parse_mapping",
]


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its name on the command line, a line about it, and what reads it by a mapping."""

    name: str
    summary: str
    read: Callable[[Path, Mapping], Iterator[Item]]


FORMATS: tuple[Format, ...] = (
    Format("csv", "a table with a heading row (.csv; .gz, .zip or a folder of them), read by a mapping", read_table),
)


def format_named(name: str) -> Format:
    """The format of that name; LookupError when there is none."""
    for known in FORMATS:
        if known.name == name:
            return known
    raise LookupError(f"There is no format {name!r}; there are {', '.join(known.name for known in FORMATS)}.")
