"""Measures of a prediction, and their spread when clients are drawn anew.

A draw gives each row the number of times that its client was drawn; every measure takes such weights. So the order of
the guesses is worked out once, and two models are compared over the same draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .libraries import library

SURE = 1e-6  # no guess is taken for surer than this


@dataclass(frozen=True, slots=True)
class Spread:
    """A measure and its 95 % interval, clients drawn anew."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure of all rows, and of each draw."""

    value: float
    drawn: Any

    def less(self, other: Measured) -> Measured:
        """This minus another, draw by draw."""
        return Measured(self.value - other.value, self.drawn - other.drawn)

    def spread(self) -> Spread:
        """With the 95 % interval; nan where no draw could be measured."""
        numpy = library("numpy")
        told = self.drawn[~numpy.isnan(self.drawn)]
        low, high = numpy.percentile(told, [2.5, 97.5]) if len(told) else (math.nan, math.nan)
        return Spread(self.value, float(low), float(high))


class Draws:
    """Bootstrap samples: clients drawn with replacement, all rows of each."""

    def __init__(self, clients: Any, truth: Any, count: int, seed: int) -> None:
        numpy = library("numpy")
        self._truth = truth
        names, self._client = numpy.unique(clients, return_inverse=True)
        random = numpy.random.default_rng(seed)
        self._drawn = [
            numpy.bincount(random.integers(len(names), size=len(names)), minlength=len(names)).astype(float)
            for _ in range(count)
        ]

    def measure(self, measure: Callable[..., float]) -> Measured:
        """A measure of all rows and of each draw; nan for a draw whose rows all end alike."""
        numpy = library("numpy")
        found = []
        for drawn in self._drawn:
            weights = drawn[self._client]
            ending = (weights * self._truth).sum()
            found.append(measure(weights) if 0 < ending < weights.sum() else math.nan)
        return Measured(measure(None), numpy.array(found))


class Ranking:
    """The order of the guesses: how well it tells the rows apart, whatever their weights."""

    def __init__(self, truth: Any, guess: Any) -> None:
        numpy = library("numpy")
        _, self._place = numpy.unique(guess, return_inverse=True)
        self._truth = truth

    def auc(self, weights: Any = None) -> float:
        """The chance that a row that ends in a meeting is guessed higher than one that does not; ties count half."""
        numpy = library("numpy")
        ending = self._truth if weights is None else self._truth * weights
        other = 1 - self._truth if weights is None else (1 - self._truth) * weights
        positive, negative = numpy.bincount(self._place, ending), numpy.bincount(self._place, other)
        below = numpy.cumsum(negative) - negative
        return float((positive * (below + negative / 2)).sum() / (positive.sum() * negative.sum()))


def brier(truth: Any, guess: Any, weights: Any = None) -> float:
    """The mean squared distance of a guess from what came."""
    numpy = library("numpy")
    return float(numpy.average((truth - guess) ** 2, weights=weights))


def log_loss(truth: Any, guess: Any) -> float:
    """The mean surprise, in nats."""
    numpy = library("numpy")
    sure = numpy.clip(guess, SURE, 1 - SURE)
    return float(-(truth * numpy.log(sure) + (1 - truth) * numpy.log(1 - sure)).mean())


def lift(truth: Any, guess: Any) -> float:
    """How many times its share of meetings the top tenth holds; of rows guessed alike, a share of each."""
    numpy = library("numpy")
    size = max(1, len(guess) // 10)
    limit = numpy.partition(guess, len(guess) - size)[len(guess) - size]
    above, level = guess > limit, guess == limit
    found = truth[above].sum() + truth[level].mean() * (size - above.sum())
    return float(found / size / truth.mean())


def calibration(truth: Any, guess: Any) -> tuple[tuple[float, float, int], ...]:
    """(predicted, observed, rows) by fifths, from the lowest; rows guessed alike stay together."""
    numpy = library("numpy")
    order = numpy.argsort(guess, kind="stable")
    guess, truth = guess[order], truth[order]
    ends = [int(numpy.searchsorted(guess, guess[max(0, len(guess) * k // 5 - 1)], side="right")) for k in range(1, 6)]
    parts, begin = [], 0
    for end in ends:
        if end > begin:
            parts.append((float(guess[begin:end].mean()), float(truth[begin:end].mean()), end - begin))
            begin = end
    return tuple(parts)
