"""From "it is Monday 07:00" to a stored snapshot: schedules that come due, runs, and the claims of workers.

1. ``ensure_schedules`` sees to it that every organisation has its weekly report.
2. ``open_runs`` opens one run for each schedule that has come due and moves the schedule on. After days
   without a worker it is one run, of the period that is due, however many were missed.
3. ``claim`` hands due work out, each piece to one worker; a piece whose worker died is handed out again.
4. ``make`` makes the snapshot and, in the same transaction, a delivery for each reader.

Queue tables are claimed ledger by ledger, so that ledgers may live on different machines.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from accounts.models import Organisation, User
from accounts.roles import Role, system_principal
from relationships.domain.ids import uuid7
from relationships.models.log import Ledger
from relationships.models.reports import Delivery, ReportRun, ReportSchedule
from relationships.models.roster import Colleague
from relationships.reports import pipeline
from relationships.reports.calendar import Rule, following, latest
from relationships.reports.snapshot import Snapshot

logger = logging.getLogger(__name__)

WEEKLY = "Weekly pipeline"
MONDAY, SEVEN = 0, time(7)
# A team lead who owns clients manages them like anybody else, and is written to about those.
MANAGERS = (Role.ACCOUNT_MANAGER, Role.TEAM_LEAD)
LATE_AFTER = timedelta(hours=1)
# Longer than a task may run (Q_CLUSTER timeout), so that only a dead worker's work is handed out again.
LEASE = timedelta(minutes=15)
MAX_ATTEMPTS = 3
_INSTANT = timedelta(microseconds=1)


def ensure_schedules(*, now: datetime) -> int:
    """Gives every organisation without one its weekly report, Monday 07:00 in its zone; returns how many it
    gave.

    A schedule follows its organisation to another zone; one that was switched off stays so.
    """
    zones = dict(Organisation.objects.values_list("id", "time_zone"))
    known = {schedule.ledger_id: schedule for schedule in ReportSchedule.objects.filter(name=WEEKLY)}
    made = 0
    for ledger in Ledger.objects.order_by("id"):
        zone, schedule = zones.get(ledger.organisation_id), known.get(ledger.pk)
        if zone and schedule is None:
            made += _make_weekly(ledger, zone, now)
        elif zone and schedule and schedule.time_zone != zone:
            schedule.time_zone = zone
            if schedule.next_due_at is not None:
                schedule.next_due_at = following(rule_of(schedule), now).at
            schedule.save(update_fields=["time_zone", "next_due_at"])
    return made


def _make_weekly(ledger: Ledger, zone: str, now: datetime) -> int:
    schedule = ReportSchedule(
        id=_new_id(now),
        ledger=ledger,
        name=WEEKLY,
        report=pipeline.NAME,
        frequency=ReportSchedule.Frequency.WEEKLY,
        weekday=MONDAY,
        at=SEVEN,
        time_zone=zone,
        created_at=now,
    )
    schedule.next_due_at = following(rule_of(schedule), now).at
    # Two ticks may both find none: the name is unique in a ledger and the second insert is dropped.
    return len(ReportSchedule.objects.bulk_create([schedule], ignore_conflicts=True))


def rule_of(schedule: ReportSchedule) -> Rule:
    """The wall-clock rule of a schedule."""
    return Rule(at=schedule.at, zone=schedule.time_zone, weekday=schedule.weekday, day=schedule.day)


def open_runs(*, now: datetime) -> int:
    """Opens a run for each schedule that has come due and moves the schedule on; returns how many were
    opened."""
    due = ReportSchedule.objects.filter(next_due_at__lte=now)
    opened = 0
    for ledger_id in due.order_by("ledger_id").values_list("ledger_id", flat=True).distinct():
        with transaction.atomic():
            for schedule in due.filter(ledger_id=ledger_id).select_for_update(skip_locked=True):
                opened += _open_run(schedule, now)
    return opened


def _open_run(schedule: ReportSchedule, now: datetime) -> int:
    rule = rule_of(schedule)
    occurrence = latest(rule, now)
    before = schedule.runs.order_by("-ends_at").first()
    starts_at = before.ends_at if before else latest(rule, occurrence.at - _INSTANT).at
    schedule.next_due_at = following(rule, now).at
    schedule.save(update_fields=["next_due_at"])
    if starts_at >= occurrence.at:  # the rule was changed to one that ended before the last report
        return 0
    ReportRun.objects.bulk_create(
        [
            ReportRun(
                id=_new_id(now),
                ledger_id=schedule.ledger_id,
                schedule=schedule,
                period=occurrence.day,
                starts_at=starts_at,
                ends_at=occurrence.at,
                next_attempt_at=now,
            )
        ],
        ignore_conflicts=True,
    )
    return 1


def claim(model: type[ReportRun] | type[Delivery], *, now: datetime, limit: int = 100) -> Iterator[UUID]:
    """The ids of due pieces of work, at most ``limit`` of a ledger; nobody else is given them for ``LEASE``.

    Call it inside the transaction that hands the ids on: should that fail, the claims are undone.
    """
    due = model._default_manager.filter(next_attempt_at__lte=now)
    for ledger_id in due.order_by("ledger_id").values_list("ledger_id", flat=True).distinct():
        mine = due.filter(ledger_id=ledger_id).select_for_update(skip_locked=True).order_by("next_attempt_at")
        ids = list(mine.values_list("id", flat=True)[:limit])
        model._default_manager.filter(id__in=ids).update(next_attempt_at=now + LEASE)
        yield from ids


def make(run_id: UUID, *, now: datetime) -> ReportRun | None:
    """Makes the snapshot of a run and a delivery for each of its readers; None when there is nothing to make.

    Whatever goes wrong is kept with the run: it is tried again by and by, and given up after
    ``MAX_ATTEMPTS``.
    """
    run = _begin(run_id, now)
    if run is None:
        return None
    try:
        snapshot = _snapshot(run, now)
    except Exception as problem:
        logger.exception("report run %s failed", run_id)
        _put_off(run, problem, now)
        return None
    return _finish(run, snapshot, now)


def _begin(run_id: UUID, now: datetime) -> ReportRun | None:
    with transaction.atomic():
        run = ReportRun.objects.select_for_update().select_related("schedule", "ledger").get(id=run_id)
        if run.state != ReportRun.State.WAITING:
            return None
        if run.attempts >= MAX_ATTEMPTS:  # its workers died before they could say why
            run.state, run.next_attempt_at = ReportRun.State.FAILED, None
            run.problem = run.problem or "The worker stopped in the middle, each time."
        else:
            run.attempts += 1
            run.next_attempt_at = now + LEASE
        run.save(update_fields=["state", "attempts", "next_attempt_at", "problem"])
    return run if run.state == ReportRun.State.WAITING else None


def _snapshot(run: ReportRun, now: datetime) -> Snapshot:
    return pipeline.build(
        system_principal(run.ledger.organisation_id, "reports"),
        now=now,
        as_of=run.ends_at,
        since=run.starts_at,
        late=now > run.ends_at + LATE_AFTER,
    )


def _put_off(run: ReportRun, problem: Exception, now: datetime) -> None:
    given_up = run.attempts >= MAX_ATTEMPTS
    ReportRun.objects.filter(id=run.id, state=ReportRun.State.WAITING).update(
        state=ReportRun.State.FAILED if given_up else ReportRun.State.WAITING,
        next_attempt_at=None if given_up else now + back_off(run.attempts),
        problem=f"{type(problem).__name__}: {problem}"[:2000],
    )


def back_off(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 1, 5, 25 minutes …"""
    return timedelta(minutes=5 ** (attempts - 1))


