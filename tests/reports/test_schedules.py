from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from accounts.models import User
from accounts.roles import Role
from relationships.models.reports import Delivery, ReportRun, ReportSchedule
from relationships.reports import pipeline, schedules
from tests.reports.conftest import FRIDAY, MONDAY, Cast

pytestmark = pytest.mark.django_db
WEEK = timedelta(days=7)


def the_run() -> ReportRun:
    return ReportRun.objects.get()


def work(now: datetime) -> None:
    schedules.open_runs(now=now)
    for run_id in list(schedules.claim(ReportRun, now=now)):
        schedules.make(run_id, now=now)


def opened_and_made(now: datetime) -> ReportRun:
    work(now)
    return ReportRun.objects.latest("ends_at")


def test_every_organisation_is_given_one_weekly_report_on_monday_at_seven_in_its_zone(cast: Cast) -> None:
    assert schedules.ensure_schedules(now=FRIDAY) == 1
    assert schedules.ensure_schedules(now=FRIDAY) == 0
    assert ReportSchedule.objects.get().next_due_at == MONDAY


def test_a_schedule_follows_its_organisation_to_another_zone(cast: Cast, schedule: ReportSchedule) -> None:
    cast.organisation.time_zone = "Asia/Tokyo"
    cast.organisation.save()
    schedules.ensure_schedules(now=FRIDAY)
    schedule.refresh_from_db()
    assert schedule.next_due_at == datetime(2026, 11, 22, 22, tzinfo=UTC)


def test_a_schedule_that_was_switched_off_stays_off(schedule: ReportSchedule) -> None:
    ReportSchedule.objects.update(next_due_at=None)
    schedules.ensure_schedules(now=FRIDAY)
    assert schedules.open_runs(now=MONDAY + WEEK) == 0


def test_nothing_is_opened_before_it_is_due(schedule: ReportSchedule) -> None:
    assert schedules.open_runs(now=MONDAY - timedelta(seconds=1)) == 0
    assert schedules.open_runs(now=MONDAY) == 1


def test_a_run_stands_at_its_due_moment_and_reaches_back_to_the_one_before(
    schedule: ReportSchedule, hand_made: list[dict[str, Any]]
) -> None:
    run = opened_and_made(MONDAY + timedelta(seconds=40))
    assert (run.period, run.starts_at, run.ends_at) == (date(2026, 11, 23), MONDAY - WEEK, MONDAY)
    assert (run.state, run.late, run.attempts) == ("made", False, 1)
    assert hand_made[0] == {
        "now": MONDAY + timedelta(seconds=40),
        "as_of": MONDAY,
        "since": MONDAY - WEEK,
        "late": False,
    }


def test_after_three_days_without_a_worker_there_is_one_report_of_the_right_week_marked_late(
    schedule: ReportSchedule, hand_made: list[dict[str, Any]]
) -> None:
    run = opened_and_made(MONDAY + timedelta(days=3))
    assert (run.ends_at, run.late) == (MONDAY, True)
    assert ReportRun.objects.count() == 1
    schedule.refresh_from_db()
    assert schedule.next_due_at == MONDAY + WEEK


def test_after_three_weeks_there_is_one_report_that_reaches_back_to_the_last_one(
    schedule: ReportSchedule, hand_made: list[dict[str, Any]]
) -> None:
    opened_and_made(MONDAY)
    run = opened_and_made(MONDAY + 3 * WEEK + timedelta(days=1))
    assert (run.starts_at, run.ends_at) == (MONDAY, MONDAY + 3 * WEEK)
    assert ReportRun.objects.count() == 2


@pytest.mark.parametrize(
    ("due", "next_due"),
    [
        ((2026, 10, 19, 5), (2026, 10, 26, 6)),  # summer time ended on 25 October
        ((2027, 3, 22, 6), (2027, 3, 29, 5)),  # and began on 28 March
    ],
)
def test_a_change_of_clocks_neither_skips_nor_doubles_a_report(
    cast: Cast, hand_made: list[dict[str, Any]], due: tuple[int, ...], next_due: tuple[int, ...]
) -> None:
    first, second = (datetime(*parts, tzinfo=UTC) for parts in (due, next_due))  # type: ignore[misc, arg-type]
    schedules.ensure_schedules(now=first - timedelta(days=1))
    now = first - timedelta(hours=2)
    while now <= second + timedelta(hours=2):
        work(now)
        now += timedelta(minutes=20)
    assert list(ReportRun.objects.order_by("ends_at").values_list("ends_at", flat=True)) == [first, second]


