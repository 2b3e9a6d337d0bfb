"""Results of the back-tests as tables of Markdown: for `docs/evidence.md`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relationships.domain.backtest import MEETING
from tests.evidence.datasets import Dataset

SHOWN = ("strength", "recency", "recency_frequency", "silence_in_rhythms", "bg_bb")
HEADS = ("strength", "recency", "recency + frequency", "silence ÷ rhythm", "BG/BB")
ABLATED = ("without_beta", "without_gamma", "without_reciprocity")


def tables(results: Mapping[str, list[dict[str, Any]]], datasets: Mapping[str, Dataset]) -> str:
    """What was asked, how the models did, and what leaving a part out changes."""
    asked = [(datasets[name], found) for name in datasets if name in results for found in results[name]]
    judged = [(dataset, found) for dataset, found in asked if found["models"]]
    parts = [_rows(asked), _models(judged, "auc"), _models(judged, "brier"), _differences(judged)]
    return "\n\n".join([*parts, _lifts(judged), _calibrations(judged)])


def _table(head: list[str], lines: list[list[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines])


def _name(dataset: Dataset, found: dict[str, Any]) -> str:
    if found["question"] == MEETING.name:
        return f"**{dataset.name}**, a meeting within C\\* days"
    return f"{dataset.name}, *another question*: {found['question']}"


def _rows(asked: list[tuple[Dataset, dict[str, Any]]]) -> str:
    lines = []
    for dataset, found in asked:
        rows = found["rows"]
        count = rows["training"] + rows["tested"]
        rate = f"{rows['ending'] / count:.1%}" if count else "–"
        verdict = "shown" if found["probability_shown"] else found["refusal"] or "does not apply"
        lines.append(
            [
                _name(dataset, found),
                f"{found['events']:,}",
                f"{found['clients']:,}",
                f"{rows['training']:,} + {rows['tested']:,}",
                rate,
                f"{found['meetings']:,}",
                verdict,
            ]
        )
    return _table(
        ["data set, question", "events", "clients", "rows, earlier + later", "of them end in it", "times", "gate"],
        lines,
    )


def _models(judged: list[tuple[Dataset, dict[str, Any]]], measure: str) -> str:
    lines = []
    for dataset, found in judged:
        models = {model["name"]: model for model in found["models"]}
        best = (max if measure == "auc" else min)(models[name][measure][0] for name in SHOWN)
        lines.append([_name(dataset, found), *(_spread(models[name][measure], best, measure) for name in SHOWN)])
    title = "AUC (higher is better)" if measure == "auc" else "Brier score (lower is better)"
    return _table([title, *HEADS], lines)


def _spread(spread: list[float], best: float, measure: str) -> str:
    digits = 3 if measure == "auc" else 4
    value = f"{spread[0]:.{digits}f}"
    if spread[0] == best:
        value = f"**{value}**"
    return f"{value} ({spread[1]:.{digits}f}–{spread[2]:.{digits}f})"


def _differences(judged: list[tuple[Dataset, dict[str, Any]]]) -> str:
    lines = []
    for dataset, found in judged:
        told = {(each["one"], each["other"]): each["auc"] for each in found["differences"]}
        wanted = [("strength", "recency"), *(("strength", name) for name in ABLATED)]
        wanted.append(("recency_frequency_coverage", "recency_frequency"))
        lines.append([_name(dataset, found), *(_signed(told[pair]) for pair in wanted)])
    head = ["AUC of strength, more than", "recency", "without β", "without γ", "without R", "coverage adds to r + f"]
    return _table(head, lines)


def _signed(spread: list[float]) -> str:
    """A difference with its interval; a dash where the part that was left out had nothing to act on."""
    if not any(round(value, 4) for value in spread):
        return "–"
    return f"{spread[0]:+.4f} ({spread[1]:+.4f} … {spread[2]:+.4f})"


def _lifts(judged: list[tuple[Dataset, dict[str, Any]]]) -> str:
    lines = []
    for dataset, found in judged:
        models = {model["name"]: model for model in found["models"]}
        lines.append([_name(dataset, found), *(f"{models[name]['lift']:.2f}" for name in SHOWN)])
    return _table(["lift of the top tenth", *HEADS], lines)


def _calibrations(judged: list[tuple[Dataset, dict[str, Any]]]) -> str:
    lines = []
    for dataset, found in judged:
        fifths = next(model["calibration"] for model in found["models"] if model["name"] == "strength")
        told = [f"{predicted:.1%} → {observed:.1%} ({rows:,})" for predicted, observed, rows in fifths]
        lines.append([_name(dataset, found), *told, *["–"] * (5 - len(told))])
    return _table(["strength: foretold → came (rows)", "lowest fifth", "second", "third", "fourth", "highest"], lines)
