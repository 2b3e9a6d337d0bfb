"""A mapping is refused with the key, the value and the remedy."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from relationships.importers import MappingError, parse_mapping
from relationships.importers.mapping import CellError

SAMPLE = (Path(__file__).parent / "samples" / "visits.toml").read_text(encoding="utf-8")
KEPT = sorted((Path(__file__).parents[2] / "docs" / "mappings").glob("*.toml"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_the_mappings_kept_in_the_repository_can_be_used(path: Path) -> None:
    assert parse_mapping(path.read_text(encoding="utf-8")).source


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('source = "visits"', 'source = "a:b"', r"source: 'a:b' names no source\. Use"),
        ('source = "visits"', "", r"source: is missing"),
        ('key = "visit"', "", r"key: is missing"),
        ('key = "visit"', "key = 3", r"key: 3 is neither a text nor a list"),
        ('unknown_clients = "register"', 'unknown_clients = "make"', r"unknown_clients: 'make' is not known"),
        ('missing = ["n/a"]', 'mising = ["n/a"]', r"mising: means nothing here\. Did you mean missing\?"),
        ('pattern = "^internal$"', 'pattern = "("', r"skip\[0\]\.pattern: '\(' is no regular expression"),
        ('format = "%d-%m-%Y"', 'format = "%Q"', r"time\.format: '%Q' is no form of a time"),
        ('format = "%d-%m-%Y"', 'format = "dd-mm-yyyy"', r"time\.format: 'dd-mm-yyyy' is no form"),
        ('zone = "Europe/Brussels"', 'zone = "Europe/Nowhere"', r"time\.zone: 'Europe/Nowhere' is no time zone"),
        ('precision = "day"', 'precision = "week"', r"time\.precision: 'week' is not known\. Use one of instant"),
        ('name = { column = "firm", split = [";"] }', "", r"client: no column names the client"),
        ('otherwise = "meeting_held"', 'otherwise = "meeting_hold"', r"there is no event type 'meeting_hold'\. Did"),
        ('otherwise = "meeting_held"', 'otherwise = "client_registered"', r"is not recorded by imports"),
        ("topics = {", "topic = {", r"event\.data\.topic: no field of .* has this name\. Did you mean topics"),
        ("topics = {", "contacts = {", r"event\.data\.contacts: people have tables of their own"),
        ('text = { column = "title" }', 'text = "title"', r"event\.text: 'title' names no column"),
        ('text = { column = "title" }', 'text = { colum = "title" }', r"event\.text\.column: is missing"),
        ("[our_people]\nname", "[our_people]\nnickname", r"our_people\.nickname: means nothing here"),
    ],
)
def test_a_bad_mapping_names_the_key_the_value_and_the_remedy(old: str, new: str, message: str) -> None:
    assert old in SAMPLE
    with pytest.raises(MappingError, match=message):
        parse_mapping(SAMPLE.replace(old, new))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ('[file]\nencoding = "latin-99"\n', r"file\.encoding: 'latin-99' is no encoding"),
        ('[file]\ndelimiter = ";;"\n', r"file\.delimiter: ';;' is not one character"),
        ('[contacts]\nhandle = { column = "who" }\n', r"contacts\.platform: is missing"),
        ("not toml", r"The mapping is not valid TOML"),
    ],
)
def test_what_is_added_wrongly_is_named_too(extra: str, message: str) -> None:
    with pytest.raises(MappingError, match=message):
        parse_mapping(f"{SAMPLE}\n{extra}")


@pytest.mark.parametrize(
    ("lines", "cell", "expected"),
    [
        ('format = "iso"\nprecision = "instant"', "2024-07-01T10:00:00+02:00", datetime(2024, 7, 1, 8, tzinfo=UTC)),
        ('format = "iso"\nprecision = "instant"', "2024-07-01 10:00", datetime(2024, 7, 1, 8, tzinfo=UTC)),
        ('format = "unix"\nprecision = "instant"', "86400", datetime(1970, 1, 2, tzinfo=UTC)),
        ('format = "unix_ms"\nprecision = "instant"', "86400500", datetime(1970, 1, 2, 0, 0, 0, 500000, tzinfo=UTC)),
        ('format = "iso"\nprecision = "day"', "2024-07-01T23:30:00Z", datetime(2024, 7, 1, 22, tzinfo=UTC)),
        ('format = ["%Y-%m", "%m/%Y"]\nprecision = "month"', "07/2024", datetime(2024, 6, 30, 22, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_the_form_zone_and_precision_that_are_named(
    lines: str, cell: str, expected: datetime
) -> None:
    mapping = parse_mapping(SAMPLE.replace('format = "%d-%m-%Y"', lines).replace('\nprecision = "day"\n', "\n", 1))
    if 'precision = "day"' in lines:
        mapping = parse_mapping(SAMPLE.replace('format = "%d-%m-%Y"', 'format = "iso"'))
    assert mapping.clock.of({"day": cell}) == expected


def test_a_cell_that_no_pattern_fits_is_an_error_unless_there_is_an_otherwise() -> None:
    mapping = parse_mapping(SAMPLE.replace('is = "call_held" }]\notherwise = "meeting_held"', 'is = "meeting_held" }]'))
    with pytest.raises(CellError, match=r"no pattern for column how fits 'by boat'"):
        mapping.type.of({"how": "by boat"})


def test_a_pattern_keeps_its_first_group() -> None:
    mapping = parse_mapping(SAMPLE.replace('column = "firm", split = [";"]', 'column = "firm", pattern = "with (.+)"'))
    assert mapping.client_name is not None
    assert mapping.client_name.of({"firm": "Talk with Pemba Foods"}) == "Pemba Foods"
    assert mapping.client_name.of({"firm": "Staff day"}) is None
