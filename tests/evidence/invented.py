"""Invented logs for the back-test: what happened, when it was recorded, and what is known of it when."""

from __future__ import annotations

import random
from collections.abc import Iterable

from relationships.domain.backtest import MEETING, Known, Question, Row, rows
from relationships.domain.facts import Fact
from relationships.domain.instants import DAY, from_us
from relationships.domain.policy import DEFAULT_POLICY
from relationships.evidence.gathering import Gathered, Rows
from tests.domain.story import DAY_ZERO, instant

NEVER_KNOWN_BEFORE = 10_000  # the day on which an imported history is recorded


def meeting(day: float, number: int, **data: object) -> Fact:
    data = {"meeting_id": f"m{number}", "mode": "in_person", **data}
    return Fact(f"e{number}", number, "meeting_held", instant(day), None, None, data)


def message(day: float, number: int, direction: str = "inbound") -> Fact:
    data = {"channel": "email", "direction": direction, "contacts": ["ann"], "our_people": ["us"]}
    return Fact(f"e{number}", number, "message_sent", instant(day), None, None, data)


def live(fact: Fact, *, recorded: float | None = None) -> Known:
    """Recorded when it happened, or on that day."""
    at = fact.at if recorded is None else instant(recorded)
    return Known(fact, at, fact.at, fact.at)


def imported(fact: Fact, *, over: float = 0, told: float = 0) -> Known:
    """Recorded long after; over and told so many days after it began."""
    over_at = fact.at + round(over * DAY)
    return Known(fact, instant(NEVER_KNOWN_BEFORE), over_at, max(over_at, fact.at + round(told * DAY)))


def rows_of(known: Iterable[Known], end: float, question: Question = MEETING) -> dict[int, Row]:
    """The rows by cut."""
    return {row.cut: row for row in rows(list(known), DEFAULT_POLICY, end=instant(end), question=question)}


def gathered(found: Iterable[Iterable[Row]], question: Question = MEETING) -> Gathered:
    """Rows client by client, as `gather` would give them."""
    table = Rows()
    clients = 0
    for client, each in enumerate(found):
        clients += 1
        for row in each:
            table.add(client, row)
    return Gathered(DEFAULT_POLICY, table, clients, 0, 1, DAY_ZERO, DAY_ZERO, question)


def a_messy_log(chance: random.Random, count: int) -> list[Fact]:
    """Messages, calls, plans, meetings, misses, outcomes, corrections and retractions within two years."""
    facts: list[Fact] = []
    for number in range(1, count + 1):
        day = chance.random() * 700
        facts.append(_any(chance, number, day, facts))
    return facts


def _any(chance: random.Random, number: int, day: float, before: list[Fact]) -> Fact:
    kind = chance.choice(("message", "message", "message", "call", "meeting", "plan", "miss", "outcome", "amend"))
    which = f"m{chance.randrange(8)}" if kind in ("plan", "miss", "outcome") else f"m{number}"
    if kind == "message":
        return message(day, number, chance.choice(("inbound", "outbound")))
    if kind == "meeting" or (kind == "amend" and not before):
        mode = chance.choice(("in_person", "video"))
        return meeting(day, number, meeting_id=chance.choice((which, f"m{chance.randrange(8)}")), mode=mode)
    at = instant(day)
    if kind == "call":
        data = {"channel": "phone", "direction": "mutual", "contacts": ["bob"], "our_people": ["us"]}
        return Fact(f"e{number}", number, "call_held", at, None, None, data)
    if kind == "plan":
        starts = from_us(at + 20 * DAY).isoformat()
        data = {"meeting_id": which, "starts_at": starts, "mode": "in_person"}
        return Fact(f"e{number}", number, "meeting_scheduled", at, None, None, data)
    if kind == "miss":
        return Fact(f"e{number}", number, "meeting_missed", at, None, None, {"meeting_id": which})
    if kind == "outcome":
        data = {"meeting_id": which, "outcome": chance.choice(("decision", "none"))}
        return Fact(f"e{number}", number, "meeting_outcome_noted", at, None, None, data)
    named = chance.choice(before)
    if chance.random() < 0.5:
        return Fact(f"e{number}", number, "event_retracted", at, None, None, {"event_id": named.event_id})
    moved = from_us(instant(chance.random() * day)).isoformat()  # no later than it is told
    return Fact(
        f"e{number}", number, "event_corrected", at, None, None, {"event_id": named.event_id, "occurred_at": moved}
    )
