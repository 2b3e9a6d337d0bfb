"""What the screens call things: events, stages, distances in time. Plain words, the same on every page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from relationships.domain.judgement import STAGES
from relationships.queries.rows import Answering, GapRow

OUTCOMES = {"decision": "decision", "next_step": "next step", "information": "information", "none": "none"}
MODES = {"in_person": "in person", "video": "by video"}
CHANNELS = {
    "in_person": "in person",
    "video": "by video",
    "phone": "by phone",
    "direct_message": "by direct message",
    "email": "by e-mail",
    "public_thread": "in public",
    "broadcast": "to everybody",
    "shared_event": "at an event",
    "letter": "by letter",
    "other": "some other way",
}
HEALTHS = ("new", "active", "cooling", "dormant", "ended")


@dataclass(frozen=True, slots=True)
class Look:
    """How an event of a type is shown: an icon's name, and what its speaker did."""

    icon: str
    verb: str


# Types that are not named here are shown by their own name, so a new one needs no change.
LOOKS: Mapping[str, Look] = {
    "question_asked": Look("help", "asked a question"),
    "question_answered": Look("quickreply", "answered a question"),
    "answer_acknowledged": Look("thumb_up", "acknowledged an answer"),
    "comment_posted": Look("comment", "commented"),
    "reply_posted": Look("reply", "replied"),
    "message_sent": Look("mail", "wrote"),
    "mention_made": Look("alternate_email", "mentioned the other side"),
    "content_shared": Look("share", "shared something"),
    "connection_made": Look("person_add", "connected"),
    "connection_ended": Look("person_remove", "disconnected"),
    "reaction_added": Look("favorite", "reacted"),
    "idea_shared": Look("lightbulb", "shared an idea"),
    "idea_discussed": Look("forum", "discussed an idea"),
    "idea_adopted": Look("task_alt", "adopted an idea"),
    "idea_declined": Look("block", "declined an idea"),
    "introduction_made": Look("diversity_3", "introduced two people"),
    "call_held": Look("call", "talked on the phone"),
    "meeting_scheduled": Look("event", "planned a meeting"),
    "meeting_answered": Look("event_available", "answered an invitation"),
    "meeting_moved": Look("event_repeat", "moved a meeting"),
    "meeting_cancelled": Look("event_busy", "cancelled a meeting"),
    "meeting_held": Look("handshake", "met"),
    "meeting_missed": Look("event_busy", "missed a meeting"),
    "meeting_outcome_noted": Look("fact_check", "noted what a meeting brought"),
    "commitment_made": Look("assignment", "made a commitment"),
    "commitment_kept": Look("assignment_turned_in", "kept a commitment"),
    "commitment_broken": Look("assignment_late", "broke a commitment"),
    "project_started": Look("rocket_launch", "started a joint project"),
    "project_succeeded": Look("trophy", "succeeded with a joint project"),
    "project_ended": Look("flag", "ended a joint project"),
    "advocacy_given": Look("campaign", "spoke up for us"),
    "experience_reported": Look("reviews", "told of an experience"),
    "brand_statement": Look("record_voice_over", "made a statement"),
    "client_registered": Look("apartment", "Client registered"),
    "client_updated": Look("edit_note", "Details updated"),
    "tier_changed": Look("stairs", "Tier changed"),
    "contact_added": Look("person_add", "Contact added"),
    "contact_updated": Look("person_edit", "Contact updated"),
    "contact_left": Look("person_remove", "Contact left"),
    "owner_assigned": Look("badge", "Owner assigned"),
    "handover_started": Look("swap_horiz", "Hand-over started"),
    "handover_completed": Look("swap_horiz", "Hand-over completed"),
    "relationship_ended": Look("link_off", "Relationship ended"),
    "relationship_reopened": Look("link", "Relationship reopened"),
    "note_added": Look("sticky_note_2", "Note"),
    "event_corrected": Look("edit", "Correction"),
    "event_retracted": Look("undo", "Retraction"),
    "person_erased": Look("person_off", "Person erased"),
    "import_reverted": Look("undo", "Import reverted"),
    "policy_adopted": Look("gavel", "Policy adopted"),
}


def look(type: str) -> Look:
    """How events of a type are shown; a type without a look of its own gets its name."""
    return LOOKS.get(type) or Look("radio_button_checked", type_word(type))


def type_word(type: str) -> str:
    """``question_asked`` → ``Question asked``."""
    return type.replace("_", " ").capitalize()


def way(data: Mapping[str, Any]) -> str:
    """Who spoke: ``in`` (they), ``out`` (we), ``both``, or nothing where nobody did."""
    return {"inbound": "in", "outbound": "out", "mutual": "both"}.get(data.get("direction", ""), "")


def title(type: str, data: Mapping[str, Any], theirs: Sequence[str], ours: Sequence[str], client: str) -> str:
    """What happened, in one line: ``Anna Keller asked a question``. Names may be missing on either side."""
    verb, speaks = look(type).verb, way(data)
    them, us = listed(theirs) or client, listed(ours) or "we"
    both = sentence_case(listed([*(ours or ["we"]), *(theirs or [client])]))
    if type == "meeting_held":
        return f"{both} met{_mode(data)}"
    if type.startswith("meeting_"):
        return f"Meeting {verb_of_meeting(type, data)}{_mode(data)}"
    if speaks == "in":
        return sentence_case(f"{them} {verb}")
    if speaks == "out":
        return f"{sentence_case(us)} {verb}" + (f" to {them}" if type == "message_sent" and theirs else "")
    if speaks == "both":
        return f"{both} {verb}"
    return sentence_case(verb)


