"""The state from which a fold goes on: JSON values, bounded however long the history is.

What lies far back is forgotten, and said to be: where it would matter, taking an event in raises NeedsHistory.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from .conversations import Conversation, Waiting
from .coverage import Cover
from .history import NeedsHistory
from .judgement import Gap, Handover, Meeting, Question
from .meetings import Held
from .questions import EARLY
from .standing import Standing
from .strength import Sums

if TYPE_CHECKING:
    from .fold import Fold

# Of what is saved. A release that saves something else counts it up: states of another one are folded anew.
SHAPE = 4
REPLIES_REMEMBERED = 60
MEETINGS_REMEMBERED = 30
PLANS_REMEMBERED = 200  # a weekly series is planned a year ahead

# The attributes that a saved state holds as they are: values and (instant, event id) pairs …
_PLAIN = [
    "tier_name",
    "zone",
    "remote_only",
    "at",
    "first",
    "version",
    "ended",
    "reopened",
    "last_two_way",
    "last_contact",
    "first_contact",
    "last_held",
    "last_in_person",
    "last_two_way_exchange",
    "contact_day",
    "posts",
    "posts_in_person",
    "post_day",
    "post_in_person",
    "post_prepared",
    "cover_at_gap",
    "outcomes",
    "day_of_counts",
    "day_counts",
    "signal",
    "people",
    "colleagues",
    "projects",
    "promises",
    "owner_changed",
    "owner",
    "last_topics",
    "peak",
    "pairs",
    "last_success",
    "last_advocacy",
]
# … and as lists.
_SEQUENCES = ["two_way_days", "intervals", "early_cover", "ideas_ours", "ideas_theirs", "earned", "echoes"]


def _values(record: Any) -> list[Any]:
    """The fields of a slotted record, in order."""
    return [getattr(record, name) for name in record.__slots__]


def _talk_values(talk: Conversation) -> list[Any]:
    waiting = None if talk.waiting is None else _values(talk.waiting)
    return [talk.inbound_at, talk.outbound_at, talk.unanswered, waiting]


def _talk(values: list[Any]) -> Conversation:
    talk = Conversation()
    talk.inbound_at, talk.outbound_at, talk.unanswered, waiting = values
    talk.waiting = None if waiting is None else Waiting(*waiting)
    return talk


def dump(fold: Fold) -> dict[str, Any]:
    """The state as JSON values, bounded: what lies far back is forgotten, and said to be.

    `load` goes on from it; `take` then raises NeedsHistory where what was forgotten would matter.
    """
    assert fold.standing is not None, "nothing was taken"
    assert fold.at is not None
    replies = list(fold.replies.items())[-REPLIES_REMEMBERED:]
    held = list(fold.held.values())[-MEETINGS_REMEMBERED:]
    planned = remembered_plans(fold)
    forgotten = len(held) < len(fold.held) or len(planned) < len(fold.planned)
    state: dict[str, Any] = {name: getattr(fold, name) for name in _PLAIN}
    state |= {name: list(getattr(fold, name)) for name in _SEQUENCES}
    return state | {
        "shape": SHAPE,
        "named": sorted(fold.named),
        # Not by status: what was missed may have been planned anew, and be held in the end.
        "missed_ids": [plan.meeting_id for plan in planned if plan.meeting_id in fold.missed_ids],
        "cover": [fold.cover.total, fold.cover.until],
        "gap": None if fold.gap is None else _values(fold.gap),
        "closed": [_values(gap) for gap in fold.closed],
        "sums": fold.sums.dump(),
        "held": [_values(meeting) for meeting in held],
        "planned": [_values(plan) for plan in planned],
        "meetings_forgotten": fold.meetings_forgotten or forgotten,
        "conversations": {
            name: _talk_values(talk) for name, talk in fold.conversations.items() if _matters(fold, talk)
        },
        "replies": replies,
        "replies_forgotten": fold.replies_forgotten or len(replies) < len(fold.replies),
        "handover": None if fold.handover is None else _values(fold.handover),
        "early_answers": {name: told for name, told in fold.early_answers.items() if told[0] > fold.at - EARLY},
        "open_questions": [_values(question) for question in fold.open_questions],
        "standing": _values(fold.standing),
    }


def remembered_plans(fold: Fold) -> list[Meeting]:
    """Meetings that were planned and not held: the latest ones, those that ended long ago left out."""
    assert fold.at is not None
    recent = fold.at - fold.policy.spans.question_lapse
    return [plan for plan in fold.planned.values() if (plan.ends_at or 0) > recent][-PLANS_REMEMBERED:]


def _matters(fold: Fold, talk: Conversation) -> bool:
    """Whether anything could still depend on this conversation: if not, it is as good as a new one."""
    assert fold.at is not None
    if talk.unanswered:
        return True
    latest = max(talk.inbound_at or 0, talk.outbound_at or 0)
    return fold.at < latest + max(fold.policy.spans.two_way_within, fold.policy.spans.begun_quiet)


def restore(fold: Fold, state: dict[str, Any]) -> None:
    """Makes a new fold the one whose `dump` gave `state`, under the same policy.

    Raises NeedsHistory for a state that another release saved.
    """
    if state.get("shape") != SHAPE:
        raise NeedsHistory("the state was saved by another release")
    fold.resumed = True
    for name in _PLAIN:
        value = state[name]
        setattr(fold, name, tuple(value) if isinstance(value, list) else value)
    fold.tier = fold.policy.tier(fold.tier_name)
    fold.two_way_days = deque(state["two_way_days"])
    fold.intervals.extend(state["intervals"])
    fold.early_cover = state["early_cover"]
    fold.earned = deque(state["earned"])
    fold.echoes = deque(state["echoes"])
    fold.handover = None if state["handover"] is None else Handover(*state["handover"])
    fold.ideas_ours.extend(tuple(idea) for idea in state["ideas_ours"])
    fold.ideas_theirs.extend(tuple(idea) for idea in state["ideas_theirs"])
    fold.named = set(state["named"])
    fold.missed_ids = set(state["missed_ids"])
    fold.cover = Cover(*state["cover"])
    fold.gap = None if state["gap"] is None else Gap(*state["gap"])
    fold.closed.extend(Gap(*gap) for gap in state["closed"])
    fold.sums = Sums.load(fold.tier, state["sums"])
    fold.held = {held.meeting_id: held for held in (Held(*values) for values in state["held"])}
    fold.planned = {plan.meeting_id: plan for plan in (Meeting(*values) for values in state["planned"])}
    fold.accepted = {
        name: plan
        for name, plan in fold.planned.items()
        if plan.accepted and plan.status == "planned" and (plan.ends_at or 0) > (fold.at or 0)
    }
    fold.meetings_forgotten = state["meetings_forgotten"]
    fold.conversations = {name: _talk(values) for name, values in state["conversations"].items()}
    fold.replies = {name: (known[0], known[1]) for name, known in state["replies"]}
    fold.replies_forgotten = state["replies_forgotten"]
    fold.early_answers = {name: (told[0], told[1]) for name, told in state["early_answers"].items()}
    fold.open_questions = [Question(*question) for question in state["open_questions"]]
    fold.standing = Standing.load(state["standing"])
