"""Every page, for every role: who sees what, and that pages only read."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.roles import principal_of_user
from relationships import commands
from relationships.models.log import Event
from relationships.models.roster import Client
from tests.admin.conftest import ANN, House

SignIn = Callable[[User], Browser]
LISTS = ["", "relationships/client/", "relationships/meeting/", "relationships/question/"]
ALL = ["relationships/event/", "relationships/quarantine/", "relationships/importrun/"]
PEOPLE = ["accounts/user/", "accounts/team/", "accounts/apikey/", "accounts/user/add/", "accounts/apikey/add/"]


def client_url(client_id: str, more: str = "") -> str:
    return f"/admin/relationships/client/{client_id}/{more}"


def test_everybody_gets_the_lists(house: House, signed_in: SignIn) -> None:
    for user in (house.admin, house.lead, house.mia, house.auditor):
        browser = signed_in(user)
        for path in LISTS:
            page = browser.get(f"/admin/{path}")

            assert page.status_code == 200, (user, path)
            if "client" in path:
                assert "Brightwater Foods" in page.content.decode(), user


def test_the_log_is_for_those_who_see_everything(house: House, signed_in: SignIn) -> None:
    for user, status in ((house.admin, 200), (house.auditor, 200), (house.lead, 403), (house.mia, 403)):
        browser = signed_in(user)
        for path in ALL:
            assert browser.get(f"/admin/{path}").status_code == status, (user, path)


def test_only_administrators_let_people_in(house: House, signed_in: SignIn) -> None:
    for user, statuses in (
        (house.admin, [200]),
        (house.auditor, [403, 404]),
        (house.lead, [403, 404]),
        (house.mia, [403, 404]),
    ):
        browser = signed_in(user)
        for path in PEOPLE:
            assert browser.get(f"/admin/{path}").status_code in statuses, (user, path)


def test_jobs_and_refused_sign_ins_are_for_operators(house: House, signed_in: SignIn) -> None:
    operator = User.objects.create_superuser("op@house.example", name="Op", organisation=house.organisation)
    for path in ("django_q/schedule/", "django_q/failure/", "axes/accessattempt/"):
        assert signed_in(operator).get(f"/admin/{path}").status_code == 200, path
        assert signed_in(house.admin).get(f"/admin/{path}").status_code == 403, path


def test_the_menu_holds_what_its_reader_may_open(house: House, signed_in: SignIn) -> None:
    def menu(user: User) -> list[str]:
        text = signed_in(user).get("/admin/").content.decode()
        nav = text[text.index('id="nav-sidebar-apps"') : text.index("openUserLinks")]
        return re.findall(r"<span>([^<]+)</span>", nav)

    assert menu(house.mia) == ["Home", "Clients", "Meetings", "Questions", "Suggestions"]
    assert menu(house.auditor) == [
        "Home",
        "Clients",
        "Meetings",
        "Questions",
        "Suggestions",
        "Events",
        "Quarantine",
        "Imports",
        "Security log",
    ]
    assert menu(house.admin)[-5:] == ["People", "Teams", "API keys", "Webhooks", "Security log"]


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
            contacts=[ANN],
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


def test_one_may_stand_on_any_day(house: House, signed_in: SignIn) -> None:
    browser = signed_in(house.mia)
    for day in ("2020-01-01", "2031-05-05", "nonsense", "9999-99-99", ""):
        assert browser.get(client_url(house.brightwater.id, f"?as_of={day}&as_known=on")).status_code == 200, day


def test_an_address_made_up_is_no_error_of_ours(house: House, signed_in: SignIn) -> None:
    browser = signed_in(house.mia)
    for path in ("?cursor=nonsense", "?sort=nonsense", "?stage=nonsense", "?falls_within=-1", "?owner=%00", "?q=%00"):
        assert browser.get(f"/admin/relationships/client/{path}").status_code == 200, path
    for path in ("?cursor=nonsense", "?type=%00"):
        assert browser.get(client_url(house.brightwater.id, path)).status_code in (200, 404), path
    assert browser.get(client_url(house.brightwater.id, "?event=nonsense")).status_code == 200


def test_in_the_future_the_client_has_faded(house: House, signed_in: SignIn) -> None:
    text = signed_in(house.mia).get(client_url(house.brightwater.id, "?as_of=2031-05-05")).content.decode()

    assert "You stand on" in text
    assert "Brightwater Foods went from Met to Found on" in text
    assert "Log exchange" not in text


CLOSED = [
    *("relationships/client/", "relationships/client/{id}/", "relationships/client/{id}/delete/"),
    *("relationships/client/{id}/change/", "relationships/client/add/", "relationships/event/"),
    *("relationships/event/{id}/change/", "relationships/event/{id}/delete/", "relationships/quarantine/"),
    *("relationships/importrun/", "accounts/user/1/delete/", "accounts/team/1/delete/"),
]


def test_nothing_is_changed_or_deleted_by_a_direct_request(house: House, signed_in: SignIn) -> None:
    browser = signed_in(house.admin)
    before = (Event.objects.count(), Client.objects.count(), User.objects.count())
    for path in CLOSED:
        for method in ("post", "put", "patch", "delete"):
            url = f"/admin/{path.format(id=house.brightwater.id)}"
            answer = getattr(browser, method)(url, {"action": "delete_selected", "post": "yes"})
            assert answer.status_code in (200, 302, 403, 404, 405), (method, path)

    assert (Event.objects.count(), Client.objects.count(), User.objects.count()) == before


def test_pages_cost_the_same_with_more_rows(house: House, signed_in: SignIn) -> None:
    browser, manager = signed_in(house.mia), principal_of_user(house.mia)
    lists = [f"/admin/{path}" for path in LISTS]
    paths = [*lists, client_url(house.brightwater.id), client_url(house.brightwater.id, "exchange/")]

    def costs() -> dict[str, int]:
        counted = {}
        for path in paths:
            with CaptureQueriesContext(connection) as queries:
                assert browser.get(path).status_code == 200
            counted[path] = len(queries)
        return counted

    costs()  # the first visit renews the session
    before = costs()
    for number in range(12):
        made, _ = commands.register_client(manager, name=f"Firm {number}", now=house.now)
        item = {"type": "question_asked", "occurred_at": house.now, "data": {"channel": "email"}}
        commands.record_event(manager, made.id, item, now=house.now)
        house.record("message_sent", number / 10, "Again.", direction="inbound", channel="email", contacts=[ANN])

    after = costs()
    assert all(after[path] <= before[path] + 1 for path in paths), (before, after)
