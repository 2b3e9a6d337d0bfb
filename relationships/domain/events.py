"""The vocabulary: every type of event, as one frozen dataclass.

A field's `Spec` says what it may hold and whether it is personal text. From the dataclass follow validation (`clean`),
what is sealed (`split`), the JSON Schema (`json_schema`), the API's document, the forms and the table in
`docs/events.md`. A type exists only if some rule, screen or report reads it. Source: `model.md` §2.

To add one: write its dataclass here, in the family it belongs to, with `@event(...)`, and the rule that reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar, cast

from .fields import Errors, FieldError, Spec, check, escaped, schema, shown, spec, unknown_field
from .policy import DEFAULT_POLICY, TIERS

__all__ = ["EVENT_TYPES", "EventType", "FieldError", "InvalidData", "UnknownType", "clean", "json_schema", "split"]

CHANNELS = (
    "in_person",
    "video",
    "phone",
    "direct_message",
    "email",
    "public_thread",
    "broadcast",
    "shared_event",
    "letter",
    "other",
)
DIRECTIONS = ("inbound", "outbound", "mutual")
ACCOUNTS = ("personal", "brand")
MODES = ("in_person", "video")
OUTCOMES = ("decision", "next_step", "information", "none")
GRADES = ("good", "mixed", "bad")
SIDES = ("ours", "theirs", "both")
ANSWERS = ("accepted", "tentative", "declined")


class UnknownType(ValueError):
    """There is no event type of that name."""

    def __init__(self, name: object) -> None:
        super().__init__(f"There is no event type {shown(name)}: see /api/v1/event-types for those there are.")


class InvalidData(ValueError):
    """The data of an event is not what its type allows; `errors` names each place."""

    def __init__(self, errors: Errors) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{error.pointer or '/'}: {error.detail}" for error in self.errors))


@dataclass(frozen=True, slots=True)
class EventType:
    """One entry of the vocabulary.

    `kind` is its family; `postable` says whether outsiders may append it as such, or whether another resource makes it;
    `spoken` whether it can be two-way; `default_direction` is taken when none is said; `sealed` names the fields of
    personal text; `points` is what it earns under the first policy (0: nothing, or not by itself).
    """

    name: str
    version: int
    record: type
    kind: str
    postable: bool
    spoken: bool
    default_direction: str | None
    sealed: tuple[str, ...]
    specs: Mapping[str, Spec]
    summary: str
    points: float
    example: Mapping[str, Any]


EVENT_TYPES: dict[str, EventType] = {}

Record = TypeVar("Record", bound=type)


def event(
    kind: str,
    summary: str,
    example: Mapping[str, Any],
    *,
    direction: str | None = None,
    spoken: bool = False,
    postable: bool = True,
) -> Callable[[Record], Record]:
    """Enters a dataclass in the vocabulary, under its name in snake case."""

    def enter(record: Record) -> Record:
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in record.__name__).lstrip("_")
        specs = {f.name: f.metadata["spec"] for f in fields(record)}
        EVENT_TYPES[name] = EventType(
            name=name,
            version=1,
            record=record,
            kind=kind,
            postable=postable,
            spoken=spoken,
            default_direction=direction or (specs["direction"].default if "direction" in specs else None),
            sealed=tuple(field for field, spec in specs.items() if spec.sealed),
            specs=specs,
            summary=summary,
            points=DEFAULT_POLICY.points.get(name, 0.0),
            example=example,
        )
        return record

    return enter


def record(cls: Record) -> Record:
    """A frozen dataclass whose fields are named, not counted."""
    return cast(Record, dataclass(frozen=True, slots=True, kw_only=True)(cls))


# ---------------------------------------------------------------------- exchanges

# Examples can be posted as they stand: people by address, earlier events by what their source calls them. Only
# corrections and what other resources make need ids.
ANN, US, SAID_BEFORE = "ann@brightwater.example", "ida.falk@example.com", "T-1043/1"
AN_ID = "0190c7a4-7b1e-7cc3-9a52-5d5b0f1a2b3c"
EVENT = "0190c7a4-8000-7cc3-9a52-0000000000e1"
SAID = {"channel": "email", "contacts": [ANN], "our_people": [US]}


@record
class Exchange:
    """What every exchange says: how, which way, between whom."""

    channel: str | None = spec("choice", "How it was said.", choices=CHANNELS, default="other")
    platform: str | None = spec("text", "Where: linkedin, x, mastodon, bluesky …; free.", most=60)
    direction: str | None = spec("choice", "From the client, from us, or from both.", choices=DIRECTIONS)
    contacts: list[Any] | None = spec(
        "people", "Their people; the first is the one who spoke or was spoken to.", most=100
    )
    our_people: list[Any] | None = spec("people", "Our people, the one who spoke first.", most=100)
    our_account: str | None = spec("choice", "Which of our accounts spoke.", choices=ACCOUNTS, default="personal")
    their_account: str | None = spec("choice", "Which of their accounts spoke.", choices=ACCOUNTS, default="personal")
    thread: str | None = spec("text", "The conversation, by the platform's own name.", most=255)
    in_reply_to: str | None = spec(
        "text", "The event id or external id of what this replies to; may not have arrived yet.", most=255
    )
    topics: list[str] | None = spec("texts", "What it was about, in a word or two each.", most=20)
    url: str | None = spec("text", "Where it can be read.", most=2000, sealed=True)


@event(
    "exchange",
    "They asked something: of us, or in public.",
    {**SAID, "direction": "inbound", "topics": ["delivery times"]},
    direction="inbound",
    spoken=True,
)
@record
class QuestionAsked(Exchange):
    pass


@event(
    "exchange",
    "A question was answered: the most basic way to begin a relationship.",
    {**SAID, "direction": "outbound", "in_reply_to": SAID_BEFORE},
    direction="outbound",
    spoken=True,
)
@record
class QuestionAnswered(Exchange):
    pass


@event(
    "exchange",
    "They took an answer up: thanked for it, or said that it helped.",
    {**SAID, "direction": "inbound", "in_reply_to": SAID_BEFORE},
    direction="inbound",
    spoken=True,
)
@record
class AnswerAcknowledged(Exchange):
    pass


@event(
    "exchange",
    "A comment under something public.",
    {**SAID, "channel": "public_thread", "platform": "linkedin", "direction": "inbound"},
    spoken=True,
)
@record
class CommentPosted(Exchange):
    pass


@event(
    "exchange",
    "A reply in a conversation.",
    {**SAID, "direction": "outbound", "in_reply_to": SAID_BEFORE},
    spoken=True,
)
@record
class ReplyPosted(Exchange):
    pass


@event("exchange", "A message, by mail or directly.", {**SAID, "direction": "inbound"}, spoken=True)
@record
class MessageSent(Exchange):
    pass


@event(
    "exchange",
    "One side named the other in public.",
    {**SAID, "channel": "public_thread", "platform": "mastodon", "direction": "inbound"},
)
@record
class MentionMade(Exchange):
    pass


@event(
    "exchange",
    "One side passed on what the other had published.",
    {**SAID, "channel": "public_thread", "platform": "linkedin", "direction": "outbound"},
)
@record
class ContentShared(Exchange):
    pass


@event(
    "exchange",
    "Two accounts were connected: a follow, an accepted invitation.",
    {**SAID, "channel": "public_thread", "platform": "linkedin", "direction": "inbound"},
)
@record
class ConnectionMade(Exchange):
    pass


@event(
    "exchange",
    "A connection was given up.",
    {**SAID, "channel": "public_thread", "platform": "linkedin", "direction": "inbound"},
)
@record
class ConnectionEnded(Exchange):
    pass


@event(
    "exchange",
    "A like or another sign without words.",
    {**SAID, "channel": "public_thread", "platform": "bluesky", "direction": "inbound"},
)
@record
class ReactionAdded(Exchange):
    pass


@event(
    "exchange",
    "One side gave the other an idea.",
    {**SAID, "direction": "outbound", "line": "Deliver twice a week in summer", "topics": ["logistics"]},
    spoken=True,
)
@record
class IdeaShared(Exchange):
    line: str | None = spec("text", "The idea in one line.", most=300, sealed=True)


@event(
    "exchange",
    "An idea was talked over.",
    {**SAID, "direction": "mutual", "channel": "video", "in_reply_to": SAID_BEFORE},
    spoken=True,
)
@record
class IdeaDiscussed(Exchange):
    pass


@event(
    "exchange",
    "An idea was taken up.",
    {**SAID, "direction": "inbound", "in_reply_to": SAID_BEFORE},
    spoken=True,
)
@record
class IdeaAdopted(Exchange):
    pass


@event(
    "exchange",
    "An idea was turned down: also an answer.",
    {**SAID, "direction": "inbound", "in_reply_to": SAID_BEFORE},
    spoken=True,
)
@record
class IdeaDeclined(Exchange):
    pass


@event(
    "exchange",
    "Somebody made two people known to each other.",
    {**SAID, "direction": "mutual", "introduced": ["Ann Lee", "Our plant manager"]},
    direction="mutual",
    spoken=True,
)
@record
class IntroductionMade(Exchange):
    introduced: list[str] | None = spec("texts", "The two people, in words.", most=2, sealed=True)


@event(
    "exchange",
    "A talk on the phone or by video without an appointment.",
    {**SAID, "direction": "mutual", "channel": "phone", "minutes": 20},
    direction="mutual",
    spoken=True,
)
@record
class CallHeld(Exchange):
    minutes: int | None = spec("integer", "How long it took.", most=10_080)


@event(
    "advocacy",
    "They recommended us, gave a reference, or spoke beside us.",
    {**SAID, "direction": "inbound", "form": "reference"},
    direction="inbound",
)
@record
class AdvocacyGiven(Exchange):
    form: str | None = spec("choice", "What it was.", choices=("referral", "reference", "joint_talk"))


# ---------------------------------------------------------------------- meetings


@record
class AboutMeeting:
    """What every event about a meeting may name."""

    meeting_id: str | None = spec(
        "text",
        "Which meeting: the calendar's id, or any name of its own; without one, the event's own id.",
        most=255,
    )
    direction: str | None = spec("choice", "A meeting is of both sides.", choices=DIRECTIONS, default="mutual")
    contacts: list[Any] | None = spec("people", "Their people.", most=1000)
    our_people: list[Any] | None = spec("people", "Our people.", most=1000)


@record
class AboutKnownMeeting(AboutMeeting):
    meeting_id: str | None = spec("text", "Which meeting.", most=255, required=True)


MEETING = {"meeting_id": "2026-q3-review@calendar.example", "contacts": [ANN], "our_people": [US]}


@event(
    "meeting",
    "A meeting was planned. The plan is a fact of today about tomorrow.",
    {
        **MEETING,
        "starts_at": "2026-09-03T08:00:00Z",
        "ends_at": "2026-09-03T09:30:00Z",
        "mode": "in_person",
        "agenda": "Review of the third quarter",
    },
)
@record
class MeetingScheduled(AboutMeeting):
    starts_at: str | None = spec("time", "When it is to begin.", required=True)
    ends_at: str | None = spec("time", "When it is to end; an hour later when nothing is said.")
    mode: str | None = spec("choice", "In person or by video.", choices=MODES)
    place: str | None = spec("text", "Where.", most=300, sealed=True)
    agenda: str | None = spec("text", "What for.", most=2000, sealed=True)
    topics: list[str] | None = spec("texts", "What about, in a word or two each.", most=20)


@event("meeting", "Somebody invited answered.", {**MEETING, "answer": "accepted"})
@record
class MeetingAnswered(AboutKnownMeeting):
    answer: str | None = spec("choice", "What they said.", choices=ANSWERS, required=True)


@event(
    "meeting",
    "A planned meeting was moved to another time.",
    {**MEETING, "new_starts_at": "2026-09-10T08:00:00Z", "by": "theirs"},
)
@record
class MeetingMoved(AboutKnownMeeting):
    new_starts_at: str | None = spec("time", "When it is to begin now.", required=True)
    new_ends_at: str | None = spec("time", "When it is to end now; as long as before when nothing is said.")
    by: str | None = spec("choice", "Who moved it.", choices=SIDES)
    reason: str | None = spec("text", "Why.", most=1000, sealed=True)


@event("meeting", "A planned meeting was called off.", {**MEETING, "by": "ours", "reason": "Illness"})
@record
class MeetingCancelled(AboutKnownMeeting):
    by: str | None = spec("choice", "Who called it off.", choices=SIDES)
    reason: str | None = spec("text", "Why.", most=1000, sealed=True)


@event(
    "meeting",
    "A meeting took place: the only kind that counts.",
    {**MEETING, "mode": "in_person", "minutes": 90, "outcome": "next_step"},
)
@record
class MeetingHeld(AboutMeeting):
    mode: str | None = spec("choice", "In person or by video.", choices=MODES, required=True)
    minutes: int | None = spec("integer", "How long it took.", most=10_080)
    outcome: str | None = spec("choice", "What came of it.", choices=OUTCOMES)
    place: str | None = spec("text", "Where.", most=300, sealed=True)
    topics: list[str] | None = spec("texts", "What about, in a word or two each.", most=20)


@event("meeting", "A planned meeting did not take place: somebody was absent.", {**MEETING, "absent": "theirs"})
@record
class MeetingMissed(AboutKnownMeeting):
    absent: str | None = spec("choice", "Who was absent.", choices=SIDES)
    reason: str | None = spec("text", "Why.", most=1000, sealed=True)


@event("meeting", "What came of a meeting, noted later.", {**MEETING, "outcome": "decision"})
@record
class MeetingOutcomeNoted(AboutKnownMeeting):
    outcome: str | None = spec("choice", "What came of it.", choices=OUTCOMES, required=True)


# ---------------------------------------------------------------------- commitments, projects, echo


@record
class WithPeople:
    contacts: list[Any] | None = spec("people", "Their people.", most=100)
    our_people: list[Any] | None = spec("people", "Our people.", most=100)


@event(
    "commitment",
    "Somebody promised something.",
    {"commitment_id": "offer-17", "what": "Send the offer", "due": "2026-09-10T15:00:00Z", "by": "ours"},
)
@record
class CommitmentMade(WithPeople):
    commitment_id: str | None = spec("text", "Its own name; the event's id when silent.", most=255)
    what: str | None = spec("text", "What was promised.", most=500, sealed=True)
    due: str | None = spec("time", "By when.")
    by: str | None = spec("choice", "Who promised.", choices=("ours", "theirs"), default="ours")


@event("commitment", "A promise was kept.", {"commitment_id": "offer-17"})
@record
class CommitmentKept(WithPeople):
    commitment_id: str | None = spec("text", "Which promise.", most=255, required=True)


@event("commitment", "A promise was broken.", {"commitment_id": "offer-17", "reason": "Forgotten"})
@record
class CommitmentBroken(WithPeople):
    commitment_id: str | None = spec("text", "Which promise.", most=255, required=True)
    reason: str | None = spec("text", "Why.", most=1000, sealed=True)


@record
class AboutProject(WithPeople):
    name: str | None = spec("text", "The project's name, which joins its events.", required=True)


@event("project", "A joint project was started.", {"name": "Cold chain 2027"})
@record
class ProjectStarted(AboutProject):
    pass


@event("project", "A joint project succeeded.", {"name": "Cold chain 2027", "measure": "Waste down by a third"})
@record
class ProjectSucceeded(AboutProject):
    measure: str | None = spec("text", "By what it is known.", most=500, sealed=True)


@event("project", "A joint project ended without success.", {"name": "Cold chain 2027"})
@record
class ProjectEnded(AboutProject):
    reason: str | None = spec("text", "Why.", most=1000, sealed=True)


@event(
    "echo",
    "What they say they live with us, offline.",
    {"topic": "punctuality", "grade": "good", "statement": "site/punctuality", "agrees": True, "contacts": [ANN]},
)
@record
class ExperienceReported(WithPeople):
    topic: str | None = spec("text", "What about.", most=80, required=True)
    grade: str | None = spec("choice", "How it was.", choices=GRADES, required=True)
    statement: str | None = spec(
        "text", "The event id or external id of the brand statement that a person linked it to.", most=255
    )
    agrees: bool | None = spec("boolean", "Whether it agrees with that statement.")


@event("echo", "What our brand says of itself, online.", {"topic": "punctuality", "grade": "good"})
@record
class BrandStatement:
    topic: str | None = spec("text", "What about.", most=80, required=True)
    grade: str | None = spec("choice", "How it is said to be.", choices=GRADES)
    url: str | None = spec("text", "Where it can be read.", most=2000, sealed=True)


# ---------------------------------------------------------------------- roster and care


@record
class ClientDetails:
    name: str | None = spec("text", "The firm's name.")
    tier: str | None = spec("choice", "How closely it is kept.", choices=TIERS)
    time_zone: str | None = spec("zone", "Its IANA zone, in which question targets count.", most=64)
    tags: list[str] | None = spec("texts", "Words of your own.", most=50, each=80)
    domains: list[str] | None = spec("texts", "Its internet domains.", most=50, each=253)
    owner: str | None = spec("id", "The colleague who looks after it.")
    external_ids: list[dict[str, str]] | None = spec("externals", "Its names in other systems.", most=50)
    remote_only: bool | None = spec("boolean", "Whether video stands for meeting in person.")


@event(
    "roster",
    "A client entered the roster.",
    {"name": "Brightwater Foods", "tier": "key", "time_zone": "Europe/Berlin"},
    postable=False,
)
@record
class ClientRegistered(ClientDetails):
    name: str | None = spec("text", "The firm's name.", required=True)


@event("roster", "Details of a client changed.", {"tags": ["food"]}, postable=False)
@record
class ClientUpdated(ClientDetails):
    pass


@event("roster", "A client is kept more or less closely from now on.", {"tier": "key"})
@record
class TierChanged:
    tier: str | None = spec("choice", "How closely it is kept.", choices=TIERS, required=True)


@record
class ContactDetails:
    contact_id: str | None = spec("id", "Which contact.", required=True)
    name: str | None = spec("text", "The person's name.", sealed=True)
    role: str | None = spec("text", "What they do there.", most=120, sealed=True)
    handles: list[dict[str, str]] | None = spec(
        "handles", "Accounts and addresses; an e-mail address has the platform `email`.", most=50, sealed=True
    )


@event(
    "roster",
    "A person at the client became known.",
    {
        "contact_id": AN_ID,
        "name": "Ann Lee",
        "role": "Buyer",
        "handles": [{"platform": "email", "handle": "ann@brightwater.example"}],
    },
    postable=False,
)
@record
class ContactAdded(ContactDetails):
    pass


@event("roster", "Details of a contact changed.", {"contact_id": AN_ID, "role": "Head of purchasing"}, postable=False)
@record
class ContactUpdated(ContactDetails):
    pass


@event("roster", "A contact left the client.", {"contact_id": ANN})
@record
class ContactLeft:
    contact_id: str | None = spec("person", "Which contact.", required=True)


@event("roster", "Another colleague looks after the client.", {"owner": AN_ID, "previous": EVENT}, postable=False)
@record
class OwnerAssigned:
    owner: str | None = spec("id", "The colleague who looks after it now; nobody when left out.")
    previous: str | None = spec("id", "The one who did so before.")


@record
class Handover:
    from_colleague: str | None = spec("person", "Who hands over.")
    to_colleague: str | None = spec("person", "Who takes over.")


@event("roster", "A hand-over to another colleague began.", {"to_colleague": US})
@record
class HandoverStarted(Handover):
    pass


@event("roster", "A hand-over is done.", {"to_colleague": US})
@record
class HandoverCompleted(Handover):
    pass


@event("roster", "The relationship was said to be over.", {"reason": "They closed the branch"})
@record
class RelationshipEnded:
    reason: str | None = spec("text", "Why.", most=1000, sealed=True)


@event("roster", "The relationship was taken up again.", {"reason": "New owner"})
@record
class RelationshipReopened:
    reason: str | None = spec("text", "Why.", most=1000, sealed=True)


@event("roster", "A note: its words are the event's text.", {"topics": ["history"]})
@record
class NoteAdded(WithPeople):
    topics: list[str] | None = spec("texts", "What about, in a word or two each.", most=20)


# ---------------------------------------------------------------------- about events


@event(
    "about",
    "An earlier event was wrong: this is how it was.",
    {"event_id": EVENT, "reason": "Wrong day", "occurred_at": "2026-06-02T09:00:00Z"},
)
@record
class EventCorrected:
    event_id: str | None = spec("id", "The event, or its latest correction.", required=True)
    contact_id: str | None = spec("id", "Whose event it is, filled in where `data` names nobody: the reason is theirs.")
    reason: str | None = spec("text", "Why it is corrected.", most=1000, required=True, sealed=True)
    occurred_at: str | None = spec("time", "When it did happen; as before when left out.")
    precision: str | None = spec("choice", "How exactly that is known.", choices=("instant", "day", "month"))
    data: dict[str, Any] | None = spec("object", "All of its data, anew; as before when left out.")


@event("about", "An earlier event never happened.", {"event_id": EVENT, "reason": "Entered twice"})
@record
class EventRetracted:
    event_id: str | None = spec("id", "The event, or its latest correction.", required=True)
    contact_id: str | None = spec("id", "Whose event it is, filled in where `data` names nobody: the reason is theirs.")
    reason: str | None = spec("text", "Why it is withdrawn.", most=1000, required=True, sealed=True)


@record
class Merge:
    merged: str | None = spec("id", "The one that is folded into the other.", required=True)
    into: str | None = spec("id", "The one that stays.", required=True)


@event("about", "Two contacts are one person.", {"merged": AN_ID, "into": EVENT}, postable=False)
@record
class ContactsMerged(Merge):
    pass


@event("about", "Two contacts are two people after all.", {"merged": AN_ID, "into": EVENT}, postable=False)
@record
class ContactsUnmerged(Merge):
    pass


@event("about", "Two clients are one firm.", {"merged": AN_ID, "into": EVENT}, postable=False)
@record
class ClientsMerged(Merge):
    pass


@event("about", "Two clients are two firms after all.", {"merged": AN_ID, "into": EVENT}, postable=False)
@record
class ClientsUnmerged(Merge):
    pass


@event(
    "about",
    "An import was taken back; each of its events has a retraction.",
    {"import_id": EVENT, "reason": "Wrong file"},
    postable=False,
)
@record
class ImportReverted:
    import_id: str | None = spec("id", "Which import.", required=True)
    reason: str | None = spec("text", "Why.", most=1000, sealed=True)


@event("about", "A person's key was destroyed.", {"contact_id": AN_ID, "handle_macs": ["9f86d081"]}, postable=False)
@record
class PersonErased:
    contact_id: str | None = spec("id", "Whose text is gone.", required=True)
    handle_macs: list[str] | None = spec(
        "texts", "Keyed digests of the person's handles, so that an import knows them again.", most=200
    )
    reason: str | None = spec("text", "Why, without their name: this stays.", most=1000, sealed=True)


@event("policy", "The rules changed: the whole policy from now on.", {"version": 2, "policy": {}}, postable=False)
@record
class PolicyAdopted:
    version: int | None = spec("integer", "The policy's version.", most=1_000_000, required=True)
    policy: dict[str, Any] | None = spec("object", "The whole policy.", required=True)
    reason: str | None = spec("text", "Why.", most=1000, sealed=True)


# ---------------------------------------------------------------------- what follows from the dataclasses

# Personal fields of what may be corrected: in a correction's `data` they are sealed as well, whatever its type.
_PERSONAL = frozenset(name for kind in EVENT_TYPES.values() if kind.postable for name in kind.sealed)


def clean(type: str, data: Mapping[str, Any], *, resolved: bool = True) -> dict[str, Any]:
    """The data of an event as it is stored: checked, times in UTC, silent directions and accounts filled in.

    With `resolved`, contacts and our people must be ids; without it they may still be e-mail addresses or accounts.
    Fields that are None count as left out. The `data` of a correction is taken as it is: whoever knows the type of
    what it corrects cleans it by that. Raises UnknownType, and InvalidData naming every fault.
    """
    kind = EVENT_TYPES.get(type) if isinstance(type, str) else None
    if kind is None:
        raise UnknownType(type)
    if not isinstance(data, Mapping):
        raise InvalidData([FieldError("", "wrong_type", f"{shown(data)} is not an object.")])
    errors: Errors = []
    found: dict[str, Any] = {}
    for name, value in data.items():
        one = kind.specs.get(name)
        if one is None:
            errors.append(unknown_field(f"/{escaped(name)}", name, tuple(kind.specs)))
        elif value is not None:
            found[name] = check(value, one, f"/{name}", errors, resolved=resolved)
    for name, one in kind.specs.items():
        if name not in found and one.default is not None:
            found[name] = one.default
        if name not in found and one.required:
            errors.append(FieldError(f"/{name}", "required", f"`{name}` is missing: {one.doc}"))
    if "direction" in kind.specs and "direction" not in found:
        if kind.default_direction is None:
            detail = f"`direction` is missing: say {', '.join(DIRECTIONS)}."
            errors.append(FieldError("/direction", "required", detail))
        else:
            found["direction"] = kind.default_direction
    _check_order(found, errors)
    if errors:
        raise InvalidData(errors)
    return found


def _check_order(found: dict[str, Any], errors: Errors) -> None:
    for begins, ends in (("starts_at", "ends_at"), ("new_starts_at", "new_ends_at")):
        one, other = found.get(begins), found.get(ends)
        if isinstance(one, str) and isinstance(other, str) and not errors and other < one:
            errors.append(FieldError(f"/{ends}", "before_start", f"It ends at {other}, before it begins at {one}."))


def split(type: str, data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Clean data in two: what rules read, and what is personal and is stored sealed."""
    sealed = EVENT_TYPES[type].sealed
    clear = dict(data)
    personal = {name: clear.pop(name) for name in sealed if name in clear}
    inner = clear.get("data")
    if type == "event_corrected" and isinstance(inner, dict):
        clear["data"] = {name: value for name, value in inner.items() if name not in _PERSONAL}
        hidden = {name: value for name, value in inner.items() if name in _PERSONAL}
        if hidden:
            personal["data"] = hidden
    return clear, personal


def json_schema(type: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the data of an event type, before people are resolved. Raises UnknownType."""
    kind = EVENT_TYPES.get(type)
    if kind is None:
        raise UnknownType(type)
    required = [name for name, one in kind.specs.items() if one.required]
    if "direction" in kind.specs and kind.default_direction is None:
        required.append("direction")
    properties = {name: schema(one) for name, one in kind.specs.items()}
    if kind.default_direction is not None and "direction" in properties:
        properties["direction"]["default"] = kind.default_direction
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": type,
        "description": kind.summary,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        "examples": [dict(kind.example)],
    }
