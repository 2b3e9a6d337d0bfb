"""A portfolio of invented clients as one hand-made snapshot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from relationships.domain.sentences import rule_in_words
from relationships.reports.snapshot import (
    Cause,
    ClientLine,
    Move,
    OpenQuestion,
    OrganisationName,
    PlannedMeeting,
    Quarantined,
    Risk,
    Snapshot,
)

ZONE = "Europe/Berlin"
ANNA, BORIS = "019ab000-0000-7000-8000-00000000000a", "019ab000-0000-7000-8000-00000000000b"
PEOPLE = {ANNA: "Anna Lind", BORIS: "Boris Okafor", "0193-else": "Nobody Here"}


def at(month: int, day: int, hour: int = 9, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def line(number: int, name: str, stage: str, opening: str | None = "same", **given: Any) -> ClientLine:
    values: dict[str, Any] = {"owner": ANNA, "health": "active", "since": at(9, 1)} | given
    return ClientLine(
        id=f"c{number}", name=name, stage=stage, opening=stage if opening == "same" else opening, **values
    )


def a_cause(kind: str, month: int, day: int, words: str) -> Cause:
    happened = at(month, day)
    return Cause(
        event_id=f"e-{kind}-{month}-{day}",
        type=kind,
        at=happened,
        phrase=f"{words} on {day} {happened:%b %Y}",
    )


def a_snapshot(**changes: Any) -> Snapshot:
    values: dict[str, Any] = {
        "report": "pipeline",
        "organisation": OrganisationName(slug="default", name="Harbour & Vale", time_zone=ZONE),
        "made_at": at(11, 23, 6),
        "as_of": at(11, 23, 6),
        "known_at": at(11, 23, 6),
        "since": at(11, 16, 6),
        "position": 4211,
        "head": "3f" * 32,
        "policy": 1,
        "settled": True,
        "risk_days": 30,
        "fade_days": 7,
        "meeting_days": 14,
        "clients": (
            line(1, "Kestrel Optics", "bridging", "met", since=at(11, 17)),
            line(2, "Dunmore Textiles", "helped", "conversing", health="cooling", since=at(11, 19), owner=BORIS),
            line(3, "Tidewater Instruments", "found", None, health="new", since=at(11, 18), owner=None),
            line(4, "Møller & Søn", "conversing"),
            line(5, "Larkspur Foods", "deepening", health="active", owner=BORIS),
            line(6, "Quillon Press", "ended", health="ended"),
        ),
        "moves": (
            Move(
                client_id="c1",
                before="met",
                after="bridging",
                at=at(11, 17),
                rule="bridging.gap_bridged",
                reason=rule_in_words("bridging.gap_bridged"),
                because=(
                    a_cause("meeting_held", 11, 17, "you met in person"),
                    a_cause("meeting_held", 9, 2, "you met in person"),
                    a_cause("idea_discussed", 10, 30, "they discussed an idea"),
                ),
            ),
            Move(
                client_id="c2",
                before="conversing",
                after="helped",
                at=at(11, 19),
                rule="conversing.no_two_way_contact",
                reason=rule_in_words("conversing.no_two_way_contact"),
                because=(a_cause("reply_posted", 8, 21, "they replied"),),
            ),
            Move(
                client_id="c3",
                before=None,
                after="found",
                at=at(11, 18),
                rule="found",
                reason=rule_in_words("found"),
                because=(),
            ),
        ),
        "risks": (
            Risk(
                client_id="c4",
                kind="stage",
                before="conversing",
                after="helped",
                at=at(12, 5),
                rule="conversing.no_two_way_contact",
                reason=rule_in_words("conversing.no_two_way_contact"),
                because=(a_cause("call_held", 9, 6, "you spoke on the phone"),),
            ),
            Risk(
                client_id="c5",
                kind="health",
                before="active",
                after="cooling",
                at=at(11, 28),
                rule="health.silence",
                reason=rule_in_words("health.silence"),
                because=(a_cause("message_sent", 11, 7, "we wrote"),),
            ),
        ),
        "meetings": (PlannedMeeting(client_id="c5", meeting_id="m1", starts_at=at(11, 26), mode="in_person"),),
        "questions": (OpenQuestion(client_id="c4", event_id="q1", asked_at=at(11, 19), due_at=at(11, 20)),),
        "quarantined": (),
    }
    return Snapshot(**values | changes)


def quarantined() -> Quarantined:
    return Quarantined(client_id="c6", name="Quillon Press", reason="division by zero")
