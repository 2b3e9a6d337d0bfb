"""Whether a policy makes sense, said field by field: a draft is refused with what is wrong and what would do.

The laws of `model.md` §4 bind every policy: the order of the stages, that Met needs a face, that stages come from
events alone, that a fall waits for a grace. A policy cannot say otherwise; what it can say must not empty a rule of
meaning.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from .events import EVENT_TYPES
from .fields import Errors, FieldError, escaped, shown, unknown_field
from .policy import DEFAULT_POLICY, TIERS, Policy, Tier

# Shares and thresholds that lie between 0 and 1.
SHARES = {
    "sent",
    "answered",
    "gesture",
    "brand",
    "reciprocity_unknown",
    "bridging_coverage",
    "bridging_reciprocity",
    "gap_bridged",
    "gap_broken",
    "ground_laid_coverage",
}
# Numbers that may be nothing at all; every other must be more than nothing.
MAY_BE_ZERO = {"beta", "gamma", "bridging_reciprocity", "reciprocity_minimum", "gesture", "brand", "sent", "answered"}
LEAST = 0.001  # a span of a minute and a half; less would be nothing once it is rounded
LARGEST = 36_500  # days in a century; no count or weight comes near it
MANY = 1000  # the largest count of things to remember or to need

# Counts; every other number may have a fraction, whether or not the first policy's has one.
WHOLE = {field.name for field in fields(Policy) if field.type == "int"}

# What can earn points.
EARNING = tuple(
    name for name, kind in EVENT_TYPES.items() if kind.kind in ("exchange", "advocacy") or name in DEFAULT_POLICY.points
)

# A draft may not move these: laws, or what is remembered of saved state.
FIXED = {"version"}


class InvalidPolicy(ValueError):
    """A draft that is refused; `errors` names each place, as RFC 6901 pointers into the policy."""

    def __init__(self, errors: Errors) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{error.pointer}: {error.detail}" for error in errors))


def draft(base: Policy, changes: Mapping[str, Any], version: int) -> Policy:
    """`base` with some fields changed, as a new version.

    `changes` has the shape of `Policy.to_dict`, and may leave anything out, inside a tier too. Raises InvalidPolicy.
    """
    errors: Errors = []
    plain = base.to_dict()
    for name, value in changes.items():
        if name in ("tiers", "points"):
            _merge(plain[name], value, f"/{name}", errors)
        elif name not in plain or name in FIXED:
            errors.append(_not_a_field(name, plain))
        else:
            plain[name] = _number(value, plain[name], name, f"/{name}", errors, whole=name in WHOLE)
    if errors:
        raise InvalidPolicy(errors)
    plain["version"] = version
    policy = Policy.from_dict(plain)
    _check_sense(policy, errors)
    if errors:
        raise InvalidPolicy(errors)
    return policy


def _not_a_field(name: str, known: Mapping[str, Any]) -> FieldError:
    if name in ("met_needs_face", "met_in_person", "stages", "order"):
        detail = "that Met needs a face, and the order of the stages, are laws: no policy changes them."
        return FieldError(f"/{escaped(name)}", "law", detail)
    if name in FIXED:
        return FieldError(f"/{name}", "read_only", "the version is given when the draft is saved.")
    return unknown_field(f"/{escaped(name)}", name, known)


def _merge(plain: dict[str, Any], changes: Any, pointer: str, errors: Errors) -> None:
    if not isinstance(changes, Mapping):
        errors.append(FieldError(pointer, "wrong_type", f"{shown(changes)} is not an object."))
        return
    for name, value in changes.items():
        place = f"{pointer}/{escaped(str(name))}"
        if pointer == "/points":
            if name in EARNING:
                plain[name] = _number(value, 1.0, name, place, errors, zero=True)
            else:
                errors.append(FieldError(place, "unknown_field", f"{shown(name)} is no type that can earn points."))
        elif name not in TIERS:
            errors.append(FieldError(place, "unknown_field", f"{shown(name)} is no tier: {', '.join(TIERS)}."))
        else:
            _merge_tier(plain[name], value, place, errors)


def _merge_tier(tier: dict[str, Any], changes: Any, pointer: str, errors: Errors) -> None:
    if not isinstance(changes, Mapping):
        errors.append(FieldError(pointer, "wrong_type", f"{shown(changes)} is not an object."))
        return
    for name, value in changes.items():
        if name not in tier:
            errors.append(unknown_field(f"{pointer}/{escaped(str(name))}", str(name), tier))
        else:
            tier[name] = _number(value, tier[name], name, f"{pointer}/{name}", errors)


def bounds(name: str, *, whole: bool = False, zero: bool = False) -> tuple[float, float]:
    """The least and the most that a number of a policy may be; with `zero` it may be nothing whatever its name."""
    least = 0 if zero or name in MAY_BE_ZERO else 1 if whole else LEAST
    return least, 1 if name in SHARES else MANY if whole else LARGEST


def _number(
    value: Any, like: Any, name: str, pointer: str, errors: Errors, *, whole: bool = False, zero: bool = False
) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        errors.append(FieldError(pointer, "wrong_type", f"{shown(value)} is not a number."))
        return like
    if whole and value != int(value):
        errors.append(FieldError(pointer, "wrong_type", f"{shown(value)} is not a whole number."))
        return like
    least, most = bounds(name, whole=whole, zero=zero)
    if not least <= value <= most:
        errors.append(FieldError(pointer, "out_of_range", f"{shown(value)} is not between {least} and {most}."))
        return like
    return int(value) if whole else float(value)


def _check_sense(policy: Policy, errors: Errors) -> None:
    """Rules that would contradict each other."""

    def demand(holds: bool, pointer: str, detail: str) -> None:
        if not holds:
            errors.append(FieldError(pointer, "contradiction", detail))

    demand(
        policy.points_in_person >= policy.points_video,
        "/points_in_person",
        "a meeting in person must count at least as much as one by video: trust comes face to face.",
    )
    demand(
        policy.gap_broken < policy.bridging_coverage <= 1 and policy.gap_broken < policy.gap_bridged,
        "/gap_broken",
        "a broken gap must be covered less than one that bridges, or a stage would be lost as it is entered.",
    )
    demand(
        policy.band_forming < policy.band_firm < policy.band_strong < 100,
        "/band_firm",
        "the bands must rise: forming below firm below strong below 100.",
    )
    demand(policy.bridging_posts >= 2, "/bridging_posts", "one meeting bridges nothing: two at least.")
    demand(
        policy.deepening_posts >= policy.bridging_posts,
        "/deepening_posts",
        "Deepening cannot need fewer meetings than Bridging.",
    )
    demand(
        policy.gaps_for_rhythm <= policy.gaps_remembered,
        "/gaps_for_rhythm",
        "more gaps are needed than are remembered.",
    )
    demand(
        policy.deepening_gaps <= policy.gaps_remembered,
        "/deepening_gaps",
        "more gaps are needed than are remembered.",
    )
    demand(
        policy.intervals_for_rhythm <= policy.intervals_remembered,
        "/intervals_for_rhythm",
        "more intervals are needed than are remembered.",
    )
    demand(
        policy.cooling_rhythms < policy.dormant_rhythms
        and policy.cooling_meeting_rhythms < policy.dormant_meeting_rhythms,
        "/dormant_rhythms",
        "a client must cool before it is dormant.",
    )
    for name, tier in policy.tiers.items():
        _check_tier(tier, f"/tiers/{name}", demand)


def _check_tier(tier: Tier, pointer: str, demand: Any) -> None:
    for low, high in (
        ("rhythm_of_meetings_low", "rhythm_of_meetings_high"),
        ("rhythm_of_contact_low", "rhythm_of_contact_high"),
    ):
        demand(getattr(tier, low) <= getattr(tier, high), f"{pointer}/{low}", "the lower bound lies above the upper.")
    demand(tier.window < tier.cadence, f"{pointer}/window", "one act would cover a whole gap: less than the cadence.")
    demand(
        tier.silence_limit >= tier.cadence, f"{pointer}/silence_limit", "silence cannot be too long before the cadence."
    )


def differences(one: Policy, other: Policy) -> list[tuple[str, Any, Any]]:
    """What differs between two policies, the version apart: (pointer, in one, in other)."""
    found: list[tuple[str, Any, Any]] = []
    for field in fields(Policy):
        before, after = getattr(one, field.name), getattr(other, field.name)
        if field.name == "version" or before == after:
            continue
        if field.name == "points":
            for name in sorted({*before, *after}):
                if before.get(name, 0) != after.get(name, 0):
                    found.append((f"/points/{name}", before.get(name, 0), after.get(name, 0)))
        elif field.name == "tiers":
            for name in before:
                for part in fields(Tier):
                    pair = getattr(before[name], part.name), getattr(after[name], part.name)
                    if pair[0] != pair[1]:
                        found.append((f"/tiers/{name}/{part.name}", *pair))
        else:
            found.append((f"/{field.name}", before, after))
    return found
