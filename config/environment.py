"""Reads settings from the environment, or from a ``.env`` file beside ``manage.py``.

Every function stops on nonsense with ImproperlyConfigured, naming the variable, what it held and what it should hold.
Passwords and keys are never repeated in the message. An empty value counts as not given.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import re
import secrets
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

_WORDS = {"None": None, "True": True, "False": False}
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def read_file(path: Path) -> None:
    """Takes what a ``.env`` file says for whatever the environment does not say."""
    if path.exists():
        environ.Env.read_env(path)


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def flag(name: str, *, default: bool) -> bool:
    value = text(name).lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    if value:
        raise _problem(name, value, "give true or false")
    return default


def count(name: str, *, default: int) -> int:
    """A whole number, 0 or more."""
    value = text(name)
    if not value:
        return default
    if not value.isascii() or not value.isdigit():
        raise _problem(name, value, "give a whole number, 0 or more")
    return int(value)


def size(name: str, *, default: int) -> int:
    """A number of bytes, also written as in 500M or 2 GiB (units of 1024)."""
    value = text(name)
    if not value:
        return default
    match = re.fullmatch(r"(\d+)\s*([kmgt]?)(?:i?b)?", value.lower(), re.ASCII)
    if not match or int(match[1]) == 0:
        raise _problem(name, value, "give a size such as 500M or 2GiB")
    return int(match[1]) * _UNITS[match[2]]


def names(name: str, *, default: list[str]) -> list[str]:
    """Host names, with commas between them."""
    value = text(name)
    if not value:
        return default
    hosts = [host.strip() for host in value.split(",") if host.strip()]
    if bad := [host for host in hosts if not re.fullmatch(r"\*|\.?[\w.-]+|\[[0-9a-f:.]+\]", host, re.IGNORECASE)]:
        raise _problem(name, bad[0], "give host names without scheme or port, with commas between them")
    return hosts


def networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Addresses and networks such as 10.0.0.0/8, with commas between them."""
    found = []
    for given in filter(None, map(str.strip, text(name).split(","))):
        try:
            found.append(ipaddress.ip_network(given))
        except ValueError:
            raise _problem(name, given, "give addresses or networks such as 10.0.0.0/8, with commas between") from None
    return found


def base_url(name: str, *, default: str) -> str:
    """The address under which people reach the program, without a slash at the end."""
    value = text(name, default).rstrip("/")
    try:
        parts = urlsplit(value)
        complete = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        complete = False
    if not complete or parts.path or parts.query or parts.fragment or parts.username:
        raise _problem(name, value, "give an address such as https://relationships.example.org")
    return value


def directory(name: str, *, default: Path) -> Path:
    """A folder, made when it is not there."""
    path = Path(text(name) or default).expanduser().resolve()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise _problem(name, str(path), f"give a folder that can be written ({problem.strerror})") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise _problem(name, str(path), "give a folder that can be written")
    return path


def database(name: str) -> dict[str, Any] | None:
    """Django's settings for a PostgreSQL database given by its address; None when none is given.

    What follows the ``?`` goes to the driver, such as ``sslmode=require``; ``host`` may name a socket's folder."""
    value = text(name)
    if not value:
        return None
    remedy = "give an address such as postgresql://user:password@host:5432/relationships"
    try:
        with warnings.catch_warnings(action="ignore"):
            settings = dict(environ.Env.db_url_config(value))
    except Exception:
        raise _problem(name, None, remedy) from None
    if settings.get("ENGINE") != "django.db.backends.postgresql" or not settings.get("NAME"):
        raise _problem(name, None, remedy)
    settings["ENGINE"] = "config.postgresql"
    options = {key: _WORDS.get(value, value) for key, value in (settings.get("OPTIONS") or {}).items()}
    settings["OPTIONS"] = options
    settings["HOST"] = options.pop("host", None) or settings.get("HOST") or ""
    settings["PORT"] = str(options.pop("port", None) or settings.get("PORT") or "")
    return settings


def mail(name: str) -> dict[str, Any] | None:
    """Django's mail settings for an address such as ``smtp+tls://user:password@host:587``; None when none is given."""
    value = text(name)
    if not value:
        return None
    try:
        settings = dict(environ.Env.email_url_config(value))
    except Exception:
        settings = {}
    if not settings.get("EMAIL_BACKEND") or (value.startswith("smtp") and not settings.get("EMAIL_HOST")):
        raise _problem(name, None, "give an address such as smtp+tls://user:password@mail.example.org:587")
    settings.setdefault("EMAIL_TIMEOUT", 30)
    return settings


def secret_key(name: str, *, kept_in: Path) -> str:
    """The key of cookies and signatures: given, or made once and kept."""
    value = text(name) or _kept(kept_in, lambda: secrets.token_urlsafe(64))
    if len(value) < 50 or len(set(value)) < 5:
        raise _problem(name, None, "give at least 50 random characters")
    return value


def master_key(name: str, *, kept_in: Path) -> bytes:
    """The key that wraps the keys of personal text: 32 bytes, given in base64 or hexadecimal, or made once and kept."""
    value = text(name) or _kept(kept_in, lambda: base64.b64encode(secrets.token_bytes(32)).decode())
    try:
        key = bytes.fromhex(value) if len(value) == 64 else base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != 32:
        raise _problem(name, None, f"give 32 random bytes in base64, or remove {kept_in.name} if nothing is sealed yet")
    return key


def _kept(path: Path, make: Callable[[], str]) -> str:
    """What the file holds; made now when there is none. Two who start at once agree on one."""
    if not path.exists():
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(make() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(unfinished, path)
        except FileExistsError:
            pass
        finally:
            unfinished.unlink()
    return path.read_text().strip()


def _problem(name: str, value: str | None, remedy: str) -> ImproperlyConfigured:
    shown = "this value" if value is None else repr(value)
    return ImproperlyConfigured(f"{name}: {shown} will not do; {remedy}.")
