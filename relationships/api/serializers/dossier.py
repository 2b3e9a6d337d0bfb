"""Everything about one client in one answer."""

from __future__ import annotations

from relationships.domain.policy import TIERS

from ..examples import CLIENT, COLLEAGUE, CONTACT, EARLIER, EVENT, LATER, NOW, QUESTION, SINCE
from .base import Answer, flag, identities, identity, moment, number, one_of, string, texts, whole
from .clients import ExternalIdSerializer
from .roster import ContactSerializer
from .standing import BANDS, Asked, GapSerializer, PeriodSerializer, StageSerializer, StrengthTermSerializer


class ProfileSerializer(Answer):
    """Who the client is, as the roster has it today."""

    id = identity("The client.")
    name = string("As it is written.")
    tier = one_of(TIERS, "How closely it is kept.")
    time_zone = string("IANA name of its zone.")
    remote_only = flag("Whether video stands for meeting in person.")
    tags = texts("Words of yours.")
    domains = texts("Its internet domains.")
    owner = identity("Who of us looks after it.", null=True)
    owner_name = string("The same by name.", null=True)
    external_ids = ExternalIdSerializer(many=True, help_text="What other systems call it.")
    created_at = moment("When it was registered.")
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
        "created_at": SINCE,
    }


class StrengthBriefSerializer(Answer):
    """Strength and its weightiest terms; /strength has all of them."""

    strength = number("0 to 100; null before the first contact.", null=True)
    band = one_of(BANDS, "Strength in a word.")
    velocity = number("Strength then less strength 30 days before.", null=True)
    sum = number("The points of all terms; null while strength is.", null=True)
    k = number("The scale: strength = 100·(1 − e^(−sum/k)).")
    terms = StrengthTermSerializer(many=True, help_text="The ten weightiest.")
    other_terms = whole("How many more there are.")
    other_points = number("The points of those.")
    example = {
        "strength": 33.16,
        "band": "forming",
        "velocity": 3.2,
        "sum": 11.28,
        "k": 28.0,
        "terms": [StrengthTermSerializer.example],
        "other_terms": 0,
        "other_points": 0.0,
    }


class MeetingBriefSerializer(Answer):
    """A meeting and who was or is to be there."""

    meeting_id = string("What it is called in `data.meeting_id` of its events.")
    status = string("planned, cancelled, held or missed.")
    at = moment("When it was held, else when it is planned for.", null=True)
    ends_at = moment("Planned end.", null=True)
    mode = string("in_person or video.", null=True)
    accepted = flag("Whether it was accepted.")
    outcome = string("What came of it.", null=True)
    contacts = identities("Their people.")
    our_people = identities("Our people.")
    agenda = string("What for; null without the scope text:read.", null=True)
    place = string("Where; null without the scope text:read.", null=True)
    event_id = identity("The event that says so.")
    example = {
        "meeting_id": "visit-2026-12",
        "status": "planned",
        "at": LATER,
        "ends_at": None,
        "mode": "in_person",
        "accepted": True,
        "outcome": None,
        "contacts": [CONTACT],
        "our_people": [COLLEAGUE],
        "agenda": "The new oven",
        "place": None,
        "event_id": EVENT,
    }


class QuestionBriefSerializer(Answer):
    """A question of theirs that nobody has answered."""

    event_id = identity("The question.")
    asked_at = moment("When it was asked.")
    of_us = flag("Whether it was asked of us, and not in public.")
    contact_id = identity("The person who asked.", null=True)
    target_at = moment("When it ought to be answered.")
    missed_at = moment("When it counts as missed.")
    lapses_at = moment("When nobody waits for it any more.")
    state = one_of(("open", "late", "missed"), "How it stands at the asked moment.")
    text = string("Its words; null without the scope text:read.", null=True)
    example = {
        "event_id": QUESTION,
        "asked_at": EARLIER,
        "of_us": True,
        "contact_id": CONTACT,
        "target_at": NOW,
        "missed_at": LATER,
        "lapses_at": LATER,
        "state": "open",
        "text": "When can the oven be delivered?",
    }


class CommitmentBriefSerializer(Answer):
    """A promise."""

    commitment_id = string("What it is called in `data.commitment_id` of its events.")
    event_id = identity("The event that made it.")
    made_at = moment("When it was made.")
    by = one_of(("ours", "theirs"), "Who promised.")
    due = moment("By when.", null=True)
    overdue = flag("Whether it is open past that.")
    state = one_of(("open", "kept", "broken"), "What became of it.")
    what = string("What was promised; null without the scope text:read.", null=True)
    example = {
        "commitment_id": "offer-17",
        "event_id": EVENT,
        "made_at": EARLIER,
        "by": "ours",
        "due": LATER,
        "overdue": False,
        "state": "open",
        "what": "Send the offer",
    }


