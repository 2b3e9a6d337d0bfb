"""Every operation, by everybody: the answer is the one of the published matrix (docs/access.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings
from django.utils import timezone
from pytest_django import Settings

from accounts import security
from accounts.models import ApiKey, Team, User
from accounts.roles import SCOPES, Role
from relationships import queries
from relationships.webhooks import egress
from tests.api import caller as http
from tests.api.addresses import Addresses
from tests.commands.cast import Cast, assemble
from tests.security import matrix
from tests.walls import Browser

ANN = {"platform": "email", "handle": "ann@brightwater.example", "name": "Ann"}


class House:
    """A client of the north team's account manager, and everybody who may or may not see it."""

    def __init__(self) -> None:
        now = timezone.now()
        self.cast, self.rival = assemble(), assemble("rival")
        north, south = self.cast.team("north"), self.cast.team("south")
        self.callers: dict[str, http.Caller] = {"nobody": http.Caller()}
        self._people(north, south)
        client = self.cast.client("Brightwater Foods", owner="account.manager@acme.example", now=now)
        held = self.cast.record(
            client, "meeting_held", now - timedelta(days=30), now=now, mode="in_person", contacts=[ANN]
        )
        asked = now - timedelta(days=4)
        self.cast.record(client, "question_asked", asked, now=now, channel="email", contacts=[ANN])
        [contact] = queries.contacts(self.cast.system, client=client.id).rows
        self.samples = {
            "client": client.id,
            "contact": contact.id,
            "event": held.event.event_id,
            "event_type": "meeting_held",
            "colleague": str(client.owner),
        }
        self._keys(north, south)
        self.samples |= self._policy() | self._webhook()
        self.samples["action"] = self.callers["key of the team"].get("/actions").body["data"][0]["id"]

    def _people(self, north: Team, south: Team) -> None:
        for name, role, team in (
            ("auditor", Role.AUDITOR, None),
            ("account manager", Role.ACCOUNT_MANAGER, north),
            ("account manager of another team", Role.ACCOUNT_MANAGER, south),
            ("team lead", Role.TEAM_LEAD, north),
            ("team lead of another team", Role.TEAM_LEAD, south),
            ("administrator", Role.ADMINISTRATOR, None),
        ):
            self.cast.user(name.replace(" ", "."), role, team)
            user = User.objects.get(email=f"{name.replace(' ', '.')}@acme.example")
            browser = Browser(raise_request_exception=False)
            browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
            self.callers[name] = http.Caller(browser=browser)

    def _keys(self, north: Team, south: Team) -> None:
        now = timezone.now()
        for scope in SCOPES:
            self._key(f"key: {scope}", self.cast, scopes=[scope])
        self._key("key of the team", self.cast, team=north)
        self._key("key of another team", self.cast, team=south)
        self._key("key of another organisation", self.rival)
        self._key("revoked key", self.cast).revoke(now=now)
        expired = self._key("expired key", self.cast)
        ApiKey.objects.filter(pk=expired.pk).update(expires_at=now - timedelta(seconds=1))

    def _key(
        self, name: str, cast: Cast, *, scopes: tuple[str, ...] | list[str] = ("*",), team: Team | None = None
    ) -> ApiKey:
        key, secret = ApiKey.issue(
            organisation=cast.organisation, name=name, scopes=scopes, team=team, now=timezone.now()
        )
        self.callers[name] = http.Caller(secret)
        return key

    def _policy(self) -> dict[str, str]:
        """A version that was previewed, adopted and back-tested."""
        api = self.callers["key: *"]
        version = api.post("/policies", {"changes": {"grace": 20}}).body["version"]
        preview = api.post(f"/policies/{version}/preview", {}).body["id"]
        api.post(f"/policies/{version}/evidence", {})
        adoption = api.post(f"/policies/{version}/adopt", {}).body["id"]
        return {"policy": str(version), "preview": preview, "adoption": adoption}

    def _webhook(self) -> dict[str, str]:
        """An endpoint of the north team's, where nobody listens, and what was to be sent there."""
        ids = {"clients": self.samples["client"]}
        addresses = Addresses(self.callers["key of the team"], ids, "http://127.0.0.1:9/in")
        with override_settings(WEBHOOK_ALLOW_HOSTS=["127.0.0.1"]):
            parts = addresses.at("/api/v1/webhooks/{id}/deliveries/{delivery_id}").split("/")
        return {"webhook": parts[4], "delivery": parts[6]}

    def call(self, cell: matrix.Cell, who: str, samples: Mapping[str, str]) -> http.Answer:
        """What somebody is answered who asks about these rows; what they did is undone."""
        how = {"type": cell.media_type} if cell.media_type else {}
        with transaction.atomic():
            answer = self.callers[who].send(cell.method.upper(), cell.filled(samples), self._body(cell, samples), **how)
            transaction.set_rollback(True)
        return answer

    def outcome(self, cell: matrix.Cell, who: str) -> str:
        """What somebody gets, in the words of the matrix."""
        answer = self.call(cell, who, self.samples)
        if answer.status in (401, 403, 404):
            return str(answer.status)
        return matrix.YES if answer.status < 500 and answer.status != 405 else f"{answer.status}: {answer.raw[:200]!r}"

    @staticmethod
    def _body(cell: matrix.Cell, samples: Mapping[str, str]) -> Any:
        if not isinstance(cell.body, Mapping):
            return b"" if cell.body is None else cell.body
        named = {name: samples["client"] for name in matrix.NAMING if name in cell.body}
        # Whoever sees their own clients alone may give them to nobody else.
        return {name: value for name, value in {**cell.body, **named}.items() if name != "owner"}


@pytest.mark.django_db
def test_everybody_gets_what_the_matrix_says(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RATE_LIMIT = 0
    settings.WEBHOOK_ALLOW_HOSTS = ["127.0.0.1"]
    monkeypatch.setattr(egress, "check", lambda url: None)
    monkeypatch.setattr(security, "GUESSES", 10**6)
    house = House()
    wrong = [
        f"{cell} by {caller.name}: {found}, not {told}"
        for cell in matrix.operations()
        for caller in matrix.callers()
        if (found := house.outcome(cell, caller.name)) != (told := matrix.expected(cell, caller))
    ]
    assert not wrong, "\n".join(wrong)


def test_every_operation_of_a_client_or_event_has_a_scope() -> None:
    open_to_all = [cell.path for cell in matrix.operations() if cell.scope is None]
    assert open_to_all == ["/api/problems"]
    assert {cell.scope for cell in matrix.operations() if cell.scope} <= set(SCOPES)


def test_no_address_is_missing_in_the_document() -> None:
    from relationships.api.operations import operation_of
    from relationships.api.urls import _V1

    documented = {(cell.method, cell.path) for cell in matrix.operations()}
    for route in _V1:
        view = route.callback.view_class()  # type: ignore[union-attr]
        path = "/api/v1/" + str(route.pattern).replace("<str:", "{").replace(">", "}")
        for method in matrix.METHODS:
            if hasattr(view, method):
                assert operation_of(view, method) is not None, f"{method} {path} promises nothing"
                assert (method, path) in documented
