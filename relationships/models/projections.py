"""What has been worked out of the log: read tables, written by `relationships.projections` alone.

Every table but the revisions belongs to a generation. A rebuild fills a new one beside the one that is read and then
flips which is live, so readers never see half of it. Nothing here is a record: all of it can be made again.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import models

from relationships.models.log import Ledger
from relationships.models.roster import Client

# The end of a period that has no end: "now" is then `begins_at <= now < ends_at` for every row, one index scan.
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)


class Generation(models.Model):
    """One complete set of read tables of a ledger, under one policy; exactly one of them is live."""

    class State(models.TextChoices):
        BUILDING = "building"
        LIVE = "live"
        RETIRED = "retired"

    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+")
    number = models.IntegerField()
    state = models.CharField(max_length=10, choices=State.choices)
    policy_version = models.IntegerField()
    shape = models.SmallIntegerField(default=1, help_text="`domain.saved.SHAPE` of the release that made it.")
    policy = models.JSONField(help_text="The whole policy, so that a generation explains itself.")
    # Every event up to here is projected, or its client is quarantined: only later ones can be behind.
    settled_position = models.BigIntegerField(default=0)
    started_at = models.DateTimeField()
    live_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ledger", "number"], name="generation_number"),
            models.UniqueConstraint(fields=["ledger"], name="generation_one_live", condition=models.Q(state="live")),
        ]

    def __str__(self) -> str:
        return f"{self.number} ({self.state})"


class Projected(models.Model):
    """A row about one client in one generation. No foreign keys in the database: rows are made and dropped in bulk."""

    ledger = models.ForeignKey(
        Ledger, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    generation = models.ForeignKey(
        Generation, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta:
        abstract = True


class ClientState(Projected):
    """The client's present as far as it does not depend on the hour, and the fold to go on from."""

    client = models.ForeignKey(
        Client, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="states"
    )
    projected_version = models.BigIntegerField()
    reached = models.CharField(max_length=12, null=True)
    reached_at = models.DateTimeField(null=True)
    last_contact_at = models.DateTimeField(null=True)
    # Strength at t is a closed form of these (`domain.strength.Mark`), so that SQL can sort by it.
    marked_at = models.DateTimeField(null=True)
    meetings_sum = models.FloatField(default=0)
    exchanges_sum = models.FloatField(default=0)
    half_life_meeting = models.FloatField(default=1)
    half_life_exchange = models.FloatField(default=1)
    marks = models.JSONField(default=list, help_text="The marks of the last 30 days with events, for the velocity.")
    actions = models.JSONField(default=list, help_text="What presses, or will: `domain.actions.Action`, by rank.")
    ties = models.JSONField(default=list, help_text="Who of us knows whom: the running sums of each pair.")
    handover = models.JSONField(null=True, help_text="The latest hand-over: `domain.judgement.Handover`.")
    fold = models.TextField(null=True, help_text="`Fold.dump()` as JSON.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ledger", "generation", "client"], name="client_state_client"),
        ]
        indexes = [models.Index(fields=["generation", "client"], name="client_state_by_client")]

    def __str__(self) -> str:
        return f"{self.client_id} v{self.projected_version}"


