"""Policies over HTTP: proposed, previewed, adopted, rolled back; and no nonsense ends in more than a reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import Team
from relationships import evidence
from relationships.commands import policies
from relationships.domain.policy import DEFAULT_POLICY
from relationships.queries import ClientRow
from tests.api.caller import Caller
from tests.api.conftest import Keys
from tests.commands.cast import DAY, NOW, Cast
from tests.commands.test_policies import MUCH_SHORTER, SHORTER, work


@pytest.fixture(autouse=True, name="clock")
def running_clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW + timedelta(hours=1), tick=False) as clock:
        yield clock


@pytest.fixture
def ash(cast: Cast) -> ClientRow:
    """Met 100 days ago."""
    client = cast.client("Ash", now=NOW - 200 * DAY)
    cast.record(client, "meeting_held", NOW - 100 * DAY, now=NOW - 100 * DAY, mode="in_person")
    return client


def proposed(api: Caller, **more: Any) -> int:
    made = api.post("/policies", {"changes": SHORTER, **more})
    assert made.status == 201, made.body
    return int(made.body["version"])


def test_a_version_is_proposed_and_read(api: Caller) -> None:
    [first] = api.get("/policies").body["data"]
    assert (first["version"], first["status"], first["differences"]) == (1, "in_force", [])
    made = api.post("/policies", {"name": "Shorter", "reason": "We notice late.", "changes": SHORTER})
    assert (made.status, made.body["version"], made.body["status"]) == (201, 2, "draft")
    read = api.get(made.headers["Location"].removeprefix("http://testserver/api/v1"))
    assert read.body == made.body
    assert read.body["policy"]["met_keep"] == 50
    assert {one["pointer"]: one["sentence"] for one in read.body["differences"]}["/met_keep"] == (
        "Met stays: 50 days instead of 365 days."
    )
    assert [one["version"] for one in api.get("/policies").body["data"]] == [2, 1]


def test_versions_come_in_pages(api: Caller) -> None:
    for grace in (3, 4, 5, 6):
        proposed(api, changes={"grace": grace})
    page = api.get("/policies", limit=2).body
    seen = [one["version"] for one in page["data"]]
    second = api.get(page["next"].removeprefix("http://testserver/api/v1")).body
    assert seen + [one["version"] for one in second["data"]] == [5, 4, 3, 2]
    assert api.get(second["previous"].removeprefix("http://testserver/api/v1")).body["data"] == page["data"]


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {"/changes": "wrong_type"}),
        (
            {"changes": {"met_keep": -3, "bogus": 1}},
            {"/changes/met_keep": "out_of_range", "/changes/bogus": "unknown_field"},
        ),
        ({"changes": {"met_needs_face": False}}, {"/changes/met_needs_face": "law"}),
        ({"changes": {"tiers": {"key": {"window": 100}}}}, {"/changes/tiers/key/window": "contradiction"}),
        ({"changes": {"tiers": []}}, {"/changes/tiers": "wrong_type"}),
        ({"changes": {"points": {"message_sent": "many"}}}, {"/changes/points/message_sent": "wrong_type"}),
        ({"changes": SHORTER, "based_on": 77}, {"/based_on": "unknown_version"}),
        ({"changes": SHORTER, "name": ["x"]}, {"/name": "wrong_type"}),
        ({"changes": SHORTER, "colour": "red"}, {"/colour": "unknown_field"}),
    ],
)
def test_nonsense_is_refused_with_pointers(api: Caller, body: dict[str, Any], faults: dict[str, str]) -> None:
    answer = api.post("/policies", body)
    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.faults == faults


def test_a_preview_of_a_small_log_comes_at_once(api: Caller, ash: ClientRow) -> None:
    version = proposed(api)
    answer = api.post(f"/policies/{version}/preview", {})
    assert answer.status == 200
    assert {one["stage"]: (one["now"], one["then"]) for one in answer.body["stages"] if one["now"] or one["then"]} == {
        "found": (0, 1),
        "met": (1, 0),
    }
    [mover] = answer.body["data"]
    assert (mover["client_id"], mover["from"]["stage"], mover["to"]["stage"]) == (ash.id, "met", "found")
    assert mover["to"]["sentence"].startswith("Ash went from Met to Found on ")
    assert (answer.body["policy"], answer.body["position"], answer.body["moved"]) == (1, 2, 1)
    assert api.get(answer.headers["Location"].removeprefix("http://testserver/api/v1")).body == answer.body
    assert api.get(f"/clients/{ash.id}/stage").body["stage"] == "met"


def test_the_rest_of_the_movers_is_behind_next(api: Caller, cast: Cast) -> None:
    for number in range(51):
        client = cast.client(f"Client {number:02}", now=NOW - 200 * DAY)
        cast.record(client, "meeting_held", NOW - 100 * DAY, now=NOW - 100 * DAY, mode="in_person")
    version = proposed(api, changes=MUCH_SHORTER)
    first = api.post(f"/policies/{version}/preview", {}).body
    assert (first["moved"], first["told"], len(first["data"])) == (51, 51, 50)
    second = api.get(first["next"].removeprefix("http://testserver/api/v1")).body
    assert [one["name"] for one in (*first["data"], *second["data"])] == [f"Client {n:02}" for n in range(51)]


def test_adopting_is_seen_by_every_answer_and_can_be_rolled_back(
    api: Caller, ash: ClientRow, clock: time_machine.Traveller
) -> None:
    version = proposed(api)
    tag = api.get(f"/clients/{ash.id}").headers["ETag"]
    adopted = api.post(f"/policies/{version}/adopt", {"reason": "Agreed."}, Idempotency_Key="a")
    assert (adopted.status, adopted.body["state"]) == (200, "done")
    again = api.post(f"/policies/{version}/adopt", {"reason": "Agreed."}, Idempotency_Key="a")
    assert (again.status, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert api.get(adopted.headers["Location"].removeprefix("http://testserver/api/v1")).body == adopted.body
    clock.shift(timedelta(minutes=1))
    fresh = api.get(f"/clients/{ash.id}", {"If-None-Match": tag})
    assert (fresh.status, fresh.body["stage"]) == (200, "found")
    assert api.get(f"/clients/{ash.id}", {"If-None-Match": fresh.headers["ETag"]}).status == 304
    told = api.get(f"/clients/{ash.id}/stage").body
    assert (told["stage"], told["policy"]) == ("found", version)
    before = (NOW + timedelta(minutes=1)).isoformat()
    assert api.get(f"/clients/{ash.id}/stage", known_at=before).body["policy"] == 1
    assert api.get(f"/clients/{ash.id}/stage", policy=1).body["stage"] == "met"
    for name in ("timeline", "strength", "gaps", "ties", "balance", "actions"):
        assert api.get(f"/clients/{ash.id}/{name}", policy=1).body["policy"] == 1, name
    assert api.get("/pipeline", policy=1).body["policy"] == 1
    assert api.get("/pipeline/movements", policy=1, **{"from": before}).body["policy"] == 1
    newest = api.get("/policies").body["data"][0]
    assert (newest["status"], newest["adopted_by"][:4]) == ("in_force", "key:")
    twice = api.post(f"/policies/{version}/adopt", {})
    assert (twice.status, twice.code) == (409, "conflict")
    assert "in force already" in twice.body["detail"]
    assert api.post("/policies/1/adopt", b"", type="application/json").status == 200
    assert api.get(f"/clients/{ash.id}/stage").body["stage"] == "met"


def test_a_large_log_is_worked_through_by_the_worker(
    api: Caller, ash: ClientRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "AT_ONCE", 0)
    version = proposed(api)
    looked, adopted = api.post(f"/policies/{version}/preview", {}), api.post(f"/policies/{version}/adopt", {})
    assert (looked.status, looked.body["state"], looked.body["moved"], looked.body["data"]) == (
        202,
        "waiting",
        None,
        [],
    )
    assert (adopted.status, adopted.body["state"]) == (202, "waiting")
    second = api.post(f"/policies/{proposed(api, changes={'grace': 3})}/adopt", {})
    assert (second.status, second.code) == (409, "conflict")
    assert api.get(f"/clients/{ash.id}/stage").body["policy"] == 1
    assert work(NOW + timedelta(hours=1)) == 2
    for answer in (looked, adopted):
        done = api.get(answer.headers["Location"].removeprefix("http://testserver/api/v1"))
        assert (done.status, done.body["state"]) == (200, "done")
    assert api.get(f"/clients/{ash.id}/stage").body["policy"] == version


def test_what_is_not_there_and_what_cannot_be_read(api: Caller) -> None:
    version = proposed(api)
    for path in (
        "/policies/9",
        "/policies/x",
        "/policies/-1",
        "/policies/99999999999999999999",
        "/policies/9/evidence",
    ):
        assert (api.get(path).status, api.get(path).code) == (404, "not_found"), path
    for act in ("preview", "adopt", "evidence"):
        for nonsense in ("9", "x", "²", "00000000000000000001"):
            assert api.post(f"/policies/{nonsense}/{act}", {}).code == "not_found"
        assert api.post(f"/policies/{version}/{act}", {"colour": 1}).faults == {"/colour": "unknown_field"}
        assert api.post(f"/policies/{version}/{act}", b"[1]").status == 400
        assert api.post(f"/policies/{version}/{act}", b"{").code == "malformed"
    assert api.post(f"/policies/{version}/adopt", {"reason": 7}).faults == {"/reason": "wrong_type"}
    for run in ("x", "019abe01-2a3b-7c4d-8e5f-6a7b8c9d0e1f"):
        assert api.get(f"/policies/{version}/previews/{run}").status == 404
        assert api.get(f"/policies/{version}/adoptions/{run}").status == 404
    assert api.get("/pipeline", policy=9).faults == {"policy": "unknown_version"}
    assert api.get("/pipeline", policy="x").faults == {"policy": "out_of_range"}


def test_who_may_do_what(keys: Keys, cast: Cast, api: Caller) -> None:
    version = proposed(api)
    reader, team = keys("clients:read"), keys("*", team=Team.objects.create(organisation=cast.organisation, slug="n"))
    assert reader.get(f"/policies/{version}").status == 200
    assert team.get("/policies").status == 200
    for act in ("preview", "adopt", "evidence"):
        assert reader.post(f"/policies/{version}/{act}", {}).code == "missing_scope"
        assert team.post(f"/policies/{version}/{act}", {}).code == "forbidden"
    run = api.post(f"/policies/{version}/preview", {}).body["id"]
    assert team.get(f"/policies/{version}/previews/{run}").status == 404


def test_evidence_is_made_by_the_worker_and_kept(api: Caller, ash: ClientRow, monkeypatch: pytest.MonkeyPatch) -> None:
    none = api.get("/policies/1/evidence").body
    assert (none["evidence"], none["probability_shown"], none["run"]) == (None, False, None)
    asked = api.post("/policies/1/evidence", {})
    assert (asked.status, asked.body["run"]["state"]) == (202, "waiting")
    assert api.post("/policies/1/evidence", {}).body["run"]["id"] == asked.body["run"]["id"]

    def back_test(run_id: Any, attempt: int, *, now: Any) -> None:
        evidence.carry_out(run_id, attempt, now=now)

    monkeypatch.setattr(policies, "carry_out", back_test)
    assert work(NOW + timedelta(hours=1)) == 1
    made = api.get("/policies/1/evidence").body
    assert (made["run"], made["position"], made["evidence"]["policy"]) == (None, 2, 1)
    assert not made["probability_shown"]
    assert made["refusal"]


def test_missing_libraries_are_told_as_such(api: Caller, ash: ClientRow, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*args: Any, **options: Any) -> Any:
        raise evidence.LibrariesMissing("sklearn")

    monkeypatch.setattr(evidence.keeping, "judge", missing)
    monkeypatch.setattr(policies, "carry_out", evidence.carry_out)
    api.post("/policies/1/evidence", {})
    assert work(NOW + timedelta(hours=1)) == 1
    told = api.get("/policies/1/evidence").body
    assert (told["run"]["state"], told["evidence"]) == ("failed", None)
    assert "pip install -r requirements-evidence.txt" in told["run"]["problem"]


def test_the_example_of_a_change_is_one_that_is_taken(api: Caller) -> None:
    assert DEFAULT_POLICY.version == 1
    made = api.post("/policies", {"changes": {"met_keep": 270, "tiers": {"key": {"window": 10}}}})
    assert made.status == 201
