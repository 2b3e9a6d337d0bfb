"""Webhooks: who is told what happens, what was sent to them, and how to have it sent again."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from relationships import webhooks
from relationships.domain.events import EVENT_TYPES
from relationships.domain.fields import unknown_field
from relationships.domain.ids import bound_to

from ..errors import invalid
from ..idempotency import idempotent, resumable
from ..operations import Body, answer, operation, page_of
from ..parameters import PAGE, Parameter, choice
from ..resource import Resource
from ..serializers.webhooks import (
    DeliverySerializer,
    EndpointSerializer,
    EndpointWithSecretSerializer,
    ReplayedSerializer,
    TriedSerializer,
)

TAG, SCOPE = "webhooks", "webhooks:write"

_FIELDS: dict[str, Any] = {
    "url": {
        "type": "string",
        "format": "uri",
        "maxLength": 2_000,
        "description": "An https address of a public host, on port 443 or 8443.",
    },
    "kinds": {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"type": "string", "enum": list(webhooks.KINDS)},
        "description": "What it is told.",
    },
    "event_types": {
        "type": "array",
        "uniqueItems": True,
        "items": {"type": "string", "enum": list(EVENT_TYPES)},
        "description": "Of event.recorded, only these types; empty: all.",
    },
    "description": {"type": "string", "maxLength": 200, "description": "Words of yours."},
    "include_text": {"type": "boolean", "description": "Send personal text too; needs the scope text:read."},
}
_ENDPOINT_IN = {"type": "object", "required": ["url", "kinds"], "properties": _FIELDS, "additionalProperties": False}
_CHANGES = {
    "type": "object",
    "properties": {**_FIELDS, "enabled": {"type": "boolean", "description": "Whether it is told at all."}},
    "additionalProperties": False,
}
_NOTHING = {"type": "object", "properties": {}, "additionalProperties": False}
_EMPTY = (Body(_NOTHING, {"nothing": {}}),)
_NEW = {
    "url": "https://hooks.example.org/relationships",
    "kinds": ["stage.changed", "answer.revised"],
    "description": "The CRM",
}


class Endpoints(Resource):
    @operation(
        "list_webhooks",
        "Who is told what happens",
        tag=TAG,
        scope=SCOPE,
        parameters=PAGE,
        replies={200: page_of(EndpointSerializer, "A page of endpoints, the oldest first.")},
    )
    def get(self, request: Request) -> Response:
        return self.paged(webhooks.endpoints(self.principal, **self.asked), EndpointSerializer)

    @operation(
        "create_webhook",
        "Have an address told what happens",
        tag=TAG,
        scope=SCOPE,
        description="It is told everything from now on. One made with a team's key is told of that team's clients.",
        request=(Body(_ENDPOINT_IN, {"a CRM": _NEW}),),
        replies={201: answer(EndpointWithSecretSerializer, "The endpoint, with its secret.", "Location")},
        problems=("forbidden",),
    )
    @idempotent
    def post(self, request: Request) -> Response:
        row, secret = webhooks.create(self.principal, self.body, now=self.now)
        headers = {"Location": request.build_absolute_uri(reverse("webhook", args=[row.id]))}
        return Response(_with_secret(row, secret), status=201, headers=headers)


class Endpoint(Resource):
    @operation(
        "get_webhook",
        "One endpoint and how it does",
        tag=TAG,
        scope=SCOPE,
        replies={200: answer(EndpointSerializer, "The endpoint.")},
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(EndpointSerializer.written(webhooks.endpoint(self.principal, id)))

    @operation(
        "update_webhook",
        "Change an endpoint, or switch it off and on",
        tag=TAG,
        scope=SCOPE,
        description="Switched on again, it is told everything that happened since it was switched off.",
        request=(Body(_CHANGES, {"switch off": {"enabled": False}}),),
        replies={200: answer(EndpointSerializer, "The endpoint as it is now.")},
        problems=("forbidden",),
    )
    def patch(self, request: Request, id: str) -> Response:
        return Response(EndpointSerializer.written(webhooks.change(self.principal, id, self.body, now=self.now)))


class Act(Resource):
    """Something that is done to an endpoint or a delivery: nothing is to be said about it."""

    def check_said(self) -> None:
        """Raises a 400 for a body that says something all the same."""
        if errors := [unknown_field(f"/{name}", name, ()) for name in self.body]:
            raise invalid(errors)


class Retire(Act):
    @operation(
        "retire_webhook",
        "Take an endpoint away for good",
        tag=TAG,
        scope=SCOPE,
        description="Its deliveries go with it. To pause it, switch it off instead.",
        request=_EMPTY,
        replies={200: answer(EndpointSerializer, "The endpoint as it was last.")},
    )
    @idempotent
    def post(self, request: Request, id: str) -> Response:
        self.check_said()
        return Response(EndpointSerializer.written(webhooks.retire(self.principal, id, now=self.now)))


class RotateSecret(Act):
    @operation(
        "rotate_webhook_secret",
        "Give an endpoint a new secret",
        tag=TAG,
        scope=SCOPE,
        description="For 24 hours deliveries carry a signature under each, the new and the one before.",
        request=_EMPTY,
        replies={200: answer(EndpointWithSecretSerializer, "The endpoint, with its new secret.")},
    )
    @idempotent
    def post(self, request: Request, id: str) -> Response:
        self.check_said()
        return Response(_with_secret(*webhooks.rotate(self.principal, id, now=self.now)))


class Test(Act):
    @operation(
        "test_webhook",
        "Send a test now",
        tag=TAG,
        scope=SCOPE,
        description="One `webhook.test`, signed like everything; an endpoint that is switched off gets it too. Takes "
        "at most 15 seconds.",
        request=_EMPTY,
        replies={200: answer(TriedSerializer, "How it went.")},
    )
    @resumable
    def post(self, request: Request, id: str) -> Response:
        self.check_said()
        delivery_id = bound_to(self.claim.id, 0) if self.claim else None
        tried = webhooks.test(self.principal, id, delivery_id=delivery_id, now=self.now)
        return Response(TriedSerializer.written(tried))


class Deliveries(Resource):
    @operation(
        "list_webhook_deliveries",
        "What was sent to an endpoint, and what is to be",
        tag=TAG,
        scope=SCOPE,
        description="Kept for 30 days.",
        parameters=(
            Parameter("state", "Only those that are so.", *choice(webhooks.STATES), example="parked"),
            Parameter("kind", "Only of this kind.", *choice((*webhooks.KINDS, webhooks.TEST))),
            *PAGE,
        ),
        replies={200: page_of(DeliverySerializer, "A page of deliveries, the latest first.")},
    )
    def get(self, request: Request, id: str) -> Response:
        return self.paged(webhooks.deliveries(self.principal, id, **self.asked), DeliverySerializer)


class Delivery(Resource):
    @operation(
        "get_webhook_delivery",
        "One delivery",
        tag=TAG,
        scope=SCOPE,
        replies={200: answer(DeliverySerializer, "The delivery.")},
    )
    def get(self, request: Request, id: str, delivery_id: str) -> Response:
        return Response(DeliverySerializer.written(webhooks.delivery(self.principal, id, delivery_id)))


class ReplayDelivery(Act):
    @operation(
        "replay_webhook_delivery",
        "Have a delivery sent again",
        tag=TAG,
        scope=SCOPE,
        description="With the same `webhook-id` and all its attempts before it. One that waits is due at once.",
        request=_EMPTY,
        replies={200: answer(DeliverySerializer, "The delivery, waiting.")},
    )
    @idempotent
    def post(self, request: Request, id: str, delivery_id: str) -> Response:
        self.check_said()
        row = webhooks.replay(self.principal, id, delivery_id, now=self.now)
        return Response(DeliverySerializer.written(row))


class SkipDelivery(Act):
    @operation(
        "skip_webhook_delivery",
        "Give a delivery up",
        tag=TAG,
        scope=SCOPE,
        description="The later ones of its client, which it held back, go out.",
        request=_EMPTY,
        replies={200: answer(DeliverySerializer, "The delivery, skipped.")},
    )
    @idempotent
    def post(self, request: Request, id: str, delivery_id: str) -> Response:
        self.check_said()
        return Response(DeliverySerializer.written(webhooks.skip(self.principal, id, delivery_id, now=self.now)))


class Replay(Act):
    @operation(
        "replay_webhook",
        "Have all parked deliveries of an endpoint sent again",
        tag=TAG,
        scope=SCOPE,
        request=_EMPTY,
        replies={200: answer(ReplayedSerializer, "How many.")},
    )
    @idempotent
    def post(self, request: Request, id: str) -> Response:
        self.check_said()
        return Response({"replayed": webhooks.replay_parked(self.principal, id, now=self.now)})


def _with_secret(row: webhooks.EndpointRow, secret: str) -> dict[str, Any]:
    return {**EndpointSerializer.written(row), "secret": secret}
