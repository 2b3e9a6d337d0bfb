"""Personal or brand: through which of our accounts the relationship runs, and whether it echoes what the brand says.

Both are told with the counts they rest on, and are unknown where these are few. Source: `model.md` §6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .instants import DAY, utc_day
from .policy import Policy

if TYPE_CHECKING:
    from .fold import Fold


@dataclass(frozen=True, slots=True)
class Balance:
    """Points of the last 180 days: by personal accounts, by the brand's, and by each of our people named.

    `share` is personal ÷ all. `verdict` is unknown (too few points), brand (they know the logo better than us),
    one_person (it would leave with one of ours), healthy, or uneven (none of these).
    """

    verdict: str
    share: float | None
    personal: float
    brand: float
    people: tuple[tuple[str, float], ...]

    @property
    def first(self) -> str:
        """Who of ours earned most."""
        return self.people[0][0]


def balances(fold: Fold) -> Iterator[tuple[int, int, Balance]]:
    """From the latest event on, if nothing more happens: the balance of each stretch of time with one verdict.

    As (from, to, the balance at its start), in order. Points drop out of the window at the end of a UTC day.
    """
    assert fold.at is not None
    policy, today = fold.policy, utc_day(fold.at)
    entries = [entry for entry in fold.earned if entry[0] > today - policy.balance_within]
    ends = [(entry[0] + policy.balance_within) * DAY for entry in entries]
    told: list[tuple[int, int, Balance]] = []
    personal, brand, people = 0.0, 0.0, {}  # type: float, float, dict[str, float]
    for number in reversed(range(len(entries))):
        _, by_person, by_brand, named = entries[number]
        personal, brand = personal + by_person, brand + by_brand
        for name, points in named.items():
            people[name] = people.get(name, 0.0) + points
        begins = fold.at if number == 0 else ends[number - 1]
        told.append((begins, ends[number], _judged(policy, personal, brand, people)))
    yield from _merged(reversed(told))


def _merged(told: Iterator[tuple[int, int, Balance]]) -> Iterator[tuple[int, int, Balance]]:
    """Neighbours with the same verdict (and the same one person) as one."""
    open_since: tuple[int, int, Balance] | None = None
    for begins, ends, balance in told:
        if open_since is not None and _alike(open_since[2], balance):
            open_since = (open_since[0], ends, open_since[2])
            continue
        if open_since is not None:
            yield open_since
        open_since = (begins, ends, balance)
    if open_since is not None:
        yield open_since


def _alike(one: Balance, other: Balance) -> bool:
    return one.verdict == other.verdict and (one.verdict != "one_person" or one.first == other.first)


def balance_at(fold: Fold, instant: int) -> Balance:
    """The balance at a moment not before the fold's latest event."""
    horizon = utc_day(instant) - fold.policy.balance_within
    personal, brand, people = 0.0, 0.0, {}  # type: float, float, dict[str, float]
    for day, by_person, by_brand, named in fold.earned:
        if day > horizon:
            personal, brand = personal + by_person, brand + by_brand
            for name, points in named.items():
                people[name] = people.get(name, 0.0) + points
    return _judged(fold.policy, personal, brand, people)


def _judged(policy: Policy, personal: float, brand: float, people: dict[str, float]) -> Balance:
    ranked = tuple(sorted(people.items(), key=lambda one: (-one[1], one[0])))
    total = personal + brand
    if total < policy.balance_minimum:
        return Balance("unknown", None, personal, brand, ranked)
    share = personal / total
    if share < policy.balance_low:
        verdict = "brand"
    elif share > policy.balance_high and len(ranked) == 1 and ranked[0][0]:
        verdict = "one_person"
    elif policy.balance_healthy_low <= share <= policy.balance_healthy_high:
        verdict = "healthy"
    else:
        verdict = "uneven"
    return Balance(verdict, share, personal, brand, ranked)


@dataclass(frozen=True, slots=True)
class Echo:
    """What they told of us against what our brand says, as far as a person linked the two, in the last 365 days.

    `share` is agreeing ÷ all; None below three.
    """

    share: float | None
    agreeing: int
    all: int


def echo_at(fold: Fold, instant: int) -> Echo:
    """The echo at a moment not before the fold's latest event."""
    horizon = utc_day(instant) - fold.policy.echo_within
    counted = [entry for entry in fold.echoes if entry[0] > horizon]
    agreeing, total = sum(entry[1] for entry in counted), sum(entry[2] for entry in counted)
    return Echo(agreeing / total if total >= fold.policy.echo_minimum else None, agreeing, total)
