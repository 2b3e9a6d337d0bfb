"""Who may call what, and what they get: worked out of the OpenAPI document and `accounts.roles`, for each operation.

`docs/access.md` shows it (`python -m tests.documentation` writes it) and `test_matrix` tries every cell. A new
operation is in both by itself. Only a path that names a new kind of row needs a line in `ROWS`, to say whose it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from accounts.roles import SCOPES, Role, rights_of

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENT = ROOT / "docs" / "openapi.yaml"
METHODS = ("get", "post", "put", "patch", "delete")

Kind = Literal["client", "organisation", "anybody"]
Sees = Literal["client", "organisation", "nothing"]

# What a path's parameter names, by the segment before it: the sample to put there, and whose row it is. A client's is
# seen by whoever sees the client, an organisation's by all in it who have the scope, anybody's by everybody.
ROWS: Mapping[str, tuple[str, Kind]] = {
    "actions": ("action", "client"),
    "clients": ("client", "client"),
    "contacts": ("contact", "client"),
    "events": ("event", "client"),
    "event-types": ("event_type", "anybody"),
    "people": ("colleague", "organisation"),
    "policies": ("policy", "organisation"),
    "adoptions": ("adoption", "organisation"),
    "previews": ("preview", "organisation"),
    # Of a team: seen by whoever sees the team's clients and may have others told.
    "webhooks": ("webhook", "client"),
    "deliveries": ("delivery", "client"),
}
# Fields of a body that name a client: to be replaced by the sample, and then the call is about that client.
NAMING = ("client", "client_id")

# What people may do only as administrators, whatever the scopes of their role; keys by their scope.
FOR_ADMINISTRATORS = ("/api/v1/contacts/{id}/erase",)

# What is about all clients at once: for those who see all of them.
OF_ALL_CLIENTS = {
    ("post", "/api/v1/policies"),
    ("post", "/api/v1/policies/{version}/adopt"),
    ("get", "/api/v1/policies/{version}/adoptions/{id}"),
    ("post", "/api/v1/policies/{version}/evidence"),
    ("post", "/api/v1/policies/{version}/preview"),
    ("get", "/api/v1/policies/{version}/previews/{id}"),
}

YES, NOT_SIGNED_IN, NO_SCOPE, NOT_FOUND = "yes", "401", "403", "404"


@dataclass(frozen=True, slots=True)
class Cell:
    """One operation of the document. `about` is whose row it names, None when it names none."""

    method: str
    path: str
    scope: str | None
    about: Kind | None
    body: Any
    media_type: str | None

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path.removeprefix('/api/v1')}"

    def filled(self, samples: Mapping[str, str]) -> str:
        """The path with samples in place of its parameters."""
        path = self.path
        for segment, name in re.findall(r"/([\w-]+)/\{(\w+)\}", self.path):
            path = path.replace(f"{{{name}}}", samples[ROWS[segment][0]], 1)
        return path


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who calls: what they may do, and what of the house's rows they see."""

    name: str
    usable: bool
    scopes: frozenset[str]
    sees: Sees
    is_person: bool = False
    sees_all: bool = True


def operations() -> Iterator[Cell]:
    """Every operation of the document, in its order."""
    paths = yaml.safe_load(DOCUMENT.read_text())["paths"]
    for path, methods in paths.items():
        for method in METHODS:
            if method in methods:
                yield _cell(method, path, methods[method])


def _cell(method: str, path: str, promised: Mapping[str, Any]) -> Cell:
    keys = [one["key"] for one in promised["security"] if "key" in one]
    media_type, body = _example(promised.get("requestBody", {}).get("content", {}))
    return Cell(method, path, keys[0][0] if keys else None, _about(path, body), body, media_type)


def _example(content: Mapping[str, Any]) -> tuple[str | None, Any]:
    for media_type, of_type in content.items():
        examples = of_type.get("examples") or {"only": {"value": of_type.get("example", {})}}
        return media_type, next(iter(examples.values()))["value"]
    return None, None


def _about(path: str, body: Any) -> Kind | None:
    named = re.findall(r"/([\w-]+)/\{\w+\}", path)
    for segment in named:
        assert segment in ROWS, f"{path}: say in tests/security/matrix.py, ROWS, whose rows stand under /{segment}/"
    if named:
        return ROWS[named[0]][1]
    return "client" if isinstance(body, Mapping) and any(name in body for name in NAMING) else None


def callers() -> Iterator[Caller]:
    """Everybody who is tried, keys with one scope each included."""
    everything = frozenset({"*"})
    yield Caller("nobody", False, frozenset(), "nothing")
    yield Caller("expired key", False, everything, "client")
    yield Caller("revoked key", False, everything, "client")
    for scope in SCOPES:
        yield Caller(f"key: {scope}", True, frozenset({scope}), "client")
    yield Caller("key of the team", True, everything, "client", sees_all=False)
    yield Caller("key of another team", True, everything, "organisation", sees_all=False)
    yield Caller("key of another organisation", True, everything, "nothing")
    people: tuple[tuple[str, Role, Sees], ...] = (
        ("auditor", Role.AUDITOR, "client"),
        ("account manager of another team", Role.ACCOUNT_MANAGER, "organisation"),
        ("account manager", Role.ACCOUNT_MANAGER, "client"),
        ("team lead of another team", Role.TEAM_LEAD, "organisation"),
        ("team lead", Role.TEAM_LEAD, "client"),
        ("administrator", Role.ADMINISTRATOR, "client"),
    )
    for name, role, sees in people:
        sight, scopes = rights_of(role)
        yield Caller(name, True, scopes, sees, is_person=True, sees_all=sight == "all")


def expected(cell: Cell, caller: Caller) -> str:
    """What the caller gets: `yes`, or the status of the refusal."""
    if cell.scope is None:
        return YES
    if not caller.usable:
        return NOT_SIGNED_IN
    if not caller.scopes & {cell.scope, "*"}:
        return NO_SCOPE
    if cell.path in FOR_ADMINISTRATORS and caller.is_person and "*" not in caller.scopes:
        return NO_SCOPE
    if (cell.method, cell.path) in OF_ALL_CLIENTS and not caller.sees_all:
        return NO_SCOPE if cell.method == "post" else NOT_FOUND
    hidden = cell.about == "client" and caller.sees != "client"
    hidden |= cell.about == "organisation" and caller.sees == "nothing"
    return NOT_FOUND if hidden else YES


SHOWN = (
    ("no key, expired, revoked", "revoked key"),
    ("key with the scope", None),
    ("key without", ""),
    ("key of another team", "key of another team"),
    ("key of another organisation", "key of another organisation"),
    ("auditor", "auditor"),
    ("account manager, another's client", "account manager of another team"),
    ("account manager", "account manager"),
    ("team lead", "team lead"),
    ("administrator", "administrator"),
)


def table() -> str:
    """The matrix as Markdown."""
    known = {caller.name: caller for caller in callers()}
    lines = [
        f"| operation | scope | {' | '.join(title for title, _ in SHOWN)} |",
        "|---" * (len(SHOWN) + 2) + "|",
    ]
    for cell in operations():
        other = next(scope for scope in SCOPES if scope not in (cell.scope, "*"))
        outcomes = []
        for _, name in SHOWN:
            fallback = other if name == "" else cell.scope or other
            outcomes.append(expected(cell, known[name or f"key: {fallback}"]))
        shown = "—" if cell.scope is None else f"`{cell.scope}`"
        lines.append(f"| `{cell}` | {shown} | {' | '.join(outcomes)} |")
    return "\n".join(lines) + "\n"
