"""The feed: everything, in order, once, in three forms."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relationships.models.log import Ledger
from relationships.queries import ClientRow, cursors
from tests.api.caller import Caller
from tests.api.conftest import Keys
from tests.commands.cast import Cast

NDJSON = {"Accept": "application/x-ndjson"}
CLOUDEVENTS = {"Accept": "application/cloudevents-batch+json"}


@pytest.fixture
def noted(api: Caller, bakery: ClientRow) -> int:
    """Twelve notes after the registration; the number of events in all."""
    events = [
        {
            "client_id": bakery.id,
            "type": "note_added",
            "occurred_at": f"2026-05-{day:02}T10:00:00Z",
            "text": f"Day {day}",
        }
        for day in range(1, 13)
    ]
    assert api.post("/events/bulk", {"events": events}).status == 200
    return 13


def test_the_feed_brings_every_event_once_and_goes_on_where_it_ended(
    api: Caller, noted: int, bakery: ClientRow
) -> None:
    positions, cursor = [], None
    while True:
        page = api.get("/events", limit=5, **({"after": cursor} if cursor else {})).body
        positions += [event["position"] for event in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert positions == list(range(1, noted + 1))
    assert api.get("/events", after=cursor).body == {"data": [], "next_cursor": cursor, "has_more": False}
    head = api.get("/events/head").body
    assert (head["position"], head["cursor"]) == (noted, cursor)
    api.post(f"/clients/{bakery.id}/events", {"type": "note_added", "occurred_at": "2026-05-13T10:00:00Z"})
    assert [event["position"] for event in api.get("/events", after=cursor).body["data"]] == [noted + 1]


def test_lines_stream_to_the_end_of_the_log(api: Caller, noted: int) -> None:
    answer = api.get("/events", NDJSON)
    assert answer.response.streaming
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    events = [json.loads(line) for line in answer.raw.splitlines()]
    assert [event["position"] for event in events] == list(range(1, noted + 1))
    assert events == api.get("/events").body["data"]


def test_cloudevents_are_a_bare_array_that_links_page(api: Caller, noted: int) -> None:
    url: str | None = "/events?limit=5"
    events: list[dict[str, Any]] = []
    while url:
        page = api.get(url, CLOUDEVENTS)
        assert page.headers["Content-Type"] == "application/cloudevents-batch+json"
        events += page.body
        link = page.headers.get("Link", "")
        url = link.partition(">")[0][1:] if 'rel="next"' in link else None
    assert api.get("/events", after=page.headers["Next-Cursor"]).body["data"] == []
    assert [event["position"] for event in events] == list(range(1, noted + 1))
    plain = api.get("/events").body["data"]
    for event, told in zip(events, plain, strict=True):
        assert {"specversion", "id", "source", "type", "time", "subject", "clientid", "data"} <= set(event)
        assert (event["specversion"], event["id"], event["data"]) == ("1.0", told["event_id"], told)
        assert all(name.isalnum() and name.islower() for name in event)


def test_a_team_s_key_sees_that_it_missed_nothing(keys: Keys, cast: Cast, noted: int) -> None:
    north = keys(team=cast.team("north"))
    page = north.get("/events").body["data"]
    assert [event["position"] for event in page] == list(range(1, noted + 1))
    assert all(set(event) == {"ledger", "position", "chain_hash", "redacted"} for event in page)
    assert [event["type"] for event in north.get("/events", CLOUDEVENTS).body] == ["relationships.redacted"] * noted


@pytest.mark.parametrize("cursor", ["x", "bm9uc2Vuc2U", "WyJmZWVkMSIsMSwxLDk5OTk5XQ", "é", "a" * 3000])
def test_a_cursor_that_is_none_of_ours_is_a_400(api: Caller, noted: int, cursor: str) -> None:
    assert api.get("/events", after=cursor).status == 400


def test_a_cursor_from_before_a_restore_is_a_409(api: Caller, noted: int, cast: Cast) -> None:
    Ledger.objects.filter(pk=cast.ledger_id).update(epoch=2)
    ahead = cursors.write("feed1", [1, cast.ledger_id, noted + 5])
    assert api.get("/events", after=ahead).code == "cursor_from_another_epoch"


def test_a_form_that_there_is_not_is_a_406(api: Caller) -> None:
    assert api.get("/events", {"Accept": "text/html"}).code == "not_acceptable"
