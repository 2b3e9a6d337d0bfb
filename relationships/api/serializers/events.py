"""Events and the head of the log."""

from __future__ import annotations

from rest_framework import serializers

from ..examples import CHAIN_HASH, CLIENT, COLLEAGUE, CONTACT, EARLIER, EVENT, NOW, QUESTION
from .base import Answer, flag, identity, moment, one_of, string, whole


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
