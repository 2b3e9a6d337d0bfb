from __future__ import annotations

from dataclasses import replace

import pytest

from relationships.reports.snapshot import DoesNotTieOut, Snapshot
from tests.reports.samples import ANNA, BORIS, a_snapshot, quarantined


def test_a_snapshot_comes_back_from_json_as_it_was() -> None:
    snapshot = a_snapshot(quarantined=(quarantined(),), late=True)
    assert Snapshot.from_dict(snapshot.to_dict()) == snapshot


def test_opening_plus_in_minus_out_is_closing_for_every_stage() -> None:
    stock = {one.stage: (one.opening, one.entered, one.left, one.closing) for one in a_snapshot().check().stock()}
    assert stock["conversing"] == (2, 0, 1, 1)
    assert stock["bridging"] == (0, 1, 0, 1)
    assert stock["found"] == (0, 1, 0, 1)
    assert stock["ended"] == (1, 0, 0, 1)


def test_every_owners_part_ties_out_and_the_parts_make_the_whole() -> None:
    whole = a_snapshot()
    parts = [whole.owned_by({owner}).check() for owner in (ANNA, BORIS)] + [whole.of({"c3"}).check()]
    for lines in zip(whole.stock(), *(part.stock() for part in parts), strict=True):
        assert lines[0].closing == sum(line.closing for line in lines[1:])


def test_a_part_holds_nothing_of_other_clients() -> None:
    part = a_snapshot(quarantined=(quarantined(),)).owned_by({BORIS})
    assert {line.id for line in part.clients} == {"c2", "c5"}
    for kind in ("moves", "risks", "meetings", "questions", "quarantined"):
        assert {one.client_id for one in getattr(part, kind)} <= {"c2", "c5"}
    assert part.moves
    assert part.risks


@pytest.mark.parametrize("wrong", ["a move is missing", "a move is doubled", "a move names another stage"])
def test_figures_that_contradict_each_other_are_refused(wrong: str) -> None:
    moves = a_snapshot().moves
    changed = {
        "a move is missing": moves[1:],
        "a move is doubled": (*moves, moves[0]),
        "a move names another stage": (replace(moves[0], after="symbiosis"), *moves[1:]),
    }
    with pytest.raises(DoesNotTieOut):
        a_snapshot(moves=changed[wrong]).check()
