"""Each role sees its clients, everywhere; what is not visible is not found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from accounts.roles import Principal, Role
from relationships import commands, queries
from relationships.queries import ClientRow, NotFound, RedactedRow
from tests.commands.cast import DAY, NOW, assemble

pytestmark = pytest.mark.django_db

ANN = {"platform": "email", "handle": "ann@brightwater.example", "name": "Ann"}


class House:
    def __init__(self) -> None:
        self.cast = cast = assemble()
        north, south = cast.team("north"), cast.team("south")
        self.people: dict[str, Principal] = {
            "ada": cast.user("Ada", Role.ADMINISTRATOR),
            "lena": cast.user("Lena", Role.TEAM_LEAD, north),
            "max": cast.user("Max", Role.ACCOUNT_MANAGER, north),
            "mia": cast.user("Mia", Role.ACCOUNT_MANAGER, north),
            "nils": cast.user("Nils", Role.ACCOUNT_MANAGER, south),
            "otto": cast.user("Otto", Role.AUDITOR),
        }
        self.clients: dict[str, ClientRow] = {
            owner: cast.client(f"Client of {owner}", owner=f"{owner}@acme.example", now=NOW - 100 * DAY)
            for owner in ("max", "mia", "nils")
        }
        self.clients["nobody"] = cast.client("Client of nobody", now=NOW - 100 * DAY)
        for client in self.clients.values():
            cast.record(
                client,
                "meeting_held",
                NOW - 10 * DAY,
                mode="in_person",
                contacts=[ANN],
                text="We spoke of her son",
                place="Her office",
            )
            cast.record(client, "question_asked", NOW - 9 * DAY, contacts=[ANN])


@pytest.fixture
def house() -> House:
    return House()


SEES = {
    "ada": {"max", "mia", "nils", "nobody"},
    "otto": {"max", "mia", "nils", "nobody"},
    "lena": {"max", "mia"},
    "max": {"max"},
    "mia": {"mia"},
    "nils": {"nils"},
}


def test_lists_hold_what_a_role_may_see_and_nothing_else(house: House) -> None:
    for who, owners in SEES.items():
        holds_nothing_else(house.people[who], {house.clients[owner].id for owner in owners})


def holds_nothing_else(principal: Principal, ids: set[str]) -> None:
    lists: list[set[str | None]] = [
        {row.id for row in queries.clients(principal, now=NOW).rows},
        {row.client_id for row in queries.contacts(principal).rows},
        {row.client_id for row in queries.meetings(principal, now=NOW).rows},
        {row.client_id for row in queries.questions(principal, now=NOW).rows},
        {row.client_id for row in queries.timelines(principal, now=NOW).rows},
        {row.client_id for row in queries.timelines(principal, now=NOW, known_at=NOW).rows},
        {row.client_id for row in queries.falling(principal, now=NOW, within_days=900)},
        {row.client_id for row in queries.movements(principal, now=NOW, start=NOW - 50 * DAY).moved},
        {
            row.client_id
            for row in queries.feed(principal).rows
            if not isinstance(row, RedactedRow) and row.client_id is not None
        },
    ]
    assert lists == [ids] * len(lists)
    assert queries.pipeline(principal, now=NOW).total == len(ids)
    assert queries.pipeline(principal, now=NOW, known_at=NOW).total == len(ids)


Asking = Callable[[Principal, str], Any]
ONE: list[Asking] = [
    lambda principal, ref: queries.client(principal, ref, now=NOW),
    lambda principal, ref: queries.client_events(principal, ref),
    lambda principal, ref: queries.stage(principal, ref, now=NOW),
    lambda principal, ref: queries.timeline(principal, ref, now=NOW),
    lambda principal, ref: queries.strength(principal, ref, now=NOW),
    lambda principal, ref: queries.gaps(principal, ref, now=NOW),
    lambda principal, ref: queries.contacts(principal, client=ref),
    lambda principal, ref: queries.meetings(principal, client=ref, now=NOW),
    lambda principal, ref: queries.questions(principal, client=ref, now=NOW),
    lambda principal, ref: queries.all_gaps(principal, client=ref, now=NOW),
    lambda principal, ref: queries.question_statistics(principal, client=ref, now=NOW),
]


def test_what_is_not_visible_is_not_found(house: House) -> None:
    for ask in ONE:
        finds_nothing_else(house, ask)


def finds_nothing_else(house: House, ask: Asking) -> None:
    theirs = house.clients["nils"]
    assert ask(house.people["nils"], theirs.id)
    for who in ("max", "lena"):
        with pytest.raises(NotFound):
            ask(house.people[who], theirs.id)
    for ref in ("019e830e-1a00-7780-a64c-2b97f01ac2d7", "nonsense", "crm:1", "crm:", ":", "a" * 36):
        with pytest.raises(NotFound):
            ask(house.people["ada"], ref)


def test_another_organisation_sees_nothing(house: House) -> None:
    other = assemble("rival")
    assert queries.clients(other.system, now=NOW).rows == ()
    assert queries.feed(other.system).rows == ()
    with pytest.raises(NotFound):
        queries.client(other.system, house.clients["max"].id, now=NOW)


def test_personal_text_is_for_those_who_may_read_it(house: House) -> None:
    client = house.clients["max"]
    for who, reads in (("max", True), ("ada", True), ("otto", False)):
        principal = house.people[who]
        [held] = queries.client_events(principal, client.id, type="meeting_held").rows
        [ann] = queries.contacts(principal, client=client.id).rows
        assert held.sealed
        assert (held.text is not None, "place" in held.data, ann.name is not None, bool(ann.handles)) == (reads,) * 4


def test_the_feed_redacts_and_leaves_no_hole(house: House) -> None:
    rows = queries.feed(house.people["max"], limit=500).rows
    assert [row.position for row in rows] == list(range(1, len(rows) + 1))
    assert any(isinstance(row, RedactedRow) for row in rows)
    seen = queries.feed(house.people["ada"], limit=500).rows
    assert [row.chain_hash for row in rows] == [row.chain_hash for row in seen]


def test_one_event_is_found_by_those_who_see_its_client(house: House) -> None:
    [event, *_] = queries.client_events(house.people["nils"], house.clients["nils"].id).rows
    assert queries.event(house.people["otto"], event.event_id).event_id == event.event_id
    for unseen in (event.event_id, "nonsense"):
        with pytest.raises(NotFound):
            queries.event(house.people["mia"], unseen)


def test_whoever_moves_to_another_team_takes_the_clients_along(house: House) -> None:
    user = User.objects.get(email="nils@acme.example")
    user.team_id = User.objects.get(email="lena@acme.example").team_id
    user.save()
    commands.link_logins(house.cast.organisation.pk)
    assert queries.client(house.people["lena"], house.clients["nils"].id, now=NOW)


def test_a_colleague_known_before_the_login_is_joined_with_it(house: House) -> None:
    client = house.cast.client("Client of pia", owner="pia@acme.example")
    pia = house.cast.user("Pia", Role.ACCOUNT_MANAGER)
    commands.link_logins(house.cast.organisation.pk)
    assert queries.client(pia, client.id, now=NOW).owner_name == "pia@acme.example"
