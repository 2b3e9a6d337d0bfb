"""What a fold says of one client, ready to be written. Pure: facts and saved state in, rows out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import orjson

from relationships.domain.actions import Action, actions
from relationships.domain.facts import CORRECTED, RETRACTED, Fact, effective, folding_order
from relationships.domain.fold import Fold
from relationships.domain.history import NeedsHistory
from relationships.domain.instants import DAY
from relationships.domain.judgement import STAGES, Gap, Meeting, Period, Question
from relationships.domain.policy import Policy

# An event told this long after it happened is late: what had been told in between was wrong.
LATE = DAY


@dataclass(slots=True)
class Worked:
    """What the read tables are to say of one client.

    When `whole`, it replaces everything that is stored; else periods and gaps replace what is stored from the first
    of them on, and questions and meetings the rows of the same event or meeting. `late` names the events by which
    something told before may have become wrong.
    """

    client_id: str
    version: int
    whole: bool
    fold: Fold | None
    periods: list[Period] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    meetings: list[Meeting] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    late: tuple[str, ...] = ()

    def saved(self) -> str | None:
        """The fold as JSON; None when no effective event is left."""
        if self.fold is None:
            return None
        return orjson.dumps(self.fold.dump(), option=orjson.OPT_NON_STR_KEYS).decode()

    def reached(self) -> tuple[str, int] | None:
        """The highest stage ever and when it first began; None when the client stands nowhere."""
        standing = self.fold.standing if self.fold else None
        return None if standing is None else (STAGES[standing.reached], standing.reached_at)


def fold_whole(facts: Sequence[Fact], policy: Policy, *, until: int | None = None) -> Fold:
    """The fold of all of a client's facts, corrections among them, in any order; those after `until` left out."""
    fold = Fold(policy)
    fold.take(effective(facts), until=until)
    return fold


def fold_of(saved: str, policy: Policy) -> Fold:
    """The fold to go on from."""
    return Fold.load(policy, orjson.loads(saved))


def work_out(client_id: str, facts: Sequence[Fact], policy: Policy, *, known: int, now: int) -> Worked:
    """Everything about a client from all of its facts; `known` is the version that had been told before."""
    fold = fold_whole(facts, policy)
    latest_told = max((fact.at for fact in facts if fact.version <= known), default=None)
    worked = _rows(client_id, fold, version=max(fact.version for fact in facts), whole=True, asked_from=None)
    worked.late = _late([fact for fact in facts if fact.version > known], latest_told, now) if known else ()
    return worked


def go_on(
    client_id: str,
    saved: str,
    newer: Sequence[Fact],
    policy: Policy,
    *,
    absent: Callable[[set[str]], set[str]],
    now: int,
) -> Worked:
    """What `newer` facts change, from saved state. `absent` tells which of some names the log does not hold.

    Raises NeedsHistory when all facts are needed instead.
    """
    if any(fact.type == CORRECTED or fact.type == RETRACTED for fact in newer):
        raise NeedsHistory("a correction changes what was folded already")
    fold = fold_of(saved, policy)
    folded_to = fold.at
    facts = sorted(newer, key=folding_order)
    unresolved = fold.unresolved(facts)
    fold.take(effective(facts), absent=absent(unresolved) if unresolved else ())
    version = max(fact.version for fact in newer)
    worked = _rows(client_id, fold, version=version, whole=False, asked_from=folded_to)
    worked.late = _late(newer, folded_to, now)
    return worked


def _rows(client_id: str, fold: Fold, *, version: int, whole: bool, asked_from: int | None) -> Worked:
    if fold.standing is None:
        return Worked(client_id, version, whole, None)
    periods = fold.judge()
    open_questions = [q for q in fold.open_questions if asked_from is None or q.asked_at > asked_from]
    return Worked(
        client_id,
        version,
        whole,
        fold,
        periods=periods,
        gaps=[*fold.fresh_gaps, *([fold.gap] if fold.gap else [])],
        questions=[*fold.fresh_questions, *open_questions],
        meetings=list(fold.fresh_meetings.values()),
        actions=actions(fold, periods),
    )


def _late(newer: Sequence[Fact], latest_told: int | None, now: int) -> tuple[str, ...]:
    return tuple(
        fact.event_id
        for fact in newer
        if fact.type in (CORRECTED, RETRACTED)
        or (latest_told is not None and fact.at < latest_told)
        or fact.at < now - LATE
    )


def revised(
    before: Sequence[Period], after: Sequence[Period], *, until: int
) -> tuple[int, list[Period], list[Period]] | None:
    """What `after` tells otherwise of the time that `before` had told, up to `until`; None when nothing.

    Answers the first moment that differs and both sides' periods from there on, cut at `until`.
    """
    if not before or not after:
        return None
    begins = max(before[0].begins_at, after[0].begins_at)
    for moment in sorted({begins, *(p.begins_at for p in (*before, *after) if begins <= p.begins_at < until)}):
        if moment < until and _at(before, moment) != _at(after, moment):
            return moment, _between(before, moment, until), _between(after, moment, until)
    return None


def _at(periods: Sequence[Period], moment: int) -> tuple[str, str] | None:
    for period in periods:
        if period.begins_at <= moment and (period.ends_at is None or moment < period.ends_at):
            return period.stage, period.health
    return None


def _between(periods: Sequence[Period], begins: int, until: int) -> list[Period]:
    return [p for p in periods if p.begins_at < until and (p.ends_at is None or p.ends_at > begins)]