def test_readers_are_administrators_and_managers_of_clients_in_it(
    cast: Cast, schedule: ReportSchedule, hand_made: list[dict[str, Any]]
) -> None:
    opened_and_made(MONDAY)
    assert set(Delivery.objects.values_list("user_id", flat=True)) == {
        cast.ada.pk,
        cast.anna.pk,
        cast.boris.pk,
    }


def test_a_team_lead_who_owns_clients_is_a_reader_and_an_auditor_is_not(
    cast: Cast, schedule: ReportSchedule, hand_made: list[dict[str, Any]]
) -> None:
    User.objects.filter(pk=cast.anna.pk).update(role=Role.TEAM_LEAD)
    User.objects.filter(pk=cast.boris.pk).update(role=Role.AUDITOR)
    opened_and_made(MONDAY)
    assert set(Delivery.objects.values_list("user_id", flat=True)) == {cast.ada.pk, cast.anna.pk}


def test_who_may_not_sign_in_is_sent_nothing(
    cast: Cast, schedule: ReportSchedule, hand_made: list[dict[str, Any]]
) -> None:
    User.objects.filter(pk__in=[cast.ada.pk, cast.anna.pk]).update(is_active=False)
    opened_and_made(MONDAY)
    assert list(Delivery.objects.values_list("user_id", flat=True)) == [cast.boris.pk]


def test_a_run_made_twice_has_one_snapshot_and_one_delivery_a_reader(
    schedule: ReportSchedule, hand_made: list[dict[str, Any]]
) -> None:
    run = opened_and_made(MONDAY)
    assert schedules.make(run.id, now=MONDAY + timedelta(minutes=1)) is None
    assert len(hand_made) == 1
    assert Delivery.objects.count() == 3


def test_a_report_that_fails_says_why_is_tried_three_times_and_then_given_up(
    schedule: ReportSchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(principal: object, **about: object) -> None:
        raise RuntimeError("the figures are odd")

    monkeypatch.setattr(pipeline, "build", fails)
    now = MONDAY
    for _ in range(5):
        work(now)
        now += timedelta(hours=1)
    run = the_run()
    assert (run.state, run.attempts, run.next_attempt_at) == ("failed", 3, None)
    assert run.problem == "RuntimeError: the figures are odd"


def test_a_run_whose_workers_die_each_time_is_given_up_too(schedule: ReportSchedule) -> None:
    schedules.open_runs(now=MONDAY)
    ReportRun.objects.update(attempts=schedules.MAX_ATTEMPTS)  # counted before the work
    assert schedules.make(the_run().id, now=MONDAY) is None
    assert the_run().state == "failed"
    assert "worker" in the_run().problem


def test_a_claim_lapses_with_its_lease_and_not_before(schedule: ReportSchedule) -> None:
    schedules.open_runs(now=MONDAY)
    assert len(list(schedules.claim(ReportRun, now=MONDAY))) == 1
    assert list(schedules.claim(ReportRun, now=MONDAY + schedules.LEASE - timedelta(seconds=1))) == []
    assert len(list(schedules.claim(ReportRun, now=MONDAY + schedules.LEASE))) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.database
def test_ticks_at_the_same_moment_open_one_run_and_hand_it_out_once(schedule: ReportSchedule) -> None:
    start = threading.Barrier(6)
    claimed: list[UUID] = []

    def tick() -> None:
        start.wait()
        try:
            schedules.open_runs(now=MONDAY)
            with transaction.atomic():
                claimed.extend(schedules.claim(ReportRun, now=MONDAY))
        finally:
            connection.close()

    threads = [threading.Thread(target=tick) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with transaction.atomic():
        claimed.extend(schedules.claim(ReportRun, now=MONDAY))
    assert claimed == [the_run().id]
