"""What somebody may not see answers like what was never there: same status, same words, wherever it is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import User
from relationships import commands, queries
from tests.admin.conftest import House as Admin
from tests.admin.conftest import house as admin_house
from tests.admin.conftest import signed_in
from tests.security import matrix
from tests.security.test_matrix import House
from tests.walls import Browser

__all__ = ["admin_house", "signed_in"]  # fixtures
pytestmark = pytest.mark.django_db

STRANGERS = ("key of another team", "key of another organisation", "account manager of another team")
ABSENT = {
    "client": str(uuid4()),
    "contact": str(uuid4()),
    "event": str(uuid4()),
    "action": f"{uuid4()}.0123456789abcdef",
    "webhook": str(uuid4()),
    "delivery": str(uuid4()),
}


@pytest.fixture
def house() -> House:
    return House()


def told(answer: Any, samples: dict[str, str]) -> tuple[int, str]:
    """Status and body, without what is different in any two answers and without the ids that were asked for."""
    text = answer.raw.decode()
    for name in ("instance", "request_id", "cursor", "next", "previous", "next_cursor"):
        text = re.sub(rf'"{name}":\s*(?:"[^"]*"|null)', "", text)
    for name, sample in samples.items():
        if name != "policy":  # a short number, which stands in many a text
            text = text.replace(sample, "ID")
    return answer.status, text


def test_ids_in_paths_and_bodies(house: House) -> None:
    differing = []
    for cell in matrix.operations():
        if cell.about != "client":
            continue
        for who in STRANGERS:
            hidden, absent = (told(house.call(cell, who, samples), samples) for samples in (house.samples, ABSENT))
            if hidden != absent or hidden[0] not in (403, 404):
                differing.append(f"{cell} by {who}: {hidden} and {absent}")
    assert not differing, "\n".join(differing)


def filters(samples: dict[str, str], owner: str, team: str) -> Iterator[tuple[str, dict[str, str]]]:
    yield "/clients", {"owner": owner}
    yield "/clients", {"team": team}
    yield "/clients", {"q": "Brightwater"}
    yield "/clients", {"external_id": "crm:bw"}
    yield "/contacts", {"client": samples["client"]}
    yield "/meetings", {"client": samples["client"]}
    yield "/questions", {"client": samples["client"]}
    yield "/clients/crm:bw", {}


def test_filters(house: House) -> None:
    commands.update_client(
        house.cast.system,
        house.samples["client"],
        {"external_ids": [{"source": "crm", "id": "bw"}]},
        if_match=queries.client(house.cast.system, house.samples["client"], now=timezone.now()).version,
        now=timezone.now(),
    )
    owner = str(queries.client(house.cast.system, house.samples["client"], now=timezone.now()).owner)
    absent = {**ABSENT, "external": "crm:nothing"}
    for who in STRANGERS:
        caller = house.callers[who]
        asked = zip(filters(house.samples, owner, "north"), filters(ABSENT, str(uuid4()), "nothing"), strict=True)
        for (path, query), (other_path, other_query) in asked:
            hidden = told(caller.get(path, **query), {**house.samples, "owner": owner, "external": "crm:bw"})
            missing = told(
                caller.get(other_path.replace("crm:bw", "crm:nothing"), **other_query),
                {**absent, "owner": other_query.get("owner", "-")},
            )
            assert hidden == missing, (who, path, query)
            assert "Brightwater" not in hidden[1]


def test_ids_within_events_and_batches(house: House) -> None:
    mine = house.cast.client(
        "Client of South", owner="account.manager.of.another.team@acme.example", now=timezone.now()
    )
    caller = house.callers["account manager of another team"]
    now = timezone.now().isoformat()
    version = f'"v{queries.client(house.cast.system, mine.id, now=timezone.now()).version}"'

    def event(type: str, **data: Any) -> dict[str, Any]:
        return {"type": type, "occurred_at": now, "data": data}

    for samples in (house.samples, ABSENT):
        found = [
            caller.post(
                f"/clients/{mine.id}/events", event("meeting_held", mode="video", contacts=[samples["contact"]])
            ),
            caller.post(
                f"/clients/{mine.id}/events",
                event("event_corrected", event_id=samples["event"], reason="wrong", data={"mode": "video"}),
                If_Match=version,
            ),
            caller.post(
                f"/clients/{mine.id}/events",
                event("event_retracted", event_id=samples["event"], reason="wrong"),
                If_Match=version,
            ),
        ]
        assert [(answer.status, *answer.faults.values()) for answer in found] == [
            (400, "unknown_contact"),
            (400, "unknown_event"),
            (400, "unknown_event"),
        ]
        entry = {**event("call_held", channel="phone"), "client_id": samples["client"]}
        [result] = caller.post("/events/bulk", {"events": [entry]}).body["results"]
        assert (result["status"], result["problem"]["code"]) == (404, "not_found")
        # A reply may name what has not arrived yet, so it may name what is never to be seen.
        replied = caller.post(
            f"/clients/{mine.id}/events",
            event("question_answered", channel="email", in_reply_to=samples["event"], contacts=["x@y.example"]),
        )
        assert replied.status == 201


def test_another_organisations_cursor_is_none(house: House) -> None:
    cursor = house.callers["key of the team"].get("/events/head").body["cursor"]
    refused = house.callers["key of another organisation"].get("/events", after=cursor)
    assert (refused.status, refused.faults) == (400, {"after": "invalid_cursor"})


def test_whoever_moves_to_another_team_loses_sight_with_the_next_request(house: House) -> None:
    lead, path = house.callers["team lead"], f"/clients/{house.samples['client']}"
    assert lead.get(path).status == 200
    User.objects.filter(email="account.manager@acme.example").update(
        team=User.objects.get(email="team.lead.of.another.team@acme.example").team
    )
    commands.link_logins(house.cast.organisation.pk)
    assert lead.get(path).status == 404
    assert house.callers["team lead of another team"].get(path).status == 200


SignIn = Callable[[User], Browser]


def test_screens_and_search(admin_house: Admin, signed_in: SignIn) -> None:
    tom = signed_in(admin_house.tom)
    theirs, absent = admin_house.brightwater.id, str(uuid4())
    for path in ("/admin/relationships/client/{}/change/", "/admin/relationships/client/{}/"):
        hidden, missing = (tom.get(path.format(one)) for one in (theirs, absent))
        assert hidden.status_code == missing.status_code in (302, 404)
        assert hidden.content.replace(theirs.encode(), b"") == missing.content.replace(absent.encode(), b"")
    for path in ("/admin/", "/admin/relationships/client/", "/admin/relationships/meeting/", "/admin/search/?s=Bright"):
        assert "Brightwater" not in tom.get(path).content.decode(), path
    autocomplete = {"term": "Bright", "app_label": "relationships", "model_name": "contact", "field_name": "client"}
    assert "Brightwater" not in tom.get("/admin/autocomplete/", autocomplete).content.decode()