@transaction.atomic
def _finish(run: ReportRun, snapshot: Snapshot, now: datetime) -> ReportRun | None:
    # A worker that was thought dead may come second: the first one's snapshot stands.
    won = ReportRun.objects.filter(id=run.id, state=ReportRun.State.WAITING).update(
        state=ReportRun.State.MADE,
        snapshot=snapshot.to_dict(),
        made_at=now,
        late=snapshot.late,
        position=snapshot.position,
        next_attempt_at=None,
        problem="",
    )
    if not won:
        return None
    Delivery.objects.bulk_create(
        [
            Delivery(
                id=_new_id(now),
                ledger_id=run.ledger_id,
                run=run,
                user_id=user_id,
                next_attempt_at=now,
                message_id=message_id(run.id, user_id),
            )
            for user_id in readers(run.ledger, snapshot)
        ],
        ignore_conflicts=True,
    )
    run.refresh_from_db()
    return run


def readers(ledger: Ledger, snapshot: Snapshot) -> list[int]:
    """User ids of whom the report is for: administrators, and who manages clients of their own in it."""
    if not snapshot.clients:
        return []
    owners = {line.owner for line in snapshot.clients if line.owner}
    managing = Colleague.objects.filter(ledger=ledger, id__in=owners, user_id__isnull=False)
    users = User.objects.filter(organisation_id=ledger.organisation_id, is_active=True).filter(
        Q(role=Role.ADMINISTRATOR) | Q(role__in=MANAGERS, id__in=list(managing.values_list("user_id", flat=True)))
    )
    return list(users.order_by("id").values_list("id", flat=True))


def message_id(run_id: UUID, user_id: int) -> str:
    """The Message-ID of one reader's mail of one run: the same on every attempt."""
    return f"<report.{run_id}.{user_id}@{urlsplit(settings.BASE_URL).hostname or 'localhost'}>"


def _new_id(now: datetime) -> UUID:
    return UUID(uuid7(int(now.timestamp() * 1000)))
