"""``manage.py import_events``: what it prints and how it ends."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Organisation
from relationships.models.roster import Client

pytestmark = pytest.mark.database

SAMPLES = Path(__file__).parents[1] / "importers" / "samples"


@pytest.fixture
def organisation(db: None) -> Organisation:
    return Organisation.objects.get_or_create(slug="default", defaults={"name": "Default"})[0]


def run(*arguments: str, mapping: str = "visits.toml") -> str:
    out = StringIO()
    call_command("import_events", "csv", *arguments, "--mapping", str(SAMPLES / mapping), stdout=out, stderr=StringIO())
    return out.getvalue()


def test_it_ends_with_the_counts_and_a_line_for_each_refused_row(organisation: Organisation) -> None:
    lines = run(str(SAMPLES / "visits.csv")).splitlines()
    assert lines[0] == "4 recorded, 0 already known, 1 refused, 1 unmatched"
    assert lines[1].startswith("visits.csv, line 6: column day holds '31-02-2024'")
    assert run(str(SAMPLES / "visits.csv")).startswith("0 recorded, 4 already known, 1 refused, 1 unmatched")


def test_a_dry_run_says_so(organisation: Organisation) -> None:
    assert run(str(SAMPLES / "visits.csv"), "--dry-run").startswith("Dry run, nothing was written: 4 recorded")
    assert not Client.objects.exists()


def test_the_owner_is_named_by_address(organisation: Organisation) -> None:
    run(str(SAMPLES / "visits.csv"), "--owner", "nadia@house.example")
    assert Client.objects.filter(owner__email="nadia@house.example").count() == Client.objects.count() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.csv",), "nowhere.csv does not exist"),
        ((str(SAMPLES / "visits.csv"), "--organisation", "other"), "no organisation 'other'"),
        ((str(SAMPLES / "visits.csv"), "--owner", "nadia"), "'nadia' is no e-mail address"),
        ((str(SAMPLES / "visits.toml"),), "has no column"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    organisation: Organisation, arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        run(*arguments)


def test_a_file_without_a_readable_row_fails(organisation: Organisation, tmp_path: Path) -> None:
    heading = (SAMPLES / "visits.csv").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "bad.csv").write_text(f"{heading}\nonly one cell\n")
    with pytest.raises(CommandError, match="could be read"):
        run(str(tmp_path / "bad.csv"))


def test_a_bad_mapping_names_the_key(organisation: Organisation, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('source = "a:b"\nkey = "x"\n')
    with pytest.raises(CommandError, match=r"bad\.toml: source: 'a:b' names no source"):
        run(str(SAMPLES / "visits.csv"), mapping=str(tmp_path / "bad.toml"))


def test_help_lists_the_formats(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("import_events", "--help")
    shown = capsys.readouterr().out
    assert "formats:\n  csv " in shown
    assert "docs/importing.md" in shown
