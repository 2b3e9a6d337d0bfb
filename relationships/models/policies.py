"""Policies: the versions that were thought of, and the work done with them.

What is in force follows from the log (`policy_adopted`), not from here: a version is a proposal, kept word for word.
"""

from __future__ import annotations

from django.db import models

from relationships.models.log import Ledger
from relationships.models.roster import Client


class PolicyVersion(models.Model):
    """One whole policy, as somebody proposed it. Never changed, never deleted; a trigger sees to it.

    The first policy, version 1, has no row: it is `domain.policy.DEFAULT_POLICY`.
    """

    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+")
    version = models.IntegerField()
    name = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    based_on = models.IntegerField(help_text="The version that it changes.")
    policy = models.JSONField(help_text="All of it, so that it explains itself.")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=80)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ledger", "version"], name="policy_version_number")]

    def __str__(self) -> str:
        return f"{self.version} {self.name}".strip()


class PolicyRun(models.Model):
    """Work with one version of a policy: a preview, an adoption, a back-test. Done at once or by the worker.

    The worker claims what is due (`next_attempt_at`); whatever dies midway is handed out again.
    """

    class Kind(models.TextChoices):
        PREVIEW = "preview"
        ADOPTION = "adoption"
        EVIDENCE = "evidence"

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, editable=False)
    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    version = models.IntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=80)
    reason = models.CharField(max_length=1000, blank=True)
    request_id = models.CharField(max_length=128, null=True)
    instead_of = models.IntegerField(help_text="The version that was in force when it was asked for.")
    attempts = models.SmallIntegerField(default=0, help_text="Counted before the work: a killed worker counts too.")
    next_attempt_at = models.DateTimeField(null=True, help_text="Null: nothing left to do.")
    events_total = models.BigIntegerField(default=0)
    events_done = models.BigIntegerField(default=0)
    clients_done = models.BigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=2000, blank=True)
    position = models.BigIntegerField(null=True, help_text="The ledger's position that the result rests on.")
    result = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["ledger"],
                name="policy_run_one_adoption",
                condition=models.Q(kind="adoption", state__in=("waiting", "running")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], name="policy_run_due", condition=models.Q(next_attempt_at__isnull=False)
            ),
            models.Index(fields=["ledger", "kind", "version", "-asked_at"], name="policy_run_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.version}: {self.state}"


class PolicyMove(models.Model):
    """A client that a preview found elsewhere under the policy previewed; `number` is its place in the list, from 1."""

    ledger = models.ForeignKey(
        Ledger, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    run = models.ForeignKey(PolicyRun, on_delete=models.CASCADE, related_name="moves")
    number = models.IntegerField()
    client = models.ForeignKey(
        Client, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    told = models.JSONField(help_text="`projections.previewing.Move` as plain values.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ledger", "run", "number"], name="policy_move_number")]

    def __str__(self) -> str:
        return f"{self.number}: {self.client_id}"
