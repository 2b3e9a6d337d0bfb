"""What was suggested to whom, and what became of it: the measure of the rules, and "not now".

The action itself is worked out of the log and stands in the read tables; here stands only that it was shown.
"""

from __future__ import annotations

from django.db import models

from relationships.models.log import Ledger
from relationships.models.roster import Client


class Suggestion(models.Model):
    """One action as it was shown to one person (or to the holder of a key).

    `closed_at` is when it was noticed that it no longer stands; `outcome` then says why.
    """

    class Outcome(models.TextChoices):
        DONE = "done", "an event closed it"
        LAPSED = "lapsed", "its time passed"
        WITHDRAWN = "withdrawn", "another policy does not call for it"

    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+", db_index=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="suggestions", db_index=False)
    mark = models.CharField(max_length=16, help_text="`domain.actions.Action.mark`.")
    rule = models.CharField(max_length=30)
    person = models.CharField(max_length=80, help_text="The label of the principal.")
    policy = models.IntegerField()
    shown_at = models.DateTimeField()
    until = models.DateTimeField(null=True)
    put_off_until = models.DateTimeField(null=True)
    put_offs = models.IntegerField(default=0)
    closed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, null=True, choices=Outcome.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["ledger", "client", "mark", "person"],
                name="suggestion_open_once",
                condition=models.Q(closed_at__isnull=True),
            ),
            models.CheckConstraint(
                name="suggestion_closed_with_outcome",
                condition=models.Q(closed_at__isnull=True, outcome__isnull=True)
                | models.Q(closed_at__isnull=False, outcome__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["ledger", "rule"], name="suggestion_by_rule")]

    def __str__(self) -> str:
        return f"{self.rule} to {self.person}"
