"""The demo as it stands in the log once it is loaded."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import Organisation, User
from accounts.roles import principal_of_user, system_principal
from relationships import event_store, queries
from relationships.demo import Summary, load_demo
from relationships.domain.judgement import HEALTHS, STAGES
from relationships.models.log import Event
from relationships.models.projections import Quarantine, Revision
from relationships.models.roster import Client, Colleague

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)

pytestmark = [pytest.mark.database, pytest.mark.slow]


@pytest.mark.django_db
def test_the_demo_shows_every_stage_and_health_and_what_became_known_late() -> None:
    organisation = Organisation.objects.create(slug="show", name="Show", time_zone="Europe/Amsterdam")
    told: list[tuple[int, int]] = []
    summary = load_demo("show", now=NOW, progress=lambda done, total: told.append((done, total)))
    ledger_id = event_store.ledger_of(organisation.pk)
    principal = system_principal(organisation.pk, "tests")

    stages: Counter[str] = Counter()
    healths: Counter[str] = Counter()
    for row in queries.clients(principal, now=NOW, limit=100).rows:
        stages[str(row.stage)] += 1
        healths[str(row.health)] += 1
    assert stages.keys() == set(STAGES)
    assert healths.keys() == set(HEALTHS)
    assert not Quarantine.objects.exists()
    assert Revision.objects.exists()

    assert summary.clients == Client.objects.count() == 32
    assert summary.events == event_store.head(ledger_id).position == Event.objects.count()
    assert told[-1][0] == told[-1][1]
    assert event_store.verify(ledger_id).problem is None
    last = Event.objects.order_by("-position").first()
    assert last is not None
    assert NOW - timedelta(days=1) < last.recorded_at <= NOW

    earlier = queries.pipeline(principal, now=NOW, as_of=NOW - timedelta(days=200)).stages
    assert sum(stage.clients for stage in earlier) < 32
    _each_account_manager_sees_their_own()
    _a_second_load_adds_nothing(summary)


def _each_account_manager_sees_their_own() -> None:
    manager = User.objects.get(email="tomas.weide@harbourline.example")
    assert not manager.has_usable_password()
    rows = queries.clients(principal_of_user(manager), now=NOW, limit=100).rows
    assert {row.owner for row in rows} == {str(Colleague.objects.get(user_id=manager.pk).pk)}


def _a_second_load_adds_nothing(summary: Summary) -> None:
    again = load_demo("show", now=NOW + timedelta(days=3))
    assert (again.events, again.clients) == (0, summary.clients)
