"""The shapes of answers: which fields of a query's row go out, and what each means.

A serializer here is an allow-list: a field that a row has and the serializer has not stays inside. Its class is also
the component of the OpenAPI document, with `example` as its example. What comes in is checked by commands; its shape
is `relationships.api.requests`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, ClassVar

from rest_framework import serializers

from relationships.domain.judgement import HEALTHS, STAGES
from relationships.domain.policy import TIERS
from relationships.queries import agenda

from .examples import CHAIN_HASH, CLIENT, COLLEAGUE, CONTACT, EARLIER, EVENT, LATER, NOW, QUESTION, SINCE

BANDS = ("unknown", "faint", "forming", "firm", "strong")
GAP_STATES = ("bridged", "patchy", "broken")


class Answer(serializers.Serializer[Any]):
    """Writes rows of `queries` as they are: times stay times until the renderer writes them."""

    example: ClassVar[Mapping[str, Any]]

    @classmethod
    def written(cls, row: Any) -> dict[str, Any]:
        """One row as it goes out."""
        return {
            name: _nested(shape, many, getattr(row, source)) if shape else getattr(row, source)
            for name, source, shape, many in _plan(cls)
        }

    @classmethod
    def list_of(cls, rows: Iterable[Any]) -> list[dict[str, Any]]:
        """Many rows as they go out."""
        return [cls.written(row) for row in rows]


@cache
def _plan(cls: type[Answer]) -> tuple[tuple[str, str, type[Answer] | None, bool], ...]:
    """Per field its name, its attribute of the row, and the serializer of what it nests. Looked up once a class."""
    steps = []
    for name, field in cls().fields.items():
        many = isinstance(field, serializers.ListSerializer)
        inner = field.child if isinstance(field, serializers.ListSerializer) else field
        steps.append((name, field.source or name, type(inner) if isinstance(inner, Answer) else None, many))
    return tuple(steps)


def _nested(shape: type[Answer], many: bool, value: Any) -> Any:
    if value is None:
        return None
    return shape.list_of(value) if many else shape.written(value)


# ---------------------------------------------------------------------- kinds of fields


def string(meaning: str, *, null: bool = False, source: str | None = None) -> serializers.CharField:
    return serializers.CharField(help_text=meaning, allow_null=null, source=source)


def identity(meaning: str, *, null: bool = False, source: str | None = None) -> serializers.UUIDField:
    return serializers.UUIDField(help_text=meaning, allow_null=null, source=source)


def moment(meaning: str, *, null: bool = False) -> serializers.DateTimeField:
    return serializers.DateTimeField(help_text=meaning, allow_null=null)


def whole(meaning: str, *, null: bool = False, source: str | None = None) -> serializers.IntegerField:
    return serializers.IntegerField(help_text=meaning, allow_null=null, source=source)


def number(meaning: str, *, null: bool = False) -> serializers.FloatField:
    return serializers.FloatField(help_text=meaning, allow_null=null)


def flag(meaning: str) -> serializers.BooleanField:
    return serializers.BooleanField(help_text=meaning)


def one_of(choices: Iterable[str], meaning: str, *, null: bool = False) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=list(choices), help_text=meaning, allow_null=null)


def texts(meaning: str) -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(), help_text=meaning)


def identities(meaning: str) -> serializers.ListField:
    return serializers.ListField(child=serializers.UUIDField(), help_text=meaning)


# ---------------------------------------------------------------------- clients


class ExternalIdSerializer(Answer):
    """What another system calls a client."""

    source = string("The system.")  # type: ignore[assignment]
    id = string("Its id there.")
    example = {"source": "crm", "id": "4711"}


class ClientSerializer(Answer):
    """A client and where it stands now."""

    id = identity("The client, and its stream of events.")
    name = string("As it is written.")
    tier = one_of(TIERS, "How closely it is kept.")
    time_zone = string("IANA name of its zone.")
    remote_only = flag("Whether video stands for meeting in person.")
    tags = texts("Words of yours.")
    domains = texts("Its internet domains.")
    owner = identity("Who of us looks after it.", null=True)
    owner_name = string("The same by name.", null=True)
    external_ids = ExternalIdSerializer(many=True, help_text="What other systems call it.")
    version = whole("Number of its latest event; the ETag is made of it.")
    stage = one_of(STAGES, "Where it stands; null until its first event is worked in.", null=True)
    stage_since = moment("Since when.", null=True)
    reached = one_of(STAGES, "The highest stage ever.", null=True)
    reached_at = moment("When that first began.", null=True)
    health = one_of(HEALTHS, "How the relationship does within its stage.", null=True)
    strength = number("0 to 100; null before the first contact.", null=True)
    band = one_of(BANDS, "Strength in a word.")
    velocity = number("Strength now less strength 30 days ago.", null=True)
    last_contact_at = moment("The latest contact.", null=True)
    next_meeting_at = moment("Start of the next planned meeting.", null=True)
    next_change_at = moment("When stage or health change next if nothing more happens.", null=True)
    next_stage = one_of(STAGES, "The stage from then on.", null=True)
    next_health = one_of(HEALTHS, "The health from then on.", null=True)
    open_questions = whole("Questions of theirs that nobody has answered.")
    created_at = moment("When it was registered.")
    settled = flag("False while its newest events are not worked in, or cannot be.")
    example = {
        "id": CLIENT,
        "name": "Nordlicht Bakery",
        "tier": "key",
        "time_zone": "Europe/Berlin",
        "remote_only": False,
        "tags": ["food"],
        "domains": ["nordlicht.example"],
        "owner": COLLEAGUE,
        "owner_name": "Ida Falk",
        "external_ids": [ExternalIdSerializer.example],
        "version": 7,
        "stage": "met",
        "stage_since": SINCE,
        "reached": "met",
        "reached_at": SINCE,
        "health": "active",
        "strength": 41.7,
        "band": "forming",
        "velocity": 3.2,
        "last_contact_at": EARLIER,
        "next_meeting_at": None,
        "next_change_at": LATER,
        "next_stage": "met",
        "next_health": "cooling",
        "open_questions": 1,
        "created_at": SINCE,
        "settled": True,
    }


# ---------------------------------------------------------------------- events


class EventSerializer(Answer):
    """One event as it stands in the log."""

    event_id = identity("UUIDv7.")
    client_id = identity("Whose stream it is in; null for events of the organisation.", null=True)
    version = whole("1, 2, 3 … within the client.")
    ledger = whole("The log it is in.")
    position = whole("1, 2, 3 … within the log, without holes.")
    type = string("See /api/v1/event-types.")
    type_version = whole("Version of the type.")
    occurred_at = moment("When it happened.")
    occurred_tz = string("IANA name of the zone it was said in.")
    precision = one_of(("instant", "day", "month"), "How exact that is.")
    recorded_at = moment("When we learnt it.")
    recorded_by = string("`user:…`, `key:…` or `system:…`.")
    source = string("What reported it.", null=True)  # type: ignore[assignment]
    external_id = string("Its id there.", null=True)
    request_id = string("The X-Request-Id it came with.", null=True)
    data = serializers.DictField(  # type: ignore[assignment]
        help_text="What the type says; personal fields only with the scope text:read."
    )
    text = string("The words; null without the scope text:read.", null=True)
    sealed = flag("Whether personal text belongs to it.")
    supersedes = identity("The event that this corrects or retracts.", null=True)
    superseded_by = identity("The correction or retraction that holds now.", null=True)
    chain_hash = string("SHA-256 that binds it to all before it; hexadecimal.")
    example = {
        "event_id": EVENT,
        "client_id": CLIENT,
        "version": 7,
        "ledger": 1,
        "position": 1289,
        "type": "question_answered",
        "type_version": 1,
        "occurred_at": EARLIER,
        "occurred_tz": "Europe/Berlin",
        "precision": "instant",
        "recorded_at": NOW,
        "recorded_by": "key:5f2a9c0d11e4",
        "source": "helpdesk",
        "external_id": "T-1043/2",
        "request_id": "0f2c9d1e",
        "data": {
            "channel": "email",
            "direction": "outbound",
            "contacts": [CONTACT],
            "our_people": [COLLEAGUE],
            "our_account": "personal",
            "their_account": "personal",
            "in_reply_to": QUESTION,
        },
        "text": "The oven can be delivered in May.",
        "sealed": True,
        "supersedes": None,
        "superseded_by": None,
        "chain_hash": CHAIN_HASH,
    }


class RedactedEventSerializer(Answer):
    """An event of the log that the reader may not see: enough to prove that none is missing."""

    ledger = whole("The log it is in.")
    position = whole("Its place there.")
    chain_hash = string("SHA-256 that binds it to all before it; hexadecimal.")
    redacted = serializers.ChoiceField(choices=[True], help_text="Always true.")
    example = {"ledger": 1, "position": 1290, "chain_hash": CHAIN_HASH, "redacted": True}


class HeadSerializer(Answer):
    """The end of the log."""

    ledger = whole("The log.")
    position = whole("The position of its last event; 0 when it is empty.")
    cursor = string("Reads what comes after it, as `after`.")
    chain_hash = string("SHA-256 over the whole log; hexadecimal.")
    example = {"ledger": 1, "position": 1289, "cursor": "WyJmZWVkMSIsMSwxLDEyODld", "chain_hash": CHAIN_HASH}


# ---------------------------------------------------------------------- where clients stand


class Asked(Answer):
    """What an answer rests on."""

    as_of = moment("The moment it is about.")
    known_at = moment("What was known: everything recorded by then.")
    position = whole("The last event of the log that was known.")
    policy = whole("Version of the rules.")
    settled = flag("False while a client asked about is not worked in, or cannot be.")
    asked_example = {"as_of": NOW, "known_at": NOW, "position": 1289, "policy": 1, "settled": True}


class BecauseSerializer(Answer):
    """An event that an answer rests on."""

    event_id = identity("The event.")
    type = string("Its type.")
    occurred_at = moment("When it happened.")
    phrase = string("It in a few words.")
    example = {
        "event_id": EVENT,
        "type": "meeting_held",
        "occurred_at": SINCE,
        "phrase": "you met in person on 3 September 2026",
    }


class SentencePartSerializer(Answer):
    """A piece of the sentence."""

    text = string("The words.")
    event_id = identity("The event that they name, if any.", null=True)
    example = {"text": "you met in person on 3 September 2026", "event_id": EVENT}


class NextSerializer(Answer):
    """The stage above."""

    stage = one_of(STAGES, "Which.")
    missing = texts("What is missing for it, in words.")
    example = {"stage": "bridging", "missing": ["a second meeting"]}


class StageSerializer(Asked):
    """Where a client stands at a moment, and why."""

    client_id = identity("The client.")
    stage = one_of(STAGES, "Where it stands.")
    since = moment("Since when.")
    reached = one_of(STAGES, "The highest stage by then.")
    reached_at = moment("When that first began.")
    health = one_of(HEALTHS, "How the relationship does within its stage.")
    health_since = moment("Since when.")
    health_reason = string("The rule behind it, in words.")
    strength = number("0 to 100; null before the first contact.", null=True)
    band = one_of(BANDS, "Strength in a word.")
    velocity = number("Strength then less strength 30 days before.", null=True)
    because = BecauseSerializer(many=True, help_text="The events that the stage rests on, at most three.")
    health_because = BecauseSerializer(many=True, help_text="The events that the health rests on.")
    sentence = string("All this in one sentence.")
    sentence_parts = SentencePartSerializer(many=True, help_text="The same in pieces, with the events they name.")
    keeps_until = moment("When the stage's condition fails if nothing more happens; null: never by itself.", null=True)
    falls_at = moment("When the stage then falls, after its grace.", null=True)
    next = NextSerializer(allow_null=True, help_text="The stage above; null at the top and while ended.")
    example = {
        **Asked.asked_example,
        "client_id": CLIENT,
        "stage": "met",
        "since": SINCE,
        "reached": "met",
        "reached_at": SINCE,
        "health": "active",
        "health_since": SINCE,
        "health_reason": "in contact",
        "strength": 41.7,
        "band": "forming",
        "velocity": 3.2,
        "because": [BecauseSerializer.example],
        "health_because": [],
        "sentence": "Nordlicht Bakery is Met since 3 September 2026 because you met in person on 3 September 2026.",
        "sentence_parts": [SentencePartSerializer.example],
        "keeps_until": LATER,
        "falls_at": LATER,
        "next": NextSerializer.example,
    }


class PeriodSerializer(Answer):
    """A span in which neither stage nor health changes."""

    stage = one_of(STAGES, "The stage.")
    health = one_of(HEALTHS, "The health.")
    begins_at = moment("Its first moment.")
    ends_at = moment("The first moment after it; null for the last period.", null=True)
    rule = string("The rule that began it.")
    reason = string("The same in words.")
    because = identities("The events that it rests on, at most three.")
    example = {
        "stage": "met",
        "health": "active",
        "begins_at": SINCE,
        "ends_at": LATER,
        "rule": "met",
        "reason": "a first meeting in person",
        "because": [EVENT],
    }


class TimelineSerializer(Asked):
    """All periods of a client, past and future: the future is what comes if nothing more happens."""

    client_id = identity("The client.")
    data = PeriodSerializer(many=True)  # type: ignore[assignment]
    example = {**Asked.asked_example, "client_id": CLIENT, "data": [PeriodSerializer.example]}


class StrengthTermSerializer(Answer):
    """One addend of the sum."""

    event_id = identity("The event that earns it.")
    label = string("It in words, with its factors.")  # type: ignore[assignment]
    occurred_at = moment("When it happened.")
    factors = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField()),
        help_text="Pairs of a name and a number; the numbers multiply to `points`.",
    )
    points = number("What it adds to `sum`.")
    example = {
        "event_id": EVENT,
        "label": "in person on 3 September 2026: 10 × 1.2 × 0.94",
        "occurred_at": SINCE,
        "factors": [["weight", 10.0], ["quality", 1.2], ["age", 0.94]],
        "points": 11.28,
    }


class StrengthSerializer(Asked):
    """Strength and all that it is made of: strength = 100·(1 − e^(−sum/k))."""

    client_id = identity("The client.")
    strength = number("0 to 100; null before the first contact.", null=True)
    band = one_of(BANDS, "Strength in a word.")
    velocity = number("Strength then less strength 30 days before.", null=True)
    sum = number("The points of all terms; null while strength is.", null=True)
    k = number("The scale.")
    terms = StrengthTermSerializer(many=True, help_text="The weightiest first.")
    example = {
        **Asked.asked_example,
        "client_id": CLIENT,
        "strength": 33.16,
        "band": "forming",
        "velocity": 3.2,
        "sum": 11.28,
        "k": 28.0,
        "terms": [StrengthTermSerializer.example],
    }


class GapSerializer(Answer):
    """The time between two posts of meetings, and what bridges it."""

    begins_at = moment("The post before.")
    ends_at = moment("The post after; null while the gap is open.", null=True)
    opened_by = identity("The meeting before.")
    closed_by = identity("The meeting after.", null=True)
    days = number("Its length in days of 86,400 s, an open one's until the asked moment.")
    coverage = number("The share of it that is bridged, 0 to 1.")
    state = one_of(GAP_STATES, "Coverage in a word.")
    longest_silence_days = number("The longest time without contact in it.")
    two_way_share = number("The share of its exchanges that go both ways; null without any.", null=True)
    ideas_ours = whole("Ideas from us.")
    ideas_theirs = whole("Ideas from them.")
    acts = identities("The events that bridge it.")
    ground_laid = flag("Whether this is a good moment to propose the next meeting.")
    example = {
        "begins_at": SINCE,
        "ends_at": None,
        "opened_by": EVENT,
        "closed_by": None,
        "days": 83.0,
        "coverage": 0.71,
        "state": "bridged",
        "longest_silence_days": 12.0,
        "two_way_share": 0.5,
        "ideas_ours": 2,
        "ideas_theirs": 1,
        "acts": [EVENT],
        "ground_laid": True,
    }


class GapsSerializer(Asked):
    """The gaps of a client, the open one first."""

    client_id = identity("The client.")
    data = GapSerializer(many=True)  # type: ignore[assignment]
    example = {**Asked.asked_example, "client_id": CLIENT, "data": [GapSerializer.example]}


class PipelineStageSerializer(Answer):
    """One stage and who stands there."""

    stage = one_of(STAGES, "Which.")
    clients = whole("How many clients.")
    by_health = serializers.DictField(child=serializers.IntegerField(), help_text="How many of each health.")
    example = {
        "stage": "met",
        "clients": 3,
        "by_health": {"new": 0, "active": 2, "cooling": 1, "dormant": 0, "ended": 0},
    }


class PipelineSerializer(Asked):
    """All visible clients by stage."""

    stages = PipelineStageSerializer(many=True, help_text="In the order of the stages, noughts included.")
    total = whole("All of them.")
    example = {**Asked.asked_example, "stages": [PipelineStageSerializer.example], "total": 3}


class StageMovementSerializer(Answer):
    """One stage's account of the span: opening + in − out = closing."""

    stage = one_of(STAGES, "Which.")
    opening = whole("Clients at its start.")
    out = whole("Clients that left, net.")
    closing = whole("Clients at its end.")
    example = {"stage": "met", "opening": 3, "in": 1, "out": 0, "closing": 4}

    def get_fields(self) -> dict[str, serializers.Field]:
        return super().get_fields() | {"in": whole("Clients that came, net.", source="in_")}


