"""A query that forgets whose rows it reads gets no more than it may: the database sees to it, for the run-time role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, models, transaction

from accounts import walls
from accounts.roles import Principal, Role, principal_of_key
from relationships import commands, event_store, queries, sealing
from relationships.domain.draft import Draft
from relationships.domain.events import clean
from relationships.event_store import read_log, skeleton
from relationships.models.log import Event, SealedPart
from relationships.models.roster import Client, ClientExternalId, Contact, ContactHandle
from relationships.queries import RedactedRow
from tests.commands.cast import DAY, NOW, Cast, assemble
from tests.walls import runtime_role

pytestmark = pytest.mark.django_db

ANN = {"platform": "email", "handle": "ann@brightwater.example", "name": "Ann"}
WALLED: list[tuple[type[models.Model], str]] = [
    (Client, "id"),
    (ClientExternalId, "client_id"),
    (Contact, "client_id"),
    (ContactHandle, "contact__client_id"),
    (Event, "stream_id"),
]


class House:
    """Max and Mia of the north, Nils of the south, a client each; one of nobody's, and one of a rival."""

    def __init__(self) -> None:
        self.cast, self.rival = assemble(), assemble("rival")
        north, south = self.cast.team("north"), self.cast.team("south")
        self.people: dict[str, Principal] = {
            "ada": self.cast.user("Ada", Role.ADMINISTRATOR),
            "otto": self.cast.user("Otto", Role.AUDITOR),
            "lena": self.cast.user("Lena", Role.TEAM_LEAD, north),
            "max": self.cast.user("Max", Role.ACCOUNT_MANAGER, north),
            "mia": self.cast.user("Mia", Role.ACCOUNT_MANAGER, north),
            "nils": self.cast.user("Nils", Role.ACCOUNT_MANAGER, south),
            "rival": self.rival.system,
        }
        self.clients = {name: self.client(self.cast, name) for name in ("max", "mia", "nils", "nobody")}
        self.clients["rival"] = self.client(self.rival, "rival")

    @staticmethod
    def client(cast: Cast, name: str) -> UUID:
        owner = None if name in ("nobody", "rival") else f"{name}@acme.example"
        ids = [{"source": "crm", "id": name}]
        row = cast.client(f"Client of {name}", owner=owner, external_ids=ids, now=NOW - 100 * DAY)
        cast.record(row, "meeting_held", NOW - 10 * DAY, mode="in_person", contacts=[ANN], text="Her son is ill")
        return UUID(row.id)


SEES = {
    "ada": {"max", "mia", "nils", "nobody"},
    "otto": {"max", "mia", "nils", "nobody"},
    "lena": {"max", "mia"},
    "max": {"max"},
    "nils": {"nils"},
    "rival": {"rival"},
}


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def as_runtime(house: House) -> Iterator[None]:
    with runtime_role():
        yield


def shown(model: type[models.Model], field: str) -> set[Any]:
    """Whose rows a query without any condition finds."""
    return set(model._default_manager.values_list(field, flat=True))


@pytest.mark.usefixtures("as_runtime")
@pytest.mark.parametrize(("model", "field"), WALLED, ids=[model.__name__ for model, _ in WALLED])
def test_a_forgotten_filter_leaks_nothing(house: House, model: type[models.Model], field: str) -> None:
    for who, owners in SEES.items():
        with walls.seeing(house.people[who]):
            assert shown(model, field) == {house.clients[owner] for owner in owners}, who


@pytest.mark.usefixtures("as_runtime")
def test_sealed_text_is_shown_with_its_event(house: House) -> None:
    for who, owners in SEES.items():
        with walls.seeing(house.people[who]):
            assert shown(SealedPart, "event_id") == set(
                Event.objects.filter(sealed_digest__isnull=False).values_list("event_id", flat=True)
            )
            assert SealedPart.objects.count() >= len(owners)


@pytest.mark.usefixtures("as_runtime")
@pytest.mark.parametrize(("model", "field"), [*WALLED, (SealedPart, "pk")])
def test_nothing_told_nothing_shown(house: House, model: type[models.Model], field: str) -> None:
    assert shown(model, field) == set()
    with walls.seeing(house.people["ada"]), walls.seeing_nothing():
        assert shown(model, field) == set()


@pytest.mark.usefixtures("as_runtime")
def test_the_worker_says_that_it_sees_everything(house: House) -> None:
    with walls.seeing_everything():
        assert shown(Client, "id") == set(house.clients.values())


@pytest.mark.usefixtures("as_runtime")
def test_a_team_key_sees_its_team(house: House) -> None:
    from accounts.models import ApiKey, Team

    north = Team.objects.get(slug="north")
    key, _ = ApiKey.issue(organisation=house.cast.organisation, name="k", scopes=["*"], team=north, now=NOW)
    with walls.seeing(principal_of_key(key)):
        assert shown(Client, "id") == {house.clients["max"], house.clients["mia"]}


