"""Questions of theirs: asked, due, answered, lapsed. Source: `model.md` §6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .facts import Fact
from .instants import DAY
from .judgement import Question
from .workdays import working_days_after, working_time

if TYPE_CHECKING:
    from .fold import Fold


def ask(fold: Fold, fact: Fact, name: str) -> None:
    policy, at = fold.policy, fact.at
    of_us = fact.data.get("channel") != "public_thread"
    target = policy.question_target if of_us else policy.question_target_public
    missed = policy.question_missed if of_us else policy.question_missed_public
    contacts = fact.data.get("contacts")
    question = Question(
        event_id=fact.event_id,
        external_id=fact.external_id,
        asked_at=at,
        of_us=of_us,
        conversation=name,
        contact=contacts[0] if contacts else None,
        target_at=working_days_after(at, target, fold.zone),
        missed_at=working_days_after(at, missed, fold.zone),
        lapses_at=at + policy.spans.question_lapse,
    )
    answer = _answered_early(fold, question) if fold.early_answers else None
    if answer is None:
        fold.open_questions.append(question)
        return
    question.closed_at, question.closed_by, question.worked = at, answer, 0
    fold.fresh_questions.append(question)


def close_answered(fold: Fold, fact: Fact, name: str) -> bool:
    """Closes what this spoken exchange of ours answers; whether it closed any."""
    if not fold.open_questions and not fold.peers and fact.type != "question_answered":
        return False
    target = fact.data.get("in_reply_to")
    if target:
        closing = [q for q in fold.open_questions if target in (q.event_id, q.external_id)]
    elif fact.type == "question_answered":
        closing = [q for q in fold.open_questions if q.conversation == name]
    else:
        closing = []
    if not closing or not target:
        _remember_early(fold, fact, name)
    return _close(fold, closing, fact)


def close_all(fold: Fold, fact: Fact) -> None:
    _close(fold, list(fold.open_questions), fact)


def _close(fold: Fold, closing: list[Question], fact: Fact) -> bool:
    for question in closing:
        fold.open_questions.remove(question)
        question.closed_at = fact.at
        question.closed_by = fact.event_id
        question.worked = working_time(question.asked_at, fact.at, fold.zone)
        fold.fresh_questions.append(question)
    return bool(closing)


# ---------------------------------------------------------------------- answers that stand before their question

# Two clocks differ, and what is known by day or month stands at its first instant: an answer may come first.
EARLY = 31 * DAY
_NEXT_IN = "next in "


def _remember_early(fold: Fold, fact: Fact, name: str) -> None:
    """Keeps an answer for a question that is still to come: one that it names, or one of this very instant."""
    target = fact.data.get("in_reply_to")
    if target and (fact.type == "question_answered" or target in fold.peers):
        fold.early_answers[target] = (fact.at, fact.event_id)
    elif not target and fact.type == "question_answered" and fold.peers:
        fold.early_answers[_NEXT_IN + name] = (fact.at, fact.event_id)


def _answered_early(fold: Fold, question: Question) -> str | None:
    """The event that answered this question before it was asked, if one did."""
    early, at = fold.early_answers, question.asked_at
    for name in (question.event_id, question.external_id):
        if name and name in early and early[name][0] > at - EARLY:
            return early[name][1]
    beside = early.get(_NEXT_IN + question.conversation)
    return beside[1] if beside is not None and beside[0] == at else None
