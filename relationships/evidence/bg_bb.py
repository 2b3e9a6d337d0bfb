"""BG/BB: the chance that somebody who could buy once a period does so again, after Fader, Hardie and Shang 2010,
"Customer-base analysis in a discrete-time noncontractual setting", Marketing Science 29/6, equation 5.

Here: whether a client is met in a week. The first contact is the birth; weeks after it are the chances.
"""

from __future__ import annotations

from typing import Any

from .libraries import library

LIMITS = [(-6.0, 6.0)] * 4  # of the logs of the four parameters
ROUNDS = 100
SURE = 1e-6
TOGETHER = 20_000  # histories worked out at once: each has an entry for every period since its last hit


def predict(training: dict[str, Any], testing: dict[str, Any], step: int) -> Any:
    """For each tested row the chance of a meeting within its horizon: 1 − L(nothing more in it) ÷ L(what was seen).

    Fitted on the latest training row of each client.
    """
    numpy = library("numpy")
    latest = dict(zip(training["client"].tolist(), range(len(training["client"])), strict=True))  # in order of cuts
    kinds, counts = _kinds(training, list(latest.values()))
    parameters = _fitted(kinds, counts)
    ahead = numpy.maximum(1, numpy.rint(testing["horizon"] / step)).astype(int)
    seen = numpy.column_stack([testing[name] for name in ("hits", "last_hit", "periods")] + [ahead])
    asked, places = numpy.unique(seen, axis=0, return_inverse=True)
    none = _log_likelihoods(parameters, asked[:, 0], asked[:, 1], asked[:, 2] + asked[:, 3])
    chance = 1 - numpy.exp(none - _log_likelihoods(parameters, asked[:, 0], asked[:, 1], asked[:, 2]))
    return numpy.clip(chance, SURE, 1 - SURE)[places.reshape(-1)]


def _kinds(rows: dict[str, Any], which: list[int]) -> tuple[Any, Any]:
    """The different histories among these rows, and how many of each."""
    numpy = library("numpy")
    seen = numpy.column_stack([rows[name][which] for name in ("hits", "last_hit", "periods")])
    return numpy.unique(seen, axis=0, return_counts=True)


def _fitted(kinds: Any, counts: Any) -> Any:
    numpy, optimize = library("numpy"), library("scipy.optimize")

    def unlikelihood(logs: Any) -> float:
        told = _log_likelihoods(numpy.exp(logs), kinds[:, 0], kinds[:, 1], kinds[:, 2])
        return -float((counts * told).sum())

    found = optimize.minimize(
        unlikelihood, numpy.zeros(4), method="L-BFGS-B", bounds=LIMITS, options={"maxiter": ROUNDS}
    )
    return numpy.exp(found.x)


def _log_likelihoods(parameters: Any, hits: Any, last_hit: Any, periods: Any) -> Any:
    """Equation 5 for many histories."""
    numpy = library("numpy")
    slices = [slice(begin, begin + TOGETHER) for begin in range(0, len(hits), TOGETHER)]
    return numpy.concatenate([_some(parameters, hits[part], last_hit[part], periods[part]) for part in slices])


def _some(parameters: Any, hits: Any, last_hit: Any, periods: Any) -> Any:
    """Alive to the end, or gone after any period since the last hit."""
    numpy, special = library("numpy"), library("scipy.special")
    alpha, beta, gamma, delta = parameters
    whole = special.betaln(alpha, beta) + special.betaln(gamma, delta)
    alive = special.betaln(alpha + hits, beta + periods - hits) + special.betaln(gamma, delta + periods)
    quiet = periods - last_hit
    # One entry for each history and each period since its last hit, laid end to end.
    history = numpy.repeat(numpy.arange(len(hits)), quiet)
    since = numpy.arange(len(history)) - numpy.repeat(numpy.cumsum(quiet) - quiet, quiet)
    left = special.betaln(alpha + hits[history], beta + (last_hit - hits)[history] + since) + special.betaln(
        gamma + 1, delta + last_hit[history] + since
    )
    top = alive.copy()
    numpy.maximum.at(top, history, left)
    total = numpy.exp(alive - top)
    numpy.add.at(total, history, numpy.exp(left - top[history]))
    return numpy.log(total) + top - whole
