"""What an order can be refused for; `Invalid` and `NotFound` are those of the queries."""

from __future__ import annotations

from collections.abc import Iterable

from relationships.domain.events import FieldError
from relationships.event_store import Conflict
from relationships.queries.errors import Invalid, NotFound

__all__ = [
    "BatchRefused",
    "ClientConflict",
    "Conflict",
    "ContactConflict",
    "Forbidden",
    "Invalid",
    "NotFound",
    "PolicyConflict",
    "PreconditionFailed",
    "PreconditionRequired",
]


class Forbidden(PermissionError):
    """The principal may not do this, or nobody may by this way; the message says which."""


class PreconditionRequired(Exception):
    """A person decides here on what they saw: `if_match`, the client's version, has to be given."""


class PreconditionFailed(Exception):
    """The client is no longer at the version that was given; `current` is where it is."""

    def __init__(self, current: int) -> None:
        self.current = current
        super().__init__(f"the client is at version {current} by now")


class ClientConflict(Exception):
    """An external id that a client has already, with other details: `client_id` and the differing `fields`."""

    def __init__(self, client_id: str, fields: tuple[str, ...]) -> None:
        self.client_id = client_id
        self.fields = fields
        super().__init__(f"that external id belongs to {client_id}, which differs in {', '.join(fields)}")


class ContactConflict(Exception):
    """A handle that somebody else at the client has: `contact_id`; `erased` when that person was erased."""

    fields = ("handles",)

    def __init__(self, contact_id: str, *, erased: bool) -> None:
        self.contact_id = contact_id
        what = "an erased person, of whom nothing may be kept" if erased else "another contact of this client"
        super().__init__(f"that handle belongs to {contact_id}, {what}")


class BatchRefused(Exception):
    """Nothing of an all-or-nothing batch was recorded; the pointers of `errors` begin with `/events/{index}`."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__(f"{len(self.errors)} faults: nothing was recorded")


class PolicyConflict(Exception):
    """A policy cannot be adopted as things stand; the message says why."""
