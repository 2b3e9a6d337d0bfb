"""Whether a client is as it was when somebody last looked: what conditional requests ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accounts.roles import Principal
from relationships import event_store
from relationships.models.log import Event
from relationships.models.projections import StagePeriod

from .errors import NotFound
from .scope import scope_of


@dataclass(frozen=True, slots=True)
class Seen:
    """A client's version, how often since then time alone changed where it stands, and how many policies were adopted.

    The two are told apart: under another policy fewer periods may have begun, and the sum be the same.
    """

    version: int
    periods: int
    policies: int


def seen(principal: Principal, ref: str, *, now: datetime) -> Seen:
    """What there is to be seen of a client now. Raises NotFound."""
    scope = scope_of(principal)
    client = scope.client(ref)
    events = Event.objects.filter(ledger_id=scope.ledger_id)
    latest = events.filter(stream_id=client.pk).order_by("-version").values_list("version", "recorded_at").first()
    if latest is None:
        raise NotFound("there is no such client")
    version, recorded_at = latest
    periods = StagePeriod.objects.filter(
        generation_id=scope.generation_id, client=client, begins_at__gt=recorded_at, begins_at__lte=now
    ).count()
    policies = events.filter(
        stream_id=event_store.ledger_stream(scope.ledger_id), type="policy_adopted", recorded_at__gt=recorded_at
    ).count()
    return Seen(version, periods, policies)
