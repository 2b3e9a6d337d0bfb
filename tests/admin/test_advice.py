"""What to do next, on the home page and a client's page: suggested, put off and shown again, done."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client as Browser

from accounts.models import User
from accounts.roles import principal_of_user
from relationships import commands, projections, queries
from relationships.admin.advice import LOOKS, RULES_IN_WORDS
from relationships.domain.actions import RANKS
from relationships.management import findings
from relationships.models.projections import Generation
from relationships.models.suggestions import Suggestion
from tests.admin.conftest import ANN, House

SignIn = Callable[[User], Browser]


@pytest.fixture
def overdue(house: House) -> str:
    return house.record("question_asked", 6, channel="email", contacts=[ANN])


def shown(browser: Browser, path: str = "") -> str:
    return browser.get(f"/admin/{path}").content.decode()


def test_every_rule_has_a_look_and_words() -> None:
    assert set(LOOKS) == set(RANKS) == set(RULES_IN_WORDS)


def test_an_overdue_question_is_on_the_home_page_until_it_is_answered(
    house: House, signed_in: SignIn, overdue: str
) -> None:
    browser = signed_in(house.mia)
    page = shown(browser)
    assert "is still open: answer it." in page
    answer = re.search(r'href="([^"]*exchange/\?kind=our_answer[^"]*)"', page)
    assert answer is not None
    assert browser.get(answer[1].replace("&amp;", "&")).status_code == 200
    house.record("question_answered", 0, channel="email", contacts=[ANN], in_reply_to=overdue)
    assert "is still open: answer it." not in shown(browser)


def test_not_now_is_kept_for_one_person_and_undone(house: House, signed_in: SignIn, overdue: str) -> None:
    browser = signed_in(house.mia)
    address = re.search(r'action="([^"]*/not-now/[^"]*)"', shown(browser))
    assert address is not None
    back = browser.post(address[1], {"days": "7", "back": "/admin/"}, follow=True)
    page = back.content.decode()
    assert "comes back in 7 days" in page
    assert "1 put off" in page
    assert "Show again" in page
    assert "is still open: answer it." in shown(signed_in(house.admin)), "others see it still"
    browser = signed_in(house.mia)
    page = browser.post(address[1], {"days": "0", "back": "/admin/"}, follow=True).content.decode()
    assert "is shown again" in page
    assert "put off</summary>" not in page


def test_not_now_leads_nowhere_else_and_takes_no_nonsense(house: House, signed_in: SignIn, overdue: str) -> None:
    browser = signed_in(house.mia)
    address = re.search(r'action="([^"]*/not-now/[^"]*)"', shown(browser))
    assert address is not None
    assert browser.get(address[1]).status_code == 405
    assert browser.post(address[1], {"days": "9999"}).status_code == 404
    assert browser.post(address[1], {"days": "1", "back": "https://evil.example/"}).headers["Location"] == "/admin/"
    assert signed_in(house.tom).post(address[1], {"days": "1"}, follow=True).status_code == 200
    assert not Suggestion.objects.filter(person=principal_of_user(house.tom).label).exists()


def test_the_client_page_tells_what_to_do_and_who_knows_whom(house: House, signed_in: SignIn, overdue: str) -> None:
    house.record("meeting_held", 30, mode="in_person", contacts=[ANN], our_people=[house.mia.email])
    page = shown(signed_in(house.mia), f"relationships/client/{house.brightwater.id}/")
    assert "What to do next" in page
    assert "Who knows whom" in page
    assert "Ann Lee" in page
    hidden = shown(signed_in(house.auditor), f"relationships/client/{house.brightwater.id}/")
    assert "Ann Lee" not in hidden


def test_suggestions_are_counted_by_rule(house: House, signed_in: SignIn, overdue: str) -> None:
    browser = signed_in(house.mia)
    assert "Nothing has been suggested yet." in shown(browser, "relationships/suggestion/")
    shown(browser)
    shown(browser)
    house.record("question_answered", 0, channel="email", contacts=[ANN], in_reply_to=overdue)
    commands.close_suggestions(now=house.now + timedelta(minutes=1))
    page = shown(browser, "relationships/suggestion/")
    assert "Answer a question past its target" in page
    assert "1 of 1" in page


def test_a_hand_over_is_listed(house: House, signed_in: SignIn) -> None:
    browser = signed_in(house.mia)
    assert "No client is passing" in shown(browser, "relationships/suggestion/hand-overs/")
    house.record("handover_started", 12)
    page = shown(browser, "relationships/suggestion/hand-overs/")
    assert "No meeting without the former owner for 12 days" in page


def test_read_tables_of_another_release_are_told_and_made_anew(house: House, overdue: str) -> None:
    """A fold that another release saved is not gone on from: the whole history is folded instead."""
    generation = Generation.objects.get(state="live")
    Generation.objects.update(shape=0)
    assert projections.outdated() == [generation.ledger_id]
    assert not findings.read_tables().ok
    principal = principal_of_user(house.admin)
    before = queries.stage(principal, house.brightwater.id, now=house.now)
    projections.rebuild(generation.ledger_id, now=house.now)
    assert findings.read_tables().ok
    assert queries.stage(principal, house.brightwater.id, now=house.now).sentence == before.sentence
