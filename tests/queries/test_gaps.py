"""Gaps of one client and of all of them: what bridges each, who carried it, and what filters leave."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.roles import Role
from relationships import commands, queries
from relationships.queries import ClientRow, Invalid
from tests.commands.cast import DAY, NOW, Cast, assemble

pytestmark = pytest.mark.django_db

EMAIL: dict[str, Any] = {
    "channel": "email",
    "contacts": ["ann@brightwater.example"],
    "our_people": ["max@acme.example"],
}


@pytest.fixture
def cast() -> Cast:
    return assemble()


def meet(cast: Cast, client: ClientRow, days_ago: float) -> None:
    at = NOW - days_ago * DAY
    cast.record(client, "meeting_held", at, now=at, mode="in_person")


def talk(cast: Cast, client: ClientRow, days_ago: float, **stated: Any) -> str:
    at = NOW - days_ago * DAY
    cast.record(client, "message_sent", at, now=at, direction="inbound", **{**EMAIL, **stated})
    reply = cast.record(
        client, "reply_posted", at + DAY / 24, now=at + DAY / 24, direction="outbound", **{**EMAIL, **stated}
    )
    return reply.event.event_id


@pytest.fixture
def bridged(cast: Cast) -> ClientRow:
    """Met 100 and 60 days ago, with talk between and since; a meeting is planned in ten days."""
    client = cast.client("Brightwater Foods", now=NOW - 120 * DAY, owner="max@acme.example", tier="standard")
    meet(cast, client, 100)
    talk(cast, client, 85)
    meet(cast, client, 60)
    for days_ago in (45, 30, 10):
        talk(cast, client, days_ago, **({"our_account": "brand"} if days_ago == 30 else {}))
    cast.record(client, "question_asked", NOW - DAY, now=NOW - DAY, thread="another", **EMAIL)
    cast.record(client, "meeting_scheduled", NOW, starts_at=(NOW + 10 * DAY).isoformat(), mode="in_person")
    return client


@pytest.fixture
def broken(cast: Cast) -> ClientRow:
    client = cast.client("Harbour Joinery", now=NOW - 120 * DAY, tier="key")
    meet(cast, client, 90)
    return client


def test_a_gap_names_its_acts_its_carriers_and_the_ground(cast: Cast, bridged: ClientRow) -> None:
    open_gap, closed = queries.gaps(cast.system, bridged.id, now=NOW).data
    assert [act.type for act in open_gap.acts] == ["meeting_held", "reply_posted", "reply_posted", "reply_posted"]
    assert open_gap.acts[-1].phrase == "you replied on 22 May 2026"
    assert [act.our_account for act in open_gap.acts] == ["personal", "personal", "brand", "personal"]
    [ann] = open_gap.acts[-1].contacts
    assert [(one.id, one.acts) for one in open_gap.carried_theirs] == [(ann, 3)]
    assert [one.acts for one in open_gap.carried_ours] == [3]
    assert (open_gap.through_personal, open_gap.through_brand) == (2, 1)
    assert (open_gap.open_questions, closed.open_questions) == (1, 0)
    assert open_gap.ground_laid
    assert open_gap.ground_until == NOW - 10 * DAY + DAY / 24 + 21 * DAY  # their question of yesterday lays none yet
    # Contacts on seven days by then, 5 intervals: the median is 15 days.
    assert open_gap.longest_silence_rhythms == pytest.approx(open_gap.longest_silence_days / 15)
    # The closed one: coverage enough, but the last word lies 25 days back.
    assert (closed.ground_laid, closed.ground_since) == (False, None)


def test_stored_rows_say_what_the_log_says(cast: Cast, bridged: ClientRow, broken: ClientRow) -> None:
    told = {(row.client_id, row.begins_at): row for row in queries.all_gaps(cast.system, now=NOW).rows}
    assert len(told) == 3
    for client in (bridged, broken):
        for gap in queries.gaps(cast.system, client.id, now=NOW).data:
            row = told[client.id, gap.begins_at]
            for name in gap.__dataclass_fields__:
                if name == "acts":
                    assert row.acts == gap.acts[-5:]
                else:
                    assert getattr(row, name) == getattr(gap, name), name


def test_the_least_covered_come_first_and_filters_leave_what_they_say(
    cast: Cast, bridged: ClientRow, broken: ClientRow
) -> None:
    def names(**asked: Any) -> list[tuple[str, bool]]:
        found = queries.all_gaps(cast.system, now=NOW, **asked).rows
        return [(row.client_name.split()[0], row.ends_at is None) for row in found]

    everything = [("Harbour", True), ("Brightwater", True), ("Brightwater", False)]
    assert sorted(names(), key=everything.index) == everything
    assert names()[0] == ("Harbour", True)
    assert names(sort="-coverage")[-1] == ("Harbour", True)
    assert names(sort="-silence")[0] == ("Harbour", True)
    assert names(state="broken") == [("Harbour", True)]
    assert ("Harbour", True) not in names(state=["bridged", "patchy"])
    assert names(open=False) == [("Brightwater", False)]
    assert names(owner="none") == names(tier="key") == [("Harbour", True)]
    assert names(open=True, owner="max@acme.example") == [("Brightwater", True)]
    assert names(ends_before=NOW - 50 * DAY) == [("Brightwater", False)]
    assert sorted(names(ends_before=NOW + 11 * DAY)) == [("Brightwater", False), ("Brightwater", True)]
    with pytest.raises(Invalid):
        queries.all_gaps(cast.system, now=NOW, state="bad")


def test_pages_neither_skip_nor_repeat(cast: Cast, bridged: ClientRow, broken: ClientRow) -> None:
    for sort in ("coverage", "-silence", "begins_at"):
        whole = [(row.client_id, row.begins_at) for row in queries.all_gaps(cast.system, now=NOW, sort=sort).rows]
        seen, cursor = [], None
        for _ in whole:
            page = (
                queries.all_gaps(cast.system, now=NOW + DAY, sort=sort, limit=1, cursor=cursor)
                if cursor
                else (queries.all_gaps(cast.system, now=NOW, sort=sort, limit=1))
            )
            seen += [(row.client_id, row.begins_at) for row in page.rows]
            cursor = page.next
        assert seen == whole
        assert cursor is None


def test_an_ended_relationship_has_no_open_gap_to_mind(cast: Cast, broken: ClientRow) -> None:
    assert len(queries.all_gaps(cast.system, now=NOW).rows) == 1
    cast.record(broken, "relationship_ended", NOW - DAY, now=NOW - DAY)
    assert queries.all_gaps(cast.system, now=NOW).rows == ()


def test_only_gaps_of_visible_clients(cast: Cast, bridged: ClientRow, broken: ClientRow) -> None:
    team = cast.team("north")
    max_ = cast.user("Max", Role.ACCOUNT_MANAGER, team)
    assert {row.client_name for row in queries.all_gaps(max_, now=NOW).rows} <= {"Brightwater Foods"}
    assert queries.all_gaps(assemble("rival").system, now=NOW).rows == ()


def test_as_many_queries_for_many_gaps_as_for_one(
    cast: Cast, bridged: ClientRow, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(20) as one:
        queries.all_gaps(cast.system, now=NOW)
    for number in range(6):
        client = cast.client(f"Client {number}", now=NOW - 90 * DAY)
        meet(cast, client, 80)
        talk(cast, client, 70)
        meet(cast, client, 50)
    with django_assert_max_num_queries(20) as many:
        assert len(queries.all_gaps(cast.system, now=NOW).rows) == 14
    assert len(many) == len(one)


def test_a_retracted_act_covers_nothing(cast: Cast, bridged: ClientRow) -> None:
    open_gap = queries.gaps(cast.system, bridged.id, now=NOW).data[0]
    last = open_gap.acts[-1].event_id
    version = queries.client(cast.system, bridged.id, now=NOW).version
    commands.retract_event(cast.system, bridged.id, last, reason="Another firm", if_match=version, now=NOW)
    after = queries.gaps(cast.system, bridged.id, now=NOW).data[0]
    assert last not in [act.event_id for act in after.acts]
    assert after.coverage < open_gap.coverage
