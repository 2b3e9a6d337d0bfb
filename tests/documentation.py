"""Writes the parts of `docs/` that follow from the code: `python -m tests.documentation`.

The catalogue of `docs/events.md`, the examples of `docs/sentences.md`, the tables of `docs/access.md` and
`docs/security.md`. `tests/test_documentation.py` fails when a page is not what this would write.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from relationships.domain.events import EVENT_TYPES, EventType, Exchange  # noqa: E402
from relationships.domain.fields import Spec  # noqa: E402
from relationships.domain.judgement import STAGES  # noqa: E402

from .domain.examples import rows  # noqa: E402
from .security import acts, matrix  # noqa: E402

DOCS = Path(__file__).resolve().parent.parent / "docs"
MARK = "<!-- What follows is written by `python -m tests.documentation`. -->"

EXCHANGE: Mapping[str, Spec] = EVENT_TYPES["message_sent"].specs

FAMILIES = {
    "exchange": "Exchanges",
    "advocacy": "Advocacy",
    "meeting": "Meetings",
    "commitment": "Commitments",
    "project": "Projects",
    "echo": "Echo",
    "roster": "Roster and care",
    "about": "About events",
    "policy": "Policies",
}


def catalogue() -> str:
    """All types by family, each with its fields and an example."""
    lines = [MARK, ""]
    for family, title in FAMILIES.items():
        kinds = [kind for kind in EVENT_TYPES.values() if kind.kind == family]
        lines += [f"## {title}", "", "| type | what happened | points | |", "|---|---|---|---|"]
        lines += [f"| [`{k.name}`](#{k.name}) | {k.summary} | {_points(k)} | {_marks(k)} |" for k in kinds]
        lines.append("")
        if family == "exchange":
            lines += ["Every exchange may say:", "", *_table(EXCHANGE, EVENT_TYPES["message_sent"]), ""]
        for kind in kinds:
            lines += _entry(kind)
    return "\n".join(lines)


def _points(kind: EventType) -> str:
    if kind.name == "meeting_held":
        return "10 in person, 5 by video"
    return f"{kind.points:g}" if kind.points else ""


def _marks(kind: EventType) -> str:
    marks = ["spoken"] if kind.spoken else []
    if not kind.postable:
        marks.append("made by other resources")
    return ", ".join(marks)


def _entry(kind: EventType) -> list[str]:
    shared = EXCHANGE if issubclass(kind.record, Exchange) else {}
    own = {name: spec for name, spec in kind.specs.items() if name not in shared}
    lines = [f"### {kind.name}", ""]
    if own:
        lines += [*_table(own, kind), ""]
    return [*lines, "```json", json.dumps(dict(kind.example), ensure_ascii=False), "```", ""]


def _table(specs: Mapping[str, Spec], kind: EventType) -> list[str]:
    rows = [f"| `{name}` | {spec.doc} | {_holds(spec, kind, name)} |" for name, spec in specs.items()]
    return ["| field | holds | |", "|---|---|---|", *rows]


def _holds(spec: Spec, kind: EventType, name: str) -> str:
    told = ["**required**"] if spec.required else []
    told.append(", ".join(f"`{choice}`" for choice in spec.choices) if spec.choices else spec.kind)
    default = kind.default_direction if name == "direction" else spec.default
    if default is not None:
        told.append(f"`{default}` when silent")
    elif name == "direction":
        told.append("**required**")
    if spec.sealed:
        told.append("sealed")
    return "; ".join(told)


def examples() -> str:
    """The sentences of all examples, by stage."""
    lines = [MARK, ""]
    for stage in STAGES:
        lines += [f"## {stage.capitalize()}", "", "| health | the case | what is said |", "|---|---|---|"]
        lines += [f"| {health} | {case} | {words} |" for at, health, case, words in rows() if at == stage]
        lines.append("")
    return "\n".join(lines)


# What each page ends with, after the mark.
def access() -> str:
    """Every operation with what each kind of caller gets."""
    return f"{MARK}\n\n{matrix.table()}"


def noted() -> str:
    """Every act that the security log notes."""
    return f"{MARK}\n\n{acts.table()}"


PAGES: Mapping[Path, Callable[[], str]] = {
    DOCS / "events.md": catalogue,
    DOCS / "sentences.md": examples,
    DOCS / "access.md": access,
    DOCS / "security.md": noted,
}


def written(page: Path) -> str:
    """The page with its last part made anew; what stands before the mark is kept."""
    return page.read_text().partition(MARK)[0] + PAGES[page]()


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(written(path))
