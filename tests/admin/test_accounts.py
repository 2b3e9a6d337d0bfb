"""People, teams and keys: who is let in, and that a key's secret is shown once."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.test import Client as Browser
from django.utils import timezone

from accounts.models import ApiKey, Organisation, User
from accounts.roles import Role
from relationships.models.roster import Colleague
from tests.admin.conftest import PASSWORD, House

SignIn = Callable[[User], Browser]
KEYS = "/admin/accounts/apikey/"
NEW = {
    "email": "Kim@House.Example",
    "name": "Kim",
    "role": "account_manager",
    "team": "",
    "time_zone": "Europe/Oslo",
    "usable_password": "true",
    "password1": PASSWORD,
    "password2": PASSWORD,
}


def test_one_signs_in_by_address_and_lands_at_home(house: House) -> None:
    house.mia.set_password(PASSWORD)
    house.mia.save()
    browser = Browser()

    answer = browser.post(
        "/admin/login/", {"username": house.mia.email, "password": PASSWORD}, follow=True, REMOTE_ADDR="127.0.0.1"
    )

    assert answer.status_code == 200
    assert "Brightwater Foods" in answer.content.decode()


def test_the_secret_is_shown_once_and_works(house: House, signed_in: SignIn) -> None:
    browser = signed_in(house.admin)
    answer = browser.post(f"{KEYS}add/", {"name": "Mail bridge", "scopes": ["events:write"], "team": "", "days": "30"})
    found = re.search(r"rsk_[\w-]+", answer.content.decode())

    assert found is not None
    assert "no-store" in answer["Cache-Control"]
    key = ApiKey.authenticate(found[0], now=timezone.now())
    assert key is not None
    assert key.scopes == ["events:write"]
    for path in (KEYS, f"{KEYS}{key.pk}/change/"):
        assert found[0] not in browser.get(path).content.decode()


def test_a_key_without_scopes_is_refused_and_the_name_kept(house: House, signed_in: SignIn) -> None:
    answer = signed_in(house.admin).post(f"{KEYS}add/", {"name": "Mail bridge", "team": "", "days": ""})

    assert answer.status_code == 422
    assert "Mail bridge" in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked_by_post_only(house: House, signed_in: SignIn) -> None:
    key, secret = ApiKey.issue(organisation=house.organisation, name="Old", scopes=["*"], now=timezone.now())
    browser = signed_in(house.admin)

    assert browser.get(f"{KEYS}{key.pk}/revoke/").status_code == 405
    assert browser.post(f"{KEYS}{key.pk}/revoke/").status_code == 302
    assert ApiKey.authenticate(secret, now=timezone.now()) is None


def test_another_organisations_people_and_keys_do_not_exist(house: House, signed_in: SignIn) -> None:
    other = Organisation.objects.create(slug="other", name="Other")
    stranger = User.objects.create_user("eve@other.example", organisation=other, name="Eve", role=Role.ADMINISTRATOR)
    key, _ = ApiKey.issue(organisation=other, name="Theirs", scopes=["*"], now=timezone.now())
    browser = signed_in(house.admin)

    assert "eve@other.example" not in browser.get("/admin/accounts/user/").content.decode()
    assert browser.get(f"/admin/accounts/user/{stranger.pk}/change/").status_code == 302
    assert browser.get(f"/admin/accounts/user/{stranger.pk}/password/").status_code in (302, 404)
    assert browser.get(f"{KEYS}{key.pk}/change/").status_code == 404
    assert browser.post(f"{KEYS}{key.pk}/revoke/").status_code == 404


def test_a_new_login_becomes_the_login_of_the_colleague_with_its_address(house: House, signed_in: SignIn) -> None:
    house.record("call_held", 1, channel="phone", our_people=["kim@house.example"])
    answer = signed_in(house.admin).post("/admin/accounts/user/add/", NEW)

    kim = User.objects.get(email="kim@house.example")
    assert answer.status_code == 302
    assert kim.organisation == house.organisation
    assert kim.check_password(PASSWORD)
    assert Colleague.objects.get(email="kim@house.example").user_id == kim.pk


def test_a_team_lead_without_a_team_is_refused(house: House, signed_in: SignIn) -> None:
    answer = signed_in(house.admin).post("/admin/accounts/user/add/", {**NEW, "role": "team_lead"})

    assert answer.status_code == 200
    assert "A team lead needs a team." in answer.content.decode()


def test_an_administrator_cannot_take_over_an_operator(house: House, signed_in: SignIn) -> None:
    operator = User.objects.create_superuser("op@house.example", name="Op", organisation=house.organisation)

    assert (
        signed_in(house.admin)
        .post(f"/admin/accounts/user/{operator.pk}/password/", {"password1": PASSWORD, "password2": PASSWORD})
        .status_code
        == 403
    )


def test_nobody_switches_themselves_off(house: House, signed_in: SignIn) -> None:
    form = {"email": house.admin.email, "name": "Ada L", "role": "auditor", "team": "", "time_zone": "UTC"}
    signed_in(house.admin).post(f"/admin/accounts/user/{house.admin.pk}/change/", form)

    house.admin.refresh_from_db()
    assert (house.admin.name, house.admin.role, house.admin.is_active) == ("Ada L", Role.ADMINISTRATOR, True)
