"""Rows for the back-test: what was known of a client at a weekly cut, and whether a meeting followed.

No leakage: the features of a cut are worked out of facts known by then alone (recorded by then; for imported history,
which is all recorded on one day, that happened by then, less the source's usual delay). The label looks ahead: was a
meeting held within the next C* days? Rows whose span reaches beyond the end of the history are left out, since nobody
knows how they end. Source: `model.md` §9.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .facts import Fact, effective, folding_order
from .fold import Fold
from .instants import DAY
from .policy import Policy
from .strength import strength_of

WEEK = 7 * DAY
FREQUENCY_WITHIN = 180 * DAY


@dataclass(frozen=True, slots=True)
class Known:
    """A fact and the moment from which it was known."""

    fact: Fact
    known_at: int


@dataclass(frozen=True, slots=True)
class Row:
    """One client at one cut. Times in days; `strength` by variant of the policy.

    `weeks`, `met` and `last_met` count weekly opportunities since the first event, those with a held meeting among
    them, and the latest of these: what BG/BB needs (Fader, Hardie and Shang 2010).
    """

    client: str
    cut: int
    horizon: float
    held: bool
    accepted: bool
    recency: float
    frequency: int
    rhythms: float
    coverage: float
    strength: Mapping[str, float]
    weeks: int
    met: int
    last_met: int


def variants(policy: Policy) -> dict[str, Policy]:
    """The policy, and what is left of it without each of the hypotheses that the back-test tries."""
    return {
        "strength": policy,
        "without_beta": replace(policy, beta=0.0),
        "without_gamma": replace(policy, gamma=0.0),
        "without_reciprocity": replace(policy, reciprocity_minimum=10**9, reciprocity_unknown=1.0),
    }


def rows(client: str, known: Sequence[Known], policies: Mapping[str, Policy], *, end: int) -> Iterator[Row]:
    """The rows of one client, from its first contact on, in order of their cuts.

    `end` is the end of the history; `policies` are `variants`. Costs one pass over the facts for each policy, and a
    whole fold wherever a fact became known late.
    """
    truth = effective([entry.fact for entry in known])
    held = [fact.at for fact in truth if fact.type == "meeting_held"]
    if not truth:
        return
    first = truth[0].at
    folds = {name: _Follower(policy, known) for name, policy in policies.items()}
    cut = (first // WEEK + 1) * WEEK  # the same weekly moments for every client
    while cut <= end:
        states = {name: follower.at(cut) for name, follower in folds.items()}
        fold = states["strength"]
        if fold.last_contact is not None:
            horizon = fold.meeting_rhythm
            if cut + horizon > end:
                return
            yield _row(client, cut, fold, states, held, first)
        cut += WEEK


def _row(client: str, cut: int, fold: Fold, states: Mapping[str, Fold], held: Sequence[int], first: int) -> Row:
    assert fold.last_contact is not None
    horizon = fold.meeting_rhythm
    silence = cut - fold.last_contact[0]
    seen = sorted({(at - first) // WEEK + 1 for at in held if at < cut and at in _known_meetings(fold)})
    return Row(
        client=client,
        cut=cut,
        horizon=horizon / DAY,
        held=any(cut <= at < cut + horizon for at in held),
        accepted=any((plan.ends_at or 0) > cut for plan in fold.accepted.values()),
        recency=silence / DAY,
        frequency=sum(1 for at in _contact_days(fold) if at > cut - FREQUENCY_WITHIN),
        rhythms=silence / fold.rhythm,
        coverage=fold.gap.coverage(cut) if fold.gap is not None else 0.0,
        strength={name: strength_of(state.total(cut), state.policy.scale) / 100 for name, state in states.items()},
        weeks=max(1, (cut - first) // WEEK + 1),
        met=len(seen),
        last_met=seen[-1] if seen else 0,
    )


def _known_meetings(fold: Fold) -> set[int]:
    return {meeting.at for meeting in fold.held.values()}


def _contact_days(fold: Fold) -> list[int]:
    """The starts of the UTC days with contact that the fold remembers, the latest first."""
    days: list[int] = []
    if fold.contact_day is not None:
        day = fold.contact_day
        days.append(day * DAY)
        for interval in reversed(fold.intervals):
            day -= interval
            days.append(day * DAY)
    return days


class _Follower:
    """Folds on from cut to cut while facts become known in order, and anew where one is known late."""

    def __init__(self, policy: Policy, known: Sequence[Known]) -> None:
        self.policy = policy
        self.known = sorted(known, key=lambda entry: entry.known_at)
        self.next = 0
        self.taken: list[Fact] = []
        self.fold = Fold(policy)

    def at(self, cut: int) -> Fold:
        """The fold of what is known at `cut`, however it stands in time."""
        fresh: list[Fact] = []
        while self.next < len(self.known) and self.known[self.next].known_at <= cut:
            fresh.append(self.known[self.next].fact)
            self.next += 1
        if fresh:
            self._take(fresh)
        return self.fold

    def _take(self, fresh: list[Fact]) -> None:
        latest = self.fold.at
        self.taken.extend(fresh)
        amending = any(fact.type in ("event_corrected", "event_retracted", "meeting_missed") for fact in fresh)
        settled = {"client_registered", "client_updated", "tier_changed"} & {fact.type for fact in fresh}
        ordered = sorted(fresh, key=folding_order)
        if latest is None or amending or settled or ordered[0].at <= latest:
            self.fold = Fold(self.policy)
            self.fold.take(effective(self.taken))
        else:
            self.fold.take(ordered)
