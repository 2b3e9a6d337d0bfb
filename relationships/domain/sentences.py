"""Why a client stands where it stands, in words that a person would use.

    {Client} is {Stage} since {date} because {events}; it stays while {keep}; {next stage} needs {what is missing}.

`explain` works the pieces out of a fold; `sentence` puts them together as parts, some of which name the event that
they rest on, so that a page can link them. Dates are written in the reader's zone. Source: `model.md` §4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from . import stages
from .facts import Fact
from .fold import Fold
from .instants import from_us
from .judgement import (
    BRIDGING,
    CONVERSING,
    DEEPENING,
    ENDED,
    FOUND,
    HELPED,
    MET,
    STAGES,
    SYMBIOSIS,
)
from .standing import Standing

Day = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a sentence; `event_id` where it names an event."""

    text: str
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What keeps a stage and what the next one needs, at one moment.

    `keeps_until` is the moment at which the keep fails if nothing more happens (in the past when it fails already;
    None: never by itself) and `falls_at` when the stage then falls. `failing` says that the keep has failed by now
    and the grace runs. `keep`, `mend` (what would save it) and `missing` are words.
    """

    keeps_until: int | None
    falls_at: int | None
    failing: bool
    keep: str
    mend: str
    next_stage: str | None
    missing: tuple[str, ...]


def dates_in(zone: str) -> Day:
    """A writer of dates such as "3 Sep 2026" in the IANA zone."""
    here = ZoneInfo(zone)

    def write(instant: int) -> str:
        moment = from_us(instant).astimezone(here)
        return f"{moment.day} {moment:%b %Y}"

    return write


def explain(fold: Fold, standing: Standing, at: int, day: Day) -> Explanation:
    """What keeps the stage of `standing` at `at`, and what the next stage is short of."""
    stage = standing.stage
    until = standing.failures[0][0] if standing.failures else None
    following = stage + 1 if stage < SYMBIOSIS else None
    return Explanation(
        keeps_until=until,
        falls_at=standing.falls_at,
        failing=until is not None and until <= at,
        keep=_keep(fold, stage, day),
        mend=_mend(fold, stage, at),
        next_stage=None if following is None else STAGES[following],
        missing=() if following is None else tuple(_MISSING[following](fold, at, day)),
    )


# ---------------------------------------------------------------------- what keeps a stage


def _keep(fold: Fold, stage: int, day: Day) -> str:
    limit = stages.kept_until(fold, stage) if FOUND < stage < BRIDGING else None
    if limit is not None:
        face = "you meet again" if fold.remote_only else "you meet in person again"
        doing = face if stage == MET else "you hear from each other, both ways,"
        return f"{doing} before {day(limit)}"
    if stage < BRIDGING or stage == ENDED:
        return ""
    pieces = [f"you meet again before {day(stages.meeting_due(fold))}"]
    breaks = _conversation_breaks(fold)
    if breaks is not None and breaks < stages.meeting_due(fold):
        pieces.append(f"you talk again before {day(breaks)}")
    spans = fold.policy.spans
    if stage == DEEPENING and fold.ideas_ours and fold.ideas_theirs:
        fresh = min(fold.ideas_ours[-1][0], fold.ideas_theirs[-1][0]) + spans.deepening_keep
        pieces.append(f"each side shares an idea before {day(fresh)}")
    proof = stages.last_proof(fold)
    if stage == SYMBIOSIS and fold.projects:
        pieces.append("a joint project is live")
    elif stage == SYMBIOSIS and proof is not None:
        pieces.append(
            f"a joint project runs or succeeds, or one of you recommends the other, before "
            f"{day(proof[0] + spans.symbiosis_within)}"
        )
    return _and(pieces)


def _mend(fold: Fold, stage: int, at: int) -> str:
    """What would make a failing keep hold again."""
    if stage in (HELPED, CONVERSING):
        return "you hear from each other, both ways, before then"
    if stage == MET:
        return "you meet again before then" if fold.remote_only else "you meet in person before then"
    rule = stages.why_failing(fold, stage, at)[0].partition(".")[2]
    return {
        "gap_broken": "you meet again after a conversation, before then",
        "no_meeting": "you meet again before then",
        "conversation_broke": "the conversation is taken up before then",
        "no_ideas": "each side shares an idea before then",
    }.get(rule, "a joint project starts or succeeds before then")


def _conversation_breaks(fold: Fold) -> int | None:
    spans = stages.open_gap_failures(fold, fold.at or 0)
    return spans[0][0] if spans else None


# ---------------------------------------------------------------------- what the next stage needs


def _missing_helped(fold: Fold, at: int, day: Day) -> list[str]:
    return ["one answered question, or a message that is answered"]


def _missing_conversing(fold: Fold, at: int, day: Day) -> list[str]:
    policy = fold.policy
    recent = stages.recent_two_way_days(fold, at - policy.spans.conversing_within)
    short = policy.conversing_days - len(recent)
    needs = []
    if short > 0:
        days = "one more day" if short == 1 else f"{_number(short)} more days"
        needs.append(f"{days} with an exchange both ways (within {policy.conversing_within:g} days)")
    if not any(begun is not None for _, _, _, begun in recent):
        needs.append("one of them begun by them")
    return needs or ["one more exchange both ways"]


def _missing_met(fold: Fold, at: int, day: Day) -> list[str]:
    return ["one meeting, by video or in person" if fold.remote_only else "one meeting in person"]


def _missing_bridging(fold: Fold, at: int, day: Day) -> list[str]:
    policy, gap = fold.policy, fold.gap
    needs = ["one more meeting" if fold.posts else "two meetings"]
    if not fold.face_posts:
        needs.append("one of your meetings in person")
    if gap is not None:
        covered = gap.coverage(at)
        if covered < policy.bridging_coverage:
            needs.append(
                f"more conversation before it (the time since {day(gap.begins_at)} is covered to "
                f"{covered:.0%}, of {policy.bridging_coverage:.0%})"
            )
        if not gap.two_way:
            needs.append("an exchange both ways before it")
    if fold.reciprocity() < policy.bridging_reciprocity:
        needs.append("both sides to speak: it is one-sided")
    return needs


def _missing_deepening(fold: Fold, at: int, day: Day) -> list[str]:
    policy = fold.policy
    needs = []
    short = policy.deepening_posts - fold.posts
    if short > 0:
        needs.append("one more meeting" if short == 1 else f"{short} more meetings")
    horizon = at - policy.spans.deepening_ideas_within
    for side, whose in ((fold.ideas_theirs, "them"), (fold.ideas_ours, "you")):
        lacking = policy.deepening_ideas - sum(1 for idea in side if idea[0] > horizon)
        if lacking > 0:
            needs.append(f"{_number(lacking)} more {'idea' if lacking == 1 else 'ideas'} from {whose}")
    lacking = policy.deepening_people - stages.active(fold.people, at - policy.spans.deepening_people_within)
    if lacking > 0:
        needs.append(f"{_number(lacking)} more of their people in touch")
    gaps = list(fold.closed)[-policy.deepening_gaps :]
    thin = sum(1 for gap in gaps if gap.coverage(at) < policy.bridging_coverage)
    if thin or len(gaps) < policy.deepening_gaps:
        needs.append(f"{_number(policy.deepening_gaps)} gaps in a row bridged to half")
    return needs or ["the next exchange"]


def _missing_symbiosis(fold: Fold, at: int, day: Day) -> list[str]:
    policy = fold.policy
    needs = []
    proof = stages.last_proof(fold)
    if proof is None or proof[0] <= at - policy.spans.symbiosis_within:
        needs.append("a joint project that succeeds, or a recommendation")
    horizon = at - policy.spans.symbiosis_people_within
    for people, enough, whose in (
        (fold.people, policy.symbiosis_people, "their people"),
        (fold.colleagues, policy.symbiosis_colleagues, "your colleagues"),
    ):
        lacking = enough - stages.active(people, horizon)
        if lacking > 0:
            needs.append(f"{_number(lacking)} more of {whose} in touch")
    return needs or ["the next exchange"]


_MISSING = {
    HELPED: _missing_helped,
    CONVERSING: _missing_conversing,
    MET: _missing_met,
    BRIDGING: _missing_bridging,
    DEEPENING: _missing_deepening,
    SYMBIOSIS: _missing_symbiosis,
}


# ---------------------------------------------------------------------- the sentence


def sentence(
    client: str,
    standing: Standing,
    explanation: Explanation,
    events: Mapping[str, Fact],
    day: Day,
    *,
    only_meetings: bool = False,
) -> list[Part]:
    """The parts of the sentence that says why `client` stands where it stands.

    `events` holds the facts that the standing's `stage_because` names, by id; one that is missing is left out.
    `only_meetings` adds that no conversation between the meetings is recorded.
    """
    stage = STAGES[standing.stage].capitalize()
    parts = [Part(f"{client} is {stage} since {day(standing.since)}")]
    parts += _because(standing, events, day)
    if standing.stage == ENDED:
        return [*parts, Part("; reopened, it starts at Found.")]
    if explanation.failing and explanation.falls_at is not None:
        parts.append(Part(f"; it falls on {day(explanation.falls_at)} unless {explanation.mend}"))
    elif explanation.keep:
        parts.append(Part(f"; it stays while {explanation.keep}"))
    if explanation.next_stage is not None:
        parts.append(Part(f"; {explanation.next_stage.capitalize()} needs {_and(list(explanation.missing))}"))
    parts.append(Part("."))
    if only_meetings:
        parts.append(Part(" No conversation between your meetings is recorded."))
    return parts


def _because(standing: Standing, events: Mapping[str, Fact], day: Day) -> list[Part]:
    named = [events[event_id] for event_id in standing.stage_because if event_id in events]
    phrases = [Part(phrase(fact, day), fact.event_id) for fact in named]
    reason = _RULES.get(standing.stage_rule)
    if reason is None:
        return [Part(" because "), *_joined(phrases)] if phrases else []
    told = [Part(f" because {reason}")]
    return [*told, Part(" (last: "), *_joined(phrases), Part(")")] if phrases else told


def _joined(phrases: list[Part]) -> list[Part]:
    joined: list[Part] = []
    for number, part in enumerate(phrases):
        if number:
            joined.append(Part(" and " if number == len(phrases) - 1 else ", "))
        joined.append(part)
    return joined


# Why a stage was fallen to: the rules that `stages.why_failing` names, by the stage that was lost.
_RULES = {
    "helped.no_two_way_contact": "you had not heard from each other for half a year",
    "conversing.no_two_way_contact": "the conversation had stopped",
    "met.no_meeting": "you had not met for a year",
    **{
        f"{stage}.{rule}": words
        for stage in ("bridging", "deepening", "symbiosis")
        for rule, words in (
            ("gap_broken", "your last two meetings were not joined by conversation"),
            ("no_meeting", "the next meeting did not come"),
            ("conversation_broke", "the conversation since your last meeting broke off"),
        )
    },
    "deepening.no_ideas": "no ideas had gone both ways for a year",
    "symbiosis.no_project": "no joint project was left and none had succeeded for a year",
}

_THEIR_ACTS = {
    "question_asked": "they asked a question",
    "question_answered": "they answered a question of ours",
    "answer_acknowledged": "they took up an answer",
    "comment_posted": "they commented",
    "reply_posted": "they replied",
    "message_sent": "they wrote",
    "idea_shared": "they shared an idea",
    "idea_discussed": "they discussed an idea",
    "idea_adopted": "they adopted an idea",
    "idea_declined": "they declined an idea",
    "introduction_made": "they introduced somebody",
    "mention_made": "they mentioned us",
    "content_shared": "they shared something of ours",
    "connection_made": "they connected with us",
    "reaction_added": "they reacted",
    "advocacy_given": "they recommended us",
}
_OUR_ACTS = {
    "question_asked": "we asked a question",
    "question_answered": "we answered a question",
    "answer_acknowledged": "we took up an answer",
    "comment_posted": "we commented",
    "reply_posted": "we replied",
    "message_sent": "we wrote",
    "idea_shared": "we shared an idea",
    "idea_discussed": "we discussed an idea",
    "idea_adopted": "we adopted an idea",
    "idea_declined": "we declined an idea",
    "introduction_made": "we introduced somebody",
    "mention_made": "we mentioned them",
    "content_shared": "we shared something of theirs",
    "connection_made": "we connected with them",
    "reaction_added": "we reacted",
    "advocacy_given": "we recommended them",
}
_MUTUAL_ACTS = {
    "call_held": "you spoke on the phone",
    "idea_shared": "you shared an idea",
    "idea_discussed": "you discussed an idea",
    "idea_adopted": "you adopted an idea",
    "introduction_made": "an introduction was made",
}
_OTHER_ACTS = {
    "meeting_missed": "a meeting was missed",
    "meeting_scheduled": "a meeting was planned",
    "commitment_made": "a promise was made",
    "commitment_kept": "a promise was kept",
    "commitment_broken": "a promise was broken",
    "project_started": "a joint project was started",
    "project_succeeded": "a joint project succeeded",
    "project_ended": "a joint project ended",
    "client_registered": "it was registered",
    "relationship_ended": "you said so",
    "relationship_reopened": "it was reopened",
}


def phrase(fact: Fact, day: Day) -> str:
    """One event in a few words, with its date: "you met in person on 3 Sep 2026"."""
    return f"{act(fact)} on {day(fact.at)}"


def act(fact: Fact) -> str:
    """One event in a few words, without its date."""
    kind, direction = fact.type, fact.data.get("direction")
    if kind == "meeting_held":
        return "you met in person" if fact.data.get("mode") == "in_person" else "you met by video"
    if direction == "inbound" and kind in _THEIR_ACTS:
        return _THEIR_ACTS[kind]
    if direction == "outbound" and kind in _OUR_ACTS:
        return _OUR_ACTS[kind]
    if kind in _MUTUAL_ACTS:
        return _MUTUAL_ACTS[kind]
    return _OTHER_ACTS.get(kind, kind.replace("_", " "))


def plain(parts: list[Part]) -> str:
    """The sentence as one string."""
    return "".join(part.text for part in parts)


_NUMBERS = ("no", "one", "two", "three", "four", "five", "six")


def _number(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def _and(pieces: list[str]) -> str:
    if len(pieces) < 2:
        return "".join(pieces)
    return f"{', '.join(pieces[:-1])} and {pieces[-1]}"


HEALTH_WORDS = {
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
    "ended": "ended",
}


def rule_in_words(rule: str) -> str:
    """What a period's `rule` means, in a few words for lists and reports."""
    if rule in HEALTH_WORDS:
        return HEALTH_WORDS[rule]
    if rule in _RULES:
        return _RULES[rule]
    return _ENTRIES.get(rule, rule.replace("_", " ").replace(".", ": "))


_ENTRIES = {
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
}
