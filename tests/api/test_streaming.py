"""The feed over a real connection: it comes line by line, and a reader may go away in the middle."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.api.caller import Caller
from tests.commands.cast import NOW, Cast

NOTES = 1_200


@pytest.mark.database
def test_more_than_a_page_streams_to_the_end(live_server: Any, cast: Cast, api: Caller) -> None:
    client = cast.client("Nordlicht Bakery")
    for start in range(0, NOTES, 600):
        events = [
            {"client_id": client.id, "type": "note_added", "occurred_at": NOW.isoformat(), "text": f"Note {n}"}
            for n in range(start, start + 600)
        ]
        assert api.post("/events/bulk", {"events": events}).status == 200
    with_key = {"Authorization": f"Bearer {api.secret}", "Accept": "application/x-ndjson"}
    connection = HTTPConnection(urlsplit(live_server.url).netloc, timeout=30)
    connection.request("GET", "/api/v1/events", headers=with_key)
    response = connection.getresponse()
    assert response.status == 200
    positions = [json.loads(line)["position"] for line in response]
    assert positions == list(range(1, NOTES + 2))
    connection.close()

    leaving = HTTPConnection(urlsplit(live_server.url).netloc, timeout=30)
    leaving.request("GET", "/api/v1/events", headers=with_key)
    leaving.getresponse().readline()
    leaving.close()
    assert api.get("/events/head").body["position"] == NOTES + 1
