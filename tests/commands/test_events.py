"""Recording what happened: checked, people found, once only, corrected by a further event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.roles import Role
from relationships import commands, event_store, queries
from relationships.commands import (
    BatchRefused,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
)
from relationships.models.log import Event
from relationships.models.roster import Client, Colleague, Contact
from relationships.queries import ClientRow
from tests.commands.cast import DAY, NOW, Cast, assemble

pytestmark = pytest.mark.django_db

ANN = {"platform": "email", "handle": "Ann@Brightwater.example", "name": "Ann Lee"}


@pytest.fixture
def cast() -> Cast:
    return assemble()


@pytest.fixture
def client(cast: Cast) -> ClientRow:
    return cast.client(now=NOW - 100 * DAY, external_ids=[{"source": "crm", "id": "7"}])


def item(**stated: Any) -> dict[str, Any]:
    said = {"direction": "inbound", "channel": "email"}
    return {"type": "message_sent", "occurred_at": (NOW - DAY).isoformat(), "data": said} | stated


def pointers(refusal: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str]]:
    return [(error.pointer, error.code) for error in refusal.value.errors]


class TestOne:
    def test_it_is_recorded_and_told(self, cast: Cast, client: ClientRow) -> None:
        appended = commands.record_event(
            cast.system, "crm:7", item(source="mail", external_id="m1", text="Hello"), now=NOW, request_id="r-1"
        )
        assert appended.created
        event = queries.event(cast.system, appended.event.event_id)
        assert (event.client_id, event.version, event.text) == (client.id, 2, "Hello")
        assert (event.recorded_by, event.request_id) == ("system:test", "r-1")
        assert queries.client(cast.system, client.id, now=NOW).last_contact_at == NOW - DAY

    def test_sent_twice_it_is_recorded_once(self, cast: Cast, client: ClientRow) -> None:
        stated = item(source="mail", external_id="m1", data={**item()["data"], "contacts": [ANN]}, text="Hello")
        first = commands.record_event(cast.system, client.id, stated, now=NOW)
        again = commands.record_event(cast.system, client.id, stated, now=NOW + DAY)
        assert (again.created, again.event) == (False, first.event)
        with pytest.raises(Conflict) as conflict:
            commands.record_event(cast.system, client.id, {**stated, "text": "Good-bye"}, now=NOW)
        assert conflict.value.fields == ("text",)
        assert Contact.objects.count() == 1

    @pytest.mark.parametrize(
        ("wrong", "expected"),
        [
            ({"type": None}, [("/type", "required")]),
            ({"type": "meeting_dreamt"}, [("/type", "unknown_type")]),
            ({"type": 7}, [("/type", "unknown_type")]),
            ({"colour": "red"}, [("/colour", "unknown_field")]),
            ({"occurred_at": None}, [("/occurred_at", "required")]),
            ({"occurred_at": "2026-05-01T10:00:00"}, [("/occurred_at", "naive_time")]),
            ({"occurred_at": datetime(2026, 5, 1)}, [("/occurred_at", "naive_time")]),
            ({"occurred_at": "yesterday"}, [("/occurred_at", "invalid_time")]),
            ({"occurred_at": NOW + timedelta(minutes=6)}, [("/occurred_at", "future_time")]),
            ({"occurred_at": "1969-12-31T23:00:00Z"}, [("/occurred_at", "out_of_range")]),
            ({"occurred_at": "0001-01-01T00:00:00+14:00"}, [("/occurred_at", "invalid_time")]),
            ({"occurred_tz": "Mars/Olympus"}, [("/occurred_tz", "invalid_time_zone")]),
            ({"precision": "year"}, [("/precision", "invalid_choice")]),
            ({"external_id": "1"}, [("/source", "required")]),
            ({"source": "a\0"}, [("/source", "invalid_text")]),
            ({"text": "\ud800"}, [("/text", "invalid_text")]),
            ({"data": []}, [("/data", "wrong_type")]),
            ({"data": {"direction": "up"}}, [("/data/direction", "invalid_choice")]),
            ({"data": {"direction": "inbound", "mood": 1}}, [("/data/mood", "unknown_field")]),
            ({"data": {"direction": "inbound", "contacts": ["?"]}}, [("/data/contacts/0", "invalid_person")]),
            (
                {"type": "meeting_held", "data": {}, "precision": 1, "x": 1},
                [("/x", "unknown_field"), ("/precision", "invalid_choice"), ("/data/mode", "required")],
            ),
        ],
    )
    def test_what_is_wrong_is_named_by_place_and_code(
        self, cast: Cast, client: ClientRow, wrong: dict[str, Any], expected: list[tuple[str, str]]
    ) -> None:
        with pytest.raises(Invalid) as refusal:
            commands.record_event(cast.system, client.id, item(**wrong), now=NOW)
        assert pointers(refusal) == expected

    def test_what_other_resources_make_cannot_be_posted(self, cast: Cast, client: ClientRow) -> None:
        with pytest.raises(Forbidden):
            commands.record_event(cast.system, client.id, item(type="client_registered"), now=NOW)

    def test_whoever_may_not_write_is_refused_and_whoever_may_not_see_finds_nothing(
        self, cast: Cast, client: ClientRow
    ) -> None:
        with pytest.raises(Forbidden):
            commands.record_event(cast.user("Otto", Role.AUDITOR), client.id, item(), now=NOW)
        with pytest.raises(NotFound):
            commands.record_event(cast.user("Max", Role.ACCOUNT_MANAGER), client.id, item(), now=NOW)

    def test_a_version_that_was_asked_for_is_kept(self, cast: Cast, client: ClientRow) -> None:
        with pytest.raises(PreconditionFailed) as failed:
            commands.record_event(cast.system, client.id, item(), if_match=7, now=NOW)
        assert failed.value.current == 1
        with_ann = item(data={**item()["data"], "contacts": [ANN]})
        with pytest.raises(PreconditionFailed):
            commands.record_event(cast.system, client.id, with_ann, if_match=7, now=NOW)
        assert not Contact.objects.exists()
        assert commands.record_event(cast.system, client.id, with_ann, if_match=1, now=NOW).event.version == 3

    @pytest.mark.parametrize(
        ("precision", "zone", "said", "instant"),
        [
            ("day", "Europe/Berlin", "2026-05-03T17:00:00+02:00", "2026-05-02T22:00:00Z"),
            ("day", "UTC", "2026-05-03T01:00:00+02:00", "2026-05-02T00:00:00Z"),
            ("month", "Europe/Berlin", "2026-05-03T17:00:00+02:00", "2026-04-30T22:00:00Z"),
            # Midnight does not exist on that day: it begins at one o'clock.
            ("day", "America/Sao_Paulo", "2018-11-04T12:00:00-02:00", "2018-11-04T03:00:00Z"),
            ("instant", "Europe/Berlin", "2026-05-03T17:00:00+02:00", "2026-05-03T15:00:00Z"),
        ],
    )
    def test_a_day_or_month_stands_at_its_first_instant_where_it_was_said(
        self, cast: Cast, client: ClientRow, precision: str, zone: str, said: str, instant: str
    ) -> None:
        stated = item(precision=precision, occurred_tz=zone, occurred_at=said)
        event = commands.record_event(cast.system, client.id, stated, now=NOW).event
        assert (event.occurred_at, event.precision, event.occurred_tz) == (
            datetime.fromisoformat(instant),
            precision,
            zone,
        )

    def test_an_append_takes_as_many_statements_late_as_early(self, cast: Cast, client: ClientRow) -> None:
        def cost(minute: int) -> int:
            at = NOW - DAY + timedelta(minutes=minute)
            with CaptureQueriesContext(connection) as captured:
                cast.record(client, "message_sent", at, direction="inbound", contacts=["ann@brightwater.example"])
            return len(captured)

        cost(0)
        early = cost(1)
        for minute in range(2, 30):
            cost(minute)
        assert cost(30) <= early


class TestPeople:
    def test_an_unknown_contact_is_added_and_found_again_however_it_is_written(
        self, cast: Cast, client: ClientRow
    ) -> None:
        for ref in (ANN, "ann@brightwater.example", "ANN@BRIGHTWATER.EXAMPLE", {**ANN, "platform": "Email"}):
            cast.record(client, "message_sent", NOW - DAY, direction="inbound", contacts=[ref, ref])
        [contact] = queries.contacts(cast.system).rows
        assert (contact.name, contact.handles[0].handle) == ("Ann Lee", "Ann@Brightwater.example")
        events = queries.client_events(cast.system, client.id, sort="version").rows
        assert [event.type for event in events[:3]] == ["client_registered", "contact_added", "message_sent"]
        assert events[1].data["name"] == "Ann Lee"
        assert all(event.data["contacts"] == [contact.id] for event in events[2:])

    def test_the_name_of_a_contact_is_sealed_in_the_log(self, cast: Cast, client: ClientRow) -> None:
        cast.record(client, "message_sent", NOW - DAY, direction="inbound", contacts=[ANN], text="Hello")
        bodies = " ".join(Event.objects.values_list("body", flat=True))
        assert "Ann" not in bodies
        assert "brightwater.example" not in bodies.casefold()

    def test_contacts_are_looked_for_at_their_own_client(self, cast: Cast, client: ClientRow) -> None:
        other = cast.client("Other", now=NOW - 100 * DAY)
        cast.record(client, "message_sent", NOW - DAY, direction="inbound", contacts=[ANN])
        cast.record(other, "message_sent", NOW - DAY, direction="inbound", contacts=[ANN])
        mine, theirs = Contact.objects.all()
        with pytest.raises(Invalid) as refusal:
            cast.record(str(mine.client_id), "message_sent", NOW - DAY, direction="inbound", contacts=[str(theirs.pk)])
        assert pointers(refusal) == [("/data/contacts/0", "unknown_contact")]

    def test_one_of_ours_becomes_a_colleague_with_the_login_of_that_address(
        self, cast: Cast, client: ClientRow
    ) -> None:
        max_ = cast.user("Max", Role.ACCOUNT_MANAGER, cast.team("north"))
        people = ["Max@Acme.example", "guest@acme.example", {"platform": "xing", "handle": "@kim", "name": "Kim"}]
        for _ in range(2):
            cast.record(client, "message_sent", NOW - DAY, direction="outbound", our_people=people)
        found = {colleague.name: colleague for colleague in Colleague.objects.all()}
        assert set(found) == {"Max", "guest@acme.example", "Kim"}
        assert (found["Max"].user_id, found["Max"].team_id) == (max_.user_id, max_.team_id)
        assert found["Kim"].user_id is None

    def test_an_id_that_is_nobodys_is_refused(self, cast: Cast, client: ClientRow) -> None:
        with pytest.raises(Invalid) as refusal:
            cast.record(client, "message_sent", NOW - DAY, direction="outbound", our_people=[client.id])
        assert pointers(refusal) == [("/data/our_people/0", "unknown_person")]

    def test_a_contact_that_left_is_marked_and_a_retraction_brings_it_back(self, cast: Cast, client: ClientRow) -> None:
        contact = commands.add_contact(cast.system, client.id, name="Ann", now=NOW - 2 * DAY)
        gone = cast.record(client, "contact_left", NOW - DAY, contact_id=contact.id)
        assert queries.contact(cast.system, contact.id).left_at == NOW - DAY
        commands.retract_event(
            cast.system, client.id, gone.event.event_id, reason="Rumour", if_match=gone.event.version, now=NOW
        )
        assert queries.contact(cast.system, contact.id).left_at is None


class TestAmendments:
    @pytest.fixture
    def held(self, cast: Cast, client: ClientRow) -> str:
        return cast.record(
            client, "meeting_held", NOW - 10 * DAY, mode="video", contacts=[ANN], text="Nice"
        ).event.event_id

    def test_a_correction_demands_the_version_that_was_seen(self, cast: Cast, client: ClientRow, held: str) -> None:
        for if_match, refusal in ((None, PreconditionRequired), (1, PreconditionFailed)):
            with pytest.raises(refusal):
                commands.correct_event(cast.system, client.id, held, reason="Wrong", if_match=if_match, now=NOW)

    def test_it_replaces_the_data_and_the_stage_follows(self, cast: Cast, client: ClientRow, held: str) -> None:
        assert queries.stage(cast.system, client.id, now=NOW).stage == "helped"
        data = {"mode": "in_person", "contacts": [ANN], "place": "Their office"}
        corrected = commands.correct_event(
            cast.system, client.id, held, reason="It was there", if_match=3, data=data, now=NOW
        )
        answer = queries.stage(cast.system, client.id, now=NOW)
        assert (answer.stage, answer.because[0].event_id, answer.because[0].mode) == ("met", held, "in_person")
        event = queries.event(cast.system, corrected.event.event_id)
        assert event.supersedes == held
        assert event.data["data"]["place"] == "Their office"
        assert event.data["reason"] == "It was there"
        assert "Their office" not in Event.objects.get(pk=event.event_id).body

    def test_its_data_is_checked_by_the_type_of_the_fact(self, cast: Cast, client: ClientRow, held: str) -> None:
        with pytest.raises(Invalid) as refusal:
            commands.correct_event(
                cast.system, client.id, held, reason="x", if_match=3, data={"mode": "dream", "line": "x"}, now=NOW
            )
        assert pointers(refusal) == [("/data/data/mode", "invalid_choice"), ("/data/data/line", "unknown_field")]
        with pytest.raises(Invalid) as refusal:
            commands.correct_event(cast.system, client.id, held, reason="x", if_match=3, occurred_at=NOW + DAY, now=NOW)
        assert pointers(refusal) == [("/data/occurred_at", "future_time")]

    def test_a_correction_of_a_correction_is_checked_by_the_same_type(
        self, cast: Cast, client: ClientRow, held: str
    ) -> None:
        first = commands.correct_event(
            cast.system, client.id, held, reason="x", if_match=3, data={"mode": "in_person"}, now=NOW
        )
        second = commands.correct_event(
            cast.system, client.id, first.event.event_id, reason="y", if_match=4, data={"mode": "video"}, now=NOW
        )
        assert second.event.supersedes == first.event.event_id
        assert queries.stage(cast.system, client.id, now=NOW).stage == "helped"

    def test_a_retraction_is_final(self, cast: Cast, client: ClientRow, held: str) -> None:
        commands.retract_event(cast.system, client.id, held, reason="Never", if_match=3, now=NOW)
        with pytest.raises(Conflict):
            commands.correct_event(cast.system, client.id, held, reason="x", if_match=4, now=NOW)

    def test_events_of_others_and_of_other_resources_are_refused(
        self, cast: Cast, client: ClientRow, held: str
    ) -> None:
        other = cast.client("Other")
        with pytest.raises(Invalid) as refusal:
            commands.retract_event(cast.system, other.id, held, reason="x", if_match=1, now=NOW)
        assert pointers(refusal) == [("/data/event_id", "unknown_event")]
        [registered] = queries.client_events(cast.system, client.id, type="client_registered").rows
        with pytest.raises(Forbidden):
            commands.retract_event(cast.system, client.id, registered.event_id, reason="x", if_match=3, now=NOW)

    def test_a_tier_that_is_taken_back_falls_back(self, cast: Cast, client: ClientRow) -> None:
        raised = cast.record(client, "tier_changed", NOW - DAY, tier="key")
        assert Client.objects.get(pk=client.id).tier == "key"
        commands.retract_event(
            cast.system, client.id, raised.event.event_id, reason="x", if_match=raised.event.version, now=NOW
        )
        assert Client.objects.get(pk=client.id).tier == "standard"


class TestMany:
    def test_the_good_ones_are_recorded_and_the_bad_ones_named_by_index(self, cast: Cast, client: ClientRow) -> None:
        other = cast.client("Other", now=NOW - 100 * DAY)
        said = {"direction": "inbound", "contacts": [ANN]}
        items = [
            item(client_id=client.id, data=said, source="mail", external_id="1"),
            item(client={"source": "crm", "id": "7"}, data=said, occurred_at=NOW - 2 * DAY),
            item(client_id=other.id, data={"direction": "sideways"}),
            item(client_id=other.id, data=said),
            item(client={"source": "crm", "id": "99"}),
            item(),
            "nonsense",
            item(client_id=client.id, type="event_retracted", data={"event_id": client.id, "reason": "x"}),
            item(client_id=client.id, type="client_registered"),
            item(client_id=client.id, data=said, source="mail", external_id="1"),
            item(client_id=client.id, data=said, source="mail", external_id="1", occurred_at=NOW - 3 * DAY),
            item(client_id=7),
        ]
        results = commands.record_events(cast.system, items, now=NOW)
        assert [result.index for result in results] == list(range(len(items)))
        told = ["ok" if result.appended else type(result.error).__name__ for result in results]
        assert told == [
            "ok",
            "ok",
            "Invalid",
            "ok",
            "NotFound",
            "Invalid",
            "Invalid",
            "PreconditionRequired",
            "Forbidden",
            "ok",
            "Conflict",
            "Invalid",
        ]
        created = [result.appended.created for result in results if result.appended]
        assert sorted(created) == [False, True, True, True]
        assert Contact.objects.count() == 2, "Ann at either client"
        row = queries.client(cast.system, client.id, now=NOW)
        assert (row.last_contact_at, row.settled) == (NOW - DAY, True)

    def test_all_or_nothing(self, cast: Cast, client: ClientRow) -> None:
        stands = item(client_id=client.id, source="mail", external_id="1")
        commands.record_events(cast.system, [stands], atomic=True, now=NOW)
        before = event_store.head(cast.ledger_id)
        with_ann = item(client_id=client.id, data={"direction": "inbound", "contacts": [ANN]})
        for bad, expected in (
            (item(client_id=client.id, data={}), ("/events/1/data/direction", "required")),
            (item(client_id=client.id[:-1] + "0"), ("/events/1", "not_found")),
            ({**stands, "occurred_at": NOW - 5 * DAY}, ("/events/1", "conflict")),
        ):
            with pytest.raises(BatchRefused) as refusal:
                commands.record_events(cast.system, [with_ann, bad], atomic=True, now=NOW)
            assert [(error.pointer, error.code) for error in refusal.value.errors] == [expected]
        assert event_store.head(cast.ledger_id) == before
        assert not Contact.objects.exists()

    def test_at_most_a_thousand(self, cast: Cast) -> None:
        with pytest.raises(Invalid):
            commands.record_events(cast.system, [item()] * 1001, now=NOW)

    def test_no_query_per_row(self, cast: Cast, client: ClientRow) -> None:
        def cost(first: int, number: int) -> int:
            items = [
                item(
                    client={"source": "crm", "id": "7"},
                    source="mail",
                    external_id=str(n),
                    data={
                        "direction": "inbound",
                        "contacts": [{"platform": "email", "handle": f"{n}@b.example"}],
                        "our_people": [f"{n}@acme.example"],
                    },
                )
                for n in range(first, first + number)
            ]
            with CaptureQueriesContext(connection) as captured:
                commands.record_events(cast.system, items, now=NOW)
            return len(captured)

        cost(0, 2)
        few = cost(10, 2)
        assert cost(100, 40) <= few
        assert queries.client(cast.system, client.id, now=NOW).settled


def test_times_are_stored_in_utc(cast: Cast, client: ClientRow) -> None:
    event = cast.record(client, "note_added", datetime(2026, 5, 1, 10, tzinfo=UTC), text="x").event
    assert event.occurred_at.tzinfo == UTC
