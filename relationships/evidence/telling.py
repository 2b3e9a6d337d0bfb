"""Evidence as text for people and as JSON for programs."""

from __future__ import annotations

from typing import Any

from relationships.domain.instants import from_us

from .judging import Evidence, Outcome

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
    """A page of 80 to 100 columns."""
    gathered = evidence.gathered
    lines = [
        f"Back-test of policy {gathered.policy.version}",
        f"{gathered.events:,} events of {gathered.clients:,} clients, {_span(evidence)}; "
        f"{gathered.reconstructed:,} of them imported (reconstructed: known when it happened)",
        f"{evidence.training:,} earlier rows to learn from, {evidence.tested:,} later ones to be judged by"
        f" (from {_date(evidence.split_at)}); {evidence.held:,} of all end in a meeting within C* days",
        f"{evidence.apart:,} rows with a meeting accepted already are left out",
        "",
    ]
    if evidence.outcomes:
        lines.append(f"{'model':34} {'AUC (95 %)':22} {'Brier':8} {'skill':>6} {'log loss':>9} {'lift':>5}")
        lines += [_line(outcome) for outcome in sorted(evidence.outcomes, key=lambda outcome: -outcome.auc.value)]
        strength = evidence.outcome("strength")
        if strength is not None:
            lines += ["", "strength, by fifths:  predicted → observed (rows)"]
            lines += [f"  {p:6.1%} → {o:6.1%} ({n:,})" for p, o, n in strength.calibration]
        lines.append("")
    if evidence.refusal:
        lines.append(f"No probability is shown: {evidence.refusal}.")
    else:
        lines.append(
            "A probability may be shown: there is enough history, and strength does at least as well as recency."
        )
    return "\n".join(lines) + "\n"


def _line(outcome: Outcome) -> str:
    auc = f"{outcome.auc.value:.3f} ({outcome.auc.low:.3f}–{outcome.auc.high:.3f})"
    return (
        f"{NAMES[outcome.name]:34} {auc:22} {outcome.brier.value:.4f}   {outcome.skill:6.3f} "
        f"{outcome.log_loss:9.4f} {outcome.lift:5.2f}"
    )


def _span(evidence: Evidence) -> str:
    return f"{_date(evidence.gathered.begins_at)} to {_date(evidence.gathered.ends_at)}"


def _date(instant: int | None) -> str:
    return "–" if instant is None else f"{from_us(instant):%Y-%m-%d}"


def as_json(evidence: Evidence) -> dict[str, Any]:
    """The same as plain values."""
    gathered = evidence.gathered
    return {
        "policy": gathered.policy.version,
        "events": gathered.events,
        "clients": gathered.clients,
        "reconstructed_clients": gathered.reconstructed,
        "rows": {"training": evidence.training, "tested": evidence.tested, "accepted_apart": evidence.apart},
        "meetings": evidence.held,
        "split_at": None if evidence.split_at is None else from_us(evidence.split_at).isoformat(),
        "probability_shown": evidence.refusal is None,
        "refusal": evidence.refusal,
        "models": [
            {
                "name": outcome.name,
                "auc": [outcome.auc.value, outcome.auc.low, outcome.auc.high],
                "brier": [outcome.brier.value, outcome.brier.low, outcome.brier.high],
                "skill": outcome.skill,
                "log_loss": outcome.log_loss,
                "lift": outcome.lift,
                "calibration": [list(fifth) for fifth in outcome.calibration],
            }
            for outcome in evidence.outcomes
        ],
    }
