"""The two public registers, read with the mappings kept in the repository (skipped where the data is not there)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from relationships.importers import ImportedRow, Item, RowError, SkippedRow, format_named, parse_mapping

ROOT = Path(__file__).parents[2]
MEETINGS = ROOT.parent / "shared" / "data" / "meetings"

pytestmark = pytest.mark.real_data


def read(file: str, mapping: str) -> list[Item]:
    kept = (ROOT / "docs" / "mappings" / mapping).read_text(encoding="utf-8")
    return list(format_named("csv").read(MEETINGS / file, parse_mapping(kept)))


def rows_of(items: list[Item]) -> list[ImportedRow]:
    return [item for item in items if isinstance(item, ImportedRow)]


def test_the_declared_meetings_are_read_without_a_refused_row() -> None:
    items = read("ep_mep_meetings_2019-2020.csv.gz", "ep_mep_meetings.toml")
    rows = rows_of(items)
    assert (len(items), len(rows)) == (13_564, 13_564)
    assert len({row.draft.external_id for row in rows}) == 13_564 - 7
    assert len({person.key for row in rows for person in row.our_people}) == 351
    kinds = Counter((row.draft.type, row.draft.data.get("mode")) for row in rows)
    assert kinds["meeting_held", "in_person"] > 8_900
    assert kinds["meeting_held", "video"] > 4_000
    assert kinds["call_held", None] > 300


def test_the_diary_gives_meetings_with_outsiders_only_and_guesses_nobody() -> None:
    items = read("nl_ministers_agenda_2022.csv", "nl_ministers_agenda.toml")
    rows = rows_of(items)
    assert len(items) == 499
    assert sum(isinstance(item, SkippedRow) for item in items) == 141
    assert not [item for item in items if isinstance(item, RowError)]
    named = [str(client) for row in rows for client in row.clients]
    assert "Rabobank" in named
    assert all(not row.clients for row in rows if row.stated == "Bestuurlijk Omgevingsberaad")
    several = next(row for row in rows if len(row.our_people) == 3)
    assert all(person.name == (person.name or "").strip() for person in several.our_people)
