"""People, meetings, questions."""

from __future__ import annotations

from rest_framework import serializers

from relationships.queries import agenda, answering

from ..examples import CLIENT, COLLEAGUE, CONTACT, EARLIER, EVENT, LATER, NOW, QUESTION, SINCE
from .advice import TieSerializer
from .base import Answer, flag, identities, identity, moment, number, one_of, string, whole
from .events import EventSerializer


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


class DestroyedSerializer(Answer):
    """How much was destroyed; noughts when the person had been erased before."""

    keys = whole("Keys under which their words were sealed: 1, or 0 when nothing had been.")
    texts = whole("Sealed texts of events, names and handles of former days among them.")
    handles = whole("Handles by which they were found.")
    answers = whole("Answers kept for repeated requests that held them; they do no longer.")
    unmatched = whole("Rows of imports without a client that named them.")
    example = {"keys": 1, "texts": 17, "handles": 2, "answers": 1, "unmatched": 0}


class ErasureSerializer(Answer):
    """A person who is erased. It cannot be undone."""

    contact_id = identity("The pseudonym that is left.")
    client_id = identity("Where they worked.")
    erased_at = moment("When.")
    event_id = identity("The `person_erased` that says so in the log.")
    destroyed = DestroyedSerializer()
    elsewhere = identities("Contacts of other clients with the same address: perhaps the same person.")
    example = {
        "contact_id": CONTACT,
        "client_id": CLIENT,
        "erased_at": NOW,
        "event_id": EVENT,
        "destroyed": DestroyedSerializer.example,
        "elsewhere": [],
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
    answered_in_hours = number("How long the answer took, in hours; null until there is one.", null=True)
    answered_in_working_days = number("The part of it on working days, of 24 h in the client's zone.", null=True)
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
        "answered_in_hours": None,
        "answered_in_working_days": None,
        "state": "open",
    }


class AnsweringSerializer(Answer):
    """How questions were answered. Times and shares are null below the minimum of answered ones."""

    asked = whole("Asked within the window.")
    answered = whole("Of these, answered by now.")
    due = whole("Of these, answered or past their target.")
    in_time = whole("Of these, answered by their target.")
    lapsed = whole("Of these, not answered in 90 days.")
    share_in_time = number("in_time ÷ due.", null=True)
    median_hours = number("Half of the answers came within so many hours.", null=True)
    p90_hours = number("Nine of ten answers came within so many hours.", null=True)
    median_working_days = number("The median in working days, of 24 h in each client's zone.", null=True)
    p90_working_days = number("The 90th percentile in working days.", null=True)
    open = whole("Open now, whenever asked; overdue and missed ones among them.")
    overdue = whole("Of these, past their target; missed ones among them.")
    missed = whole("Of these, missed.")
    debt = number("Σ min(1, age ÷ target) of the open ones.")
    example = {
        "asked": 41,
        "answered": 36,
        "due": 40,
        "in_time": 31,
        "lapsed": 1,
        "share_in_time": 0.775,
        "median_hours": 5.5,
        "p90_hours": 43.0,
        "median_working_days": 0.21,
        "p90_working_days": 1.4,
        "open": 4,
        "overdue": 3,
        "missed": 1,
        "debt": 3.4,
    }


class AnsweringGroupSerializer(AnsweringSerializer):
    """The same for one client, owner or team."""

    id = string("Which; null for the clients without an owner, or without a team.", null=True)
    name = string("Its name.", null=True)
    example = {"id": COLLEAGUE, "name": "Ida Falk", **AnsweringSerializer.example}


class QuestionStatisticsSerializer(Answer):
    """How questions were answered, all together and in groups."""

    as_of = moment("The moment that this is of.")
    since = moment("The start of the window.")
    until = moment("Its end.")
    minimum = whole("So many answered questions are needed before times and shares are told.")
    total = AnsweringSerializer(help_text="All of them.")
    by = one_of(answering.GROUPS, "What the groups are; null without.", null=True)
    groups = AnsweringGroupSerializer(many=True, help_text="The deepest in debt first.")
    example = {
        "as_of": NOW,
        "since": SINCE,
        "until": NOW,
        "minimum": answering.MINIMUM,
        "total": AnsweringSerializer.example,
        "by": "owner",
        "groups": [AnsweringGroupSerializer.example],
    }


class UnplacedRowSerializer(Answer):
    """A row of an import that names a person and found no client."""

    source = string("The system it came from.")  # type: ignore[assignment]
    external_id = string("Its id there.")
    type = string("What it would have become.")
    occurred_at = moment("When it happened.")
    expires_at = moment("When it is dropped.")
    data = serializers.DictField(help_text="What the type says.")  # type: ignore[assignment]
    text = string("The words.", null=True)
    example = {
        "source": "calendar",
        "external_id": "a17",
        "type": "meeting_held",
        "occurred_at": EARLIER,
        "expires_at": LATER,
        "data": {"mode": "video"},
        "text": None,
    }


class PersonExportSerializer(Answer):
    """Everything that is recorded about a person."""

    format = string("relationships-person/1.")
    organisation = string("Whose records these are.")
    exported_at = moment("When.")
    person = ContactSerializer(help_text="Who they are.")
    events = EventSerializer(many=True, help_text="Every event that names them, with its corrections.")
    questions = QuestionSerializer(many=True, help_text="What they asked.")
    meetings = MeetingSerializer(many=True, help_text="The meetings of those events.")
    ties = TieSerializer(many=True, help_text="Who of us knows them, and how well.")
    unplaced = UnplacedRowSerializer(many=True, help_text="Rows of imports that wait for a client.")
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Rows in each list; comes last.")
    example = {
        "format": "relationships-person/1",
        "organisation": "Our house",
        "exported_at": NOW,
        "person": ContactSerializer.example,
        "events": [EventSerializer.example],
        "questions": [QuestionSerializer.example],
        "meetings": [MeetingSerializer.example],
        "ties": [TieSerializer.example],
        "unplaced": [],
        "counts": {"events": 1, "questions": 1, "meetings": 1, "ties": 1, "unplaced": 0},
    }