class MoveSerializer(Answer):
    """How many clients went from one stage to another over the span, net."""

    to = one_of(STAGES, "Where they stand at the end.")
    clients = whole("How many.")
    example = {"from": "helped", "to": "met", "clients": 1}

    def get_fields(self) -> dict[str, serializers.Field]:
        before = serializers.ChoiceField(
            choices=list(STAGES),
            allow_null=True,
            source="from_",
            help_text="Where they stood at the start; null: they came within the span.",
        )
        return {"from": before} | super().get_fields()


class MovementsSerializer(Asked):
    """The net change of every visible client between two moments."""

    start = moment("The start of the span.")
    end = moment("Its end.")
    stages = StageMovementSerializer(many=True)
    matrix = MoveSerializer(many=True)
    example = {
        **Asked.asked_example,
        "start": SINCE,
        "end": NOW,
        "stages": [StageMovementSerializer.example],
        "matrix": [MoveSerializer.example],
    }


# ---------------------------------------------------------------------- people, meetings, questions


class PersonSerializer(Answer):
    """One of our people."""

    id = identity("A colleague; may have no login.")
    name = string("Their name.")
    email = string("Their address.", null=True)
    user_id = whole("Their login.", null=True)
    team_id = whole("Their team.", null=True)
    clients = whole("How many of the visible clients they look after.")
    example = {
        "id": COLLEAGUE,
        "name": "Ida Falk",
        "email": "ida.falk@example.com",
        "user_id": 4,
        "team_id": 2,
        "clients": 12,
    }


