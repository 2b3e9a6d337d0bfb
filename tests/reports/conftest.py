"""A small cast: Ada administers, Anna and Boris each manage clients, Carl manages none, Dora audits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from accounts.models import Organisation, User
from accounts.roles import Role
from relationships import event_store
from relationships.models.log import Ledger
from relationships.models.reports import ReportSchedule
from relationships.models.roster import Colleague
from relationships.reports import pipeline, schedules
from tests.reports.samples import ANNA, BORIS, ZONE, a_snapshot

MONDAY = datetime(2026, 11, 23, 6, tzinfo=UTC)  # 07:00 in Berlin
FRIDAY = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Cast:
    organisation: Organisation
    ledger: Ledger
    ada: User
    anna: User
    boris: User
    carl: User
    dora: User


@pytest.fixture
def cast(db: None) -> Cast:
    organisation = Organisation.objects.create(slug="harbour", name="Harbour & Vale", time_zone=ZONE)
    ledger = Ledger.objects.get(pk=event_store.ensure_ledger(organisation.pk))

    def user(name: str, role: Role) -> User:
        email = f"{name.lower()}@harbour.example"
        return User.objects.create(email=email, name=name, organisation=organisation, role=role, time_zone=ZONE)

    people = {
        "ada": user("Ada", Role.ADMINISTRATOR),
        "anna": user("Anna", Role.ACCOUNT_MANAGER),
        "boris": user("Boris", Role.ACCOUNT_MANAGER),
        "carl": user("Carl", Role.ACCOUNT_MANAGER),
        "dora": user("Dora", Role.AUDITOR),
    }
    for colleague, name in ((ANNA, "anna"), (BORIS, "boris")):
        login = people[name]
        Colleague.objects.create(
            id=UUID(colleague), ledger=ledger, name=login.name, email=login.email, user_id=login.pk
        )
    return Cast(organisation, ledger, **people)


@pytest.fixture
def schedule(cast: Cast) -> ReportSchedule:
    """The weekly schedule, made on the Friday before."""
    schedules.ensure_schedules(now=FRIDAY)
    return ReportSchedule.objects.get(ledger=cast.ledger)


@pytest.fixture
def hand_made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Runs get the hand-made snapshot; the list holds what each was asked for."""
    asked: list[dict[str, Any]] = []

    def build(principal: object, **about: Any) -> Any:
        asked.append(about)
        return a_snapshot(as_of=about["as_of"], since=about["since"], late=about["late"])

    monkeypatch.setattr(pipeline, "build", build)
    return asked
