"""What needs no key: health, metrics, the page of documents; and the sessions of people."""

from __future__ import annotations

import re
from datetime import timedelta
from unittest import mock

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import OperationalError
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from accounts.models import User
from accounts.roles import Role
from relationships.models.reports import Heartbeat
from relationships.queries import ClientRow
from tests.api.caller import Caller
from tests.commands.cast import Cast
from tests.walls import Browser


def test_a_living_process_says_so_without_its_database() -> None:
    assert Caller().get("/health/live").body == {"status": "live"}


@pytest.mark.django_db
def test_ready_names_what_is_wrong() -> None:
    ready = Caller().get("/health/ready")
    assert (ready.status, ready.body["status"]) == (200, "ready")
    assert ready.body["checks"] == {"database": "ok", "migrations": "ok", "worker": "has not run yet", "webhooks": "ok"}
    Heartbeat.objects.create(name="tick", at=timezone.now())
    assert Caller().get("/health/ready").body["checks"]["worker"] == "ok"
    Heartbeat.objects.update(at=timezone.now() - timedelta(minutes=5))
    assert Caller().get("/health/ready").body["checks"]["worker"].startswith("silent since")


@pytest.mark.django_db
def test_without_its_database_or_its_tables_nothing_is_ready() -> None:
    with mock.patch("relationships.api.views.service.connection.cursor", side_effect=OperationalError("secret")):
        ready = Caller().get("/health/ready")
    assert (ready.status, ready.body["checks"]) == (503, {"database": "does not answer (OperationalError)"})
    with mock.patch("relationships.api.views.service.MigrationExecutor") as executor:
        executor.return_value.migration_plan.return_value = [object()]
        ready = Caller().get("/health/ready")
    assert (ready.status, ready.body["checks"]["migrations"]) == (503, "1 not applied: run manage.py migrate")


def test_metrics_can_be_read_by_prometheus(api: Caller, bakery: ClientRow) -> None:
    Heartbeat.objects.create(name="tick", at=timezone.now())
    text = Caller().get("/metrics").raw.decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["relationships_events"].samples[0].value == 1
    assert families["relationships_heartbeat_age_seconds"].samples[0].labels == {"job": "tick"}
    assert "Nordlicht" not in text


def test_the_page_of_documents_needs_nothing_from_elsewhere_and_nothing_inline() -> None:
    page = Browser().get("/api/docs")
    html = page.content.decode()
    assert page.status_code == 200
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", html)
    addresses = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert len(addresses) == 6
    assert not [address for address in addresses if address.startswith(("http", "//"))]
    for address in addresses:
        if address.startswith(f"/{settings.STATIC_URL.strip('/')}/"):
            assert finders.find(address.split("/", 2)[2]), address
        else:
            script = Browser().get(address)
            assert script.headers["Content-Type"].startswith("application/javascript")
            assert b"/api/schema" in script.content
    assert "unsafe" not in page.headers["Content-Security-Policy"]


# ---------------------------------------------------------------------- people


def signed_in(cast: Cast, role: Role, *, csrf: bool = False) -> Caller:
    user = User.objects.filter(role=role).first()
    if user is None:
        cast.user(role.value.title(), role)
        user = User.objects.get(role=role)
    caller = Caller(browser=Browser(raise_request_exception=False, enforce_csrf_checks=csrf))
    caller.browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return caller


def test_a_signed_in_person_sees_their_own_clients(cast: Cast, bakery: ClientRow) -> None:
    mia = cast.user("Mia", Role.ACCOUNT_MANAGER)
    own = cast.client("Harbour Joinery", by=mia)
    manager = signed_in(cast, Role.ACCOUNT_MANAGER)
    assert [client["id"] for client in manager.get("/clients").body["data"]] == [own.id]
    assert manager.get(f"/clients/{bakery.id}").code == "not_found"
    assert len(signed_in(cast, Role.AUDITOR).get("/clients").body["data"]) == 2


def test_an_auditor_reads_and_nothing_else(cast: Cast, bakery: ClientRow) -> None:
    auditor = signed_in(cast, Role.AUDITOR)
    refused = auditor.post("/clients", {"name": "X"})
    assert (refused.status, refused.code) == (403, "missing_scope")


def test_a_change_by_a_browser_needs_its_csrf_token(cast: Cast) -> None:
    browser = signed_in(cast, Role.ADMINISTRATOR, csrf=True)
    assert browser.get("/clients").status == 200
    refused = browser.post("/clients", {"name": "X"})
    assert (refused.status, refused.code) == (403, "forbidden")


def test_a_person_who_was_switched_off_is_out_at_once(cast: Cast) -> None:
    browser = signed_in(cast, Role.ADMINISTRATOR)
    assert browser.get("/clients").status == 200
    User.objects.update(is_active=False)
    assert browser.get("/clients").status in (401, 403)
