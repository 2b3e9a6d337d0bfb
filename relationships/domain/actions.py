"""Next best action: whom to turn to, when it begins to press, and until when. What to say of it is `advice`.

An action is a function of the fold, like a period: worked out once when events arrive, on into the future, for the
case that nothing more happens. So "what presses now" is a look-up, and an action closes itself: the event that
fits brings a fold in which it no longer stands. Source: `model.md` §7; the thresholds are fields of the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from .balance import balances
from .fold import Fold
from .gaps import ground
from .judgement import BRIDGING, ENDED, FOUND, MET, STAGES, Meeting, Period
from .saved import remembered_plans
from .spans import FOREVER, Stretch, without
from .workdays import working_days_after

PER_CLIENT = 3
EVENTS_NAMED = 3


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do about a client from `since` on, and no longer from `until` on (None: until an event closes it).

    `key` tells it from others of its rule; it is the same as long as the same facts call for it. `about` is what its
    sentence says beside: ids and instants, no names. Of two of one rule the lower `order` comes first.
    """

    rule: str
    key: str
    since: int
    until: int | None
    order: float
    events: tuple[str, ...]
    about: dict[str, Any]

    @property
    def rank(self) -> int:
        """The number of its rule: 1 is the most pressing."""
        return RANKS[self.rule]

    @property
    def mark(self) -> str:
        """What tells it from the other actions of its client, in 16 hexadecimal digits."""
        return sha256(f"{self.rule} {self.key}".encode()).hexdigest()[:16]

    def presses(self, instant: int) -> bool:
        """Whether it presses at a moment."""
        return self.since <= instant and (self.until is None or instant < self.until)


class Outlook:
    """All that a rule looks at: the fold after its latest event, and what comes if nothing more happens."""

    def __init__(self, fold: Fold, periods: Sequence[Period]) -> None:
        assert fold.at is not None
        assert fold.standing is not None
        self.fold = fold
        self.policy = fold.policy
        self.standing = fold.standing
        self.at = fold.at
        self._ahead = [p for p in periods if p.ends_at is None or p.ends_at > fold.at]

    def stays(self, stage: int) -> int:
        """Until when it stands on `stage` or higher; `at` when it does not now. Time alone never lifts a stage."""
        for period in self._ahead:
            if not stage <= STAGES.index(period.stage) < ENDED:
                return max(period.begins_at, self.at)
        return FOREVER

    @cached_property
    def found_from(self) -> int:
        """From when it stands on Found: time alone never lifts it from there."""
        return next((p.begins_at for p in self._ahead if p.stage == STAGES[FOUND]), FOREVER)

    @cached_property
    def dormant_from(self) -> int:
        """From when it is dormant, FOREVER if never: only an event wakes it."""
        if self.standing.health == "dormant":
            return self.standing.health_since
        return next((p.begins_at for p in self._ahead if p.health == "dormant"), FOREVER)

    @cached_property
    def ground(self) -> Stretch | None:
        """From when to when it is a good moment to propose a meeting; None when neither now nor later."""
        return None if self.fold.gap is None else ground(self.fold.gap, self.policy)

    @cached_property
    def plans(self) -> list[Meeting]:
        """Meetings that were planned and not held, those of long ago left out."""
        return remembered_plans(self.fold)

    def meetings_ahead(self) -> Iterator[int]:
        """The starts of planned meetings that lie ahead."""
        for plan in self.plans:
            if plan.status == "planned" and plan.starts_at is not None and plan.starts_at > self.at:
                yield plan.starts_at

    @cached_property
    def met_ahead(self) -> int:
        """Up to when a planned meeting lies ahead; `at` when none does."""
        return max(self.meetings_ahead(), default=self.at)


Found = tuple[str, int, int, list[str], dict[str, Any]]  # key, since, until, events, about


def actions(fold: Fold, periods: Sequence[Period]) -> list[Action]:
    """All that presses after the fold's latest event, or will if nothing more happens, by rank; nothing when ended.

    `periods` are those of `fold.judge()`.
    """
    if fold.standing is None or fold.ended is not None:
        return []
    outlook = Outlook(fold, periods)
    found = []
    for rule, look in RULES:
        for key, since, until, events, about in look(outlook):
            if until <= outlook.at or since >= until:
                continue
            order = -fold.peak if rule == "reopen" else since
            ends = None if until >= FOREVER else until
            found.append(Action(rule, key, since, ends, order, tuple(dict.fromkeys(events))[:EVENTS_NAMED], about))
    return found


def pressing(found: Iterable[Action], instant: int, *, put_off: Collection[str] = ()) -> list[Action]:
    """What to do at a moment, at most three: one of each rule, none that another makes needless, none put off.

    `put_off` are the marks of those to leave out. One that is put off still makes others needless: who waits with an
    answer does not want to be sent to small talk instead.
    """
    standing = [action for action in found if action.presses(instant)]
    needless = {name for action in standing for name in SETTLES.get(action.rule, ())}
    chosen: dict[str, Action] = {}
    for action in sorted(standing, key=lambda action: (action.rank, action.order)):
        if action.rule not in needless and action.mark not in put_off:
            chosen.setdefault(action.rule, action)
    return list(chosen.values())[:PER_CLIENT]