@pytest.mark.usefixtures("as_runtime")
def test_writing_stops_at_the_wall_too(house: House) -> None:
    with walls.seeing(house.people["max"]):
        theirs = Client.objects.filter(pk=house.clients["nils"])
        assert theirs.update(name="Mine now") == 0
        assert Contact.objects.filter(client_id=house.clients["nils"]).delete()[0] == 0
        draft = Draft(type="note_added", occurred_at=NOW, data=clean("note_added", {}))
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            event_store.append(house.cast.ledger_id, str(house.clients["nils"]), draft, recorded_by="key:test", now=NOW)


@pytest.mark.usefixtures("as_runtime")
def test_a_savepoint_that_is_undone_does_not_undo_who_looks(house: House) -> None:
    with walls.seeing(house.people["max"]):
        assert Client.objects.count() == 1
        with pytest.raises(RuntimeError), transaction.atomic(), walls.seeing(house.people["ada"]):
            assert Client.objects.count() == 4
            raise RuntimeError
        assert Client.objects.count() == 1
        with transaction.atomic(), walls.whole_organisation():
            assert Client.objects.count() == 4
        assert Client.objects.count() == 1


@pytest.mark.usefixtures("as_runtime")
def test_the_whole_organisation_is_no_more_than_one_and_of_nothing_nothing(house: House) -> None:
    with walls.seeing(house.people["max"]), walls.whole_organisation():
        assert shown(Client, "id") == {house.clients[owner] for owner in SEES["ada"]}
    with walls.whole_organisation():
        assert shown(Client, "id") == set()
    with walls.seeing_everything(), walls.whole_organisation():
        assert shown(Client, "id") == set(house.clients.values())


@pytest.mark.usefixtures("as_runtime")
def test_the_feed_has_no_holes_and_no_content_of_others(house: House) -> None:
    everything = queries.feed(house.people["ada"]).rows
    rows = queries.feed(house.people["max"]).rows
    assert [(row.position, row.chain_hash) for row in rows] == [(row.position, row.chain_hash) for row in everything]
    readable = {row.client_id for row in rows if not isinstance(row, RedactedRow)}
    assert readable == {str(house.clients["max"])}
    with walls.seeing(house.people["max"]):
        assert {event.stream_id for event in read_log(house.cast.ledger_id)} == readable
        assert len(skeleton(house.cast.ledger_id)) == len(rows)
        assert skeleton(house.rival.ledger_id) == []
    assert skeleton(house.cast.ledger_id) == []


Act = Callable[[House], Any]
ACTS: list[Act] = [
    lambda house: commands.record_event(
        house.people["max"], "crm:max", {"type": "meeting_held", "occurred_at": NOW, "data": {"mode": "video"}}, now=NOW
    ),
    lambda house: commands.record_events(
        house.people["max"],
        [
            {
                "client": {"source": "crm", "id": "max"},
                "type": "question_asked",
                "occurred_at": NOW,
                "text": "When?",
                "data": {"contacts": [{"platform": "email", "handle": "new@brightwater.example"}]},
            }
        ],
        atomic=True,
        now=NOW,
    ),
    lambda house: commands.register_client(house.people["max"], name="Another", now=NOW),
    lambda house: commands.add_contact(house.people["max"], "crm:max", name="Bob", now=NOW),
    lambda house: commands.assign_owner(house.people["max"], "crm:max", "nils@acme.example", now=NOW),
]


@pytest.mark.usefixtures("as_runtime")
@pytest.mark.parametrize("act", ACTS)
def test_who_sees_a_part_works_in_it_as_before(house: House, act: Act) -> None:
    sealing.forget(house.cast.ledger_id, [str(client) for client in house.clients.values()])
    with walls.seeing(house.people["max"]):
        assert act(house)
    with walls.seeing_everything():
        assert event_store.verify(house.cast.ledger_id).intact
        pipeline = queries.pipeline(house.people["ada"], now=NOW)
        assert pipeline.settled


@pytest.mark.usefixtures("as_runtime")
def test_an_external_id_of_others_is_taken_and_told_no_further(house: House) -> None:
    with walls.seeing(house.people["max"]), pytest.raises(commands.ClientConflict) as refused:
        commands.register_client(
            house.people["max"], name="Client of nils", external_ids=[{"source": "crm", "id": "nils"}], now=NOW
        )
    assert refused.value.client_id == ""


@pytest.mark.parametrize("sight", ["ALL", "everything ", "team", "own", "1", "'; --"])
@pytest.mark.usefixtures("as_runtime")
def test_a_setting_that_means_nothing_shows_nothing(house: House, sight: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.sight', %s, true)", [sight])
    assert shown(Client, "id") == set()


@pytest.mark.usefixtures("as_runtime")
def test_what_streams_is_made_with_the_sight_of_its_request(house: House) -> None:
    with walls.seeing(house.people["max"]):
        parts = walls.kept(Client.objects.count() for _ in range(2))
    assert Client.objects.count() == 0
    assert next(parts) == 1
    assert Client.objects.count() == 0
    assert list(parts) == [1]
