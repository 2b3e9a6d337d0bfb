"""What is recorded about a person, written out: as JSON for programs and as a page for the person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import orjson
from django.template.loader import render_to_string

from relationships.queries.persons import PersonRecord

FORMAT = "relationships-person/1"
PARTS = ("events", "questions", "meetings", "ties", "unplaced")
_OPTIONS = orjson.OPT_UTC_Z


def person_json(record: PersonRecord) -> Iterator[bytes]:
    """One JSON object, a row at a time: however much there is, little of it is in memory. It ends with the counts."""
    head = {
        "format": FORMAT,
        "organisation": record.organisation,
        "exported_at": record.now,
        "person": asdict(record.person),
    }
    yield orjson.dumps(head, option=_OPTIONS)[:-1]
    counts: dict[str, int] = {}
    for part in PARTS:
        yield b',\n"%s": [' % part.encode()
        counts[part] = 0
        for row in getattr(record, part)():
            yield (b",\n" if counts[part] else b"\n") + orjson.dumps(asdict(row), option=_OPTIONS)
            counts[part] += 1
        yield b"]"
    yield b',\n"counts": %s}\n' % orjson.dumps(counts)


def person_html(record: PersonRecord) -> Iterator[bytes]:
    """The same as a page that needs nothing else: to be read, printed or sent."""
    yield _part("head", person=record.person, organisation=record.organisation, at=record.now)
    for part in PARTS:
        yield _part("section", part=part)
        yield from _rows(part, getattr(record, part)())
    yield _part("foot")


def _rows(part: str, rows: Iterable[Any]) -> Iterator[bytes]:
    empty = True
    for row in rows:
        empty = False
        yield _part("row", part=part, row=row, values=_shown(asdict(row)))
    yield _part("end", empty=empty)


# What tells a person nothing about themselves, or is told in the heading.
_UNSAID = {"ledger", "position", "chain_hash", "type_version", "request_id", "version", "sealed", "type", "occurred_at"}


def _shown(values: dict[str, Any]) -> list[tuple[str, Any]]:
    flat = {name: value for name, value in values.items() if name not in _UNSAID and name != "data"}
    flat |= values.get("data") or {}
    return [(name.replace("_", " "), value) for name, value in flat.items() if value not in (None, "", [], ())]


def _part(piece: str, **context: Any) -> bytes:
    return render_to_string("relationships/person_export.html", {"piece": piece, **context}).encode()
