"""A rebuild works beside what is read and flips; whatever interrupts it, readers see a whole generation."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command

from relationships import projections, queries
from relationships.models.projections import ClientState, Generation, StagePeriod
from relationships.projections import rebuilding, working
from tests.commands.cast import DAY, NOW, Cast, assemble

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    cast = assemble()
    for number in range(5):
        client = cast.client(f"Client {number}", now=NOW - 100 * DAY)
        cast.record(client, "meeting_held", NOW - 10 * DAY, mode="in_person")
    return cast


def live() -> Generation:
    return Generation.objects.get(state="live")


def test_it_makes_a_new_generation_live_and_keeps_the_old_one_for_late_readers(cast: Cast) -> None:
    old = live()
    told: list[tuple[int, int]] = []
    rebuilt = projections.rebuild(cast.ledger_id, now=NOW, progress=lambda *done: told.append(done))
    assert (rebuilt.events, rebuilt.clients, rebuilt.quarantined) == (10, 5, 0)
    assert told[-1] == (10, 5)
    assert (live().number, live().settled_position) == (old.number + 1, 10)
    assert StagePeriod.objects.filter(generation=old).exists()

    projections.sweep(NOW + DAY)
    assert not StagePeriod.objects.filter(generation=old).exists()
    assert list(Generation.objects.values_list("state", flat=True)) == ["live"]


def test_one_that_dies_midway_leaves_the_old_generation_live_and_the_next_cleans_up(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = live()
    monkeypatch.setattr(rebuilding, "CHUNK_OF_EVENTS", 2)

    def die(events: int, clients: int) -> None:
        if clients == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        projections.rebuild(cast.ledger_id, now=NOW, progress=die)
    assert live() == old
    left = Generation.objects.get(state="building")
    assert ClientState.objects.filter(generation=left).count() == 3
    assert queries.pipeline(cast.system, now=NOW).total == 5

    projections.rebuild(cast.ledger_id, now=NOW)
    assert not Generation.objects.filter(pk=left.pk).exists()
    assert not ClientState.objects.filter(generation_id=left.pk).exists()


def test_what_is_recorded_meanwhile_is_caught_up(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "CHUNK_OF_EVENTS", 2)
    recorded: list[Any] = []

    def record(events: int, clients: int) -> None:
        if not recorded:
            recorded.append(cast.client("Newcomer", now=NOW))
            for row in queries.clients(cast.system, now=NOW).rows:
                cast.record(row.id, "relationship_ended", NOW)

    projections.rebuild(cast.ledger_id, now=NOW, progress=record)
    pipeline = queries.pipeline(cast.system, now=NOW)
    assert {s.stage: s.clients for s in pipeline.stages if s.clients} == {"ended": 6}
    assert pipeline.settled


def test_what_is_recorded_while_the_pointer_moves_is_caught_up(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    flip = rebuilding._flip

    def record_and_flip(building: Generation, now: Any, at_flip: Any) -> None:
        cast.client("Newcomer", now=NOW)
        flip(building, now, at_flip)

    monkeypatch.setattr(rebuilding, "_flip", record_and_flip)
    projections.rebuild(cast.ledger_id, now=NOW)
    pipeline = queries.pipeline(cast.system, now=NOW)
    assert (pipeline.total, pipeline.settled) == (6, True)


@pytest.mark.django_db(transaction=True)
def test_a_large_ledger_is_rebuilt_by_several_processes_with_the_same_result(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> list[tuple[Any, ...]]:
        fields = ("client_id", "stage", "health", "begins_at", "ends_at", "rule")
        rows = StagePeriod.objects.filter(generation=live()).order_by("client_id", "begins_at")
        return list(rows.values_list(*fields))

    before = told()
    monkeypatch.setattr(rebuilding, "WORTH_SHARING", 0)
    monkeypatch.setattr(rebuilding, "workers", lambda: 2)

    rebuilt = projections.rebuild(cast.ledger_id, now=NOW)

    assert rebuilt.clients == ClientState.objects.filter(generation=live()).count()
    assert told() == before


def test_a_second_one_takes_over_and_the_first_writes_nothing_more(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "CHUNK_OF_EVENTS", 2)
    second: list[Any] = []

    def start_another(events: int, clients: int) -> None:
        if not second:
            second.append(None)
            second[0] = projections.rebuild(cast.ledger_id, now=NOW)

    with pytest.raises(projections.Superseded):
        projections.rebuild(cast.ledger_id, now=NOW, progress=start_another)
    assert live().number == second[0].generation
    assert set(ClientState.objects.values_list("generation_id", flat=True)) <= set(
        Generation.objects.values_list("pk", flat=True)
    )


def test_a_client_that_cannot_be_folded_does_not_stop_it(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    work_out = working.work_out
    ill = queries.clients(cast.system, now=NOW).rows[2].id

    def stumble(client_id: str, *rest: Any, **options: Any) -> Any:
        if client_id == ill:
            raise KeyError("mode")
        return work_out(client_id, *rest, **options)

    monkeypatch.setattr(rebuilding, "work_out", stumble)
    assert projections.rebuild(cast.ledger_id, now=NOW).quarantined == 1
    [row] = queries.quarantined(cast.system)
    assert row.client_id == ill
    assert queries.pipeline(cast.system, now=NOW).total == 4


def test_the_command_prints_events_clients_and_seconds(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("rebuild_projections", organisation="acme")
    assert capsys.readouterr().out.startswith("10 events, 5 clients, ")
