"""Addresses of the API at which something is: whatever an address names is made first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.utils import timezone

from relationships import webhooks
from tests.api.caller import Caller


class Addresses:
    """`ids` names what is there by the word in braces or by the resource that an address begins with.

    `receiver` is where webhooks are to go; what an address needs beside is made through the API when it is asked for.
    """

    def __init__(self, api: Caller, ids: Mapping[str, str], receiver: str) -> None:
        self.api, self.ids, self.receiver = api, ids, receiver

    def at(self, path: str) -> str:
        """A path of the document with ids of what is there."""
        resource = path.split("/")[3]
        make: Callable[[str], str] | None = {"policies": self._policy, "webhooks": self._webhook}.get(resource)
        if make is not None and "{" in path:
            return make(path)
        path = path.replace("{id}", self.ids.get(resource, self.ids["clients"]))
        return path.replace("{event_id}", self.ids["event_id"]).replace("{type}", "meeting_held")

    def _policy(self, path: str) -> str:
        """At a version that was proposed, and previewed, adopted or back-tested where the address is about that."""
        version = str(self.api.post("/policies", {"based_on": 1, "changes": {"grace": 20}}).body["version"])
        for name, act in (("previews", "preview"), ("adoptions", "adopt"), ("evidence", "evidence")):
            if f"/{name}" in path:
                made = self.api.post(f"/policies/{version}/{act}", b"")
                path = path.replace("{id}", str(made.body.get("id", "")))
        return path.replace("{version}", version)

    def _webhook(self, path: str) -> str:
        """At an endpoint, to which something was sent where the address is about that."""
        made = self.api.post("/webhooks", {"url": self.receiver, "kinds": ["event.recorded"]}).body
        if "{delivery_id}" in path:
            said = {"type": "note_added", "occurred_at": timezone.now().isoformat(), "data": {}}
            self.api.post(f"/clients/{self.ids['clients']}/events", said)
            sender = webhooks.Sender(threads=1)
            for _ in range(3):
                sender.turn(now=timezone.now())
                sender.finish(now=timezone.now())
            sender.close(now=timezone.now())
            deliveries = self.api.get(f"/webhooks/{made['id']}/deliveries").body["data"]
            path = path.replace("{delivery_id}", deliveries[0]["id"])
        return path.replace("{id}", made["id"])
