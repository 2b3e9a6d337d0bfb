"""The admin as a person meets it: in a window, by keyboard, with the content security policy in force."""

from __future__ import annotations

import re

from tests.admin.conftest import House
from tests.browser.conftest import Visit

LISTS = ["", "relationships/client/", "relationships/client/new/", "relationships/meeting/", "relationships/question/"]
ACTS = ["", "exchange/", "held/", "plan/", "?as_of=2031-05-05"]
ADMINISTRATORS = [
    *("relationships/event/", "relationships/quarantine/", "relationships/importrun/", "accounts/user/"),
    *("accounts/user/add/", "accounts/apikey/", "accounts/apikey/add/", "accounts/team/"),
]


def client_path(house: House, more: str = "") -> str:
    return f"/admin/relationships/client/{house.brightwater.id}/{more}"


def test_every_page_fits_its_window_and_asks_nobody_else(visit: Visit, house: House) -> None:
    mias = [*(f"/admin/{path}" for path in LISTS), *(client_path(house, act) for act in ACTS)]

    def fit(paths: list[str]) -> None:
        for path in paths:
            visit.go(path)
            assert not visit.overflows(), path

    fit(mias)
    visit.be_narrow_and_dark()
    fit(mias)
    visit.page.context.clear_cookies()
    visit.sign_in(house.admin)
    fit([f"/admin/{path}" for path in ADMINISTRATORS])


def test_two_taps_log_an_exchange_and_say_what_moved(visit: Visit, house: House) -> None:
    visit.go(client_path(house))
    visit.page.get_by_text("They wrote", exact=True).click()
    visit.page.get_by_role("button", name="Save").click()

    visit.page.get_by_text(re.compile("Recorded. Brightwater Foods: Cooling → Active")).wait_for()


def test_an_exchange_can_be_logged_without_a_mouse(visit: Visit, house: House) -> None:
    visit.go(client_path(house, "exchange/"))
    page = visit.page
    page.get_by_role("radio", name="They wrote").focus()
    assert page.evaluate("getComputedStyle(document.activeElement.closest('label')).outlineStyle") != "none"
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("By keyboard alone.")
    page.get_by_role("button", name="Save").focus()
    page.keyboard.press("Enter")

    page.get_by_text("By keyboard alone.").wait_for()


def test_a_refused_form_keeps_its_words(visit: Visit, house: House) -> None:
    visit.go(client_path(house, "exchange/"))
    visit.page.get_by_label("In a few words").fill("Do not lose this.")
    visit.page.get_by_role("button", name="Save").click()

    visit.page.get_by_text("This field is required.").wait_for()
    assert visit.page.get_by_label("In a few words").input_value() == "Do not lose this."


def test_times_are_in_the_persons_zone_not_the_browsers(visit: Visit, house: House) -> None:
    visit.go(client_path(house, "exchange/"))

    assert "Europe/Berlin" in visit.page.content()
    shown = visit.page.get_by_label("When").input_value()
    visit.page.get_by_text("They wrote", exact=True).click()
    visit.page.get_by_role("button", name="Save").click()
    visit.page.get_by_text(re.compile("Recorded. Brightwater")).wait_for()
    assert shown[11:] in visit.page.locator(".rel-event[data-way=in] .rel-meta").first.inner_text()


def test_a_correction_is_recorded_from_a_telephone(visit: Visit, house: House) -> None:
    met = house.record("meeting_held", 50, mode="video", minutes=30)
    visit.be_narrow_and_dark()
    visit.go(client_path(house, f"events/{met}/correct/"))
    visit.page.get_by_label("Why").fill("It was in person.")
    visit.page.get_by_label("Mode").select_option("in_person")
    visit.page.get_by_role("button", name="Record the correction").click()

    visit.page.get_by_text("It was in person.").first.wait_for()
    assert not visit.overflows()


def test_a_sentence_leads_to_its_events(visit: Visit, house: House) -> None:
    visit.go(client_path(house))
    visit.page.locator(".rel-sentence a").first.click()
    visit.page.wait_for_load_state()

    target = visit.page.url.rpartition("#")[2]
    assert visit.page.locator(f"[id='{target}']").is_visible()
    assert visit.page.locator(".rel-health").first.inner_text() in ("New", "Active", "Cooling", "Dormant", "Ended")