# ---------------------------------------------------------------------- the rules


def _answer(o: Outlook) -> Iterator[Found]:
    """1: a question open past its target."""
    for question in o.fold.open_questions:
        if question.of_us:
            about = {"contact": question.contact, "at": question.asked_at}
            yield question.event_id, question.target_at, question.lapses_at, [question.event_id], about


def _confirm(o: Outlook) -> Iterator[Found]:
    """2: a planned end passed by a working day, and nothing was said."""
    for plan in o.plans:
        if plan.status == "planned" and plan.ends_at is not None:
            since = working_days_after(plan.ends_at, 1, o.fold.zone)
            about = {"at": plan.starts_at, "meeting_id": plan.meeting_id}
            yield plan.meeting_id, since, plan.ends_at + o.policy.spans.question_lapse, [plan.event_id], about


def _offer_dates(o: Outlook) -> Iterator[Found]:
    """3: a missed or cancelled meeting without a new date for three days."""
    for plan in o.plans:
        if plan.status not in ("missed", "cancelled"):
            continue
        met_since = o.fold.last_held is not None and o.fold.last_held[0] > plan.told_at
        dated = any(other.status == "planned" and (other.starts_at or 0) > plan.told_at for other in o.plans)
        if not met_since and not dated:
            since = plan.told_at + o.policy.spans.action_dates_after
            about = {"status": plan.status, "at": plan.told_at, "meeting_id": plan.meeting_id}
            yield plan.meeting_id, since, plan.told_at + o.policy.spans.question_lapse, [plan.event_id], about


def _keep_promise(o: Outlook) -> Iterator[Found]:
    """4: a promise of ours due within two days, or broken."""
    signal = o.fold.signal
    if signal is not None and signal[2] == "commitment_broken":
        until = signal[0] + o.policy.spans.question_lapse
        yield signal[1], signal[0], until, [signal[1]], {"broken": True, "at": signal[0]}
    for due, event_id, by in o.fold.promises.values():
        if by == "ours" and due is not None:
            since = due - o.policy.spans.action_promise_ahead
            yield event_id, since, due + o.policy.spans.question_lapse, [event_id], {"at": due}


def _brief(o: Outlook) -> Iterator[Found]:
    """5: a meeting within three days."""
    met, gap = o.fold.last_held, o.fold.gap
    for plan in o.plans:
        if plan.status == "planned" and plan.starts_at is not None:
            about: dict[str, Any] = {"at": plan.starts_at, "meeting_id": plan.meeting_id}
            if met and gap:
                about |= {"met": met[0], "spoken": gap.spoken, "ideas": gap.ideas_theirs}
            since = plan.starts_at - o.policy.spans.action_brief_within
            yield plan.meeting_id, since, plan.starts_at, [plan.event_id, *([met[1]] if met else [])], about


def _propose(o: Outlook) -> Iterator[Found]:
    """6: it is time to meet again, and the ground is laid."""
    due, laid = _due_to_meet(o), o.ground
    if due is not None and laid is not None:
        yield _to_meet(o, max(due[0], laid[0]), min(due[1], laid[1]))


def _talk_first(o: Outlook) -> Iterator[Found]:
    """7: the same, and the ground is not laid."""
    due, laid = _due_to_meet(o), o.ground
    if due is not None:
        for since, until in without(due, [laid] if laid else []):
            yield _to_meet(o, since, until)


def _due_to_meet(o: Outlook) -> Stretch | None:
    """When it is time to meet again, none being planned: from 0.8 of the rhythm on, until it is time to reopen."""
    if o.fold.last_held is None:
        return None
    since = o.fold.last_held[0] + round(o.policy.action_meeting_share * o.fold.meeting_rhythm)
    return max(since, o.met_ahead if o.met_ahead > o.at else since), o.dormant_from


def _to_meet(o: Outlook, since: int, until: int) -> Found:
    assert o.fold.last_held is not None
    held, event = o.fold.last_held
    latest = o.fold.last_two_way_exchange
    dry = {"dry_from": latest[0] + o.policy.spans.ground_laid_within} if latest and latest[0] > held else {}
    return event, since, until, [event, *_topic_event(o)], {"at": held, **dry, **_topic(o)}


def _topic(o: Outlook) -> dict[str, Any]:
    return {"topic": o.fold.last_topics[2][0]} if o.fold.last_topics else {}


def _topic_event(o: Outlook) -> list[str]:
    return [o.fold.last_topics[1]] if o.fold.last_topics else []


def _stop_writing(o: Outlook) -> Iterator[Found]:
    """8: three of ours unanswered in a conversation."""
    for name, talk in o.fold.conversations.items():
        if talk.unanswered >= o.policy.unanswered_limit and talk.outbound_at is not None:
            events = [talk.waiting.event_id] if talk.waiting else []
            about = {"messages": talk.unanswered, "at": talk.outbound_at}
            yield name, talk.outbound_at, talk.outbound_at + o.policy.spans.action_pause, events, about


