"""The snapshot row by row: one line a client, with its move and its next fall, for a spreadsheet.

UTF-8, all cells quoted, times in ISO 8601 with their offset. A cell that a spreadsheet would take for a
formula is preceded by an apostrophe; the JSON form has every value unaltered.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from relationships.reports import wording
from relationships.reports.snapshot import Move, Risk, Snapshot

FORM = "csv"
MEDIA_TYPE = "text/csv; charset=utf-8"
COLUMNS = (
    "client_id", "client", "owner", "stage", "since", "health",
    "opening_stage", "moved_at", "move_rule", "move_because",
    "falls_to", "falls_at", "fall_rule", "fall_because",
    "as_of", "known_at", "position", "policy", "opening_stage_by_former_policy",
)  # fmt: skip

# With their full-width forms, which some spreadsheets read alike (OWASP ASVS 1.2.10).
_STARTS_A_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def render(snapshot: Snapshot, *, people: Mapping[str, str], zone: str) -> str:
    """A header and one line a client; times in ``zone``."""
    moves = {move.client_id: move for move in snapshot.moves}
    falls = {risk.client_id: risk for risk in reversed(snapshot.risks) if risk.kind == "stage"}
    told = (
        _time(snapshot.as_of, zone), _time(snapshot.known_at, zone), str(snapshot.position), str(snapshot.policy),
    )  # fmt: skip
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for line in snapshot.clients:
        row = (
            line.id, line.name, people.get(line.owner or "", ""),
            line.stage, _time(line.since, zone), line.health, line.opening or "",
            *_move(moves.get(line.id), zone), *_fall(falls.get(line.id), zone), *told,
            line.told_opening or "",
        )  # fmt: skip
        writer.writerow([harmless(cell) for cell in row])
    return out.getvalue()


def harmless(cell: str) -> str:
    """The cell with an apostrophe before it if, after any blanks, it begins as a formula would."""
    begins = cell.startswith(_STARTS_A_FORMULA) or cell.lstrip(" \u00a0\u3000").startswith(_STARTS_A_FORMULA)
    return "'" + cell if begins else cell


def _move(move: Move | None, zone: str) -> tuple[str, str, str]:
    return (_time(move.at, zone), move.rule, wording.because(move)) if move else ("", "", "")


def _fall(risk: Risk | None, zone: str) -> tuple[str, str, str, str]:
    if risk is None:
        return ("", "", "", "")
    return (risk.after, _time(risk.at, zone), risk.rule, wording.because(risk))


def _time(moment: datetime, zone: str) -> str:
    return moment.astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")
