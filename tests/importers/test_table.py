"""Tables read by a mapping: what becomes a row, what an error, and where it stands."""

from __future__ import annotations

import gzip
import tracemalloc
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relationships.importers import (
    ImportedRow,
    Item,
    Mapping,
    NamedPerson,
    RowError,
    SkippedRow,
    Unreadable,
    files,
    format_named,
    parse_mapping,
)

SAMPLES = Path(__file__).parent / "samples"
MAPPING = parse_mapping((SAMPLES / "visits.toml").read_text(encoding="utf-8"))
HEADING = "visit,day,firm,how,who,title,subject"
GOOD = "V-9,03-09-2024,Pemba Foods,at our place,Ada Brandt,Talk,"


def read(path: Path, mapping: Mapping = MAPPING) -> list[Item]:
    return list(format_named("csv").read(path, mapping))


def written(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def changed(**replaced: str) -> Mapping:
    text = (SAMPLES / "visits.toml").read_text(encoding="utf-8")
    for key, line in replaced.items():
        text = text.replace(next(each for each in text.splitlines() if each.startswith(f"{key} = ")), line)
    return parse_mapping(text)


def rows_of(items: list[Item]) -> list[ImportedRow]:
    return [item for item in items if isinstance(item, ImportedRow)]


def errors_of(items: list[Item]) -> list[str]:
    return [str(item) for item in items if isinstance(item, RowError)]


def test_a_row_becomes_an_event_with_client_people_and_the_first_instant_of_the_day_in_its_zone() -> None:
    first = read(SAMPLES / "visits.csv")[0]
    assert isinstance(first, ImportedRow)
    assert [client.name for client in first.clients] == ["Lindqvist & Moor"]
    assert first.our_people == (NamedPerson(name="Ada Brandt"),)
    draft = first.draft
    assert (draft.type, draft.source, draft.external_id) == ("meeting_held", "visits", "V-1")
    assert (draft.occurred_at, draft.occurred_tz, draft.precision) == (
        datetime(2024, 9, 2, 22, tzinfo=UTC),
        "Europe/Brussels",
        "day",
    )
    assert draft.text == "Kick-off"
    assert draft.data["mode"] == "in_person"
    assert draft.data["topics"] == ["Warehouse"]
    assert draft.data["meeting_id"] == "V-1"


def test_rules_on_a_column_pick_type_and_mode_and_a_field_that_the_type_lacks_is_left_out() -> None:
    rows = rows_of(read(SAMPLES / "visits.csv"))
    assert [(row.draft.type, row.draft.data.get("mode")) for row in rows] == [
        ("meeting_held", "in_person"),
        ("meeting_held", "video"),
        ("call_held", None),
        ("meeting_held", "in_person"),
    ]


def test_a_cell_is_cut_only_where_the_mapping_says_so() -> None:
    rows = rows_of(read(SAMPLES / "visits.csv"))
    assert [client.name for client in rows[1].clients] == ["Hallgren, Voss and Partners"]
    assert [client.name for client in rows[2].clients] == ["Pemba Foods", "Tarn Textiles"]
    assert [person.name for person in rows[1].our_people] == ["Ada Brandt", "Ben Okafor"]


def test_names_that_hold_a_separator_can_be_kept_whole(tmp_path: Path) -> None:
    mapping = changed(
        name='name = { column = "firm", split = [",", " and "], whole = ["Voss and Partners"] }',
    )
    path = written(tmp_path, f'{HEADING}\nV-1,03-09-2024,"Hallgren, VOSS AND PARTNERS and Pemba Foods",x,Ada,T,\n')
    row = rows_of(read(path, mapping))[0]
    assert [client.name for client in row.clients] == ["Hallgren", "VOSS AND PARTNERS", "Pemba Foods"]


def test_a_row_with_a_bad_cell_is_an_error_with_its_line_and_the_rest_is_read() -> None:
    items = read(SAMPLES / "visits.csv")
    assert errors_of(items) == [
        "visits.csv, line 6: column day holds '31-02-2024', which is no time of the form %d-%m-%Y. Correct the cell,"
        " or name its form under time.format."
    ]
    assert len(rows_of(items)) == 4
    assert [item.place.line for item in items if isinstance(item, SkippedRow)] == [8]


def test_the_line_of_a_row_is_where_it_begins_though_cells_span_lines() -> None:
    assert [row.place.line for row in rows_of(read(SAMPLES / "visits.csv"))] == [2, 3, 5, 7]


def test_a_row_that_names_no_client_keeps_its_event_and_has_none() -> None:
    assert rows_of(read(SAMPLES / "visits.csv"))[-1].clients == ()


def test_missing_words_count_as_empty_cells() -> None:
    assert "topics" not in rows_of(read(SAMPLES / "visits.csv"))[2].draft.data


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_and_any_line_end_are_taken(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, f"\ufeff{HEADING}{ending}{GOOD}{ending}{ending}")
    assert len(rows_of(read(path))) == 1


def test_gzip_zip_and_folder_are_read_by_what_they_are(tmp_path: Path) -> None:
    text = f"{HEADING}\n{GOOD}\n".encode()
    with gzip.open(tmp_path / "a.csv.gz", "wb") as packed:
        packed.write(text)
    with zipfile.ZipFile(tmp_path / "b.csv.zip", "w") as archive:
        archive.writestr("__MACOSX/._b.csv", b"litter")
        archive.writestr("inner/b.csv", text)
    (tmp_path / "c.csv").write_bytes(text)
    (tmp_path / "notes.txt").write_text("not a table")
    places = [str(row.place) for row in rows_of(read(tmp_path))]
    assert places == ["a.csv.gz, line 2", "b.csv.zip/inner/b.csv, line 2", "c.csv, line 2"]


def test_a_gzip_file_cut_off_keeps_what_stands_before_and_says_so(tmp_path: Path) -> None:
    lines = "".join(GOOD.replace("V-9", f"V-{number}") + "\n" for number in range(5_000))
    packed = gzip.compress(f"{HEADING}\n{lines}".encode())
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(packed[: len(packed) // 2])
    items = read(path)
    assert rows_of(items)
    assert "the compressed file ends in the middle" in errors_of(items)[-1]


def test_cells_in_another_encoding_refuse_their_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(f"{HEADING}\n{GOOD}\n".encode() + GOOD.replace("Talk", "Möte").encode("cp1252") + b"\n")
    items = read(path)
    assert len(rows_of(items)) == 1
    assert (
        errors_of(items)
        == ["table.csv, line 3: column title is not written in utf-8. Correct the cell, or see file.encoding."]
        or "column title is not written in utf-8" in errors_of(items)[0]
    )


def test_another_encoding_and_delimiter_can_be_named(tmp_path: Path) -> None:
    mapping = parse_mapping(
        (SAMPLES / "visits.toml").read_text(encoding="utf-8") + '\n[file]\nencoding = "cp1252"\ndelimiter = ";"\n'
    )
    text = f"{HEADING}\n{GOOD}\n".replace(",", ";").replace("Talk", "Möte")
    assert rows_of(read(written(tmp_path, text, "cp1252"), mapping))[0].draft.text == "Möte"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("V-1,03-09-2024,Pemba Foods", "the row has 3 cells where the heading has 7"),
        (GOOD + ",extra", "the row has 8 cells where the heading has 7"),
        (",03-09-2024,Pemba,x,Ada,T,", "column visit holds no id"),
        ("V-1,,Pemba,x,Ada,T,", "column day is empty"),
        ("V-1,03-09-1924,Pemba,x,Ada,T,", "lies before 1970"),
    ],
)
def test_a_bad_row_says_what_is_wrong(tmp_path: Path, line: str, reason: str) -> None:
    items = read(written(tmp_path, f"{HEADING}\n{line}\n{GOOD}\n"))
    assert reason in errors_of(items)[0]
    assert errors_of(items)[0].startswith("table.csv, line 2: ")
    assert len(rows_of(items)) == 1


def test_text_that_cannot_be_stored_is_an_error_of_its_row(tmp_path: Path) -> None:
    items = read(
        written(tmp_path, f"{HEADING}\n{GOOD.replace('Ada Brandt,Talk,', 'Ada,T,a' + chr(0) + 'b')}\n{GOOD}\n")
    )
    assert len(errors_of(items)) == 1
    assert len(rows_of(items)) == 1


def test_an_open_quote_does_not_swallow_the_file(tmp_path: Path) -> None:
    lines = "".join(f"{GOOD}\n" for _ in range(4_000))
    items = read(written(tmp_path, f'{HEADING}\nV-1,03-09-2024,"Pemba Foods,x,Ada,T,\n{lines}'))
    assert rows_of(items)
    assert errors_of(items)[0].startswith("table.csv, line 2: the line is no row of a table")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "does not begin like a table"),
        (b"PK\x03\x04 not really a zip", "is not a whole zip file"),
        (b"\x1f\x8b not really gzip", "cannot be read"),
        (b"name;date\nPemba;2024-01-01\n", "Is file.delimiter right?"),
        (b"visit,day,firm,how,who,title,title\n", "has no column 'subject'"),
        (b"x" * 3_000_000, "a line of more than"),
        (b",".join(b"c%d" % n for n in range(2_000)) + b"\n", "2,000 columns"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=reason.replace("?", r"\?")):
        read(path)


