"""Every refusal under /api/ is one problem document, whoever refuses."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError
from django.test import Client as Browser
from django.utils import timezone
from django.utils.html import escape

from accounts.models import ApiKey
from relationships.api.errors import KINDS
from relationships.queries import ClientRow
from tests.api.caller import Caller
from tests.api.conftest import Keys

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/clients/", "/api/v2/clients", "/api/%00"],
)
def test_unknown_addresses_are_problems(api: Caller, path: str) -> None:
    refused = api.get(path)
    assert (refused.status, refused.code) == (404, "not_found")
    assert set(refused.body) == MEMBERS
    assert refused.body["request_id"] == refused.headers["X-Request-Id"]
    assert refused.body["type"] == "/api/problems#not_found"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_refused_with_those_there_are(api: Caller, method: str) -> None:
    for caller in (api, Caller()):
        refused = caller.send(method, "/clients")
        assert (refused.status, refused.code, refused.headers["Allow"]) == (
            405,
            "method_not_allowed",
            "GET, HEAD, POST",
        )


@pytest.mark.django_db
def test_a_host_that_is_not_ours_is_a_problem(api: Caller) -> None:
    refused = api.get("/clients", {"Host": "evil.example"})
    assert (refused.status, refused.code) == (400, "bad_request")


def test_a_mistake_of_ours_is_a_problem_without_a_traceback(api: Caller) -> None:
    with mock.patch("relationships.queries.clients", side_effect=ZeroDivisionError("secret detail")):
        refused = api.get("/clients")
    assert (refused.status, refused.code) == (500, "internal")
    assert b"secret" not in refused.raw
    assert b"Traceback" not in refused.raw


def test_a_database_that_does_not_answer_is_a_503(api: Caller) -> None:
    with mock.patch("relationships.queries.clients", side_effect=OperationalError("host=10.0.0.1 password")):
        refused = api.get("/clients")
    assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "unavailable", "5")
    assert b"10.0.0.1" not in refused.raw


def test_all_codes_are_explained_where_their_type_points(api: Caller) -> None:
    listed = Caller().get("/api/problems").body["data"]
    assert [one["code"] for one in listed] == list(KINDS)


def test_a_browser_gets_the_same_as_a_page_and_programs_never_do(db: None) -> None:
    browser = Browser()
    chrome = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    page = browser.get("/api/problems", headers={"Accept": chrome})
    assert page.headers["Content-Type"].startswith("text/html")
    for code, kind in KINDS.items():
        assert f'id="{code}"' in page.content.decode()
        assert escape(kind.title) in page.content.decode()
    assert "Wait for <code>Retry-After</code> seconds." in page.content.decode()
    for accept in ("*/*", "application/json"):
        assert browser.get("/api/problems", headers={"Accept": accept}).headers["Content-Type"] == "application/json"
    refused = browser.get("/api/problems?x=1", headers={"Accept": chrome})
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert browser.get("/api/nowhere", headers={"Accept": chrome}).headers["Content-Type"] == "application/problem+json"


# ---------------------------------------------------------------------- bodies

DEEP = b'{"data":' + b"[" * 40 + b"]" * 40 + b"}"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (b"", "", "malformed"),
        (b"{", "", "malformed"),
        (b"nonsense", "", "malformed"),
        (b"\xff\xfe", "", "malformed"),
        (b'{"a": "\xed\xa0\x80"}', "", "malformed"),
        (b"[]", "", "wrong_type"),
        (b"null", "", "wrong_type"),
        (b'"text"', "", "wrong_type"),
        (b'{"name": "a\\u0000b"}', "/name", "unsafe_text"),
        (b'{"name": "\\ud800"}', "/name", "unsafe_text"),
        (b'{"na\\u0000me": 1}', "", "unsafe_text"),
        (b'{"a": {"x/y": ["ok", "\\udfff"]}}', "/a/x~1y/1", "unsafe_text"),
        (b'{"name": "a", "name": "b"}', "/name", "duplicate_name"),
        (b'{"a": {"b": 1, "b": 1}}', "/a/b", "duplicate_name"),
        (b'{"name": NaN}', "/name", "out_of_range"),
        (b'{"name": -Infinity}', "/name", "out_of_range"),
        (b'{"name": 1e999}', "/name", "out_of_range"),
        (b'{"name": 9007199254740993}', "/name", "out_of_range"),
        (b'{"name": -9223372036854775808}', "/name", "out_of_range"),
        (b'{"name": ' + b"9" * 5000 + b"}", "/name", "out_of_range"),
        (DEEP, "", "too_deep"),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, "", "too_deep"),
        (b"[" * 100_000 + b"]" * 100_000, "", "too_deep"),
        (b"[" * 500_000, "", "too_deep"),
        (json.dumps({"a": [0] * 10_000}).encode(), "", "too_many_values"),
    ],
)
def test_the_gate_names_what_is_not_taken_and_where(api: Caller, body: bytes, pointer: str, code: str) -> None:
    refused = api.send("POST", "/clients", body)
    assert refused.status == 400
    if body:
        assert refused.code == "malformed"
        assert refused.faults[pointer] == code


def test_the_gate_takes_what_is_allowed_to_the_letter(api: Caller, bakery: ClientRow) -> None:
    text = 'e\u0301 — \u202eRTL \ufffe 🧁 \\ "quoted" <b>&amp;</b>'
    event = {"type": "note_added", "occurred_at": "2026-05-01T10:00:00Z", "text": text}
    assert api.post(f"/clients/{bakery.id}/events", event).body["text"] == text
    just = json.dumps({"name": "a", "x": 2**53}).encode()
    assert api.send("POST", "/clients", just).faults == {"/x": "unknown_field"}


def test_thirty_two_levels_are_taken(api: Caller) -> None:
    body: Any = 1
    for _ in range(31):
        body = [body]
    assert api.post("/clients", {"x": body}).code == "invalid"
    assert api.post("/clients", {"x": [body]}).code == "malformed"


def test_a_body_that_is_too_large_is_refused_unread(api: Caller) -> None:
    assert api.send("POST", "/clients", b" " * (2**20 + 1)).code == "too_large"
    assert api.send("POST", "/clients", b'{"name": "' + b"x" * (2**20 - 12) + b'"}').code == "invalid"


def test_the_gate_needs_little_memory(api: Caller) -> None:
    tracemalloc.start()
    try:
        for body in (b"[" * 2**20, b'{"a":' * 200_000, b"[0," * 340_000):
            assert api.send("POST", "/clients", body).status == 400
        assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x"]
)
def test_other_types_of_bodies_are_a_415(api: Caller, type: str) -> None:
    assert api.send("POST", "/clients", b"name=x", type=type).code == "unsupported_media_type"


# ---------------------------------------------------------------------- who may


def test_without_a_good_key_nobody_comes_in(keys: Keys) -> None:
    for header in (
        None,
        "Bearer",
        "Bearer nonsense",
        "Basic dXNlcjpwdw==",
        "Bearer rsk_000000000000_x",
        "Bearer \x00é",
    ):
        refused = Caller().get("/clients", {"Authorization": header} if header is not None else {})
        assert (refused.status, refused.code) == (401, "unauthenticated")
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert Caller().get("/clients?limit=0").status == 401


def test_a_key_in_the_address_is_not_looked_at(api: Caller) -> None:
    assert Caller().get(f"/clients?key={api.secret}&access_token={api.secret}").status == 401


def test_a_missing_scope_is_named(keys: Keys) -> None:
    reader = keys("events:read")
    refused = reader.get("/clients")
    assert (refused.status, refused.code, refused.body["scope"]) == (403, "missing_scope", "clients:read")
    assert reader.post("/clients", {}).body["scope"] == "clients:write"
    assert reader.get("/events").status == 200


def test_a_revoked_key_is_dead_at_once(api: Caller) -> None:
    assert api.get("/clients").status == 200
    ApiKey.objects.get().revoke(now=timezone.now())
    assert api.get("/clients").code == "unauthenticated"


def test_request_ids_are_taken_or_made(api: Caller) -> None:
    assert api.get("/clients", {"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    assert api.get("/clients", {"X-Request-Id": "not\tsane" + "x" * 200}).headers["X-Request-Id"] != "x"


def test_personal_answers_are_not_cached(api: Caller) -> None:
    assert api.get("/clients").headers["Cache-Control"] == "no-store"
