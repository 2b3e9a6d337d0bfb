"""The OpenAPI document as a judge: every answer that a test gets is held against it."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from relationships.api.openapi import document

URI = "urn:openapi"


@cache
def paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Every documented address with its operations; fixed ones before those with parameters."""
    templates = sorted(document()["paths"], key=lambda template: (template.count("{"), template))
    return [
        (re.compile(re.sub(r"\{\w+\}", "[^/]+", template)), document()["paths"][template]) for template in templates
    ]


def operation(method: str, path: str) -> dict[str, Any] | None:
    """What is documented for a method of an address; None when nothing is."""
    for pattern, methods in paths():
        if pattern.fullmatch(path):
            return methods.get({"HEAD": "get"}.get(method, method.lower()))
    return None


@cache
def registry() -> Registry[Any]:
    plain = json.loads(json.dumps(document()))
    made: Registry[Any] = Registry().with_resource(
        URI, Resource.from_contents(plain, default_specification=DRAFT202012)
    )
    return made


def faults(value: Any, schema: Any) -> list[str]:
    """Why a value is not what a schema of the document says; empty when it is."""
    absolute = json.loads(json.dumps(schema).replace('"#/', f'"{URI}#/'))
    validator = Draft202012Validator(absolute, registry=registry(), format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]


def sent_faults(body: Any) -> list[str]:
    """Why what a webhook sent is not what the document says of its kind; empty when it is."""
    content = document()["webhooks"][body["type"]]["post"]["requestBody"]["content"]
    return faults(body, content["application/json"]["schema"])


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """A part of the document, or what it refers to."""
    found: dict[str, Any] = part
    if "$ref" in part:
        found = document()
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
    return found


def judge(method: str, path: str, response: Any) -> None:
    """Fails when an answer is not one that the document promises for this request."""
    promised = operation(method, path)
    if promised is None or response.status_code == 405:
        return
    assert str(response.status_code) in promised["responses"], (
        f"{method} {path}: {response.status_code} is undocumented"
    )
    reply = resolved(promised["responses"][str(response.status_code)])
    for name in reply.get("headers", {}):
        if name in ("X-Request-Id", "WWW-Authenticate", "Retry-After"):
            assert name in response.headers, f"{method} {path}: {name} is promised"
    content = reply.get("content", {})
    if not content:
        assert response.content == b""
        return
    assert response.headers["Content-Type"] in content, (method, path, response.headers["Content-Type"])
    if response.streaming:
        return
    wrong = faults(json.loads(response.content), content[response.headers["Content-Type"]]["schema"])
    assert not wrong, f"{method} {path} {response.status_code}: {wrong[:3]}"
