"""Evidence as text for people and as JSON for programs."""

from __future__ import annotations

import math
from typing import Any

from relationships.domain.backtest import MEETING
from relationships.domain.instants import DAY, from_us

from .judging import Difference, Evidence, Outcome, Part
from .measures import Spread

NAMES = {
    "base_rate": "base rate",
    "recency": "recency",
    "recency_frequency": "recency + frequency",
    "silence_in_rhythms": "silence ÷ rhythm",
    "bg_bb": "BG/BB",
    "strength": "strength",
    "without_beta": "… without β (prepared meetings)",
    "without_gamma": "… without γ (talk after meeting)",
    "without_reciprocity": "… without R (both sides)",
    "recency_frequency_coverage": "recency + frequency + coverage",
}


def as_text(evidence: Evidence) -> str:
    """A page of about 100 columns."""
    lines = [*_head(evidence), ""]
    if evidence.outcomes:
        lines.append(f"{'model':34} {'AUC (95 %)':22} {'Brier (95 %)':24} {'skill':>6} {'log loss':>8} {'lift':>5}")
        lines += [_line(outcome) for outcome in sorted(evidence.outcomes, key=lambda outcome: -outcome.auc.value)]
        lines += ["", f"{'what one has more than the other':58} {'AUC (95 %)':26} Brier (95 %)"]
        lines += [_difference(difference) for difference in evidence.differences]
        if len(evidence.kinds) > 1:
            lines += ["", "the later rows by how they are known:  AUC, Brier"]
            lines += [line for part in evidence.kinds for line in _part(part)]
        strength = evidence.outcome("strength")
        if strength is not None:
            lines += ["", "strength, by fifths:  predicted → observed (rows)"]
            lines += [f"  {p:6.1%} → {o:6.1%} ({n:,})" for p, o, n in strength.calibration]
        lines.append("")
    return "\n".join([*lines, _verdict(evidence)]) + "\n"


def _head(evidence: Evidence) -> list[str]:
    gathered = evidence.gathered
    question = gathered.question
    lines = [
        f"Back-test of policy {gathered.policy.version}",
        f"{gathered.events:,} events of {gathered.clients:,} clients, {_span(evidence)}; {gathered.reconstructed:,} of "
        f"them with imported history (rows reconstructed: known when it was over{_delays(evidence)})",
    ]
    if question != MEETING:
        lines.append(f"ANOTHER QUESTION than the protocol's: {question.name}")
    if gathered.parts > 1:
        lines.append(f"one client in {gathered.parts} stands for all: the ledger is too large to be held at once")
    return [
        *lines,
        f"{evidence.training:,} earlier rows to learn from, {evidence.tested:,} later ones to be judged by (from "
        f"{_date(evidence.split_at)}); {evidence.ending:,} of all end in what is asked, {evidence.held:,} times in all",
        f"{evidence.apart:,} rows with a meeting accepted already are set apart; {evidence.apart_ending:,} end in one",
    ]


def _delays(evidence: Evidence) -> str:
    told = [f"{source} {usual / DAY:.1f} days" for source, usual in (evidence.gathered.delays or {}).items()]
    return f", and the source's usual delay after: {', '.join(told)}" if told else ""


def _verdict(evidence: Evidence) -> str:
    if evidence.gathered.question != MEETING:
        told = evidence.refusal or "there is enough history, and strength does at least as well as recency"
        return f"The gate is for meetings and not for another question; by its measure: {told}."
    if evidence.refusal:
        return f"No probability is shown: {evidence.refusal}."
    return "A probability may be shown: there is enough history, and strength does at least as well as recency."


def _line(outcome: Outcome) -> str:
    auc = f"{outcome.auc.value:.3f} ({outcome.auc.low:.3f}–{outcome.auc.high:.3f})"
    brier = f"{outcome.brier.value:.4f} ({outcome.brier.low:.4f}–{outcome.brier.high:.4f})"
    return (
        f"{NAMES[outcome.name]:34} {auc:22} {brier:24} {outcome.skill:6.3f} {outcome.log_loss:8.4f} {outcome.lift:5.2f}"
    )


def _difference(difference: Difference) -> str:
    auc, brier = difference.auc, difference.brier
    pair = f"{NAMES[difference.one]} − {NAMES[difference.other].removeprefix('… ')}"
    return (
        f"{pair:58} {auc.value:+.4f} ({auc.low:+.4f} … {auc.high:+.4f})"
        f"  {brier.value:+.5f} ({brier.low:+.5f} … {brier.high:+.5f})"
    )


def _part(part: Part) -> list[str]:
    told = [f"  {part.kind}: {part.rows:,} rows, {part.ending:,} end in a meeting"]
    for name in ("strength", "recency"):
        auc, brier = part.scores[name]
        told.append(f"    {NAMES[name]:12} {'–' if auc is None else f'{auc:.3f}'}, {brier:.4f}")
    return told


def _span(evidence: Evidence) -> str:
    return f"{_date(evidence.gathered.begins_at)} to {_date(evidence.gathered.ends_at)}"


def _date(instant: int | None) -> str:
    return "–" if instant is None else f"{from_us(instant):%Y-%m-%d}"


def as_json(evidence: Evidence) -> dict[str, Any]:
    """The same as plain values; a measure that could not be taken is None."""
    gathered = evidence.gathered
    return {
        "policy": gathered.policy.version,
        "question": gathered.question.name,
        "events": gathered.events,
        "clients": gathered.clients,
        "reconstructed_clients": gathered.reconstructed,
        "one_client_in": gathered.parts,
        "usual_delay_days": {source: usual / DAY for source, usual in (gathered.delays or {}).items()},
        "begins_at": _iso(gathered.begins_at),
        "ends_at": _iso(gathered.ends_at),
        "rows": {
            "training": evidence.training,
            "tested": evidence.tested,
            "ending": evidence.ending,
            "accepted_apart": evidence.apart,
            "accepted_apart_ending": evidence.apart_ending,
        },
        "meetings": evidence.held,
        "split_at": _iso(evidence.split_at),
        "probability_shown": evidence.refusal is None and gathered.question == MEETING,
        "refusal": evidence.refusal,
        "models": [
            {
                "name": outcome.name,
                "auc": _spread(outcome.auc),
                "brier": _spread(outcome.brier),
                "skill": _number(outcome.skill),
                "log_loss": _number(outcome.log_loss),
                "lift": _number(outcome.lift),
                "calibration": [list(fifth) for fifth in outcome.calibration],
            }
            for outcome in evidence.outcomes
        ],
        "differences": [
            {"one": each.one, "other": each.other, "auc": _spread(each.auc), "brier": _spread(each.brier)}
            for each in evidence.differences
        ],
        "kinds": [
            {"kind": part.kind, "rows": part.rows, "ending": part.ending, "scores": _scores(part)}
            for part in evidence.kinds
        ],
    }


def _scores(part: Part) -> dict[str, list[float | None]]:
    return {name: [auc, brier] for name, (auc, brier) in part.scores.items()}


def _iso(instant: int | None) -> str | None:
    return None if instant is None else from_us(instant).isoformat()


def _spread(spread: Spread) -> list[float | None]:
    return [_number(spread.value), _number(spread.low), _number(spread.high)]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
