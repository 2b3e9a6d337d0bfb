"""What keeps programs of others safe to use: their repeated requests, and how many they send.

Neither is a fact: both are forgotten, and neither is in the log.
"""

from __future__ import annotations

from django.db import models

from relationships.models.log import Ledger


class IdempotencyKey(models.Model):
    """One POST that was sent under an `Idempotency-Key`, and the answer it got.

    `status` is null while the first request runs; it may run until `leased_until`, after which it is taken to have
    died. The answer may hold personal text: it is sealed by `relationships.api.idempotency` and gone at `expires_at`.
    """

    id = models.UUIDField(primary_key=True)
    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+", db_index=False)
    owner = models.CharField(max_length=80, help_text="The label of the principal.")
    key = models.CharField(max_length=255)
    path = models.CharField(max_length=2048)
    fingerprint = models.BinaryField(help_text="SHA-256 of what was sent: the query and the canonical body.")
    leased_until = models.DateTimeField()
    expires_at = models.DateTimeField()
    status = models.SmallIntegerField(null=True)
    answer = models.BinaryField(null=True, help_text="Headers and body, encrypted.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ledger", "owner", "key"], name="idempotency_key")]
        indexes = [models.Index(fields=["expires_at"], name="idempotency_expiry")]

    def __str__(self) -> str:
        return f"{self.owner} {self.key}"


class RateWindow(models.Model):
    """How many requests one key or person has sent in the minute that began at `starts_at`: one row each, reused."""

    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+", db_index=False)
    owner = models.CharField(max_length=80, help_text="The label of the principal.")
    starts_at = models.DateTimeField()
    requests = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ledger", "owner"], name="rate_window_owner")]

    def __str__(self) -> str:
        return f"{self.owner} {self.requests}"
