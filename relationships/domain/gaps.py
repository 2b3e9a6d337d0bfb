"""What bridges a gap: who carries it, and whether the ground for the next meeting is laid.

The ground is laid while coverage is enough and an exchange both ways is recent: a message that nobody has answered
lays nothing, and neither does the last meeting itself. Source: `model.md` §6.
"""

from __future__ import annotations

from .coverage import falls_below, rises_to
from .facts import Fact
from .judgement import Gap
from .policy import Policy

Ground = tuple[int, int]  # from, included, to, excluded


def ground(gap: Gap, policy: Policy) -> Ground | None:
    """The latest span in which the ground is laid, if nothing more happens; None when there is none.

    It may lie ahead, where what was said of late still has to outweigh a silence; in a closed gap it ends with it.
    """
    if gap.laid_from is None:
        return None
    until = _lasts_until(gap, policy)
    if gap.ends_at is not None:
        until = min(until, gap.ends_at)
    return (gap.laid_from, until) if gap.laid_from < until else None


def ground_laid(gap: Gap | None, at: int, policy: Policy) -> bool:
    """Whether `at`, not before the latest event, is a good moment to propose the next meeting.

    Of a closed gap it says whether the meeting that closed it came on ground that was laid.
    """
    if gap is None:
        return False
    laid = ground(gap, policy)
    if laid is None:
        return False
    if gap.ends_at is not None:
        return laid[1] >= gap.ends_at
    return laid[0] <= at < laid[1]


def goes_on(gap: Gap, at: int, policy: Policy) -> bool:
    """Whether the ground is laid and an act at `at` only prolongs it: so it is with most, and it is told at once.

    In covered time the share that is covered only grows.
    """
    since, latest = gap.laid_from, gap.last_two_way_at
    if since is None or latest is None:
        return False
    return since <= at < gap.covered_until and bool(at <= latest + policy.spans.ground_laid_within)


def lay(gap: Gap, before: Ground | None, at: int, policy: Policy) -> None:
    """Notes from when on the ground is laid, after an act at `at`; `before` is what `ground` said ahead of it."""
    threshold = policy.ground_laid_coverage
    if gap.last_two_way_at is None:
        gap.laid_from = None
    elif gap.coverage(at) >= threshold:
        lasted = before is not None and before[0] <= at <= before[1]
        gap.laid_from = before[0] if before is not None and lasted else at
    else:
        covered_until = max(gap.begins_at, gap.covered_until)
        uncovered = (covered_until - gap.begins_at) - gap.covered
        risen = rises_to(uncovered, at, gap.begins_at, threshold)
        gap.laid_from = risen if risen < covered_until else None


def _lasts_until(gap: Gap, policy: Policy) -> int:
    assert gap.last_two_way_at is not None
    thin = falls_below(gap.covered, max(gap.begins_at, gap.covered_until), gap.begins_at, policy.ground_laid_coverage)
    return min(int(gap.last_two_way_at + policy.spans.ground_laid_within), thin)


def carry(gap: Gap, fact: Fact) -> None:
    """Counts who carried a covering exchange, on both sides, and through which kind of account of ours."""
    for side, named in ((gap.carried_ours, "our_people"), (gap.carried_theirs, "contacts")):
        for person in fact.data.get(named) or ():
            side[person] = side.get(person, 0) + 1
    if fact.data.get("our_account") == "brand":
        gap.through_brand += 1
    else:
        gap.through_personal += 1
