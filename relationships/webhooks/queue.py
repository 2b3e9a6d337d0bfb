"""The queue and the log of deliveries: claimed, finished, replayed, skipped, read, forgotten.

Of one endpoint, what belongs to one client goes out in order: nothing is claimed while an earlier delivery of the
client waits or is parked. Other clients and other endpoints go on. What was claimed is leased; a result that comes
after somebody else has taken the lease changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts import security
from accounts.roles import Principal
from relationships.commands import NotFound
from relationships.models.roster import Client
from relationships.models.webhooks import WebhookDelivery, WebhookEndpoint
from relationships.queries import Page
from relationships.queries.events import EPOCH
from relationships.queries.paging import Order, one_of, page, place_of
from relationships.queries.scope import checked_limit

from . import schedule, subscribers
from .kinds import TEST
from .rows import DeliveryRow

LIST = "webhookdeliveries1"
# Short, so that a dead sender's work is soon done again; who lives renews it while an attempt lasts. One that is late
# with that costs a repetition under the same id: the next of a client goes out when this one has arrived, by whomever.
LEASE = timedelta(seconds=10)
KEPT = timedelta(days=30)
GIVEN_UP_AFTER = timedelta(days=5)

State = WebhookDelivery.State
STATES = tuple(state.value for state in State)
_BY_NUMBER = Order("number", int, "number", int)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. `status` is None when nobody answered; `problem` is empty when all is well."""

    status: int | None = None
    retry_after: str | None = None
    problem: str = ""
    withheld: bool = False

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


# ---------------------------------------------------------------------- the queue


def due_endpoints(*, now: datetime) -> list[WebhookEndpoint]:
    """The endpoints that have something to be sent now."""
    waiting = WebhookDelivery.objects.filter(_due(now), endpoint_id=OuterRef("pk"), ledger_id=OuterRef("ledger_id"))
    found = WebhookEndpoint.objects.filter(Exists(waiting), enabled=True)
    return list(found.order_by("pk"))


def claim(
    ledger_id: int, room: Sequence[tuple[WebhookEndpoint, int]], *, by: UUID, now: datetime, until: datetime
) -> list[WebhookDelivery]:
    """Takes deliveries that are due and held back by none, of each of these endpoints at most so many.

    They are leased to `by` until then. Counts the attempt that is to come; one that has had them all is parked instead.
    """
    endpoints = {endpoint.pk: endpoint for endpoint, _ in room}
    asked = {
        "ledger": ledger_id,
        "endpoints": list(endpoints),
        "limits": [limit for _, limit in room],
        "now": now,
        "until": until,
        "by": by,
    }
    with transaction.atomic():
        rows = sorted(WebhookDelivery.objects.raw(_CLAIM, asked), key=lambda row: (row.endpoint_id, row.number))
        for row in rows:
            row.endpoint = endpoints[row.endpoint_id]
            if row.attempts > schedule.ATTEMPTS:  # its senders died before they could say why
                row.lease_by = row.lease_until = None
                row.problem = row.problem or "the sender stopped in the middle, each time"
                _end(row, State.PARKED, now)
                row.save()
    return [row for row in rows if row.state == State.WAITING]


_TABLE = WebhookDelivery._meta.db_table
# Materialized: joined as a subquery, it may be run again for each row, and takes up to the limit each time.
_CLAIM = f"""
WITH taken AS MATERIALIZED (
    SELECT free.id FROM unnest(%(endpoints)s::uuid[], %(limits)s::int[]) AS wanted (endpoint, most)
     CROSS JOIN LATERAL (
           SELECT free.id FROM "{_TABLE}" free
            WHERE free.ledger_id = %(ledger)s AND free.endpoint_id = wanted.endpoint
              AND free.state = 'waiting' AND free.next_attempt_at <= %(now)s
              AND (free.lease_until IS NULL OR free.lease_until <= %(now)s)
              AND NOT EXISTS (
                  SELECT FROM "{_TABLE}" earlier
                   WHERE earlier.endpoint_id = free.endpoint_id AND earlier.client_id = free.client_id
                     AND earlier.number < free.number AND earlier.state IN ('waiting', 'parked'))
            ORDER BY free.next_attempt_at, free.number LIMIT wanted.most FOR UPDATE SKIP LOCKED
           ) AS free
)
UPDATE "{_TABLE}" claimed
   SET lease_by = %(by)s, lease_until = %(until)s, attempts = claimed.attempts + 1, last_attempt_at = %(now)s
  FROM taken
 WHERE claimed.id = taken.id AND claimed.ledger_id = %(ledger)s
RETURNING claimed.*
"""


def _due(now: datetime) -> Q:
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    return free & Q(state=State.WAITING, next_attempt_at__lte=now)


