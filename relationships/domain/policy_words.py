"""A policy in words: what each field is called, in which unit, where it belongs, and what moving it does.

`SECTIONS` is the order in which people read a policy. Documents, forms and differences are made from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .policy import POINTS, TIERS, Policy
from .policy_rules import differences

DAYS, SHARE, TIMES, COUNT, POINTS_UNIT, PLAIN = "days", "share", "times", "count", "points", ""


@dataclass(frozen=True, slots=True)
class Word:
    """One number of a policy. `pointer` is its RFC 6901 pointer; `unit` is days, share, times, count, points or empty;
    `effect` says in a sentence what the number does."""

    pointer: str
    label: str
    unit: str
    effect: str

    @property
    def field(self) -> str:
        """The last step of the pointer."""
        return self.pointer.rpartition("/")[2]

    def told(self, value: float) -> str:
        """A value with its unit: "60 days", "0.5", "3 times"."""
        number = f"{value:g}"
        if self.unit == DAYS:
            return f"{number} {'day' if value == 1 else 'days'}"
        if self.unit == TIMES:
            return f"{number} {'time' if value == 1 else 'times'}"
        if self.unit == POINTS_UNIT:
            return f"{number} {'point' if value == 1 else 'points'}"
        return number


@dataclass(frozen=True, slots=True)
class Section:
    """Numbers that belong together."""

    title: str
    about: str
    words: tuple[Word, ...]


def _words(*rows: tuple[str, str, str, str], prefix: str = "/") -> tuple[Word, ...]:
    return tuple(Word(f"{prefix}{name}", label, unit, effect) for name, label, unit, effect in rows)


_TIER_ROWS = (
    ("cadence", "days between meetings", DAYS, "How often a client of this tier is to be met."),
    ("window", "window of a covering act", DAYS, "So long does one exchange both ways cover a gap between meetings."),
    ("half_life_meeting", "half-life of a meeting", DAYS, "After so long a meeting counts half as much for strength."),
    ("half_life_exchange", "half-life of an exchange", DAYS, "After so long an exchange counts half as much."),
    ("rhythm_of_meetings_low", "rhythm of meetings, at least", DAYS, "A client's own rhythm is never taken shorter."),
    ("rhythm_of_meetings_high", "rhythm of meetings, at most", DAYS, "A client's own rhythm is never taken longer."),
    ("rhythm_of_contact", "rhythm of contact until known", DAYS, "Taken until five intervals have been seen."),
    ("rhythm_of_contact_low", "rhythm of contact, at least", DAYS, "A client's own rhythm is never taken shorter."),
    ("rhythm_of_contact_high", "rhythm of contact, at most", DAYS, "A client's own rhythm is never taken longer."),
    ("silence_limit", "silence that is always Dormant", DAYS, "After so long without contact a client is Dormant."),
)
_TIER_TITLES = {"key": "Key clients", "standard": "Standard clients", "light": "Light clients"}

SECTIONS: tuple[Section, ...] = (
    *(
        Section(
            _TIER_TITLES[tier],
            "How closely a client of this tier is kept.",
            _words(*_TIER_ROWS, prefix=f"/tiers/{tier}/"),
        )
        for tier in TIERS
    ),
    Section(
        "Stages",
        "What a stage needs, and for how long it stays. That Met needs a face, and the order of the stages, are laws.",
        _words(
            ("grace", "grace before a fall", DAYS, "A stage falls when what keeps it has failed for so long."),
            ("helped_keep", "Helped stays", DAYS, "So long after the last contact both ways."),
            ("conversing_days", "Conversing: days of contact both ways", COUNT, "On so many different days."),
            ("conversing_within", "Conversing: those days lie within", DAYS, "The days over which they are counted."),
            ("conversing_keep", "Conversing stays", DAYS, "So long after the last contact both ways."),
            ("met_keep", "Met stays", DAYS, "So long after the last meeting face to face."),
            ("bridging_posts", "Bridging: meetings", COUNT, "Meetings within a week count as one."),
            ("bridging_coverage", "Bridging: the gap between them covered by", SHARE, "Of the latest closed gap."),
            ("bridging_reciprocity", "Bridging: both sides speak, at least", SHARE, "1 is evenly, 0 is one side only."),
            ("bridging_keep_rhythms", "Bridging stays, in rhythms of meetings", TIMES, "Since the last meeting."),
            ("open_gap_young", "an open gap is not judged for", DAYS, "A gap that is younger breaks nothing."),
            ("deepening_posts", "Deepening: meetings", COUNT, "Meetings within a week count as one."),
            ("deepening_ideas", "Deepening: ideas from each side", COUNT, "Shared by them, and by us."),
            (
                "deepening_ideas_within",
                "Deepening: those ideas lie within",
                DAYS,
                "The days over which ideas are counted.",
            ),
            ("deepening_people", "Deepening: active people of theirs", COUNT, "Who were named in a contact."),
            (
                "deepening_people_within",
                "Deepening: they were active within",
                DAYS,
                "The days over which they are counted.",
            ),
            ("deepening_gaps", "Deepening: covered gaps in a row", COUNT, "Covered as for Bridging."),
            ("deepening_keep", "Deepening stays", DAYS, "So long after the last idea of either side."),
            ("symbiosis_within", "Symbiosis: a joint success, within", DAYS, "Or a recommendation of theirs."),
            ("symbiosis_people", "Symbiosis: active people of theirs", COUNT, "Who were named in a contact."),
            ("symbiosis_colleagues", "Symbiosis: active people of ours", COUNT, "Who were named in a contact."),
            (
                "symbiosis_people_within",
                "Symbiosis: they were active within",
                DAYS,
                "The days over which they are counted.",
            ),
        ),
    ),
    Section(
        "Health",
        "When a client is said to cool or to be dormant, within its stage.",
        _words(
            ("cooling_rhythms", "Cooling after silence, in rhythms of contact", TIMES, "And a window at least."),
            (
                "cooling_meeting_rhythms",
                "Cooling without a meeting, in rhythms of meetings",
                TIMES,
                "And silent as well.",
            ),
            ("cooling_signal", "Cooling after a bad sign", DAYS, "A missed meeting or a broken promise, so long ago."),
            ("dormant_rhythms", "Dormant after silence, in rhythms of contact", TIMES, "And the cadence at least."),
            (
                "dormant_meeting_rhythms",
                "Dormant without a meeting, in rhythms of meetings",
                TIMES,
                "And silent as well.",
            ),
        ),
    ),
    Section(
        "Gaps and questions",
        "How the time between meetings and the answers to questions are judged.",
        _words(
            ("gap_bridged", "a gap is bridged from coverage", SHARE, "Covered by so much of its length."),
            ("gap_broken", "a gap is broken below coverage", SHARE, "A broken gap costs Bridging."),
            ("ground_laid_coverage", "ground is laid from coverage", SHARE, "A good moment to propose a meeting."),
            ("ground_laid_within", "ground is laid with an exchange within", DAYS, "Of the last days."),
            ("balance_within", "balance of people and brand, over", DAYS, "The days over which points are added."),
            ("question_target", "a question is answered within working days", COUNT, "Asked of us."),
            ("question_target_public", "a public question is answered within working days", COUNT, "Not asked of us."),
            ("question_missed", "a question is missed after working days", COUNT, "Then the client cools."),
            ("question_missed_public", "a public question is missed after working days", COUNT, "It cools nobody."),
            ("question_lapse", "a question lapses after", DAYS, "Nobody waits for an answer any more."),
        ),
    ),
    Section(
        "Balance and echo",
        "Whether it runs through people or the brand, and whether they tell what the brand says of itself.",
        _words(
            ("balance_low", "the brand carries it below a personal share of", SHARE, "They know the logo better."),
            ("balance_healthy_low", "the balance is healthy from a personal share of", SHARE, "People and brand."),
            ("balance_healthy_high", "and up to a personal share of", SHARE, "Beyond, few see the brand."),
            ("balance_high", "one person carries it above a personal share of", SHARE, "It would leave with them."),
            ("balance_minimum", "a balance is told from", POINTS_UNIT, "Below, it is unknown."),
            ("echo_within", "an echo is heard for", DAYS, "The days over which experiences are counted."),
            ("echo_minimum", "an echo is told from experiences", COUNT, "Linked by a person to a statement of ours."),
        ),
    ),
    Section(
        "What to do next",
        "When a suggestion begins to press.",
        _words(
            ("action_dates_after", "offer new dates after", DAYS, "After a meeting was missed or cancelled."),
            ("action_promise_ahead", "a promise presses ahead of its day by", DAYS, "Until it is kept."),
            ("action_brief_within", "read up ahead of a meeting by", DAYS, "What happened since you last met."),
            (
                "action_meeting_share",
                "propose to meet after, in rhythms of meetings",
                TIMES,
                "When the ground is laid.",
            ),
            ("action_pause", "stop writing for", DAYS, "After messages that nobody answered."),
            ("action_idea_every", "share an idea every", DAYS, "Once you have met."),
            ("action_joint_meeting", "meet together after a change of owner within", DAYS, "Old owner and new."),
        ),
    ),
    Section(
        "Words",
        "What counts as an exchange both ways, and as one meeting.",
        _words(
            ("two_way_within", "an exchange is both ways within", DAYS, "Between word and reply."),
            ("begun_quiet", "they began it when we were quiet for", DAYS, "In that conversation."),
            ("post_days", "meetings are one within", DAYS, "A conference of two days is one meeting."),
            ("gaps_for_rhythm", "gaps that tell a rhythm of meetings", COUNT, "Before, the cadence is taken."),
            ("gaps_remembered", "gaps that are remembered", COUNT, "Their median is the rhythm."),
            ("intervals_for_rhythm", "intervals that tell a rhythm of contact", COUNT, "Before, the tier's is taken."),
            ("intervals_remembered", "intervals that are remembered", COUNT, "Their median is the rhythm."),
        ),
    ),
    Section(
        "Strength",
        "How much meetings and exchanges count. Strength decides no stage.",
        _words(
            ("points_in_person", "a meeting in person", POINTS_UNIT, "What a meeting earns before its factors."),
            ("points_video", "a meeting by video", POINTS_UNIT, "Never more than one in person."),
            ("quality_decision", "a meeting with a decision or next step counts times", PLAIN, "Of its outcome."),
            ("quality_information", "a meeting with information only counts times", PLAIN, "Of its outcome."),
            ("quality_none", "a meeting without an outcome recorded counts times", PLAIN, "Of its outcome."),
            ("attendees_without_discount", "their attendees before a crowd counts less", COUNT, "More thin it out."),
            ("beta", "a prepared meeting counts more, by β", PLAIN, "Times the coverage of the gap before it."),
            ("gamma", "talk counts more after meeting, by γ", PLAIN, "Fading since the last meeting in person."),
            ("face_half_life", "talk after meeting: its surplus halves in", DAYS, "Since the last meeting in person."),
            ("days_before_first_post", "days before a first meeting that prepare it", DAYS, "For coverage."),
            ("scale", "points that make 63 of 100", PLAIN, "K: the larger, the weaker everybody looks."),
            ("sent", "a message of ours, sent", SHARE, "Of its points, before it is answered."),
            ("answered", "a message of ours, more when answered", SHARE, "Of its points."),
            ("gesture", "a gesture of ours", SHARE, "A reaction, mention, share or connection."),
            ("brand", "through a brand account", SHARE, "Of what it would count from a person."),
            ("unanswered_limit", "unanswered messages that still count", COUNT, "More count nothing."),
            ("answer_within", "an answer counts within", DAYS, "After the message."),
            ("reciprocity_unknown", "reciprocity while little is known", SHARE, "Until enough was said."),
            ("reciprocity_minimum", "exchanges until reciprocity is known", COUNT, "Of either side."),
            ("band_forming", "forming from strength", PLAIN, "Below: faint."),
            ("band_firm", "firm from strength", PLAIN, "Below: forming."),
            ("band_strong", "strong from strength", PLAIN, "Below: firm."),
        ),
    ),
    Section(
        "Points",
        "What single exchanges earn towards strength.",
        tuple(Word(f"/points/{name}", name.replace("_", " "), POINTS_UNIT, "Before its factors.") for name in POINTS),
    ),
)

WORDS: dict[str, Word] = {word.pointer: word for section in SECTIONS for word in section.words}


@dataclass(frozen=True, slots=True)
class Difference:
    """One number in which two policies differ, and the same as a person would say it."""

    pointer: str
    label: str
    before: float
    after: float
    sentence: str


def differences_in_words(one: Policy, other: Policy) -> tuple[Difference, ...]:
    """What is otherwise in `other` than in `one`, in the order in which people read a policy."""
    found = {pointer: (before, after) for pointer, before, after in differences(one, other)}
    order = [*(pointer for pointer in WORDS if pointer in found), *(p for p in found if p not in WORDS)]
    return tuple(_difference(pointer, *found[pointer]) for pointer in order)


def _difference(pointer: str, before: Any, after: Any) -> Difference:
    word = WORDS.get(pointer) or Word(pointer, pointer.strip("/").replace("_", " "), PLAIN, "")
    label = full_label(word)
    return Difference(
        pointer, label, before, after, f"{sentence_case(label)}: {word.told(after)} instead of {word.told(before)}."
    )


def full_label(word: Word) -> str:
    """A label that stands alone: with its tier."""
    parts = word.pointer.split("/")
    if parts[1] == "tiers":
        return f"{_TIER_TITLES[parts[2]].lower()}: {word.label}"
    if parts[1] == "points":
        return f"points of {word.label}"
    return word.label


def sentence_case(text: str) -> str:
    """The text with a capital."""
    return text[:1].upper() + text[1:]
