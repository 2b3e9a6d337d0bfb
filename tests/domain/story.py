"""A client's story in a few lines, for tests: `Story().at(3).question().at(4).answer()`; days count from DAY_ZERO."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Self

from relationships.domain.facts import Fact, effective
from relationships.domain.fold import Fold
from relationships.domain.instants import DAY, to_us
from relationships.domain.judgement import Period
from relationships.domain.policy import DEFAULT_POLICY, Policy

DAY_ZERO = to_us(datetime(2026, 1, 5, tzinfo=UTC))  # a Monday


def instant(day: float) -> int:
    return DAY_ZERO + round(day * DAY)


class Story:
    """Facts of one client, each `add`ed on the day set by `at`; every fact's id is e1, e2, …"""

    def __init__(self, policy: Policy = DEFAULT_POLICY) -> None:
        self.policy = policy
        self.facts: list[Fact] = []
        self.day: float = 0
        self.meetings = 0
        self.count = 0

    def at(self, day: float) -> Self:
        self.day = day
        return self

    def add(self, kind: str, *, external_id: str | None = None, **data: Any) -> Self:
        self.count += 1
        number = self.count
        source = None if external_id is None else "test"
        self.facts.append(Fact(f"e{number}", number, kind, instant(self.day), source, external_id, data))
        return self

    def register(self, tier: str = "standard", **settings: Any) -> Self:
        return self.add("client_registered", name="Acme", tier=tier, **settings)

    def say(self, direction: str, kind: str = "message_sent", who: str = "ann", **data: Any) -> Self:
        data = {"channel": "email", "contacts": [who], "our_people": ["us"], **data}
        return self.add(kind, direction=direction, **data)

    def they(self, kind: str = "message_sent", **data: Any) -> Self:
        return self.say("inbound", kind, **data)

    def we(self, kind: str = "message_sent", **data: Any) -> Self:
        return self.say("outbound", kind, **data)

    def question(self, **data: Any) -> Self:
        return self.they("question_asked", **data)

    def answer(self, **data: Any) -> Self:
        return self.we("question_answered", **data)

    def talk(self) -> Self:
        """They write and we reply at once: a two-way exchange begun by them."""
        return self.they().we("reply_posted")

    def meet(self, mode: str = "in_person", who: tuple[str, ...] = ("ann",), **data: Any) -> Self:
        self.meetings += 1
        data = {"meeting_id": f"m{self.meetings}", "contacts": list(who), "our_people": ["us"], **data}
        return self.add("meeting_held", mode=mode, **data)

    def fold(self, until: float | None = None) -> Fold:
        fold = Fold(self.policy)
        fold.take(effective(self.facts), until=None if until is None else instant(until))
        return fold

    def periods(self) -> list[Period]:
        return self.fold().judge()

    def told(self) -> list[tuple[float, str, str]]:
        """The timeline as (day it begins, stage, health)."""
        return [((p.begins_at - DAY_ZERO) / DAY, p.stage, p.health) for p in self.periods()]

    def stages(self) -> list[tuple[float, str]]:
        """The timeline as (day it begins, stage), healths left out."""
        told: list[tuple[float, str]] = []
        for day, stage, _ in self.told():
            if not told or told[-1][1] != stage:
                told.append((day, stage))
        return told

    def healths(self) -> list[tuple[float, str]]:
        told: list[tuple[float, str]] = []
        for day, _, health in self.told():
            if not told or told[-1][1] != health:
                told.append((day, health))
        return told

    def on(self, day: float) -> Period:
        """The period in which a day lies."""
        moment = instant(day)
        return next(p for p in reversed(self.periods()) if p.begins_at <= moment)

    def total(self, day: float) -> float:
        return self.fold(until=day).total(instant(day))
