"""The OpenAPI document is true: valid, complete, committed, and so are its examples. `caller` does the rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.urls import URLPattern
from drf_spectacular.validation import validate_schema

from relationships.api import urls
from relationships.api.idempotency import idempotent
from relationships.api.openapi import document, to_yaml
from relationships.api.operations import operation_of
from relationships.api.requests import postable
from tests.api.caller import Caller
from tests.api.document import faults, resolved

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
METHODS = ("get", "post", "patch")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def views() -> Iterator[tuple[URLPattern, Any]]:
    for pattern in urls._V1:
        assert isinstance(pattern, URLPattern)
        yield pattern, vars(pattern.callback)["cls"]


def test_the_document_is_valid_openapi_3_1() -> None:
    assert document()["openapi"] == "3.1.1"
    validate_schema(document())  # type: ignore[no-untyped-call]


def test_the_committed_document_is_up_to_date() -> None:
    assert COMMITTED.read_text() == to_yaml(), "run: manage.py spectacular --file docs/openapi.yaml"


def test_every_method_of_every_address_is_in_it() -> None:
    documented = {(method, path) for method, path, _ in operations()}
    found = set()
    for pattern, view in views():
        address = "/api/v1/" + str(pattern.pattern).replace("<str:", "{").replace(">", "}")
        for method in METHODS:
            if hasattr(view, method):
                assert operation_of(view, method), f"{method} {address} promises nothing"
                found.add((method, address))
    assert found | {("get", "/api/problems")} == documented


def test_every_post_keeps_its_answer_under_an_idempotency_key() -> None:
    for pattern, view in views():
        if hasattr(view, "post"):
            assert view.post.__code__ is idempotent(lambda: None).__code__, pattern  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(("method", "path", "operation"), list(operations()), ids=lambda part: str(part)[:40])
def test_every_request_and_answer_has_examples_and_they_are_valid(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    assert operation["summary"]
    assert operation["tags"]
    contents = [resolved(reply).get("content", {}) for reply in operation["responses"].values()]
    if "requestBody" in operation:
        contents.append(operation["requestBody"]["content"])
    for content in contents:
        for type, body in content.items():
            assert body["examples"], f"{method} {path}: {type} has no example"
            for name, example in body["examples"].items():
                assert not faults(example["value"], body["schema"]), (
                    type,
                    name,
                    faults(example["value"], body["schema"]),
                )


def test_each_type_of_event_can_be_told_by_its_name() -> None:
    schemas = document()["components"]["schemas"]
    discriminator = schemas["EventIn"]["discriminator"]
    assert discriminator["propertyName"] == "type"
    assert list(discriminator["mapping"]) == postable()
    for name, ref in discriminator["mapping"].items():
        assert resolved({"$ref": ref})["properties"]["type"]["const"] == name


def test_it_is_served_in_both_forms_without_sign_in() -> None:
    plain = Caller().get("/api/schema")
    assert plain.status == 200
    assert yaml.safe_load(plain.raw)["info"]["title"] == "Relationships"
    assert Caller().get("/api/schema", {"Accept": "application/json"}).body["openapi"] == "3.1.1"


def test_it_names_no_secret_and_no_machine() -> None:
    text = to_yaml()
    assert "rsk_" not in text
    assert "localhost" not in text
