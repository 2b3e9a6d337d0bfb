"""Every example of the OpenAPI document is sent, and answered as the document says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from pytest_django import Settings

from accounts.models import ApiKey
from relationships.api import examples
from relationships.api.openapi import document
from relationships.webhooks import egress
from tests.api.addresses import Addresses
from tests.api.caller import Answer, Caller
from tests.api.document import resolved
from tests.commands.cast import NOW as BEGUN
from tests.commands.cast import Cast
from tests.webhooks.receiver import Receiver, receiving

NOW = datetime.fromisoformat(examples.NOW) + timedelta(hours=1)


def operations(method: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        if method in methods and path.startswith("/api/v1/"):
            yield path, methods[method]


def requests() -> Iterator[Any]:
    """Each example of a body, with its method, path and media type."""
    for method in ("post", "patch"):
        for path, operation in operations(method):
            for type, body in operation.get("requestBody", {"content": {}})["content"].items():
                for name, example in body["examples"].items():
                    yield pytest.param(method, path, type, example["value"], id=f"{method} {path} {type} {name}")


@pytest.fixture
def now() -> Iterator[None]:
    """An hour after the moment at which the examples are told."""
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def receiver(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver on loopback; the name in the examples stands for a public address."""
    settings.WEBHOOK_ALLOW_HOSTS = ["127.0.0.1"]
    monkeypatch.setattr(egress, "check", lambda url: None)
    with receiving() as told:
        yield told


@pytest.fixture
def told(now: None, cast: Cast, receiver: Receiver, request: pytest.FixtureRequest) -> dict[str, str]:
    """The cast of the examples, as it is called here."""
    registers = "/clients" in str(request.node.name) and "{id}" not in str(request.node.name)
    known = [] if registers and "post" in request.node.name else [{"source": "crm", "id": "4711"}]
    bakery = cast.client("Nordlicht Bakery", now=BEGUN, external_ids=known)
    contact = {"platform": "email", "handle": "bea@nordlicht.example"}
    cast.record(bakery, "question_asked", BEGUN, channel="email", contacts=[contact])
    cast.record(
        bakery, "meeting_held", BEGUN, mode="in_person", contacts=[contact], our_people=["ida.falk@example.com"]
    )
    _, secret = ApiKey.issue(
        organisation=cast.organisation, name="reader", scopes=("*",), team=None, now=datetime.now(UTC)
    )
    api = Caller(secret)
    events = {event["type"]: event["event_id"] for event in api.get("/events").body["data"]}
    return {
        examples.CLIENT: bakery.id,
        examples.CONTACT: api.get("/contacts").body["data"][0]["id"],
        examples.COLLEAGUE: api.get("/people").body["data"][0]["id"],
        examples.QUESTION: events["question_asked"],
        examples.EVENT: events["meeting_held"],
        "action": api.get(f"/clients/{bakery.id}/actions").body["data"][0]["id"],
        "secret": secret,
        "receiver": receiver.url,
    }


def as_here(told: dict[str, str], text: str) -> str:
    for name, here in told.items():
        text = text.replace(name, here)
    return text


def address(told: dict[str, str], path: str) -> str:
    ids = {
        "clients": told[examples.CLIENT],
        "contacts": told[examples.CONTACT],
        "people": told[examples.COLLEAGUE],
        "actions": told["action"],
        "event_id": told[examples.EVENT],
    }
    return Addresses(Caller(told["secret"]), ids, told["receiver"]).at(path)


def kept(answer: Answer, operation: dict[str, Any]) -> None:
    """Fails when an answer lacks a field of its example, or has one more. (`Caller` held it against the schema.)"""
    reply = resolved(operation["responses"][str(answer.status)])
    for example in reply["content"]["application/json"]["examples"].values():
        assert answer.body.keys() == example["value"].keys()


@pytest.mark.parametrize(("method", "path", "type", "body"), list(requests()))
def test_an_example_of_a_body_is_taken(
    told: dict[str, str], method: str, path: str, type: str, body: dict[str, Any]
) -> None:
    raw = as_here(told, json.dumps(body)).encode()
    corrects = body.get("type") in ("event_corrected", "event_retracted")
    headers = {"If_Match": "*"} if corrects or method == "patch" else {}
    answer = Caller(told["secret"]).send(method.upper(), address(told, path), raw, type=type, **headers)
    assert answer.status in (200, 201), answer.raw
    results = answer.body.get("results", [])
    assert all(one["status"] == 201 for one in results), answer.body
    kept(answer, document()["paths"][path][method])


@pytest.mark.parametrize(("path", "operation"), list(operations("get")), ids=lambda part: str(part)[:40])
def test_an_example_of_a_parameter_is_taken(told: dict[str, str], path: str, operation: dict[str, Any]) -> None:
    api = Caller(told["secret"])
    given = {one["name"]: one["example"] for one in operation["parameters"] if "example" in one}
    query = {name: ",".join(value) if isinstance(value, list) else value for name, value in given.items()}
    needed = {
        one["name"]: query[one["name"]] for one in operation["parameters"] if one["required"] and one["in"] == "query"
    }
    for chosen in ({}, *({name: value} for name, value in query.items()), query):
        answer = api.get(
            address(told, path), **needed, **{key: value for key, value in chosen.items() if key not in needed}
        )
        assert answer.status == 200, (chosen, answer.raw)
        kept(answer, operation)


def test_each_type_of_event_is_recorded_as_its_example_says(now: None, cast: Cast, told: dict[str, str]) -> None:
    """What /event-types gives as an example of `data` can be posted, for every type that can be."""
    api = Caller(told["secret"])
    for kind in api.get("/event-types").body["data"]:
        if not kind["postable"]:
            continue
        data = {name: value for name, value in kind["example"].items() if name not in PEOPLE}
        if kind["type"] in ("event_corrected", "event_retracted"):
            data["event_id"] = noted(api, told[examples.CLIENT])
        if "contact_id" in data:
            data["contact_id"] = told[examples.CONTACT]
        for name in ("from_colleague", "to_colleague"):
            if name in data:
                data[name] = told[examples.COLLEAGUE]
        body = {"type": kind["type"], "occurred_at": examples.NOW, "data": data}
        answer = api.post(f"/clients/{told[examples.CLIENT]}/events", body, If_Match="*")
        assert answer.status == 201, (kind["type"], answer.raw)


# Who these are in the examples of the vocabulary nobody here knows.
PEOPLE = ("contacts", "our_people")


def noted(api: Caller, client_id: str) -> str:
    body = {"type": "meeting_held", "occurred_at": examples.EARLIER, "data": {"mode": "video"}}
    return str(api.post(f"/clients/{client_id}/events", body).body["event_id"])
