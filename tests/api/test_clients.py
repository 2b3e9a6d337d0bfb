"""Clients over HTTP: registered, listed, read, changed."""

from __future__ import annotations

from typing import Any

import pytest

from relationships.queries import ClientRow
from tests.api.caller import Caller
from tests.api.conftest import Keys
from tests.commands.cast import Cast

BAKERY: dict[str, Any] = {
    "name": "Nordlicht Bakery",
    "tier": "key",
    "time_zone": "Europe/Berlin",
    "tags": ["food"],
    "domains": ["nordlicht.example"],
    "owner": "ida.falk@example.com",
    "external_ids": [{"source": "crm", "id": "4711"}],
}


def test_a_registered_client_comes_back_whole_and_can_be_found_where_it_says(api: Caller) -> None:
    made = api.post("/clients", BAKERY)
    assert made.status == 201
    assert made.body["version"] == 1
    assert made.body["owner_name"] == "ida.falk@example.com"
    assert (made.body["stage"], made.body["health"], made.body["strength"]) == ("found", "new", None)
    assert made.headers["ETag"] == '"v1"'
    read = api.get(made.headers["Location"])
    assert read.status == 200
    assert read.body == made.body
    assert read.headers["ETag"] == '"v1"'
    assert api.get("/clients/crm:4711").body["id"] == made.body["id"]


def test_the_same_external_id_is_the_same_client_unless_it_differs(api: Caller) -> None:
    made = api.post("/clients", BAKERY)
    again = api.post("/clients", BAKERY)
    assert (again.status, again.body["id"]) == (200, made.body["id"])
    other = api.post("/clients", {**BAKERY, "name": "Another"})
    assert (other.status, other.code) == (409, "conflict")
    assert other.body["fields"] == ["name"]


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"name": None}, "/name", "required"),
        ({"name": 5}, "/name", "wrong_type"),
        ({"name": "x" * 201}, "/name", "too_long"),
        ({"tier": "gold"}, "/tier", "invalid_choice"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone", "invalid_time_zone"),
        ({"stage": "met"}, "/stage", "unknown_field"),
        ({"position": 1}, "/position", "unknown_field"),
        ({"owner": 7}, "/owner", "invalid_person"),
        ({"external_ids": [{"source": "a:b", "id": "1"}]}, "/external_ids/0/source", "invalid_source"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(api: Caller, change: dict[str, Any], pointer: str, code: str) -> None:
    refused = api.post("/clients", {**BAKERY, **change})
    assert refused.status == 400
    assert refused.code == "invalid"
    assert refused.faults[pointer] == code
    assert api.get("/clients").body["data"] == []


def test_a_change_needs_the_version_that_was_seen(api: Caller, bakery: ClientRow) -> None:
    path = f"/clients/{bakery.id}"
    assert api.patch(path, {"tags": ["north"]}).code == "precondition_required"
    stale = api.patch(path, {"tags": ["north"]}, If_Match='"v0"')
    assert (stale.status, stale.code) == (412, "precondition_failed")
    assert (stale.headers["ETag"], stale.body["current_version"]) == ('"v1"', 1)
    changed = api.patch(path, {"tags": ["north"], "tier": "light"}, If_Match=stale.headers["ETag"])
    assert changed.status == 200
    assert (changed.body["tags"], changed.body["tier"]) == (["north"], "light")
    assert changed.headers["ETag"] == f'"v{changed.body["version"]}"' == '"v3"'
    types = [event["type"] for event in api.get(f"{path}/events").body["data"]]
    assert types == ["tier_changed", "client_updated", "client_registered"]


@pytest.mark.parametrize("tags", ['"v9", "v1"', "*", '"v1.3"'])
def test_if_match_takes_lists_stars_and_tags_with_a_silent_change(api: Caller, bakery: ClientRow, tags: str) -> None:
    assert api.patch(f"/clients/{bakery.id}", {"tags": ["a"]}, If_Match=tags).status == 200


@pytest.mark.parametrize("tags", ['W/"v1"', '"other"', '"v2", "v3"'])
def test_what_matches_nothing_is_a_412(api: Caller, bakery: ClientRow, tags: str) -> None:
    assert api.patch(f"/clients/{bakery.id}", {"tags": ["a"]}, If_Match=tags).status == 412


def test_a_malformed_if_match_is_a_400(api: Caller, bakery: ClientRow) -> None:
    refused = api.patch(f"/clients/{bakery.id}", {"tags": ["a"]}, If_Match="v1")
    assert (refused.status, refused.faults) == (400, {"If-Match": "malformed_header"})


def test_a_client_that_is_as_it_was_is_not_sent_again(api: Caller, bakery: ClientRow, cast: Cast) -> None:
    path = f"/clients/{bakery.id}"
    tag = api.get(path).headers["ETag"]
    same = api.get(path, {"If-None-Match": tag})
    assert (same.status, same.raw, same.headers["ETag"]) == (304, b"", tag)
    assert api.get(path, {"If-None-Match": f'"v0", W/{tag}'}).status == 304
    api.post(f"{path}/events", {"type": "note_added", "occurred_at": "2026-05-01T10:00:00Z", "text": "Hello"})
    assert api.get(path, {"If-None-Match": tag}).status == 200


def test_lists_are_paged_by_links_that_bring_everybody_once(api: Caller, cast: Cast) -> None:
    for number in range(7):
        cast.client(f"Client {number}")
    first = api.get("/clients", limit=3)
    assert 'rel="next"' in first.headers["Link"]
    assert first.body["previous"] is None
    names, url = [], "/clients?limit=3"
    while url:
        page = api.get(url)
        names += [client["name"] for client in page.body["data"]]
        last, url = page, page.body["next"]
    assert names == [f"Client {number}" for number in range(7)]
    back = api.get(last.body["previous"])
    assert [client["name"] for client in back.body["data"]] == ["Client 3", "Client 4", "Client 5"]


def test_filters_and_sorts_come_through(api: Caller, cast: Cast, bakery: ClientRow) -> None:
    cast.client("Harbour Joinery")
    assert [c["name"] for c in api.get("/clients", tier="key").body["data"]] == ["Nordlicht Bakery"]
    assert [c["name"] for c in api.get("/clients", sort="-name").body["data"]] == [
        "Nordlicht Bakery",
        "Harbour Joinery",
    ]
    assert [c["name"] for c in api.get("/clients", external_id="crm:4711").body["data"]] == ["Nordlicht Bakery"]
    assert len(api.get("/clients?stage=found,met&stage=helped").body["data"]) == 2


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=1.5",
        "limit=",
        "limit=5&limit=6",
        "limit=١",
        "cursor=nonsense",
        "cursor=",
        "sort=secret",
        "stage=lost",
        "falls_before=tomorrow",
        "falls_before=2026-01-01T00:00:00",
        "q=%00",
        "page=2",
        "format=json",
        f"q={'x' * 300}",
    ],
)
def test_a_parameter_that_is_unknown_or_unfit_is_a_400_that_names_it(api: Caller, query: str) -> None:
    refused = api.get(f"/clients?{query}")
    assert (refused.status, refused.code) == (400, "invalid")
    assert list(refused.faults) == [query.split("=")[0]]


