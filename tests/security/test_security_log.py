"""Who came in, was refused, changed rights: it stands in the log, with where from, and without secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError, transaction
from django.test import RequestFactory
from django.utils import timezone
from pytest_django import Settings

from accounts import security
from accounts.models import ApiKey, Organisation, RefusalWindow, SecurityEntry, User
from config.environment import networks
from config.logs import JsonFormatter
from tests.admin.conftest import PASSWORD, House, house, signed_in
from tests.api.caller import Caller
from tests.walls import Browser, runtime_role

__all__ = ["house", "signed_in"]  # fixtures
pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Browser]
HERE = "203.0.113.7"


@pytest.fixture
def browser() -> Browser:
    return Browser(REMOTE_ADDR=HERE)


def noted() -> list[tuple[str, str, str]]:
    return [(entry.kind, entry.actor, entry.about) for entry in SecurityEntry.objects.order_by("id")]


def test_signing_in_and_out_and_failing_to(house: House, browser: Browser) -> None:
    house.mia.set_password(PASSWORD)
    house.mia.save()
    mia = f"user:{house.mia.pk}"
    browser.post("/admin/login/", {"username": house.mia.email, "password": "quite wrong"})
    browser.post("/admin/login/", {"username": "nobody@x.example", "password": "quite wrong"})
    browser.post("/admin/login/", {"username": house.mia.email, "password": PASSWORD})
    browser.post("/admin/logout/")

    assert noted() == [("sign_in_failed", "", mia), ("signed_in", mia, ""), ("signed_out", mia, "")]
    entry = SecurityEntry.objects.get(kind="signed_in")
    assert (entry.address, entry.organisation_id) == (HERE, house.organisation.pk)
    assert entry.request_id
    assert RefusalWindow.objects.get(kind="sign_in_failed").refusals == 2


def test_changes_of_rights_say_what_they_are_now(house: House, signed_in: SignIn) -> None:
    form = {"email": house.tom.email, "name": "Tom", "role": "auditor", "team": "", "time_zone": "UTC"}
    signed_in(house.admin).post(f"/admin/accounts/user/{house.tom.pk}/change/", form)

    [entry] = SecurityEntry.objects.all()
    assert (entry.kind, entry.actor, entry.about) == (
        "rights_changed",
        f"user:{house.admin.pk}",
        f"user:{house.tom.pk}",
    )
    assert entry.details == {"role": "auditor", "is_active": False}


def test_passwords_and_keys(house: House, signed_in: SignIn) -> None:
    browser = signed_in(house.admin)
    passwords = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    browser.post(f"/admin/accounts/user/{house.tom.pk}/password/", passwords)
    browser.post("/admin/accounts/apikey/add/", {"name": "Secret plan", "scopes": ["*"], "team": "", "days": ""})
    key = ApiKey.objects.get()
    browser.post(f"/admin/accounts/apikey/{key.pk}/revoke/")
    ada, prefix = f"user:{house.admin.pk}", f"key:{key.prefix}"
    assert noted() == [
        ("password_changed", ada, f"user:{house.tom.pk}"),
        ("key_issued", ada, prefix),
        ("key_revoked", ada, prefix),
    ]
    assert "Secret plan" not in json.dumps(list(SecurityEntry.objects.values("details", "about")))


def test_keys_that_do_not_do_are_noted_with_the_reason_and_told_nothing_of_it(house: House) -> None:
    now = timezone.now()
    made: dict[str, tuple[ApiKey, str]] = {
        name: ApiKey.issue(organisation=house.organisation, name=name, scopes=["*"], now=now)
        for name in ("revoked", "expired", "wrong")
    }
    made["revoked"][0].revoke(now=now)
    ApiKey.objects.filter(name="expired").update(expires_at=now - timedelta(days=1))
    secrets = {name: secret for name, (_, secret) in made.items()}
    secrets["wrong"] += "x"
    details = set()
    for name, secret in secrets.items():
        RefusalWindow.objects.all().delete()
        refused = Caller(secret).get("/clients")
        assert (refused.status, refused.code) == (401, "unauthenticated")
        details.add(refused.body["detail"])
        entry = SecurityEntry.objects.latest("id")
        assert (entry.kind, entry.about) == ("key_refused", f"key:{made[name][0].prefix}")
        assert entry.details == {"reason": "wrong secret" if name == "wrong" else name}
        assert secret not in json.dumps(list(SecurityEntry.objects.values_list("details", flat=True)))
    assert len(details) == 1


def test_a_missing_scope_is_noted(house: House) -> None:
    key, secret = ApiKey.issue(organisation=house.organisation, name="r", scopes=["events:read"], now=timezone.now())
    assert Caller(secret).get("/clients").status == 403
    [entry] = SecurityEntry.objects.all()
    assert (entry.kind, entry.actor, entry.about) == ("access_refused", f"key:{key.prefix}", "GET /api/v1/clients")
    assert entry.details == {"scope": "clients:read"}


def test_a_screen_that_is_refused_is_noted(house: House, signed_in: SignIn) -> None:
    assert signed_in(house.mia).get("/admin/accounts/user/").status_code == 403
    assert noted() == [("access_refused", f"user:{house.mia.pk}", "GET /admin/accounts/user/")]


def test_a_flood_costs_a_few_entries_and_ends_in_429(house: House) -> None:
    with time_machine.travel(timezone.now().replace(second=5), tick=False):
        statuses = [Caller("rsk_000000000000_guess").get("/clients").status for _ in range(105)]
        refused = Caller("rsk_000000000000_guess").get("/clients")
        _, secret = ApiKey.issue(organisation=house.organisation, name="k", scopes=["*"], now=timezone.now())
        assert Caller(secret).get("/clients").status == 200
    assert statuses == [401] * 100 + [429] * 5
    assert refused.headers["Retry-After"] == "55"
    assert [entry.times for entry in SecurityEntry.objects.order_by("id")] == [1, 10, 100]


def test_guessing_over_many_logins_ends_and_is_not_evaded_by_a_forged_header(house: House, browser: Browser) -> None:
    house.mia.set_password(PASSWORD)
    house.mia.save()
    with time_machine.travel(timezone.now().replace(second=5), tick=False) as clock:
        for number in range(100):
            guess = {"username": f"person{number}@house.example", "password": "password1"}
            browser.post("/admin/login/", guess, headers={"X-Forwarded-For": f"198.51.100.{number}"})
        right = {"username": house.mia.email, "password": PASSWORD}
        assert browser.post("/admin/login/", right).status_code == 200
        clock.shift(60)
        assert browser.post("/admin/login/", right).status_code == 302


def test_guessing_at_one_login_ends(house: House, browser: Browser) -> None:
    house.mia.set_password(PASSWORD)
    house.mia.save()
    wrong = [
        browser.post("/admin/login/", {"username": house.mia.email, "password": f"wrong {number}"}).status_code
        for number in range(11)
    ]
    assert wrong[-1] in (403, 429)
    locked = browser.post("/admin/login/", {"username": house.mia.email, "password": PASSWORD})
    assert locked.status_code in (403, 429)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.9", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.9, 10.0.0.2", "198.51.100.9"),
        ("10.0.0.1", "not an address", "10.0.0.1"),
        ("::ffff:10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("", "198.51.100.9", ""),
    ],
)
def test_only_trusted_proxies_are_believed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, peer: str, forwarded: str, address: str
) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8")
    settings.TRUSTED_PROXIES = networks("TRUSTED_PROXIES")
    request = RequestFactory().get("/", REMOTE_ADDR=peer, headers={"X-Forwarded-For": forwarded} if forwarded else {})
    assert security.address_of(request) == address


def test_hosts_of_one_network_are_counted_together() -> None:
    assert security.network_of("2001:db8::7") == security.network_of("2001:db8::8") == "2001:db8::/64"
    assert security.network_of("203.0.113.7") == "203.0.113.7"


def test_entries_stay_and_go_after_their_time(house: House) -> None:
    now = timezone.now()
    security.note("exported", now=now, about="client:1")
    security.note("exported", now=now - security.KEPT - timedelta(days=1), about="client:2")
    with runtime_role():
        for change in (
            lambda: SecurityEntry.objects.update(kind="signed_in"),
            lambda: SecurityEntry.objects.all().delete(),
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                change()
        security.forget(now=now)
    assert [entry.about for entry in SecurityEntry.objects.all()] == ["client:1"]


def test_it_goes_out_as_a_line_of_the_log_too(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="security"):
        security.note("key_revoked", now=timezone.now(), actor="user:7", organisation_id=1, about="key:ab12")
    line = json.loads(JsonFormatter().format(caplog.records[-1]))
    assert line["message"] == "key revoked"
    assert (line["kind"], line["actor"], line["about"]) == ("key_revoked", "user:7", "key:ab12")


def test_the_screen_is_for_administrators_and_auditors_and_shows_their_organisation(
    house: House, signed_in: SignIn
) -> None:
    other = Organisation.objects.create(slug="other", name="Other")
    now = timezone.now()
    security.note("key_issued", now=now, organisation_id=house.organisation.pk, about="key:ours")
    security.note("key_issued", now=now, organisation_id=other.pk, about="key:theirs")
    path = "/admin/accounts/securityentry/"
    for user, status in ((house.admin, 200), (house.auditor, 200), (house.lead, 403), (house.mia, 403)):
        assert signed_in(user).get(path).status_code == status
    page = signed_in(house.auditor).get(path, {"q": "key:", "kind": "key_issued"}).content.decode()
    assert "key:ours" in page
    assert "key:theirs" not in page
