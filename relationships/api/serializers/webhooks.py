"""Endpoints of webhooks and their deliveries."""

from __future__ import annotations

from relationships import webhooks

from ..examples import CLIENT, EARLIER, EVENT, NOW, SINCE
from .base import Answer, flag, identity, moment, number, one_of, string, texts, whole

ENDPOINT = "019ab900-1111-7222-8333-444455556666"
DELIVERY = "019ab901-aaaa-7bbb-8ccc-ddddeeeeffff"


class EndpointSerializer(Answer):
    """An address that is told what happens."""

    id = identity("The endpoint.")
    url = string("Where deliveries are sent.")
    description = string("Words of yours.")
    kinds = texts(f"What it is told: {', '.join(webhooks.KINDS)}.")
    event_types = texts("Of event.recorded, only these types; empty: all.")
    include_text = flag("Whether personal text is sent.")
    team_id = whole("The team whose clients it is told of; null: all.", null=True)
    enabled = flag("Whether it is told at all.")
    disabled_reason = string("Why not; empty while it is.")
    disabled_at = moment("Since when not.", null=True)
    created_at = moment("When it was made.")
    created_by = string("`user:…` or `key:…`.")
    secret_hint = string("The last four characters of its secret.")
    previous_secret_until = moment("Until then the secret before signs as well.", null=True)
    state = one_of(webhooks.ENDPOINT_STATES, "How it does: the last delivery arrived, failed, or nothing is sent.")
    last_success_at = moment("The latest delivery that arrived.", null=True)
    last_failure_at = moment("The latest attempt that failed.", null=True)
    last_failure = string("Why.")
    failing_since = moment("Since when nothing has arrived.", null=True)
    waiting = whole("Deliveries that are still to arrive.")
    parked = whole("Deliveries given up until somebody asks for them again.")
    oldest_waiting_at = moment("Since when the oldest of them waits.", null=True)
    example = {
        "id": ENDPOINT,
        "url": "https://hooks.example.org/relationships",
        "description": "The CRM",
        "kinds": ["stage.changed", "answer.revised"],
        "event_types": [],
        "include_text": False,
        "team_id": None,
        "enabled": True,
        "disabled_reason": "",
        "disabled_at": None,
        "created_at": SINCE,
        "created_by": "key:5f2a9c0d11e4",
        "secret_hint": "x7Qk",
        "previous_secret_until": None,
        "state": "in_order",
        "last_success_at": EARLIER,
        "last_failure_at": None,
        "last_failure": "",
        "failing_since": None,
        "waiting": 0,
        "parked": 0,
        "oldest_waiting_at": None,
    }


class EndpointWithSecretSerializer(EndpointSerializer):
    """The same, with the secret that is told this once."""

    secret = string("Signs the deliveries; keep it, it is never told again.")
    example = {**EndpointSerializer.example, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8x7Qk="}


class DeliverySerializer(Answer):
    """One thing told to one endpoint, and what became of it."""

    id = identity("The `webhook-id`: the same on every attempt.")
    number = whole("Those of one client go out in this order.")
    kind = one_of((*webhooks.KINDS, webhooks.TEST), "What is told.")
    state = one_of(webhooks.STATES, "Parked ones were given up; skipped ones are not to be sent.")
    client_id = identity("Which client it is about.", null=True)
    event_id = identity("The event that is told, or that brought it.", null=True)
    happened_at = moment("The `timestamp` of its body.")
    created_at = moment("When it was made.")
    attempts = whole("How often it was tried since it was made or asked for again.")
    last_attempt_at = moment("The latest attempt.", null=True)
    next_attempt_at = moment("The next, at the earliest.", null=True)
    status = whole("The HTTP status of the latest answer; null when nobody answered.", null=True)
    problem = string("What went wrong at the latest attempt.")
    finished_at = moment("When it arrived or was given up.", null=True)
    example = {
        "id": DELIVERY,
        "number": 41,
        "kind": "stage.changed",
        "state": "waiting",
        "client_id": CLIENT,
        "event_id": EVENT,
        "happened_at": EARLIER,
        "created_at": EARLIER,
        "attempts": 2,
        "last_attempt_at": EARLIER,
        "next_attempt_at": NOW,
        "status": 503,
        "problem": "answered 503",
        "finished_at": None,
    }


class TriedSerializer(Answer):
    """How a test went."""

    delivery_id = identity("The `webhook-id` under which it was sent.")
    ok = flag("Whether it was answered with a 2xx.")
    status = whole("The HTTP status; null when nobody answered.", null=True)
    problem = string("What went wrong; empty when all is well.")
    seconds = number("How long it took.")
    example = {"delivery_id": DELIVERY, "ok": True, "status": 204, "problem": "", "seconds": 0.12}


class ReplayedSerializer(Answer):
    """How many deliveries are sent again."""

    replayed = whole("Parked deliveries that are due again.")
    example = {"replayed": 3}