def test_many_clients_are_registered_with_a_result_for_each(api: Caller) -> None:
    body = {"clients": [BAKERY, {"name": "Harbour Joinery"}, {"tier": "key"}, BAKERY]}
    results = api.post("/clients/bulk", body).body["results"]
    assert [(one["index"], one["status"]) for one in results] == [(0, 201), (1, 201), (2, 400), (3, 200)]
    assert results[0]["client_id"] == results[3]["client_id"]
    assert results[2]["problem"]["errors"][0]["pointer"] == "/name"


def test_many_clients_are_registered_all_or_none(api: Caller) -> None:
    refused = api.post("/clients/bulk?atomic=true", {"clients": [BAKERY, {"tier": "key"}]})
    assert (refused.status, refused.code) == (422, "batch_refused")
    assert list(refused.faults) == ["/clients/1/name"]
    assert api.get("/clients").body["data"] == []


def test_a_team_s_key_sees_its_team_s_clients_and_no_others(keys: Keys, cast: Cast, bakery: ClientRow) -> None:
    north = keys(team=cast.team("north"))
    assert north.get("/clients").body["data"] == []
    absent = north.get("/clients/019ab8c3-5d7e-7f90-9bac-2d3e4f5a6b7c")
    hidden = north.get(f"/clients/{bakery.id}")
    assert (hidden.status, hidden.body["detail"]) == (absent.status, absent.body["detail"])
    assert hidden.status == 404
