"""What django-q2 calls. The dotted paths are an interface: a task queued before a deploy is run after it.

The queue is a clock and a carrier, never the record: what is due, what was tried and what was done stands in
our own tables. Tasks take ids, by keyword, and may be run twice, late or never without harm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db import models, transaction
from django.utils import timezone
from django_q.models import Task
from django_q.tasks import async_task

from accounts import security, walls
from relationships import commands, evidence, ingest, projections, webhooks
from relationships.commands import policies
from relationships.models.integrations import IdempotencyKey
from relationships.models.policies import PolicyRun
from relationships.models.reports import Delivery, Heartbeat, ReportRun
from relationships.reports import delivery, outbox, schedules

logger = logging.getLogger(__name__)

# What nobody asks for any more, by the moment from which its days are counted.
EXPIRES: tuple[tuple[type[models.Model], str, timedelta], ...] = (
    (IdempotencyKey, "expires_at", timedelta()),
    (Session, "expire_date", timedelta()),
    (Task, "stopped", timedelta(days=14)),
)
OUTBOX_KEEPS = timedelta(days=90)
LONGEST_RUN_S = 6 * 3600


@walls.of_everything
def tick(**_: Any) -> None:
    """Once a minute: a heartbeat, then whatever has come due. A step that fails does not stop the others."""
    now = timezone.now()
    Heartbeat.objects.update_or_create(name="tick", defaults={"at": now})
    problems = [problem for step in _STEPS if (problem := _attempt(step, now))]
    if problems:
        raise ExceptionGroup("some of the minute's work failed", problems)


@walls.of_everything
def make_report(*, run_id: str, **_: Any) -> None:
    """Makes one report run and hands its mails on."""
    now = timezone.now()
    if schedules.make(UUID(run_id), now=now):
        _hand_out_deliveries(now)


@walls.of_everything
def deliver(*, delivery_id: str, **_: Any) -> None:
    """Sends one reader's mail."""
    delivery.deliver(UUID(delivery_id), now=timezone.now())


@walls.of_everything
def carry_out_policy(*, run_id: str, attempt: int, **_: Any) -> None:
    """Previews or adopts a version of a policy."""
    policies.carry_out(UUID(run_id), attempt, now=timezone.now())


@walls.of_everything
def back_test_policy(*, run_id: str, attempt: int, **_: Any) -> None:
    """Back-tests a version of a policy."""
    evidence.carry_out(UUID(run_id), attempt, now=timezone.now())


def prune(*, now: datetime) -> None:
    """Forgets what has expired."""
    for model, field, kept in EXPIRES:
        model._default_manager.filter(**{f"{field}__lt": now - kept}).delete()
    ingest.forget_expired(now=now)
    policies.forget(before=now - policies.PREVIEWS_KEPT)
    security.forget(now=now)
    outbox.forget(before=now - OUTBOX_KEEPS)
    webhooks.forget(now=now)


def _attempt(step: Callable[[datetime], None], now: datetime) -> Exception | None:
    try:
        step(now)
    except Exception as problem:
        logger.exception("%s failed", step.__name__)
        return problem
    return None


def _open_reports(now: datetime) -> None:
    schedules.ensure_schedules(now=now)
    schedules.open_runs(now=now)


def _hand_out_runs(now: datetime) -> None:
    with transaction.atomic():
        for run_id in schedules.claim(ReportRun, now=now):
            async_task("relationships.jobs.make_report", run_id=str(run_id))


def _hand_out_deliveries(now: datetime) -> None:
    # The task is a row of the same database: claim and task are committed together, or neither.
    with transaction.atomic():
        for delivery_id in schedules.claim(Delivery, now=now):
            async_task("relationships.jobs.deliver", delivery_id=str(delivery_id))


def _hand_out_policies(now: datetime) -> None:
    with transaction.atomic():
        for run in policies.claim(now=now):
            job = "back_test_policy" if run.kind == PolicyRun.Kind.EVIDENCE else "carry_out_policy"
            # A large ledger takes longer than other tasks may; a run says itself that it is alive.
            async_task(
                f"relationships.jobs.{job}",
                run_id=str(run.run_id),
                attempt=run.attempt,
                q_options={"timeout": LONGEST_RUN_S},
            )


def _sweep(now: datetime) -> None:
    projections.sweep(now)


def _close_suggestions(now: datetime) -> None:
    commands.close_suggestions(now=now)


def _prune_daily(now: datetime) -> None:
    yesterday = now - timedelta(days=1)
    Heartbeat.objects.get_or_create(name="prune", defaults={"at": yesterday})
    # Of two ticks at once only one moves the row on.
    if Heartbeat.objects.filter(name="prune", at__lte=yesterday).update(at=now):
        prune(now=now)


_STEPS = (
    _open_reports,
    _hand_out_runs,
    _hand_out_deliveries,
    _hand_out_policies,
    _sweep,
    _close_suggestions,
    _prune_daily,
)
