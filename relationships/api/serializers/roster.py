"""People, meetings, questions."""

from __future__ import annotations

from relationships.queries import agenda

from ..examples import CLIENT, COLLEAGUE, CONTACT, EARLIER, EVENT, LATER, NOW, QUESTION
from .base import Answer, flag, identity, moment, one_of, string, whole


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