def verb_of_meeting(type: str, data: Mapping[str, Any]) -> str:
    """``planned``, ``moved``, …, ``accepted``: what became of a meeting."""
    if type == "meeting_scheduled":
        return "planned"
    if type == "meeting_answered":
        return str(data.get("answer", "answered"))
    if type == "meeting_outcome_noted":
        return f"brought: {OUTCOMES.get(data.get('outcome', ''), 'nothing said')}"
    return type.removeprefix("meeting_")


def _mode(data: Mapping[str, Any]) -> str:
    mode = MODES.get(data.get("mode", ""))
    return f" {mode}" if mode else ""


def sentence_case(words: str) -> str:
    """The first letter large, the others as they are."""
    return words[:1].upper() + words[1:]


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and 3 others``."""
    if len(names) > 3:
        return f"{', '.join(names[:2])} and {len(names) - 2} others"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage to be drawn: its word and which of the seven steps it has climbed; Ended has none."""

    key: str
    word: str
    steps: tuple[bool, ...]

    @property
    def height(self) -> int:
        return sum(self.steps)


def stage(key: str | None) -> Stage | None:
    """How a stage is drawn; None where none is known."""
    if key is None:
        return None
    height = 0 if key == "ended" else STAGES.index(key) + 1
    return Stage(key, key.capitalize(), tuple(step < height for step in range(7)))


def change(before: str | None, after: str | None) -> str:
    """``Met → Bridging``."""
    return f"{(before or 'not yet known').capitalize()} → {(after or 'not yet known').capitalize()}"


def distance(moment: datetime, now: datetime) -> str:
    """How many days of the reader's calendar lie between: ``today``, ``tomorrow``, ``in 5 days``, ``3 days ago``."""
    days = (timezone.localdate(moment) - timezone.localdate(now)).days
    if days in (-1, 0, 1):
        return ("yesterday", "today", "tomorrow")[days + 1]
    return f"in {days} days" if days > 0 else f"{-days} days ago"


def balance(told: Any) -> str:
    """Through which accounts it runs, in a sentence with its counts; empty where nothing was earned."""
    counts = f"{told.personal:.0f} points personally, {told.brand:.0f} through the brand, in 180 days"
    if not told.personal and not told.brand:
        return ""
    first = next((one.person_name for one in told.people if one.person_name), None) or "one of us"
    meaning = {
        "unknown": "Too little to tell personal from brand",
        "brand": "They know the logo better than us",
        "one_person": f"It would leave with {first}",
        "healthy": "Personal and brand are in balance",
        "uneven": "Nearly all of it is personal" if (told.share or 0) > 0.9 else "Much of it runs through the brand",
    }[told.verdict]
    echo = f" {told.echo_agreeing} of {told.echo_all} experiences agree with what our brand says." if told.echo else ""
    return f"{meaning}: {counts}.{echo}"


def velocity(points: float | None) -> str:
    """Strength against 30 days before: ``+4``, ``−12``; empty where it is nothing or unknown."""
    if points is None or abs(points) < 0.5:
        return ""
    return f"{points:+.0f}".replace("-", "−")


def due(question: Any, now: datetime) -> str:
    """What a question's state means for whoever should answer it."""
    if question.state == "open":
        return f"answer due {distance(question.target_at, now)}"
    if question.state == "overdue":
        return f"was due {distance(question.target_at, now)}"
    return {"missed": "missed: it cools the relationship", "lapsed": "lapsed", "answered": "answered"}[question.state]


def answering(told: Answering) -> str:
    """How soon questions are answered, in a line; empty where none was asked and none is open."""
    if not told.asked and not told.open:
        return ""
    said = [f"{told.answered} of {told.asked} answered"]
    if told.median_hours is not None and told.p90_hours is not None:
        said.append(f"half within {_hours(told.median_hours)}, nine of ten within {_hours(told.p90_hours)}")
    if told.share_in_time is not None:
        said.append(f"{told.share_in_time:.0%} in time")
    if told.open:
        overdue = f", {told.overdue} of them overdue" if told.overdue else ""
        said.append(f"{told.open} open{overdue} (debt {told.debt:.1f})")
    return f"{'; '.join(said)}."


def _hours(hours: float) -> str:
    if hours < 1:
        return f"{max(1, round(60 * hours))} min"
    if hours < 10:
        return f"{hours:.1f} h"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.1f} days"


def gap_facts(gap: GapRow) -> list[str]:
    """What stands beside the coverage of a gap, a line each."""
    silence = f"longest silence {gap.longest_silence_days:.0f} days"
    if gap.longest_silence_rhythms is not None:
        silence += f", {gap.longest_silence_rhythms:.1f} × the usual"
    lines = [silence]
    if gap.two_way_share is not None:
        exchanges = "exchange" if gap.exchanges == 1 else "exchanges"
        lines.append(f"{gap.exchanges} {exchanges}, {gap.two_way_share:.0%} both ways")
    if gap.ideas_ours or gap.ideas_theirs:
        lines.append(f"ideas: {gap.ideas_ours} of yours, {gap.ideas_theirs} of theirs")
    if gap.through_brand:
        lines.append(f"{gap.through_brand} of {gap.through_brand + gap.through_personal} through the brand's account")
    if gap.open_questions:
        lines.append(f"{gap.open_questions} open question{'' if gap.open_questions == 1 else 's'}")
    return lines


def when(moment: datetime, precision: str, zone: str) -> str:
    """A moment in the reader's zone; days and months as they were said, in the zone they were said in."""
    if precision != "instant":
        said = moment.astimezone(ZoneInfo(zone))
        return f"{said.day} {said:%b %Y}" if precision == "day" else f"{said:%B %Y}"
    local = timezone.localtime(moment)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"
