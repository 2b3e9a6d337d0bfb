"""A small cast: Ada administers, Lena leads the north team, Max and Mia manage clients in it, Otto audits; Nils is in
the south team. And what they do, in few words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.models import Organisation, Team, User
from accounts.roles import Principal, Role, principal_of_user, system_principal
from relationships import commands, event_store
from relationships.event_store import Appended
from relationships.queries import ClientRow

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ENVELOPE = ("source", "external_id", "text", "precision", "occurred_tz")


@dataclass
class Cast:
    """One organisation and whoever works there; everything is done `at` a moment that tests move on."""

    organisation: Organisation
    ledger_id: int
    system: Principal

    def user(self, name: str, role: Role, team: Team | None = None) -> Principal:
        email = f"{name.casefold()}@{self.organisation.slug}.example"
        user = User(email=email, name=name, organisation=self.organisation, role=role, team=team)
        user.set_unusable_password()
        user.save()
        return principal_of_user(user)

    def team(self, slug: str) -> Team:
        return Team.objects.create(organisation=self.organisation, slug=slug, name=slug.title())

    def client(
        self, name: str = "Brightwater Foods", *, by: Principal | None = None, now: datetime = NOW, **details: Any
    ) -> ClientRow:
        row, _ = commands.register_client(by or self.system, name=name, now=now, **details)
        return row

    def record(
        self,
        client: ClientRow | str,
        type: str,
        at: datetime,
        *,
        now: datetime = NOW,
        by: Principal | None = None,
        **stated: Any,
    ) -> Appended:
        ref = client if isinstance(client, str) else client.id
        if_match = stated.pop("if_match", None)
        envelope: dict[str, Any] = {name: stated.pop(name) for name in ENVELOPE if name in stated}
        item = {"type": type, "occurred_at": at, "data": stated, **envelope}
        return commands.record_event(by or self.system, ref, item, if_match=if_match, now=now)


def assemble(slug: str = "acme") -> Cast:
    organisation = commands.create_organisation(slug, slug.title(), now=NOW - 1000 * DAY)
    return Cast(organisation, event_store.ledger_of(organisation.pk), system_principal(organisation.pk, "test"))
