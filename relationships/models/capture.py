"""What was imported, and what of it could not be placed with a client.

Nothing readable about people stands here: the content of an unmatched row is sealed under a key of its run, and goes
when the row expires.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import models

from relationships.models.log import Ledger

KEPT_FOR = timedelta(days=90)


class ImportRun(models.Model):
    """One run of an importer: what was read, by whom, and how it ended. Dry runs leave none."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, editable=False)
    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+", db_index=False)
    # No choices: a new format needs no migration. The formats are those of relationships.importers.FORMATS.
    format = models.CharField(max_length=40)
    file = models.CharField(max_length=255, help_text="The name of what was read, without its folder.")
    source = models.CharField(max_length=80)
    started_by = models.CharField(max_length=80)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    problem = models.TextField(blank=True, help_text="Why it failed.")
    recorded = models.IntegerField(default=0)
    known = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    unmatched = models.IntegerField(default=0)
    skipped = models.IntegerField(default=0)
    clients_made = models.IntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["ledger", "-started_at"], name="import_run_latest")]

    def __str__(self) -> str:
        return f"{self.format} {self.file}"


class UnmatchedRow(models.Model):
    """A row that names no client that we know. Its id follows from what it is: importing it again adds no second."""

    id = models.UUIDField(primary_key=True, editable=False)
    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+", db_index=False)
    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, db_constraint=False, related_name="unmatched_rows")
    line = models.IntegerField(help_text="Where it begins in the file that it came from; from 1.")
    reason = models.CharField(max_length=200)
    type = models.CharField(max_length=40)
    occurred_at = models.DateTimeField()
    source = models.CharField(max_length=80)
    external_id = models.CharField(max_length=255)
    nonce = models.BinaryField()
    ciphertext = models.BinaryField(help_text="The row, sealed under the key of its run.")
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["ledger", "source", "external_id"], name="unmatched_by_key"),
            models.Index(fields=["expires_at"], name="unmatched_expired"),
        ]

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"