def test_a_missing_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="does not exist"):
        read(tmp_path / "none.csv")
    with pytest.raises(Unreadable, match="holds no file"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"a.csv": "x", "b.csv": "y"}, "holds 2 files"),
        ({}, "holds 0 files"),
        ({"inner.zip": "x"}, "holds another archive"),
    ],
)
def test_a_zip_must_hold_exactly_one_plain_file(tmp_path: Path, members: dict[str, str], reason: str) -> None:
    path = tmp_path / "table.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    with pytest.raises(Unreadable, match=reason):
        read(path)


def test_a_file_that_unpacks_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SMALL", 1024)
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(f"{HEADING}\n".encode() + f"{GOOD}\n".encode() * 5_000))
    items = read(path)
    assert "unpacks to more than" in errors_of(items)[-1]


def test_equal_rows_are_one_record_or_numbered_as_the_mapping_says(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEADING}\n{GOOD}\n{GOOD}\n")
    same = changed(key='key = ["day", "firm", "title"]')
    numbered = changed(key='key = ["day", "firm", "title"]\nrepeats = "numbered"')
    first, second = (row.draft.external_id for row in rows_of(read(path, same)))
    assert first == second
    assert [row.draft.external_id for row in rows_of(read(path, numbered))] == [first, f"{first}#2"]


def test_a_hashed_key_does_not_confuse_neighbouring_cells(tmp_path: Path) -> None:
    mapping = changed(key='key = ["firm", "title"]')
    path = written(tmp_path, f"{HEADING}\nV,03-09-2024,ab,x,Ada,c,\nV,03-09-2024,a,x,Ada,bc,\n")
    keys = {row.draft.external_id for row in rows_of(read(path, mapping))}
    assert len(keys) == 2


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEADING}\n" + "".join(f"{GOOD}\n" for _ in range(3_000)))
    tracemalloc.start()
    count = sum(1 for _ in format_named("csv").read(path, MAPPING))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 3_000
    assert peak < 600_000
