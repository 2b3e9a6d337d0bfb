"""Where clients stand."""

from __future__ import annotations

from rest_framework import serializers

from relationships.domain.judgement import HEALTHS, STAGES
from relationships.queries import bridging

from ..examples import CLIENT, COLLEAGUE, CONTACT, EVENT, LATER, NOW, SINCE
from .base import Answer, flag, identities, identity, moment, number, one_of, string, texts, whole

BANDS = ("unknown", "faint", "forming", "firm", "strong")


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


class CoveringActSerializer(Answer):
    """An act that bridges a gap."""

    event_id = identity("The event.")
    type = string("Its type.")
    occurred_at = moment("When it happened.")
    direction = string("inbound from them, outbound from us, or mutual.", null=True)
    contacts = texts("Ids of those of theirs whom it names.")
    our_people = texts("Ids of ours.")
    our_account = string("personal or brand.")
    words = string("It in a few words.")
    phrase = string("The same with its date.")
    example = {
        "event_id": EVENT,
        "type": "question_answered",
        "occurred_at": SINCE,
        "direction": "outbound",
        "contacts": [CONTACT],
        "our_people": [COLLEAGUE],
        "our_account": "personal",
        "words": "you answered a question",
        "phrase": "you answered a question on 3 Sep 2026",
    }


class CarrierSerializer(Answer):
    """Somebody who carried a gap."""

    id = string("A contact or a colleague.")
    acts = whole("How many of the covering exchanges name them.")
    example = {"id": CONTACT, "acts": 4}


class GapSerializer(Answer):
    """The time between two posts of meetings, and what bridges it."""

    begins_at = moment("The post before.")
    ends_at = moment("The post after; null while the gap is open.", null=True)
    opened_by = identity("The meeting before.")
    closed_by = identity("The meeting after.", null=True)
    days = number("Its length in days of 86,400 s, an open one's until the asked moment.")
    coverage = number("The share of it that is bridged, 0 to 1.")
    state = one_of(bridging.STATES, "Coverage in a word.")
    longest_silence_days = number("The longest time without contact in it.")
    longest_silence_rhythms = number("The same as a multiple of the usual time between contacts.", null=True)
    exchanges = whole("How many spoken exchanges it holds.")
    two_way_share = number("The share of them that go both ways; null without any.", null=True)
    ideas_ours = whole("Ideas from us.")
    ideas_theirs = whole("Ideas from them.")
    open_questions = whole("Questions of theirs that wait; 0 in a closed gap, since a meeting closes them.")
    acts = CoveringActSerializer(many=True, help_text="What bridges it, the latest of each UTC day, oldest first.")
    carried_ours = CarrierSerializer(many=True, help_text="Who of us carried it, the most active first.")
    carried_theirs = CarrierSerializer(many=True, help_text="Who of them did.")
    through_personal = whole("Covering exchanges through personal accounts of ours.")
    through_brand = whole("Through the brand's.")
    ground_laid = flag("A good moment to propose the next meeting; of a closed gap: its meeting came at one.")
    ground_since = moment("Since when the ground is laid; null where it is not.", null=True)
    ground_until = moment("Until when, if nothing more happens.", null=True)
    example = {
        "begins_at": SINCE,
        "ends_at": None,
        "opened_by": EVENT,
        "closed_by": None,
        "days": 83.0,
        "coverage": 0.71,
        "state": "bridged",
        "longest_silence_days": 12.0,
        "longest_silence_rhythms": 1.2,
        "exchanges": 8,
        "two_way_share": 0.5,
        "ideas_ours": 2,
        "ideas_theirs": 1,
        "open_questions": 1,
        "acts": [CoveringActSerializer.example],
        "carried_ours": [{"id": COLLEAGUE, "acts": 4}],
        "carried_theirs": [CarrierSerializer.example],
        "through_personal": 4,
        "through_brand": 0,
        "ground_laid": True,
        "ground_since": SINCE,
        "ground_until": LATER,
    }


class ClientGapSerializer(GapSerializer):
    """A gap of one of many clients. Of its covering acts the latest five are named."""

    client_id = identity("Whose.")
    client_name = string("The same by name.")
    owner = identity("Who of us looks after the client.", null=True)
    next_meeting_at = moment("The next planned meeting, which would end an open gap.", null=True)
    example = {
        **GapSerializer.example,
        "client_id": CLIENT,
        "client_name": "Nordlicht Bakery",
        "owner": COLLEAGUE,
        "next_meeting_at": LATER,
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
