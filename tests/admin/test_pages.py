"""Every page, for every role: who sees what, and that pages only read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client as Browser

from accounts.models import User
from tests.admin.conftest import House

SignIn = Callable[[User], Browser]
LISTS = ["", "relationships/client/", "relationships/meeting/", "relationships/question/"]
ALL = ["relationships/event/", "relationships/quarantine/", "relationships/importrun/"]
PEOPLE = ["accounts/user/", "accounts/team/", "accounts/apikey/", "accounts/user/add/", "accounts/apikey/add/"]


def client_url(client_id: str, more: str = "") -> str:
    return f"/admin/relationships/client/{client_id}/{more}"


@pytest.mark.parametrize("role", ["admin", "lead", "mia", "auditor"])
@pytest.mark.parametrize("path", LISTS)
def test_everybody_gets_the_lists(house: House, signed_in: SignIn, role: str, path: str) -> None:
    page = signed_in(getattr(house, role)).get(f"/admin/{path}")

    assert page.status_code == 200
    if "client" in path:
        assert "Brightwater Foods" in page.content.decode()


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("auditor", 200), ("lead", 403), ("mia", 403)])
@pytest.mark.parametrize("path", ALL)
def test_the_log_is_for_those_who_see_everything(
    house: House, signed_in: SignIn, role: str, status: int, path: str
) -> None:
    assert signed_in(getattr(house, role)).get(f"/admin/{path}").status_code == status


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("auditor", 403), ("lead", 403), ("mia", 403)])
@pytest.mark.parametrize("path", PEOPLE)
def test_only_administrators_let_people_in(house: House, signed_in: SignIn, role: str, status: int, path: str) -> None:
    found = signed_in(getattr(house, role)).get(f"/admin/{path}").status_code

    assert found == status or (status == 403 and found == 404)


def test_a_client_that_is_not_yours_does_not_exist(house: House, signed_in: SignIn) -> None:
    tom, mia = signed_in(house.tom), signed_in(house.mia)

    assert tom.get(client_url(house.brightwater.id)).status_code == 404
    assert tom.get(client_url(house.brightwater.id, "exchange/")).status_code == 404
    assert mia.get(client_url(house.elsewhere.id)).status_code == 404
    assert "Brightwater" not in tom.get("/admin/relationships/client/").content.decode()
    assert "Brightwater" not in tom.get("/admin/").content.decode()


def test_the_client_page_tells_the_sentence_and_links_its_events(house: House, signed_in: SignIn) -> None:
    page = signed_in(house.mia).get(client_url(house.brightwater.id))
    text = page.content.decode()

    assert page.status_code == 200
    assert "Brightwater Foods is Met since" in text
    assert "Good to have met." in text
    assert "Ann Lee" in text
    assert "#event-" in text


def test_a_link_to_an_event_shows_it_though_it_is_on_another_page(house: House, signed_in: SignIn) -> None:
    first = house.record("note_added", 300, "The oldest of all notes.")
    for number in range(30):
        house.record(
            "message_sent",
            30 - number / 10,
            direction="outbound",
            channel="email",
            contacts=["ann@brightwater.example"],
        )
    browser = signed_in(house.mia)

    assert "The oldest of all notes." not in browser.get(client_url(house.brightwater.id)).content.decode()
    assert (
        "The oldest of all notes." in browser.get(client_url(house.brightwater.id, f"?event={first}")).content.decode()
    )


def test_an_auditor_reads_no_personal_text_and_gets_no_buttons(house: House, signed_in: SignIn) -> None:
    browser = signed_in(house.auditor)
    text = browser.get(client_url(house.brightwater.id)).content.decode()

    assert "Brightwater Foods is Met since" in text
    for hidden in (
        "Good to have met.",
        "Ann Lee",
        "ann@brightwater.example",
        "Log exchange",
        ">Correct<",
        ">Retract<",
        'method="post" action="/admin/relationships',
    ):
        assert hidden not in text
    assert browser.get(client_url(house.brightwater.id, "exchange/")).status_code == 404


@pytest.mark.parametrize("day", ["2020-01-01", "2031-05-05", "nonsense", "9999-99-99"])
def test_one_may_stand_on_any_day(house: House, signed_in: SignIn, day: str) -> None:
    page = signed_in(house.mia).get(client_url(house.brightwater.id, f"?as_of={day}&as_known=on"))

    assert page.status_code == 200


def test_in_the_future_the_client_has_faded(house: House, signed_in: SignIn) -> None:
    text = signed_in(house.mia).get(client_url(house.brightwater.id, "?as_of=2031-05-05")).content.decode()

    assert "You stand on" in text
    assert "Brightwater Foods is Found" in text
    assert "Log exchange" not in text


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize(
    "path",
    [
        "relationships/client/",
        "relationships/client/{id}/",
        "relationships/event/",
        "relationships/quarantine/",
        "relationships/importrun/",
        "relationships/client/{id}/delete/",
        "relationships/client/{id}/change/",
        "relationships/event/{id}/change/",
        "relationships/event/{id}/delete/",
        "relationships/client/add/",
        "accounts/user/1/delete/",
    ],
)
def test_nothing_is_changed_or_deleted_by_a_direct_request(
    house: House, signed_in: SignIn, method: str, path: str
) -> None:
    from relationships.models.log import Event
    from relationships.models.roster import Client

    before = (Event.objects.count(), Client.objects.count(), User.objects.count())
    url = f"/admin/{path.format(id=house.brightwater.id)}"

    answer = getattr(signed_in(house.admin), method)(url, {"action": "delete_selected", "post": "yes"})

    assert answer.status_code in (200, 302, 403, 404, 405)
    assert (Event.objects.count(), Client.objects.count(), User.objects.count()) == before


def test_pages_cost_the_same_with_more_rows(
    house: House, signed_in: SignIn, django_assert_max_num_queries: Callable[..., object]
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from accounts.roles import principal_of_user
    from relationships import commands

    browser = signed_in(house.mia)
    paths = [
        "/admin/",
        "/admin/relationships/client/",
        "/admin/relationships/question/",
        client_url(house.brightwater.id),
    ]
    for path in paths:
        browser.get(path)

    def costs() -> list[int]:
        counted = []
        for path in paths:
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert browser.get(path).status_code == 200
            counted.append(len(queries))
        return counted

    before = costs()
    for number in range(12):
        made, _ = commands.register_client(principal_of_user(house.mia), name=f"Firm {number}", now=house.now)
        item = {"type": "question_asked", "occurred_at": house.now, "data": {"channel": "email"}}
        commands.record_event(principal_of_user(house.mia), made.id, item, now=house.now)
        house.record(
            "message_sent",
            number / 10,
            "Again.",
            direction="inbound",
            channel="email",
            contacts=["ann@brightwater.example"],
        )

    after = costs()
    assert all(now <= then + 2 for now, then in zip(after, before, strict=True)), (before, after)
