"""Clients."""

from __future__ import annotations

from relationships.domain.judgement import HEALTHS, STAGES
from relationships.domain.policy import TIERS

from ..examples import CLIENT, COLLEAGUE, EARLIER, LATER, SINCE
from .base import Answer, flag, identity, moment, number, one_of, string, texts, whole
from .standing import BANDS


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
