"""Questions by whom and in which state, and how soon they are answered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from relationships import queries
from relationships.queries import ClientRow, Invalid
from tests.commands.cast import DAY, NOW, Cast, assemble

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
MONDAY = NOW - 21 * DAY  # noon


@pytest.fixture
def cast() -> Cast:
    return assemble()


def ask(cast: Cast, client: ClientRow, number: int, hours: float | None, *, public: bool = False) -> None:
    """A question of a Monday noon, answered so many hours later."""
    channel = "public_thread" if public else "email"
    name = f"{client.name}/{number}"
    cast.record(client, "question_asked", MONDAY, channel=channel, source="desk", external_id=name)
    if hours is not None:
        cast.record(
            client, "question_answered", MONDAY + hours * HOUR, channel=channel, in_reply_to=name, direction="outbound"
        )


@pytest.fixture
def bakery(cast: Cast) -> ClientRow:
    """Answered after 1, 2, 3, 4 and 96 hours (the target is 24); one was missed."""
    client = cast.client("Nordlicht Bakery", now=NOW - 60 * DAY, owner="ida@acme.example")
    for number, hours in enumerate((1, 2, 3, 4, 96, None)):
        ask(cast, client, number, hours)
    return client


def test_times_and_shares(cast: Cast, bakery: ClientRow) -> None:
    told = queries.question_statistics(cast.system, now=NOW)
    assert (told.since, told.until, told.minimum) == (NOW - 90 * DAY, NOW, 5)
    total = told.total
    assert (total.asked, total.answered, total.due, total.in_time) == (6, 5, 6, 4)
    assert total.share_in_time == pytest.approx(4 / 6)
    assert total.median_hours == 3
    assert total.p90_hours == pytest.approx(4 + 0.6 * 92)
    assert total.median_working_days == pytest.approx(3 / 24)
    assert (total.open, total.overdue, total.missed, total.debt) == (1, 1, 1, 1.0)


def test_below_five_answers_nothing_is_known(cast: Cast) -> None:
    client = cast.client("Harbour Joinery", now=NOW - 60 * DAY)
    for number in range(4):
        ask(cast, client, number, 1)
    total = queries.question_statistics(cast.system, now=NOW).total
    assert (total.answered, total.in_time) == (4, 4)
    known = (total.share_in_time, total.median_hours, total.p90_hours, total.median_working_days)
    assert known == (None, None, None, None)


def test_without_any_question_there_is_no_debt(cast: Cast) -> None:
    cast.client("Harbour Joinery", now=NOW - 60 * DAY)
    total = queries.question_statistics(cast.system, now=NOW).total
    assert (total.asked, total.open, total.debt) == (0, 0, 0)


def test_debt_grows_until_the_target(cast: Cast) -> None:
    client = cast.client("Harbour Joinery", now=NOW - 60 * DAY)
    ask(cast, client, 0, None)
    for hours, debt in ((6, 0.25), (12, 0.5), (24, 1.0), (100, 1.0)):
        at = MONDAY + hours * HOUR
        assert queries.question_statistics(cast.system, now=at).total.debt == pytest.approx(debt)


def test_groups_and_filters(cast: Cast, bakery: ClientRow) -> None:
    north = cast.team("north")
    other = cast.client("Harbour Joinery", now=NOW - 60 * DAY)
    ask(cast, other, 0, 1, public=True)

    def groups(by: str, **asked: Any) -> list[tuple[str | None, int, float]]:
        found = queries.question_statistics(cast.system, now=NOW, by=by, **asked).groups
        return [(one.name, one.asked, one.debt) for one in found]

    assert groups("client") == [("Nordlicht Bakery", 6, 1.0), ("Harbour Joinery", 1, 0.0)]
    assert [(asked, debt) for _, asked, debt in groups("owner")] == [(6, 1.0), (1, 0.0)]
    assert groups("team") == [(None, 7, 1.0)]
    assert groups("client", of_us=False) == [("Harbour Joinery", 1, 0.0)]
    assert groups("client", owner="none") == [("Harbour Joinery", 1, 0.0)]
    assert groups("client", client=bakery.id) == [("Nordlicht Bakery", 6, 1.0)]
    assert groups("client", limit=1) == [("Nordlicht Bakery", 6, 1.0)]
    assert groups("client", team=north.slug) == []
    total = queries.question_statistics(cast.system, now=NOW, since=NOW - 2 * DAY).total
    assert (total.asked, total.open) == (0, 1)  # what is open counts whenever asked
    with pytest.raises(Invalid):
        queries.question_statistics(cast.system, now=NOW, since=NOW, until=NOW - DAY)


def test_as_many_queries_for_many_clients_as_for_one(
    cast: Cast, bakery: ClientRow, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(20) as one:
        queries.question_statistics(cast.system, now=NOW, by="client")
    for number in range(5):
        ask(cast, cast.client(f"Client {number}", now=NOW - 60 * DAY), 0, 1)
    with django_assert_max_num_queries(20) as many:
        assert len(queries.question_statistics(cast.system, now=NOW, by="client").groups) == 6
    assert len(many) == len(one)


def test_the_list_is_by_owner_client_state_and_whom_was_asked(cast: Cast, bakery: ClientRow) -> None:
    other = cast.client("Harbour Joinery", now=NOW - 60 * DAY)
    ask(cast, other, 0, None, public=True)

    def listed(**asked: Any) -> list[str]:
        return [row.client_name.split()[0] for row in queries.questions(cast.system, now=NOW, **asked).rows]

    assert sorted(listed()) == ["Harbour", "Nordlicht"]
    assert listed(owner="ida@acme.example") == listed(of_us=True) == ["Nordlicht"]
    assert listed(owner="none") == listed(of_us=False) == ["Harbour"]
    assert sorted(listed(state="overdue")) == sorted(listed(state="missed")) == ["Harbour", "Nordlicht"]
    assert listed(team="north") == []
    assert len(listed(state="answered", client=bakery.id)) == 5
    [late] = [
        row for row in queries.questions(cast.system, now=NOW, state="answered").rows if row.answered_in_hours == 96
    ]
    assert late.answered_in_working_days == 4


def test_an_answer_may_be_recorded_before_its_question_or_answer_nothing(cast: Cast) -> None:
    client = cast.client("Harbour Joinery", now=NOW - 60 * DAY)
    cast.record(client, "question_answered", MONDAY + HOUR, in_reply_to="T-1", channel="email", direction="outbound")
    cast.record(client, "question_answered", MONDAY, in_reply_to="never asked", channel="phone", direction="outbound")
    assert queries.questions(cast.system, now=NOW, state=None).rows == ()
    cast.record(client, "question_asked", MONDAY, source="desk", external_id="T-1", channel="email")
    [row] = queries.questions(cast.system, now=NOW, state=None).rows
    assert (row.state, row.answered_in_hours) == ("answered", 1)


@pytest.mark.parametrize("named", ["event", "external", "thread"])
def test_an_answer_is_matched_by_event_id_external_id_or_thread(cast: Cast, named: str) -> None:
    client = cast.client("Harbour Joinery", now=NOW - 60 * DAY)
    asked = cast.record(
        client, "question_asked", MONDAY, source="desk", external_id="T-1", channel="email", thread="offer"
    )
    how: dict[str, Any] = {
        "event": {"in_reply_to": asked.event.event_id},
        "external": {"in_reply_to": "T-1"},
        "thread": {"thread": "offer"},
    }[named]
    cast.record(client, "question_answered", MONDAY + HOUR, channel="letter", direction="outbound", **how)
    [row] = queries.questions(cast.system, now=NOW, state=None).rows
    assert row.state == "answered"
