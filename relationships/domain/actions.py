"""Next best action: whom to turn to today, why, and what to say. At most three a client; the first match ranks first.

Each action names its events and the moment from which it presses, and closes itself when the fitting event arrives:
actions are worked out of the fold at the asked moment and are stored nowhere. Source: `model.md` §7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .fold import Fold
from .instants import DAY
from .judgement import BRIDGING, ENDED, FOUND, MET, STAGES
from .sentences import Day
from .standing import Standing
from .workdays import working_days_after

PER_CLIENT = 3

Name = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do about a client.

    `rank` is the number of its rule, 1 the most pressing; `key` tells it from others of the same client and stays the
    same while it stands, so that "not now" can be remembered. `since` is when it began to press.
    """

    rank: int
    code: str
    key: str
    since: int
    sentence: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """All that a rule looks at: the fold, how the client stands at `at`, and how to write names and dates."""

    fold: Fold
    standing: Standing
    at: int
    name: Name
    day: Day

    def people(self, ids: Iterable[str | None], otherwise: str) -> str:
        """Names of contacts, or the words for nobody named."""
        named = [self.name(person) for person in ids if person]
        return " and ".join(named) or otherwise


def actions(moment: Moment) -> list[Action]:
    """What to do about one client, the most pressing first; nothing when it is ended."""
    if moment.standing.stage == ENDED:
        return []
    found: list[Action] = []
    for rank, (code, rule) in enumerate(RULES, start=1):
        for key, since, sentence, events in rule(moment):
            found.append(Action(rank, code, f"{code} {key}", since, sentence, tuple(events)[:3]))
            break  # one of each kind is enough for a day
        if len(found) == PER_CLIENT:
            break
    return found


Found = Iterable[tuple[str, int, str, list[str]]]  # key, since, sentence, events


def _answer(m: Moment) -> Found:
    """1: a question open past its target."""
    for question in m.fold.open_questions:
        if question.of_us and question.target_at <= m.at < question.lapses_at:
            who = m.people([question.contact], "Their")
            whose = "Their" if who == "Their" else f"{who}'s"
            words = f"{whose} question of {m.day(question.asked_at)} is still open: answer it."
            yield question.event_id, question.target_at, words, [question.event_id]


def _confirm(m: Moment) -> Found:
    """2: a planned end passed by a working day, and nothing was said."""
    for plan in m.fold.planned.values():
        if plan.status != "planned" or plan.ends_at is None or plan.starts_at is None:
            continue
        due = working_days_after(plan.ends_at, 1, m.fold.zone)
        if due <= m.at:
            words = f"The meeting planned for {m.day(plan.starts_at)}: did it take place? Who came?"
            yield plan.meeting_id, due, words, [plan.event_id]


def _offer_dates(m: Moment) -> Found:
    """3: a missed or cancelled meeting without a new date for three days."""
    plans = m.fold.planned.values()
    for plan in plans:
        if plan.status not in ("missed", "cancelled") or plan.told_at + 3 * DAY > m.at:
            continue
        met_since = m.fold.last_held is not None and m.fold.last_held[0] > plan.told_at
        ahead = any(other.status == "planned" and (other.starts_at or 0) > plan.told_at for other in plans)
        if not met_since and not ahead:
            words = f"The meeting was {plan.status} on {m.day(plan.told_at)} and has no new date: offer two."
            yield plan.meeting_id, plan.told_at + 3 * DAY, words, [plan.event_id]


def _keep_promise(m: Moment) -> Found:
    """4: a promise due within two days, or broken."""
    signal = m.fold.signal
    if signal is not None and signal[2] == "commitment_broken":
        words = f"A promise was broken on {m.day(signal[0])}: keep it now or say when."
        yield signal[1], signal[0], words, [signal[1]]
    for name, (due, event_id, by) in m.fold.promises.items():
        if by == "ours" and due is not None and due - 2 * DAY <= m.at:
            when = f"was due on {m.day(due)}" if due < m.at else f"is due on {m.day(due)}"
            yield name, due - 2 * DAY, f"A promise of yours {when}: keep it or say when.", [event_id]


