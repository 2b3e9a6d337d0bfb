"""Who may see and do what. It is decided here and nowhere else.

| role            | sees the clients           | may do                      | reads personal text |
|-----------------|----------------------------|-----------------------------|---------------------|
| administrator   | all of the organisation    | everything                  | yes                 |
| team lead       | owned by the team's people | all but policies and hooks  | yes                 |
| account manager | their own                  | clients, events, reports    | yes                 |
| auditor         | all of the organisation    | read                        | no                  |
| API key         | all, or those of its team  | what its scopes say         | with ``text:read``  |

A client that is not seen does not exist for whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from accounts.models import ApiKey, User

Sight = Literal["all", "team", "own"]

# Each with what whoever has it may do, as the screen for keys says it.
MEANINGS = {
    "events:read": _("read events and the feed"),
    "events:write": _("record events, correct and retract them"),
    "clients:read": _("read clients, contacts, where they stand, meetings and questions"),
    "clients:write": _("register and change clients and contacts"),
    "reports:read": _("read reports"),
    "reports:write": _("make and schedule reports"),
    "policies:write": _("draft, preview and adopt policies"),
    "webhooks:write": _("have events sent to addresses outside"),
    "imports:write": _("import files"),
    "text:read": _("read names, addresses and words of persons"),
    "*": _("everything, also what is added later"),
}
SCOPES = tuple(MEANINGS)


class Role(models.TextChoices):
    ADMINISTRATOR = "administrator", _("administrator")
    TEAM_LEAD = "team_lead", _("team lead")
    ACCOUNT_MANAGER = "account_manager", _("account manager")
    AUDITOR = "auditor", _("auditor")


_READ = frozenset({"events:read", "clients:read", "reports:read"})
_WORK = _READ | {"events:write", "clients:write", "reports:write", "text:read"}

_RIGHTS: dict[str, tuple[Sight, frozenset[str]]] = {
    Role.ADMINISTRATOR: ("all", frozenset({"*"})),
    Role.TEAM_LEAD: ("team", _WORK | {"imports:write"}),
    Role.ACCOUNT_MANAGER: ("own", _WORK),
    Role.AUDITOR: ("all", _READ),
}


def rights_of(role: str) -> tuple[Sight, frozenset[str]]:
    """How far a role sees, and its scopes."""
    return _RIGHTS[role]


@dataclass(frozen=True)
class Principal:
    """Whoever asks: a person, a key or the program itself. Passed to every query and command.

    ``label`` is what the log keeps as ``recorded_by``: ``user:<id>``, ``key:<prefix>`` or ``system:<name>``.
    With sight ``team``, ``team_id`` None sees nothing; with ``own``, only the clients of ``user_id``.
    ``time_zone`` is an IANA name, for what is shown to them."""

    organisation_id: int
    label: str
    sight: Sight
    team_id: int | None
    user_id: int | None
    scopes: frozenset[str]
    time_zone: str

    def may(self, scope: str) -> bool:
        """Whether a scope was given, by name or by ``*``."""
        if scope not in SCOPES:
            raise ValueError(f"{scope!r} is no scope; there are {', '.join(SCOPES)}")
        return scope in self.scopes or "*" in self.scopes

    @property
    def reads_text(self) -> bool:
        """Whether names, handles and words of persons may be shown."""
        return self.may("text:read")


def principal_of_user(user: User) -> Principal:
    """What this person may see and do; nothing while they are switched off."""
    sight, scopes = rights_of(user.role)
    return Principal(
        organisation_id=user.organisation_id,
        label=f"user:{user.pk}",
        sight=sight,
        team_id=user.team_id,
        user_id=user.pk,
        scopes=scopes if user.is_active else frozenset(),
        time_zone=user.time_zone,
    )


def principal_of_key(key: ApiKey) -> Principal:
    """What the bearer of this key may see and do."""
    return Principal(
        organisation_id=key.organisation_id,
        label=f"key:{key.prefix}",
        sight="all" if key.team_id is None else "team",
        team_id=key.team_id,
        user_id=None,
        scopes=frozenset(key.scopes),
        time_zone=key.organisation.time_zone,
    )


def system_principal(organisation_id: int, name: str) -> Principal:
    """The program itself, acting for the whole organisation: an import, a report, a command."""
    return Principal(
        organisation_id=organisation_id,
        label=f"system:{name}",
        sight="all",
        team_id=None,
        user_id=None,
        scopes=frozenset({"*"}),
        time_zone="UTC",
    )
