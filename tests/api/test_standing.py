"""Where clients stand, over HTTP: what the queries answer, with the moments that were asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from relationships.queries import ClientRow
from tests.api.caller import Caller
from tests.commands.cast import DAY, NOW, Cast

FOOTER = {"as_of", "known_at", "position", "policy", "settled"}
OF_A_CLIENT = ("stage", "timeline", "strength", "gaps")


@pytest.fixture(autouse=True)
def _at_now() -> Iterator[None]:
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        yield


@pytest.fixture
def met(cast: Cast) -> ClientRow:
    """Registered 100 days ago; met 40 and 10 days ago, with a talk between."""
    client = cast.client("Nordlicht Bakery", now=NOW - 100 * DAY, external_ids=[{"source": "crm", "id": "4711"}])
    for days, type, data in (
        (40, "meeting_held", {"meeting_id": "a", "mode": "in_person", "outcome": "decision"}),
        (30, "question_asked", {"channel": "email", "contacts": ["ann@nordlicht.example"]}),
        (29, "question_answered", {"channel": "email", "contacts": ["ann@nordlicht.example"]}),
        (10, "meeting_held", {"meeting_id": "b", "mode": "in_person"}),
        (2, "question_asked", {"channel": "email", "contacts": ["ann@nordlicht.example"]}),
    ):
        cast.record(client, type, NOW - days * DAY, now=NOW - days * DAY, **data)
    cast.record(
        client, "meeting_scheduled", NOW, meeting_id="c", mode="in_person", starts_at=(NOW + 9 * DAY).isoformat()
    )
    return client


def instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def test_every_answer_says_what_it_rests_on(api: Caller, met: ClientRow) -> None:
    paths = [f"/clients/{met.id}/{name}" for name in OF_A_CLIENT]
    for path in (*paths, "/pipeline", f"/pipeline/movements?from={instant(NOW - 50 * DAY)}"):
        answer = api.get(path)
        assert answer.status == 200, answer.body
        assert set(answer.body) >= FOOTER
        assert answer.body["as_of"] == answer.body["known_at"] == instant(NOW + timedelta(hours=1))
        assert answer.body["settled"] is True


def test_the_stage_is_told_with_its_reasons(api: Caller, met: ClientRow) -> None:
    told = api.get("/clients/crm:4711/stage").body
    assert (told["client_id"], told["reached"], told["health"]) == (met.id, told["stage"], "active")
    assert told["sentence"].startswith("Nordlicht Bakery is ")
    assert "".join(part["text"] for part in told["sentence_parts"]) == told["sentence"]
    for reason in told["because"]:
        assert api.get(f"/events/{reason['event_id']}").body["type"] == reason["type"]
    assert set(told["next"]) == {"stage", "missing"}
    listed = api.get("/clients").body["data"][0]
    assert {name: listed[name] for name in ("stage", "health", "strength", "band")} == {
        name: told[name] for name in ("stage", "health", "strength", "band")
    }


def test_the_past_and_the_future_can_be_asked_and_what_was_known_then(api: Caller, met: ClientRow) -> None:
    path = f"/clients/{met.id}/stage"
    assert api.get(path, as_of=instant(NOW - 50 * DAY)).body["stage"] == "found"
    assert api.get(path, as_of=instant(NOW - 39 * DAY)).body["stage"] == "met"
    assert api.get(path, as_of=instant(NOW + 900 * DAY)).body["health"] == "dormant"
    assert api.get(path, known_at=instant(NOW - 50 * DAY)).body["stage"] == "found"
    for name in OF_A_CLIENT:
        before = f"/clients/{met.id}/{name}"
        assert api.get(before, as_of=instant(NOW - 101 * DAY)).code == "not_found"
        assert api.get(before, known_at=instant(NOW - 101 * DAY)).code == "not_found"
        assert api.get(before, known_at=instant(NOW + DAY)).faults == {"known_at": "in_the_future"}
        assert api.get(before, as_of="2026-06-01").faults == {"as_of": "naive_time"}


def test_the_timeline_runs_on_into_the_future_without_holes(api: Caller, met: ClientRow) -> None:
    periods = api.get(f"/clients/{met.id}/timeline").body["data"]
    assert periods[0]["begins_at"] == instant(NOW - 100 * DAY)
    assert periods[-1]["ends_at"] is None
    assert [one["ends_at"] for one in periods[:-1]] == [one["begins_at"] for one in periods[1:]]
    assert periods[-1]["begins_at"] > instant(NOW)


def test_the_terms_add_up_to_the_sum_and_the_sum_gives_the_strength(api: Caller, met: ClientRow) -> None:
    told = api.get(f"/clients/{met.id}/strength").body
    assert math.fsum(term["points"] for term in told["terms"]) == pytest.approx(told["sum"])
    assert told["strength"] == pytest.approx(100 * (1 - math.exp(-told["sum"] / told["k"])))
    for term in told["terms"]:
        assert math.prod(number for _, number in term["factors"]) == pytest.approx(term["points"])


def test_gaps_name_the_meetings_on_either_side(api: Caller, met: ClientRow) -> None:
    opened, closed = api.get(f"/clients/{met.id}/gaps").body["data"]
    assert (opened["ends_at"], closed["days"]) == (None, 30.0)
    assert opened["opened_by"] == closed["closed_by"]


def test_gaps_of_all_clients_are_filtered_and_paged(api: Caller, met: ClientRow, cast: Cast) -> None:
    opened = api.get("/gaps", open="true").body["data"]
    assert [(one["client_id"], one["client_name"], one["ends_at"]) for one in opened] == [
        (met.id, "Nordlicht Bakery", None)
    ]
    assert opened[0]["next_meeting_at"] == instant(NOW + 9 * DAY)
    told = api.get(f"/clients/{met.id}/gaps").body["data"][0]
    assert {name: opened[0][name] for name in told} == told
    [act] = told["acts"]
    assert (act["event_id"], act["type"], act["occurred_at"]) == (
        told["opened_by"],
        "meeting_held",
        instant(NOW - 10 * DAY),
    )
    first = api.get("/gaps", limit=1, sort="begins_at").body
    assert first["data"][0]["closed_by"] == told["opened_by"]
    assert [one["ends_at"] for one in api.get(first["next"]).body["data"]] == [None]
    assert api.get("/gaps", ends_before=instant(NOW + 10 * DAY), open="true").body["data"] == opened
    assert api.get("/gaps", client="crm:4711", state="broken,patchy,bridged", tier="light").body["data"] == []
    assert api.get("/gaps", state="wide").faults == {"state": "invalid_choice"}
    assert api.get("/gaps", open="perhaps").faults == {"open": "wrong_type"}
    assert api.get("/gaps", sort="age").faults == {"sort": "invalid_choice"}
    assert api.get("/gaps", cursor="nonsense").faults == {"cursor": "invalid_cursor"}
    assert api.get("/gaps", client="crm:none").code == "not_found"


def test_questions_by_whom_and_how_soon_they_are_answered(api: Caller, met: ClientRow) -> None:
    [row] = api.get("/questions", owner="none", of_us="true").body["data"]
    assert (row["state"], row["answered_in_hours"]) == ("open", None)
    assert api.get("/questions", of_us="false").body["data"] == []
    assert api.get("/questions", state="overdue", team="north").body["data"] == []
    [answered] = api.get("/questions", state="answered", client=met.id).body["data"]
    assert (answered["answered_in_hours"], answered["closed_by"] is not None) == (24, True)
    told = api.get("/questions/statistics", by="client").body
    assert (told["total"]["asked"], told["total"]["answered"], told["total"]["in_time"]) == (2, 1, 1)
    assert (told["minimum"], told["total"]["median_hours"]) == (5, None)
    assert [one["name"] for one in told["groups"]] == ["Nordlicht Bakery"]
    assert api.get("/questions/statistics", by="month").faults == {"by": "invalid_choice"}
    backwards = api.get("/questions/statistics", since=instant(NOW), until=instant(NOW - DAY))
    assert backwards.faults == {"since": "out_of_order"}


def test_an_answer_to_a_question_that_nobody_asked_is_taken_all_the_same(api: Caller, met: ClientRow) -> None:
    for target in ("T-404", "019ab7f2-4c6d-7e8f-8a9b-1c2d3e4f5a6b", "x" * 255, "crm:4711"):
        answer = api.post(
            f"/clients/{met.id}/events",
            {
                "type": "question_answered",
                "occurred_at": instant(NOW),
                "data": {"channel": "email", "in_reply_to": target},
            },
        )
        assert answer.status == 201, answer.body
    assert len(api.get("/questions").body["data"]) == 1
    assert api.get(f"/clients/{met.id}/stage").status == 200


def test_the_pipeline_counts_everybody_and_movements_tie_out(api: Caller, met: ClientRow, cast: Cast) -> None:
    cast.client("Harbour Joinery", now=NOW - 5 * DAY)
    pipeline = api.get("/pipeline").body
    assert pipeline["total"] == sum(stage["clients"] for stage in pipeline["stages"]) == 2
    assert all(sum(stage["by_health"].values()) == stage["clients"] for stage in pipeline["stages"])
    moved = api.get("/pipeline/movements", **{"from": instant(NOW - 50 * DAY), "to": instant(NOW)}).body
    for stage in moved["stages"]:
        assert stage["opening"] + stage["in"] - stage["out"] == stage["closing"]
    assert {"from": None, "to": "found", "clients": 1} in moved["matrix"]
    assert sum(stage["closing"] for stage in moved["stages"]) == 2


def test_a_span_needs_a_start_before_its_end(api: Caller, cast: Cast) -> None:
    assert api.get("/pipeline/movements").faults == {"from": "required"}
    backwards = api.get("/pipeline/movements", **{"from": instant(NOW), "to": instant(NOW - DAY)})
    assert backwards.faults == {"from": "out_of_order"}


def test_an_offset_may_come_with_a_plus_that_a_browser_made_a_blank(api: Caller, met: ClientRow) -> None:
    assert api.get(f"/clients/{met.id}/stage?as_of=2026-05-01T12:00:00+02:00").body["as_of"] == "2026-05-01T10:00:00Z"


def test_a_period_that_begins_by_silence_ends_a_304(api: Caller, met: ClientRow) -> None:
    path = f"/clients/{met.id}"
    tag = api.get(path).headers["ETag"]
    assert tag == f'"v{api.get(path).body["version"]}"'
    with time_machine.travel(NOW + DAY):
        assert api.get(path, {"If-None-Match": tag}).status == 304
    with time_machine.travel(NOW + 400 * DAY):
        answer = api.get(path, {"If-None-Match": tag})
        assert (answer.status, answer.body["health"]) == (200, "dormant")
        assert answer.headers["ETag"] != tag
        assert api.patch(path, {"tags": ["x"]}, If_Match=answer.headers["ETag"]).status == 200


# ---------------------------------------------------------------------- people, meetings, questions


def test_meetings_and_questions_are_listed(api: Caller, met: ClientRow, cast: Cast) -> None:
    planned = api.get("/meetings", status="planned").body["data"]
    assert [(one["meeting_id"], one["client_id"], one["starts_at"]) for one in planned] == [
        ("c", met.id, instant(NOW + 9 * DAY))
    ]
    assert [one["meeting_id"] for one in api.get("/meetings", client="crm:4711", sort="-at").body["data"]] == [
        "c",
        "b",
        "a",
    ]
    assert [one["state"] for one in api.get("/questions").body["data"]] == ["open"]
    assert api.get("/questions", client="crm:none").code == "not_found"
    assert api.get("/questions", state="forgotten").faults == {"state": "invalid_choice"}


def test_people_are_listed(api: Caller, cast: Cast) -> None:
    cast.client("Harbour Joinery", owner="ida.falk@example.com")
    assert [(one["email"], one["clients"]) for one in api.get("/people").body["data"]] == [("ida.falk@example.com", 1)]


ANN: dict[str, Any] = {
    "name": "Ann Meyer",
    "role": "Buyer",
    "handles": [{"platform": "email", "handle": "ann.meyer@nordlicht.example"}],
}


def test_contacts_are_added_found_and_changed(api: Caller, met: ClientRow) -> None:
    made = api.post("/contacts", {"client": "crm:4711", **ANN})
    assert made.status == 201
    assert made.body["handles"] == ANN["handles"]
    assert api.get(made.headers["Location"]).body == made.body
    assert [one["name"] for one in api.get("/contacts", client=met.id, q="meyer").body["data"]] == ["Ann Meyer"]
    path = f"/contacts/{made.body['id']}"
    assert api.patch(path, {"role": "Head of purchasing"}).code == "precondition_required"
    tag = api.get(path).headers["ETag"]
    changed = api.patch(path, {"role": "Head of purchasing"}, If_Match=tag)
    assert changed.body["role"] == "Head of purchasing"
    assert api.patch(path, {"role": "Buyer"}, If_Match=tag).code == "precondition_failed"
    same = api.patch(path, {"role": "Head of purchasing"}, If_Match=changed.headers["ETag"])
    assert (same.status, same.headers["ETag"]) == (200, changed.headers["ETag"])
    assert api.patch(path, {"left_at": instant(NOW)}, If_Match="*").body["left_at"] == instant(NOW)
    assert api.patch(path, {"salary": 1}, If_Match="*").faults == {"/salary": "unknown_field"}
    types = [event["type"] for event in api.get(f"/clients/{met.id}/events", limit=3).body["data"]]
    assert types == ["contact_left", "contact_updated", "contact_added"]


def test_contacts_are_found_by_handle_and_by_what_became_of_them(api: Caller, met: ClientRow) -> None:
    ann = api.post("/contacts", {"client": met.id, **ANN}).body["id"]
    bob = api.post("/contacts", {"client": met.id, "handles": [{"platform": "LinkedIn", "handle": "@bob"}]}).body["id"]

    def found(**query: str) -> set[str]:
        return {one["id"] for one in api.get("/contacts", **query).body["data"]} & {ann, bob}

    assert found(handle="Ann.Meyer@nordlicht.example") == {ann}
    assert found(handle="linkedin:Bob") == {bob}
    assert found(handle="bob") == set()
    api.patch(f"/contacts/{ann}", {"left_at": instant(NOW)}, If_Match="*")
    assert (found(left="true"), found(left="false")) == ({ann}, {bob})
    assert api.post(f"/contacts/{bob}/erase", {}).status == 200
    assert (found(erased="true"), found(erased="false")) == ({bob}, {ann})


def test_a_handle_belongs_to_one_person_of_a_client(api: Caller, met: ClientRow) -> None:
    ann = api.post("/contacts", {"client": met.id, **ANN}).body["id"]
    again = api.post("/contacts", {"client": met.id, **ANN, "name": "Another"})
    assert (again.status, again.code) == (409, "conflict")
    assert (again.body["contact_id"], again.faults) == (ann, {"/handles": "differs"})
    bob = api.post("/contacts", {"client": met.id, "name": "Bob"}).body["id"]
    assert api.patch(f"/contacts/{bob}", {"handles": ANN["handles"]}, If_Match="*").body["contact_id"] == ann
    api.patch(f"/contacts/{ann}", {"handles": []}, If_Match="*")
    assert api.patch(f"/contacts/{bob}", {"handles": ANN["handles"]}, If_Match="*").status == 200


def test_a_person_is_erased_once_and_for_all(api: Caller, keys: Any, met: ClientRow) -> None:
    ann = api.post("/contacts", {"client": met.id, **ANN}).body["id"]
    path = f"/contacts/{ann}/erase"
    assert keys("clients:read").post(path, {}).code == "missing_scope"
    assert api.post(path, {"why": "x"}).faults == {"/why": "unknown_field"}
    assert api.post(path, {"reason": 7}).faults == {"/reason": "wrong_type"}
    assert api.post("/contacts/0199d0a4-8c11-7f02-8b1e-2f6a9d3c4e5f/erase", {}).code == "not_found"
    erased = api.post(path, {"reason": "Asked for"}, Idempotency_Key="e1")
    assert (erased.status, erased.body["destroyed"]["handles"]) == (200, 1)
    assert api.post(path, {"reason": "Asked for"}, Idempotency_Key="e1").body == erased.body
    again = api.post(path, {}).body
    assert (again["erased_at"], again["destroyed"]["texts"]) == (erased.body["erased_at"], 0)
    assert api.get(f"/contacts/{ann}").body["name"] is None
    assert api.patch(f"/contacts/{ann}", {"name": "Ann"}, If_Match="*").faults == {"": "erased"}
    event = api.get(f"/events/{erased.body['event_id']}").body
    assert (event["type"], event["data"]["reason"]) == ("person_erased", "Asked for")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"client": None}, "/client"),
        ({"client": 7}, "/client"),
        ({"salary": 1}, "/salary"),
        ({"handles": {}}, "/handles"),
        ({"handles": [{"platform": "email"}]}, "/handles/0/handle"),
        ({"name": 5}, "/name"),
        ({"name": None, "handles": None}, "/name"),
    ],
)
def test_what_is_wrong_with_a_contact_is_named(
    api: Caller, met: ClientRow, change: dict[str, Any], pointer: str
) -> None:
    refused = api.post("/contacts", {"client": met.id, **ANN, **change})
    assert refused.status == 400
    assert pointer in refused.faults
    assert api.post("/contacts", {"client": "crm:none", **ANN}).code == "not_found"


def test_names_of_contacts_are_for_keys_that_may_read_text(api: Caller, keys: Any, met: ClientRow) -> None:
    made = api.post("/contacts", {"client": met.id, **ANN}).body
    blind = keys("clients:read")
    told = blind.get(f"/contacts/{made['id']}").body
    assert (told["name"], told["handles"], told["role"]) == (None, [], "Buyer")
    assert blind.get("/contacts", q="meyer").body["data"] == []
