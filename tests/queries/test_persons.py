"""The export of a person: all that names them, with the words, in little memory."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from accounts.roles import Role
from relationships import commands, queries
from relationships.exports import person_html, person_json
from relationships.queries import ClientRow, NotFound
from tests.commands.cast import DAY, NOW, Cast, assemble

ANN, BOB, IDA = "ann@b.example", "bob@b.example", "ida@acme.example"


@pytest.fixture
def cast(db: None) -> Cast:
    return assemble()


@pytest.fixture
def client(cast: Cast) -> ClientRow:
    return cast.client(now=NOW - 300 * DAY)


def exported(cast: Cast, contact_id: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(b"".join(person_json(queries.person(cast.system, contact_id, now=NOW))))
    return made


def correct(cast: Cast, client: ClientRow, event_id: str, **stated: Any) -> None:
    version = queries.client(cast.system, client.id, now=NOW).version
    cast.record(client, "event_corrected", NOW, if_match=version, event_id=event_id, reason="So it was", **stated)


def test_all_that_names_them_is_in_it_and_nothing_else(cast: Cast, client: ClientRow) -> None:
    ann: dict[str, Any] = {"contacts": [ANN], "our_people": [IDA]}
    asked = cast.record(client, "question_asked", NOW - 9 * DAY, text="How long?", channel="email", **ann).event
    [ann_id] = asked.data["contacts"]
    cast.record(
        client,
        "meeting_held",
        NOW - 8 * DAY,
        meeting_id="m",
        mode="in_person",
        contacts=[BOB, ANN],
        our_people=[IDA],
        text="Met",
    )
    cast.record(client, "message_sent", NOW - 7 * DAY, direction="inbound", contacts=[BOB], text="Of Bob alone")
    # Recorded as Bob's, corrected to be Ann's; and one of hers, corrected without naming anybody.
    taken = cast.record(client, "message_sent", NOW - 6 * DAY, direction="inbound", contacts=[BOB], text="Hers").event
    correct(cast, client, taken.event_id, data={"direction": "inbound", "contacts": [ann_id]})
    correct(cast, client, asked.event_id, occurred_at=(NOW - 10 * DAY).isoformat())
    commands.update_contact(cast.system, ann_id, {"name": "Ann"}, now=NOW)
    cast.record(client, "contact_left", NOW, contact_id=ANN)

    told = exported(cast, ann_id)

    assert [event["type"] for event in told["events"]] == [
        "contact_added",
        "question_asked",
        "meeting_held",
        "message_sent",
        "event_corrected",
        "event_corrected",
        "contact_updated",
        "contact_left",
    ]
    texts = [event["text"] or event["data"].get("reason") for event in told["events"]]
    assert texts == [None, "How long?", "Met", "Hers", "So it was", "So it was", None, None]
    assert "Of Bob alone" not in json.dumps(told)
    assert told["events"][0]["data"]["handles"] == [{"platform": "email", "handle": ANN}]
    assert (told["person"]["name"], told["person"]["handles"]) == ("Ann", [{"platform": "email", "handle": ANN}])
    assert [one["event_id"] for one in told["questions"]] == [asked.event_id]
    assert [one["meeting_id"] for one in told["meetings"]] == ["m"]
    assert [one["person_name"] for one in told["ties"]] == [IDA]
    assert told["counts"] == {"events": 8, "questions": 1, "meetings": 1, "ties": 1, "unplaced": 0}
    page = b"".join(person_html(queries.person(cast.system, ann_id, now=NOW))).decode()
    assert "How long?" in page
    assert "Of Bob alone" not in page


def test_who_may(cast: Cast, client: ClientRow) -> None:
    event = cast.record(client, "message_sent", NOW, direction="inbound", contacts=[ANN], text="Words").event
    [ann_id] = event.data["contacts"]
    auditor = cast.user("Otto", Role.AUDITOR)
    assert b"Words" not in b"".join(person_json(queries.person(auditor, ann_id, now=NOW)))
    for stranger in (cast.user("Max", Role.ACCOUNT_MANAGER), assemble("rival").system):
        with pytest.raises(NotFound):
            queries.person(stranger, ann_id, now=NOW)


def test_of_an_erased_person_the_skeleton_is_left(cast: Cast, client: ClientRow) -> None:
    event = cast.record(client, "message_sent", NOW, direction="inbound", contacts=[ANN], text="Words").event
    [ann_id] = event.data["contacts"]
    commands.erase_person(cast.system, ann_id, now=NOW)
    told = exported(cast, ann_id)
    assert [event["type"] for event in told["events"]] == ["contact_added", "message_sent", "person_erased"]
    assert "Words" not in json.dumps(told)
    assert ANN not in json.dumps(told)


def test_it_needs_little_memory_however_much_there_is(cast: Cast, client: ClientRow) -> None:
    items = [
        {
            "client_id": client.id,
            "type": "message_sent",
            "occurred_at": NOW - n * DAY / 24,
            "text": "x" * 2_000,
            "data": {"direction": "inbound", "contacts": [ANN]},
        }
        for n in range(1_000)
    ]
    for start in range(0, 3_000, 1_000):
        commands.record_events(cast.system, items, now=NOW + start * DAY / 1_000)
    [ann_id] = [row.id for row in queries.contacts(cast.system, client=client.id).rows]
    record = queries.person(cast.system, ann_id, now=NOW + 3 * DAY)
    tracemalloc.start()
    try:
        size = sum(len(chunk) for chunk in person_json(record))
        assert size > 6_000_000
        assert tracemalloc.get_traced_memory()[1] < size / 2
    finally:
        tracemalloc.stop()
