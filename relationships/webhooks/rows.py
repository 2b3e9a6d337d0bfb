"""What readers are shown of endpoints and deliveries. Secrets are not among it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRow:
    """An endpoint and how it does.

    `waiting` are deliveries to come, `parked` those given up until somebody asks; `oldest_waiting_at` is since when the
    oldest waits. `state` is one of `subscribers.STATES`, `secret_hint` the last characters of the secret.
    """

    id: str
    url: str
    description: str
    kinds: tuple[str, ...]
    event_types: tuple[str, ...]
    include_text: bool
    team_id: int | None
    enabled: bool
    disabled_reason: str
    disabled_at: datetime | None
    created_at: datetime
    created_by: str
    secret_hint: str
    previous_secret_until: datetime | None
    state: str
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_failure: str
    failing_since: datetime | None
    waiting: int
    parked: int
    oldest_waiting_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """One delivery and its fate; `id` is the webhook-id. `number` orders those of one client."""

    id: str
    number: int
    kind: str
    state: str
    client_id: str | None
    event_id: str | None
    happened_at: datetime
    created_at: datetime
    attempts: int
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    status: int | None
    problem: str
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How a test went: `ok` when it was answered with 2xx; `status` is None when nobody answered."""

    delivery_id: str
    ok: bool
    status: int | None
    problem: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Over all endpoints. `disabled` are those that were not switched off by hand; `oldest_s` is the age in seconds of
    the oldest delivery that waits, 0 without one."""

    endpoints: int
    disabled: int
    waiting: int
    parked: int
    oldest_s: float