class HandleSerializer(Answer):
    """How a contact is reached or known."""

    platform = string("`email` for addresses, else the platform.")
    handle = string("The address or name there.")
    example = {"platform": "email", "handle": "ann@nordlicht.example"}


class ContactSerializer(Answer):
    """A person at a client."""

    id = identity("The contact.")
    client_id = identity("Where they work.")
    client_name = string("The same by name.")
    name = string("Their name; null without the scope text:read and after an erasure.", null=True)
    role = string("What they do there.", null=True)
    handles = HandleSerializer(many=True, help_text="Empty without the scope text:read and after an erasure.")
    left_at = moment("When they left.", null=True)
    erased_at = moment("When everything personal about them was erased.", null=True)
    example = {
        "id": CONTACT,
        "client_id": CLIENT,
        "client_name": "Nordlicht Bakery",
        "name": "Ann Meyer",
        "role": "Head of purchasing",
        "handles": [HandleSerializer.example],
        "left_at": None,
        "erased_at": None,
    }


class MeetingSerializer(Answer):
    """A meeting: planned, cancelled, held or missed."""

    client_id = identity("With whom.")
    client_name = string("The same by name.")
    owner = identity("Who of us looks after the client.", null=True)
    meeting_id = string("What it is called in `data.meeting_id` of its events.")
    status = one_of(agenda.STATUSES, "What became of it.")
    at = moment("When it was held, else when it is planned for.")
    starts_at = moment("Planned start.", null=True)
    ends_at = moment("Planned end.", null=True)
    held_at = moment("When it was held.", null=True)
    mode = string("in_person or video.", null=True)
    accepted = flag("Whether it was accepted.")
    event_id = identity("The event that says so.")
    example = {
        "client_id": CLIENT,
        "client_name": "Nordlicht Bakery",
        "owner": COLLEAGUE,
        "meeting_id": "visit-2026-12",
        "status": "planned",
        "at": LATER,
        "starts_at": LATER,
        "ends_at": None,
        "held_at": None,
        "mode": "in_person",
        "accepted": True,
        "event_id": EVENT,
    }


class QuestionSerializer(Answer):
    """A question of theirs."""

    client_id = identity("Who asked.")
    client_name = string("The same by name.")
    owner = identity("Who of us looks after the client.", null=True)
    event_id = identity("The question.")
    asked_at = moment("When it was asked.")
    of_us = flag("Whether it was asked of us, and not in public.")
    contact_id = identity("The person who asked.", null=True)
    target_at = moment("When it ought to be answered.")
    missed_at = moment("When it counts as missed.")
    lapses_at = moment("When nobody waits for it any more.")
    closed_at = moment("When it was answered.", null=True)
    closed_by = identity("The event that answered it.", null=True)
    state = one_of(agenda.STATES, "How it stands now.")
    example = {
        "client_id": CLIENT,
        "client_name": "Nordlicht Bakery",
        "owner": COLLEAGUE,
        "event_id": QUESTION,
        "asked_at": EARLIER,
        "of_us": True,
        "contact_id": CONTACT,
        "target_at": NOW,
        "missed_at": LATER,
        "lapses_at": LATER,
        "closed_at": None,
        "closed_by": None,
        "state": "open",
    }
