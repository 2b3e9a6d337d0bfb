"""Several at once: one person, one client, one event; and every client told as though they had come one by one."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from relationships import commands, event_store, projections, queries
from relationships.commands import ClientConflict, PreconditionFailed
from relationships.models.projections import Generation, StagePeriod
from relationships.models.roster import Client, Colleague, Contact
from tests.commands.cast import DAY, NOW, Cast, assemble
from tests.threads import at_once

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

ANN = {"platform": "email", "handle": "ann@brightwater.example", "name": "Ann"}


@pytest.fixture
def cast() -> Cast:
    return assemble()


def test_an_unknown_person_named_by_many_is_added_once(cast: Cast) -> None:
    client = cast.client(now=NOW - 100 * DAY)

    said: dict[str, Any] = {"direction": "inbound", "contacts": [ANN], "our_people": ["max@acme.example"]}

    def write(number: int) -> str:
        event = cast.record(client, "message_sent", NOW - timedelta(hours=number + 1), **said).event
        return str(event.data["contacts"][0])

    assert len(set(at_once([partial(write, n) for n in range(6)]))) == 1
    assert Contact.objects.count() == Colleague.objects.count() == 1
    assert queries.client(cast.system, client.id, now=NOW).version == 8


def test_a_client_registered_by_many_is_made_once(cast: Cast) -> None:
    def register(number: int) -> tuple[str, bool]:
        external_ids = [{"source": "crm", "id": "7"}]
        row, created = commands.register_client(
            cast.system, name="Brightwater", external_ids=external_ids, owner="max@acme.example", now=NOW
        )
        return row.id, created

    made = at_once([partial(register, n) for n in range(6)])
    assert len({client_id for client_id, _ in made}) == 1
    assert sorted(created for _, created in made) == [False] * 5 + [True]
    assert Client.objects.count() == 1


def test_of_two_who_decide_on_the_same_sight_one_wins(cast: Cast) -> None:
    client = cast.client(now=NOW)

    def rename(number: int) -> bool:
        try:
            commands.update_client(cast.system, client.id, {"name": f"Name {number}"}, if_match=1, now=NOW)
        except PreconditionFailed:
            return False
        return True

    assert sorted(at_once([partial(rename, n) for n in range(6)])) == [False] * 5 + [True]


def test_an_external_id_given_to_two_clients_goes_to_one(cast: Cast) -> None:
    clients = [cast.client(f"Client {n}", now=NOW) for n in range(4)]

    def name(number: int) -> bool:
        changes = {"external_ids": [{"source": "crm", "id": "7"}]}
        try:
            commands.update_client(cast.system, clients[number].id, changes, if_match=1, now=NOW)
        except ClientConflict:
            return False
        return True

    assert sorted(at_once([partial(name, n) for n in range(4)])) == [False, False, False, True]


def test_batches_in_opposite_order_do_not_block_each_other(cast: Cast) -> None:
    clients = [cast.client(f"Client {n}", now=NOW - DAY) for n in range(6)]

    def write(number: int) -> int:
        ordered = clients if number % 2 else clients[::-1]
        items = [
            {
                "type": "message_sent",
                "occurred_at": NOW - timedelta(hours=number, minutes=1),
                "client_id": client.id,
                "data": {"direction": "inbound", "contacts": [ANN]},
            }
            for client in ordered
        ]
        return sum(1 for result in commands.record_events(cast.system, items, now=NOW) if result.appended)

    assert at_once([partial(write, n) for n in range(4)]) == [6] * 4
    assert Contact.objects.count() == 6
    assert queries.pipeline(cast.system, now=NOW).settled


def test_what_many_recorded_at_once_is_told_as_a_rebuild_tells_it(cast: Cast) -> None:
    clients = [cast.client(f"Client {n}", now=NOW - 200 * DAY) for n in range(3)]

    def write(number: int) -> None:
        for turn in range(5):
            at = NOW - (100 - 7 * number - 3 * turn) * DAY
            cast.record(clients[turn % 3], "meeting_held", at, mode="in_person")

    def rebuild_or_write(number: int) -> None:
        if number == 0:
            projections.rebuild(cast.ledger_id, now=NOW)
        else:
            write(number)

    at_once([partial(rebuild_or_write, n) for n in range(6)])
    projections.sweep(NOW)
    live = Generation.objects.get(state="live")
    assert live.settled_position == event_store.head(cast.ledger_id).position
    told = _periods(live)
    projections.rebuild(cast.ledger_id, now=NOW)
    assert _periods(Generation.objects.get(state="live")) == told


def _periods(generation: Generation) -> list[tuple[object, ...]]:
    rows = StagePeriod.objects.filter(generation=generation).order_by("client_id", "begins_at")
    return list(
        rows.values_list("client_id", "stage", "health", "begins_at", "ends_at", "stage_since", "falls", "fades")
    )
