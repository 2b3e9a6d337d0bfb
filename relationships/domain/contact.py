"""Being in touch: two-way contact, contact and its rhythm, covered time, ideas.

Source: `model.md` §2 ("Words that the rules use"), §6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import gaps
from .conversations import INBOUND, OUTBOUND
from .facts import Fact
from .instants import utc_day

if TYPE_CHECKING:
    from .fold import Fold

ACTS_REMEMBERED = 50  # covering acts named in a gap


def note_two_way(fold: Fold, fact: Fact, begun: bool) -> None:
    at = fact.at
    fold.last_two_way = (at, fact.event_id)
    fold.signal = None
    recent, day = fold.two_way_days, utc_day(at)
    if recent and recent[-1][0] == day:
        recent[-1][1] = at
        recent[-1][2] = fact.event_id
        if begun:
            recent[-1][3] = at
    else:
        recent.append([day, at, fact.event_id, at if begun else None])
        horizon = at - fold.policy.spans.conversing_within
        while recent[0][1] <= horizon:
            recent.popleft()


def note_contact(fold: Fold, fact: Fact) -> None:
    at, day = fact.at, utc_day(fact.at)
    fold.last_contact = (at, fact.event_id)
    if fold.first_contact is None:
        fold.first_contact = fold.last_contact
    if fold.contact_day is None:
        fold.contact_day = day
    elif day > fold.contact_day:
        fold.intervals.append(day - fold.contact_day)
        fold.contact_day = day
        fold._rhythm = None
    gap = fold.gap
    if gap is not None:
        gap.longest_silence = max(gap.longest_silence, at - gap.last_contact_at)
        gap.last_contact_at = at
    for person in fact.data.get("contacts") or ():
        fold.people[person] = at
    for person in fact.data.get("our_people") or ():
        fold.colleagues[person] = at


def cover(fold: Fold, fact: Fact, window: int) -> None:
    at = fact.at
    fold.cover.cast(at, window)
    gap = fold.gap
    if gap is None:
        spans = fold.early_cover
        if spans and at <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], at + window)
        else:
            spans.append([at, at + window])
        horizon = at - fold.policy.spans.days_before_first_post
        while spans[0][1] < horizon:
            spans.pop(0)
        return
    gap.covered = fold.cover.total - fold.cover_at_gap
    gap.covered_until = fold.cover.until or 0
    if fact.type != "meeting_held":
        gaps.carry(gap, fact)
    day = utc_day(at)
    if day == gap.last_act_day:
        gap.acts[-1] = fact.event_id
        return
    gap.last_act_day = day
    gap.acts.append(fact.event_id)
    if len(gap.acts) > ACTS_REMEMBERED:
        del gap.acts[0]


def note_idea(fold: Fold, fact: Fact) -> None:
    direction = fact.data.get("direction")
    entry = (fact.at, fact.event_id)
    gap = fold.gap
    if direction != INBOUND:
        fold.ideas_ours.append(entry)
        if gap is not None:
            gap.ideas_ours += 1
    if direction != OUTBOUND:
        fold.ideas_theirs.append(entry)
        if gap is not None:
            gap.ideas_theirs += 1
