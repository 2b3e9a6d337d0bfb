"""What to do next, over HTTP: suggested, put off, done; who knows whom, and what would leave."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from relationships import commands, projections, queries
from relationships.models.projections import ClientState
from relationships.models.suggestions import Suggestion
from relationships.queries import ClientRow
from tests.api.caller import Caller
from tests.api.conftest import Keys
from tests.commands.cast import DAY, NOW, Cast

ANN, IDA, MAX = "ann@nordlicht.example", "ida.falk@example.com", "max.roth@example.com"


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW + timedelta(hours=1), tick=False) as travel:
        yield travel


def instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def ask(cast: Cast, client: ClientRow, days: float, **stated: Any) -> str:
    said = {"channel": "email", "contacts": [ANN], "our_people": [IDA], **stated}
    at = NOW - timedelta(days=days)
    return cast.record(client, "question_asked", at, now=at, **said).event.event_id


def answer(cast: Cast, client: ClientRow, at: datetime, question: str) -> None:
    said: dict[str, Any] = {"channel": "email", "contacts": [ANN], "our_people": [IDA], "in_reply_to": question}
    cast.record(client, "question_answered", at, now=at, **said)


def test_an_overdue_question_is_suggested_with_its_event_and_gone_when_answered(
    api: Caller, cast: Cast, bakery: ClientRow
) -> None:
    question = ask(cast, bakery, 4)
    (told,) = api.get("/actions").body["data"]
    assert (told["rule"], told["rank"], told["client_id"]) == ("answer_question", 1, bakery.id)
    assert told["events"] == [question] == [one["event_id"] for one in told["because"]]
    assert "is still open: answer it." in told["sentence"]
    assert api.get("/clients/crm:4711/actions").body["data"] == [told]
    answer(cast, bakery, NOW, question)
    assert api.get("/actions").body["data"] == []
    assert api.get("/clients/crm:4711/actions").body["data"] == []


def test_what_will_press_can_be_asked_in_advance(api: Caller, cast: Cast, bakery: ClientRow) -> None:
    cast.record(bakery, "meeting_held", NOW - DAY, now=NOW, mode="in_person", contacts=[ANN], our_people=[IDA])
    path = f"/clients/{bakery.id}/actions"
    assert api.get(path).body["data"] == []
    later = api.get(path, as_of=instant(NOW + 60 * DAY)).body
    assert later["as_of"] == instant(NOW + 60 * DAY)
    assert {one["rule"] for one in later["data"]} == {"talk_then_propose", "share_idea"}
    assert {one["rule"] for one in api.get(path, as_of=instant(NOW + 300 * DAY)).body["data"]} >= {"reopen"}
    assert Suggestion.objects.count() == 0, "what is only looked at ahead was not suggested"


def test_not_now_holds_for_one_person_until_its_moment_and_can_be_undone(
    api: Caller, keys: Keys, cast: Cast, bakery: ClientRow, clock: Any
) -> None:
    ask(cast, bakery, 4)
    (told,) = api.get("/actions").body["data"]
    until = instant(NOW + 2 * DAY)
    put = api.post(f"/actions/{told['id']}/snooze", {"until": until})
    assert (put.status, put.body["put_off_until"]) == (200, until)
    assert api.get("/actions").body["data"] == []
    assert api.get(f"/clients/{bakery.id}/actions").body["data"] == []
    assert [one["id"] for one in keys().get("/actions").body["data"]] == [told["id"]], "another key sees it still"
    assert api.post(f"/actions/{told['id']}/snooze", {"until": None}).body["put_off_until"] is None
    assert len(api.get("/actions").body["data"]) == 1
    api.post(f"/actions/{told['id']}/snooze", {"until": until})
    clock.move_to(NOW + 3 * DAY)
    assert len(api.get("/actions").body["data"]) == 1


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/until", "required"),
        ({"until": "tomorrow"}, "/until", "invalid_time"),
        ({"until": instant(NOW)}, "/until", "out_of_range"),
        ({"until": instant(NOW + 400 * DAY)}, "/until", "out_of_range"),
        ({"until": None, "why": "x"}, "/why", "unknown_field"),
    ],
)
def test_a_nonsense_snooze_is_refused_with_the_place(
    api: Caller, cast: Cast, bakery: ClientRow, body: dict[str, Any], pointer: str, code: str
) -> None:
    ask(cast, bakery, 4)
    (told,) = api.get("/actions").body["data"]
    refused = api.post(f"/actions/{told['id']}/snooze", body)
    assert (refused.status, refused.faults.get(pointer)) == (400, code)


def test_an_action_that_is_not_there_or_not_yours_is_not_found(
    api: Caller, keys: Keys, cast: Cast, bakery: ClientRow
) -> None:
    ask(cast, bakery, 4)
    (told,) = api.get("/actions").body["data"]
    foreign = keys(team=cast.team("north"))
    absent = [f"{bakery.id}.0123456789abcdef", "x", f"{bakery.id}", "0199d0a4-7b1e-7cc3-9a52-5d5b0f1a2b3c.0123"]
    until = {"until": instant(NOW + DAY)}
    assert {api.post(f"/actions/{one}/snooze", until).status for one in absent} == {404}
    assert foreign.post(f"/actions/{told['id']}/snooze", until).status == 404
    assert foreign.get("/actions").body["data"] == []


def test_each_rule_is_measured(api: Caller, cast: Cast, bakery: ClientRow, clock: Any) -> None:
    question = ask(cast, bakery, 4)
    api.get("/actions")
    api.get("/actions")  # shown twice, counted once

    def figures() -> dict[str, Any]:
        return next(one for one in api.get("/actions/rules").body["data"] if one["rule"] == "answer_question")

    assert (figures()["shown"], figures()["open"], figures()["done_share"]) == (1, 1, None)
    commands.close_suggestions(now=NOW + timedelta(hours=1))
    assert figures()["open"] == 1
    answer(cast, bakery, NOW + timedelta(minutes=50), question)
    assert commands.close_suggestions(now=NOW + timedelta(hours=2)) == 1
    assert (figures()["open"], figures()["done"], figures()["done_share"]) == (0, 1, 1.0)
    assert len(api.get("/actions/rules").body["data"]) == 15


def test_what_nobody_did_has_lapsed_and_another_policy_withdraws(
    api: Caller, cast: Cast, bakery: ClientRow, clock: Any
) -> None:
    ask(cast, bakery, 4)
    api.get("/actions")
    commands.close_suggestions(now=NOW + 100 * DAY)
    assert Suggestion.objects.get().outcome == "lapsed"
    Suggestion.objects.all().delete()
    api.get("/actions")
    ClientState.objects.update(actions=[])
    Suggestion.objects.update(policy=7)
    commands.close_suggestions(now=NOW + 2 * DAY)
    assert Suggestion.objects.get().outcome == "withdrawn"


def test_ten_a_manager_and_a_page_holds_whole_managers(api: Caller, cast: Cast) -> None:
    owners = ["ida@acme.example", "max@acme.example"]
    for number in range(24):
        client = cast.client(f"Client {number:02}", owner=owners[number % 2])
        ask(cast, client, 4 + number)
    nobody = cast.client("Nobody's")
    ask(cast, nobody, 9)
    first = api.get("/actions", limit=10).body
    assert len(first["data"]) == 10
    assert len({one["owner"] for one in first["data"]}) == 1
    assert [one["since"] for one in first["data"]] == sorted(one["since"] for one in first["data"])
    seen, address = list(first["data"]), first["next"]
    while address:
        page = api.get(address.removeprefix("http://testserver")).body
        seen += page["data"]
        address = page["next"]
    assert len(seen) == 21
    assert [one["owner"] for one in seen][-1] is None
    assert len(api.get("/actions").body["data"]) == 21
    assert len(api.get("/actions", owner="nobody").body["data"]) == 1
    assert api.get("/actions", owner=seen[0]["owner"]).body["data"] == seen[:10]
    assert api.get("/actions", owner="x").status == 400
    assert api.get("/actions", cursor="x").status == 400
    assert api.get("/actions", rule="bridge_gap").body["data"] == []


def test_the_list_costs_the_same_number_of_queries_for_many_clients(cast: Cast) -> None:
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as spent:
            queries.actions(cast.system, now=NOW + timedelta(hours=1))
        return len(spent)

    ask(cast, cast.client("First"), 5)
    one = cost()
    for number in range(12):
        ask(cast, cast.client(f"Client {number}"), 5 + number)
    assert cost() == one


def test_a_client_that_is_behind_is_told_by_its_newest_events(
    api: Caller, cast: Cast, bakery: ClientRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = ask(cast, bakery, 4)
    monkeypatch.setattr(projections, "project", lambda *args, **named: None)
    answer(cast, bakery, NOW, question)
    assert api.get("/actions").body["data"] == []


def test_who_knows_whom_and_whom_to_ask(api: Caller, keys: Keys, cast: Cast, bakery: ClientRow) -> None:
    at = NOW - 3 * DAY
    cast.record(bakery, "meeting_held", at, now=at, mode="in_person", contacts=[ANN], our_people=[IDA, MAX])
    cast.record(bakery, "call_held", NOW - DAY, now=NOW, channel="phone", contacts=[ANN], our_people=[IDA])
    commands.add_contact(cast.system, bakery.id, name="Bob Stranger", now=NOW)
    told = api.get("/clients/crm:4711/ties").body
    assert [one["person_name"] for one in told["data"]] == [IDA, MAX]
    assert told["data"][0]["strength"] > told["data"][1]["strength"] > 0
    strength = api.get("/clients/crm:4711/strength").body
    assert told["data"][0]["share"] == pytest.approx(1.0)
    assert told["data"][0]["strength"] == pytest.approx(strength["strength"])
    by_name = {one["contact_name"]: one for one in told["introductions"]}
    assert by_name["Bob Stranger"]["through_id"] is None
    assert by_name["Bob Stranger"]["by_way_of_name"] == IDA
    assert {one["contact_name"] for one in keys("clients:read").get("/clients/crm:4711/ties").body["data"]} == {None}
    assert api.get("/clients/crm:4711/ties", as_of=instant(NOW + 400 * DAY)).body["data"][0]["strength"] < 20


def test_what_leaves_with_a_colleague(api: Caller, keys: Keys, cast: Cast, bakery: ClientRow) -> None:
    other = cast.client("Harbour Joinery")
    at = NOW - 3 * DAY
    cast.record(bakery, "meeting_held", at, now=at, mode="in_person", contacts=[ANN], our_people=[IDA])
    cast.record(other, "meeting_held", at, now=at, mode="video", contacts=["x@h.example"], our_people=[IDA, MAX])
    people = {one["name"]: one["id"] for one in api.get("/people").body["data"]}
    lost = api.get(f"/people/{people[IDA]}/ties").body["data"]
    assert [one["client_name"] for one in lost] == ["Harbour Joinery", "Nordlicht Bakery"]
    assert [len(one["only_theirs"]) for one in lost] == [0, 1]
    assert lost[0]["next_best_name"] == MAX
    assert lost[1]["share"] == pytest.approx(1.0)
    assert keys(team=cast.team("north")).get(f"/people/{people[IDA]}/ties").body["data"] == []
    assert api.get("/people/x/ties").status == 404


def test_a_balance_needs_points_and_tells_the_counts(api: Caller, cast: Cast, bakery: ClientRow) -> None:
    path = "/clients/crm:4711/balance"
    ask(cast, bakery, 9)
    empty = api.get(path).body
    assert (empty["verdict"], empty["share"], empty["echo"]) == ("unknown", None, None)
    for day in range(8):
        at = NOW - day * DAY
        said: dict[str, Any] = {"channel": "public_thread", "direction": "inbound", "contacts": [ANN]}
        cast.record(bakery, "idea_shared", at, now=at, our_account="brand", **said)
    at = NOW - 9 * DAY + timedelta(hours=2)
    cast.record(bakery, "call_held", at, now=NOW, channel="phone", contacts=[ANN], our_people=[IDA])
    told = api.get(path).body
    assert (told["personal"], told["brand"], told["verdict"]) == (3.0, 4.0, "uneven")
    assert told["people"][0]["person_name"] == IDA
    statement = cast.record(bakery, "brand_statement", NOW - 9 * DAY, topic="punctual").event.event_id
    for number in range(3):
        cast.record(
            bakery,
            "experience_reported",
            NOW - number * DAY,
            topic="punctual",
            grade="good",
            statement=statement,
            agrees=number > 0,
        )
    told = api.get(path).body
    assert (told["echo_agreeing"], told["echo_all"]) == (2, 3)
    assert told["echo"] == pytest.approx(2 / 3)


def test_a_hand_over_is_open_until_a_meeting_without_the_former_owner(
    api: Caller, cast: Cast, bakery: ClientRow
) -> None:
    at = NOW - 30 * DAY
    cast.record(bakery, "meeting_held", at, now=at, mode="video", contacts=[ANN], our_people=[IDA, MAX])
    people = {one["name"]: one["id"] for one in api.get("/people").body["data"]}
    at = NOW - 20 * DAY
    cast.record(bakery, "handover_started", at, now=at, from_colleague=people[IDA], to_colleague=people[MAX])
    (row,) = api.get("/handovers").body["data"]
    assert (row["state"], row["former_name"], row["successor_name"]) == ("begun", IDA, MAX)
    assert row["days"] == pytest.approx(20 + 1 / 24)
    at = NOW - 10 * DAY
    cast.record(bakery, "meeting_held", at, now=at, mode="video", contacts=[ANN], our_people=[MAX])
    (row,) = api.get("/handovers", state="met").body["data"]
    assert row["days"] == pytest.approx(10)
    assert api.get("/handovers", state="begun").body["data"] == []
