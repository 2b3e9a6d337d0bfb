"""What every importer yields: rows that were read, rows that could not be, and rows that the mapping leaves out.

Importers are pure: a file in, these values out. Who the named organisations and people are is found out later, by
`relationships.ingest`.
"""

from __future__ import annotations

from dataclasses import dataclass

from relationships.domain.draft import Draft


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in what was imported: the file's name and its line (from 1; 0 is the whole file)."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class NamedClient:
    """A client as the source names it: by its own id for it, by name, or by both."""

    name: str | None = None
    external_id: str | None = None

    def __str__(self) -> str:
        return self.name or self.external_id or ""


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """A person as the source names them. `key` is the source's own stable id for the person, when it has one."""

    name: str | None = None
    email: str | None = None
    key: str | None = None
    platform: str | None = None
    handle: str | None = None


@dataclass(frozen=True, slots=True)
class ImportedRow:
    """One record of the source: an event to be recorded once for each client that it names.

    `draft.data` holds neither `contacts` nor `our_people`: those are `contacts` and `our_people` here. No client:
    the row names none, and `stated` is what stood where one was looked for.
    """

    place: Place
    draft: Draft
    clients: tuple[NamedClient, ...]
    our_people: tuple[NamedPerson, ...] = ()
    contacts: tuple[NamedPerson, ...] = ()
    stated: str = ""


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that cannot be recorded: where it stands, what is wrong, and what can be done about it."""

    place: Place
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that the mapping leaves out on purpose."""

    place: Place


Item = ImportedRow | RowError | SkippedRow


class Unreadable(Exception):
    """Nothing can be read: the file or folder is not what it was said to be. The text says why, and the remedy."""
