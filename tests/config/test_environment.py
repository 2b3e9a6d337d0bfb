from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment

ROOT = Path(__file__).resolve().parents[2]
NAME = "SOME_SETTING"


def read(monkeypatch: pytest.MonkeyPatch, value: str, function: Callable[..., Any], **about: Any) -> Any:
    monkeypatch.setenv(NAME, value)
    return function(NAME, **about)


@pytest.mark.parametrize(
    ("function", "about", "value"),
    [
        (environment.flag, {"default": False}, "perhaps"),
        (environment.count, {"default": 1}, "-1"),
        (environment.count, {"default": 1}, "6e2"),
        (environment.count, {"default": 1}, "²"),
        (environment.size, {"default": 1}, "0"),
        (environment.size, {"default": 1}, "2 GiBs"),
        (environment.names, {"default": []}, "https://example.org"),
        (environment.names, {"default": []}, "example.org:8000"),
        (environment.base_url, {"default": ""}, "example.org"),
        (environment.base_url, {"default": ""}, "ftp://example.org"),
        (environment.base_url, {"default": ""}, "https://example.org/app"),
        (environment.base_url, {"default": ""}, "https://example.org:port"),
        (environment.base_url, {"default": ""}, "https://[::1"),
        (environment.database, {}, "mysql://a@b/c"),
        (environment.database, {}, "sqlite:///x"),
        (environment.database, {}, "postgresql://host:port/name"),
        (environment.database, {}, "postgresql://host"),
        (environment.database, {}, "nonsense"),
        (environment.mail, {}, "nonsense"),
        (environment.mail, {}, "smtp://"),
    ],
)
def test_nonsense_stops_and_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any], about: dict[str, Any], value: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{NAME}: .*; give "):
        read(monkeypatch, value, function, **about)


@pytest.mark.parametrize(
    ("function", "about", "value", "meant"),
    [
        (environment.flag, {"default": False}, "On", True),
        (environment.flag, {"default": True}, "0", False),
        (environment.flag, {"default": True}, "", True),
        (environment.count, {"default": 600}, "", 600),
        (environment.count, {"default": 600}, "0", 0),
        (environment.size, {"default": 7}, " ", 7),
        (environment.size, {"default": 7}, "500", 500),
        (environment.size, {"default": 7}, "500M", 500 * 2**20),
        (environment.size, {"default": 7}, "2 GiB", 2 * 2**30),
        (environment.names, {"default": ["a"]}, "", ["a"]),
        (environment.names, {"default": []}, "a.example, .b.example,[::1]", ["a.example", ".b.example", "[::1]"]),
        (environment.base_url, {"default": ""}, "https://a.example:8443/", "https://a.example:8443"),
        (environment.mail, {}, "", None),
        (environment.database, {}, "", None),
    ],
)
def test_a_good_value_is_read_as_it_is_meant(
    monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any], about: dict[str, Any], value: str, meant: object
) -> None:
    assert read(monkeypatch, value, function, **about) == meant


def test_a_database_may_be_reached_over_a_socket_and_take_options(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "postgresql://ada:p%40ss@/relationships?host=/run/pg&sslmode=require&prepare_threshold=None&server_side_binding=False"
    database = read(monkeypatch, address, environment.database)
    assert (database["HOST"], database["USER"], database["PASSWORD"]) == ("/run/pg", "ada", "p@ss")
    assert database["OPTIONS"] == {"sslmode": "require", "prepare_threshold": None, "server_side_binding": False}


def test_mail_goes_through_the_server_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = read(monkeypatch, "smtp+tls://ada:secret@mail.example:587", environment.mail)
    assert (mail["EMAIL_HOST"], mail["EMAIL_PORT"], mail["EMAIL_USE_TLS"]) == ("mail.example", 587, True)


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (environment.database, "mysql://ada:s3cret@host/name"),
        (environment.mail, "smtp://ada:s3cret@"),
        (environment.secret_key, "s3cret"),
        (environment.master_key, "s3cret"),
    ],
)
def test_secrets_are_not_repeated_in_messages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, function: Callable[..., Any], value: str
) -> None:
    about = {"kept_in": tmp_path / "key"} if function in (environment.secret_key, environment.master_key) else {}
    with pytest.raises(ImproperlyConfigured) as stopped:
        read(monkeypatch, value, function, **about)
    assert "s3cret" not in str(stopped.value)


@pytest.mark.parametrize("function", [environment.secret_key, environment.master_key])
def test_a_key_is_made_once_for_its_owner_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, function: Callable[..., Any]
) -> None:
    monkeypatch.delenv(NAME, raising=False)
    kept = tmp_path / "key"
    assert function(NAME, kept_in=kept) == function(NAME, kept_in=kept)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_master_key_is_given_in_base64_or_hexadecimal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = bytes(range(32))
    for text in (key.hex(), base64.b64encode(key).decode()):
        assert read(monkeypatch, text, environment.master_key, kept_in=tmp_path / "key") == key
    assert not (tmp_path / "key").exists()


def test_a_folder_that_cannot_be_made_stops(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ImproperlyConfigured, match=NAME):
        read(monkeypatch, str(tmp_path / "file" / "var"), environment.directory, default=tmp_path)


def test_a_file_says_what_the_environment_does_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FROM_FILE=1\nFROM_BOTH=file\n")
    monkeypatch.setenv("FROM_BOTH", "environment")
    monkeypatch.setenv("FROM_FILE", "")
    monkeypatch.delenv("FROM_FILE")
    environment.read_file(tmp_path / ".env")
    assert environment.text("FROM_FILE") == "1"
    assert environment.text("FROM_BOTH") == "environment"


def manage(tmp_path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    given = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")}
    given |= {"DATA_DIR": str(tmp_path / "var")} | variables
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=given, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("RATE_LIMIT", {"RATE_LIMIT": "many"}),
        ("MIGRATE_DATABASE_URL", {"MIGRATE_DATABASE_URL": "postgresql://a@b/c"}),
        ("MIGRATE_DATABASE_URL", {"DATABASE_URL": "postgresql://a@b/d", "MIGRATE_DATABASE_URL": "postgresql://a@b/c"}),
    ],
)
def test_a_command_stops_with_one_line(tmp_path: Path, name: str, variables: dict[str, str]) -> None:
    done = manage(tmp_path, "check", **variables)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Settings: {name}: ")
    assert done.stderr.count("\n") == 1


def test_production_settings_pass_djangos_deployment_checks(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", "--deploy", "--fail-level", "DEBUG", BASE_URL="https://relationships.example")
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout
