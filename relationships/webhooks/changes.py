"""When a client came to stand elsewhere, as it could be known then: by an event, or by time alone. Pure.

What is compared is always one client's timeline with and without one event, under one policy and at one moment, or one
timeline before and after a moment that passed. So a new policy, which moves clients with neither, tells nothing; and an
event that comes late is told when it comes, for what it makes of the present.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from relationships.domain.facts import CORRECTED, RETRACTED, Fact, effective
from relationships.domain.fold import Fold
from relationships.domain.history import NeedsHistory
from relationships.domain.judgement import Period
from relationships.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class Change:
    """From one period to another, at an instant. None: the client stood nowhere, before its first event or when the
    last was retracted. `event_id` is the event that brought it, None when time alone did."""

    at: int
    before: Period | None
    after: Period | None
    event_id: str | None


@dataclass(frozen=True, slots=True)
class News:
    """An event that has not been told yet: its version, and the instant at which it came to be known."""

    version: int
    known: int


def changes(
    facts: Sequence[Fact], news: Sequence[News], policy: Policy, *, told: int, until: int
) -> Iterator[tuple[int | None, Change]]:
    """What changed after the instant `told`, up to `until` included, each with the version that it comes along with.

    `facts` are the client's facts by version, those of the `news` last; the versions of `news` grow. A change by time
    comes along with the next of the news, which it precedes, or with None after the last of them.
    """
    first = news[0].version if news else None
    timeline = _Timeline(policy, [fact for fact in facts if first is None or fact.version < first])
    fresh = {fact.version: fact for fact in facts[len(timeline.facts) :]}
    periods, reached = timeline.periods(), told
    for one in news:
        moment = max(one.known, reached)
        yield from ((one.version, change) for change in _passing(periods, reached, moment))
        fact = fresh[one.version]
        before, periods = periods, timeline.with_(fact)
        change = Change(moment, _at(before, moment), _at(periods, moment), fact.event_id)
        if _differs(change.before, change.after):
            yield one.version, change
        reached = moment
    yield from ((None, change) for change in _passing(periods, reached, until))


class _Timeline:
    """A client's periods, kept up with one fact after the other."""

    def __init__(self, policy: Policy, facts: list[Fact]) -> None:
        self.policy, self.facts = policy, facts
        self.fold = self._whole()

    def _whole(self) -> Fold:
        fold = Fold(self.policy)
        fold.take(effective(self.facts))
        return fold

    def periods(self) -> list[Period]:
        return self.fold.judge()

    def with_(self, fact: Fact) -> list[Period]:
        self.facts.append(fact)
        # A correction speaks of what was folded already; whatever else is not the newest, the fold says itself.
        if fact.type in (CORRECTED, RETRACTED) or self.fold.at is None:
            self.fold = self._whole()
            return self.periods()
        try:
            self.fold.take(effective([fact]))
        except NeedsHistory:
            self.fold = self._whole()
        return self.periods()


def _passing(periods: Sequence[Period], after: int, until: int) -> Iterator[Change]:
    """What time brings between two instants, the first excluded."""
    before: Period | None = None
    for period in periods:
        if after < period.begins_at <= until and _differs(before, period):
            yield Change(period.begins_at, before, period, None)
        before = period


def _at(periods: Sequence[Period], instant: int) -> Period | None:
    for period in reversed(periods):
        if period.begins_at <= instant:
            return period
    return None


def _differs(before: Period | None, after: Period | None) -> bool:
    one = None if before is None else (before.stage, before.health)
    other = None if after is None else (after.stage, after.health)
    return one != other
