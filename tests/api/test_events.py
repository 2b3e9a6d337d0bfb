"""Events over HTTP: recorded one by one and many at once, corrected, read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import ApiKey
from relationships.domain.events import EVENT_TYPES
from relationships.queries import ClientRow
from tests.api.caller import Answer, Caller
from tests.api.conftest import Keys
from tests.commands.cast import Cast, assemble

ANSWER: dict[str, Any] = {
    "type": "question_answered",
    "occurred_at": "2026-05-20T11:15:00+02:00",
    "occurred_tz": "Europe/Berlin",
    "source": "helpdesk",
    "external_id": "T-1043/2",
    "text": "The oven can be delivered in May.",
    "data": {"channel": "email", "contacts": ["ann@nordlicht.example"], "our_people": ["ida.falk@example.com"]},
}
NOTE = {"type": "note_added", "occurred_at": "2026-05-01T10:00:00Z", "text": "They like rye."}
NDJSON = "application/x-ndjson"


@pytest.fixture
def path(bakery: ClientRow) -> str:
    return f"/clients/{bakery.id}/events"


def test_a_recorded_event_comes_back_whole(api: Caller, path: str, bakery: ClientRow) -> None:
    made = api.post(path, ANSWER, X_Request_Id="trace-7")
    assert made.status == 201
    event = made.body
    assert event["occurred_at"] == "2026-05-20T09:15:00Z"
    assert (event["client_id"], event["request_id"], event["text"]) == (bakery.id, "trace-7", ANSWER["text"])
    assert (event["type_version"], event["precision"], event["supersedes"]) == (1, "instant", None)
    assert event["data"]["direction"] == "outbound"
    assert len(event["data"]["contacts"]) == 1
    assert made.headers["ETag"] == f'"v{event["version"]}"'
    assert made.headers["X-Request-Id"] == "trace-7"
    assert api.get(made.headers["Location"]).body == event
    assert api.get(path).body["data"][0] == event


def test_an_event_that_is_sent_again_is_recorded_once(api: Caller, path: str) -> None:
    first, again = api.post(path, ANSWER), api.post(path, ANSWER)
    assert (first.status, again.status) == (201, 200)
    assert again.body == first.body
    other = api.post(path, {**ANSWER, "text": "In June."})
    assert (other.status, other.code, other.body["fields"]) == (409, "conflict", ["text"])
    assert other.body["event_id"] == first.body["event_id"]


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"type": "telepathy"}, "/type", "unknown_type"),
        ({"type": None}, "/type", "required"),
        ({"occurred_at": None}, "/occurred_at", "required"),
        ({"occurred_at": "2026-05-20T11:15:00"}, "/occurred_at", "naive_time"),
        ({"occurred_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}, "/occurred_at", "future_time"),
        ({"occurred_at": "9999-12-31T23:59:59-14:00"}, "/occurred_at", "invalid_time"),
        ({"occurred_at": "0001-01-01T00:00:00Z"}, "/occurred_at", "out_of_range"),
        ({"occurred_at": "2026-02-30T00:00:00Z"}, "/occurred_at", "invalid_time"),
        ({"occurred_tz": "Mars/Olympus"}, "/occurred_tz", "invalid_time_zone"),
        ({"precision": "year"}, "/precision", "invalid_choice"),
        ({"source": None}, "/source", "required"),
        ({"recorded_at": "2026-05-20T11:15:00Z"}, "/recorded_at", "unknown_field"),
        ({"data": {"mood": "good"}}, "/data/mood", "unknown_field"),
        ({"data": {"channel": "smoke"}}, "/data/channel", "invalid_choice"),
        ({"data": {"contacts": ["nobody"]}}, "/data/contacts/0", "invalid_person"),
        ({"data": []}, "/data", "wrong_type"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    api: Caller, path: str, change: dict[str, Any], pointer: str, code: str
) -> None:
    refused = api.post(path, {**ANSWER, **change})
    assert refused.status == 400
    assert refused.faults[pointer] == code


def test_a_type_that_other_resources_make_cannot_be_posted(api: Caller, path: str) -> None:
    refused = api.post(path, {"type": "client_registered", "occurred_at": "2026-05-20T11:15:00Z", "data": {}})
    assert (refused.status, refused.code) == (403, "forbidden")


def test_a_correction_and_a_retraction_need_the_version_that_was_seen(api: Caller, path: str) -> None:
    fact = api.post(path, ANSWER)
    correction = {
        "type": "event_corrected",
        "occurred_at": "2026-05-21T09:00:00Z",
        "data": {"event_id": fact.body["event_id"], "reason": "The day before", "occurred_at": "2026-05-19T09:15:00Z"},
    }
    assert api.post(path, correction).code == "precondition_required"
    assert api.post(path, correction, If_Match='"v1"').code == "precondition_failed"
    corrected = api.post(path, correction, If_Match=fact.headers["ETag"])
    assert (corrected.status, corrected.body["supersedes"]) == (201, fact.body["event_id"])
    assert api.get(f"/events/{fact.body['event_id']}").body["superseded_by"] == corrected.body["event_id"]
    retraction = {
        "type": "event_retracted",
        "occurred_at": "2026-05-22T09:00:00Z",
        "data": {"event_id": fact.body["event_id"], "reason": "Another client"},
    }
    assert api.post(path, retraction, If_Match="*").status == 201
    assert api.post(path, {**correction, "occurred_at": "2026-05-23T09:00:00Z"}, If_Match="*").code == "conflict"


def test_if_match_is_honoured_by_ordinary_events_too(api: Caller, path: str) -> None:
    assert api.post(path, NOTE, If_Match='"v7"').status == 412
    assert api.post(path, NOTE, If_Match='"v1"').status == 201


def test_events_take_get_and_post_only(api: Caller, path: str) -> None:
    event_id = api.post(path, NOTE).body["event_id"]
    for method in ("PUT", "PATCH", "DELETE"):
        for address, allowed in ((path, "GET, HEAD, POST"), (f"/events/{event_id}", "GET, HEAD")):
            refused = api.send(method, address, {})
            assert (refused.status, refused.code) == (405, "method_not_allowed")
            assert refused.headers["Allow"] == allowed


def test_personal_text_is_for_keys_that_may_read_it(keys: Keys, path: str) -> None:
    made = keys("events:write").post(path, ANSWER)
    assert (made.status, made.body["text"], made.body["sealed"]) == (201, None, True)
    blind, sighted = keys("events:read"), keys("events:read", "text:read")
    assert blind.get(path).body["data"][0]["text"] is None
    assert sighted.get(path).body["data"][0]["text"] == ANSWER["text"]


def test_filters_come_through(api: Caller, path: str) -> None:
    api.post(path, ANSWER)
    api.post(path, NOTE)
    assert [e["type"] for e in api.get(path, type="note_added").body["data"]] == ["note_added"]
    assert [e["type"] for e in api.get(path, channel="email", direction="outbound").body["data"]] == [
        "question_answered"
    ]
    assert api.get(path, since="2026-05-02T00:00:00Z", until="2026-05-20T09:15:00Z").body["data"] == []
    assert api.get(path, type="telepathy").faults == {"type": "invalid_choice"}


def test_the_type_of_an_unknown_client_or_event_is_not_found(api: Caller) -> None:
    unknown = "019ab8c3-5d7e-7f90-9bac-2d3e4f5a6b7c"
    for ref in (unknown, "crm:nobody", "nonsense", ":", "crm:", "x" * 4000, "%00", "crm:%00"):
        assert api.get(f"/clients/{ref}/events").code == "not_found"
        assert api.post(f"/clients/{ref}/events", NOTE).code == "not_found"
        assert api.get(f"/events/{ref}").code == "not_found"


# ---------------------------------------------------------------------- many at once


def lines(*items: Any) -> bytes:
    return b"\n".join(item if isinstance(item, bytes) else json.dumps(item).encode() for item in items)


def statuses(answer: Answer) -> list[tuple[int, int]]:
    return [(one["index"], one["status"]) for one in answer.body["results"]]


@pytest.fixture
def mixed(bakery: ClientRow) -> list[Any]:
    return [
        {"client_id": bakery.id, **ANSWER},
        {"client": {"source": "crm", "id": "4711"}, **NOTE},
        {"client": {"source": "crm", "id": "none"}, **NOTE},
        {"client_id": bakery.id, **NOTE, "mood": "good"},
        {"client_id": bakery.id, **ANSWER},
        {"client_id": bakery.id, **ANSWER, "text": "Other"},
        {"client_id": bakery.id, "type": "client_registered", "occurred_at": "2026-05-01T10:00:00Z"},
        {**NOTE},
    ]


EXPECTED = [(0, 201), (1, 201), (2, 404), (3, 400), (4, 200), (5, 409), (6, 403), (7, 400)]


def test_a_batch_tells_what_became_of_each(api: Caller, mixed: list[Any]) -> None:
    answer = api.post("/events/bulk", {"events": mixed})
    assert answer.status == 200
    assert statuses(answer) == EXPECTED
    results = answer.body["results"]
    assert results[0]["event_id"] == results[4]["event_id"]
    assert results[3]["problem"]["errors"][0]["pointer"] == "/mood"
    assert results[2]["problem"]["code"] == "not_found"
    assert [set(one) - {"index", "status"} for one in results[:3]] == [{"event_id"}, {"event_id"}, {"problem"}]


def test_lines_are_taken_as_well_and_one_that_cannot_be_read_stops_no_other(api: Caller, mixed: list[Any]) -> None:
    body = lines(*mixed, b"{not json", b"[]", b"", b'{"type": "a", "type": "b"}', mixed[0]) + b"\n"
    answer = api.post("/events/bulk", body, type=NDJSON)
    assert statuses(answer) == [*EXPECTED, (8, 400), (9, 400), (10, 400), (11, 400), (12, 200)]
    assert answer.body["results"][11]["problem"]["errors"][0]["code"] == "duplicate_name"


def test_all_or_nothing_names_every_fault_and_records_nothing(api: Caller, mixed: list[Any], path: str) -> None:
    refused = api.post("/events/bulk?atomic=true", {"events": mixed})
    assert (refused.status, refused.code) == (422, "batch_refused")
    assert {"/events/2", "/events/3/mood", "/events/6"} <= set(refused.faults)
    unreadable = api.post("/events/bulk?atomic=true", lines(mixed[0], b"{"), type=NDJSON)
    assert (unreadable.status, list(unreadable.faults)) == (422, ["/events/1"])
    assert [e["type"] for e in api.get(path).body["data"]] == ["client_registered"]
    assert statuses(api.post("/events/bulk?atomic=true", {"events": mixed[:2]})) == [(0, 201), (1, 201)]


def test_more_than_a_thousand_or_five_megabytes_are_too_much(api: Caller) -> None:
    assert api.post("/events/bulk", {"events": [{}] * 1001}).code == "too_large"
    assert api.post("/events/bulk", lines(*[{}] * 1001), type=NDJSON).code == "too_large"
    assert api.post("/events/bulk", b" " * 5_000_001).code == "too_large"
    assert api.post("/events/bulk", {"events": "all"}).faults == {"/events": "required"}
    assert api.post("/events/bulk", {"events": [], "x": 1}).faults == {"/x": "unknown_field"}


def test_one_entry_of_a_batch_may_not_have_ten_thousand_values(api: Caller, bakery: ClientRow) -> None:
    huge = {"client_id": bakery.id, **NOTE, "data": {"topics": ["a"] * 10_001}}
    assert statuses(api.post("/events/bulk", {"events": [huge, {"client_id": bakery.id, **NOTE}]})) == [
        (0, 400),
        (1, 201),
    ]


# ---------------------------------------------------------------------- the vocabulary


def test_every_type_is_listed_and_its_example_can_be_posted(api: Caller) -> None:
    listed = api.get("/event-types").body["data"]
    assert [one["type"] for one in listed] == list(EVENT_TYPES)
    for one in listed:
        assert api.get(f"/event-types/{one['type']}").body == one
        assert set(one) == {"type", "version", "postable", "summary", "schema", "example"}
    assert api.get("/event-types/telepathy").code == "not_found"


def test_examples_without_people_are_accepted_as_they_stand(api: Caller, path: str) -> None:
    people = {"contacts", "our_people", "contact_id", "from_colleague", "to_colleague", "people", "owner"}
    for one in api.get("/event-types").body["data"]:
        if one["postable"] and one["type"] not in ("event_corrected", "event_retracted"):
            data = {name: value for name, value in one["example"].items() if name not in people}
            if set(one["schema"]["required"]) <= set(data):
                made = api.post(path, {"type": one["type"], "occurred_at": "2026-05-01T10:00:00Z", "data": data})
                assert made.status == 201, (one["type"], made.body)


def test_an_event_of_somebody_else_s_organisation_is_not_found(api: Caller, path: str, cast: Cast) -> None:
    event_id = api.post(path, NOTE).body["event_id"]
    other = assemble("other")
    _, secret = ApiKey.issue(organisation=other.organisation, name="x", scopes=["*"], now=datetime.now(UTC))
    stranger = Caller(secret)
    assert stranger.get(f"/events/{event_id}").code == "not_found"
    assert stranger.get(path).code == "not_found"
    assert stranger.get("/events").body["data"] == []
