"""What holds for every address, tried at every address that the OpenAPI document knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from pytest_django import Settings

from relationships.api.openapi import document
from relationships.queries import ClientRow
from tests.api.addresses import Addresses
from tests.api.caller import Answer, Caller
from tests.api.conftest import Keys
from tests.commands.cast import NOW, Cast
from tests.webhooks.receiver import receiving

PATHS = sorted(path for path in document()["paths"] if path.startswith("/api/v1/"))
READS = [path for path in PATHS if "get" in document()["paths"][path]]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.fixture
def places(cast: Cast, bakery: ClientRow, api: Caller, settings: Settings) -> Iterator[dict[str, str]]:
    """Every path with ids of what is there."""
    settings.WEBHOOK_ALLOW_HOSTS = ["127.0.0.1"]
    whom = [{"platform": "x", "handle": "ann"}]
    cast.record(bakery, "meeting_held", NOW, mode="in_person", contacts=whom, our_people=["ida.falk@example.com"])
    ids = {
        "clients": bakery.id,
        "contacts": api.get("/contacts").body["data"][0]["id"],
        "people": api.get("/people").body["data"][0]["id"],
        "actions": api.get(f"/clients/{bakery.id}/actions", as_of="2027-06-01T00:00:00Z").body["data"][0]["id"],
        "event_id": api.get("/events").body["data"][0]["event_id"],
    }
    with receiving() as receiver:
        addresses = Addresses(api, ids, receiver.url)
        yield {path: addresses.at(path) for path in PATHS}


def parameters(path: str, **like: Any) -> Iterator[str]:
    """The names of the parameters of a read whose schema has these members."""
    for one in document()["paths"][path]["get"]["parameters"]:
        if one["in"] == "query" and like.items() <= one["schema"].items():
            yield one["name"]


def needed(path: str) -> dict[str, Any]:
    """What has to be given at a read: a moment before anything happened."""
    given = (one for one in document()["paths"][path]["get"]["parameters"] if one["in"] == "query" and one["required"])
    return {one["name"]: "2026-01-01T00:00:00Z" for one in given}


def test_other_methods_are_a_405_with_those_there_are(api: Caller, places: dict[str, str]) -> None:
    for path, place in places.items():
        known = {method.upper() for method in document()["paths"][path]}
        for method in METHODS:
            if method in known:
                continue
            answer = api.send(method, place)
            assert (answer.status, answer.code) == (405, "method_not_allowed"), (method, path)
            allowed = set(answer.headers["Allow"].replace(" ", "").split(","))
            assert allowed - {"HEAD"} == known, (method, path, allowed)


def test_head_is_get_without_a_body(api: Caller, places: dict[str, str]) -> None:
    for path in READS:
        whole = api.get(places[path], **needed(path))
        query = "&".join(f"{name}={quote(value)}" for name, value in needed(path).items())
        head = api.send("HEAD", f"{places[path]}?{query}" if query else places[path])
        assert head.status == whole.status == 200, path
        assert head.raw == b"", path
        same = ("Content-Type", "ETag", "Link", "Next-Cursor", "RateLimit-Policy")
        assert [head.headers.get(name) for name in same] == [whole.headers.get(name) for name in same], path


def test_nobody_reads_without_a_key_and_nobody_learns_why(api: Caller, places: dict[str, str]) -> None:
    for path, place in places.items():
        for method in document()["paths"][path]:
            answer = Caller().send(method.upper(), place, {"name": 1})
            assert (answer.status, answer.code) == (401, "unauthenticated"), (method, path)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer"), (method, path)


def test_what_is_unknown_is_named(api: Caller, places: dict[str, str]) -> None:
    for path in READS:
        answer = api.get(places[path], **needed(path), nothing="1")
        assert answer.faults == {"nothing": "unknown_parameter"}, path
        assert api.get(places[path] + "/").status == 404, path


def test_limits_have_bounds(api: Caller, places: dict[str, str]) -> None:
    for path in READS:
        for name in parameters(path, type="integer", maximum=500):
            for value, status in ((1, 200), (500, 200), (501, 400), (0, 400), (-1, 400), ("1e2", 400), ("١", 400)):
                answer = api.get(places[path], **needed(path), **{name: value})
                assert answer.status == status, (path, name, value)


def test_times_need_an_offset_and_take_any(api: Caller, places: dict[str, str]) -> None:
    for path in READS:
        for name in parameters(path, type="string", format="date-time"):
            rest = {key: value for key, value in needed(path).items() if key != name}
            for naive in ("2026-06-02T10:00:00", "2026-06-02"):
                assert api.get(places[path], **rest, **{name: naive}).faults[name] == "naive_time", (path, name)
            said = (
                "2026-06-02T10:00:00Z",
                "2026-06-01T20:00:00-14:00",
                "2026-06-02T12:00:00.5+02:00",
                "2026-06-02T24:00:00+14:00",
            )
            for moment in said:
                answer = api.get(places[path], **rest, **{name: moment})
                exists = moment[11:13] != "24"
                assert answer.status == (200 if exists else 400), (path, name, moment, answer.raw)


def test_lists_link_their_pages_and_bring_everything_once(api: Caller, cast: Cast, places: dict[str, str]) -> None:
    for number in range(4):
        other = cast.client(f"Client {number}")
        cast.record(other, "meeting_held", NOW, mode="video", contacts=[{"platform": "x", "handle": f"h{number}"}])
        cast.record(other, "question_asked", NOW, channel="email")
    paged = [path for path in READS if "cursor" in parameters(path)]
    assert len(paged) >= 6
    for path in paged:
        every = api.get(places[path], limit=500).body["data"]
        found, answer = [], api.get(places[path], limit=2)
        while True:
            found += answer.body["data"]
            links = answer.headers.get("Link", "")
            assert (answer.body["next"] is not None) == ('rel="next"' in links), path
            assert (answer.body["previous"] is not None) == ('rel="prev"' in links), path
            if answer.body["next"] is None:
                break
            assert f"<{answer.body['next']}>" in links
            answer = follow(api, answer.body["next"])
        assert [steady(row) for row in found] == [steady(row) for row in every], path
        if answer.body["previous"]:
            assert follow(api, answer.body["previous"]).status == 200


MOVED_BY_TIME = {"strength", "velocity", "days", "coverage", "longest_silence_days", "longest_silence_rhythms"}


def steady(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what time alone moves."""
    return {name: value for name, value in row.items() if name not in MOVED_BY_TIME}