class IdeaBriefSerializer(Answer):
    """An idea."""

    event_id = identity("The event that shared it.")
    occurred_at = moment("When.")
    state = one_of(("shared", "discussed", "adopted", "declined"), "What became of it.")
    topics = texts("What about.")
    line = string("It in one line; null without the scope text:read.", null=True)
    example = {
        "event_id": EVENT,
        "occurred_at": EARLIER,
        "state": "discussed",
        "topics": ["logistics"],
        "line": "Deliver twice a week in summer",
    }


class IdeasSerializer(Answer):
    """The five latest ideas of each side; what both had together is in both."""

    ours = IdeaBriefSerializer(many=True)
    theirs = IdeaBriefSerializer(many=True)
    example = {"ours": [IdeaBriefSerializer.example], "theirs": []}


class TopicBriefSerializer(Answer):
    """What has been talked about."""

    topic = string("The word.")
    mentions = whole("In how many events.")
    last_at = moment("When last.")
    example = {"topic": "logistics", "mentions": 4, "last_at": EARLIER}


class ExchangeBriefSerializer(Answer):
    """Something said or written, corrections taken in."""

    event_id = identity("The event.")
    type = string("Its type.")
    occurred_at = moment("When.")
    summary = string("It in a few words, without names.")
    direction = string("inbound, outbound or mutual.", null=True)
    channel = string("How.", null=True)
    contacts = identities("Their people, the one who spoke first.")
    our_people = identities("Our people.")
    topics = texts("What about.")
    text = string("The words; null without the scope text:read.", null=True)
    example = {
        "event_id": EVENT,
        "type": "question_answered",
        "occurred_at": EARLIER,
        "summary": "we answered a question",
        "direction": "outbound",
        "channel": "email",
        "contacts": [CONTACT],
        "our_people": [COLLEAGUE],
        "topics": [],
        "text": "The oven can be delivered in May.",
    }


class PersonBriefSerializer(Answer):
    """One of ours whom the dossier names."""

    id = identity("The colleague.")
    name = string("Their name.")
    example = {"id": COLLEAGUE, "name": "Ida Falk"}


class DossierSerializer(Asked):
    """Everything about a client on one sheet."""

    client = ProfileSerializer(help_text="As the roster has it today.")
    stage = StageSerializer(help_text="Where it stands, and why, in a sentence.")
    timeline = PeriodSerializer(many=True, help_text="All periods, on into the future.")
    strength = StrengthBriefSerializer()
    open_gap = GapSerializer(allow_null=True, help_text="The time since the last meeting; null before the first.")
    closed_gaps = GapSerializer(many=True, help_text="The five latest between meetings.")
    meetings_ahead = MeetingBriefSerializer(many=True, help_text="The next ten.")
    meetings_past = MeetingBriefSerializer(many=True, help_text="The last ten, held or not.")
    open_questions = QuestionBriefSerializer(many=True, help_text="Those most overdue first.")
    commitments = CommitmentBriefSerializer(many=True, help_text="Ten, open ones first.")
    contacts = ContactSerializer(many=True, help_text="Their people, those who are there first.")
    our_people = PersonBriefSerializer(many=True, help_text="Those of ours whom exchanges and meetings name.")
    ideas = IdeasSerializer()
    topics = TopicBriefSerializer(many=True, help_text="The ten most talked about.")
    exchanges = ExchangeBriefSerializer(many=True, help_text="The last twenty.")
    example = {
        **Asked.asked_example,
        "client": ProfileSerializer.example,
        "stage": StageSerializer.example,
        "timeline": [PeriodSerializer.example],
        "strength": StrengthBriefSerializer.example,
        "open_gap": GapSerializer.example,
        "closed_gaps": [],
        "meetings_ahead": [MeetingBriefSerializer.example],
        "meetings_past": [],
        "open_questions": [QuestionBriefSerializer.example],
        "commitments": [CommitmentBriefSerializer.example],
        "contacts": [ContactSerializer.example],
        "our_people": [PersonBriefSerializer.example],
        "ideas": IdeasSerializer.example,
        "topics": [TopicBriefSerializer.example],
        "exchanges": [ExchangeBriefSerializer.example],
    }
