"""Meetings taken in: held ones as posts, gaps and points; planned ones until something comes of them.

Strength counts one held meeting for each UTC day, the best; its outcome may be noted later.
Source: `model.md` §2, §3, §6.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from . import contact, gaps, questions
from .exchanges import pairs_of
from .facts import Fact, meeting_of
from .history import NeedsHistory
from .instants import HOUR, to_us, utc_day
from .judgement import Gap, Meeting
from .policy import Policy
from .strength import fade

if TYPE_CHECKING:
    from .fold import Fold

PLANNED_LENGTH = HOUR  # of a meeting planned without an end


@dataclass(slots=True)
class Held:
    """One held meeting: the factors of its term, fixed when it took place save the quality of its outcome."""

    meeting_id: str
    event_id: str
    at: int
    day: int
    base: float
    crowd: float
    quality: float
    prepared: float
    mode: str
    pairs: list[str]
    counted: float = 0.0

    @property
    def worth(self) -> float:
        """Its points before any fading, were it the one that counts for its day."""
        return self.base * self.quality * self.crowd * self.prepared


def quality(outcome: str | None, policy: Policy) -> float:
    """q without the crowd: what came of it. None when nothing was noted."""
    if outcome in ("decision", "next_step"):
        return policy.quality_decision
    return policy.quality_information if outcome == "information" else policy.quality_none


def crowd(attendees: int, policy: Policy) -> float:
    """1 ÷ √(n ÷ 4) when more than four of their people attend: a big round is no talk with each."""
    limit = policy.attendees_without_discount
    return 1.0 if attendees <= limit else float((attendees / limit) ** -0.5)


def take_held(fold: Fold, fact: Fact) -> None:
    data, at = fact.data, fact.at
    meeting_id = meeting_of(fact)
    if meeting_id != fact.event_id:
        _require_known(fold, meeting_id)
    if meeting_id in fold.held:
        return  # of several with one id the first counts
    if meeting_id in fold.missed_ids:
        raise NeedsHistory("a meeting said to be missed was held: the miss counts nothing")
    in_person = data["mode"] == "in_person"
    moment = (at, fact.event_id)
    day = utc_day(at)
    first_of_post = not fold.posts or day - fold.post_day >= fold.policy.post_days
    if first_of_post:
        _new_post(fold, fact, day)
    if in_person and not fold.post_in_person:
        fold.post_in_person = True
        fold.posts_in_person += 1
    _credit(fold, fact, day, in_person)
    fold.last_held = moment
    if in_person:
        fold.last_in_person = moment
    fold.held_now = True
    contact.note_two_way(fold, fact, begun=True)
    contact.note_contact(fold, fact)
    if first_of_post:
        contact.cover(fold, fact, fold.window)
        if fold.gap is not None:
            gaps.lay(fold.gap, None, at, fold.policy)
    questions.close_all(fold, fact)
    _note_handover(fold, fact)
    plan = fold.planned.pop(meeting_id, None)
    fold.accepted.pop(meeting_id, None)
    fold.fresh_meetings[meeting_id] = Meeting(
        meeting_id,
        "held",
        plan.starts_at if plan else None,
        plan.ends_at if plan else None,
        data["mode"],
        plan.accepted if plan else False,
        fact.event_id,
        at,
        at,
    )


def _note_handover(fold: Fold, fact: Fact) -> None:
    """The first meeting without the former owner: the relationship has passed on."""
    handover = fold.handover
    ours = fact.data.get("our_people") or ()
    if handover is not None and handover.met_at is None and ours and handover.former not in ours:
        handover.met_at, handover.met_event = fact.at, fact.event_id


def _require_known(fold: Fold, meeting_id: str) -> None:
    known = meeting_id in fold.held or meeting_id in fold.planned or meeting_id in fold.absent
    if fold.meetings_forgotten and not known:
        raise NeedsHistory("a meeting that the saved state may have forgotten")


def _new_post(fold: Fold, fact: Fact, day: int) -> None:
    """The first meeting of a post closes the open gap and opens the next."""
    at = fact.at
    covered = fold.cover.up_to(at)
    gap = fold.gap
    if gap is None:
        fold.post_prepared = _early_coverage(fold, at)
        fold.early_cover = []
    else:
        gap.ends_at = at
        gap.closed_by = fact.event_id
        gap.covered = fold.cover.total - fold.cover_at_gap
        gap.covered_until = fold.cover.until or 0
        gap.longest_silence = gap.silence(at)
        gap.last_contact_at = at
        gap.rhythm = fold.rhythm
        fold.post_prepared = gap.coverage(at)
        fold.closed.append(gap)
        fold.fresh_gaps.append(gap)
        fold._meeting_rhythm = None
    fold.posts += 1
    fold.post_day = day
    fold.post_in_person = False
    fold.cover_at_gap = covered
    carried = fold.cover.total - covered
    fold.gap = Gap(at, None, fact.event_id, None, carried, fold.cover.until or at, 0, 0, 0, 0, at, 0, [])
    if fold.last_two_way_exchange is not None:
        fold.gap.last_two_way_at = fold.last_two_way_exchange[0]


def _early_coverage(fold: Fold, at: int) -> float:
    """Covered share of the days before the first post."""
    span = fold.policy.spans.days_before_first_post
    begins = at - span
    covered = sum(max(0, min(end, at) - max(start, begins)) for start, end in fold.early_cover)
    return covered / span


def _credit(fold: Fold, fact: Fact, day: int, in_person: bool) -> None:
    policy, data = fold.policy, fact.data
    meeting_id = meeting_of(fact)
    outcome = fold.outcomes.pop(meeting_id, None) or data.get("outcome")
    held = Held(
        meeting_id=meeting_id,
        event_id=fact.event_id,
        at=fact.at,
        day=day,
        base=policy.points_in_person if in_person else policy.points_video,
        crowd=crowd(len(data.get("contacts") or ()), policy),
        quality=quality(outcome, policy),
        prepared=1.0 + policy.beta * fold.post_prepared,
        mode=data["mode"],
        pairs=pairs_of(fact),
    )
    fold.held[meeting_id] = held
    _best_of_day(fold, day)


def _best_of_day(fold: Fold, day: int) -> None:
    """Held meetings of one UTC day earn points as one, the best of them (the first among equals)."""
    best: Held | None = None
    same_day = []
    for held in reversed(fold.held.values()):
        if held.day != day:
            if held.day < day:
                break
            continue
        same_day.append(held)
        if best is None or held.worth >= best.worth:
            best = held
    for held in same_day:
        counts = held.worth if held is best else 0.0
        if counts != held.counted:
            change = (counts - held.counted) * fade(fold.sums.at - held.at, fold.tier.half_life_meeting)
            fold.sums.meetings += change
            for pair in held.pairs:
                fold.tie(pair)[1] += change
            held.counted = counts


def take_outcome(fold: Fold, fact: Fact) -> None:
    """From now on as though the meeting had had it."""
    meeting_id, outcome = fact.data["meeting_id"], fact.data["outcome"]
    _require_known(fold, meeting_id)
    held = fold.held.get(meeting_id)
    if held is None:
        fold.outcomes[meeting_id] = outcome
        return
    held.quality = quality(outcome, fold.policy)
    _best_of_day(fold, held.day)


def take_plan(fold: Fold, fact: Fact) -> None:
    data = fact.data
    meeting_id = meeting_of(fact)
    if meeting_id != fact.event_id:
        _require_known(fold, meeting_id)
    if meeting_id in fold.held:
        return
    starts = _instant_of(data["starts_at"])
    ends = _instant_of(data["ends_at"]) if data.get("ends_at") else starts + PLANNED_LENGTH
    before = fold.planned.get(meeting_id)
    _note(
        fold,
        Meeting(
            meeting_id,
            "planned",
            starts,
            ends,
            data.get("mode"),
            before.accepted if before else False,
            fact.event_id,
        ),
        fact,
    )


def take_move(fold: Fold, fact: Fact) -> None:
    plan = _planned(fold, fact)
    if plan is None or not fact.data.get("new_starts_at"):
        return
    starts = _instant_of(fact.data["new_starts_at"])
    length = PLANNED_LENGTH
    if plan.starts_at is not None and plan.ends_at is not None:
        length = plan.ends_at - plan.starts_at
    ends = fact.data.get("new_ends_at")
    plan.starts_at, plan.ends_at = starts, _instant_of(ends) if ends else starts + length
    plan.status = "planned"
    _note(fold, plan, fact)


def take_answer(fold: Fold, fact: Fact) -> None:
    plan = _planned(fold, fact)
    if plan is not None:
        plan.accepted = fact.data["answer"] == "accepted"
        _note(fold, plan, fact)


def take_cancellation(fold: Fold, fact: Fact) -> None:
    plan = _planned(fold, fact)
    if plan is not None:
        plan.status, plan.accepted = "cancelled", False
        _note(fold, plan, fact)


def take_miss(fold: Fold, fact: Fact) -> None:
    meeting_id = fact.data["meeting_id"]
    _require_known(fold, meeting_id)
    fold.missed_ids.add(meeting_id)
    note_signal(fold, fact)
    plan = fold.planned.get(meeting_id)
    if plan is None:
        plan = Meeting(meeting_id, "missed", fact.at, fact.at, None, False, fact.event_id)
    plan.status, plan.accepted = "missed", False
    _note(fold, plan, fact)


def _planned(fold: Fold, fact: Fact) -> Meeting | None:
    meeting_id = fact.data["meeting_id"]
    plan = fold.planned.get(meeting_id)
    if plan is None:
        _require_known(fold, meeting_id)
    return plan


def _note(fold: Fold, plan: Meeting, fact: Fact) -> None:
    meeting_id = plan.meeting_id
    plan.event_id, plan.told_at = fact.event_id, fact.at
    fold.planned[meeting_id] = fold.fresh_meetings[meeting_id] = plan
    if plan.accepted and plan.status == "planned":
        fold.accepted[meeting_id] = plan
    else:
        fold.accepted.pop(meeting_id, None)


def note_signal(fold: Fold, fact: Fact) -> None:
    """A missed meeting or a broken promise: cooling, unless a two-way contact comes within days."""
    if fold.signal is None:
        fold.signal = (fact.at, fact.event_id, fact.type)


def _instant_of(text: str) -> int:
    return to_us(datetime.fromisoformat(text))
