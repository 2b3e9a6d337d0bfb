"""Clients, contacts and organisations: every change is an event, and the rows say the same."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Organisation
from accounts.roles import Role
from relationships import commands, queries
from relationships.commands import (
    ClientConflict,
    Forbidden,
    Invalid,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
)
from relationships.models.roster import Client
from tests.commands.cast import DAY, NOW, Cast, assemble

pytestmark = pytest.mark.django_db

CRM = [{"source": "crm", "id": "7"}]


@pytest.fixture
def cast() -> Cast:
    return assemble()


def register(cast: Cast, **details: Any) -> tuple[queries.ClientRow, bool]:
    stated: dict[str, Any] = {"name": "Brightwater Foods", "now": NOW} | details
    return commands.register_client(cast.system, **stated)


def events_of(cast: Cast, client_id: str) -> list[tuple[str, dict[str, Any]]]:
    return [(event.type, event.data) for event in queries.client_events(cast.system, client_id, sort="version").rows]


class TestRegistering:
    def test_details_are_kept_and_told(self, cast: Cast) -> None:
        row, created = register(
            cast,
            tier="key",
            time_zone="Europe/Berlin",
            tags=["food", "food"],
            domains=["https://www.Brightwater.example/"],
            owner="max@acme.example",
            external_ids=CRM,
            remote_only=True,
        )
        assert created
        assert (row.tier, row.time_zone, row.remote_only) == ("key", "Europe/Berlin", True)
        assert (row.tags, row.domains) == (("food",), ("brightwater.example",))
        assert (row.owner_name, row.version, row.stage) == ("max@acme.example", 1, "found")
        assert queries.client(cast.system, "crm:7", now=NOW) == row
        [(type, data)] = events_of(cast, row.id)
        assert (type, data["owner"], data["external_ids"]) == ("client_registered", row.owner, CRM)

    def test_the_same_external_id_gives_the_same_client(self, cast: Cast) -> None:
        first, _ = register(cast, external_ids=CRM, owner="max@acme.example")
        again, created = register(cast, external_ids=CRM, owner="max@acme.example", now=NOW + DAY)
        assert (again.id, again.version, created) == (first.id, 1, False)
        with pytest.raises(ClientConflict) as conflict:
            register(cast, external_ids=CRM, name="Darkwater", tier="key")
        assert (conflict.value.client_id, conflict.value.fields) == (first.id, ("name", "tier"))
        assert Client.objects.count() == 1

    def test_two_clients_external_ids_in_one_are_a_conflict(self, cast: Cast) -> None:
        register(cast, external_ids=CRM)
        register(cast, external_ids=[{"source": "erp", "id": "1"}])
        with pytest.raises(ClientConflict):
            register(cast, external_ids=[*CRM, {"source": "erp", "id": "1"}])

    @pytest.mark.parametrize(
        ("wrong", "pointer"),
        [
            ({"name": ""}, "/name"),
            ({"name": None}, "/name"),
            ({"name": "a\0"}, "/name"),
            ({"tier": "gold"}, "/tier"),
            ({"time_zone": "Mars/Olympus"}, "/time_zone"),
            ({"owner": "nobody"}, "/owner"),
            ({"owner": "0190c7a4-7b1e-7cc3-9a52-5d5b0f1a2b3c"}, "/owner"),
            ({"external_ids": [{"source": "a:b", "id": "1"}]}, "/external_ids/0/source"),
            ({"tags": "food"}, "/tags"),
        ],
    )
    def test_what_is_wrong_is_named(self, cast: Cast, wrong: dict[str, Any], pointer: str) -> None:
        with pytest.raises(Invalid) as refusal:
            register(cast, **wrong)
        assert [error.pointer for error in refusal.value.errors] == [pointer]
        assert not Client.objects.exists()

    def test_whoever_sees_only_their_own_owns_what_they_make(self, cast: Cast) -> None:
        north = cast.team("north")
        max_, lena = cast.user("Max", Role.ACCOUNT_MANAGER, north), cast.user("Lena", Role.TEAM_LEAD, north)
        row, _ = commands.register_client(max_, name="Own", now=NOW)
        assert row.owner_name == "Max"
        with pytest.raises(Forbidden):
            commands.register_client(max_, name="Another's", owner="lena@acme.example", now=NOW)
        assert commands.register_client(lena, name="Lena's", now=NOW)[0].owner_name == "Lena"
        assert commands.register_client(lena, name="For Max", owner="max@acme.example", now=NOW)[1]
        with pytest.raises(Invalid):
            commands.register_client(lena, name="Outside", owner="guest@acme.example", now=NOW)
        with pytest.raises(Forbidden):
            commands.register_client(cast.user("Otto", Role.AUDITOR), name="No", now=NOW)

    def test_another_organisation_may_use_the_same_external_id(self, cast: Cast) -> None:
        register(cast, external_ids=CRM)
        assert register(assemble("rival"), external_ids=CRM)[1]


class TestManyAtOnce:
    def test_each_is_told_apart(self, cast: Cast) -> None:
        register(cast, external_ids=CRM)
        items = [
            {"name": "One", "external_ids": [{"source": "crm", "id": "1"}], "owner": "max@acme.example"},
            {"name": "Brightwater Foods", "external_ids": CRM},
            {"name": "Other", "external_ids": CRM},
            {"name": "Two", "size": 7},
            "nonsense",
            {"tier": "key"},
            {"name": "Twin", "external_ids": [{"source": "crm", "id": "2"}]},
            {"name": "Twin", "external_ids": [{"source": "crm", "id": "2"}]},
        ]
        results = commands.register_clients(cast.system, items, now=NOW)
        assert [(result.created, type(result.error).__name__) for result in results] == [
            (True, "NoneType"),
            (False, "NoneType"),
            (False, "ClientConflict"),
            (False, "Invalid"),
            (False, "Invalid"),
            (False, "Invalid"),
            (True, "NoneType"),
            (False, "NoneType"),
        ]
        assert queries.pipeline(cast.system, now=NOW).total == 3

    def test_no_query_per_row(self, cast: Cast) -> None:
        def cost(first: int, number: int) -> int:
            items = [
                {"name": f"Client {n}", "external_ids": [{"source": "crm", "id": str(n)}], "owner": f"{n}@a.example"}
                for n in range(first, first + number)
            ]
            with CaptureQueriesContext(connection) as captured:
                commands.register_clients(cast.system, items, now=NOW)
            return len(captured)

        few = cost(0, 2)
        assert cost(100, 40) <= few


class TestChanging:
    def test_what_differs_becomes_events_and_the_rest_nothing(self, cast: Cast) -> None:
        row, _ = register(cast, external_ids=CRM)
        changes = {"name": "Brightwater", "tier": "key", "owner": "max@acme.example", "time_zone": "UTC"}
        changed = commands.update_client(cast.system, row.id, changes, if_match=1, now=NOW + DAY)
        assert (changed.name, changed.tier, changed.owner_name) == ("Brightwater", "key", "max@acme.example")
        assert changed.version == 4
        assert [type for type, _ in events_of(cast, row.id)[1:]] == ["client_updated", "tier_changed", "owner_assigned"]
        same = commands.update_client(cast.system, row.id, changes, if_match=4, now=NOW + DAY)
        assert same.version == 4

    def test_external_ids_are_replaced_and_stay_unique(self, cast: Cast) -> None:
        row, _ = register(cast, external_ids=CRM)
        register(cast, name="Other", external_ids=[{"source": "crm", "id": "8"}])
        with pytest.raises(ClientConflict):
            commands.update_client(
                cast.system, row.id, {"external_ids": [{"source": "crm", "id": "8"}]}, if_match=1, now=NOW
            )
        commands.update_client(
            cast.system, row.id, {"external_ids": [{"source": "crm", "id": "9"}]}, if_match=1, now=NOW
        )
        assert queries.client(cast.system, "crm:9", now=NOW).id == row.id
        with pytest.raises(NotFound):
            queries.client(cast.system, "crm:7", now=NOW)

    def test_it_demands_the_version_that_was_seen(self, cast: Cast) -> None:
        row, _ = register(cast)
        with pytest.raises(PreconditionRequired):
            commands.update_client(cast.system, row.id, {"name": "x"}, if_match=None, now=NOW)
        with pytest.raises(PreconditionFailed) as failed:
            commands.update_client(cast.system, row.id, {"name": "x"}, if_match=3, now=NOW)
        assert failed.value.current == 1

    def test_unknown_and_empty_details_are_refused(self, cast: Cast) -> None:
        row, _ = register(cast)
        for changes, pointer in (({"size": 1}, "/size"), ({"name": None}, "/name"), ({"tier": "x"}, "/tier")):
            with pytest.raises(Invalid) as refusal:
                commands.update_client(cast.system, row.id, changes, if_match=1, now=NOW)
            assert [error.pointer for error in refusal.value.errors] == [pointer]

    def test_a_client_is_given_away_and_taken_back(self, cast: Cast) -> None:
        row, _ = register(cast)
        max_ = cast.user("Max", Role.ACCOUNT_MANAGER)
        given = commands.assign_owner(cast.system, row.id, "max@acme.example", now=NOW)
        assert given.owner_name == "Max"
        assert commands.assign_owner(max_, row.id, "mia@acme.example", now=NOW).owner_name == "mia@acme.example"
        with pytest.raises(NotFound):
            queries.client(max_, row.id, now=NOW)
        assert commands.assign_owner(cast.system, row.id, None, now=NOW).owner is None
        assert events_of(cast, row.id)[-1][1] == {"previous": events_of(cast, row.id)[-2][1]["owner"]}


class TestContacts:
    def test_added_changed_and_gone(self, cast: Cast) -> None:
        row, _ = register(cast, now=NOW - DAY)
        handles = [{"platform": "email", "handle": "Ann@b.example"}, {"platform": "LinkedIn", "handle": "@ann"}]
        ann = commands.add_contact(cast.system, row.id, name="Ann", role="Buyer", handles=handles, now=NOW)
        assert [(h.platform, h.handle) for h in ann.handles] == [("email", "Ann@b.example"), ("linkedin", "@ann")]
        changed = commands.update_contact(
            cast.system, ann.id, {"name": "Ann Lee", "handles": handles[:1], "left_at": NOW.isoformat()}, now=NOW
        )
        assert (changed.name, changed.role, len(changed.handles), changed.left_at) == ("Ann Lee", "Buyer", 1, NOW)
        assert [type for type, _ in events_of(cast, row.id)] == [
            "client_registered",
            "contact_added",
            "contact_updated",
            "contact_left",
        ]

    def test_what_is_wrong_is_refused(self, cast: Cast) -> None:
        row, _ = register(cast)
        bad: list[dict[str, Any]] = [{}, {"name": "\0"}, {"handles": [{"platform": "email"}]}]
        for wrong in bad:
            with pytest.raises(Invalid):
                commands.add_contact(cast.system, row.id, **wrong, now=NOW)
        ann = commands.add_contact(cast.system, row.id, name="Ann", now=NOW)
        for changes in ({"age": 7}, {"left_at": "soon"}, {"left_at": (NOW + DAY).isoformat()}):
            with pytest.raises(Invalid):
                commands.update_contact(cast.system, ann.id, changes, now=NOW)
        with pytest.raises(NotFound):
            commands.update_contact(assemble("rival").system, ann.id, {"role": "x"}, now=NOW)

    def test_a_contact_added_by_hand_is_found_by_its_address(self, cast: Cast) -> None:
        row, _ = register(cast, now=NOW - DAY)
        handles = [{"platform": "email", "handle": "ann@b.example"}]
        ann = commands.add_contact(cast.system, row.id, name="Ann", handles=handles, now=NOW)
        event = cast.record(row, "message_sent", NOW, direction="inbound", contacts=["Ann@B.example"]).event
        assert event.data["contacts"] == [ann.id]


class TestOrganisations:
    def test_made_once_with_an_empty_log(self, cast: Cast) -> None:
        call_command("create_organisation", "north", name="North", time_zone="Europe/Berlin")
        organisation = Organisation.objects.get(slug="north")
        assert (organisation.name, organisation.time_zone) == ("North", "Europe/Berlin")
        with pytest.raises(CommandError, match="already"):
            call_command("create_organisation", "north")
        assert commands.create_organisation("north", "Other", now=NOW).name == "North"

    @pytest.mark.parametrize(("slug", "zone"), [("No Slug", "UTC"), ("good", "Mars/Olympus")])
    def test_what_is_no_slug_or_zone_is_refused(self, slug: str, zone: str) -> None:
        with pytest.raises(CommandError):
            call_command("create_organisation", slug, time_zone=zone)
