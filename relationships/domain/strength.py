"""Strength: how much a relationship weighs now, from 0 to 100.

    sum(t)      = Σ meetings  w · q · (1 + β·B) · 2^(−age/Hm)
                + Σ exchanges w · d · a · (1 + γ·F) · 2^(−age/He) · (0.5 + 0.5·R)
    strength(t) = 100 · (1 − exp(−sum(t) / K))

All terms of one kind fade alike and R is constant between events, so the sum after the last event is a closed form
of two numbers: no job is needed to let it fade, and a list can be sorted by it in SQL.

Source: `model.md` §3.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, NamedTuple

from .instants import DAY
from .policy import Policy, Tier


def fade(age: int, half_life: float) -> float:
    """2^(−age ÷ half-life): age in microseconds, half-life in days."""
    return float(2.0 ** (-age / (half_life * DAY)))


def strength_of(total: float, scale: float) -> float:
    """Strength, 0 to 100, of a sum of terms."""
    return -100.0 * math.expm1(-total / scale)


def band(strength: float | None, policy: Policy) -> str:
    """The plain word for a strength; `unknown` for None (no contact yet)."""
    if strength is None:
        return "unknown"
    if strength < policy.band_forming:
        return "faint"
    if strength < policy.band_firm:
        return "forming"
    return "firm" if strength < policy.band_strong else "strong"


def discount(place: int) -> float:
    """What the n-th exchange with one contact on one UTC day counts: 1, then ln n − ln(n−1)."""
    return 1.0 if place < 2 else math.log(place) - math.log(place - 1)


class Mark(NamedTuple):
    """The sums right after the events of one instant; `total` is a closed form of t from then to the next mark."""

    at: int
    meetings: float
    exchanges: float
    half_life_meeting: float
    half_life_exchange: float

    def total(self, instant: int) -> float:
        """The sum of all terms at `instant`, which must not lie before the mark."""
        age = instant - self.at
        return self.meetings * fade(age, self.half_life_meeting) + self.exchanges * fade(age, self.half_life_exchange)


VELOCITY_OVER = 30 * DAY
MARKS_A_DAY = 4  # of a busy day that is over …
MARKS_TODAY = 16  # … and, before, at most: a day of a thousand exchanges is no reason to save a thousand marks
NOTHING = Mark(0, 0.0, 0.0, 1.0, 1.0)


def mark_at(marks: list[Mark], instant: int) -> Mark:
    """The latest mark not after `instant`; one without any terms when there is none."""
    found = NOTHING
    for mark in marks:
        if mark.at > instant:
            break
        found = mark
    return found


@dataclass(frozen=True, slots=True)
class Term:
    """One addend of the sum at the asked moment; `factors` are all of its factors and multiply to `points`."""

    event_id: str
    kind: str
    at: int
    factors: tuple[tuple[str, float], ...]
    points: float


class Sums:
    """The running sums of one client. `move` goes forward in time only."""

    __slots__ = ("at", "exchanges", "inbound", "marks", "meetings", "outbound", "spoken", "tier")

    def __init__(self, tier: Tier) -> None:
        self.tier = tier
        self.at = 0
        self.meetings = 0.0
        self.exchanges = 0.0
        self.inbound = 0.0
        self.outbound = 0.0
        self.spoken = 0
        self.marks: deque[tuple[int, float, float, float, float]] = deque()  # the fields of a Mark

    def move(self, instant: int) -> None:
        """Lets everything fade until `instant`."""
        age = instant - self.at
        if age <= 0:
            return
        self.at = instant
        if self.meetings:
            self.meetings *= fade(age, self.tier.half_life_meeting)
        if self.exchanges or self.spoken:
            factor = fade(age, self.tier.half_life_exchange)
            self.exchanges *= factor
            self.inbound *= factor
            self.outbound *= factor

    def reciprocity(self, policy: Policy) -> float:
        """R = 2·min(I, O) ÷ (I + O): 1 when both sides speak alike; 0.5 while too few spoke."""
        both = self.inbound + self.outbound
        if self.spoken < policy.reciprocity_minimum or not both:
            return policy.reciprocity_unknown
        return 2.0 * min(self.inbound, self.outbound) / both

    def mark(self, policy: Policy) -> float:
        """Notes the sums of this instant, keeping what a velocity over 30 days needs; returns their total."""
        marks = self.marks
        share = 0.5 + 0.5 * self.reciprocity(policy)
        tier = self.tier
        exchanges = self.exchanges * share
        if len(marks) > MARKS_A_DAY and marks[-1][0] // DAY != self.at // DAY:
            self._thin()
        marks.append((self.at, self.meetings, exchanges, tier.half_life_meeting, tier.half_life_exchange))
        if len(marks) > MARKS_TODAY and marks[-1 - MARKS_TODAY][0] // DAY == self.at // DAY:
            self._halve()
        horizon = self.at - VELOCITY_OVER
        while len(marks) > 1 and marks[1][0] <= horizon:
            marks.popleft()
        return self.meetings + exchanges

    def _thin(self) -> None:
        """Keeps four marks of a busy UTC day that is over, its last among them: a velocity does not need more."""
        marks = self.marks
        day = marks[-1][0] // DAY
        if marks[-1 - MARKS_A_DAY][0] // DAY != day:
            return
        of_day = []
        while marks and marks[-1][0] // DAY == day:
            of_day.append(marks.pop())
        of_day.reverse()
        busy = len(of_day)
        marks.extend(of_day[busy * part // MARKS_A_DAY - 1] for part in range(1, MARKS_A_DAY + 1))

    def _halve(self) -> None:
        """Keeps every second mark of a busy UTC day that goes on, its latest among them."""
        of_day = [self.marks.pop() for _ in range(MARKS_TODAY + 1)]
        self.marks.extend(reversed(of_day[::2]))

    def dump(self) -> list[Any]:
        """The state as JSON values."""
        # The half-lives are the tier's, save in marks from before a change of tier.
        usual = (self.tier.half_life_meeting, self.tier.half_life_exchange)
        marks = [list(mark if mark[3:] != usual else mark[:3]) for mark in self.marks]
        return [self.at, self.meetings, self.exchanges, self.inbound, self.outbound, self.spoken, marks]

    @classmethod
    def load(cls, tier: Tier, state: list[Any]) -> Sums:
        """The state that `dump` gave, under the tier of that moment."""
        sums = cls(tier)
        sums.at, sums.meetings, sums.exchanges, sums.inbound, sums.outbound, sums.spoken, marks = state
        usual = [tier.half_life_meeting, tier.half_life_exchange]
        for at, meetings, exchanges, *half_lives in marks:
            sums.marks.append((at, meetings, exchanges, *(half_lives or usual)))
        return sums