def hold(claimed: Collection[WebhookDelivery], *, until: datetime) -> None:
    """Renews the leases of what is on its way; nothing happens where somebody else has taken one."""
    if claimed:
        held = Q(pk__in=[one.pk for one in claimed], lease_by__in={one.lease_by for one in claimed})
        WebhookDelivery.objects.filter(held, state=State.WAITING).update(lease_until=until)


def finish(ended: Sequence[tuple[WebhookDelivery, Outcome]], *, now: datetime) -> int:
    """Writes down how attempts ended; answers for how many. Nothing is written where somebody else has the lease."""
    if not ended:
        return 0
    arrived = [(claimed, outcome) for claimed, outcome in ended if outcome.ok]
    troubled = [(claimed, outcome) for claimed, outcome in ended if not outcome.ok]
    with transaction.atomic():
        told = WebhookEndpoint.objects.filter(pk__in={claimed.endpoint_id for claimed, _ in ended})
        list(told.order_by("pk").select_for_update().values_list("pk"))
        return _note_arrivals(arrived, now) + sum(_note_trouble(*one, now) for one in troubled)


def _note_arrivals(arrived: list[tuple[WebhookDelivery, Outcome]], now: datetime) -> int:
    """What went well, all at once: nearly everything does."""
    alike: dict[tuple[int | None, UUID | None], list[UUID]] = {}
    for claimed, outcome in arrived:
        alike.setdefault((outcome.status, claimed.lease_by), []).append(claimed.pk)
    written = 0
    for (status, lease_by), ids in alike.items():
        written += WebhookDelivery.objects.filter(pk__in=ids, state=State.WAITING, lease_by=lease_by).update(
            state=State.DELIVERED,
            status=status,
            problem="",
            next_attempt_at=None,
            finished_at=now,
            lease_by=None,
            lease_until=None,
        )
    if arrived:
        told = WebhookEndpoint.objects.filter(pk__in={claimed.endpoint_id for claimed, _ in arrived})
        told.update(last_success_at=now, failing_since=None)
    return written


def _note_trouble(claimed: WebhookDelivery, outcome: Outcome, now: datetime) -> int:
    held = WebhookDelivery.objects.select_related("endpoint").select_for_update(of=("self",))
    row = held.filter(pk=claimed.pk, state=State.WAITING, lease_by=claimed.lease_by).first()
    if row is None:
        return 0
    row.lease_by = row.lease_until = None
    row.status, row.problem = outcome.status, outcome.problem[:300]
    if outcome.withheld:
        _end(row, State.SKIPPED, now)
    else:
        _put_off(row, outcome, now)
        _note_failure(row.endpoint, outcome, now)
    row.save()
    return 1


def _put_off(row: WebhookDelivery, outcome: Outcome, now: datetime) -> None:
    again = schedule.next_attempt(row.attempts, now=now, status=outcome.status, retry_after=outcome.retry_after)
    if again is None:
        _end(row, State.PARKED, now)
    else:
        row.next_attempt_at = again


def _end(row: WebhookDelivery, state: str, now: datetime) -> None:
    row.state, row.next_attempt_at, row.finished_at = state, None, now


def _note_failure(endpoint: WebhookEndpoint, outcome: Outcome, now: datetime) -> None:
    endpoint.last_failure_at, endpoint.last_failure = now, outcome.problem[:300]
    endpoint.failing_since = endpoint.failing_since or now
    endpoint.save(update_fields=["last_failure_at", "last_failure", "failing_since"])
    if not endpoint.enabled:
        return
    if outcome.status == 410:
        subscribers.disable(endpoint, "it answered 410 Gone", now=now)
    elif now - endpoint.failing_since >= GIVEN_UP_AFTER:
        subscribers.disable(endpoint, f"nothing has succeeded for {GIVEN_UP_AFTER.days} days", now=now)


def forget(*, now: datetime) -> int:
    """Forgets deliveries after 30 days, whatever became of them; answers how many."""
    return WebhookDelivery.objects.filter(created_at__lt=now - KEPT).delete()[0]


# ---------------------------------------------------------------------- what people and programs ask for


