"""What the rows say: each model fitted on the past, judged on later time, with the spread of a bootstrap by client.

Baselines: base rate; recency; recency and frequency; silence ÷ rhythm; BG/BB (`bg_bb`). Ours: strength, and strength
without β, γ and R; coverage beside recency and frequency. Measures: AUC, Brier score, skill (1 − Brier ÷ that of the
base rate), log loss, calibration by fifths, lift of the top tenth; and how much two models differ, over the same draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from . import bg_bb
from .gathering import Gathered, Rows
from .libraries import library
from .measures import Draws, Ranking, Spread, brier, calibration, lift, log_loss

SHARE_OF_TRAINING = 0.7
BOOTSTRAPS = 500
ENOUGH_ROWS, ENOUGH_MEETINGS = 200, 50
SEED = 20_260_101

Frame = dict[str, Any]  # columns of the rows as numpy arrays, and `client` and `held`
Features = Callable[[Frame, Any], list[Any]]

MODELS: dict[str, Features] = {
    "recency": lambda rows, np: [np.log1p(rows["recency"])],
    "recency_frequency": lambda rows, np: [np.log1p(rows["recency"]), np.log1p(rows["frequency"])],
    "silence_in_rhythms": lambda rows, np: [np.log1p(rows["rhythms"])],
    "strength": lambda rows, np: [rows["strength"]],
    "without_beta": lambda rows, np: [rows["without_beta"]],
    "without_gamma": lambda rows, np: [rows["without_gamma"]],
    "without_reciprocity": lambda rows, np: [rows["without_reciprocity"]],
    "recency_frequency_coverage": lambda rows, np: [
        np.log1p(rows["recency"]),
        np.log1p(rows["frequency"]),
        rows["coverage"],
    ],
}
# Which pairs of models are compared over the same draws: what the first has more than the second.
COMPARED = (
    ("strength", "recency"),
    ("strength", "recency_frequency"),
    ("strength", "bg_bb"),
    ("strength", "without_beta"),
    ("strength", "without_gamma"),
    ("strength", "without_reciprocity"),
    ("recency_frequency_coverage", "recency_frequency"),
)


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
class Difference:
    """What model `one` has more than `other`: a positive AUC and a negative Brier score speak for it."""

    one: str
    other: str
    auc: Spread
    brier: Spread


@dataclass(frozen=True, slots=True)
class Part:
    """The later rows of one kind: `reconstructed`, or `recorded` at the time. By model (AUC, Brier); None untold."""

    kind: str
    rows: int
    ending: int
    scores: dict[str, tuple[float | None, float]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What came out, and whether it allows a probability to be shown; `refusal` says why not.

    `training` and `tested` count rows, `ending` those of them that end in a meeting, `held` the meetings they end in;
    `apart` counts the rows with a meeting accepted already, `apart_ending` those of them that end in one.
    """

    gathered: Gathered
    training: int
    tested: int
    held: int
    apart: int
    split_at: int | None
    outcomes: list[Outcome] = field(default_factory=list)
    refusal: str | None = None
    ending: int = 0
    apart_ending: int = 0
    differences: list[Difference] = field(default_factory=list)
    kinds: list[Part] = field(default_factory=list)

    def outcome(self, name: str) -> Outcome | None:
        """The outcome of a model, None when it was not judged."""
        return next((outcome for outcome in self.outcomes if outcome.name == name), None)


def judge(gathered: Gathered) -> Evidence:
    """Fits and judges every model. Raises LibrariesMissing.

    Rows with a meeting accepted already are set apart: that a planned meeting takes place proves nothing. A training
    row's span ends before the first test row begins, so no outcome is seen twice.
    """
    numpy = library("numpy")
    frame = _frame(gathered.rows)
    accepted = frame["accepted"] == 1
    apart = (int(accepted.sum()), int(frame["held"][accepted].sum()))
    usable = _chosen(frame, ~accepted)
    if not len(usable["cut"]):
        none = "there are no rows: no history is long enough"
        return Evidence(gathered, 0, 0, 0, apart[0], None, refusal=none, apart_ending=apart[1])
    usable = _chosen(usable, numpy.lexsort((usable["client"], usable["cut"])))
    split_at = int(usable["cut"][int(len(usable["cut"]) * SHARE_OF_TRAINING)])
    training = _chosen(usable, usable["cut"] + usable["horizon"] <= split_at)
    testing = _chosen(usable, usable["cut"] >= split_at)
    counts: dict[str, Any] = {
        "training": len(training["cut"]),
        "tested": len(testing["cut"]),
        "held": _distinct(training, testing),
        "apart": apart[0],
        "apart_ending": apart[1],
        "split_at": split_at,
        "ending": int(training["held"].sum() + testing["held"].sum()),
    }
    for rows, which in ((training, "earlier"), (testing, "later")):
        if len(set(rows["held"].tolist())) < 2:
            reason = f"the {which} rows all end alike, so nothing can be told apart"
            return Evidence(gathered, **counts, refusal=_too_little(counts) or reason)
    predictions = _predictions(training, testing, gathered.question.step)
    outcomes, differences = _measured(testing, predictions)
    kinds = _kinds(testing, predictions)
    evidence = Evidence(gathered, **counts, outcomes=outcomes, differences=differences, kinds=kinds)
    return replace(evidence, refusal=_too_little(counts) or _too_weak(evidence))


