"""A Python client generated from docs/openapi.yaml does an integrator's work on a real server."""

from __future__ import annotations

import re
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.fuzzing import DOCUMENT
from tests.contract.integrator import client_of, generate, models, operation
from tests.installation import Installation

pytestmark = [pytest.mark.contract, pytest.mark.slow]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of the generated package, which can be imported."""
    folder = tmp_path_factory.mktemp("generated")
    yield generate(str(DOCUMENT), folder, "generated_client")
    sys.path.remove(str(folder))


@pytest.fixture
def client(generated: str, server: Installation, key: str) -> Any:
    return client_of(generated, server.url, key)


def test_it_names_each_thing_once(generated: str) -> None:
    made = {path.stem for path in (Path(sys.path[0]) / generated / "models").glob("*.py")}
    assert {"client_in", "stage_name", "person_ref", "event_result", "refusal", "feed"} - made == {"person_ref"}
    numbered = {name for name in made if re.search(r"_type_\d", name)}
    assert not numbered, "a generator made up names: give them in relationships/api/components.py"


def test_it_registers_records_follows_and_asks(generated: str, client: Any) -> None:
    m = models(generated)
    start = operation(generated, "events", "read_head").sync(client=client)
    name = f"Nordlicht {uuid.uuid4().hex[:8]}"
    registered = operation(generated, "clients", "register_client").sync_detailed(
        client=client,
        body=m.ClientIn(name=name, tier=m.TierName.KEY, external_ids=[m.ExternalIdIn(source="crm", id=name)]),
        idempotency_key=name,
    )
    assert registered.status_code == 201
    made = registered.parsed
    assert isinstance(made, m.Client)
    assert (made.name, made.tier, made.stage) == (name, m.TierName.KEY, m.StageName.FOUND)

    begun = datetime.now(UTC) - timedelta(days=20)
    backlog = [
        m.BulkEvent(
            client=m.ExternalIdIn(source="crm", id=name),
            type_=m.PostableType.MESSAGE_SENT,
            occurred_at=begun + timedelta(hours=number),
            source="mail",
            external_id=f"{name}/{number}",
            data=m.BulkEventData.from_dict({"direction": ("inbound", "outbound")[number % 2], "thread": "t"}),
        )
        for number in range(100)
    ]
    backlog.append(m.BulkEvent(client_id=made.id, type_=m.PostableType.MEETING_HELD, occurred_at=begun))
    results = operation(generated, "events", "record_events").sync(client=client, body=m.EventsIn(events=backlog))
    assert [one.status for one in results.results] == [201] * 100 + [400]
    assert isinstance(results.results[0], m.EventResult)
    refusal = results.results[100]
    assert isinstance(refusal, m.Refusal)
    assert {error.pointer for error in refusal.problem.errors} == {"/data/mode"}

    meeting = m.MeetingHeldIn(
        type_="meeting_held",
        occurred_at=datetime.now(UTC) - timedelta(days=2),
        text="They want to see the oven.",
        data=m.MeetingHeld(meeting_id="visit-1", mode=m.MeetingMode.IN_PERSON, contacts=["ann@nordlicht.example"]),
    )
    held = operation(generated, "events", "record_event").sync(str(made.id), client=client, body=meeting)
    assert isinstance(held, m.Event)
    assert held.text == "They want to see the oven."

    cursor, seen = start.cursor, []
    while True:
        page = operation(generated, "events", "read_feed").sync(client=client, after=cursor, limit=30)
        seen += page.data
        cursor = page.next_cursor
        if not page.has_more:
            break
    assert [event.position for event in seen] == list(range(start.position + 1, start.position + 1 + len(seen)))
    own = [event for event in seen if event.client_id == made.id]
    assert [event.type_ for event in own] == [
        "client_registered",
        *["message_sent"] * 100,
        "contact_added",
        "meeting_held",
    ]

    stage = operation(generated, "standing", "get_stage").sync(str(made.id), client=client)
    assert isinstance(stage, m.Stage)
    assert stage.stage is m.StageName.MET
    assert stage.settled
    before = operation(generated, "standing", "get_stage").sync(
        str(made.id), client=client, as_of=begun + timedelta(days=3)
    )
    assert before.stage is m.StageName.HELPED


def test_it_gets_problems_as_documents(generated: str, client: Any) -> None:
    m = models(generated)
    lost = operation(generated, "clients", "get_client").sync_detailed(str(uuid.uuid4()), client=client)
    assert lost.status_code == 404
    assert isinstance(lost.parsed, m.Problem)
    assert lost.parsed.code is m.ProblemCode.NOT_FOUND
    refused = operation(generated, "clients", "register_client").sync(client=client, body=m.ClientIn(name=" "))
    assert [error.pointer for error in refused.errors] == ["/name"]
