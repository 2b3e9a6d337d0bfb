"""The vocabulary over HTTP: every example can be posted as it stands, to a client that has just been registered."""

from __future__ import annotations

import pytest

from relationships.api.requests import postable
from relationships.domain.facts import CORRECTED, RETRACTED
from tests.api.caller import Caller


@pytest.mark.parametrize("name", postable())
def test_each_example_is_taken_as_it_stands(api: Caller, name: str) -> None:
    client = api.post("/clients", {"name": "Brightwater Foods"}).body["id"]
    path = f"/clients/{client}/events"
    data = api.get(f"/event-types/{name}").body["example"]
    headers = {}
    if name in (CORRECTED, RETRACTED):
        note = {"type": "note_added", "occurred_at": "2026-06-01T09:00:00Z", "text": "A note"}
        data, headers = {**data, "event_id": api.post(path, note).body["event_id"]}, {"If_Match": "*"}
    made = api.post(path, {"type": name, "occurred_at": "2026-06-02T09:00:00Z", "data": data}, **headers)
    assert made.status == 201, made.body
    assert api.get(f"/clients/{client}/stage").status == 200


def test_types_that_other_resources_make_are_refused(api: Caller) -> None:
    client = api.post("/clients", {"name": "Brightwater Foods"}).body["id"]
    for entry in api.get("/event-types").body["data"]:
        if not entry["postable"]:
            event = {"type": entry["type"], "occurred_at": "2026-06-02T09:00:00Z", "data": entry["example"]}
            assert api.post(f"/clients/{client}/events", event).code == "forbidden", entry["type"]
