"""What tests of webhooks do in few words, with a clock of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Team
from accounts.roles import Principal
from relationships import webhooks
from relationships.models.webhooks import WebhookDelivery, WebhookEndpoint
from tests.api.document import sent_faults
from tests.commands.cast import NOW, Cast
from tests.webhooks.receiver import Receiver

SECOND = timedelta(seconds=1)


@dataclass
class Post:
    """Endpoints that a receiver stands behind, and a sender; `now` is moved on by tests."""

    cast: Cast
    receiver: Receiver
    now: datetime = NOW
    secrets: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sender = webhooks.Sender(threads=8)

    def endpoint(self, *kinds: str, by: Principal | None = None, **stated: Any) -> WebhookEndpoint:
        given = {"url": self.receiver.url, "kinds": list(kinds or webhooks.KINDS), **stated}
        row, secret = webhooks.create(by or self.cast.system, given, now=self.now)
        self.secrets[row.id] = secret
        return WebhookEndpoint.objects.get(pk=row.id)

    def team_key(self, team: Team) -> Principal:
        return Principal(
            organisation_id=self.cast.organisation.pk,
            label="key:team",
            sight="team",
            team_id=team.pk,
            user_id=None,
            scopes=frozenset({"webhooks:write"}),
            time_zone="UTC",
        )

    def go(self, later: timedelta = SECOND) -> list[Any]:
        """Time passes, everything due is sent and written down; answers the bodies that came."""
        before = len(self.receiver.got)
        self.now += later
        for _ in range(100):
            self.sender.turn(now=self.now)
            if not self.sender.running:
                break
            self.sender.finish(now=self.now)
        bodies = [one.json for one in self.receiver.got[before:]]
        for body in bodies:
            assert not sent_faults(body), body
        return bodies

    def standings(self, bodies: list[Any]) -> list[tuple[str | None, str | None]]:
        """Of stage.changed, from what to what, as stage/health."""
        changed = [body["data"] for body in bodies if body["type"] == "stage.changed"]
        return [(_words(one["before"]), _words(one["after"])) for one in changed]


def _words(standing: Any) -> str | None:
    return standing and f"{standing['stage']}/{standing['health']}"


def delivery(**where: Any) -> WebhookDelivery:
    return WebhookDelivery.objects.get(**where)
