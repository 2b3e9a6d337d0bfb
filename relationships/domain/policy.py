"""The policy: every weight, window and threshold of the rules, as one immutable value.

The numbers are the first policy's of `model.md` §1, §3-§6. Spans are in days unless a name says otherwise. What is a
law and not a matter of policy (the order of the stages, that Met needs a face, that stages come from events alone,
that a fall waits for a grace) stands in the rules and has no field here, save the length of the grace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from types import MappingProxyType, SimpleNamespace
from typing import Any

from .instants import days


@dataclass(frozen=True)
class Tier:
    """How closely a client of this tier is kept; all in days, and in microseconds under `spans`."""

    cadence: float
    window: float
    half_life_meeting: float
    half_life_exchange: float
    rhythm_of_meetings_low: float
    rhythm_of_meetings_high: float
    rhythm_of_contact: float
    rhythm_of_contact_low: float
    rhythm_of_contact_high: float
    silence_limit: float

    @cached_property
    def spans(self) -> SimpleNamespace:
        """Every field, in microseconds."""
        return SimpleNamespace(**{f.name: days(getattr(self, f.name)) for f in fields(self)})


KEY = Tier(60, 14, 120, 30, 30, 120, 10, 7, 15, 120)
STANDARD = Tier(90, 21, 180, 45, 45, 180, 15, 7, 22, 180)
LIGHT = Tier(180, 42, 360, 90, 90, 360, 30, 7, 45, 360)

TIERS = ("key", "standard", "light")
DEFAULT_TIER = "standard"

POINTS: Mapping[str, float] = MappingProxyType(
    {
        "question_answered": 2.0,
        "answer_acknowledged": 1.0,
        "comment_posted": 1.0,
        "reply_posted": 1.0,
        "message_sent": 1.0,
        "mention_made": 0.5,
        "content_shared": 0.5,
        "connection_made": 0.5,
        "reaction_added": 0.2,
        "idea_shared": 1.0,
        "idea_discussed": 2.0,
        "idea_adopted": 3.0,
        "idea_declined": 1.0,
        "introduction_made": 2.0,
        "call_held": 3.0,
        "commitment_kept": 2.0,
        "advocacy_given": 4.0,
    }
)


@dataclass(frozen=True)
class Policy:
    """One version of all weights and thresholds; see `model.md` for what each moves.

    Spans are in days; `spans` holds each of them in microseconds, for comparison with instants.
    """

    version: int = 1
    tiers: Mapping[str, Tier] = field(
        default_factory=lambda: MappingProxyType({"key": KEY, "standard": STANDARD, "light": LIGHT})
    )

    # Strength (§3)
    points: Mapping[str, float] = field(default_factory=lambda: POINTS)
    points_in_person: float = 10.0
    points_video: float = 5.0
    quality_decision: float = 1.2
    quality_information: float = 1.0
    quality_none: float = 0.8
    attendees_without_discount: int = 4
    beta: float = 0.5
    gamma: float = 1.0
    face_half_life: float = 60
    days_before_first_post: float = 60
    scale: float = 28.0
    sent: float = 0.25
    answered: float = 0.75
    gesture: float = 0.25
    brand: float = 0.5
    unanswered_limit: int = 3
    answer_within: float = 14
    reciprocity_unknown: float = 0.5
    reciprocity_minimum: int = 3
    band_forming: float = 30
    band_firm: float = 50
    band_strong: float = 70

    # Words (§2)
    two_way_within: float = 14
    begun_quiet: float = 2
    post_days: int = 7
    gaps_for_rhythm: int = 3
    gaps_remembered: int = 5
    intervals_for_rhythm: int = 5
    intervals_remembered: int = 20

    # Stages (§4)
    grace: float = 30
    helped_keep: float = 180
    conversing_days: int = 3
    conversing_within: float = 60
    conversing_keep: float = 60
    met_keep: float = 365
    bridging_posts: int = 2
    bridging_coverage: float = 0.5
    bridging_reciprocity: float = 0.3
    bridging_keep_rhythms: float = 2
    open_gap_young: float = 30
    deepening_posts: int = 3
    deepening_ideas: int = 2
    deepening_ideas_within: float = 180
    deepening_people: int = 2
    deepening_people_within: float = 90
    deepening_gaps: int = 2
    deepening_keep: float = 365
    symbiosis_within: float = 365
    symbiosis_people: int = 3
    symbiosis_colleagues: int = 2
    symbiosis_people_within: float = 365

    # Health (§5)
    cooling_rhythms: float = 3
    cooling_meeting_rhythms: float = 1.5
    cooling_signal: float = 7
    dormant_rhythms: float = 8
    dormant_meeting_rhythms: float = 3

    # Gaps and questions (§6)
    gap_bridged: float = 0.67
    gap_broken: float = 0.34
    ground_laid_coverage: float = 0.5
    ground_laid_within: float = 21
    balance_within: int = 180
    question_target: int = 1
    question_target_public: int = 2
    question_missed: int = 5
    question_missed_public: int = 10
    question_lapse: float = 90
    balance_low: float = 0.4
    balance_healthy_low: float = 0.6
    balance_healthy_high: float = 0.9
    balance_high: float = 0.95
    balance_minimum: float = 5.0
    echo_within: int = 365
    echo_minimum: int = 3

    # Next best action (§7)
    action_dates_after: float = 3
    action_promise_ahead: float = 2
    action_brief_within: float = 3
    action_meeting_share: float = 0.8
    action_pause: float = 30
    action_idea_every: float = 60
    action_joint_meeting: float = 30

    @cached_property
    def spans(self) -> SimpleNamespace:
        """The fields that are spans of days, in microseconds."""
        return SimpleNamespace(**{name: days(getattr(self, name)) for name in SPANS})

    def tier(self, name: str) -> Tier:
        """The tier of that name; KeyError when there is none."""
        return self.tiers[name]

    def to_dict(self) -> dict[str, Any]:
        """The whole policy as plain JSON values; `from_dict` takes it back."""
        plain: dict[str, Any] = {
            f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("tiers", "points")
        }
        plain["tiers"] = {name: asdict(tier) for name, tier in self.tiers.items()}
        plain["points"] = dict(self.points)
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Policy:
        """A policy from what `to_dict` gave; a field that is missing keeps the first policy's value.

        Raises TypeError for a field that no policy has.
        """
        values = dict(plain)
        if "tiers" in values:
            values["tiers"] = MappingProxyType({name: Tier(**t) for name, t in values["tiers"].items()})
        if "points" in values:
            values["points"] = MappingProxyType(dict(values["points"]))
        return cls(**values)


SPANS = [
    "days_before_first_post",
    "answer_within",
    "two_way_within",
    "begun_quiet",
    "grace",
    "helped_keep",
    "conversing_within",
    "conversing_keep",
    "met_keep",
    "open_gap_young",
    "deepening_ideas_within",
    "deepening_people_within",
    "deepening_keep",
    "symbiosis_within",
    "symbiosis_people_within",
    "cooling_signal",
    "ground_laid_within",
    "question_lapse",
    "action_dates_after",
    "action_promise_ahead",
    "action_brief_within",
    "action_pause",
    "action_idea_every",
    "action_joint_meeting",
]

DEFAULT_POLICY = Policy()
