"""What to do next, who knows whom, and through whom it runs."""

from __future__ import annotations

from relationships.domain.actions import RANKS
from relationships.queries.knowing import HANDOVER_STATES

from ..examples import CLIENT, COLLEAGUE, CONTACT, EARLIER, EVENT, LATER, SINCE
from .base import Answer, flag, identities, identity, moment, number, one_of, string, whole
from .standing import BANDS, Asked, BecauseSerializer

VERDICTS = ("unknown", "brand", "one_person", "healthy", "uneven")


class ActionSerializer(Answer):
    """Something to do about a client."""

    id = string("The action, as long as the same events call for it.")
    client_id = identity("The client.")
    client_name = string("Its name.")
    owner = identity("Who of us looks after it.", null=True)
    owner_name = string("The same by name.", null=True)
    rule = one_of(RANKS, "Which rule calls for it.")
    rank = whole("The rule's number: 1 is the most pressing.")
    since = moment("When it began to press.")
    until = moment("When it presses no longer if nothing happens; null: until an event closes it.", null=True)
    sentence = string("What is the case, and what to do.")
    events = identities("The events that call for it, at most three.")
    because = BecauseSerializer(many=True, help_text="The same in words.")
    meeting_id = string("The planned meeting that it is about; null: about none.", null=True)
    put_off_until = moment('Your own "not now".', null=True)
    example = {
        "id": f"{CLIENT}.5f0c1d2e3a4b5c6d",
        "client_id": CLIENT,
        "client_name": "Nordlicht Bakery",
        "owner": COLLEAGUE,
        "owner_name": "Ida Falk",
        "rule": "answer_question",
        "rank": 1,
        "since": EARLIER,
        "until": LATER,
        "sentence": "Ann Meyer’s question of 19 Nov 2026 is still open: answer it.",
        "events": [EVENT],
        "because": [
            {
                "event_id": EVENT,
                "type": "question_asked",
                "occurred_at": EARLIER,
                "phrase": "they asked a question on 19 November 2026",
            }
        ],
        "meeting_id": None,
        "put_off_until": None,
    }


class ClientActionsSerializer(Asked):
    """What to do about one client."""

    client_id = identity("The client.")
    data = ActionSerializer(many=True, help_text="The most pressing first, at most three.")  # type: ignore[assignment]
    example = {"client_id": CLIENT, "data": [ActionSerializer.example], **Asked.asked_example}


class RuleFiguresSerializer(Answer):
    """What became of one rule's suggestions, each counted once a person."""

    rule = one_of(RANKS, "The rule.")
    rank = whole("Its number.")
    shown = whole("Suggestions shown.")
    open = whole("Of these, still standing.")
    done = whole("Closed by an event.")
    lapsed = whole("Closed by time.")
    withdrawn = whole("Not called for under a policy adopted since.")
    put_off = whole('Put off by "not now" at least once.')
    done_share = number("done ÷ (done + lapsed); null while none ended.", null=True)
    example = {
        "rule": "answer_question",
        "rank": 1,
        "shown": 41,
        "open": 3,
        "done": 36,
        "lapsed": 2,
        "withdrawn": 0,
        "put_off": 4,
        "done_share": 0.947,
    }


class TieSerializer(Answer):
    """How well one of our people knows one contact."""

    person_id = identity("One of ours.")
    person_name = string("Their name.", null=True)
    contact_id = identity("One of theirs.")
    contact_name = string("Their name; null without the scope `text:read`.", null=True)
    contact_left = flag("Whether the contact has left.")
    strength = number("0 to 100, from the terms that name both.")
    band = one_of(BANDS, "Strength in a word.")
    share = number("The part of the client's whole sum that this tie is.")
    last_at = moment("Their latest act together that earned points.")
    example = {
        "person_id": COLLEAGUE,
        "person_name": "Ida Falk",
        "contact_id": CONTACT,
        "contact_name": "Ann Meyer",
        "contact_left": False,
        "strength": 41.7,
        "band": "forming",
        "share": 0.62,
        "last_at": EARLIER,
    }


class IntroductionSerializer(Answer):
    """Whom of us to ask for an introduction to a contact."""

    contact_id = identity("Who is to be met.")
    contact_name = string("Their name; null without the scope `text:read`.", null=True)
    through_id = identity("Who of us knows them best; null: nobody does.", null=True)
    through_name = string("The same by name.", null=True)
    by_way_of_id = identity("Where nobody does: who of us knows somebody there best.", null=True)
    by_way_of_name = string("The same by name.", null=True)
    example = {
        "contact_id": CONTACT,
        "contact_name": "Ann Meyer",
        "through_id": COLLEAGUE,
        "through_name": "Ida Falk",
        "by_way_of_id": None,
        "by_way_of_name": None,
    }


