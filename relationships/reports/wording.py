"""The words of a report: stages, causes, moves and moments, the same in every form."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from relationships.domain.judgement import STAGES
from relationships.reports.snapshot import Move, Risk, Snapshot


def title(word: str) -> str:
    """A stage or health as people write it: ``met`` → ``Met``."""
    return word.capitalize()


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """``1 client``, ``1,204 clients``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def plain(name: str) -> str:
    """A name on one line, without control characters: those could move the cursor or forge a line."""
    spaced = "".join(" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in name)
    return " ".join(spaced.split())


def cut(words: str, width: int) -> str:
    """At most ``width`` characters, the last one an ellipsis where something is missing."""
    return words if len(words) <= width else words[: width - 1].rstrip() + "…"


def listed(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def day(moment: datetime, zone: str) -> str:
    """``Mon 23 Nov 2026`` in ``zone``."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b} {local:%Y}"


def short_day(moment: datetime, zone: str) -> str:
    """``Mon 23 Nov`` in ``zone``."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b}"


def moment(instant: datetime, zone: str) -> str:
    """``Mon 23 Nov 2026 07:00 CET`` in ``zone``; zones without letters show their offset."""
    return f"{day(instant, zone)} {clock(instant, zone)}"


def clock(instant: datetime, zone: str) -> str:
    """``07:00 CET`` in ``zone``."""
    return f"{instant.astimezone(ZoneInfo(zone)):%H:%M %Z}"


def direction(before: str | None, after: str) -> int:
    """1 for a rise, −1 for a fall (an ending is one), 0 for a client that was not there before."""
    if before is None:
        return 0
    if "ended" in (before, after):
        return -1 if after == "ended" else 1
    return 1 if STAGES.index(after) > STAGES.index(before) else -1


def step(change: Move | Risk) -> str:
    """``Met → Bridging``; ``new: Found`` for a client that came in."""
    if change.before is None:
        return f"new: {title(change.after)}"
    return f"{title(change.before)} → {title(change.after)}"


def falls(snapshot: Snapshot) -> list[Risk]:
    """The stages that fall unless something happens."""
    return [risk for risk in snapshot.risks if risk.kind == "stage"]


def risks(snapshot: Snapshot) -> tuple[tuple[str, list[Risk]], ...]:
    """What becomes worse unless something happens, under its two headings: stages, then health."""
    fades = [risk for risk in snapshot.risks if risk.kind == "health"]
    return (
        (f"Falls within {snapshot.risk_days} days unless something happens", falls(snapshot)),
        (f"Cools or falls dormant within {snapshot.fade_days} days unless something happens", fades),
    )


def headline(snapshot: Snapshot, zone: str, *, whose: str = "") -> str:
    """The one sentence to read: who moved since last time and how many will fall.

    Those who moved are named while they are few. ``whose`` stands before "clients" (``your``).
    """
    total = len(snapshot.clients)
    if not total:
        return f"There are no {' '.join(filter(None, [whose, 'clients']))} yet."
    ways = [(move, direction(move.before, move.after)) for move in snapshot.moves]
    moved = [move for move, way in ways if way]
    came = len(ways) - len(moved)
    sentence = f"{_moved(len(moved), total, whose)} since {short_day(snapshot.since, zone)}"
    if 0 < len(moved) <= 2:
        sentence += ": " + listed([_told(snapshot, move) for move in moved])
    elif moved:
        up = sum(way > 0 for _, way in ways)
        sentence += f", {up:,} up and {len(moved) - up:,} down"
    if came:
        sentence += f"; {came:,} came in"
    return f"{sentence}; {_ahead(snapshot)}."


def _moved(number: int, total: int, whose: str) -> str:
    if total == 1:
        return f"{title(whose or 'the')} one client {'changed' if number else 'did not change'} stage"
    clients = " ".join(filter(None, [whose, f"{total:,} clients"]))
    return f"{format(number, ',') if number else 'None'} of {clients} changed stage"


def _told(snapshot: Snapshot, move: Move) -> str:
    name = cut(plain(snapshot.names()[move.client_id]), 40)
    if move.after == "ended":
        return f"{name} ended"
    return f"{name} {'rose' if direction(move.before, move.after) > 0 else 'fell'} to {title(move.after)}"


def _ahead(snapshot: Snapshot) -> str:
    number = len(falls(snapshot))
    if not number:
        return f"nobody falls within {snapshot.risk_days} days"
    verb = "falls" if number == 1 else "fall"
    return f"{number:,} {verb} within {snapshot.risk_days} days unless something happens"


def warnings(snapshot: Snapshot, zone: str) -> list[str]:
    """What the reader must know before trusting the figures: lateness, quarantine, figures behind the
    log, another policy."""
    said = []
    if snapshot.late:
        due, made = moment(snapshot.as_of, zone), moment(snapshot.made_at, zone)
        said.append(f"This report is late: due on {due}, where it stands, and made on {made}.")
    if snapshot.quarantined:
        names = listed([one.name for one in snapshot.quarantined[:3]])
        more = len(snapshot.quarantined) - 3
        number = counted(len(snapshot.quarantined), "client is", "clients are")
        others = f" and {more:,} more" if more > 0 else ""
        said.append(f"{number} in quarantine and shown as last understood: {names}{others}.")
    elif not snapshot.settled:
        said.append("Some clients are behind the log; the next report will include their latest events.")
    if snapshot.policy_change:
        said.append(restatement(snapshot, zone))
    return said


def restatement(snapshot: Snapshot, zone: str) -> str:
    """What another policy made of the opening, in one or two sentences; empty where the policy is the same."""
    change = snapshot.policy_change
    if change is None:
        return ""
    moved = [line for line in snapshot.clients if line.opening is not None and line.opening != line.told_opening]
    there = sum(line.opening is not None for line in snapshot.clients)
    said = (
        f"Policy {change.after} was adopted in place of policy {change.before} on {moment(change.at, zone)}; "
        "this report tells both ends of its span by the new one."
    )
    if not moved:
        return f"{said} It changes no stage of the opening on {day(snapshot.since, zone)}."
    up = sum(direction(line.told_opening, line.opening or "") > 0 for line in moved)
    return (
        f"{said} On {day(snapshot.since, zone)}, {len(moved):,} of {counted(there, 'client')} would have stood "
        f"elsewhere under it, {up:,} higher and {len(moved) - up:,} lower: these are no moves."
    )


def because(change: Move | Risk) -> str:
    """The events that a change rests on, in one phrase; empty when it rests on none."""
    return listed([cause.phrase for cause in change.because])


# What brings a fall that is still to come: its rule, told as it stands today and runs on into the last event.
_STILL_TO_COME = {
    "no_two_way_contact": "no exchange both ways since",
    "no_meeting": "no meeting since",
    "conversation_broke": "no conversation since",
    "no_ideas": "no ideas from both sides since",
    "no_project": "no joint project and no recommendation since",
    "silence": "silence since",
    "dormant_silence": "silence since",
    "dormant_silence_limit": "silence since",
    "dormant_no_meeting": "no meeting since",
}


def why(change: Move | Risk) -> str:
    """Why, for a person: a rise or an end by its events, a fall by what was missing and what came last."""
    events = because(change)
    if isinstance(change, Move) and (change.after == "ended" or direction(change.before, change.after) >= 0):
        return events or change.reason
    ahead = _STILL_TO_COME.get(change.rule.rpartition(".")[2]) if isinstance(change, Risk) else None
    if ahead and events:
        return f"{ahead} {events}"
    return f"{change.reason} (last: {events})" if events else change.reason


def footer(snapshot: Snapshot, zone: str) -> list[str]:
    """What the report rests on, so that it can be checked and made again."""
    settled = "settled" if snapshot.settled else "not settled"
    return [
        f"As of {moment(snapshot.as_of, zone)} · known at {moment(snapshot.known_at, zone)}",
        f"position {snapshot.position:,} · policy {snapshot.policy} · {settled}",
        f"chain head {snapshot.head}",
    ]
