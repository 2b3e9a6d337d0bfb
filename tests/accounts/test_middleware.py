from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.utils import timezone

from accounts.models import Organisation, User
from accounts.roles import Role

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def who_and_when(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.user.is_authenticated} {timezone.localtime(NOON):%H:%M}")


urlpatterns = [path("who", who_and_when)]


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def browser(clock: time_machine.Traveller) -> Client:
    organisation = Organisation.objects.create(slug="harbour", name="Harbour")
    user = User.objects.create_user(
        "ada@harbour.example", organisation=organisation, name="Ada", role=Role.AUDITOR, time_zone="Europe/Berlin"
    )
    client = Client()
    client.force_login(user)
    return client


def test_times_are_shown_in_ones_own_zone_and_else_in_utc(browser: Client) -> None:
    assert browser.get("/who").content == b"True 14:00"
    assert Client().get("/who").content == b"False 12:00"


def test_a_session_ends_an_hour_after_its_last_request(browser: Client, clock: time_machine.Traveller) -> None:
    for _ in range(3):
        clock.shift(59 * 60)
        assert browser.get("/who").content.startswith(b"True")
    clock.shift(61 * 60)
    assert browser.get("/who").content.startswith(b"False")


def test_a_session_ends_twelve_hours_after_it_began_however_busy(
    browser: Client, clock: time_machine.Traveller
) -> None:
    answers = []
    browser.get("/who")
    for _ in range(25):
        clock.shift(30 * 60)
        answers.append(browser.get("/who").content.startswith(b"True"))
    assert answers == [True] * 24 + [False]


def test_requests_within_a_minute_do_not_write_the_session_again(
    browser: Client, clock: time_machine.Traveller, django_assert_num_queries: object
) -> None:
    browser.get("/who")
    clock.shift(30)
    with django_assert_num_queries(2):  # type: ignore[operator]  # the session and the user
        browser.get("/who")