def _frame(rows: Rows) -> Frame:
    numpy = library("numpy")
    frame: Frame = {name: numpy.array(column) for name, column in rows.columns.items()}
    frame["client"] = numpy.array(rows.client)
    frame["held"] = (frame["next_at"] >= 0).astype(float)
    return frame


def _chosen(frame: Frame, which: Any) -> Frame:
    return {name: column[which] for name, column in frame.items()}


def _distinct(*frames: Frame) -> int:
    """How many meetings the rows end in: thirteen weekly rows before one meeting are one."""
    met: set[tuple[int, int]] = set()
    for frame in frames:
        ends = frame["held"] == 1
        met.update(zip(frame["client"][ends].tolist(), frame["next_at"][ends].tolist(), strict=True))
    return len(met)


def _too_little(counts: dict[str, Any]) -> str | None:
    """The first half of the gate of `model.md` §9."""
    rows, held = counts["training"] + counts["tested"], counts["held"]
    if rows < ENOUGH_ROWS or held < ENOUGH_MEETINGS:
        return (
            f"not enough history: {rows:,} rows and {held:,} outcomes in them, of {ENOUGH_ROWS} and {ENOUGH_MEETINGS}"
        )
    return None


def _too_weak(evidence: Evidence) -> str | None:
    """The second half: strength has to be at or above recency."""
    strength, recency = evidence.outcome("strength"), evidence.outcome("recency")
    assert strength is not None
    assert recency is not None
    if strength.auc.value < recency.auc.value:
        return f"strength orders worse than recency (AUC {strength.auc.value:.3f} < {recency.auc.value:.3f})"
    if strength.brier.value > recency.brier.value:
        return f"strength predicts worse than recency (Brier {strength.brier.value:.4f} > {recency.brier.value:.4f})"
    return None


class Prediction(NamedTuple):
    """The chance that each row ends in what is asked, and the order in which the model puts the rows.

    They differ where the score tells rows apart whose chances are the same to sixteen digits: long silent clients.
    """

    chance: Any
    order: Any


def _predictions(training: Frame, testing: Frame, step: int) -> dict[str, Prediction]:
    numpy = library("numpy")
    same = numpy.full(len(testing["cut"]), training["held"].mean())
    found = {"base_rate": Prediction(same, same)}
    for name, features in MODELS.items():
        found[name] = _logistic(features(training, numpy), training["held"], features(testing, numpy))
    chance = bg_bb.predict(training, testing, step)
    return found | {"bg_bb": Prediction(chance, chance)}


def _logistic(learnt: list[Any], held: Any, asked: list[Any]) -> Prediction:
    numpy, linear = library("numpy"), library("sklearn.linear_model")
    scaling, pipeline = library("sklearn.preprocessing"), library("sklearn.pipeline")
    model = pipeline.make_pipeline(scaling.StandardScaler(), linear.LogisticRegression(max_iter=1000))
    model.fit(numpy.column_stack(learnt), held)
    rows = numpy.column_stack(asked)
    order = model.decision_function(rows)
    if len(asked) == 1:
        order = asked[0] * numpy.sign(model[-1].coef_[0, 0])
    return Prediction(model.predict_proba(rows)[:, 1], order)


def _measured(testing: Frame, predictions: dict[str, Prediction]) -> tuple[list[Outcome], list[Difference]]:
    truth = testing["held"]
    draws = Draws(testing["client"], truth, BOOTSTRAPS, SEED)
    aucs, briers = {}, {}
    for name, (chance, order) in predictions.items():
        aucs[name] = draws.measure(Ranking(truth, order).auc)
        briers[name] = draws.measure(partial(brier, truth, chance))
    base = briers["base_rate"].value
    outcomes = [
        Outcome(
            name=name,
            auc=aucs[name].spread(),
            brier=briers[name].spread(),
            skill=1 - briers[name].value / base,
            log_loss=log_loss(truth, chance),
            lift=lift(truth, order),
            calibration=calibration(truth, chance),
        )
        for name, (chance, order) in predictions.items()
    ]
    differences = [
        Difference(one, other, aucs[one].less(aucs[other]).spread(), briers[one].less(briers[other]).spread())
        for one, other in COMPARED
    ]
    return outcomes, differences


def _kinds(testing: Frame, predictions: dict[str, Prediction]) -> list[Part]:
    """The later rows by how their features are known, with the same predictions."""
    found = []
    for kind, flag in (("recorded", 0), ("reconstructed", 1)):
        which = testing["reconstructed"] == flag
        truth = testing["held"][which]
        if len(truth):
            both = 0 < truth.sum() < len(truth)
            scores = {
                name: (Ranking(truth, order[which]).auc() if both else None, brier(truth, chance[which]))
                for name, (chance, order) in predictions.items()
            }
            found.append(Part(kind, len(truth), int(truth.sum()), scores))
    return found
