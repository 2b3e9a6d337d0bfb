"""The command `verify_log`, as a person or a nightly job calls it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Organisation
from relationships import event_store

from .conftest import Log, Tamper, a_log, held

pytestmark = pytest.mark.database


@pytest.fixture
def log(db: None) -> Log:
    organisation = Organisation.objects.create(slug="harbour", name="Harbour", time_zone="UTC")
    log = a_log(organisation.pk)
    log.append(held(text="We met."))
    log.append(held(), stream_id=log.open())
    return log


def verify_log(*arguments: str) -> str:
    out = io.StringIO()
    call_command("verify_log", "--organisation", "harbour", *arguments, stdout=out)
    return out.getvalue()


def test_an_intact_log_is_told_with_its_head(log: Log) -> None:
    head = event_store.head(log.ledger_id).chain_hash.hex()
    assert verify_log() == f"2 events, chain intact, head {head}\n"


def test_a_broken_one_ends_with_1_and_names_place_and_kind(log: Log, tamper: Tamper) -> None:
    tamper("UPDATE relationships_event SET body = '{}' WHERE position = 2")
    with pytest.raises(CommandError, match="position 2: altered: ") as broken:
        verify_log()
    assert broken.value.returncode == 1


def test_one_client(log: Log) -> None:
    assert verify_log("--client", log.stream_id).startswith("1 events, chain intact, head ")


@pytest.mark.parametrize("unknown", ["nobody", "crm:17", "01900000-0000-7000-8000-000000000000"])
def test_an_unknown_client_is_told(log: Log, unknown: str) -> None:
    with pytest.raises(CommandError, match=f"no client '{unknown}'"):
        verify_log("--client", unknown)


def test_an_export_is_written_and_verifies_alone(log: Log, tmp_path: Path) -> None:
    told = verify_log("--export", str(tmp_path / "log.ndjson"))
    assert verify_log("--from", str(tmp_path / "log.ndjson")) == told


def test_a_file_that_is_no_export_is_told(log: Log, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(CommandError, match=r"notes\.txt: "):
        verify_log("--from", str(tmp_path / "notes.txt"))
    with pytest.raises(CommandError, match="No such file"):
        verify_log("--from", str(tmp_path / "absent"))
    with pytest.raises(CommandError, match="No such file"):
        verify_log("--export", str(tmp_path / "absent" / "log.ndjson"))


def test_an_unknown_organisation_is_told(log: Log) -> None:
    with pytest.raises(CommandError, match="no organisation 'nobody'"):
        call_command("verify_log", "--organisation", "nobody")
