"""The screens about policies: for administrators, from a draft in a form to an adoption and back."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser

from accounts.models import User
from accounts.roles import Principal, principal_of_user
from relationships import queries
from relationships.admin.policies import DraftForm
from relationships.commands import policies
from relationships.domain.policy import DEFAULT_POLICY
from relationships.domain.policy_words import WORDS
from tests.admin.conftest import House

SignIn = Callable[[User], Browser]
LIST = "/admin/relationships/policyversion/"


def filled(**changed: str) -> dict[str, Any]:
    """The form as it stands, with some of it typed over; names with __ for /."""
    form = DraftForm(DEFAULT_POLICY.to_dict())
    typed = {name: form[name].initial for name in WORDS} | {"name": "Shorter", "reason": "We notice late."}
    return typed | {f"/{name.replace('__', '/')}": value for name, value in changed.items()}


def shorter(browser: Browser) -> str:
    made = browser.post(f"{LIST}new/", filled(met_keep="50", helped_keep="30", conversing_keep="30", grace="1"))
    assert made.status_code == 302, re.findall(r"errorlist.*?</ul>", made.content.decode())
    return str(made["Location"])


def text(browser: Browser, path: str) -> str:
    page = browser.get(path)
    assert page.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).split())


def test_they_are_for_administrators(house: House, signed_in: SignIn) -> None:
    for user in (house.lead, house.mia, house.auditor):
        for path in ("", "new/", "1/", "1/preview/", "1/adopt/"):
            assert signed_in(user).get(LIST + path).status_code == 403, (user, path)
            assert signed_in(user).post(LIST + path, {}).status_code == 403, (user, path)
        assert LIST not in signed_in(user).get("/admin/").content.decode()
    browser = signed_in(house.admin)
    assert LIST in browser.get("/admin/").content.decode()
    for path in ("", "new/", "1/", "1/adopt/"):
        assert browser.get(LIST + path).status_code == 200, path
    for path in ("9/", "9/preview/", "9/adopt/", "new/?from=9", "new/?from=x"):
        assert browser.get(LIST + path).status_code == 404, path


def test_a_draft_is_made_previewed_adopted_and_rolled_back(house: House, signed_in: SignIn) -> None:
    browser = signed_in(house.admin)
    version = shorter(browser)
    assert version == f"{LIST}2/"
    told = text(browser, version)
    assert "Met stays: 50 days instead of 365 days." in told
    looked = browser.post(f"{version}preview/")
    told = text(browser, looked["Location"])
    assert "1 of 2 clients would stand elsewhere: 1 on another stage, 1 of them lower" in told
    assert "Met → Found" in told
    assert "Brightwater Foods went from" in told
    assert f"/admin/relationships/client/{house.brightwater.id}/" in browser.get(looked["Location"]).content.decode()
    assert "Nothing has changed" not in text(browser, f"{LIST}1/")
    adopted = browser.post(f"{version}adopt/", {"reason": "Agreed."}, follow=True)
    assert "Version 2 is in force." in adopted.content.decode()
    told = text(browser, LIST)
    assert "In force" in told
    assert "Adopted formerly" in told
    assert queries.stage(queries_principal(house), house.brightwater.id, now=house.now).stage == "found"
    assert "Roll back" in text(browser, f"{LIST}1/adopt/")
    browser.post(f"{LIST}1/adopt/", {"reason": ""})
    assert queries.stage(queries_principal(house), house.brightwater.id, now=house.now).stage == "met"


def queries_principal(house: House) -> Principal:
    return principal_of_user(house.admin)


@pytest.mark.parametrize(
    ("typed", "name", "words"),
    [
        ({"met_keep": "soon"}, "/met_keep", "This is not a number."),
        ({"met_keep": "-4"}, "/met_keep", "-4.0 is not between 0.001 and 36500."),
        ({"tiers__key__window": "100"}, "/tiers/key/window", "one act would cover a whole gap"),
        ({"bridging_posts": "2,5"}, "/bridging_posts", "2.5 is not a whole number."),
        ({"met_keep": ""}, "/met_keep", "This field is required."),
        ({"met_keep": "nan"}, "/met_keep", "nan is not a number."),
        ({}, None, "With these changes it would be the same as version 1."),
    ],
)
def test_what_does_not_fit_is_said_at_its_field_and_nothing_typed_is_lost(
    house: House, signed_in: SignIn, typed: dict[str, str], name: str | None, words: str
) -> None:
    browser = signed_in(house.admin)
    page = browser.post(f"{LIST}new/", filled(**typed, **({"grace": "12"} if typed else {})))
    html = page.content.decode()
    assert page.status_code == 422
    assert words in html.replace("&#x27;", "'")
    if name is not None:
        field = html[html.index(f'name="{name}"') :]
        assert words in field[: field.index("</div>")]
        assert re.search(r'name="/grace"[^>]*value="12"|value="12"[^>]*name="/grace"', html)
    assert "We notice late." in html
    assert len(queries.policies(queries_principal(house)).rows) == 1


def test_what_takes_long_shows_how_far_it_is(house: House, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "AT_ONCE", 0)
    browser = signed_in(house.admin)
    version = shorter(browser)
    looked = browser.post(f"{version}preview/")
    assert re.search(r"0 of \d+ events worked through", text(browser, looked["Location"]))
    assert "comes into force when" in browser.post(f"{version}adopt/", {}, follow=True).content.decode()
    assert "Version 2 is coming into force" in text(browser, LIST)
    again = browser.post(f"{version}adopt/", {})
    assert (again.status_code, "is under way" in again.content.decode()) == (422, True)


def test_the_one_in_force_is_not_adopted_again(house: House, signed_in: SignIn) -> None:
    page = signed_in(house.admin).post(f"{LIST}1/adopt/", {})
    assert (page.status_code, "is in force already" in page.content.decode()) == (422, True)