def _bridge(o: Outlook) -> Iterator[Found]:
    """9: silence after a first contact, and no meeting soon."""
    contact, window = o.fold.last_contact, o.fold.window
    if contact is None:
        return
    soon = [(start - window, start) for start in o.meetings_ahead()]
    for since, until in without((contact[0] + window, o.dormant_from), soon):
        yield contact[1], since, until, [contact[1], *_topic_event(o)], {"at": contact[0], **_topic(o)}


def _share_idea(o: Outlook) -> Iterator[Found]:
    """10: met, and no idea from us for 60 days."""
    latest = o.fold.ideas_ours[-1] if o.fold.ideas_ours else None
    began = latest or o.fold.first_contact
    if began is not None:
        since = began[0] + o.policy.spans.action_idea_every
        events = [latest[1]] if latest else _topic_event(o)
        about = {**({"at": latest[0]} if latest else {}), **_topic(o)}
        yield began[1], since, min(o.stays(MET), o.dormant_from), events, about


def _meet_another(o: Outlook) -> Iterator[Found]:
    """11: bridging, through one of their people only."""
    within = o.policy.spans.deepening_people_within
    last_seen = sorted(((at, who) for who, at in o.fold.people.items()), reverse=True)
    if last_seen and o.fold.last_held is not None:
        (latest, who), others = last_seen[0], last_seen[1:]
        alone_from = others[0][0] + within if others else o.standing.since
        since, until = max(alone_from, o.standing.since), min(latest + within, o.stays(BRIDGING))
        yield who, since, until, [o.fold.last_held[1]], {"contact": who}


def _rebalance(o: Outlook) -> Iterator[Found]:
    """12: too much through the brand, or all of it through one of ours."""
    latest = [o.fold.last_contact[1]] if o.fold.last_contact else []
    for since, until, balance in balances(o.fold):
        if balance.verdict == "brand":
            yield "brand", since, until, latest, {"brand": True, "share": balance.share}
        elif balance.verdict == "one_person":
            yield f"person {balance.first}", since, until, latest, {"colleague": balance.first}


def _joint_meeting(o: Outlook) -> Iterator[Found]:
    """13: another owner, and no meeting since."""
    handover = o.fold.handover
    changed = (handover.at, handover.event_id) if handover and handover.completed_at is None else o.fold.owner_changed
    met = o.fold.last_held
    if changed is not None and (met is None or met[0] < changed[0]):
        about = {"at": changed[0], "by": changed[0] + o.policy.spans.action_joint_meeting}
        yield changed[1], changed[0], changed[0] + 3 * o.policy.spans.action_joint_meeting, [changed[1]], about


def _reopen(o: Outlook) -> Iterator[Found]:
    """14: dormant, but once met."""
    contact = o.fold.last_contact
    if contact is not None and o.standing.reached >= MET:
        since = max(o.dormant_from, o.met_ahead if o.met_ahead > o.at else o.dormant_from)
        about = {"at": contact[0], "reached": STAGES[o.standing.reached], **_topic(o)}
        yield contact[1], since, FOREVER, [contact[1], *_topic_event(o)], about


def _answer_in_public(o: Outlook) -> Iterator[Found]:
    """15: found, with a public question that nobody answered."""
    for question in o.fold.open_questions:
        if not question.of_us:
            since = max(question.asked_at, o.found_from)
            yield question.event_id, since, question.lapses_at, [question.event_id], {"at": question.asked_at}


RULES: tuple[tuple[str, Callable[[Outlook], Iterable[Found]]], ...] = (
    ("answer_question", _answer),
    ("confirm_meeting", _confirm),
    ("offer_dates", _offer_dates),
    ("keep_promise", _keep_promise),
    ("prepare_meeting", _brief),
    ("propose_meeting", _propose),
    ("talk_then_propose", _talk_first),
    ("stop_writing", _stop_writing),
    ("bridge_gap", _bridge),
    ("share_idea", _share_idea),
    ("meet_another", _meet_another),
    ("rebalance", _rebalance),
    ("joint_meeting", _joint_meeting),
    ("reopen", _reopen),
    ("answer_in_public", _answer_in_public),
)
RANKS = {rule: rank for rank, (rule, _) in enumerate(RULES, start=1)}

# What need not be said as well: the answer breaks the silence; who is to stop writing is not to write.
SETTLES: dict[str, tuple[str, ...]] = {
    "answer_question": ("talk_then_propose", "bridge_gap", "reopen"),
    "confirm_meeting": ("propose_meeting", "talk_then_propose", "bridge_gap", "reopen"),
    "offer_dates": ("propose_meeting", "talk_then_propose", "bridge_gap", "reopen"),
    "prepare_meeting": ("bridge_gap",),
    "talk_then_propose": ("bridge_gap",),
    "stop_writing": ("talk_then_propose", "bridge_gap", "share_idea", "reopen"),
    "joint_meeting": ("propose_meeting", "talk_then_propose"),
}
