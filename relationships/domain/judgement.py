"""What a fold answers: periods, gaps, questions and meetings. Plain values; instants in microseconds, UTC."""

from __future__ import annotations

from dataclasses import dataclass, field

STAGES = ("found", "helped", "conversing", "met", "bridging", "deepening", "symbiosis", "ended")
FOUND, HELPED, CONVERSING, MET, BRIDGING, DEEPENING, SYMBIOSIS, ENDED = range(8)

HEALTHS = ("new", "active", "cooling", "dormant", "ended")


@dataclass(frozen=True, slots=True)
class Period:
    """A span in which neither stage nor health changes: `begins_at` included, `ends_at` excluded (None: for ever).

    `rule` names what began it, `because` at most three events that it rests on, the stage's reason before the
    health's.
    """

    stage: str
    health: str
    begins_at: int
    ends_at: int | None
    rule: str
    because: tuple[str, ...]


@dataclass(slots=True)
class Gap:
    """The time between two posts; `ends_at` is None for the open one, which runs from the latest post on.

    `covered` is in microseconds up to `ends_at`; `longest_silence` between two contacts within it; `acts` names the
    events that cast the windows (the latest of each UTC day, at most fifty). For the open gap both are as of the
    latest event: `coverage` and `silence` answer for a later moment.

    `last_two_way_at` is the latest exchange both ways, before the gap or in it; `laid_from` the moment from which the
    ground is laid (see `gaps`). `carried_ours`, `carried_theirs` count the covering exchanges by person,
    `through_personal` and `through_brand` by the kind of our account. `rhythm` is ρ* as a closed gap ended, 0 in the
    open one, where the fold's holds.
    """

    begins_at: int
    ends_at: int | None
    opened_by: str
    closed_by: str | None
    covered: int
    covered_until: int
    spoken: int
    two_way: int
    ideas_ours: int
    ideas_theirs: int
    last_contact_at: int
    longest_silence: int
    acts: list[str]
    last_act_day: int = -1
    last_two_way_at: int | None = None
    laid_from: int | None = None
    carried_ours: dict[str, int] = field(default_factory=dict)
    carried_theirs: dict[str, int] = field(default_factory=dict)
    through_personal: int = 0
    through_brand: int = 0
    rhythm: int = 0

    def coverage(self, instant: int) -> float:
        """Covered time ÷ length, at the end of a closed gap or at `instant` in the open one; 1 at its very start."""
        end = instant if self.ends_at is None else self.ends_at
        if end <= self.begins_at:
            return 1.0
        return (self.covered - max(0, self.covered_until - end)) / (end - self.begins_at)

    def silence(self, instant: int) -> int:
        """The longest time without a contact, in microseconds, counting the silence that lasts at the end."""
        end = instant if self.ends_at is None else self.ends_at
        return max(self.longest_silence, end - self.last_contact_at)


@dataclass(slots=True)
class Question:
    """A question of theirs. `closed_at` is None while it is open; it lapses by itself at `lapses_at`.

    `worked` is the time on working days between both, in microseconds on the client's clock.
    """

    event_id: str
    external_id: str | None
    asked_at: int
    of_us: bool
    conversation: str
    contact: str | None
    target_at: int
    missed_at: int
    lapses_at: int
    closed_at: int | None = None
    closed_by: str | None = None
    worked: int | None = None


@dataclass(slots=True)
class Meeting:
    """A meeting as far as it is known. `status`: planned, cancelled, held or missed.

    `starts_at` and `ends_at` are the plan's; `held_at` is when it was said to have taken place; `event_id` and
    `told_at` are the latest event about it.
    """

    meeting_id: str
    status: str
    starts_at: int | None
    ends_at: int | None
    mode: str | None
    accepted: bool
    event_id: str
    held_at: int | None = None
    told_at: int = 0


@dataclass(slots=True)
class Handover:
    """A client passing from one of ours to another: from its start to the first meeting without the former owner."""

    at: int
    event_id: str
    former: str | None
    successor: str | None
    met_at: int | None = None
    met_event: str | None = None
    completed_at: int | None = None
