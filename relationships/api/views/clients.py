"""Clients: the list, one of them, many at once."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from relationships import commands, queries
from relationships.commands.clients import DETAILS
from relationships.domain.fields import unknown_field
from relationships.queries.changes import seen
from relationships.queries.clients import SORTS

from .. import parameters, requests
from ..bulk import ATOMIC, RESULTS, Item, items_of, refuse, result
from ..conditions import etag, expected_version, not_modified
from ..errors import invalid
from ..idempotency import idempotent
from ..operations import NDJSON, Body, Reply, answer, operation, page_of
from ..parameters import HEALTH, OWNER, PAGE, STAGE, TEAM, TIER, Parameter, moment, word
from ..parsers import BulkJsonParser, NdjsonParser
from ..resource import Resource
from ..serializers.clients import ClientSerializer

_FILTERS = (
    STAGE,
    HEALTH,
    TIER,
    OWNER,
    TEAM,
    Parameter("q", "A part of the name, or a domain.", *word(), example="bakery"),
    Parameter("external_id", "The one that another system calls so: `source:id`.", *word(340), example="crm:4711"),
    Parameter("falls_before", "Whose stage falls before then if nothing more happens.", *moment()),
    parameters.sort(SORTS, "name"),
    *PAGE,
)


class Clients(Resource):
    @operation(
        "list_clients",
        "The clients that you may see",
        tag="clients",
        scope="clients:read",
        parameters=_FILTERS,
        replies={200: page_of(ClientSerializer, "A page of clients.")},
    )
    def get(self, request: Request) -> Response:
        return self.paged(queries.clients(self.principal, now=self.now, **self.asked), ClientSerializer)

    @operation(
        "register_client",
        "Register a client",
        tag="clients",
        scope="clients:write",
        description="A client with one of these external ids already comes back as it is (200), if nothing differs.",
        request=(Body(requests.CLIENT_IN, {"a bakery": requests.CLIENT_EXAMPLE}, name="ClientIn"),),
        replies={
            201: answer(ClientSerializer, "It was registered.", "Location", "ETag"),
            200: answer(ClientSerializer, "It was known already.", "Location", "ETag"),
        },
        problems=("forbidden", "conflict"),
    )
    @idempotent
    def post(self, request: Request) -> Response:
        if unknown := [unknown_field(f"/{name}", name, DETAILS) for name in self.body if name not in DETAILS]:
            raise invalid(unknown)
        details = {"name": None, **self.body}
        client, created = commands.register_client(self.principal, **details, now=self.now, request_id=self.request_id)
        headers = {"Location": _address(self, client.id), "ETag": etag(client.version)}
        return Response(ClientSerializer.written(client), status=201 if created else 200, headers=headers)


class ClientsBulk(Resource):
    parser_classes = [BulkJsonParser, NdjsonParser]

    @operation(
        "register_clients",
        "Register many clients at once",
        tag="clients",
        scope="clients:write",
        description="At most 1,000 and 5 MB. What is wrong with one does not stop the rest, unless `atomic`.",
        parameters=(ATOMIC,),
        request=(
            Body(
                {
                    "type": "object",
                    "required": ["clients"],
                    "properties": {"clients": {"type": "array", "maxItems": 1000, "items": requests.CLIENT_REF}},
                    "additionalProperties": False,
                },
                {"two clients": {"clients": [requests.CLIENT_EXAMPLE, {"name": "Harbour Joinery"}]}},
                name="ClientsIn",
            ),
            Body(requests.CLIENT_IN, {"a line": requests.CLIENT_EXAMPLE}, NDJSON, name="ClientIn"),
        ),
        replies={200: RESULTS["client_id"]},
        problems=("batch_refused",),
    )
    @idempotent
    def post(self, request: Request) -> Response:
        items = items_of(request, "clients")
        with transaction.atomic():
            found = commands.register_clients(
                self.principal, [item.value for item in items], now=self.now, request_id=self.request_id
            )
            results = [_outcome(item, one) for item, one in zip(items, found, strict=True)]
            if self.asked.get("atomic"):
                refuse("clients", results)
        return Response({"results": [result(request, "client_id", *one) for one in results]})


def _outcome(item: Item, one: commands.ClientResult) -> tuple[int, int, str | None, Exception | None]:
    error = item.unreadable or one.error
    return one.index, 201 if one.created else 200, one.client.id if one.client else None, error


class Client(Resource):
    @operation(
        "get_client",
        "One client",
        tag="clients",
        scope="clients:read",
        replies={
            200: answer(ClientSerializer, "The client.", "ETag"),
            304: Reply("It is as you know it.", (), ("ETag",)),
        },
        conditions=("If-None-Match",),
    )
    def get(self, request: Request, id: str) -> Response:
        tag = _tag(self, id)
        if not_modified(request, tag):
            return Response(status=304, headers={"ETag": tag})
        client = queries.client(self.principal, id, now=self.now)
        return Response(ClientSerializer.written(client), headers={"ETag": tag})

    @operation(
        "update_client",
        "Change a client's details",
        tag="clients",
        scope="clients:write",
        description="Each change is an event in its log. What is left out stays as it is.",
        request=(
            Body(
                requests.CLIENT_CHANGES,
                {"another tier": {"tier": "key", "tags": ["food", "north"]}},
                name="ClientChanges",
            ),
        ),
        replies={200: answer(ClientSerializer, "The client as it is now.", "ETag")},
        conditions=("If-Match",),
        problems=("forbidden", "conflict", "precondition_failed", "precondition_required"),
    )
    def patch(self, request: Request, id: str) -> Response:
        client = commands.update_client(
            self.principal,
            id,
            self.body,
            if_match=expected_version(request, lambda: seen(self.principal, id, now=self.now).version),
            now=self.now,
            request_id=self.request_id,
        )
        return Response(ClientSerializer.written(client), headers={"ETag": etag(client.version)})


def _tag(view: Resource, ref: str) -> str:
    found = seen(view.principal, ref, now=view.now)
    silent = f"{found.periods}-{found.policies}" if found.periods or found.policies else None
    return etag(found.version, *([silent] if silent else []))


def _address(view: Resource, client_id: str) -> Any:
    return view.request.build_absolute_uri(reverse("client", args=[client_id]))
