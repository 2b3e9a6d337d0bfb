"""Health, beside the stage: new, active, cooling, dormant. The worst rule wins; every deadline is known in advance.

`outlook` tells the health of a moment and the next moment at which it may change; `reason` tells why, and is asked
only when a period begins. Source: `model.md` §5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .judgement import Question
from .standing import Because

if TYPE_CHECKING:
    from .fold import Fold

NEW, ACTIVE, COOLING, DORMANT, ENDED = "new", "active", "cooling", "dormant", "ended"


def outlook(fold: Fold, at: int) -> tuple[str, int | None]:
    """The health at `at`, not before the latest event, and when time alone may next change it (None: never)."""
    if fold.ended is not None:
        return ENDED, None
    contact = fold.last_contact
    if contact is None:
        return NEW, None
    silent_since = contact[0]
    dormant_at = _dormant_at(fold, silent_since)
    if at >= dormant_at:
        lifted = _lift(fold, at)
        return (DORMANT, None) if lifted is None else (COOLING, lifted[0])
    cooling_at = _cooling_at(fold, silent_since)
    question = oldest_question_of_us(fold, at)
    if at >= cooling_at:
        return COOLING, dormant_at
    if question is None:
        return ACTIVE, min(cooling_at, dormant_at)
    if at >= question.missed_at:
        return COOLING, min(question.lapses_at, cooling_at, dormant_at)
    return ACTIVE, min(question.missed_at, cooling_at, dormant_at)


def _dormant_at(fold: Fold, silent_since: int) -> int:
    """The first moment at which one of the rules says dormant."""
    policy, tier = fold.policy, fold.tier.spans
    by_silence = silent_since + max(round(policy.dormant_rhythms * fold.rhythm), tier.cadence)
    moment = min(by_silence, silent_since + tier.silence_limit)
    if fold.last_held is None:
        return int(moment)
    return min(moment, _no_meeting(fold, policy.dormant_meeting_rhythms, silent_since + tier.cadence))


def _cooling_at(fold: Fold, silent_since: int) -> int:
    """The first moment at which one of the rules says cooling, missed questions apart."""
    policy, window = fold.policy, fold.tier.spans.window
    moment = silent_since + max(round(policy.cooling_rhythms * fold.rhythm), window)
    if fold.last_held is not None:
        moment = min(moment, _no_meeting(fold, policy.cooling_meeting_rhythms, silent_since + window))
    if fold.signal is not None:
        moment = min(moment, fold.signal[0] + policy.spans.cooling_signal)
    return int(moment)


def _no_meeting(fold: Fold, rhythms: float, silent_enough: int) -> int:
    """When the last meeting lies so many rhythms back and the silence is long enough as well."""
    assert fold.last_held is not None
    return max(fold.last_held[0] + round(rhythms * fold.meeting_rhythm), silent_enough)


def oldest_question_of_us(fold: Fold, at: int) -> Question | None:
    """The oldest open question asked of us that has not lapsed: of all of them it is missed first."""
    for question in fold.open_questions:
        if question.of_us and question.lapses_at > at:
            return question
    return None


def _lift(fold: Fold, at: int) -> tuple[int, str] | None:
    """The accepted meeting that ends last, while it lies ahead: (planned end, event)."""
    ahead = [
        (plan.ends_at, plan.event_id)
        for plan in fold.accepted.values()
        if plan.ends_at is not None and plan.ends_at > at
    ]
    return max(ahead, default=None)


def reason(fold: Fold, at: int, health: str) -> tuple[str, Because]:
    """The rule by which `health` holds at `at`, and the event that it rests on."""
    if fold.ended is not None:
        return "ended", (fold.ended[1],)
    contact = fold.last_contact
    if contact is None:
        return "health.no_contact_yet", ()
    if health == ACTIVE:
        return "health.contact", (contact[1],)
    if health == DORMANT:
        return _why_dormant(fold, contact)
    if at >= _dormant_at(fold, contact[0]):
        lifted = _lift(fold, at)
        return "health.meeting_accepted", () if lifted is None else (lifted[1],)
    return _why_cooling(fold, at, contact)


def _why_dormant(fold: Fold, contact: tuple[int, str]) -> tuple[str, Because]:
    tier, moment = fold.tier.spans, _dormant_at(fold, contact[0])
    if moment == contact[0] + tier.silence_limit:
        return "health.dormant_silence_limit", (contact[1],)
    if fold.last_held is not None:
        rhythms = fold.policy.dormant_meeting_rhythms
        if moment == _no_meeting(fold, rhythms, contact[0] + tier.cadence):
            return "health.dormant_no_meeting", (fold.last_held[1],)
    return "health.dormant_silence", (contact[1],)


def _why_cooling(fold: Fold, at: int, contact: tuple[int, str]) -> tuple[str, Because]:
    policy, window = fold.policy, fold.tier.spans.window
    signal, question = fold.signal, oldest_question_of_us(fold, at)
    if question is not None and at >= question.missed_at:
        return "health.question_missed", (question.event_id,)
    if signal is not None and at >= signal[0] + policy.spans.cooling_signal:
        return "health." + signal[2], (signal[1],)
    if fold.last_held is not None:
        silent_enough = contact[0] + max(round(policy.cooling_rhythms * fold.rhythm), window)
        if at < silent_enough:
            return "health.no_meeting", (fold.last_held[1],)
    return "health.silence", (contact[1],)