class StagePeriod(Projected):
    """A span, past or future, in which neither stage nor health changes."""

    client = models.ForeignKey(
        Client, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="periods"
    )
    stage = models.CharField(max_length=12)
    health = models.CharField(max_length=8)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField(help_text="FOREVER when it has no end.")
    stage_since = models.DateTimeField(help_text="When the stage began, which may be periods ago.")
    rule = models.CharField(max_length=60)
    because = models.JSONField(default=list, help_text="At most three event ids.")
    falls = models.BooleanField(default=False, help_text="The stage is lower than in the period before.")
    fades = models.BooleanField(default=False, help_text="The health is worse than in the period before.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ledger", "generation", "client", "begins_at"], name="stage_period_begins"),
            models.CheckConstraint(
                name="stage_period_has_length", condition=models.Q(begins_at__lt=models.F("ends_at"))
            ),
        ]
        indexes = [
            # One client's timeline, and where each of a page of clients stands.
            models.Index(fields=["generation", "client", "begins_at"], name="stage_period_by_client"),
            # All clients of a stage at a moment: what ended before it is never looked at.
            models.Index(
                fields=["generation", "stage", "ends_at", "begins_at"],
                include=["health", "client"],
                name="stage_period_by_stage",
            ),
            # Who gets worse before a moment.
            models.Index(
                fields=["generation", "begins_at"],
                name="stage_period_worse",
                condition=models.Q(falls=True) | models.Q(fades=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stage} {self.health} from {self.begins_at:%Y-%m-%d}"


class Gap(Projected):
    """The time between two posts of meetings, see `domain.judgement.Gap`; without `ends_at`, the open one."""

    client = models.ForeignKey(
        Client, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="gaps"
    )
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    opened_by = models.UUIDField()
    closed_by = models.UUIDField(null=True)
    covered_us = models.BigIntegerField()
    covered_until = models.DateTimeField()
    spoken = models.IntegerField()
    two_way = models.IntegerField()
    ideas_ours = models.IntegerField()
    ideas_theirs = models.IntegerField()
    last_contact_at = models.DateTimeField()
    longest_silence_us = models.BigIntegerField()
    acts = models.JSONField(default=list)
    last_two_way_at = models.DateTimeField(null=True)
    laid_from = models.DateTimeField(null=True, help_text="Since when the ground for the next meeting is laid.")
    carried_ours = models.JSONField(default=dict, help_text="Covering exchanges by each of our people.")
    carried_theirs = models.JSONField(default=dict, help_text="Covering exchanges by each of theirs.")
    through_personal = models.IntegerField(default=0)
    through_brand = models.IntegerField(default=0)
    rhythm_us = models.BigIntegerField(default=0, help_text="ρ*: as the gap ended, the present one while it is open.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ledger", "generation", "client", "begins_at"], name="gap_begins"),
        ]
        indexes = [
            models.Index(fields=["generation", "client", "begins_at"], name="gap_by_client"),
            models.Index(fields=["generation"], name="gap_open", condition=models.Q(ends_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"gap from {self.begins_at:%Y-%m-%d}"


class Meeting(Projected):
    """A meeting as far as it is known: planned, cancelled, held or missed."""

    client = models.ForeignKey(
        Client, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="meetings"
    )
    meeting_id = models.TextField()
    status = models.CharField(max_length=10)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    held_at = models.DateTimeField(null=True)
    mode = models.CharField(max_length=10, null=True)
    accepted = models.BooleanField()
    event_id = models.UUIDField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ledger", "generation", "client", "meeting_id"], name="meeting_known_as"),
        ]
        indexes = [
            models.Index(fields=["generation", "client"], name="meeting_by_client"),
            models.Index(
                fields=["generation", "starts_at"], name="meeting_planned", condition=models.Q(status="planned")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.meeting_id} {self.status}"


class Question(Projected):
    """A question of theirs. Open from `asked_at` until it is closed or lapses."""

    client = models.ForeignKey(
        Client, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="questions"
    )
    event_id = models.UUIDField()
    asked_at = models.DateTimeField()
    of_us = models.BooleanField()
    contact = models.TextField(null=True)
    target_at = models.DateTimeField()
    missed_at = models.DateTimeField()
    lapses_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.UUIDField(null=True)
    worked_us = models.BigIntegerField(null=True, help_text="Time on working days until it was closed.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ledger", "generation", "event_id"], name="question_event"),
        ]
        indexes = [
            models.Index(fields=["generation", "client"], name="question_by_client"),
            models.Index(
                fields=["generation", "target_at"],
                name="question_open",
                condition=models.Q(closed_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"question of {self.asked_at:%Y-%m-%d}"


class Quarantine(Projected):
    """A client whose events could not be folded: its answers are the last good ones, and say so."""

    client = models.ForeignKey(
        Client, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="quarantines"
    )
    version = models.BigIntegerField(help_text="The stream's version that could not be folded.")
    reason = models.TextField()
    since = models.DateTimeField()
    attempts = models.IntegerField(default=1)

    class Meta:
        verbose_name_plural = "quarantine"
        constraints = [
            models.UniqueConstraint(fields=["ledger", "generation", "client"], name="quarantine_client"),
        ]

    def __str__(self) -> str:
        return f"{self.client_id}: {self.reason}"


class Revision(models.Model):
    """A period that had been told already and turned out otherwise, through a late event or a correction.

    It outlives rebuilds: nothing in the log alone says what was told when.
    """

    ledger = models.ForeignKey(
        Ledger, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    client = models.ForeignKey(
        Client, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="revisions"
    )
    version = models.BigIntegerField(help_text="The stream's version after the cause.")
    noted_at = models.DateTimeField()
    from_at = models.DateTimeField(help_text="The first moment that is told otherwise.")
    cause = models.JSONField(help_text="The ids of the events that brought it, at most ten.")
    before = models.JSONField(help_text="Periods from `from_at` until it was noted, as told before.")
    after = models.JSONField(help_text="The same span, as told from then on.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ledger", "client", "version"], name="revision_version"),
        ]
        indexes = [models.Index(fields=["ledger", "noted_at"], name="revision_noted")]

    def __str__(self) -> str:
        return f"{self.client_id} from {self.from_at:%Y-%m-%d}"
