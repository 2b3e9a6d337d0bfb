"""What the rows say: each model fitted on the past, judged on later time, with the spread of a bootstrap by client.

Baselines: base rate; recency; recency and frequency; silence ÷ rhythm; BG/BB (Fader, Hardie and Shang 2010,
"Customer-base analysis in a discrete-time noncontractual setting", Marketing Science 29/6, equation 5). Ours: strength,
and strength without β, γ and R. Measures: AUC, Brier score, skill (1 − Brier ÷ that of the base rate), log loss,
calibration by fifths, lift of the top tenth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from relationships.domain.backtest import Row
from relationships.domain.instants import DAY

from .gathering import Gathered

SHARE_OF_TRAINING = 0.7
BOOTSTRAPS = 100
ENOUGH_ROWS, ENOUGH_MEETINGS = 200, 50
SEED = 20_260_101


class LibrariesMissing(Exception):
    """The back-test needs numpy, scipy and scikit-learn."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not installed: pip install -r requirements-evidence.txt")


@dataclass(frozen=True, slots=True)
class Spread:
    """A measure and its 95 % interval, clients drawn anew."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one model did on the later rows. `calibration` holds (predicted, observed, rows) by fifths."""

    name: str
    auc: Spread
    brier: Spread
    skill: float
    log_loss: float
    lift: float
    calibration: tuple[tuple[float, float, int], ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What came out, and whether it allows a probability to be shown; `refusal` says why not."""

    gathered: Gathered
    training: int
    tested: int
    held: int
    apart: int
    split_at: int | None
    outcomes: list[Outcome] = field(default_factory=list)
    refusal: str | None = None

    def outcome(self, name: str) -> Outcome | None:
        """The outcome of a model, None when it was not judged."""
        return next((outcome for outcome in self.outcomes if outcome.name == name), None)


Features = Callable[[Row], list[float]]

MODELS: dict[str, Features] = {
    "recency": lambda row: [math.log1p(row.recency)],
    "recency_frequency": lambda row: [math.log1p(row.recency), math.log1p(row.frequency)],
    "silence_in_rhythms": lambda row: [math.log1p(row.rhythms)],
    "strength": lambda row: [row.strength["strength"]],
    "without_beta": lambda row: [row.strength["without_beta"]],
    "without_gamma": lambda row: [row.strength["without_gamma"]],
    "without_reciprocity": lambda row: [row.strength["without_reciprocity"]],
    "recency_frequency_coverage": lambda row: [math.log1p(row.recency), math.log1p(row.frequency), row.coverage],
}


def judge(gathered: Gathered) -> Evidence:
    """Fits and judges every model. Raises LibrariesMissing.

    Rows with a meeting accepted already are set apart: that a planned meeting takes place proves nothing. A training
    row's span ends before the first test row begins, so no outcome is seen twice.
    """
    numpy = _library("numpy")
    apart = sum(1 for row in gathered.rows if row.accepted)
    usable = sorted((row for row in gathered.rows if not row.accepted), key=lambda row: (row.cut, row.client))
    if not usable:
        return Evidence(gathered, 0, 0, 0, apart, None, refusal="there are no rows: no history is long enough")
    split_at = usable[int(len(usable) * SHARE_OF_TRAINING)].cut
    training = [row for row in usable if row.cut + row.horizon * DAY <= split_at]
    testing = [row for row in usable if row.cut >= split_at]
    held = sum(row.held for row in usable)
    counts = (len(training), len(testing), held, apart, split_at)
    for rows, which in ((training, "earlier"), (testing, "later")):
        if len({row.held for row in rows}) < 2:
            reason = f"the {which} rows all end alike, so nothing can be told apart"
            return Evidence(gathered, *counts, refusal=reason)
    predictions = {"base_rate": numpy.full(len(testing), numpy.mean([row.held for row in training]))}
    for name, features in MODELS.items():
        predictions[name] = _logistic(training, testing, features)
    predictions["bg_bb"] = _bg_bb(training, testing)
    outcomes = _outcomes(testing, predictions)
    evidence = Evidence(gathered, *counts, outcomes=outcomes)
    return Evidence(gathered, *counts, outcomes=outcomes, refusal=_refusal(evidence))


def _refusal(evidence: Evidence) -> str | None:
    """Why no probability may be shown: `model.md` §9's gate; None when it is met."""
    rows, held = evidence.training + evidence.tested, evidence.held
    if rows < ENOUGH_ROWS or held < ENOUGH_MEETINGS:
        return f"not enough history: {rows} rows and {held} with a meeting, of {ENOUGH_ROWS} and {ENOUGH_MEETINGS}"
    strength, recency = evidence.outcome("strength"), evidence.outcome("recency")
    assert strength is not None
    assert recency is not None
    if strength.auc.value < recency.auc.value:
        return f"strength orders worse than recency (AUC {strength.auc.value:.3f} < {recency.auc.value:.3f})"
    if strength.brier.value > recency.brier.value:
        return f"strength predicts worse than recency (Brier {strength.brier.value:.4f} > {recency.brier.value:.4f})"
    return None


def _library(name: str) -> Any:
    try:
        return __import__(name, fromlist=["x"])
    except ImportError as missing:
        raise LibrariesMissing(name.partition(".")[0].replace("sklearn", "scikit-learn")) from missing


def _logistic(training: Sequence[Row], testing: Sequence[Row], features: Features) -> Any:
    numpy, linear = _library("numpy"), _library("sklearn.linear_model")
    scaling, pipeline = _library("sklearn.preprocessing"), _library("sklearn.pipeline")
    model = pipeline.make_pipeline(scaling.StandardScaler(), linear.LogisticRegression(max_iter=1000))
    model.fit(numpy.array([features(row) for row in training]), numpy.array([row.held for row in training]))
    return model.predict_proba(numpy.array([features(row) for row in testing]))[:, 1]


def _bg_bb(training: Sequence[Row], testing: Sequence[Row]) -> Any:
    """The chance of a meeting in the row's span: 1 − L(nothing more in it) ÷ L(what was seen)."""
    numpy, optimize = _library("numpy"), _library("scipy.optimize")
    last = {row.client: row for row in training}  # rows come in order of cuts: the latest of each client
    seen = [(row.met, row.last_met, row.weeks) for row in last.values()]
    kinds, counts = numpy.unique(numpy.array(seen), axis=0, return_counts=True)

    def unlikelihood(logs: Any) -> float:
        return -float(sum(n * _log_likelihood(numpy.exp(logs), *kind) for kind, n in zip(kinds, counts, strict=True)))

    fitted = optimize.minimize(
        unlikelihood, numpy.zeros(4), method="L-BFGS-B", bounds=[(-6, 6)] * 4, options={"maxiter": 60}
    )
    parameters, known = numpy.exp(fitted.x), {}
    found = []
    for row in testing:
        kind = (row.met, row.last_met, row.weeks, max(1, round(row.horizon / 7)))
        if kind not in known:
            met, last_met, weeks, ahead = kind
            none = _log_likelihood(parameters, met, last_met, weeks + ahead)
            known[kind] = 1 - math.exp(none - _log_likelihood(parameters, met, last_met, weeks))
        found.append(known[kind])
    return numpy.clip(numpy.array(found), 1e-6, 1 - 1e-6)


def _log_likelihood(parameters: Any, met: int, last_met: int, weeks: int) -> float:
    """Equation 5: alive to the end, or gone after any week since the last meeting."""
    numpy, special = _library("numpy"), _library("scipy.special")
    alpha, beta, gamma, delta = parameters
    ours = special.betaln(alpha, beta)
    gone = special.betaln(gamma, delta)
    alive = special.betaln(alpha + met, beta + weeks - met) - ours + special.betaln(gamma, delta + weeks) - gone
    since = numpy.arange(weeks - last_met)
    left = (
        special.betaln(alpha + met, beta + last_met - met + since)
        - ours
        + special.betaln(gamma + 1, delta + last_met + since)
        - gone
    )
    return float(special.logsumexp(numpy.append(left, alive)))


def _outcomes(testing: Sequence[Row], predictions: dict[str, Any]) -> list[Outcome]:
    numpy = _library("numpy")
    truth = numpy.array([row.held for row in testing], dtype=float)
    base = _brier(truth, predictions["base_rate"])
    draws = _draws(testing)
    return [_outcome(name, truth, guess, base, draws) for name, guess in predictions.items()]


def _outcome(name: str, truth: Any, guess: Any, base: float, draws: list[Any]) -> Outcome:
    numpy, metrics = _library("numpy"), _library("sklearn.metrics")
    order = numpy.argsort(-guess, kind="stable")
    top = order[: max(1, len(order) // 10)]
    fifths = numpy.array_split(order[::-1], 5)
    brier = _brier(truth, guess)
    return Outcome(
        name=name,
        auc=_spread(lambda t, g: float(metrics.roc_auc_score(t, g)), truth, guess, draws),
        brier=_spread(_brier, truth, guess, draws),
        skill=1 - brier / base,
        log_loss=float(metrics.log_loss(truth, guess, labels=[0, 1])),
        lift=float(truth[top].mean() / truth.mean()),
        calibration=tuple(
            (float(guess[part].mean()), float(truth[part].mean()), len(part)) for part in fifths if len(part)
        ),
    )


def _brier(truth: Any, guess: Any) -> float:
    return float(((truth - guess) ** 2).mean())


def _draws(testing: Sequence[Row]) -> list[Any]:
    """Row numbers of bootstrap samples: clients drawn with replacement, all rows of each."""
    numpy = _library("numpy")
    by_client: dict[str, list[int]] = {}
    for number, row in enumerate(testing):
        by_client.setdefault(row.client, []).append(number)
    groups = [numpy.array(numbers) for numbers in by_client.values()]
    random = numpy.random.default_rng(SEED)
    return [
        numpy.concatenate([groups[g] for g in random.integers(len(groups), size=len(groups))])
        for _ in range(BOOTSTRAPS)
    ]


def _spread(measure: Callable[[Any, Any], float], truth: Any, guess: Any, draws: list[Any]) -> Spread:
    numpy = _library("numpy")
    values = [measure(truth[draw], guess[draw]) for draw in draws if len(set(truth[draw])) == 2]
    low, high = numpy.percentile(values, [2.5, 97.5]) if values else (math.nan, math.nan)
    return Spread(measure(truth, guess), float(low), float(high))
