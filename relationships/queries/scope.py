"""Where every read begins: the principal's ledger, its live read tables, and the clients it may see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.roles import Principal
from relationships import event_store, projections
from relationships.domain.fields import text_fault
from relationships.domain.policy import Policy
from relationships.models.log import Ledger
from relationships.models.projections import Generation
from relationships.models.roster import Client, ClientQuerySet

from .errors import Invalid, NotFound

LIMIT, MOST = 50, 500
NO_CLIENT = "there is no such client"
_CLIENT_ID = f'SELECT id FROM "{Client._meta.db_table}" WHERE ledger_id = %s AND id = %s'


@dataclass(frozen=True)
class Scope:
    """What one question reads; `under` is the policy where another one is asked for than that of the generation."""

    principal: Principal
    ledger_id: int
    under: Policy | None = None

    @cached_property
    def generation(self) -> Generation | None:
        """The live one when it was first asked for; None where nothing was projected yet: everything is behind."""
        return projections.live(self.ledger_id)

    @cached_property
    def policy(self) -> Policy:
        """The one that was asked for, else that of the generation."""
        if self.under is not None:
            return self.under
        if self.generation is None:
            return projections.policy_in_force(self.ledger_id)
        return projections.policy_of(self.generation)

    @property
    def generation_id(self) -> int:
        """For conditions; 0 is no generation."""
        return self.generation.pk if self.generation else 0

    def clients(self) -> ClientQuerySet:
        """The clients that the principal may see."""
        return Client.objects.visible_to(self.principal).filter(ledger_id=self.ledger_id)

    def mine(self) -> dict[str, Any]:
        """The condition that a row of the read tables is about a visible client.

        Who sees all needs none: the generation is the ledger's.
        """
        everything = {"generation_id": self.generation_id}
        return everything if self.principal.sight == "all" else {**everything, "client__in": self.clients()}

    def client_id(self, ref: str) -> str:
        """The id alone of the client of an id or "source:external id". Raises NotFound."""
        if self.principal.sight == "all" and (identity := as_id(ref)) is not None:
            # What nearly every request of a program asks: around the ORM, which takes longer to say it than the
            # database to answer. All clients of a ledger are visible to who sees all of its organisation.
            with connection.cursor() as cursor:
                cursor.execute(_CLIENT_ID, [self.ledger_id, identity])
                found = cursor.fetchone()
        else:
            found = by_ref(self.clients(), ref).values_list("pk").first()
        if found is None:
            raise NotFound(NO_CLIENT)
        return str(found[0])

    def client(self, ref: str) -> Client:
        """The client of an id or "source:external id". Raises NotFound."""
        return find(self.clients(), ref)


def scope_of(principal: Principal) -> Scope:
    """Raises NotFound when the organisation has no ledger yet."""
    try:
        ledger_id = event_store.ledger_of(principal.organisation_id)
    except Ledger.DoesNotExist:
        raise NotFound("this organisation has no log yet") from None
    return Scope(principal, ledger_id)


def judged(
    principal: Principal,
    *,
    now: datetime,
    as_of: datetime | None,
    known_at: datetime | None,
    policy: int | None = None,
) -> tuple[Scope, Moments]:
    """The scope and the moments of a question, under the policy that answers it.

    That is the version `policy` where one is named, else the one in force when `known_at` was: what was believed then
    was believed by the rules of then. Raises NotFound, and Invalid for a version that there is not and a `known_at` in
    the future.
    """
    scope = scope_of(principal)
    asked = moments(scope.ledger_id, now=now, as_of=as_of, known_at=known_at)
    if policy is None:
        if asked.position is None:
            return scope, asked
        in_force = projections.policy_in_force(scope.ledger_id, position=asked.position)
        return replace(scope, under=in_force), asked
    known = projections.known_policy(scope.ledger_id, policy)
    if known is None:
        raise Invalid.one("policy", "unknown_version", f"There is no policy {policy}: see /api/v1/policies.")
    if asked.position is None and known.version != scope.policy.version:
        # The read tables are of another policy: everything is folded anew from the log as it is now.
        asked = replace(asked, position=event_store.head(scope.ledger_id).position)
    return replace(scope, under=known), asked


def find(clients: ClientQuerySet, ref: str) -> Client:
    """The one of `clients` with this id or "source:external id". Raises NotFound."""
    found = by_ref(clients, ref).first()
    if found is None:
        raise NotFound(NO_CLIENT)
    return found


def by_ref(clients: ClientQuerySet, ref: str) -> ClientQuerySet:
    """Those of `clients` with this id or "source:external id": one or none."""
    source, colon, external_id = ref.partition(":")
    if colon:
        if not source or not external_id or text_fault(ref) is not None:
            return clients.none()
        return clients.filter(external_ids__source=source, external_ids__external_id=external_id)
    identity = as_id(ref)
    return clients.none() if identity is None else clients.filter(pk=identity)


@lru_cache(maxsize=4_096)
def as_id(text: str) -> UUID | None:
    """The UUID that a text is the usual form of; None when it is none."""
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Moments:
    """The asked moment and the knowledge asked for; `position` is None when the read tables hold just that."""

    as_of: datetime
    known_at: datetime
    position: int | None


def moments(ledger_id: int, *, now: datetime, as_of: datetime | None, known_at: datetime | None) -> Moments:
    """Resolves `as_of` and `known_at`, both now where they are None. Raises Invalid for a `known_at` in the future."""
    if known_at is not None and known_at > now:
        raise Invalid.one("known_at", "in_the_future", "Nobody knows yet what will be known: give a past moment.")
    position = None if known_at is None else event_store.position_at(ledger_id, known_at)
    return Moments((as_of or now).astimezone(UTC), (known_at or now).astimezone(UTC), position)


def checked_limit(limit: int | None) -> int:
    """The number of rows asked for, 50 when None. Raises Invalid below 1 and above 500."""
    if limit is None:
        return LIMIT
    if not 1 <= limit <= MOST:
        raise Invalid.one("limit", "out_of_range", f"{limit} is not between 1 and {MOST}.")
    return limit
