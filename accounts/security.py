"""The security log: who came in, was refused, changed rights or took something out; when, and from where.

`note` is called by whoever does such a thing; it is a one-way street, nothing reads the log to decide. An entry stands
in the database, where it can only be added, and goes out as a line of the program's log.

Refusals can come in floods. They are counted by address and minute, and noted at the 1st, 10th, 100th, 1000th …: the
log grows by the logarithm of a flood, and every refusal costs one short statement.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from accounts.models import ApiKey, RefusalWindow, SecurityEntry, User
from accounts.roles import Principal

logger = logging.getLogger("security")

Details = Mapping[str, str | int | None]

# What may be noted, in the words of the screen.
KINDS = {
    "signed_in": "signed in",
    "sign_in_failed": "sign-in failed",
    "signed_out": "signed out",
    "password_changed": "password changed",
    "access_refused": "access refused",
    "key_refused": "key refused",
    "person_added": "person added",
    "rights_changed": "rights changed",
    "key_issued": "key issued",
    "key_revoked": "key revoked",
    "exported": "exported",
    "replayed": "replayed",
    "person_erased": "person erased",
    "policy_adopted": "policy adopted",
    "endpoint_changed": "endpoint changed",
}
_RIGHTS = ("team_id", "is_active", "is_staff", "is_superuser")
KEPT = timedelta(days=400)
# Failed sign-ins, or unusable keys, that one address may try in a minute.
GUESSES = 100
WINDOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Whence:
    """Where a request came from; empty for commands and the worker."""

    address: str = ""
    request_id: str = ""


NOWHERE = Whence()
whence: ContextVar[Whence] = ContextVar("whence", default=NOWHERE)


def note(
    kind: str,
    *,
    now: datetime,
    principal: Principal | None = None,
    actor: str = "",
    organisation_id: int | None = None,
    about: str = "",
    details: Details | None = None,
    times: int = 1,
) -> None:
    """Writes an entry: what was done, by whom (`principal`, or the label of an `actor`), to what (`about`).

    Give ids, counts and words of our own; never a secret, a name, an address or a text of a person. Inside a
    transaction it stands or falls with what it tells of. Raises KeyError for a kind that is none."""
    actor = principal.label if principal else actor
    organisation_id = principal.organisation_id if principal else organisation_id
    place = whence.get()
    SecurityEntry.objects.create(
        at=now,
        kind=kind,
        organisation_id=organisation_id,
        actor=actor,
        address=place.address,
        about=about[:120],
        details=dict(details or {}),
        times=times,
        request_id=place.request_id,
    )
    told = {"kind": kind, "actor": actor, "organisation": organisation_id, "address": place.address, "about": about}
    logger.info(KINDS[kind], extra={"security": {**told, "times": times, **(details or {})}})


def rights_of(user: User) -> dict[str, str | int | None]:
    """What decides what somebody may see and do, as details of an entry."""
    return {"role": str(user.role), **{name: getattr(user, name) for name in _RIGHTS}}


def note_key(kind: str, key: ApiKey, *, now: datetime, principal: Principal | None = None, actor: str = "") -> None:
    """Notes that a key was issued or revoked, with what it lets do, for which team (an id) and until when."""
    until = key.expires_at.isoformat() if key.expires_at else None
    note(
        kind,
        now=now,
        principal=principal,
        actor=actor,
        organisation_id=key.organisation_id,
        about=f"key:{key.prefix}",
        details={"scopes": " ".join(key.scopes), "team": key.team_id, "until": until},
    )


def note_person(
    kind: str,
    user: User,
    *,
    now: datetime,
    principal: Principal | None = None,
    actor: str = "",
    details: Details | None = None,
) -> None:
    """Notes what was done to somebody's login, by id: added, rights changed, password changed."""
    organisation_id = user.organisation_id
    about = f"user:{user.pk}"
    note(kind, now=now, principal=principal, actor=actor, organisation_id=organisation_id, about=about, details=details)


def note_export(about: str, form: str, *, now: datetime, principal: Principal) -> None:
    """Notes that somebody took something out, and in which form."""
    note("exported", now=now, principal=principal, about=about, details={"form": form})


def note_refusal(
    kind: str,
    *,
    now: datetime,
    actor: str = "",
    organisation_id: int | None = None,
    about: str = "",
    details: Details | None = None,
) -> int:
    """Counts a refusal of the current address and notes it if it is the 1st, 10th, 100th … of its minute.

    Answers how many there were in this minute, this one included."""
    times = _count(kind, now)
    if str(times).strip("0") == "1":
        note(kind, now=now, actor=actor, organisation_id=organisation_id, about=about, details=details, times=times)
    return times


def guesses_too_much(kind: str, *, now: datetime) -> bool:
    """Whether the current address has met more refusals of a kind in this minute than anybody honest does."""
    starts_at = now.replace(second=0, microsecond=0)
    known = RefusalWindow.objects.filter(address=network_of(whence.get().address), kind=kind, starts_at=starts_at)
    return (known.values_list("refusals", flat=True).first() or 0) >= GUESSES


def forget(*, now: datetime) -> None:
    """Drops what is older than the log is kept, and the counts of yesterday."""
    SecurityEntry.objects.filter(at__lt=now - KEPT).delete()
    RefusalWindow.objects.filter(starts_at__lt=now - timedelta(days=1)).delete()


def address_of(request: HttpRequest) -> str:
    """The caller's address: the peer's, or what trusted proxies (TRUSTED_PROXIES) say of theirs. Empty on a socket."""
    peer = request.META.get("REMOTE_ADDR") or ""
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    # From our end: a hop counts only where the one that told it is ours.
    while _is_trusted(peer) and hops:
        told = hops.pop()
        if _parsed(told) is None:
            break
        peer = told
    found = _parsed(peer)
    return str(found) if found else ""


def network_of(address: str) -> str:
    """What is counted together: an IPv4 address, or the /64 that one IPv6 host may take its addresses from."""
    found = _parsed(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped) or found


def _is_trusted(text: str) -> bool:
    found = _parsed(text)
    return found is not None and any(found in network for network in settings.TRUSTED_PROXIES)


# As relationships.api.limits counts requests: one statement, and no waiting for the disk.
_COUNT = f"""
INSERT INTO {RefusalWindow._meta.db_table} AS known (address, kind, starts_at, refusals) VALUES (%s, %s, %s, 1)
ON CONFLICT (address, kind) DO UPDATE SET
    refusals = CASE WHEN known.starts_at < excluded.starts_at THEN 1 ELSE known.refusals + 1 END,
    starts_at = greatest(known.starts_at, excluded.starts_at)
RETURNING refusals, set_config('synchronous_commit', 'off', true)
"""


def _count(kind: str, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [network_of(whence.get().address), kind, now.replace(second=0, microsecond=0)])
        return int(cursor.fetchone()[0])
