"""Who is who: clients, their contacts, and our own people.

Rows here are read copies of what the log says, kept by `relationships.commands` in the transaction that appends it.
The contact tables hold the only readable copies of names and addresses; an erasure clears them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models

from relationships.models.log import Ledger

if TYPE_CHECKING:
    from accounts.roles import Principal


class ClientQuerySet(models.QuerySet["Client"]):
    def visible_to(self, principal: Principal) -> ClientQuerySet:
        """The clients that a principal may know of. Every read of clients begins here."""
        ours = self.filter(ledger__organisation_id=principal.organisation_id)
        if principal.sight == "all":
            return ours
        if principal.sight == "team" and principal.team_id is not None:
            return ours.filter(owner__team_id=principal.team_id)
        if principal.sight == "own" and principal.user_id is not None:
            return ours.filter(owner__user_id=principal.user_id)
        return ours.none()


class Colleague(models.Model):
    """One of our people, with or without a login."""

    id = models.UUIDField(primary_key=True)
    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=200)
    email = models.CharField(max_length=254, null=True, help_text="Normal form.")
    # Ids, not foreign keys: logins and teams live in accounts and may lie on another machine one day.
    user_id = models.BigIntegerField(null=True)
    team_id = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ledger", "id"], name="colleague_in_ledger"),
            models.UniqueConstraint(
                fields=["ledger", "email"], name="colleague_email", condition=models.Q(email__isnull=False)
            ),
            models.UniqueConstraint(
                fields=["ledger", "user_id"], name="colleague_user", condition=models.Q(user_id__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email or str(self.id)


class Client(models.Model):
    """The firm on the other side. Its id is that of its stream."""

    id = models.UUIDField(primary_key=True)
    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=200)
    normal_name = models.CharField(max_length=200, help_text="See relationships.domain.identity.normal_name.")
    tier = models.CharField(max_length=8, default="standard", help_text="key, standard or light")
    time_zone = models.CharField(max_length=64, default="UTC")
    remote_only = models.BooleanField(default=False)
    tags = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    domains = ArrayField(models.CharField(max_length=253), default=list, blank=True)
    owner = models.ForeignKey(
        Colleague, null=True, on_delete=models.PROTECT, db_constraint=False, related_name="clients"
    )
    registered_at = models.DateTimeField()

    objects = ClientQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ledger", "id"], name="client_in_ledger")]
        indexes = [models.Index(fields=["ledger", "normal_name", "id"], name="client_by_name")]

    def __str__(self) -> str:
        return self.name


class ClientExternalId(models.Model):
    """What another system calls a client."""

    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+", db_index=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_constraint=False, related_name="external_ids")
    source = models.CharField(max_length=80)
    external_id = models.CharField(max_length=255)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ledger", "source", "external_id"], name="client_external_id")]

    def __str__(self) -> str:
        return f"{self.source}:{self.external_id}"


class Contact(models.Model):
    """A person at a client. After an erasure only the id, the pseudonym, is left."""

    id = models.UUIDField(primary_key=True)
    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+", db_index=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, db_constraint=False, related_name="contacts")
    name = models.CharField(max_length=200, null=True)
    role = models.CharField(max_length=200, null=True)
    added_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ledger", "id"], name="contact_in_ledger")]

    def __str__(self) -> str:
        return self.name or str(self.id)


class ContactHandle(models.Model):
    """Where a contact can be met: an e-mail address (platform `email`) or a name on a platform."""

    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+", db_index=False)
    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="handles"
    )
    platform = models.CharField(max_length=40)
    handle = models.CharField(max_length=254, help_text="Normal form, for finding.")
    shown = models.CharField(max_length=254, help_text="As it was given.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ledger", "contact", "platform", "handle"], name="contact_handle_once")
        ]
        indexes = [models.Index(fields=["ledger", "platform", "handle"], name="contact_handle_found")]

    def __str__(self) -> str:
        return f"{self.platform}:{self.shown}"


class ErasedHandle(models.Model):
    """A handle of an erased person, as a keyed digest: whoever names it again means the pseudonym, not somebody new.

    A read copy of what `person_erased` holds, to look it up by.
    """

    ledger = models.ForeignKey(Ledger, on_delete=models.PROTECT, related_name="+", db_index=False)
    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="erased_handles"
    )
    mac = models.CharField(max_length=64, help_text="See relationships.sealing.handle_mac.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ledger", "mac", "contact"], name="erased_handle_once")]

    def __str__(self) -> str:
        return f"{self.contact_id} {self.mac[:8]}"
