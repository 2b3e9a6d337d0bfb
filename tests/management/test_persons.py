"""The commands for what a person may demand."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from relationships import commands, queries
from tests.commands.cast import NOW, Cast, assemble

ANN = [{"platform": "email", "handle": "ann@b.example"}]


@pytest.fixture
def cast(db: None) -> Cast:
    return assemble("default")


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_a_person_is_exported_and_erased(cast: Cast, tmp_path: Path) -> None:
    client, other = cast.client(), cast.client("Harbour Joinery")
    ann = commands.add_contact(cast.system, client.id, name="Ann", handles=ANN, now=NOW)
    twin = commands.add_contact(cast.system, other.id, name="Ann", handles=ANN, now=NOW)
    assert json.loads(run("export_person", ann.id))["person"]["name"] == "Ann"
    file = tmp_path / "ann.html"
    run("export_person", ann.id, "--format", "html", "--output", str(file))
    assert "ann@b.example" in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(CommandError, match="--yes"):
        run("erase_person", ann.id)
    told = run("erase_person", ann.id, "--yes", "--reason", "Asked for").splitlines()
    assert told[0].endswith("UTC: 1 keys, 1 texts, 1 handles, 0 answers, 0 unmatched")
    assert told[1].endswith(twin.id)
    assert queries.contact(cast.system, ann.id).name is None


@pytest.mark.parametrize("words", [["export_person", "x"], ["erase_person", "x", "--yes"]])
def test_nobody_and_nowhere_are_told(cast: Cast, words: list[str]) -> None:
    with pytest.raises(CommandError, match="no such contact"):
        run(*words)
    with pytest.raises(CommandError, match="no organisation"):
        run(*words, "--organisation", "x")
