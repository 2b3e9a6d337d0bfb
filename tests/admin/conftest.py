"""An organisation with one person of each role and a client that has a little history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Organisation, Team, User
from accounts.roles import Role, principal_of_user
from relationships import commands
from relationships.queries.rows import ClientRow
from tests.walls import Browser

PASSWORD = "a long enough word"
ANN = {"platform": "email", "handle": "ann@brightwater.example", "name": "Ann Lee"}


@dataclass
class House:
    """Who is there. `brightwater` is Mia's client; `elsewhere` is nobody's."""

    organisation: Organisation
    admin: User
    lead: User
    mia: User
    tom: User
    auditor: User
    brightwater: ClientRow
    elsewhere: ClientRow
    now: datetime

    def record(self, type: str, days_ago: float, text: str | None = None, **data: object) -> str:
        """Records an event of Brightwater's, so many days ago, by Mia; answers its id."""
        item = {"type": type, "occurred_at": self.now - timedelta(days=days_ago), "text": text, "data": data}
        made = commands.record_event(principal_of_user(self.mia), self.brightwater.id, item, now=self.now)
        return made.event.event_id


@pytest.fixture
def house(db: None) -> House:
    now = timezone.now()
    organisation = commands.create_organisation("default", "Our House", now=now)
    team = Team.objects.create(organisation=organisation, slug="north", name="North")

    def person(name: str, role: str, **more: Any) -> User:
        return User.objects.create_user(
            f"{name.lower()}@house.example",
            organisation=organisation,
            name=name,
            role=role,
            time_zone="Europe/Berlin",
            **more,
        )

    admin = person("Ada", Role.ADMINISTRATOR)
    lead = person("Lea", Role.TEAM_LEAD, team=team)
    mia = person("Mia", Role.ACCOUNT_MANAGER, team=team)
    tom = person("Tom", Role.ACCOUNT_MANAGER)
    auditor = person("Aud", Role.AUDITOR)
    long_ago = now - timedelta(days=400)
    ours, _ = commands.register_client(
        principal_of_user(admin), name="Brightwater Foods", owner=mia.email, now=long_ago
    )
    other, _ = commands.register_client(principal_of_user(admin), name="Elsewhere Ltd", now=long_ago)
    made = House(organisation, admin, lead, mia, tom, auditor, ours, other, now)
    made.record("question_asked", 120, "How long do you take to deliver?", channel="email", contacts=[ANN])
    made.record("question_answered", 119, "Two days.", channel="email", contacts=[ANN], our_people=[mia.email])
    made.record("meeting_held", 100, mode="in_person", contacts=[ANN], our_people=[mia.email], outcome="next_step")
    made.record("message_sent", 90, "Good to have met.", direction="inbound", channel="email", contacts=[ANN])
    return made


@pytest.fixture
def signed_in() -> Callable[[User], Browser]:
    def sign_in(user: User) -> Browser:
        browser = Browser()
        browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return browser

    return sign_in
