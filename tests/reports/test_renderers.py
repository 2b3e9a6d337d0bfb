from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from relationships.reports.renderers import FORMS
from relationships.reports.renderers.csv import COLUMNS, harmless
from relationships.reports.snapshot import Move, Snapshot
from tests.reports.samples import ANNA, BORIS, PEOPLE, ZONE, a_snapshot, at, line, quarantined

HOSTILE = '=HYPERLINK("http://x")\n\x1b[2J<script>alert(1)</script>\u2028'


def rendered(form: str, snapshot: Snapshot | None = None) -> str:
    return FORMS[form].render(snapshot or a_snapshot(), people=PEOPLE, zone=ZONE)


def test_the_text_fits_in_80_columns() -> None:
    long = a_snapshot(clients=tuple(replace(one, name=one.name * 12) for one in a_snapshot().clients))
    for snapshot in (a_snapshot(), long, a_snapshot(quarantined=(quarantined(),), late=True, settled=False)):
        assert max(map(len, rendered("text", snapshot).splitlines())) <= 80


def test_the_text_says_who_moved_who_falls_and_why() -> None:
    text = " ".join(rendered("text").split())
    assert "Kestrel Optics Met → Bridging Tue 17 Nov you met in person on 17 Nov 2026, you met" in text
    assert "Møller & Søn Conversing → Helped Sat 5 Dec no exchange both ways since you" in text
    assert "spoke on the phone on 6 Sep 2026 · Anna Lind" in text


@pytest.mark.parametrize("form", ["text", "html"])
def test_the_footer_says_what_the_report_rests_on(form: str) -> None:
    text = rendered(form)
    for said in (
        "As of Mon 23 Nov 2026 07:00 CET",
        "known at",
        "position 4,211",
        "policy 1",
        "settled",
        "3f" * 32,
    ):
        assert said in text


@pytest.mark.parametrize("form", ["text", "html"])
def test_lateness_and_quarantine_are_said(form: str) -> None:
    text = rendered(form, a_snapshot(late=True, quarantined=(quarantined(),), settled=False))
    assert "This report is late" in text
    assert "in quarantine" in text
    assert "Quillon Press" in text


def test_thousands_of_moves_become_a_number() -> None:
    clients = tuple(line(number, f"Client {number}", "found", None) for number in range(3000))
    moves = tuple(
        Move(client_id=one.id, before=None, after="found", at=at(11, 20), rule="found", reason="", because=())
        for one in clients
    )
    snapshot = a_snapshot(clients=clients, moves=moves, risks=(), meetings=(), questions=())
    text = rendered("text", snapshot)
    assert "None of 3,000 clients changed stage since Mon 16 Nov; 3,000 came in" in " ".join(text.split())
    assert "… and 2,975 more" in text
    assert len(text.splitlines()) < 120


def test_json_is_the_snapshot_with_its_stock_and_the_people_it_names() -> None:
    data = json.loads(rendered("json"))
    assert Snapshot.from_dict(data) == a_snapshot()
    assert data["stock"][2] == {"stage": "conversing", "opening": 2, "in": 0, "out": 1, "closing": 1}
    assert data["people"] == {ANNA: "Anna Lind", BORIS: "Boris Okafor"}


def test_csv_has_one_row_a_client_with_move_and_fall() -> None:
    rows = list(csv.DictReader(io.StringIO(rendered("csv"))))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 6
    assert rows[0]["move_rule"] == "bridging.gap_bridged"
    assert rows[0]["moved_at"] == "2026-11-17T10:00:00+01:00"
    assert (rows[3]["falls_to"], rows[3]["falls_at"]) == ("helped", "2026-12-05T10:00:00+01:00")


@pytest.mark.parametrize("cell", ["=1+1", "+49 30", "-5", "@sum", "\tx", "\rx", "\nx", "  =1", "\u3000＝1", "＠x"])
def test_a_cell_that_would_be_a_formula_is_made_harmless(cell: str) -> None:
    assert harmless(cell) == "'" + cell


def test_an_ordinary_cell_is_left_alone() -> None:
    assert harmless("Møller & Søn = good") == "Møller & Søn = good"
    assert harmless("") == ""


def test_a_hostile_name_is_harmless_in_every_form() -> None:
    clients = tuple(replace(one, name=HOSTILE) for one in a_snapshot().clients)
    snapshot = a_snapshot(clients=clients)
    for sign in ("\x1b", "\u2028"):
        assert sign not in rendered("text", snapshot)
    assert "<script>" not in rendered("html", snapshot)
    assert json.loads(rendered("json", snapshot))["clients"][0]["name"] == HOSTILE
    assert next(csv.DictReader(io.StringIO(rendered("csv", snapshot))))["client"].startswith("'=")


def test_the_page_fetches_nothing() -> None:
    page = rendered("html")
    for fetching in ("<script", "<img", "<link", "@import", "url(", "http"):
        assert fetching not in page
