from __future__ import annotations

import html
import re

from relationships.reports.letter import Letter, as_html, as_text, compose
from relationships.reports.snapshot import Snapshot
from tests.reports.samples import ANNA, PEOPLE, ZONE, a_snapshot


def a_letter(snapshot: Snapshot, *, own: bool = True) -> Letter:
    return compose(
        snapshot,
        to="Anna Lind",
        own=own,
        zone=ZONE,
        people=PEOPLE,
        client_link=lambda client: f"https://crm.example/{client}",
        home="https://crm.example/",
    )


def test_the_headline_names_the_clients_while_they_are_few() -> None:
    assert a_letter(a_snapshot().owned_by({ANNA})).headline == (
        "1 of your 3 clients changed stage since Mon 16 Nov: Kestrel Optics rose to Bridging; "
        "1 falls within 30 days unless something happens."
    )


def test_a_quiet_week_is_said_in_one_sentence() -> None:
    quiet = a_snapshot(moves=(), risks=()).of({"c4"})
    assert a_letter(quiet).headline == (
        "Your one client did not change stage since Mon 16 Nov; nobody falls within 30 days."
    )


def test_both_parts_of_the_mail_say_the_same() -> None:
    letter = a_letter(a_snapshot(), own=False)
    page = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", as_html(letter))).split())
    text = " ".join(as_text(letter).split())
    for section in letter.sections:
        for row in section.rows:
            for part in (page, text):
                for said in (row.name, row.what, row.when, row.why):
                    assert said in part


def test_a_letter_fits_in_80_columns_and_on_one_screen() -> None:
    lines = as_text(a_letter(a_snapshot())).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) < 50


def test_falls_are_as_visible_as_rises() -> None:
    moves = a_snapshot().moves
    rows = a_letter(a_snapshot(moves=moves[:1] * 30 + moves[1:2] * 30)).sections[0].rows
    assert [row.way for row in rows] == [-1, -1, -1, 1, 1, 1]


def test_an_owner_is_named_to_those_who_read_of_everybody() -> None:
    assert "Boris Okafor" in as_text(a_letter(a_snapshot(), own=False))
    assert "Boris Okafor" not in as_text(a_letter(a_snapshot()))


def test_a_subject_is_one_line_whatever_the_organisation_is_called() -> None:
    whole = a_snapshot()
    named = Snapshot.from_dict(
        whole.to_dict() | {"organisation": {"slug": "x", "name": "A\nBcc: x@example.org", "time_zone": ZONE}}
    )
    assert "\n" not in a_letter(named, own=False).subject