class TiesSerializer(Asked):
    """Who knows whom at one client."""

    client_id = identity("The client.")
    data = TieSerializer(many=True, help_text="The strongest first.")  # type: ignore[assignment]
    introductions = IntroductionSerializer(many=True, help_text="For each contact who is still there.")
    example = {
        "client_id": CLIENT,
        "data": [TieSerializer.example],
        "introductions": [IntroductionSerializer.example],
        **Asked.asked_example,
    }


class PersonPointsSerializer(Answer):
    """What one of our people earned personally."""

    person_id = identity("One of ours; null where nobody was named.", null=True)
    person_name = string("Their name.", null=True)
    points = number("Points in 180 days.")
    example = {"person_id": COLLEAGUE, "person_name": "Ida Falk", "points": 14.5}


class BalanceSerializer(Asked):
    """Through which accounts a relationship runs, and whether it echoes what our brand says."""

    client_id = identity("The client.")
    verdict = one_of(
        VERDICTS,
        "brand: they know the logo better than us; one_person: it would leave with one of ours; uneven: neither, nor "
        "healthy; unknown: too few points.",
    )
    share = number("Personal ÷ all points in 180 days; null below `minimum`.", null=True)
    personal = number("Points through personal accounts.")
    brand = number("Points through brand accounts.")
    minimum = number("Points from which a share is told.")
    people = PersonPointsSerializer(many=True, help_text="Who of us earned them.")
    echo = number("Agreeing ÷ all experiences of 365 days that a person linked to a statement of ours.", null=True)
    echo_agreeing = whole("How many agree.")
    echo_all = whole("How many were linked.")
    echo_minimum = whole("From how many on an echo is told.")
    example = {
        "client_id": CLIENT,
        "verdict": "healthy",
        "share": 0.81,
        "personal": 17.0,
        "brand": 4.0,
        "minimum": 5.0,
        "people": [PersonPointsSerializer.example],
        "echo": None,
        "echo_agreeing": 1,
        "echo_all": 2,
        "echo_minimum": 3,
        **Asked.asked_example,
    }


class LeavingSerializer(Answer):
    """What one of our people carries at one client."""

    client_id = identity("The client.")
    client_name = string("Its name.")
    owner = identity("Who looks after it.", null=True)
    strength = number("The client's strength now.", null=True)
    share = number("The part of it that would leave.")
    contacts = identities("Whom they know there.")
    only_theirs = identities("Of these, whom nobody else of us knows.")
    next_best = identity("Who else of us knows them best; null: nobody.", null=True)
    next_best_name = string("The same by name.", null=True)
    example = {
        "client_id": CLIENT,
        "client_name": "Nordlicht Bakery",
        "owner": COLLEAGUE,
        "strength": 58.1,
        "share": 0.9,
        "contacts": [CONTACT],
        "only_theirs": [CONTACT],
        "next_best": None,
        "next_best_name": None,
    }


class HandoverSerializer(Answer):
    """A client passing from one of ours to another."""

    client_id = identity("The client.")
    client_name = string("Its name.")
    owner = identity("Who looks after it now.", null=True)
    former = identity("Who hands over.", null=True)
    former_name = string("The same by name.", null=True)
    successor = identity("Who takes over.", null=True)
    successor_name = string("The same by name.", null=True)
    started_at = moment("When it began.")
    event_id = identity("The event that said so.")
    first_meeting_at = moment("The first meeting without the former owner.", null=True)
    first_meeting = identity("That meeting's event.", null=True)
    completed_at = moment("When it was said to be done.", null=True)
    state = one_of(HANDOVER_STATES, "begun; met: that meeting was held; completed: said to be done without one.")
    days = number("From its start to that meeting, or until now.")
    example = {
        "client_id": CLIENT,
        "client_name": "Nordlicht Bakery",
        "owner": COLLEAGUE,
        "former": None,
        "former_name": None,
        "successor": COLLEAGUE,
        "successor_name": "Ida Falk",
        "started_at": SINCE,
        "event_id": EVENT,
        "first_meeting_at": None,
        "first_meeting": None,
        "completed_at": None,
        "state": "begun",
        "days": 83.1,
    }
