"""The screens of webhooks: made, looked at, tested, mended; for administrators alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from relationships import webhooks
from relationships.models.webhooks import WebhookDelivery, WebhookEndpoint
from tests.admin.conftest import House
from tests.webhooks.receiver import Receiver, receiving

LIST = "/admin/relationships/webhookendpoint/"
SignIn = Callable[[User], Browser]


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW_HOSTS = ["127.0.0.1"]
    with receiving() as told:
        yield told


@pytest.fixture
def ada(house: House, signed_in: SignIn) -> Browser:
    return signed_in(house.admin)


def make(browser: Browser, receiver: Receiver, **more: object) -> str:
    given = {"url": receiver.url, "kinds": ["event.recorded"], "description": "The CRM", **more}
    made = browser.post(f"{LIST}new/", given)
    assert made.status_code == 200, made.content
    found = re.search(r'id="secret">(whsec_[^<]+)<', made.content.decode())
    assert found
    assert "no-store" in made.headers["Cache-Control"]
    return found[1]


def send_all() -> None:
    sender = webhooks.Sender(threads=2)
    sender.turn(now=timezone.now())
    sender.close(now=timezone.now())


def test_an_endpoint_is_made_and_its_secret_shown_once(ada: Browser, receiver: Receiver) -> None:
    secret = make(ada, receiver)
    id = WebhookEndpoint.objects.get().pk
    for path in (LIST, f"{LIST}{id}/", f"{LIST}{id}/change/"):
        page = ada.get(path).content.decode()
        assert "The CRM" in page
        assert secret[6:30] not in page
    assert f"…{secret[-5:-1]}" in ada.get(f"{LIST}{id}/").content.decode()


def test_what_is_wrong_is_said_at_its_field(ada: Browser, receiver: Receiver) -> None:
    refused = ada.post(f"{LIST}new/", {"url": "http://10.0.0.1/", "kinds": ["event.recorded"]})
    assert refused.status_code == 422
    assert "begins with https://" in refused.content.decode()
    assert WebhookEndpoint.objects.count() == 0


def test_deliveries_are_seen_sent_again_and_skipped(house: House, ada: Browser, receiver: Receiver) -> None:
    make(ada, receiver)
    at = f"{LIST}{WebhookEndpoint.objects.get().pk}/"
    receiver.answers = [500]
    house.record("note_added", 1, "A word in private.")
    house.record("note_added", 1, "Another.")
    send_all()
    page = ada.get(at).content.decode()
    assert "answered 500" in page
    assert "private" not in page
    first = WebhookDelivery.objects.get(number=1)
    assert ada.post(f"{at}{first.pk}/replay/").status_code == 302
    send_all()
    assert WebhookDelivery.objects.get(number=1).state == "delivered"
    second = WebhookDelivery.objects.get(number=2)
    assert ada.post(f"{at}{second.pk}/skip/").status_code == 302
    assert "skipped" in ada.get(f"{at}?state=skipped").content.decode()
    assert ada.get(f"{at}?cursor=nonsense").status_code == 404


def test_the_buttons_do_what_they_say(ada: Browser, receiver: Receiver) -> None:
    secret = make(ada, receiver)
    at = f"{LIST}{WebhookEndpoint.objects.get().pk}/"
    receiver.answers = [200, 500]
    assert "The test arrived" in ada.post(f"{at}test/", follow=True).content.decode()
    assert "did not arrive: answered 500" in ada.post(f"{at}test/", follow=True).content.decode()
    assert "Nothing is sent since" in ada.post(f"{at}switch/", {"enabled": "no"}, follow=True).content.decode()
    assert "Switched on" in ada.post(f"{at}switch/", {"enabled": "yes"}, follow=True).content.decode()
    assert "0 parked" in ada.post(f"{at}replay/", follow=True).content.decode()
    renewed = ada.post(f"{at}rotate/").content.decode()
    assert "whsec_" in renewed
    assert secret not in renewed
    saved = {"url": receiver.url, "kinds": ["report.ready"], "description": "Reports"}
    assert "Reports" in ada.post(f"{at}change/", saved, follow=True).content.decode()
    assert "told nothing any more" in ada.post(f"{at}retire/", follow=True).content.decode()
    assert ada.get(at).status_code == 404


def test_nothing_is_done_by_looking(ada: Browser, receiver: Receiver) -> None:
    make(ada, receiver)
    at = f"{LIST}{WebhookEndpoint.objects.get().pk}/"
    assert [ada.get(f"{at}{act}/").status_code for act in ("test", "switch", "replay", "rotate", "retire")] == [405] * 5


def test_nobody_but_administrators_gets_there(
    house: House, ada: Browser, receiver: Receiver, signed_in: SignIn
) -> None:
    make(ada, receiver)
    at = f"{LIST}{WebhookEndpoint.objects.get().pk}/"
    for user in (house.lead, house.mia, house.auditor):
        browser = signed_in(user)
        assert browser.get(LIST).status_code == 403
        assert browser.get(at).status_code == 403
        assert browser.post(f"{at}test/").status_code == 403
        assert "Webhooks" not in browser.get(reverse("admin:index")).content.decode()
    assert receiver.got == []
