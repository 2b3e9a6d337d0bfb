"""Report schedules, the snapshots they made, and who was sent them.

A run is unique per (schedule, period) and a delivery per (run, recipient), so that two workers, a repeated
task or a worker that dies midway can neither make a report twice nor send it twice. What is due is a column
with a partial index; the queue (django-q2) only carries ids.
"""

from __future__ import annotations

from django.db import models

from relationships.models.log import Ledger


class ReportSchedule(models.Model):
    """When a report is made: a wall-clock rule in a zone, and the next moment at which it is due."""

    class Frequency(models.TextChoices):
        WEEKLY = "weekly"
        MONTHLY = "monthly"

    id = models.UUIDField(primary_key=True, editable=False)
    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=80)
    # No choices: a new report needs no migration. The names are those of relationships.reports.REPORTS.
    report = models.CharField(max_length=40)
    frequency = models.CharField(max_length=10, choices=Frequency.choices)
    weekday = models.SmallIntegerField(null=True, help_text="0 is Monday, 6 Sunday; weekly schedules only.")
    day = models.SmallIntegerField(null=True, help_text="1 to 31, at most the month's last; monthly ones only.")
    at = models.TimeField(help_text="Wall-clock time in the schedule's zone.")
    time_zone = models.CharField(max_length=64)
    next_due_at = models.DateTimeField(null=True, help_text="Null: switched off.")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ledger", "name"], name="report_schedule_name"),
            models.CheckConstraint(
                name="report_schedule_rule",
                condition=models.Q(frequency="weekly", weekday__range=(0, 6), day__isnull=True)
                | models.Q(frequency="monthly", day__range=(1, 31), weekday__isnull=True),
            ),
        ]
        indexes = [
            # For jobs.tick: what is due now.
            models.Index(
                fields=["next_due_at"],
                name="report_schedule_due",
                condition=models.Q(next_due_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.name


class ReportRun(models.Model):
    """One report of one period: the stored snapshot that every form and every mail is rendered from."""

    class State(models.TextChoices):
        WAITING = "waiting"
        MADE = "made"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, editable=False)
    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+")
    schedule = models.ForeignKey(ReportSchedule, on_delete=models.PROTECT, related_name="runs")
    period = models.DateField(help_text="The schedule's local date on which the report was due.")
    starts_at = models.DateTimeField(help_text="Where the report before it ended.")
    ends_at = models.DateTimeField(help_text="The moment it was due: the report stands here, however late it is made.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.SmallIntegerField(default=0, help_text="Counted before the work: a killed worker counts too.")
    next_attempt_at = models.DateTimeField(null=True, help_text="Null: nothing left to do.")
    problem = models.TextField(default="", blank=True)
    made_at = models.DateTimeField(null=True)
    late = models.BooleanField(default=False)
    position = models.BigIntegerField(null=True, help_text="The ledger's position that the snapshot rests on.")
    snapshot = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ledger", "schedule", "period"], name="report_run_period"),
            models.CheckConstraint(
                name="report_run_made_has_snapshot",
                condition=~models.Q(state="made") | models.Q(snapshot__isnull=False, made_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="report_run_due",
                condition=models.Q(next_attempt_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.period} {self.state}"


class Delivery(models.Model):
    """One mail of one run to one person, sent at most once.

    ``sending`` is written before the mail server is spoken to and ``sent`` after. Who finds ``sending`` left
    by a dead worker cannot know whether the mail went out: it becomes ``unknown``, and is sent again only
    when asked.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        SENDING = "sending"
        SENT = "sent"
        UNKNOWN = "unknown"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, editable=False)
    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+")
    run = models.ForeignKey(ReportRun, on_delete=models.CASCADE, related_name="deliveries")
    # The id only: the address is read when the mail goes out, and nothing here outlives the login.
    user_id = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.SmallIntegerField(default=0, help_text="Counted before the work.")
    next_attempt_at = models.DateTimeField(null=True, help_text="Null: nothing left to do.")
    message_id = models.CharField(max_length=255, help_text="The same on every attempt: mail programs drop doubles.")
    sent_at = models.DateTimeField(null=True)
    problem = models.TextField(default="", blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["ledger", "run", "user_id"], name="delivery_recipient"),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="delivery_due",
                condition=models.Q(next_attempt_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.message_id} {self.state}"


class Heartbeat(models.Model):
    """When each recurring job last ran. It belongs to the installation, not to a ledger."""

    name = models.CharField(primary_key=True, max_length=40)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M:%S}"
