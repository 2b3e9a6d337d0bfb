"""Rows for the back-test: what was known of a client at a cut, and whether a meeting followed.

No leakage. A cut since the client's log was begun sees what was recorded by then. A cut before that, in history that
was imported, sees what was over by then, less the source's usual delay; such rows are *reconstructed*. An event given
by day is over at the end of that day. The label looks ahead: was a meeting held within the next C* days that was not
known at the cut? Rows whose span reaches beyond the end of the history are left out, since nobody knows how they end.

Source: `model.md` §9.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .facts import Fact, amended, effective, folding_order, meeting_of
from .fold import SPOKEN, Fold
from .history import NeedsHistory
from .instants import DAY
from .policy import Policy
from .strength import fade, strength_of

WEEK = 7 * DAY
FREQUENCY_WITHIN = 180  # days
LONGEST_PRECISION = 31 * DAY
SETTINGS = frozenset(["client_registered", "client_updated", "tier_changed"])
# Facts that change how others are read: after one of these the fold begins anew.
UNSETTLING = SETTINGS | {"event_corrected", "event_retracted", "meeting_missed"}


@dataclass(frozen=True, slots=True)
class Known:
    """A fact, when the log learnt of it, and when it was over at the latest (later than `fact.at` if given by day).

    `told_at` is when it would have been recorded, had the log been kept at the time: the source's usual delay after.
    """

    fact: Fact
    recorded_at: int
    over_at: int
    told_at: int


@dataclass(frozen=True, slots=True)
class Question:
    """What each row asks: does a fact of `types` follow within `within` days (None: C*), in one of `directions`?

    The protocol's own question is `MEETING`. Cuts lie `step` microseconds apart, at the same moments for every client.
    """

    name: str = "a meeting held within C* days"
    types: frozenset[str] = frozenset({"meeting_held"})
    directions: frozenset[str] | None = None
    within: float | None = None
    step: int = WEEK

    def answered_by(self, fact: Fact) -> bool:
        """Whether this fact is what is asked for."""
        return fact.type in self.types and (self.directions is None or fact.data.get("direction") in self.directions)


MEETING = Question()


class Row(NamedTuple):
    """One client at one cut. Instants and `horizon` in microseconds, `recency` in days, strengths from 0 to 1.

    `next_at` is when what was asked for happened within the horizon, -1 when it did not. `frequency` counts days of
    the last 180 on which they spoke or we met; `rhythms` is silence ÷ ρ*. `periods`, `hits` and `last_hit` are what
    BG/BB needs (Fader, Hardie and Shang 2010): the steps between cuts since the one with the first contact, those of
    them in which the asked happened, and the latest of these.
    """

    cut: int
    horizon: int
    next_at: int
    reconstructed: bool
    accepted: bool
    recency: float
    frequency: int
    rhythms: float
    coverage: float
    strength: float
    without_beta: float
    without_gamma: float
    without_reciprocity: float
    periods: int
    hits: int
    last_hit: int


def rows(known: Sequence[Known], policy: Policy, *, end: int, question: Question = MEETING) -> Iterator[Row]:
    """The rows of one client, from its first contact on, in order of their cuts; `end` is the end of the history.

    Costs one pass over the facts, and a whole fold wherever a fact became known late.
    """
    if not known:
        return
    begun = min(entry.recorded_at for entry in known)
    truth = _truth(known)
    followed = [entry for entry in _outcomes(truth) if question.answered_by(entry.fact)]
    moments = [entry.fact.at for entry in followed]
    past = _Follower(policy, question, [(entry.told_at, entry.fact) for entry in truth])
    live = _Follower(policy, question, [(entry.recorded_at, entry.fact) for entry in known])
    cut = (min(entry.fact.at for entry in truth or known) // question.step + 1) * question.step
    while cut <= end:
        reconstructed = cut < begun
        follower = past if reconstructed else live
        fold = follower.at(cut)
        if fold.last_contact is not None:
            horizon = fold.meeting_rhythm if question.within is None else round(question.within * DAY)
            if cut + horizon <= end:
                near = followed[bisect_left(moments, cut - LONGEST_PRECISION) : bisect_left(moments, cut + horizon)]
                yield follower.row(cut, horizon, _next(near, cut, reconstructed), reconstructed)
        cut += question.step


def _truth(known: Sequence[Known]) -> list[Known]:
    """The facts as they stand corrected today, each with its moments moved along. Retracted ones are left out.

    A missed meeting stays although it was held later: at a cut in between nobody knew better.
    """
    by_id = {entry.fact.event_id: entry for entry in known}
    found = []
    for fact in amended(entry.fact for entry in known):
        entry = by_id[fact.event_id]
        moved = fact.at - entry.fact.at
        found.append(Known(fact, entry.recorded_at, entry.over_at + moved, entry.told_at + moved))
    return sorted(found, key=lambda entry: folding_order(entry.fact))


def _outcomes(truth: Sequence[Known]) -> Iterator[Known]:
    """What may answer a question: of several reports of one held meeting the first."""
    met: set[str] = set()
    for entry in truth:
        if entry.fact.type == "meeting_held":
            if meeting_of(entry.fact) in met:
                continue
            met.add(meeting_of(entry.fact))
        yield entry


def _next(near: Iterable[Known], cut: int, reconstructed: bool) -> int:
    """The first of these that lay ahead of the cut and was not known there; -1 when none did."""
    for entry in near:
        known_at = entry.told_at if reconstructed else entry.recorded_at
        if entry.over_at > cut and known_at > cut:
            return entry.fact.at
    return -1


class _Follower:
    """Folds on from cut to cut while facts become known in order, and anew where one is known late."""

    def __init__(self, policy: Policy, question: Question, known: Sequence[tuple[int, Fact]]) -> None:
        self.policy = policy
        self.question = question
        self.known = sorted(known, key=lambda entry: entry[0])
        self.next = 0
        self.taken: list[Fact] = []
        self._begin()

    def _begin(self) -> None:
        self.fold = Fold(self.policy)
        self.sums = _Ablated(self.fold)
        self.days: list[int] = []  # on which they spoke or we met
        self.hits: list[int] = []  # steps in which the asked happened

    def at(self, cut: int) -> Fold:
        """The fold of what is known at `cut`, however it stands in time."""
        first = self.next
        while self.next < len(self.known) and self.known[self.next][0] <= cut:
            self.next += 1
        if self.next > first:
            self._take([fact for _, fact in self.known[first : self.next]])
        return self.fold

    def _take(self, fresh: list[Fact]) -> None:
        latest = self.fold.at
        self.taken.extend(fresh)
        ordered = sorted(fresh, key=folding_order)
        if latest is None or ordered[0].at <= latest or any(fact.type in UNSETTLING for fact in fresh):
            self._begin_anew()
            return
        try:
            self.fold.take(ordered)
        except NeedsHistory:
            self._begin_anew()
        else:
            self._note(ordered)

    def _begin_anew(self) -> None:
        self._begin()
        ordered = effective(self.taken)
        self.fold.take(ordered)
        self._note(ordered)

    def _note(self, ordered: Iterable[Fact]) -> None:
        for fact in ordered:
            if _met_or_spoke(fact):
                _add(self.days, fact.at // DAY)
            if self.question.answered_by(fact):
                _add(self.hits, fact.at // self.question.step)
        self.sums.take()

    def row(self, cut: int, horizon: int, next_at: int, reconstructed: bool) -> Row:
        """The row at `cut`, whose facts were taken."""
        fold, step = self.fold, self.question.step
        assert fold.last_contact is not None
        assert fold.first_contact is not None
        silence = cut - fold.last_contact[0]
        birth, latest = fold.first_contact[0] // step, cut // step - 1
        low, high = bisect_right(self.hits, birth), bisect_right(self.hits, latest)
        return Row(
            cut,
            horizon,
            next_at,
            reconstructed,
            any((plan.ends_at or 0) > cut for plan in fold.accepted.values()),
            silence / DAY,
            len(self.days) - bisect_left(self.days, cut // DAY - FREQUENCY_WITHIN),
            silence / fold.rhythm,
            fold.gap.coverage(cut) if fold.gap is not None else 0.0,
            *self.sums.strengths(cut),
            max(0, latest - birth),
            max(0, high - low),
            self.hits[high - 1] - birth if high > low else 0,
        )


def _met_or_spoke(fact: Fact) -> bool:
    if fact.type == "meeting_held":
        return True
    data = fact.data
    return fact.type in SPOKEN and data.get("channel") != "broadcast" and data.get("direction") != "outbound"


def _add(ordered: list[int], number: int) -> None:
    if not ordered or ordered[-1] != number:
        ordered.append(number)


class _Ablated:
    """The sum of strength, and what it would be without β, without γ and without R: from the terms of one fold.

    β is a factor of each meeting's term, γ of each exchange's, R of all exchanges together.
    """

    def __init__(self, fold: Fold) -> None:
        self.fold = fold
        self.seen = 0
        self.at = 0
        self.unprepared = 0.0  # meetings without β
        self.faceless = 0.0  # exchanges without γ

    def take(self) -> None:
        """Follows what the fold has taken."""
        fold = self.fold
        long, short = fold.tier.half_life_meeting, fold.tier.half_life_exchange
        at = fold.sums.at
        if self.faceless:
            self.faceless *= fade(at - self.at, short)
        self.at = at
        terms = fold.exchange_terms
        for _, _, then, factors, weight, _ in terms[self.seen :]:
            face = next(value for name, value in factors if name == "face")
            self.faceless += weight / face * fade(at - then, short)
        self.seen = len(terms)
        counted = [held for held in fold.held.values() if held.counted]
        self.unprepared = sum(held.counted / held.prepared * fade(at - held.at, long) for held in counted)

    def strengths(self, cut: int) -> tuple[float, float, float, float]:
        """Strength as it is, without β, without γ and without R, from 0 to 1."""
        fold, scale = self.fold, self.fold.policy.scale
        age = cut - self.at
        long, short = fade(age, fold.tier.half_life_meeting), fade(age, fold.tier.half_life_exchange)
        share = 0.5 + 0.5 * fold.reciprocity()
        meetings, exchanges = fold.sums.meetings * long, fold.sums.exchanges * short
        totals = (
            meetings + exchanges * share,
            self.unprepared * long + exchanges * share,
            meetings + self.faceless * short * share,
            meetings + exchanges,
        )
        full, no_beta, no_gamma, no_reciprocity = (strength_of(total, scale) / 100 for total in totals)
        return full, no_beta, no_gamma, no_reciprocity