def _brief(m: Moment) -> Found:
    """5: a meeting within three days."""
    for plan in m.fold.planned.values():
        if plan.status == "planned" and plan.starts_at is not None and m.at <= plan.starts_at < m.at + 3 * DAY:
            met = m.fold.last_held
            since = f"what happened since you last met on {m.day(met[0])}" if met else "you have not met before"
            words = f"You meet on {m.day(plan.starts_at)}: {since}."
            yield plan.meeting_id, plan.starts_at - 3 * DAY, words, [plan.event_id, *([met[1]] if met else [])]


def _propose(m: Moment) -> Found:
    """6: it is time to meet again, and the ground is laid."""
    if _due_to_meet(m) and _ground_laid(m):
        yield _meeting_due(m, "the conversation is alive: propose a meeting")


def _talk_first(m: Moment) -> Found:
    """7: it is time to meet again, and the ground is not laid."""
    if _due_to_meet(m) and not _ground_laid(m):
        yield _meeting_due(m, f"it has been quiet since: {_topic(m, 'take up')}, then propose a meeting")


def _due_to_meet(m: Moment) -> bool:
    return m.fold.last_held is not None and _meeting_from(m) <= m.at and not _meeting_ahead(m)


def _meeting_from(m: Moment) -> int:
    assert m.fold.last_held is not None
    return m.fold.last_held[0] + m.fold.meeting_rhythm * 4 // 5


def _meeting_due(m: Moment, advice: str) -> tuple[str, int, str, list[str]]:
    assert m.fold.last_held is not None
    held, event = m.fold.last_held
    return event, _meeting_from(m), f"You last met on {m.day(held)}, and {advice}.", [event]


def _meeting_ahead(m: Moment, within: int | None = None) -> bool:
    limit = None if within is None else m.at + within
    return any(
        plan.status == "planned"
        and plan.starts_at is not None
        and plan.starts_at > m.at
        and (limit is None or plan.starts_at <= limit)
        for plan in m.fold.planned.values()
    )


def _ground_laid(m: Moment) -> bool:
    policy, gap, latest = m.fold.policy, m.fold.gap, m.fold.last_two_way_exchange
    return (
        gap is not None
        and latest is not None
        and gap.coverage(m.at) >= policy.ground_laid_coverage
        and m.at < latest[0] + policy.spans.ground_laid_within
    )


def _topic(m: Moment, verb: str) -> str:
    topics = m.fold.last_topics
    return f"{verb} what they last spoke of" if topics is None else f"{verb} {topics[2][0]}"


def _stop_writing(m: Moment) -> Found:
    """8: three of ours unanswered in a conversation."""
    for name, talk in m.fold.conversations.items():
        if talk.unanswered >= m.fold.policy.unanswered_limit and talk.outbound_at is not None:
            if talk.outbound_at + 30 * DAY <= m.at:
                continue
            words = (
                f"{talk.unanswered} messages of yours stand unanswered, the last of {m.day(talk.outbound_at)}: stop "
                "writing; turn to another contact, or wait 30 days."
            )
            yield name, talk.outbound_at, words, [talk.waiting.event_id] if talk.waiting else []


def _bridge(m: Moment) -> Found:
    """9: silence after a first contact, and no meeting soon."""
    contact, window = m.fold.last_contact, m.fold.window
    if contact is None or m.standing.health == "dormant" or contact[0] + window > m.at:
        return
    if not _meeting_ahead(m, window):
        words = f"Quiet since {m.day(contact[0])}: bridge the gap, {_topic(m, 'ask about')}."
        topics = [m.fold.last_topics[1]] if m.fold.last_topics else []
        yield contact[1], contact[0] + window, words, [contact[1], *topics]


