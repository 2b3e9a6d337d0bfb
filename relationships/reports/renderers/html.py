"""The pipeline report as one page that fetches nothing: no script, no image, no font from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.template.loader import render_to_string

from relationships.domain.judgement import HEALTHS, STAGES
from relationships.reports import wording
from relationships.reports.snapshot import Move, Risk, Snapshot

FORM = "html"
MEDIA_TYPE = "text/html; charset=utf-8"
ROWS = 200


def render(snapshot: Snapshot, *, people: Mapping[str, str], zone: str) -> str:
    """A whole HTML document; times in ``zone``, ``people`` names colleagues by id."""
    return render_to_string("reports/pipeline.html", _context(snapshot, people, zone))


def _context(snapshot: Snapshot, people: Mapping[str, str], zone: str) -> dict[str, Any]:
    return {
        "organisation": snapshot.organisation.name,
        "as_of": wording.moment(snapshot.as_of, zone),
        "since": wording.moment(snapshot.since, zone),
        "headline": wording.headline(snapshot, zone),
        "warnings": wording.warnings(snapshot, zone),
        "healths": [wording.title(health) for health in HEALTHS],
        "counts": _counts(snapshot),
        "policies": snapshot.policy_change,
        "restated": [{"title": wording.title(one.stage), "row": one} for one in snapshot.restated()],
        "stock": [{"title": wording.title(one.stage), "row": one} for one in snapshot.stock()],
        "lists": [
            _list("Who moved", snapshot.moves, snapshot, people, zone),
            *(_list(title, risks, snapshot, people, zone) for title, risks in wording.risks(snapshot)),
        ],
        "footer": wording.footer(snapshot, zone),
    }  # fmt: skip


def _counts(snapshot: Snapshot) -> list[dict[str, Any]]:
    counts = snapshot.by_stage_and_health()
    most = max(1, *(sum(counts[stage].values()) for stage in STAGES))
    return [
        {
            "title": wording.title(stage),
            "numbers": [counts[stage][health] for health in HEALTHS],
            "all": sum(counts[stage].values()),
            "percent": round(100 * sum(counts[stage].values()) / most),
        }
        for stage in STAGES
    ]


def _list(
    title: str, changes: Sequence[Move | Risk], snapshot: Snapshot, people: Mapping[str, str], zone: str
) -> dict[str, Any]:
    lines = {line.id: line for line in snapshot.clients}
    rows = [
        {
            "name": lines[change.client_id].name,
            "owner": people.get(lines[change.client_id].owner or "", ""),
            "step": wording.step(change),
            "way": wording.direction(change.before, change.after) if isinstance(change, Move) else -1,
            "when": wording.short_day(change.at, zone),
            "why": wording.why(change),
        }
        for change in changes[:ROWS]
    ]
    return {"title": title, "number": len(changes), "rows": rows, "more": len(changes) - len(rows)}
