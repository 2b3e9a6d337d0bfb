"""Every rule by which a period begins, in words: in a few for lists and reports, and as a sentence wants it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fall:
    """Why a stage was lost. `short` stands alone in lists; `lead` precedes "since" and the last event that had kept
    it, told by `event`. No word names a length that a policy may change. `{grace}` is the length of the grace in days,
    `{face}` says in person where that is asked.
    """

    short: str
    lead: str
    event: str = "{act} on {date}"


@dataclass(frozen=True, slots=True)
class Health:
    """A health that needs a hand: what is so, around the event behind it, and what lifts it."""

    lead: str
    event: str = "{act} on {date}"
    then: str = ""
    lift: str = ""


_MET = "{date}"
FALLS = {
    "helped.no_two_way_contact": Fall("you had not heard from each other for long", "nothing had gone both ways"),
    "conversing.no_two_way_contact": Fall(
        "the conversation had stopped", "the conversation had stopped: nothing had gone both ways"
    ),
    "met.no_meeting": Fall("you had not met for long", "you had not met{face}", _MET),
    **{
        f"{stage}.{rule}": words
        for stage in ("bridging", "deepening", "symbiosis")
        for rule, words in (
            (
                "gap_broken",
                Fall(
                    "your last two meetings were not joined by conversation",
                    "too little had been said between your last two meetings",
                ),
            ),
            ("no_meeting", Fall("the next meeting did not come", "you had not met", _MET)),
            (
                "conversation_broke",
                Fall(
                    "the conversation since your last meeting broke off",
                    "the gap since your last meeting stayed broken for {grace} days: nothing had bridged it",
                ),
            ),
        )
    },
    "deepening.no_ideas": Fall("no ideas had gone both ways for long", "ideas had not gone both ways"),
    "symbiosis.no_project": Fall(
        "no joint project was left and none had succeeded for long",
        "there had been no joint project and no recommendation",
    ),
}

# What a stage's entry means where the events alone do not say it.
ENTRIES = {
    "conversing.three_days": "the conversation goes both ways: ",
    "bridging.gap_bridged": "conversation joined your meetings: ",
    "deepening.ideas_both_ways": "ideas flow both ways: ",
}

_SINCE = "It has been {health} since {since} because "
_ANSWER = "an exchange both ways lifts that"
_WORD = "a word from them, a call or a meeting lifts that"
_QUIET = Health(f"{_SINCE}it went quiet after ", lift=_WORD)
_NOTHING_SINCE = " and nothing has gone both ways since"
HEALTHS = {
    "health.no_contact_yet": Health("There has been no contact yet"),
    "health.silence": _QUIET,
    "health.dormant_silence": _QUIET,
    "health.dormant_silence_limit": _QUIET,
    "health.no_meeting": Health(
        f"{_SINCE}it is quiet and the next meeting is overdue (", "you last met on {date}", ")", _WORD
    ),
    "health.dormant_no_meeting": Health(
        f"{_SINCE}it is quiet and the next meeting is long overdue (", "you last met on {date}", ")", _WORD
    ),
    "health.question_missed": Health(
        _SINCE, "their question of {date}", " was not answered in time", "an answer lifts that"
    ),
    "health.meeting_missed": Health(_SINCE, then=_NOTHING_SINCE, lift=_ANSWER),
    "health.commitment_broken": Health(_SINCE, then=_NOTHING_SINCE, lift=_ANSWER),
    "health.meeting_accepted": Health(
        "It has long been quiet, and it is cooling rather than dormant because ",
        "a meeting is accepted for {date}",
        lift="holding it lifts that",
    ),
}

_SHORT = {
    "found": "first heard of",
    "helped.two_way_contact": "an exchange both ways",
    "conversing.three_days": "a conversation that both keep up",
    "met.in_person": "you met in person",
    "met.by_video": "you met by video (a remote-only client)",
    "bridging.gap_bridged": "two meetings joined by conversation",
    "deepening.ideas_both_ways": "ideas from both sides",
    "symbiosis.project": "a joint project succeeded",
    "symbiosis.advocacy": "a recommendation was given",
    "reopened": "reopened",
    "ended": "ended",
    "health.no_contact_yet": "no contact yet",
    "health.contact": "in contact",
    "health.silence": "they have gone quiet",
    "health.no_meeting": "the next meeting is overdue",
    "health.question_missed": "a question of theirs was not answered in time",
    "health.meeting_missed": "a meeting was missed and nothing has followed",
    "health.commitment_broken": "a promise was broken and nothing has followed",
    "health.dormant_silence": "silent for long",
    "health.dormant_silence_limit": "silent for long",
    "health.dormant_no_meeting": "no meeting for long",
    "health.meeting_accepted": "silent for long, but a meeting is accepted",
}
RULES = {**_SHORT, **{rule: words.short for rule, words in FALLS.items()}}


def rule_in_words(rule: str) -> str:
    """What a period's `rule` means, in a few words for lists and reports."""
    return RULES.get(rule, rule.replace("_", " ").replace(".", ": "))