def deliveries(
    principal: Principal,
    endpoint_id: str,
    *,
    state: str | None = None,
    kind: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Page[DeliveryRow]:
    """The deliveries of an endpoint, the latest first; those of clients that the principal does not see are left out.

    Raises NotFound, and Invalid for a bad state, cursor or limit.
    """
    found = _of(principal, endpoint_id)
    if state is not None:
        found = found.filter(state=one_of("state", state, STATES))
    if kind is not None:
        found = found.filter(kind=kind)
    place = place_of(LIST, "-number", _BY_NUMBER, cursor)
    shown = page(found, LIST, "-number", _BY_NUMBER, place=place, limit=checked_limit(limit), at=EPOCH)
    return Page(rows=tuple(row_of(one) for one in shown.rows), next=shown.next, previous=shown.previous)


def delivery(principal: Principal, endpoint_id: str, delivery_id: str) -> DeliveryRow:
    """One delivery. Raises NotFound."""
    return row_of(_find(_of(principal, endpoint_id), delivery_id))


def replay(principal: Principal, endpoint_id: str, delivery_id: str, *, now: datetime) -> DeliveryRow:
    """Has a delivery sent again, whatever became of it, with the same id and all its attempts before it. One that waits
    is due at once. Raises NotFound."""
    with transaction.atomic():
        row = _find(_of(principal, endpoint_id).select_for_update(of=("self",)), delivery_id)
        if row.kind == TEST:
            raise NotFound("a test is not sent again: make another")
        _again(WebhookDelivery.objects.filter(pk=row.pk), now)
        security.note("replayed", now=now, principal=principal, about=f"delivery:{row.pk}", details={"deliveries": 1})
        row.refresh_from_db()
    return row_of(row)


def replay_parked(principal: Principal, endpoint_id: str, *, now: datetime) -> int:
    """Has all parked deliveries of an endpoint sent again; answers how many. Raises NotFound."""
    with transaction.atomic():
        number = _again(_of(principal, endpoint_id).filter(state=State.PARKED), now)
        about = f"webhook:{UUID(endpoint_id)}"
        security.note("replayed", now=now, principal=principal, about=about, details={"deliveries": number})
    return number


def skip(principal: Principal, endpoint_id: str, delivery_id: str, *, now: datetime) -> DeliveryRow:
    """Gives up a delivery that waits or is parked, so that the later ones of its client go out. Raises NotFound."""
    with transaction.atomic():
        row = _find(_of(principal, endpoint_id).select_for_update(of=("self",)), delivery_id)
        if row.state in (State.WAITING, State.PARKED):
            row.lease_by = row.lease_until = None
            _end(row, State.SKIPPED, now)
            row.save()
    return row_of(row)


def tested(endpoint: WebhookEndpoint, delivery_id: UUID) -> WebhookDelivery | None:
    """A test that was sent before; None when none was."""
    return WebhookDelivery.objects.filter(pk=delivery_id, endpoint=endpoint, kind=TEST).first()


def note_test(
    endpoint: WebhookEndpoint, delivery_id: UUID, outcome: Outcome, *, began: datetime, now: datetime
) -> WebhookDelivery:
    """Writes a test into the log of an endpoint: it was one attempt and is never repeated. Whoever was first to write
    it down is answered. Raises NotFound when the endpoint is gone."""
    with transaction.atomic():
        row = WebhookEndpoint.objects.select_for_update().filter(pk=endpoint.pk).first()
        if row is None:
            raise NotFound("there is no such endpoint")
        if known := tested(row, delivery_id):
            return known
        row.numbered += 1
        row.save(update_fields=["numbered"])
        return WebhookDelivery.objects.create(
            id=delivery_id,
            ledger_id=row.ledger_id,
            endpoint=row,
            number=row.numbered,
            key=f"test:{delivery_id}",
            kind=TEST,
            happened_at=began,
            created_at=began,
            state=State.DELIVERED if outcome.ok else State.SKIPPED,
            attempts=1,
            last_attempt_at=began,
            finished_at=now,
            status=outcome.status,
            problem=outcome.problem[:300],
        )


def row_of(delivery: WebhookDelivery) -> DeliveryRow:
    """A delivery for readers."""
    return DeliveryRow(
        id=str(delivery.pk),
        number=delivery.number,
        kind=delivery.kind,
        state=delivery.state,
        client_id=None if delivery.client_id is None else str(delivery.client_id),
        event_id=None if delivery.event_id is None else str(delivery.event_id),
        happened_at=delivery.happened_at,
        created_at=delivery.created_at,
        attempts=delivery.attempts,
        last_attempt_at=delivery.last_attempt_at,
        next_attempt_at=delivery.next_attempt_at,
        status=delivery.status,
        problem=delivery.problem,
        finished_at=delivery.finished_at,
    )


def _again(found: QuerySet[WebhookDelivery], now: datetime) -> int:
    return found.update(state=State.WAITING, attempts=0, next_attempt_at=now, finished_at=None, problem="")


def _of(principal: Principal, endpoint_id: str) -> QuerySet[WebhookDelivery]:
    """Those of an endpoint that the principal may see: of clients that it sees now, and of none."""
    found = WebhookDelivery.objects.filter(endpoint=subscribers.find(principal, endpoint_id))
    if principal.sight == "all":
        return found
    clients = Client.objects.visible_to(principal)
    return found.filter(Q(client_id__isnull=True) | Q(client_id__in=clients.values("pk")))


def _find(found: QuerySet[WebhookDelivery], delivery_id: str) -> WebhookDelivery:
    try:
        row = found.filter(pk=UUID(delivery_id)).first()
    except ValueError:
        row = None
    if row is None:
        raise NotFound("there is no such delivery")
    return row
