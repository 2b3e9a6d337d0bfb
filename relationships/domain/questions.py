"""Questions of theirs: asked, due, answered, lapsed. Source: `model.md` §6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .facts import Fact
from .judgement import Question
from .workdays import working_days_after

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
    fold.open_questions.append(question)


def close_answered(fold: Fold, fact: Fact, name: str) -> bool:
    """Closes what this spoken exchange of ours answers; whether it closed any."""
    if not fold.open_questions:
        return False
    target = fact.data.get("in_reply_to")
    if target:
        closing = [q for q in fold.open_questions if target in (q.event_id, q.external_id)]
    elif fact.type == "question_answered":
        closing = [q for q in fold.open_questions if q.conversation == name]
    else:
        closing = []
    return _close(fold, closing, fact)


def close_all(fold: Fold, fact: Fact) -> None:
    _close(fold, list(fold.open_questions), fact)


def _close(fold: Fold, closing: list[Question], fact: Fact) -> bool:
    for question in closing:
        fold.open_questions.remove(question)
        question.closed_at = fact.at
        question.closed_by = fact.event_id
        fold.fresh_questions.append(question)
    return bool(closing)