def _share_idea(m: Moment) -> Found:
    """10: met, and no idea from us for 60 days."""
    if m.standing.stage < MET:
        return
    latest = m.fold.ideas_ours[-1] if m.fold.ideas_ours else None
    began = latest or m.fold.first_contact or (m.standing.reached_at, "")
    since = began[0] + 60 * DAY
    if since <= m.at:
        told = f"since {m.day(latest[0])}" if latest else "yet"
        topics = m.fold.last_topics
        words = f"No idea of yours {told}: share one{f' on {topics[2][0]}' if topics else ''}."
        yield "idea", since, words, [latest[1]] if latest else []


def _meet_another(m: Moment) -> Found:
    """11: bridging, through one of their people only."""
    policy = m.fold.policy
    active = [who for who, at in m.fold.people.items() if at > m.at - policy.spans.deepening_people_within]
    if m.standing.stage >= BRIDGING and len(active) == 1:
        words = f"All of it goes through {m.people(active, 'one person')}: meet a second of their people."
        yield active[0], m.standing.since, words, [m.fold.last_held[1]] if m.fold.last_held else []


def _rebalance(m: Moment) -> Found:
    """12: too much through the brand, or all of it through one of ours."""
    balance = balance_of(m.fold, m.at)
    if balance is None:
        return
    latest = [m.fold.last_contact[1]] if m.fold.last_contact else []
    if balance.share < 0.4:
        words = (
            f"{1 - balance.share:.0%} goes through the brand: they know the logo better than you. Answer as yourself."
        )
        yield "brand", m.at, words, latest
    elif balance.share > 0.95 and balance.one_person:
        yield "person", m.at, "The relationship would leave with one of you: bring a colleague in.", latest


def _joint_meeting(m: Moment) -> Found:
    """13: another owner, and no meeting since."""
    changed = m.fold.handover or m.fold.owner_changed
    met = m.fold.last_held
    if changed is not None and (met is None or met[0] < changed[0]):
        words = f"It changed hands on {m.day(changed[0])}: meet together before {m.day(changed[0] + 30 * DAY)}."
        yield changed[1], changed[0], words, [changed[1]]


def _reopen(m: Moment) -> Found:
    """14: dormant, but once met."""
    if m.standing.health == "dormant" and m.standing.reached >= MET and not _meeting_ahead(m):
        contact = m.fold.last_contact
        last = m.day(contact[0]) if contact else "long ago"
        words = (
            f"Silent since {last}, though you had come as far as {_reached(m)}: reopen it, {_topic(m, 'ask about')}."
        )
        yield "dormant", m.standing.health_since, words, [contact[1]] if contact else []


def _reached(m: Moment) -> str:
    return STAGES[m.standing.reached].capitalize()


def _answer_in_public(m: Moment) -> Found:
    """15: found, with a public question that nobody answered."""
    if m.standing.stage != FOUND:
        return
    for question in m.fold.open_questions:
        if not question.of_us and question.lapses_at > m.at:
            words = f"They asked in public on {m.day(question.asked_at)}: answer it."
            yield question.event_id, question.asked_at, words, [question.event_id]


RULES: tuple[tuple[str, Callable[[Moment], Found]], ...] = (
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


@dataclass(frozen=True, slots=True)
class Balance:
    """Personal ÷ all points of the last 180 days, the points it rests on, and whether one of ours earned them all."""

    share: float
    personal: float
    brand: float
    one_person: bool


BALANCE_MINIMUM = 5.0  # points; below it the balance is unknown


def balance_of(fold: Fold, at: int) -> Balance | None:
    """How the points of the last 180 days part between personal accounts and the brand; None when there are few."""
    horizon = at // DAY - fold.policy.balance_within
    days = [entry for entry in fold.earned if entry[0] > horizon]
    personal, brand = sum(entry[1] for entry in days), sum(entry[2] for entry in days)
    if personal + brand < BALANCE_MINIMUM:
        return None
    people = {name for entry in days for name in entry[3]}
    return Balance(personal / (personal + brand), personal, brand, len(people) == 1 and "" not in people)
