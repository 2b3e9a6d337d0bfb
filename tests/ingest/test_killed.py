"""A process killed in the middle of an import leaves whole chunks, and the next run completes them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from relationships import event_store

from .conftest import HEADING, MAPPING, NOW, House, make_house

pytestmark = [pytest.mark.database, pytest.mark.slow]

_RUN = """
import sys
from datetime import datetime
from pathlib import Path
from tests import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
import django
django.setup()
from accounts.roles import system_principal
from relationships import ingest
from relationships.importers import format_named, parse_mapping
ingest.CHUNK = 50
ingest.import_file(
    system_principal(int(sys.argv[2]), "tests"), format_named("csv"), Path(sys.argv[3]),
    parse_mapping(Path(sys.argv[4]).read_text()), now=datetime.fromisoformat(sys.argv[5]), refuse=print,
    progress=lambda outcome: print(outcome, flush=True),
)
"""


@pytest.mark.django_db(transaction=True)
def test_a_killed_import_is_completed_without_doubles(tmp_path: Path) -> None:
    house = make_house(tmp_path, "killed")
    lines = [f"V-{n},03-09-2024,Firm {n % 400},x,Ada,Talk {n}," for n in range(2_000)]
    table, mapping = tmp_path / "visits.csv", tmp_path / "visits.toml"
    table.write_text("\n".join((HEADING, *lines, "")))
    mapping.write_text(MAPPING)
    arguments = [
        connection.settings_dict["NAME"], str(house.organisation.pk), str(table), str(mapping), NOW.isoformat(),
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN, *arguments],
        env=_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.05)
    process.kill()
    process.wait()
    done = _recorded(house)
    assert 0 < len(done) < 2_000
    outcome = house.imports(*lines)
    assert (outcome.recorded, outcome.known) == (2_000 - len(done), len(done))
    assert sorted(_recorded(house)) == sorted(line.split(",")[0] for line in lines)
    assert event_store.verify(house.ledger_id).problem is None


def _recorded(house: House) -> list[str]:
    return [event.external_id or "" for event in house.log() if event.type == "meeting_held"]


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
