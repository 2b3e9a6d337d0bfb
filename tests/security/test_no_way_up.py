"""No screen and no request gives anybody a right that they have not (safety: E03, E04, E07)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import ApiKey, User
from tests.admin.conftest import PASSWORD, House, house, signed_in
from tests.api.caller import Caller
from tests.walls import Browser

__all__ = ["house", "signed_in"]  # fixtures
pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Browser]
FORBIDDEN = (
    "/admin/accounts/user/",
    "/admin/accounts/user/add/",
    "/admin/accounts/user/{admin}/change/",
    "/admin/accounts/user/{admin}/password/",
    "/admin/accounts/user/{admin}/history/",
    "/admin/accounts/user/{admin}/delete/",
    "/admin/accounts/user/{own}/change/",
    "/admin/accounts/user/add/?_popup=1&_to_field=id",
    "/admin/accounts/user/?_to_field=password&_popup=1",
    "/admin/accounts/team/add/",
    "/admin/accounts/apikey/",
    "/admin/accounts/apikey/add/",
    "/admin/accounts/securityentry/",
    "/admin/relationships/event/",
    "/admin/django_q/schedule/",
)


def rights(user: User) -> tuple[object, ...]:
    user.refresh_from_db()
    return user.role, user.team_id, user.is_active, user.is_staff, user.is_superuser, user.password


@pytest.mark.parametrize("who", ["mia", "lead", "auditor"])
def test_screens_that_give_rights_are_closed(house: House, signed_in: SignIn, who: str) -> None:
    user: User = getattr(house, who)
    browser, before, admins = signed_in(user), rights(user), rights(house.admin)
    attempt = {
        "email": user.email, "name": user.name, "role": "administrator", "team": "", "time_zone": "UTC",
        "is_active": "on", "is_superuser": "on", "password1": PASSWORD, "password2": PASSWORD,
        "action": "delete_selected", "scopes": "*", "_selected_action": str(house.admin.pk), "post": "yes",
    }  # fmt: skip
    for template in FORBIDDEN:
        path = template.format(admin=house.admin.pk, own=user.pk)
        open_to_auditors = who == "auditor" and path in (
            "/admin/accounts/securityentry/",
            "/admin/relationships/event/",
        )
        for answer in (browser.get(path), browser.post(path, attempt)):
            if not open_to_auditors:
                assert answer.status_code in (302, 403, 404, 405), (path, answer.status_code)
                assert answer.status_code != 302 or "/login/" not in answer["Location"]
    assert rights(user) == before
    assert rights(house.admin) == admins
    assert not ApiKey.objects.exists()
    assert User.objects.filter(is_superuser=True).count() == 0


def test_an_administrator_cannot_make_an_operator_or_act_elsewhere(house: House, signed_in: SignIn) -> None:
    browser = signed_in(house.admin)
    form = {
        "email": house.tom.email, "name": "Tom", "role": "account_manager", "team": "", "time_zone": "UTC",
        "is_active": "on", "is_superuser": "on", "is_staff": "on", "organisation": "1", "user_permissions": "1",
    }  # fmt: skip
    browser.post(f"/admin/accounts/user/{house.tom.pk}/change/", form)
    house.tom.refresh_from_db()
    assert not house.tom.is_superuser
    assert house.tom.organisation_id == house.organisation.pk
    assert browser.get("/admin/accounts/user/?password__startswith=a").status_code == 400
    assert browser.get("/admin/accounts/user/?_to_field=password&_popup=1").status_code == 400
    assert browser.post(
        "/admin/accounts/user/", {"action": "delete_selected", "_selected_action": str(house.tom.pk), "post": "yes"}
    ).status_code in (200, 302)
    assert User.objects.filter(pk=house.tom.pk).exists()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/clients", {"name": "A", "team": "north"}),
        ("POST", "/clients", {"name": "A", "stage": "symbiosis"}),
        ("POST", "/clients", {"name": "A", "organisation": 2, "id": "019784b1-75c0-733a-be53-23ff013b924e"}),
        ("PATCH", "/clients/{client}", {"reached": "symbiosis"}),
        ("POST", "/clients/{client}/events", {"type": "note_added", "recorded_at": "2020-01-01T00:00:00Z"}),
        ("POST", "/clients/{client}/events", {"type": "note_added", "position": 1}),
        ("POST", "/clients/{client}/events", {"type": "note_added", "recorded_by": "user:1"}),
        ("POST", "/clients/{client}/events", {"type": "note_added", "data": {"is_staff": True}}),
        ("POST", "/contacts", {"client": "{client}", "name": "A", "erased_at": None, "ledger": 2}),
    ],
)
def test_fields_that_are_not_the_callers_are_refused(
    house: House, method: str, path: str, body: dict[str, Any]
) -> None:
    _, secret = ApiKey.issue(organisation=house.organisation, name="k", scopes=["*"], now=timezone.now())
    client = house.brightwater.id
    if "type" in body:
        body = {"occurred_at": timezone.now().isoformat(), "data": {}, **body}
    if "client" in body:
        body = {**body, "client": client}
    answer = Caller(secret).send(method, path.format(client=client), body, If_Match='"v1"')
    assert answer.status == 400
    assert answer.faults


def in_session(browser: Browser) -> int:
    return int(browser.get("/admin/").status_code)


def test_old_cookies_are_dead_at_once(house: House, signed_in: SignIn) -> None:
    signed_out, changed, switched_off = signed_in(house.mia), signed_in(house.tom), signed_in(house.lead)
    cookie = signed_out.cookies["sessionid"].value
    assert {in_session(browser) for browser in (signed_out, changed, switched_off)} == {200}

    signed_out.post("/admin/logout/")
    signed_out.cookies["sessionid"] = cookie
    house.tom.set_password(PASSWORD)
    house.tom.save()
    User.objects.filter(pk=house.lead.pk).update(is_active=False)

    assert {in_session(browser) for browser in (signed_out, changed, switched_off)} == {302}
    assert changed.get("/api/v1/clients").status_code == 401


def test_a_session_gets_another_id_at_sign_in(house: House) -> None:
    house.mia.set_password(PASSWORD)
    house.mia.save()
    browser = Browser(REMOTE_ADDR="203.0.113.9")
    browser.cookies["sessionid"] = "chosenbytheattacker0000000000000"
    browser.post("/admin/login/", {"username": house.mia.email, "password": PASSWORD})
    assert browser.cookies["sessionid"].value != "chosenbytheattacker0000000000000"


def test_old_keys_are_dead_at_once(house: House) -> None:
    now = timezone.now()
    key, secret = ApiKey.issue(
        organisation=house.organisation, name="k", scopes=["*"], now=now, expires_at=now + timedelta(days=1)
    )
    assert Caller(secret).get("/clients").status == 200
    key.revoke(now=now)
    assert Caller(secret).get("/clients").status == 401
    assert Caller().get("/clients", key=secret).status == 401
