"""The log: what happened, in the order in which we learnt it, for ever.

Written by `relationships.event_store` and `relationships.sealing` alone; triggers refuse every change of an event.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.sql.compiler import SQLCompiler

# A fact lies in the past, give or take a clock; what is planned is a fact of today about tomorrow.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
AHEAD = timedelta(minutes=5)


class JsonText(models.TextField):
    """PostgreSQL's `json`, read and written as text: it keeps the exact characters that were hashed, `jsonb` does not.

    `->` and `->>` (`KeyTransform`, `KeyTextTransform`) work on the column; equality does not.
    """

    def db_type(self, connection: Any) -> str:
        return "json"

    def select_format(self, compiler: SQLCompiler, sql: str, params: Any) -> tuple[str, Any]:
        return f"{sql}::text", params


class Ledger(models.Model):
    """One log: the unit of order, of the hash chain and of the write lock. An organisation starts with one."""

    id = models.BigAutoField(primary_key=True)
    organisation_id = models.BigIntegerField()
    slug = models.CharField(max_length=40, default="main")
    epoch = models.IntegerField(
        default=1, help_text="Grows when a restore or a failover may have cut the tail; part of every cursor."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation_id", "slug"], name="ledger_slug")]

    def __str__(self) -> str:
        return f"{self.organisation_id}/{self.slug}"


class LedgerHead(models.Model):
    """Where a ledger ends. Locked by every append until it commits: that makes positions gapless, in commit order."""

    ledger = models.OneToOneField(Ledger, primary_key=True, on_delete=models.PROTECT, related_name="head")
    position = models.BigIntegerField(default=0)
    chain_hash = models.BinaryField()
    recorded_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.ledger_id}@{self.position}"


class Stream(models.Model):
    """A client's events, or the ledger's own (a policy's adoption). `version` is that of the last event."""

    id = models.UUIDField(primary_key=True)
    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ledger", "id"], name="stream_in_ledger")]

    def __str__(self) -> str:
        return f"{self.id} v{self.version}"


class Event(models.Model):
    """A fact, as recorded. Never changed, never deleted."""

    event_id = models.UUIDField(primary_key=True)
    # No foreign keys in the database: an append holds the rows of ledger and stream locked anyway.
    ledger = models.ForeignKey(
        Ledger, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    position = models.BigIntegerField(help_text="1, 2, 3 … within the ledger, without holes.")
    stream_id = models.UUIDField(help_text="The client's id, or for events of the organisation the ledger's own.")
    version = models.BigIntegerField(help_text="1, 2, 3 … within the stream, without holes.")
    # No choices: a new type needs no migration. The types are those of relationships.domain.events.
    type = models.CharField(max_length=40)
    type_version = models.SmallIntegerField()
    occurred_at = models.DateTimeField()
    occurred_tz = models.CharField(max_length=64, help_text="The IANA zone in which the time was said.")
    precision = models.CharField(max_length=8, help_text="instant, day or month")
    recorded_at = models.DateTimeField(help_text="When we learnt it; strictly increasing within the ledger.")
    recorded_by = models.CharField(max_length=80)
    source = models.CharField(max_length=80, null=True)
    external_id = models.CharField(max_length=255, null=True, help_text="The source's own id of this fact.")
    request_id = models.CharField(max_length=128, null=True)
    supersedes = models.UUIDField(
        null=True, help_text="For corrections and retractions: the latest of the lineage before."
    )
    body = JsonText(help_text="The clear data, as the exact text that was hashed.")
    sealed_digest = models.BinaryField(null=True, help_text="SHA-256 of the sealed part, when there is one.")
    content_hash = models.BinaryField()
    chain_hash = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ledger", "position"], name="event_position"),
            models.UniqueConstraint(fields=["ledger", "stream_id", "version"], name="event_version"),
            models.UniqueConstraint(
                fields=["ledger", "stream_id", "source", "external_id"],
                name="event_natural_key",
                condition=Q(external_id__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["ledger", "supersedes"], name="event_lineage", condition=Q(supersedes__isnull=False)
            ),
            models.CheckConstraint(
                name="event_occurred_in_the_past",
                condition=Q(occurred_at__gte=EARLIEST, occurred_at__lte=F("recorded_at") + AHEAD),
            ),
            models.CheckConstraint(
                name="event_external_id_has_source",
                condition=Q(external_id__isnull=True) | Q(source__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"

    @property
    def data(self) -> dict[str, Any]:
        """The clear data; personal text is opened by `relationships.sealing`."""
        return json.loads(self.body)


class PersonKey(models.Model):
    """The key under which a person's text is sealed, wrapped by MASTER_KEY. Erasing the person destroys it."""

    id = models.UUIDField(primary_key=True)
    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+", db_index=False)
    subject = models.UUIDField(help_text="A contact, or a client for text in which nobody is named.")
    wrapped = models.BinaryField(null=True)
    created_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ledger", "subject"], name="person_key_subject"),
            models.CheckConstraint(
                name="person_key_or_destroyed",
                condition=Q(wrapped__isnull=False, destroyed_at__isnull=True)
                | Q(wrapped__isnull=True, destroyed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"key of {self.subject}"


class SealedPart(models.Model):
    """The personal text of one event, as ciphertext (AES-256-GCM). Only an erasure removes it."""

    event_id = models.UUIDField(primary_key=True)
    ledger = models.ForeignKey(
        Ledger, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    key = models.ForeignKey(PersonKey, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    nonce = models.BinaryField()
    ciphertext = models.BinaryField()
    text_mac = models.BinaryField(help_text="HMAC of the text under the person's key: tells a repeat from another.")

    def __str__(self) -> str:
        return f"sealed part of {self.event_id}"
