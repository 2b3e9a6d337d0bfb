"""What people do from a client's page: each is one event in the log, and what was typed is never lost."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client as Browser

from accounts.models import User
from accounts.roles import principal_of_user
from relationships import commands, queries
from relationships.queries.rows import EventRow
from tests.admin.conftest import House

SignIn = Callable[[User], Browser]
BERLIN = ZoneInfo("Europe/Berlin")


def url(house: House, act: str) -> str:
    return f"/admin/relationships/client/{house.brightwater.id}/{act}/"


def local(moment: datetime) -> str:
    return f"{moment.astimezone(BERLIN):%Y-%m-%dT%H:%M}"


def sent(house: House, **fields: Any) -> dict[str, Any]:
    return {"token": str(uuid.uuid4()), "occurred_at": local(house.now - timedelta(hours=1)), **fields}


def newest(house: House) -> EventRow:
    rows = queries.client_events(principal_of_user(house.mia), house.brightwater.id, limit=1).rows
    return rows[0]


def count(house: House) -> int:
    return queries.client(principal_of_user(house.mia), house.brightwater.id, now=house.now).version


def ann(house: House) -> str:
    return queries.contacts(principal_of_user(house.mia), client=house.brightwater.id).rows[0].id


def test_an_exchange_takes_two_taps(house: House, signed_in: SignIn) -> None:
    answer = signed_in(house.mia).post(url(house, "exchange"), sent(house, kind="their_message"), follow=True)

    event = newest(house)
    assert (event.type, event.data["direction"], event.data["channel"]) == ("message_sent", "inbound", "email")
    assert event.recorded_by == f"user:{house.mia.pk}"
    assert "Recorded. Brightwater Foods" in answer.content.decode()


def test_the_message_says_what_moved(house: House, signed_in: SignIn) -> None:
    answer = signed_in(house.mia).post(url(house, "exchange"), sent(house, kind="call"), follow=True)

    assert "Cooling → Active" in answer.content.decode()


@pytest.mark.parametrize(
    ("kind", "type", "direction"),
    [
        ("our_message", "message_sent", "outbound"),
        ("their_question", "question_asked", "inbound"),
        ("our_answer", "question_answered", "outbound"),
        ("their_thanks", "answer_acknowledged", "inbound"),
        ("call", "call_held", "mutual"),
        ("their_idea", "idea_shared", "inbound"),
        ("idea_discussed", "idea_discussed", "mutual"),
        ("advocacy", "advocacy_given", "inbound"),
        ("note", "note_added", None),
    ],
)
def test_every_chip_is_an_event(house: House, signed_in: SignIn, kind: str, type: str, direction: str | None) -> None:
    signed_in(house.mia).post(url(house, "exchange"), sent(house, kind=kind, text="Words of ours."))

    event = newest(house)
    assert (event.type, event.data.get("direction")) == (type, direction)


def test_an_idea_has_one_line_and_the_rest_is_text(house: House, signed_in: SignIn) -> None:
    signed_in(house.mia).post(
        url(house, "exchange"), sent(house, kind="our_idea", text="Deliver at night\nIt is cooler.")
    )

    event = newest(house)
    assert (event.data["line"], event.text) == ("Deliver at night", "It is cooler.")


def test_somebody_new_becomes_a_contact(house: House, signed_in: SignIn) -> None:
    signed_in(house.mia).post(
        url(house, "exchange"), sent(house, kind="call", new_name="Bo Berg", new_email="bo@brightwater.example")
    )

    names = {one.name for one in queries.contacts(principal_of_user(house.mia), client=house.brightwater.id).rows}
    assert names == {"Ann Lee", "Bo Berg"}


def test_sending_a_form_twice_records_one_event(house: House, signed_in: SignIn) -> None:
    browser, form = signed_in(house.mia), sent(house, kind="their_message", text="Once.")
    before = count(house)
    for _ in range(2):
        assert browser.post(url(house, "exchange"), form).status_code == 302

    assert count(house) == before + 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": ""}, "This field is required"),
        ({"occurred_at": "2031-01-01T10:00"}, "This lies ahead"),
        ({"occurred_at": "2026-03-29T02:30"}, "couldn’t be interpreted"),
        ({"contacts": [str(uuid.uuid4())]}, "Select a valid choice"),
        ({"new_name": "Bo"}, "Give an address too"),
        ({"text": "nul \0 here"}, "Null characters are not allowed"),
        ({"kind": "note", "text": ""}, "A note needs its words"),
    ],
)
def test_what_was_typed_stays_when_something_is_wrong(
    house: House, signed_in: SignIn, wrong: dict[str, Any], said: str
) -> None:
    before = count(house)
    form = {**sent(house, kind="their_message", text="Do not lose this.", topics="night, cold"), **wrong}
    page = signed_in(house.mia).post(url(house, "exchange"), form)
    text = page.content.decode()

    assert page.status_code == 422
    assert said.replace("’", "&#x27;") in text or said in text
    assert "night, cold" in text
    assert form["token"] in text
    assert count(house) == before


def test_an_open_question_is_answered_from_the_page(house: House, signed_in: SignIn) -> None:
    question = house.record("question_asked", 200, "An old one?", channel="phone")
    browser = signed_in(house.mia)
    page = browser.get(f"{url(house, 'exchange')}?kind=our_answer&in_reply_to={question}").content.decode()

    assert re.search(rf'<option value="{question}" selected>', page)
    browser.post(url(house, "exchange"), sent(house, kind="our_answer", in_reply_to=question))
    assert newest(house).data["in_reply_to"] == question


def test_a_meeting_is_planned_then_held(house: House, signed_in: SignIn) -> None:
    browser, start = signed_in(house.mia), house.now + timedelta(days=3)
    plan = {
        "token": str(uuid.uuid4()),
        "starts_at": local(start),
        "minutes": "90",
        "mode": "in_person",
        "contacts": [ann(house)],
        "place": "Their office",
        "agenda": "The next year",
    }
    assert browser.post(url(house, "plan"), plan).status_code == 302
    planned = newest(house)
    assert planned.type == "meeting_scheduled"
    assert planned.data["agenda"] == "The next year"
    assert datetime.fromisoformat(planned.data["starts_at"]) == start.replace(second=0, microsecond=0)

    held = sent(house, meeting=planned.data["meeting_id"], mode="in_person", outcome="decision", contacts=[ann(house)])
    assert browser.post(url(house, "held"), held).status_code == 302
    assert newest(house).data["meeting_id"] == planned.data["meeting_id"]
    assert newest(house).data["outcome"] == "decision"


def test_a_plan_lies_ahead(house: House, signed_in: SignIn) -> None:
    plan = {
        "token": str(uuid.uuid4()),
        "starts_at": local(house.now - timedelta(days=1)),
        "minutes": "60",
        "mode": "video",
    }
    page = signed_in(house.mia).post(url(house, "plan"), plan)

    assert page.status_code == 422
    assert "This has passed" in page.content.decode()


@pytest.mark.parametrize(
    ("became", "type"),
    [
        ("accepted", "meeting_answered"),
        ("moved", "meeting_moved"),
        ("cancelled", "meeting_cancelled"),
        ("missed", "meeting_missed"),
    ],
)
def test_what_became_of_a_planned_meeting(house: House, signed_in: SignIn, became: str, type: str) -> None:
    start = (house.now + timedelta(days=3)).astimezone(UTC).isoformat()
    house.record("meeting_scheduled", 1, meeting_id="review", starts_at=start, mode="video")
    form = {
        "token": str(uuid.uuid4()),
        "meeting": "review",
        "became": became,
        "side": "theirs",
        "reason": "Snow",
        "new_starts_at": local(house.now + timedelta(days=5)),
    }

    assert signed_in(house.mia).post(url(house, "meeting"), form).status_code == 302
    assert (newest(house).type, newest(house).data["meeting_id"]) == (type, "review")


def decide(house: House, event_id: str, act: str) -> str:
    return url(house, f"events/{event_id}/{act}")


def filled(page: str) -> dict[str, Any]:
    """What a browser would send back of a form as it stands."""
    form = page[page.index('<form class="rel-form"') :]
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]+>", form):
        at = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
        if at.get("type") in ("checkbox", "radio"):
            if " checked" in tag:
                found.setdefault(at["name"], []).append(at["value"])
        elif "name" in at:
            found[at["name"]] = at.get("value", "")
    for name, inner in re.findall(r'<select name="([^"]+)".*?>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', inner)
        found[name] = chosen[1] if chosen else ""
    return found


def test_a_correction_keeps_what_was_said_before(house: House, signed_in: SignIn) -> None:
    met = house.record("meeting_held", 50, "We went through it.", mode="video", minutes=30, place="Their office")
    browser = signed_in(house.mia)
    form = filled(browser.get(decide(house, met, "correct")).content.decode())
    assert form["place"] == "Their office"

    answer = browser.post(
        decide(house, met, "correct"), {**form, "mode": "in_person", "reason": "It was no video."}, follow=True
    )
    text = answer.content.decode()

    correction = newest(house)
    assert correction.type == "event_corrected"
    assert correction.data["data"]["mode"] == "in_person"
    assert correction.data["data"]["place"] == "Their office"
    assert "occurred_at" not in correction.data
    assert "It was no video." in text
    assert "by video" in text


def test_a_correction_can_be_corrected(house: House, signed_in: SignIn) -> None:
    met = house.record("meeting_held", 50, mode="video", minutes=30)
    browser = signed_in(house.mia)
    for minutes in ("40", "50"):
        form = filled(browser.get(decide(house, met, "correct")).content.decode())
        assert (
            browser.post(decide(house, met, "correct"), {**form, "minutes": minutes, "reason": "Longer."}).status_code
            == 302
        )

    assert filled(browser.get(decide(house, met, "correct")).content.decode())["minutes"] == "50"


def test_a_correction_without_a_difference_is_none(house: House, signed_in: SignIn) -> None:
    met = house.record("meeting_held", 50, mode="video")
    browser = signed_in(house.mia)
    form = filled(browser.get(decide(house, met, "correct")).content.decode())

    page = browser.post(decide(house, met, "correct"), {**form, "reason": "Hm."})
    assert page.status_code == 422
    assert "Nothing is different" in page.content.decode()


def test_a_retraction_is_final_and_shown(house: House, signed_in: SignIn) -> None:
    wrong = house.record("message_sent", 5, "To somebody else.", direction="inbound", channel="email")
    browser = signed_in(house.mia)
    form = filled(browser.get(decide(house, wrong, "retract")).content.decode())

    text = browser.post(
        decide(house, wrong, "retract"), {**form, "reason": "Wrong client."}, follow=True
    ).content.decode()
    assert "Retracted" in text
    assert "Wrong client." in text
    assert "To somebody else." in text
    assert browser.get(decide(house, wrong, "retract")).status_code == 404
    assert browser.get(decide(house, wrong, "correct")).status_code == 404


def test_a_decision_on_a_stale_page_is_asked_again(house: House, signed_in: SignIn) -> None:
    wrong = house.record("message_sent", 5, direction="inbound", channel="email")
    browser = signed_in(house.mia)
    form = filled(browser.get(decide(house, wrong, "retract")).content.decode())
    house.record("message_sent", 4, direction="inbound", channel="email")

    page = browser.post(decide(house, wrong, "retract"), {**form, "reason": "Wrong client."})
    text = page.content.decode()
    assert page.status_code == 422
    assert "Something was recorded about this client since" in text
    assert "Wrong client." in text

    assert browser.post(decide(house, wrong, "retract"), {**filled(text), "reason": "Wrong client."}).status_code == 302


@pytest.mark.parametrize("act", ["exchange", "held", "plan", "meeting"])
@pytest.mark.parametrize("who", ["auditor", "tom"])
def test_who_may_not_write_has_no_form(house: House, signed_in: SignIn, act: str, who: str) -> None:
    browser = signed_in(getattr(house, who))
    before = count(house)

    assert browser.get(url(house, act)).status_code == 404
    assert browser.post(url(house, act), sent(house, kind="their_message", mode="video")).status_code == 404
    assert count(house) == before


def test_another_clients_event_cannot_be_retracted_from_here(house: House, signed_in: SignIn) -> None:
    item = {"type": "message_sent", "occurred_at": house.now, "data": {"direction": "inbound"}}
    made = commands.record_event(principal_of_user(house.admin), house.elsewhere.id, item, now=house.now)

    assert signed_in(house.mia).get(decide(house, made.event.event_id, "retract")).status_code == 404
    assert signed_in(house.admin).get(decide(house, made.event.event_id, "retract")).status_code == 404


def test_a_manager_registers_a_client_of_their_own(house: House, signed_in: SignIn) -> None:
    form = {
        "name": "Northlight",
        "tier": "key",
        "time_zone": "Europe/Oslo",
        "tags": "light, north",
        "domains": "",
        "owner": "",
    }
    answer = signed_in(house.mia).post("/admin/relationships/client/new/", form, follow=True)

    assert "Northlight is registered." in answer.content.decode()
    [row] = queries.clients(principal_of_user(house.mia), now=house.now, q="northlight").rows
    assert (row.tier, row.tags, row.owner_name) == ("key", ("light", "north"), "Mia")


def test_a_wrong_zone_is_said_at_its_field(house: House, signed_in: SignIn) -> None:
    form = {"name": "Northlight", "tier": "key", "time_zone": "Mars/Base", "tags": "", "domains": "", "owner": ""}
    page = signed_in(house.mia).post("/admin/relationships/client/new/", form)

    assert page.status_code == 422
    assert "no IANA time zone" in page.content.decode()
