"""Whom we tell what happens, how far each has been told, and every single telling with its fate.

None of it is a fact: a retired endpoint is gone with its deliveries, and a delivery is forgotten after 30 days. A
delivery holds ids, not texts: what is sent is put together when it is sent, from what its endpoint may then see.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from relationships.models.log import Ledger


class WebhookEndpoint(models.Model):
    """An address that wants to be told.

    `position` and `told_until` are its cursor: of the log everything up to that position has become deliveries, and of
    what time alone brings everything up to that moment. Neither ever goes back.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+", db_index=False)
    url = models.CharField(max_length=2000)
    description = models.CharField(max_length=200, default="", blank=True)
    # No choices: a new kind needs no migration. They are those of relationships.webhooks.kinds.
    kinds = ArrayField(models.CharField(max_length=40))
    event_types = ArrayField(
        models.CharField(max_length=40), default=list, help_text="For event.recorded; empty: all types."
    )
    include_text = models.BooleanField(default=False, help_text="Whether personal text is sent.")
    team_id = models.BigIntegerField(null=True, help_text="Only clients of this team; null: all.")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=80, help_text="The label of the principal.")

    secret = models.BinaryField(help_text="Encrypted, see relationships.webhooks.signing.")
    secret_hint = models.CharField(max_length=4)
    previous_secret = models.BinaryField(null=True)
    previous_until = models.DateTimeField(null=True, help_text="Until then the previous secret signs as well.")

    enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=200, default="", blank=True)
    disabled_at = models.DateTimeField(null=True)

    started_at = models.DateTimeField(help_text="What was before is never told.")
    started_position = models.BigIntegerField()
    position = models.BigIntegerField()
    told_until = models.DateTimeField()
    numbered = models.BigIntegerField(default=0, help_text="The number of its latest delivery.")

    last_success_at = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)
    last_failure = models.CharField(max_length=300, default="", blank=True)
    failing_since = models.DateTimeField(null=True, help_text="Since when nothing has succeeded; null: the last did.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ledger", "id"], name="webhook_endpoint_in_ledger")]

    def __str__(self) -> str:
        return self.description or self.url


class WebhookDelivery(models.Model):
    """One thing to tell one endpoint; its id is the `webhook-id`, the same on every attempt.

    Of one client, an endpoint is told in the order of `number`: what is not delivered holds back what comes after it.
    `state` is waiting until it is delivered, parked (given up until somebody asks for it again) or skipped. While an
    attempt runs it is leased to `lease_by` until `lease_until`; who comes back later than that changes nothing.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DELIVERED = "delivered"
        PARKED = "parked"
        SKIPPED = "skipped"

    id = models.UUIDField(primary_key=True, editable=False)
    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+", db_index=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    number = models.BigIntegerField(help_text="1, 2, 3 … within the endpoint.")
    key = models.CharField(max_length=120, help_text="What is told: nothing is told twice to one endpoint.")
    kind = models.CharField(max_length=40)
    happened_at = models.DateTimeField(help_text="The timestamp of the body.")
    # No foreign keys in the database: these may lie elsewhere one day, and are read when it is sent.
    client_id = models.UUIDField(null=True)
    event_id = models.UUIDField(null=True, help_text="The event that is told, or that brought what is told.")
    reference = models.CharField(max_length=40, default="", help_text="The id of a revision or of a report's run.")
    change = models.JSONField(null=True, help_text="For stage.changed: what it was, what it is, and by which rule.")
    created_at = models.DateTimeField()

    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.SmallIntegerField(default=0, help_text="Counted before the work: a killed sender's counts too.")
    next_attempt_at = models.DateTimeField(null=True, help_text="Null: nothing left to do.")
    lease_by = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    last_attempt_at = models.DateTimeField(null=True)
    status = models.SmallIntegerField(null=True, help_text="The HTTP status of the last answer.")
    problem = models.CharField(max_length=300, default="", blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(fields=["ledger", "endpoint", "number"], name="webhook_delivery_number"),
            models.UniqueConstraint(fields=["ledger", "endpoint", "key"], name="webhook_delivery_key"),
            models.CheckConstraint(
                name="webhook_delivery_waiting_is_due",
                condition=models.Q(state="waiting", next_attempt_at__isnull=False)
                | (~models.Q(state="waiting") & models.Q(next_attempt_at__isnull=True)),
            ),
        ]
        indexes = [
            # What holds back the later ones of its client, and what is due.
            models.Index(
                fields=["endpoint", "client_id", "number"],
                name="webhook_delivery_open",
                condition=models.Q(state__in=["waiting", "parked"]),
            ),
            models.Index(
                fields=["endpoint", "next_attempt_at"],
                name="webhook_delivery_due",
                condition=models.Q(state="waiting"),
            ),
            models.Index(fields=["created_at"], name="webhook_delivery_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id} {self.state}"