def follow(api: Caller, url: str) -> Answer:
    return api.get("/api/v1" + url.split("/api/v1", 1)[1])


def test_a_request_id_goes_from_end_to_end(api: Caller, places: dict[str, str], bakery: ClientRow) -> None:
    for path in READS:
        assert api.get(places[path], {"X-Request-Id": "trace-1"}, **needed(path)).headers["X-Request-Id"] == "trace-1"
        for bad in ("a b", "x" * 129, "é"):
            made = api.get(places[path], {"X-Request-Id": bad}, **needed(path)).headers["X-Request-Id"]
            assert len(made) == 36, (path, bad)
    body = {"type": "note_added", "occurred_at": "2026-06-02T10:00:00Z", "text": "x"}
    recorded = api.post(f"/clients/{bakery.id}/events", body, X_Request_Id="trace-2")
    assert recorded.body["request_id"] == "trace-2"
    assert api.get("/clients/nobody", {"X-Request-Id": "trace-3"}).body["request_id"] == "trace-3"


def test_a_body_that_is_missing_is_told_so(api: Caller, keys: Keys, places: dict[str, str]) -> None:
    for path, place in places.items():
        for method in ("post", "patch"):
            if document()["paths"][path].get(method, {}).get("requestBody", {}).get("required"):
                answer = api.send(method.upper(), place, b"", If_Match="*")
                assert (answer.status, answer.code) == (400, "malformed"), (method, path)
