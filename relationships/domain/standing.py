"""Where a client stands: stage, health, and the moment at which either will change by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .judgement import FOUND, HEALTHS, STAGES, Period

Span = tuple[int, int | None]  # from, included, to, excluded; None: for ever
Because = tuple[str, ...]


@dataclass(slots=True)
class Standing:
    """The present of a fold, and what a walk into the future alters; nothing else of a fold changes with time alone.

    `failures` are the spans from the judged moment on in which the stage's keep does not hold, the first one with the
    moment at which it began to fail; `falls_at` is when a failure will have lasted for the whole grace.
    """

    since: int
    first_event: str
    stage: int = FOUND
    health: str = HEALTHS[0]
    health_since: int = 0
    reached: int = FOUND
    reached_at: int = 0
    failures: list[Span] = field(default_factory=list)
    falls_at: int | None = None
    next_at: int | None = None
    stage_rule: str = "found"
    stage_because: Because = ()
    period_at: int | None = None
    period_rule: str = ""
    period_because: Because = ()

    @classmethod
    def load(cls, values: list[Any]) -> Standing:
        """The standing whose fields, in order, are `values`, as JSON gives them back."""
        standing = cls(*values)
        standing.failures = [(begins, ends) for begins, ends in standing.failures]
        standing.stage_because = tuple(standing.stage_because)
        standing.period_because = tuple(standing.period_because)
        return standing

    def enter(self, stage: int, at: int, rule: str, because: Because) -> None:
        """Stands on `stage` from `at` on."""
        self.stage = stage
        self.since = at
        self.stage_rule = rule
        self.stage_because = because
        self.failures = []

    def begin(self, at: int, health: str, new_stage: bool, health_reason: tuple[str, Because] | None) -> None:
        """Begins a period at `at`: the stage's reason comes before the health's, None where that is the old one."""
        rule, because = (self.stage_rule, self.stage_because) if new_stage else ("", ())
        if health_reason is not None:
            self.health = health
            self.health_since = at
            rule = rule or health_reason[0]
            because += health_reason[1]
        self.period_at = at
        self.period_rule = rule
        self.period_because = tuple(dict.fromkeys(because))[:3]

    def open_period(self, ends_at: int | None) -> Period:
        """The period that is open now."""
        return self.period(self.stage, ends_at)

    def period(self, stage: int, ends_at: int | None) -> Period:
        """The open period as it stands, with the stage that it had."""
        assert self.period_at is not None
        return Period(STAGES[stage], self.health, self.period_at, ends_at, self.period_rule, self.period_because)
