"""The dossier says what the single questions say, at any moment, in a fixed number of queries."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.roles import Role
from relationships import commands, queries
from relationships.queries import ClientRow, NotFound
from tests.commands.cast import DAY, NOW, Cast, assemble

ANN, IDA = "ann@b.example", "ida@acme.example"


@pytest.fixture
def cast(db: None) -> Cast:
    return assemble()


@pytest.fixture
def client(cast: Cast) -> ClientRow:
    client = cast.client(now=NOW - 300 * DAY, owner=IDA)
    who: dict[str, Any] = {"contacts": [ANN], "our_people": [IDA]}
    cast.record(client, "meeting_held", NOW - 200 * DAY, meeting_id="m1", mode="in_person", outcome="next_step", **who)
    cast.record(
        client, "question_asked", NOW - 150 * DAY, channel="email", text="How long?", external_id="q", source="m"
    )
    cast.record(client, "question_answered", NOW - 149 * DAY, channel="email", text="Two days", in_reply_to="q", **who)
    cast.record(
        client,
        "idea_shared",
        NOW - 120 * DAY,
        direction="outbound",
        line="Twice a week",
        topics=["logistics"],
        external_id="i",
        source="m",
        **who,
    )
    cast.record(client, "idea_adopted", NOW - 110 * DAY, direction="inbound", in_reply_to="i", topics=["logistics"])
    held = cast.record(client, "meeting_held", NOW - 100 * DAY, meeting_id="m2", mode="video", place="Hall", **who)
    cast.record(client, "commitment_made", NOW - 60 * DAY, commitment_id="c1", what="An offer", due=stamp(-30), **who)
    cast.record(client, "commitment_made", NOW - 60 * DAY, commitment_id="c2", what="A sample", **who)
    cast.record(client, "commitment_kept", NOW - 50 * DAY, commitment_id="c2", **who)
    cast.record(
        client, "meeting_scheduled", NOW - 20 * DAY, meeting_id="m3", starts_at=stamp(10), agenda="The oven", **who
    )
    cast.record(client, "meeting_moved", NOW - 10 * DAY, meeting_id="m3", new_starts_at=stamp(12))
    cast.record(client, "question_asked", NOW - 3 * DAY, channel="email", text="And the oven?", **who)
    cast.record(
        client,
        "event_corrected",
        NOW,
        if_match=queries.client(cast.system, client.id, now=NOW).version,
        event_id=held.event.event_id,
        reason="It was here",
        data={"meeting_id": "m2", "mode": "in_person", "place": "Our house", "contacts": [ANN]},
    )
    return client


def stamp(days: int) -> str:
    return (NOW + days * DAY).isoformat()


def test_it_is_what_the_single_questions_say(cast: Cast, client: ClientRow) -> None:
    for as_of in (None, NOW - 90 * DAY, NOW + 30 * DAY):
        asked: dict[str, Any] = {"now": NOW, "as_of": as_of}
        sheet = queries.dossier(cast.system, client.id, **asked)
        assert sheet.stage == queries.stage(cast.system, client.id, **asked)
        assert sheet.timeline == queries.timeline(cast.system, client.id, **asked).data
        strength = queries.strength(cast.system, client.id, **asked)
        assert (sheet.strength.sum, sheet.strength.terms) == (strength.sum, strength.terms[:10])
        shown = sum(term.points for term in sheet.strength.terms) + sheet.strength.other_points
        assert shown == pytest.approx(strength.sum)
        gaps = queries.gaps(cast.system, client.id, **asked).data
        assert [sheet.open_gap, *sheet.closed_gaps] == list(gaps)


def test_what_it_shows_of_the_present(cast: Cast, client: ClientRow) -> None:
    sheet = queries.dossier(cast.system, client.id, now=NOW)
    [ahead] = sheet.meetings_ahead
    assert (ahead.meeting_id, ahead.at, ahead.agenda) == ("m3", NOW + 12 * DAY, "The oven")
    assert len(ahead.contacts) == 1
    assert [(one.meeting_id, one.mode, one.outcome) for one in sheet.meetings_past] == [
        ("m2", "in_person", None),
        ("m1", "in_person", "next_step"),
    ]
    assert sheet.meetings_past[0].place == "Our house"
    assert [(one.text, one.state) for one in sheet.open_questions] == [("And the oven?", "late")]
    assert [(one.what, one.state, one.overdue) for one in sheet.commitments] == [
        ("An offer", "open", True),
        ("A sample", "kept", False),
    ]
    assert [(one.line, one.state) for one in sheet.ideas.ours] == [("Twice a week", "adopted")]
    assert sheet.ideas.theirs == ()
    assert [(one.topic, one.mentions) for one in sheet.topics] == [("logistics", 2)]
    assert [one.text for one in sheet.exchanges] == ["And the oven?", None, "Twice a week", "Two days", "How long?"]
    assert [one.handles[0].handle for one in sheet.contacts] == [ANN]
    assert [one.name for one in sheet.our_people] == [IDA]
    assert sheet.client.owner_name == IDA


def test_an_earlier_moment_and_an_earlier_knowledge(cast: Cast, client: ClientRow) -> None:
    then = queries.dossier(cast.system, client.id, now=NOW, as_of=NOW - 130 * DAY)
    assert [one.text for one in then.exchanges] == ["Two days", "How long?"]
    assert (then.meetings_ahead, then.commitments, then.ideas.ours) == ((), (), ())
    with pytest.raises(NotFound):
        queries.dossier(cast.system, client.id, now=NOW, as_of=NOW - 301 * DAY)
    later = NOW + DAY
    cast.record(client, "message_sent", NOW, direction="inbound", text="Late news", now=later)
    told = queries.dossier(cast.system, client.id, now=later, known_at=NOW + DAY / 2)
    assert "Late news" not in [one.text for one in told.exchanges]
    assert "Late news" in [one.text for one in queries.dossier(cast.system, client.id, now=later).exchanges]


def test_who_may_not_read_text_gets_none(cast: Cast, client: ClientRow) -> None:
    sheet = queries.dossier(cast.user("Otto", Role.AUDITOR), client.id, now=NOW)
    words = [sheet.meetings_ahead[0].agenda, *(one.text for one in sheet.exchanges), sheet.commitments[0].what]
    assert set(words) == {None}
    assert (sheet.contacts[0].name, sheet.contacts[0].handles) == (None, ())
    with pytest.raises(NotFound):
        queries.dossier(cast.user("Max", Role.ACCOUNT_MANAGER), client.id, now=NOW)


def test_the_number_of_queries_does_not_depend_on_the_history(cast: Cast, client: ClientRow) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            queries.dossier(cast.system, client.id, now=NOW)
        return len(captured)

    few = count()
    for day in range(20):
        cast.record(
            client, "message_sent", NOW - day * DAY, direction="inbound", contacts=[f"{day}@b.example"], text="x"
        )
        commands.record_event(
            cast.system,
            client.id,
            {"type": "meeting_held", "occurred_at": NOW - (20 + 9 * day) * DAY, "data": {"mode": "in_person"}},
            now=NOW,
        )
    assert count() == few <= 25
