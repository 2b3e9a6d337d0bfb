"""The structure holds: imports go one way, and each table has one writer (`docs/architecture.md`)."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Each room may import its own and what stands in lines above it, nothing below. One line: no order among them.
FLOORS = [
    ("domain",),
    ("importers",),
    ("models",),
    ("sealing",),
    ("event_store",),
    ("projections",),
    ("queries",),
    ("commands",),
    ("ingest",),
    ("reports", "evidence", "demo", "exports", "webhooks"),
    ("jobs",),
    ("api", "admin"),
    ("management",),
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
GLUE = {"apps", "migrations", "__init__"}


def modules(folder: str) -> Iterator[Path]:
    yield from sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The dotted names that a module imports, relative ones made absolute."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join((*base, node.module)) if node.module else ".".join(base)
            yield stem
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def room_of(dotted: str) -> str | None:
    parts = dotted.split(".")
    return parts[1] if parts[0] == "relationships" and len(parts) > 1 and parts[1] in FLOOR else None


@pytest.mark.parametrize("path", list(modules("relationships")), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    own = path.relative_to(ROOT).with_suffix("").parts[1]
    if own in GLUE:
        return
    assert own in FLOOR, f"{own} has no floor yet: say in FLOORS what may import it"
    for name in imported(path):
        room = room_of(name)
        if room is None or room == own:
            continue
        assert FLOOR[room] < FLOOR[own], f"{path.name} of {own} imports {name}, which stands beside or above it"


@pytest.mark.parametrize("room", ["domain", "importers"])
def test_the_core_is_pure(room: str) -> None:
    for path in modules(f"relationships/{room}"):
        for name in imported(path):
            top = name.split(".")[0]
            assert top in sys.stdlib_module_names or name.startswith(
                ("relationships.domain", "relationships.importers")
            ), f"{path} imports {name}"


def test_accounts_knows_nothing_of_relationships() -> None:
    for path in modules("accounts"):
        assert not [name for name in imported(path) if name.split(".")[0] in ("relationships", "config")], path


def test_only_management_imports_config() -> None:
    for path in modules("relationships"):
        if "management" not in path.parts:
            assert not [name for name in imported(path) if name.split(".")[0] == "config"], path


READ_TABLES = {"ClientState", "StagePeriod", "Gap", "Meeting", "Question", "Revision", "Quarantine", "Generation"}
WRITES = {"create", "bulk_create", "update", "bulk_update", "delete", "get_or_create", "update_or_create", "save"}


def writes(path: Path) -> Iterator[tuple[str, int]]:
    """Model names of which a module calls a writing method of the manager: (name, line)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES):
            continue
        inner: ast.AST = node.func.value
        while isinstance(inner, ast.Call | ast.Attribute):
            inner = inner.func if isinstance(inner, ast.Call) else inner.value
        if isinstance(inner, ast.Name):
            yield inner.id, node.lineno


@pytest.mark.parametrize(
    ("tables", "writer"),
    [({"Event"}, ("event_store",)), (READ_TABLES, ("projections",))],
    ids=["events", "read tables"],
)
def test_each_table_has_one_writer(tables: set[str], writer: tuple[str, ...]) -> None:
    for path in modules("relationships"):
        own = path.relative_to(ROOT).with_suffix("").parts[1]
        if own in writer or own in GLUE:
            continue
        wrong = [(name, line) for name, line in writes(path) if name in tables]
        assert not wrong, f"{path} writes {wrong}: only {writer} may"
