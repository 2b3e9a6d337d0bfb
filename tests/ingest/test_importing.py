"""What an import does to the log and the roster."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts.models import User
from relationships import event_store, ingest, sealing
from relationships.importers import Unreadable
from relationships.models.capture import ImportRun, UnmatchedRow
from relationships.models.projections import ClientState
from relationships.models.roster import Client, ClientExternalId, Colleague, Contact

from .conftest import HEADING, MAPPING, NOW, House

pytestmark = pytest.mark.database

PEMBA = "V-1,03-09-2024,Pemba Foods,at our place,Ada Brandt,Kick-off,Flour"
TARN = "V-2,04-09-2024,Tarn Textiles,by phone,Ben Okafor,Catch-up,"
BOTH = "V-3,05-09-2024,Pemba Foods; Tarn Textiles,video call,Ada Brandt,Together,"
UNMATCHED = MAPPING.replace('unknown_clients = "register"', 'unknown_clients = "unmatched"')


def test_rows_become_events_of_clients_that_are_made_on_the_way(house: House) -> None:
    outcome = house.imports(PEMBA, TARN, BOTH)
    assert str(outcome) == "4 recorded, 0 already known, 0 refused, 0 unmatched"
    assert outcome.clients_made == 2
    assert sorted(client.name for client in Client.objects.all()) == ["Pemba Foods", "Tarn Textiles"]
    assert sorted(event.type for event in house.log()) == [
        "call_held",
        "client_registered",
        "client_registered",
        "meeting_held",
        "meeting_held",
        "meeting_held",
    ]


def test_clients_are_registered_at_the_moment_of_the_import_and_events_stand_where_they_happened(
    house: House,
) -> None:
    house.imports(PEMBA)
    registered, meeting = house.log()
    assert (meeting.type, meeting.precision, meeting.occurred_tz) == ("meeting_held", "day", "Europe/Brussels")
    assert meeting.occurred_at.isoformat() == "2024-09-02T22:00:00+00:00"
    assert (registered.type, registered.occurred_at) == ("client_registered", NOW)
    assert meeting.recorded_by == "system:tests"


def test_text_is_sealed_and_can_be_opened(house: House) -> None:
    house.imports(PEMBA)
    meeting = next(event for event in house.log() if event.type == "meeting_held")
    assert "Kick-off" not in str(meeting.data)
    assert sealing.open_parts(house.ledger_id, [meeting.event_id])[meeting.event_id]["text"] == "Kick-off"


def test_the_second_run_records_nothing(house: House) -> None:
    house.imports(PEMBA, TARN, BOTH)
    before = event_store.head(house.ledger_id).position
    outcome = house.imports(PEMBA, TARN, BOTH)
    assert str(outcome) == "0 recorded, 4 already known, 0 refused, 0 unmatched"
    assert event_store.head(house.ledger_id).position == before


def test_a_row_that_stands_twice_is_recorded_once(house: House) -> None:
    assert str(house.imports(PEMBA, PEMBA)) == "1 recorded, 1 already known, 0 refused, 0 unmatched"


def test_a_row_that_says_something_else_than_before_is_refused_and_names_the_difference(house: House) -> None:
    house.imports(PEMBA)
    outcome = house.imports(PEMBA.replace("at our place", "video call"))
    assert outcome.refused == 1
    assert "visits.csv, line 2: It is recorded already with another data/mode (event " in house.refused[0]


def test_names_that_differ_in_case_blanks_and_unicode_form_are_one_client_and_likeness_is_not_guessed(
    house: House,
) -> None:
    house.imports(
        "V-1,03-09-2024,Café Noir,x,Ada,a,",
        "V-2,04-09-2024,  CAFE\u0301   NOIR ,x,Ada,b,",
        "V-3,05-09-2024,Cafe Noir,x,Ada,c,",
    )
    assert sorted(client.name for client in Client.objects.all()) == ["Cafe Noir", "Café Noir"], (
        "the first spelling stays"
    )


def test_a_registered_client_is_found_by_name_or_by_its_external_id(house: House) -> None:
    house.imports(PEMBA)
    pemba = Client.objects.get()
    ClientExternalId.objects.create(ledger_id=house.ledger_id, client=pemba, source="visits", external_id="4711")
    by_id = MAPPING.replace('name = { column = "firm", split = [";"] }', 'id = { column = "firm" }')
    by_id = by_id.replace('unknown_clients = "register"', 'unknown_clients = "unmatched"')
    assert str(house.imports("V-7,05-09-2024,4711,x,Ada,t,", mapping=by_id)).startswith("1 recorded")
    assert str(house.imports("V-8,06-09-2024,pemba FOODS,x,Ada,t,", mapping=UNMATCHED)).startswith("1 recorded")
    assert Client.objects.count() == 1


def test_a_name_that_two_clients_have_is_left_to_a_person(house: House) -> None:
    house.imports(PEMBA)
    pemba = Client.objects.get()
    pemba.pk = "00000000-0000-7000-8000-000000000001"
    pemba.save(force_insert=True)
    outcome = house.imports(PEMBA.replace("V-1", "V-9"))
    assert outcome.unmatched == 1
    assert "2 clients" in UnmatchedRow.objects.get().reason


def test_our_people_become_colleagues_without_a_login_once(house: House) -> None:
    house.imports(PEMBA, TARN, BOTH)
    house.imports("V-8,06-09-2024,Pemba Foods,x,ADA  Brandt,t,")
    assert sorted(colleague.name for colleague in Colleague.objects.all()) == ["Ada Brandt", "Ben Okafor"]
    ada = Colleague.objects.get(name="Ada Brandt")
    assert all(
        event.data["our_people"] == [str(ada.pk)] for event in house.log() if event.external_id in ("V-1", "V-8")
    )


def test_our_people_with_a_key_are_told_apart_though_they_share_a_name(house: House) -> None:
    keyed = MAPPING.replace('name = { column = "who", split = [","] }', 'name = "Ada"\nkey = { column = "who" }')
    house.imports("V-1,03-09-2024,Pemba,x,71,a,", "V-2,04-09-2024,Pemba,x,72,b,", mapping=keyed)
    house.imports("V-3,05-09-2024,Pemba,x,71,c,", mapping=keyed)
    assert [colleague.name for colleague in Colleague.objects.all()] == ["Ada", "Ada"]


def test_contacts_are_added_to_their_client_and_found_again_by_address(house: House) -> None:
    heading = f"{HEADING},mail"
    mapping = MAPPING + '\n[contacts]\nemail = { column = "mail" }\n'
    house.imports(f"{PEMBA},Rosa@Pemba.example", mapping=mapping, heading=heading)
    house.imports(f"{PEMBA.replace('V-1', 'V-9')},rosa@pemba.example", mapping=mapping, heading=heading)
    contact = Contact.objects.get()
    assert contact.client.name == "Pemba Foods"
    assert [event.data["contacts"] for event in house.log() if event.type == "meeting_held"] == [
        [str(contact.pk)],
        [str(contact.pk)],
    ]
    assert [event.type for event in house.log()].count("contact_added") == 1


def test_clients_that_are_made_belong_to_the_owner_who_needs_no_login(house: House) -> None:
    house.imports(PEMBA, owner_email="Nadia@House.example")
    owner = Client.objects.get().owner
    assert owner is not None
    assert (owner.email, owner.user_id) == ("nadia@house.example", None)
    house.imports(TARN, owner_email="nadia@house.example")
    assert Client.objects.filter(owner=owner).count() == 2


def test_an_owner_with_a_login_becomes_the_colleague_of_that_login(house: House) -> None:
    user = User.objects.create_user(
        "nadia@house.example", organisation=house.organisation, name="Nadia", role="account_manager"
    )
    house.imports(PEMBA, owner_email="nadia@house.example")
    owner = Client.objects.get().owner
    assert owner is not None
    assert (owner.user_id, owner.name) == (user.pk, "Nadia")


def test_rows_of_unknown_clients_are_kept_sealed_and_only_once(house: House) -> None:
    outcome = house.imports(PEMBA, "V-5,06-09-2024,,x,Ada,Nobody,", mapping=UNMATCHED)
    assert str(outcome) == "0 recorded, 0 already known, 0 refused, 2 unmatched"
    house.imports(PEMBA, mapping=UNMATCHED)
    rows = UnmatchedRow.objects.order_by("line")
    assert [row.line for row in rows] == [2, 3]
    assert "Kick-off" not in str(rows.values())
    stated, row = ingest.opened(rows[0], now=NOW) or ("", None)
    assert stated == "Pemba Foods"
    assert row is not None
    assert (row.draft.text, row.draft.external_id, row.our_people[0].name) == ("Kick-off", "V-1", "Ada Brandt")


def test_an_unmatched_row_goes_when_it_finds_its_client_or_expires(house: House) -> None:
    house.imports(PEMBA, TARN, mapping=UNMATCHED)
    house.imports(PEMBA)
    assert [row.external_id for row in UnmatchedRow.objects.all()] == ["V-2"]
    assert ingest.forget_expired(now=NOW + timedelta(days=89)) == 0
    assert ingest.forget_expired(now=NOW + timedelta(days=91)) == 1
    assert not UnmatchedRow.objects.exists()


def test_a_name_too_long_to_be_one_is_unmatched(house: House) -> None:
    assert house.imports(f"V-1,03-09-2024,{'x' * 201},x,Ada,t,").unmatched == 1
    assert "201 characters" in UnmatchedRow.objects.get().reason


def test_what_lies_ahead_is_refused_and_the_rest_is_recorded(house: House) -> None:
    outcome = house.imports(PEMBA, "V-2,09-10-2024,Pemba Foods,x,Ada,t,")
    assert (outcome.recorded, outcome.refused) == (1, 1)
    assert "line 3: It lies ahead (2024-10-08)" in house.refused[0]


def test_bad_rows_are_named_and_the_good_rest_stands(house: House) -> None:
    outcome = house.imports("V-0,99-09-2024,Pemba Foods,x,Ada,t,", PEMBA)
    assert str(outcome) == "1 recorded, 0 already known, 1 refused, 0 unmatched"
    assert house.refused[0].startswith("visits.csv, line 2: column day holds '99-09-2024'")


def test_a_dry_run_tells_the_same_and_writes_nothing(house: House) -> None:
    house.imports(PEMBA)
    before = event_store.head(house.ledger_id).position
    lines = (PEMBA, TARN, TARN, BOTH, "V-9,06-09-2024,,x,Ada,t,", "V-8,09-10-2024,New Firm,x,Ada,t,")
    rehearsed = house.imports(*lines, dry_run=True, owner_email="nadia@house.example")
    assert event_store.head(house.ledger_id).position == before
    assert (Client.objects.count(), ImportRun.objects.count(), UnmatchedRow.objects.count()) == (1, 1, 0)
    assert not Colleague.objects.filter(email__isnull=False).exists()
    assert str(rehearsed) == "3 recorded, 2 already known, 1 refused, 1 unmatched"
    assert str(house.imports(*lines)) == str(rehearsed)


def test_each_run_is_written_down_with_its_counts(house: House) -> None:
    house.imports(PEMBA, "V-5,06-09-2024,,x,Ada,Nobody,", "V-6,07-09-2024,Tarn,internal,Ada,t,")
    run = ImportRun.objects.get()
    assert (run.format, run.file, run.source, run.state) == ("csv", "visits.csv", "visits", "done")
    assert (run.recorded, run.unmatched, run.skipped, run.clients_made) == (1, 1, 1, 1)


def test_a_run_that_could_read_nothing_says_why(house: House) -> None:
    with pytest.raises(Unreadable):
        house.imports(PEMBA, heading="other,columns")
    assert ImportRun.objects.get().state == "failed"
    assert "no column" in ImportRun.objects.get().problem


def test_organisations_do_not_see_each_other(make: Callable[[str], House]) -> None:
    one, other = make("one"), make("other")
    one.imports(PEMBA)
    assert str(other.imports(PEMBA)).startswith("1 recorded")
    assert Client.objects.count() == 2
    assert [event.position for event in other.log()] == [1, 2]


def test_touched_clients_are_projected(house: House) -> None:
    house.imports(PEMBA, TARN, BOTH)
    states = {str(state.client_id): state.projected_version for state in ClientState.objects.all()}
    assert states == event_store.versions(house.ledger_id, states)
    assert len(states) == 2


def test_what_an_interrupted_run_left_unprojected_is_projected_by_the_next(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("relationships.projections.project_many", lambda *args, **kwargs: None)
        house.imports(PEMBA)
    assert not ClientState.objects.exists()
    house.imports(PEMBA)
    assert ClientState.objects.get().projected_version == 2
