"""Every change that the outside may ask for. Each is an event in the log, and the read tables follow.

Each takes the principal first, `now` and a `request_id` that is kept on the events. `errors` says what can be refused.
"""

from __future__ import annotations

from .clients import (
    ClientResult,
    assign_owner,
    make_clients,
    register_client,
    register_clients,
    update_client,
)
from .contacts import add_contact, update_contact
from .errors import (
    BatchRefused,
    ClientConflict,
    Conflict,
    ContactConflict,
    Forbidden,
    Invalid,
    NotFound,
    PolicyConflict,
    PreconditionFailed,
    PreconditionRequired,
)
from .events import Result, correct_event, record_event, record_events, retract_event
from .organisations import create_organisation
from .people import link_logins
from .persons import Destroyed, Erasure, erase_person
from .policies import adopt_policy, ask_for_evidence, draft_policy, preview_policy
from .suggestions import close_suggestions, note_shown, put_off

__all__ = [
    "BatchRefused",
    "ClientConflict",
    "ClientResult",
    "Conflict",
    "ContactConflict",
    "Destroyed",
    "Erasure",
    "Forbidden",
    "Invalid",
    "NotFound",
    "PolicyConflict",
    "PreconditionFailed",
    "PreconditionRequired",
    "Result",
    "add_contact",
    "adopt_policy",
    "ask_for_evidence",
    "assign_owner",
    "close_suggestions",
    "correct_event",
    "create_organisation",
    "draft_policy",
    "erase_person",
    "link_logins",
    "make_clients",
    "note_shown",
    "preview_policy",
    "put_off",
    "record_event",
    "record_events",
    "register_client",
    "register_clients",
    "retract_event",
    "update_client",
    "update_contact",
]
