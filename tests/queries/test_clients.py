"""The list of clients: filters, orders, pages, and never a query per row."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from relationships import projections, queries
from relationships.queries import ClientRow, Invalid
from relationships.queries.clients import SORTS
from tests.commands.cast import DAY, NOW, Cast, assemble

pytestmark = pytest.mark.django_db


def populate(cast: Cast, number: int) -> list[ClientRow]:
    """Clients in different stages: every third has met, every third conversed, the rest nothing."""
    made = []
    for n in range(number):
        client = cast.client(
            f"Client {n % 7} {n}",
            now=NOW - (200 + n) * DAY,
            tier=("key", "standard", "light")[n % 3],
            external_ids=[{"source": "crm", "id": str(n)}],
        )
        if n % 3 == 0:
            cast.record(client, "meeting_held", NOW - (5 + n) * DAY, mode="in_person")
            cast.record(
                client, "meeting_scheduled", NOW - DAY, meeting_id="next", starts_at=(NOW + 9 * DAY).isoformat()
            )
        elif n % 3 == 1:
            cast.record(client, "question_asked", NOW - (170 - n) * DAY)
            cast.record(client, "question_answered", NOW - (169 - n) * DAY)
            cast.record(client, "question_asked", NOW - 2 * DAY)
        made.append(client)
    return made


@pytest.fixture
def cast() -> Cast:
    return assemble()


def names(cast: Cast, **options: Any) -> list[str]:
    return [row.name for row in queries.clients(cast.system, now=NOW, **options).rows]


def test_a_row_tells_where_the_client_stands_and_what_comes_next(cast: Cast) -> None:
    populate(cast, 2)
    met, helped = queries.clients(cast.system, now=NOW).rows
    assert (met.stage, met.health, met.reached, met.next_meeting_at) == ("met", "active", "met", NOW + 9 * DAY)
    assert met.strength is not None
    assert met.velocity == pytest.approx(met.strength)
    assert (helped.open_questions, helped.last_contact_at) == (1, NOW - 2 * DAY)
    assert met.external_ids == (queries.ExternalId(source="crm", id="0"),)
    assert met.next_change_at is not None
    assert met.next_change_at > NOW


def test_a_row_agrees_with_the_answers_about_one_client(cast: Cast) -> None:
    for client in populate(cast, 3):
        for now in (NOW, NOW + 100 * DAY, NOW + 1000 * DAY):
            row = queries.client(cast.system, client.id, now=now)
            stage = queries.stage(cast.system, client.id, now=now)
            assert (row.stage, row.stage_since, row.health) == (stage.stage, stage.since, stage.health)
            assert (row.reached, row.reached_at, row.band) == (stage.reached, stage.reached_at, stage.band)
            assert row.strength == pytest.approx(stage.strength)
            assert row.velocity == pytest.approx(stage.velocity)
            ahead = [p for p in queries.timeline(cast.system, client.id, now=now).data if p.begins_at > now]
            assert row.next_change_at == (ahead[0].begins_at if ahead else None)


FILTERS: list[tuple[dict[str, Any], set[int]]] = [
    ({"stage": "met"}, {0, 3, 6}),
    ({"stage": ["met", "found"]}, {0, 2, 3, 5, 6, 8}),
    ({"health": "new"}, {2, 5, 8}),
    ({"tier": "light"}, {2, 5, 8}),
    ({"q": "client 1"}, {1, 8}),
    ({"external_id": "crm:4"}, {4}),
    ({"external_id": "crm:44"}, set()),
    ({"external_id": "nonsense"}, set()),
    ({"owner": "none"}, set(range(9))),
    ({"owner": "me"}, set()),
    ({"owner": "max@acme.example"}, set()),
    ({"owner": "nonsense"}, set()),
    ({"team": "north"}, set()),
    # Their last two-way contact lies 165 to 168 days back: Helped falls 30 days after the 180th.
    ({"falls_before": NOW + 60 * DAY}, {1, 4, 7}),
    ({"falls_before": NOW + 20 * DAY}, set()),
]


def test_filters(cast: Cast) -> None:
    populate(cast, 9)
    for filters, expected in FILTERS:
        assert {int(name.split()[-1]) for name in names(cast, **filters)} == expected, filters


def test_pages_neither_skip_nor_repeat_in_any_order(cast: Cast) -> None:
    populate(cast, 8)
    for sort in SORTS:
        whole = names(cast, sort=sort)
        assert len(whole) == 8
        assert whole == list(reversed(names(cast, sort=sort[1:] if sort.startswith("-") else "-" + sort)))

        page = queries.clients(cast.system, now=NOW, sort=sort, limit=3)
        pages, moment = [page], NOW
        while page.next:
            moment += timedelta(hours=5)  # the list is of the moment of its first page
            page = queries.clients(cast.system, now=moment, sort=sort, limit=3, cursor=page.next)
            pages.append(page)
        assert [row.name for page in pages for row in page.rows] == whole
        before = queries.clients(cast.system, now=NOW, sort=sort, limit=3, cursor=page.previous)
        assert before.rows == pages[-2].rows
        first = queries.clients(cast.system, now=NOW, sort=sort, limit=3, cursor=before.previous)
        assert (first.rows, first.previous) == (pages[0].rows, None)


def cursor_of(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


FORGED = [
    "",
    "nonsense",
    "é",
    "A" * 5000,
    cursor_of(),
    cursor_of("clients1"),
    cursor_of("clients1", "name", "a", "not an id", False, 0),
    cursor_of("clients1", "name", 7, "019e830e-1a00-7780-a64c-2b97f01ac2d7", False, 0),
    cursor_of("clients1", "-name", "a", "019e830e-1a00-7780-a64c-2b97f01ac2d7", False, 0),
    cursor_of("clients1", "name", "a", "019e830e-1a00-7780-a64c-2b97f01ac2d7", 0, 0),
    cursor_of("clients1", "name", "a", "019e830e-1a00-7780-a64c-2b97f01ac2d7", False, 10**30),
    cursor_of("clients2", "name", "a", "019e830e-1a00-7780-a64c-2b97f01ac2d7", False, 0),
    cursor_of("clients1", "name", "a\x00", "019e830e-1a00-7780-a64c-2b97f01ac2d7", False, 0),
    cursor_of("clients1", "name", "\ud800", "019e830e-1a00-7780-a64c-2b97f01ac2d7", False, 0),
]


def test_a_forged_cursor_is_refused(cast: Cast) -> None:
    for forged in FORGED:
        with pytest.raises(Invalid) as refusal:
            queries.clients(cast.system, now=NOW, cursor=forged)
        assert refusal.value.errors[0].code == "invalid_cursor"


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"q": "\0"}, "q"),
        ({"owner": "a\0@b"}, "owner"),
        ({"external_id": "crm:\ud800"}, "external_id"),
        ({"team": "\0"}, "team"),
        ({"sort": "password"}, "sort"),
        ({"stage": "happy"}, "stage"),
        ({"health": ["new", "x"]}, "health"),
        ({"tier": "gold"}, "tier"),
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(cast: Cast, options: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refusal:
        queries.clients(cast.system, now=NOW, **options)
    assert refusal.value.errors[0].pointer == pointer


def test_no_query_per_row(cast: Cast) -> None:
    def count(ask: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            ask()
        return len(captured)

    def all_questions() -> list[int]:
        return [
            count(ask)
            for ask in (
                lambda: queries.clients(cast.system, now=NOW, sort="-strength", stage="met", limit=500),
                lambda: queries.pipeline(cast.system, now=NOW),
                lambda: queries.movements(cast.system, now=NOW, start=NOW - 180 * DAY),
                lambda: queries.falling(cast.system, now=NOW, within_days=100),
                lambda: queries.meetings(cast.system, now=NOW, limit=500),
                lambda: queries.questions(cast.system, now=NOW, limit=500),
                lambda: queries.timelines(cast.system, now=NOW),
                lambda: queries.feed(cast.system, limit=500),
                lambda: queries.contacts(cast.system, limit=500),
                lambda: queries.people(cast.system, limit=500),
            )
        ]

    populate(cast, 3)
    populate_more(cast, range(20, 22))
    few = all_questions()
    populate_more(cast, range(22, 30))
    assert all_questions() == few
    assert max(few) <= 14


def populate_more(cast: Cast, numbers: Iterable[int]) -> None:
    for n in numbers:
        client = cast.client(f"More {n}", now=NOW - 100 * DAY, owner=f"{n}@acme.example")
        people = [{"platform": "email", "handle": f"ann{n}@x.example", "name": "Ann"}]
        cast.record(client, "meeting_held", NOW - 5 * DAY, mode="in_person", contacts=people, text="Well")
        cast.record(client, "question_asked", NOW - 2 * DAY, contacts=people)


def test_strength_fades_in_sql_as_in_python(cast: Cast) -> None:
    populate(cast, 9)
    for now in (NOW, NOW + 90 * DAY, datetime.fromisoformat("2190-01-01T00:00:00+00:00")):
        rows = queries.clients(cast.system, now=now, sort="-strength").rows
        strengths = [-1.0 if row.strength is None else row.strength for row in rows]
        assert strengths == sorted(strengths, reverse=True)


@pytest.mark.parametrize("sort", ["name", "-stage", "-strength", "last_contact_at", "next_change_at"])
def test_filters_and_order_are_right_for_clients_that_are_behind(
    cast: Cast, sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    populate(cast, 6)
    asked: list[dict[str, Any]] = [
        {},
        {"stage": "met"},
        {"stage": ["found", "helped"]},
        {"health": "active"},
        {"falls_before": NOW + 3000 * DAY},
        {"falls_before": NOW + 400 * DAY, "stage": "met"},
    ]

    def told() -> list[list[Any]]:
        return [[row.id for row in queries.clients(cast.system, now=NOW, sort=sort, **one).rows] for one in asked]

    stored = told()
    with monkeypatch.context() as broken:
        # As after a death between append and projection.
        broken.setattr("relationships.projections.project", lambda *_, **__: None)
        names = {row.name: row.id for row in queries.clients(cast.system, now=NOW).rows}
        for client_id in list(names.values())[:3]:
            cast.record(client_id, "meeting_held", NOW - DAY, mode="in_person", contacts=["new@x.example"])
    behind = told()
    assert behind != stored
    projections.project_many(cast.ledger_id, list(names.values()), now=NOW)
    assert behind == told()
