"""report.ready, when a snapshot was made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from accounts.roles import system_principal
from relationships import commands, event_store, webhooks
from relationships.models.reports import ReportRun, ReportSchedule
from relationships.reports import schedules
from tests.commands.cast import Cast as House
from tests.reports.conftest import MONDAY, Cast, cast, hand_made, schedule
from tests.webhooks.cast import Post
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_documentation import BODIES, shape

__all__ = ["cast", "hand_made", "schedule"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def told(cast: Cast, receiver: Receiver) -> Iterator[Post]:
    commands.link_logins(cast.organisation.pk)
    program = system_principal(cast.organisation.pk, "test")
    house = House(cast.organisation, event_store.ledger_of(cast.organisation.pk), program)
    made = Post(house, receiver, now=MONDAY - timedelta(minutes=1))
    yield made
    made.sender.pool.shutdown()


def test_a_report_is_told_once_when_it_is_made(told: Post, schedule: ReportSchedule, hand_made: list[Any]) -> None:
    told.endpoint("report.ready")
    schedules.open_runs(now=MONDAY)
    run = ReportRun.objects.get()
    told.now = MONDAY
    assert told.go() == []
    schedules.make(run.pk, now=told.now)
    (body,) = told.go()
    assert shape(body) == shape(BODIES["report.ready"])
    assert body["type"] == "report.ready"
    assert body["data"]["run_id"] == str(run.pk)
    assert (body["data"]["report"], body["data"]["late"]) == (schedule.report, False)
    assert told.go(timedelta(minutes=30)) == []
    assert webhooks.totals(now=told.now).waiting == 0
