"""The commands about policies: what they print, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command

from relationships import queries
from relationships.queries import ClientRow
from tests.commands.cast import NOW, Cast
from tests.commands.test_policies import SHORTER, cast, clients, shorter, stages

__all__ = ["cast", "clients"]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_a_preview_of_a_version_or_of_a_file(
    cast: Cast, clients: dict[str, ClientRow], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "changes.json"
    file.write_text(json.dumps(SHORTER))
    version = shorter(cast)
    for given in (str(version), str(file)):
        call_command("preview_policy", given, organisation="acme")
        told = out(capsys)
        assert "Met stays: 50 days instead of 365 days." in told
        assert "1 of 3 clients would stand elsewhere: 1 on another stage (1 lower), 0 with another health only" in told
        assert "Ash " in told
        assert "Met → Found" in told
        assert "Ash went from Met to Found on " in told
    assert len(queries.policies(cast.system).rows) == 2
    assert stages(cast) == {"found": 1, "met": 2}


def test_what_cannot_be_previewed(cast: Cast, tmp_path: Path) -> None:
    file = tmp_path / "changes.json"
    for content, reason in (
        ("{", "this is not JSON"),
        ('{"met_keep": -1}', "/changes/met_keep: -1 is not between"),
        ("[]", "is not an object"),
    ):
        file.write_text(content)
        with pytest.raises(CommandError, match=reason):
            call_command("preview_policy", str(file), organisation="acme")
    for given, reason in (("9", "no policy 9"), (str(tmp_path / "none.json"), "No such file")):
        with pytest.raises(CommandError, match=reason):
            call_command("preview_policy", given, organisation="acme")
    with pytest.raises(CommandError, match="no organisation"):
        call_command("preview_policy", "1", organisation="nobody")


def test_adopting_and_rolling_back(
    cast: Cast, clients: dict[str, ClientRow], capsys: pytest.CaptureFixture[str]
) -> None:
    version = shorter(cast)
    call_command("adopt_policy", str(version), organisation="acme", reason="Agreed.")
    assert out(capsys).startswith("Policy 2 is in force since position 6")
    with pytest.raises(CommandError, match="in force already"):
        call_command("adopt_policy", str(version), organisation="acme")
    with pytest.raises(CommandError, match="no policy 9"):
        call_command("adopt_policy", "9", organisation="acme")
    call_command("adopt_policy", "1", organisation="acme")
    assert [one.status for one in queries.policies(cast.system).rows] == ["former", "in_force"]


def test_a_back_test_is_kept_with_its_version(
    cast: Cast, clients: dict[str, ClientRow], capsys: pytest.CaptureFixture[str]
) -> None:
    version = shorter(cast)
    call_command("backtest", organisation="acme", policy=version)
    assert f"Back-test of policy {version}" in out(capsys)
    kept = queries.evidence(cast.system, version)
    assert (kept.position, kept.probability_shown, bool(kept.refusal)) == (5, False, True)
    with pytest.raises(CommandError, match="no policy 9"):
        call_command("backtest", organisation="acme", policy=9)
