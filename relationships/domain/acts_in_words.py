"""Events in a few words. The reader's side is "you", the client's "they"; what both do, "you" do as well."""

from __future__ import annotations

from .facts import Fact
from .wording import Day

# What either side may do: (what they did, what you did).
_ACTS = {
    "question_asked": ("they asked a question", "you asked a question"),
    "question_answered": ("they answered a question of yours", "you answered a question"),
    "answer_acknowledged": ("they took up an answer", "you took up an answer"),
    "comment_posted": ("they commented", "you commented"),
    "reply_posted": ("they replied", "you replied"),
    "message_sent": ("they wrote", "you wrote"),
    "idea_shared": ("they shared an idea", "you shared an idea"),
    "idea_discussed": ("they discussed an idea", "you discussed an idea"),
    "idea_adopted": ("they adopted an idea", "you adopted an idea"),
    "idea_declined": ("they declined an idea", "you declined an idea"),
    "introduction_made": ("they introduced somebody", "you introduced somebody"),
    "call_held": ("they called", "you called"),
    "mention_made": ("they mentioned you", "you mentioned them"),
    "content_shared": ("they shared something of yours", "you shared something of theirs"),
    "connection_made": ("they connected with you", "you connected with them"),
    "connection_ended": ("they ended a connection", "you ended a connection"),
    "reaction_added": ("they reacted", "you reacted"),
    "advocacy_given": ("they recommended you", "you recommended them"),
}
_MUTUAL = {
    "call_held": "you spoke on the phone",
    "introduction_made": "an introduction was made",
    "idea_shared": "you shared ideas",
    "advocacy_given": "you recommended each other",
    "connection_made": "you connected",
}
_OTHER = {
    "meeting_scheduled": "a meeting was planned",
    "meeting_answered": "a meeting was answered",
    "meeting_moved": "a meeting was moved",
    "meeting_cancelled": "a meeting was called off",
    "meeting_missed": "a meeting was missed",
    "meeting_outcome_noted": "the outcome of a meeting was noted",
    "commitment_made": "a promise was made",
    "commitment_kept": "a promise was kept",
    "commitment_broken": "a promise was broken",
    "project_started": "a joint project was started",
    "project_succeeded": "a joint project succeeded",
    "project_ended": "a joint project ended",
    "experience_reported": "they told of an experience",
    "brand_statement": "you made a statement",
    "client_registered": "it was registered",
    "client_updated": "its details were changed",
    "tier_changed": "its tier was changed",
    "contact_added": "somebody of theirs was added",
    "contact_updated": "somebody's details were changed",
    "contact_left": "somebody of theirs left",
    "owner_assigned": "it got an owner",
    "handover_started": "a hand-over was begun",
    "handover_completed": "a hand-over was completed",
    "relationship_ended": "you ended it",
    "relationship_reopened": "it was reopened",
    "note_added": "a note was made",
    "event_corrected": "an event was corrected",
    "event_retracted": "an event was retracted",
    "contacts_merged": "two of their people turned out to be one",
    "contacts_unmerged": "one of their people turned out to be two",
    "clients_merged": "two clients turned out to be one",
    "clients_unmerged": "one client turned out to be two",
    "import_reverted": "an import was reverted",
    "person_erased": "somebody of theirs was erased",
}


def act(fact: Fact) -> str:
    """One event in a few words, without its date: "you met in person"."""
    kind, direction = fact.type, fact.data.get("direction")
    if kind == "meeting_held":
        return "you met in person" if fact.data.get("mode") == "in_person" else "you met by video"
    if kind == "meeting_answered":
        return {"accepted": "a meeting was accepted", "declined": "a meeting was declined"}.get(
            fact.data.get("answer", ""), _OTHER[kind]
        )
    if kind in _ACTS:
        theirs, ours = _ACTS[kind]
        if direction == "inbound" or (direction is None and kind != "question_answered"):
            return theirs
        return ours if direction != "mutual" else _MUTUAL.get(kind, ours)
    return _OTHER.get(kind, kind.replace("_", " "))


def phrase(fact: Fact, day: Day) -> str:
    """One event in a few words, with its date: "you met in person on 3 Sep 2026"."""
    return f"{act(fact)} on {day(fact.at)}"
