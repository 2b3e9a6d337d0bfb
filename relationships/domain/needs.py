"""What keeps a stage, what would save one that is about to fall, and what the next stage needs: in words and dates.

Source: `model.md` §4. Every number is the policy's.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import stages
from .coverage import rises_to
from .fold import Fold
from .instants import DAY
from .judgement import BRIDGING, CONVERSING, DEEPENING, ENDED, FOUND, HELPED, MET, SYMBIOSIS, Gap
from .standing import Standing
from .wording import Day, counted, every, listed, number


@dataclass(frozen=True, slots=True)
class Lack:
    """What a stage has been short of since its keep failed, and what would save it; None: nothing can any more."""

    what: str
    mend: str | None


def keep(fold: Fold, stage: int, day: Day) -> str:
    """What keeps the stage, after "it stays while"; empty for Found and Ended, which nothing has to keep."""
    spans, policy = fold.policy.spans, fold.policy
    if stage in (HELPED, CONVERSING) and fold.last_two_way is not None:
        days = policy.helped_keep if stage == HELPED else policy.conversing_keep
        until = fold.last_two_way[0] + (spans.helped_keep if stage == HELPED else spans.conversing_keep)
        doing = "you hear from each other" if stage == HELPED else "you keep talking, both ways,"
        return f"{doing} at least {every(days)} (next before {day(until)})"
    if stage == MET and fold.last_face is not None:
        until = fold.last_face[0] + spans.met_keep
        how = "by video or in person" if fold.remote_only else "in person"
        return f"you meet {how} at least {every(policy.met_keep)} (next before {day(until)})"
    if not BRIDGING <= stage < ENDED or fold.last_held is None:
        return ""
    pieces = [f"you go on meeting (next before {day(stages.meeting_due(fold))}) and talking{_talk_before(fold, day)}"]
    if stage == DEEPENING and fold.ideas_ours and fold.ideas_theirs:
        ours, theirs = fold.ideas_ours[-1][0], fold.ideas_theirs[-1][0]
        whose = "yours" if ours <= theirs else "theirs"
        pieces.append(
            f"ideas go both ways (the next of {whose} before {day(min(ours, theirs) + spans.deepening_keep)})"
        )
    proof = stages.last_proof(fold)
    if stage == SYMBIOSIS and fold.projects:
        pieces.append("a joint project is live")
    elif stage == SYMBIOSIS and proof is not None:
        until = proof[0] + spans.symbiosis_within
        pieces.append(f"a joint project runs or succeeds, or one of you recommends the other, before {day(until)}")
    return listed(pieces) if len(pieces) == 1 else ", and ".join(pieces)


def _talk_before(fold: Fold, day: Day) -> str:
    """When the open gap breaks, where that comes before the next meeting is due."""
    assert fold.at is not None
    spans = stages.open_gap_failures(fold, fold.at)
    breaks = spans[-1][0] if spans else None
    if breaks is None or breaks >= stages.meeting_due(fold):
        return ""
    return f" (next before {day(breaks)})"


# ---------------------------------------------------------------------- what would save a stage


def lack(fold: Fold, standing: Standing, at: int, day: Day) -> Lack:
    """What the stage of `standing` is short of at `at`, where its keep fails and the grace runs."""
    stage = standing.stage
    if stage in (HELPED, CONVERSING):
        return Lack("an exchange both ways", "one")
    if stage == MET:
        return Lack("a meeting" if fold.remote_only else "a meeting in person", "one")
    found = _between_meetings(fold, at, standing.falls_at, day) + _beside_meetings(fold, stage, at)
    what = listed([one.what for one in found])
    mends = [one.mend for one in found if one.mend is not None]
    return Lack(what, listed(mends) if len(mends) == len(found) else None)


def _beside_meetings(fold: Fold, stage: int, at: int) -> list[Lack]:
    """Ideas and projects: what Deepening and Symbiosis are kept by."""
    limit = at - fold.policy.spans.deepening_keep
    if stage == DEEPENING:
        sides = (("you", fold.ideas_ours), ("them", fold.ideas_theirs))
        stale = [whose for whose, side in sides if not side or side[-1][0] <= limit]
        if stale:
            what = "an idea from each side" if len(stale) == 2 else f"an idea from {stale[0]}"
            return [Lack(what, "one from each side" if len(stale) == 2 else "one")]
    elif stage == SYMBIOSIS and not fold.projects:
        proof = stages.last_proof(fold)
        if proof is None or proof[0] + fold.policy.spans.symbiosis_within <= at:
            return [Lack("a joint project", "a joint project or a recommendation")]
    return []


def _between_meetings(fold: Fold, at: int, falls_at: int | None, day: Day) -> list[Lack]:
    """Meetings and the conversation between them: what Bridging and all above it are kept by."""
    if stages.latest_gap_broken(fold):
        # What closes the next gap is a meeting of another post; the last one still covers the days until then.
        earliest = (fold.post_day + fold.policy.post_days) * DAY
        if falls_at is not None and earliest >= falls_at:
            return [Lack("conversation", None)]
        return [Lack("conversation", "another meeting" + (f", from {day(earliest)} on," if earliest > at else ""))]
    overdue = fold.last_held is not None and at >= stages.meeting_due(fold)
    if not _is_broken(fold, at):
        return [Lack("a meeting", "one")] if overdue else []
    in_time = falls_at is None or _mended_at(fold, at) < falls_at
    if overdue:
        return [Lack("conversation and a meeting", "conversation and then a meeting" if in_time else None)]
    return [Lack("conversation", "an exchange both ways" if in_time else None)]


def _is_broken(fold: Fold, at: int) -> bool:
    spans = stages.open_gap_failures(fold, at)
    return bool(spans) and spans[0][0] <= at


def _mended_at(fold: Fold, at: int) -> int:
    """When the open gap is no longer broken, if you talk from `at` on."""
    assert fold.gap is not None
    begins = fold.gap.begins_at
    uncovered = (at - begins) - (fold.cover.up_to(at) - fold.cover_at_gap)
    return rises_to(uncovered, at, begins, fold.policy.gap_broken)


# ---------------------------------------------------------------------- what the next stage needs


def missing(fold: Fold, stage: int, at: int, day: Day) -> tuple[str, ...]:
    """What `stage` is short of at `at`, each a noun with what belongs to it."""
    return tuple(_MISSING[stage](fold, at, day)) if FOUND < stage < ENDED else ()


def _helped(fold: Fold, at: int, day: Day) -> list[str]:
    return ["one answered question or one answered message"]


def _conversing(fold: Fold, at: int, day: Day) -> list[str]:
    policy = fold.policy
    recent = stages.recent_two_way_days(fold, at - policy.spans.conversing_within)
    short = policy.conversing_days - len(recent)
    begun = any(entry[3] is not None for entry in recent)
    if short <= 0:
        return ["one more exchange both ways" if begun else "one exchange begun by them and answered"]
    within = f"{number(policy.conversing_days)} within {policy.conversing_within:g} days"
    needs = f"{counted(short, 'more day', 'more days')} with an exchange both ways ({within}"
    return [f"{needs})" if begun else f"{needs}, at least one of them begun by their side)"]


def _met(fold: Fold, at: int, day: Day) -> list[str]:
    return ["one meeting, by video or in person" if fold.remote_only else "one meeting in person"]


def _bridging(fold: Fold, at: int, day: Day) -> list[str]:
    policy = fold.policy
    where = "" if fold.face_posts else " in person"
    if fold.gap is None:
        needs = [f"{counted(policy.bridging_posts, 'meeting', 'meetings')}{where} joined by conversation"]
    else:
        short = max(1, policy.bridging_posts - fold.posts)
        meetings = f"{counted(short, 'more meeting', 'more meetings')}{where}"
        needs = [" ".join(filter(None, (meetings, _conversation_ahead(fold, fold.gap, at, day))))]
    if fold.reciprocity() < policy.bridging_reciprocity:
        needs.append("a conversation to which both sides contribute (so far it is one-sided)")
    return needs


def _conversation_ahead(fold: Fold, gap: Gap, at: int, day: Day) -> str:
    """What has to be said before the next meeting; empty where it has been."""
    policy, covered = fold.policy, gap.coverage(at)
    if covered >= policy.bridging_coverage:
        return "" if gap.two_way else "with an exchange both ways ahead of it"
    what = "more conversation" if gap.two_way else "conversation"
    share = f"{covered:.0%} of the time since {day(gap.begins_at)} is covered; it takes {policy.bridging_coverage:.0%}"
    return f"with {what} ahead of it ({share})"


def _deepening(fold: Fold, at: int, day: Day) -> list[str]:
    policy = fold.policy
    needs = []
    short = policy.deepening_posts - fold.posts
    if short > 0:
        needs.append(counted(short, "more meeting", "more meetings"))
    needs += _ideas(fold, at)
    lacking = policy.deepening_people - stages.active(fold.people, at - policy.spans.deepening_people_within)
    if lacking > 0:
        needs.append(f"{number(lacking)} more of their people in touch")
    good = 0
    for gap in reversed(fold.closed):
        if gap.coverage(at) < policy.bridging_coverage:
            break
        good += 1
    if good < policy.deepening_gaps:
        lacking = policy.deepening_gaps - good
        which = "the next gap" if lacking == 1 else f"the next {number(lacking)} gaps"
        needs.append(f"conversation through at least {policy.bridging_coverage:.0%} of {which}")
    return needs or ["one more exchange"]


def _ideas(fold: Fold, at: int) -> list[str]:
    policy = fold.policy
    horizon = at - policy.spans.deepening_ideas_within
    theirs, ours = (
        max(0, policy.deepening_ideas - sum(1 for idea in side if idea[0] > horizon))
        for side in (fold.ideas_theirs, fold.ideas_ours)
    )
    if theirs == ours:
        return [f"{counted(ours, 'more idea', 'more ideas')} from each side"] if ours else []
    sides = ((theirs, "them"), (ours, "you"))
    return [f"{counted(short, 'more idea', 'more ideas')} from {whose}" for short, whose in sides if short]


def _symbiosis(fold: Fold, at: int, day: Day) -> list[str]:
    policy = fold.policy
    needs = []
    proof = stages.last_proof(fold)
    if proof is None or proof[0] <= at - policy.spans.symbiosis_within:
        needs.append("a joint project that succeeds or a recommendation")
    horizon = at - policy.spans.symbiosis_people_within
    for people, enough, whose in (
        (fold.people, policy.symbiosis_people, "their people"),
        (fold.colleagues, policy.symbiosis_colleagues, "your colleagues"),
    ):
        lacking = enough - stages.active(people, horizon)
        if lacking > 0:
            needs.append(f"{number(lacking)} more of {whose} in touch")
    return needs or ["one more exchange"]


_MISSING = {
    HELPED: _helped,
    CONVERSING: _conversing,
    MET: _met,
    BRIDGING: _bridging,
    DEEPENING: _deepening,
    SYMBIOSIS: _symbiosis,
}
