"""What to say of an action: the sentence that a colleague would say who had read the whole history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .actions import Action
from .sentences import Day

Name = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Teller:
    """Whose words: `name` tells a contact or colleague by id (None: not known, or not to be told), `day` writes dates,
    `at` is the moment of telling."""

    name: Name
    day: Day
    at: int

    def who(self, identity: str | None, otherwise: str) -> str:
        """A person by name, else the words for one without."""
        return (self.name(identity) if identity else None) or otherwise


def sentence(action: Action, teller: Teller) -> str:
    """One sentence: what is the case, and what to do about it."""
    return _SENTENCES[action.rule](action.about, teller)


def _answer(about: Mapping[str, Any], t: Teller) -> str:
    who = t.name(about["contact"]) if about.get("contact") else None
    whose = f"{who}’s" if who else "Their"
    return f"{whose} question of {t.day(about['at'])} is still open: answer it."


def _confirm(about: Mapping[str, Any], t: Teller) -> str:
    return f"The meeting planned for {t.day(about['at'])}: did it take place, and who came?"


def _offer_dates(about: Mapping[str, Any], t: Teller) -> str:
    return f"The meeting was {about['status']} on {t.day(about['at'])} and has no new date: offer two."


def _keep_promise(about: Mapping[str, Any], t: Teller) -> str:
    if about.get("broken"):
        return f"A promise was broken on {t.day(about['at'])}: make up for it, or say when you will."
    verb = "was" if about["at"] <= t.at else "is"
    return f"A promise of yours {verb} due on {t.day(about['at'])}: keep it, or say when you will."


def _brief(about: Mapping[str, Any], t: Teller) -> str:
    when = f"You meet on {t.day(about['at'])}"
    if "met" not in about:
        return f"{when} for the first time: read up on them."
    since = f"since you last met on {t.day(about['met'])}"
    happened = [_counted(about["spoken"], "exchange")] if about["spoken"] else []
    if about["ideas"]:
        happened.append(_counted(about["ideas"], "idea") + " of theirs")
    return f"{when}: {since} there {_were(about)} {' and '.join(happened) or 'no exchange'}. Read up on it."


def _were(about: Mapping[str, Any]) -> str:
    return "was" if about["spoken"] == 1 or not (about["spoken"] or about["ideas"]) else "were"


def _propose(about: Mapping[str, Any], t: Teller) -> str:
    return f"You last met on {t.day(about['at'])} and have kept talking: propose the next meeting."


def _talk_first(about: Mapping[str, Any], t: Teller) -> str:
    met, first = t.day(about["at"]), _topic(about, "take up")
    if "dry_from" not in about:
        return f"You last met on {met} and have not talked since: {first}, then propose to meet."
    if t.at < about["dry_from"]:
        return f"You last met on {met}, with long silences since: keep talking, {first}, then propose to meet."
    return f"You last met on {met} and talk has run dry: {first}, then propose to meet."


def _stop_writing(about: Mapping[str, Any], t: Teller) -> str:
    count = about["messages"]
    return (
        f"Your last {_number(count)} messages stand unanswered, the latest of {t.day(about['at'])}: stop writing; try "
        "another contact, or wait a month."
    )


def _bridge(about: Mapping[str, Any], t: Teller) -> str:
    return f"Nothing heard since {t.day(about['at'])}: bridge the gap, {_topic(about, 'ask about')}."


def _share_idea(about: Mapping[str, Any], t: Teller) -> str:
    on = f" on {about['topic']}" if "topic" in about else ""
    told = f"Your last idea was on {t.day(about['at'])}" if "at" in about else "They have had no idea from you yet"
    return f"{told}: share one{on}."


def _meet_another(about: Mapping[str, Any], t: Teller) -> str:
    who = t.who(about["contact"], "one person")
    return f"All of it runs through {who}: get to know a second of their people."


def _rebalance(about: Mapping[str, Any], t: Teller) -> str:
    if about.get("brand"):
        return (
            f"They know the logo better than you: {1 - about['share']:.0%} runs through the brand. Answer as yourself."
        )
    who = t.who(about["colleague"], "one of you")
    return f"The relationship would leave with {who}: bring a colleague in."


def _joint_meeting(about: Mapping[str, Any], t: Teller) -> str:
    verb = "should have met" if about["by"] <= t.at else "meet"
    return f"It changed hands on {t.day(about['at'])}: {verb} together by {t.day(about['by'])}."


def _reopen(about: Mapping[str, Any], t: Teller) -> str:
    stage = about["reached"].capitalize()
    return (
        f"Silent since {t.day(about['at'])}, though you had come as far as {stage}: reopen it, "
        f"{_topic(about, 'ask about')}."
    )


def _answer_in_public(about: Mapping[str, Any], t: Teller) -> str:
    return f"They asked in public on {t.day(about['at'])} and nobody of you answered: answer it."


def _topic(about: Mapping[str, Any], verb: str) -> str:
    return f"{verb} {about.get('topic') or 'what they spoke of last'}"


def _counted(number: int, noun: str) -> str:
    return f"{_number(number)} {noun}{'' if number == 1 else 's'}"


def _number(number: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[number] if number < len(words) else str(number)


_SENTENCES: dict[str, Callable[[Mapping[str, Any], Teller], str]] = {
    "answer_question": _answer,
    "confirm_meeting": _confirm,
    "offer_dates": _offer_dates,
    "keep_promise": _keep_promise,
    "prepare_meeting": _brief,
    "propose_meeting": _propose,
    "talk_then_propose": _talk_first,
    "stop_writing": _stop_writing,
    "bridge_gap": _bridge,
    "share_idea": _share_idea,
    "meet_another": _meet_another,
    "rebalance": _rebalance,
    "joint_meeting": _joint_meeting,
    "reopen": _reopen,
    "answer_in_public": _answer_in_public,
}
