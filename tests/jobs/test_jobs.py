from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.core.mail import EmailMultiAlternatives
from pytest_django import Settings

from accounts.roles import system_principal
from relationships import commands, jobs, projections, queries
from relationships.models.reports import Delivery, Heartbeat, ReportRun, ReportSchedule
from relationships.reports import schedules
from tests.reports.conftest import FRIDAY, MONDAY, Cast, cast, hand_made, schedule
from tests.reports.samples import ANNA

__all__ = ["cast", "hand_made", "schedule"]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def queue(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queue runs what it is given at once, and notes its dotted path."""
    ran: list[str] = []

    def run(path: str, **ids: Any) -> None:
        ran.append(path)
        getattr(jobs, path.rpartition(".")[2])(**ids)

    monkeypatch.setattr(jobs, "async_task", run)
    return ran


def test_on_monday_at_seven_a_tick_makes_the_report_and_mails_it_once(
    schedule: ReportSchedule, hand_made: list[Any], mailoutbox: list[EmailMultiAlternatives]
) -> None:
    with time_machine.travel(MONDAY - timedelta(minutes=3), tick=False) as clock:
        for _ in range(10):
            jobs.tick()
            clock.shift(timedelta(minutes=1))
    assert ReportRun.objects.get().state == "made"
    assert sorted(to for mail in mailoutbox for to in mail.to) == [
        "ada@harbour.example",
        "anna@harbour.example",
        "boris@harbour.example",
    ]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


def test_what_happened_in_the_week_stands_in_the_letter_of_monday(
    cast: Cast, schedule: ReportSchedule, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    program = system_principal(cast.organisation.pk, "test")
    client, _ = commands.register_client(program, name="Kestrel Optics", owner=ANNA, now=FRIDAY - timedelta(days=20))
    met = {"meeting_id": "m1", "mode": "in_person"}
    draft = {"type": "meeting_held", "occurred_at": FRIDAY.isoformat(), "data": met}
    commands.record_event(program, client.id, draft, now=FRIDAY)
    with time_machine.travel(MONDAY, tick=False):
        jobs.tick()
    (letter,) = [str(mail.body) for mail in mailoutbox if mail.to == [cast.anna.email]]
    assert "Your one client changed stage since Mon 16 Nov: Kestrel Optics rose to Met" in letter
    assert "you met in person on 20 Nov 2026" in letter
    assert f"position {queries.head(program).position} " in letter
    assert {mail.to[0] for mail in mailoutbox} == {cast.anna.email, cast.ada.email}


def test_a_task_that_the_queue_lost_is_handed_out_again(
    schedule: ReportSchedule,
    hand_made: list[Any],
    mailoutbox: list[EmailMultiAlternatives],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with time_machine.travel(MONDAY, tick=False) as clock:
        with monkeypatch.context() as lossy:
            lossy.setattr(jobs, "async_task", lambda path, **ids: None)
            jobs.tick()
        assert ReportRun.objects.get().state == "waiting"
        clock.shift(schedules.LEASE)
        jobs.tick()
    assert ReportRun.objects.get().state == "made"
    assert len(mailoutbox) == 3


def test_every_tick_leaves_a_heartbeat(db: None) -> None:
    for moment in (FRIDAY, MONDAY):
        with time_machine.travel(moment, tick=False):
            jobs.tick()
        assert Heartbeat.objects.get(name="tick").at == moment


def test_a_step_that_fails_does_not_stop_the_others_and_is_not_hushed_up(
    schedule: ReportSchedule, hand_made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(schedules, "ensure_schedules", fails)
    monkeypatch.setattr(projections, "sweep", fails)
    schedules.open_runs(now=MONDAY)
    with time_machine.travel(MONDAY, tick=False), pytest.raises(ExceptionGroup) as caught:
        jobs.tick()
    assert len(caught.value.exceptions) == 2
    assert ReportRun.objects.get().state == "made"
    assert Heartbeat.objects.filter(name="prune", at=MONDAY).exists()


def test_what_has_expired_is_forgotten_once_a_day(
    db: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_FILE_PATH = str(tmp_path)
    old, new = tmp_path / "old.eml", tmp_path / "new.eml"
    for file, age in ((old, 91), (new, 80)):
        file.write_text("mail")
        os.utime(file, (then := (MONDAY - timedelta(days=age)).timestamp(), then))
    pruned = mock.Mock(wraps=jobs.prune)
    monkeypatch.setattr(jobs, "prune", pruned)
    with time_machine.travel(MONDAY, tick=False) as clock:
        for _ in range(50):
            jobs.tick()
            clock.shift(timedelta(hours=1))
    assert pruned.call_count == 3
    assert [file.name for file in tmp_path.iterdir()] == ["new.eml"]


def test_tasks_take_what_a_later_version_may_add(schedule: ReportSchedule, hand_made: list[Any]) -> None:
    schedules.open_runs(now=MONDAY)
    jobs.make_report(run_id=str(ReportRun.objects.get().id), added_later=True)
    assert ReportRun.objects.get().state == "made"
