from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from config.logs import JsonFormatter

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


def page(request: HttpRequest) -> HttpResponse:
    logging.getLogger("tests.page").warning("asked for %s", request.path)
    return HttpResponse(request.request_id)  # type: ignore[attr-defined]


def broken(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(1 / 0))


urlpatterns = [path("page", page), path("admin/page", page), path("broken", broken)]


def test_a_request_keeps_the_id_it_came_with() -> None:
    response = Client().get("/page", headers={"X-Request-Id": "abc-1"})
    assert response["X-Request-Id"] == response.content.decode() == "abc-1"


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "a\tb", "ünsafe", '"'])
def test_a_request_without_a_sane_id_gets_one(given: str) -> None:
    response = Client().get("/page", headers={"X-Request-Id": given})
    assert response["X-Request-Id"] == response.content.decode() != given
    assert len(response.content) == 36


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """What is logged, as the formatter writes it."""
    written: list[dict[str, Any]] = []
    handler = logging.Handler()
    handler.emit = lambda record: written.append(json.loads(JsonFormatter().format(record)))  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def test_log_lines_are_json_and_carry_the_request(lines: list[dict[str, Any]]) -> None:
    Client().get("/page?q=ada", headers={"X-Request-Id": "abc-1"})
    ours, request = lines
    assert (ours["message"], ours["request_id"], ours["level"]) == ("asked for /page", "abc-1", "warning")
    assert ours["at"].endswith("Z")
    assert (request["message"], request["request_id"], request["status"]) == ("GET /page", "abc-1", 200)
    assert request["ms"] > 0


def test_a_mistake_of_ours_is_logged_with_its_request(lines: list[dict[str, Any]]) -> None:
    Client(raise_request_exception=False).get("/broken", headers={"X-Request-Id": "abc-2"})
    mistake = next(line for line in lines if line["level"] == "error")
    assert mistake["request_id"] == "abc-2"
    assert "ZeroDivisionError" in mistake["exception"]


def test_browsers_get_strict_rules_and_the_admin_what_its_theme_needs() -> None:
    strict = Client().get("/page")["Content-Security-Policy"]
    admin = Client().get("/admin/page")["Content-Security-Policy"]
    assert "unsafe" not in strict
    assert "script-src 'self' 'unsafe-eval'" in admin
    assert "style-src 'self' 'unsafe-inline'" in admin
    for policy in (strict, admin):
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy


def test_pages_are_not_framed_sniffed_or_referred_from() -> None:
    response = Client().get("/page")
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
