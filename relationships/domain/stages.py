"""The stages: what each needs to be entered and to be kept, and when one falls.

Entry is judged at each instant with events, and only there; a stage falls when its keep has failed for the whole
grace without a break. Both are told in `model.md` §4. `failures` says in which spans from a moment on, if nothing
more happens, a stage's keep does not hold: every fall is known in advance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .coverage import falls_below, rises_to
from .judgement import (
    BRIDGING,
    CONVERSING,
    DEEPENING,
    ENDED,
    FOUND,
    HELPED,
    MET,
    STAGES,
    SYMBIOSIS,
)
from .standing import Because, Span, Standing

if TYPE_CHECKING:
    from .fold import Fold

NEVER_HELD = -1  # the moment up to which a keep holds that nothing supports


def judge(fold: Fold, standing: Standing, at: int, *, with_events: bool) -> None:
    """Moves `standing` to the stage that holds at `at`, and notes when it will fall."""
    if fold.ended is not None:
        if standing.stage != ENDED:
            standing.enter(ENDED, at, "ended", (fold.ended[1],))
        standing.falls_at = None
        return
    if standing.stage == ENDED:
        reopened = (fold.reopened[1],) if fold.reopened else ()
        standing.enter(FOUND, at, "reopened", reopened)
    if standing.period_at is None:
        standing.stage_because = (standing.first_event,)
        standing.reached_at = at
    failing_since = _failing_since(standing, at)
    entered = highest_entered(fold, standing.stage, at) if with_events else None
    if entered is not None:
        standing.enter(entered, at, *_entry(fold, entered))
        failing_since = None
        if entered > standing.reached:
            standing.reached, standing.reached_at = entered, at
    _note_failures(fold, standing, at, failing_since)
    if standing.falls_at is not None and standing.falls_at <= at:
        lower = next(s for s in range(standing.stage - 1, -1, -1) if keeps(fold, s, at))
        standing.enter(lower, at, *why_failing(fold, standing.stage, at))
        _note_failures(fold, standing, at, None)


def _failing_since(standing: Standing, at: int) -> int | None:
    """When the failure began that lasts right up to `at`."""
    for begins, ends in standing.failures:
        if begins < at and (ends is None or ends >= at):
            return begins
    return None


def _note_failures(fold: Fold, standing: Standing, at: int, failing_since: int | None) -> None:
    grace = fold.policy.spans.grace
    spans = failures(fold, standing.stage, at)
    if spans and spans[0][0] <= at:
        spans[0] = (at if failing_since is None else failing_since, spans[0][1])
    standing.failures = spans
    standing.falls_at = None
    for begins, ends in spans:
        if ends is None or ends - begins > grace:
            standing.falls_at = begins + grace
            break


def keeps(fold: Fold, stage: int, at: int) -> bool:
    """Whether the keep of `stage` holds at `at`."""
    spans = failures(fold, stage, at)
    return not spans or spans[0][0] > at


def failures(fold: Fold, stage: int, at: int) -> list[Span]:
    """The spans from `at` on, in order, in which the keep of `stage` fails if nothing more happens."""
    if stage in (FOUND, ENDED):
        return []
    limit = kept_until(fold, stage)
    spans: list[Span] = []
    if stage >= BRIDGING:
        for begins, ends in open_gap_failures(fold, at):
            if limit is not None and (ends is None or ends >= limit):
                return [*spans, (min(begins, limit), None)]
            if ends is None:
                return [*spans, (begins, None)]
            spans.append((begins, ends))
    if limit is not None:
        spans.append((limit, None))
    return spans


def kept_until(fold: Fold, stage: int) -> int | None:
    """The moment from which the keep of `stage` fails for good, the open gap apart; None: never by time."""
    policy = fold.policy
    if stage in (HELPED, CONVERSING):
        span = policy.spans.helped_keep if stage == HELPED else policy.spans.conversing_keep
        return NEVER_HELD if fold.last_two_way is None else int(fold.last_two_way[0] + span)
    if stage == MET:
        return NEVER_HELD if fold.last_face is None else fold.last_face[0] + policy.spans.met_keep
    if stage < BRIDGING:
        return None
    if fold.last_held is None or latest_gap_broken(fold):
        return NEVER_HELD
    limits = [meeting_due(fold)]
    if stage == DEEPENING:
        ours, theirs = fold.ideas_ours, fold.ideas_theirs
        limits.append(min(ours[-1][0], theirs[-1][0]) + policy.spans.deepening_keep if ours and theirs else NEVER_HELD)
    elif stage == SYMBIOSIS and not fold.projects:
        proof = last_proof(fold)
        limits.append(NEVER_HELD if proof is None else proof[0] + policy.spans.symbiosis_within)
    return min(limits)


def meeting_due(fold: Fold) -> int:
    """When the next meeting must have been held for Bridging to be kept; only after one was held."""
    assert fold.last_held is not None
    return fold.last_held[0] + round(fold.policy.bridging_keep_rhythms * fold.meeting_rhythm)


def last_proof(fold: Fold) -> tuple[int, str] | None:
    """The latest project that succeeded or advocacy that was given."""
    success, advocacy = fold.last_success, fold.last_advocacy
    if success is None or advocacy is None:
        return advocacy if success is None else success
    return max(success, advocacy)


def latest_gap_broken(fold: Fold) -> bool:
    if not fold.closed:
        return False
    gap = fold.closed[-1]
    return gap.coverage(gap.ends_at or 0) < fold.policy.gap_broken


def open_gap_failures(fold: Fold, at: int) -> list[Span]:
    """Spans from `at` on in which the open gap, no longer young, is covered too little to bridge it."""
    gap, threshold = fold.gap, fold.policy.gap_broken
    if gap is None:
        return []
    begins = gap.begins_at
    young_until = begins + fold.policy.spans.open_gap_young
    covered = fold.cover.total - fold.cover_at_gap
    spans: list[Span] = []
    runs_out = max(begins, fold.cover.until or begins)
    if runs_out > at:
        uncovered = (runs_out - begins) - covered
        mended = rises_to(uncovered, begins, begins, threshold)
        low = max(at, young_until)
        if low < min(mended, runs_out):
            spans.append((low, min(mended, runs_out)))
    breaks = max(falls_below(covered, runs_out, begins, threshold), young_until)
    if spans and spans[-1][1] == breaks:
        return [(spans[0][0], None)]
    return [*spans, (breaks, None)]


def highest_entered(fold: Fold, stage: int, at: int) -> int | None:
    """The highest stage above `stage` that may be entered at `at`."""
    # Bridging begins at a held meeting, and what stands above it only with it or from it.
    top = SYMBIOSIS if fold.held_now or stage >= BRIDGING else MET
    # Helped and Conversing begin at a two-way contact; without one now, they hold only if they did before.
    bottom = stage if _touched(fold, at) else max(stage, CONVERSING)
    for higher in range(top, bottom, -1):
        if _ENTERS[higher](fold, stage, at) and keeps(fold, higher, at):
            return higher
    return None


def _touched(fold: Fold, at: int) -> bool:
    """Whether a two-way contact or a reopening belongs to this instant."""
    two_way, reopened = fold.last_two_way, fold.reopened
    return (two_way is not None and two_way[0] == at) or (reopened is not None and reopened[0] == at)


def _enters_helped(fold: Fold, stage: int, at: int) -> bool:
    return fold.last_two_way is not None


def _enters_conversing(fold: Fold, stage: int, at: int) -> bool:
    horizon = at - fold.policy.spans.conversing_within
    recent = recent_two_way_days(fold, horizon)
    return len(recent) >= fold.policy.conversing_days and any(
        begun is not None and begun > horizon for _, _, _, begun in recent
    )


def recent_two_way_days(fold: Fold, horizon: int) -> list[list[int | str | None]]:
    """The UTC days with two-way contact after `horizon`: [day, at, event id, when begun by them or None]."""
    return [entry for entry in fold.two_way_days if entry[1] > horizon]


def _enters_met(fold: Fold, stage: int, at: int) -> bool:
    return fold.last_face is not None


def _enters_bridging(fold: Fold, stage: int, at: int) -> bool:
    policy = fold.policy
    if not fold.held_now or fold.posts < policy.bridging_posts or not fold.face_posts or not fold.closed:
        return False
    gap = fold.closed[-1]
    return (
        gap.two_way > 0
        and gap.coverage(gap.ends_at or 0) >= policy.bridging_coverage
        and fold.reciprocity() >= policy.bridging_reciprocity
    )


def _may_bridge(fold: Fold, stage: int, at: int) -> bool:
    return BRIDGING <= stage < ENDED or (_enters_bridging(fold, stage, at) and keeps(fold, BRIDGING, at))


def _enters_deepening(fold: Fold, stage: int, at: int) -> bool:
    policy = fold.policy
    if fold.posts < policy.deepening_posts or len(fold.closed) < policy.deepening_gaps:
        return False
    if not _may_bridge(fold, stage, at):
        return False
    ideas, horizon = policy.deepening_ideas, at - policy.spans.deepening_ideas_within
    for side in (fold.ideas_ours, fold.ideas_theirs):
        if len(side) < ideas or side[-ideas][0] <= horizon:
            return False
    latest = list(fold.closed)[-policy.deepening_gaps :]
    if any(gap.coverage(gap.ends_at or 0) < policy.bridging_coverage for gap in latest):
        return False
    return active(fold.people, at - policy.spans.deepening_people_within) >= policy.deepening_people


def _enters_symbiosis(fold: Fold, stage: int, at: int) -> bool:
    policy = fold.policy
    proof = last_proof(fold)
    if proof is None or proof[0] <= at - policy.spans.symbiosis_within:
        return False
    horizon = at - policy.spans.symbiosis_people_within
    if active(fold.people, horizon) < policy.symbiosis_people:
        return False
    if active(fold.colleagues, horizon) < policy.symbiosis_colleagues:
        return False
    return stage >= DEEPENING or (_enters_deepening(fold, stage, at) and keeps(fold, DEEPENING, at))


def active(people: dict[str, int], horizon: int) -> int:
    """How many were named in a contact after `horizon`."""
    return sum(1 for at in people.values() if at > horizon)


_ENTERS = {
    HELPED: _enters_helped,
    CONVERSING: _enters_conversing,
    MET: _enters_met,
    BRIDGING: _enters_bridging,
    DEEPENING: _enters_deepening,
    SYMBIOSIS: _enters_symbiosis,
}


def _entry(fold: Fold, stage: int) -> tuple[str, Because]:
    """The rule by which a stage was entered just now, and the events that it rests on, the weightiest first."""
    events: list[tuple[int, str] | None]
    if stage == HELPED:
        rule, events = "helped.two_way_contact", [fold.last_two_way]
    elif stage == CONVERSING:
        rule = "conversing.three_days"
        events = [(entry[1], entry[2]) for entry in list(fold.two_way_days)[:-4:-1]]
    elif stage == MET:
        video = fold.remote_only and fold.last_face != fold.last_in_person
        rule, events = "met.by_video" if video else "met.in_person", [fold.last_face]
    elif stage == BRIDGING:
        rule = "bridging.gap_bridged"
        events = [fold.last_held, fold.last_two_way_exchange, (0, fold.closed[-1].opened_by)]
    elif stage == DEEPENING:
        rule = "deepening.ideas_both_ways"
        events = [fold.ideas_theirs[-1], fold.ideas_ours[-1], fold.last_held]
    else:
        proof = last_proof(fold)
        rule = "symbiosis.project" if proof == fold.last_success else "symbiosis.advocacy"
        events = [proof, fold.last_held]
    return rule, tuple(dict.fromkeys(event[1] for event in events if event is not None))[:3]


def why_failing(fold: Fold, stage: int, at: int) -> tuple[str, Because]:
    """Why the keep of `stage` fails at `at`: the rule, and the last event that had supported it."""

    def last(event: tuple[int, str] | None) -> Because:
        return () if event is None else (event[1],)

    if stage <= CONVERSING:
        return f"{STAGES[stage]}.no_two_way_contact", last(fold.last_two_way)
    if stage == MET:
        return "met.no_meeting", last(fold.last_face)
    name = STAGES[stage]
    if latest_gap_broken(fold):
        gap = fold.closed[-1]
        return f"{name}.gap_broken", tuple(e for e in (gap.closed_by, gap.opened_by) if e)
    if fold.last_held is not None and at >= meeting_due(fold):
        return f"{name}.no_meeting", last(fold.last_held)
    spans = open_gap_failures(fold, at)
    if spans and spans[0][0] <= at and fold.gap is not None:
        acts = fold.gap.acts[-1:]
        return f"{name}.conversation_broke", tuple(dict.fromkeys([*acts, fold.gap.opened_by]))
    if stage == DEEPENING:
        ideas = [side[-1] for side in (fold.ideas_ours, fold.ideas_theirs) if side]
        return "deepening.no_ideas", last(min(ideas, default=None))
    return "symbiosis.no_project", last(last_proof(fold))
