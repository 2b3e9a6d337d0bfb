"""The sender: tells, claims, sends, writes down what came of it; over and over.

One thread does all that touches the database; others do nothing but HTTP, outside of any transaction. An endpoint has
few of them, one while it fails, and all that fail together half: a dead endpoint delays no other.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import DatabaseError

from accounts.roles import Principal
from relationships.domain.ids import uuid7
from relationships.domain.instants import to_us
from relationships.models.webhooks import WebhookDelivery, WebhookEndpoint

from . import bodies, egress, queue, signing, subscribers, telling
from .kinds import TEST
from .queue import Outcome
from .rows import Tried

logger = logging.getLogger(__name__)

THREADS = 64
EACH = 4
TOGETHER_S = 0.02
STEPS = 5  # of one ledger in a turn, before the others' turn comes and something is sent
AGENT = "relationships-webhooks/1"
SHOWN = 200

Sent = Future[Outcome]


class Sender:
    """Give it turns. Several may run at once, in one process or in many: what one has claimed, no other sends."""

    def __init__(self, *, threads: int = THREADS) -> None:
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="webhook")
        self.threads = threads
        self.identity = uuid4()
        self.running: dict[Sent, WebhookDelivery] = {}
        self.held_at: datetime | None = None

    def turn(self, *, now: datetime) -> bool:
        """Everything that can be done now, without waiting for any answer; True when there is more to do at once."""
        self.note(now=now)
        self._hold(now)
        began, more = time.monotonic(), False
        for ledger_id in telling.ledgers():
            try:
                more |= _tell(ledger_id, now)
            except DatabaseError:
                raise
            except Exception:
                logger.exception("nothing can be told of ledger %s; the others go on", ledger_id)
        told_at = now + timedelta(seconds=time.monotonic() - began)  # it may have taken long, and a lease is short
        self._hold(told_at)
        for ledger_id, room in self._room(now).items():
            until = told_at + queue.LEASE
            self._send(queue.claim(ledger_id, room, by=self.identity, now=now, until=until), now)
        return more

    def wait(self, seconds: float) -> None:
        """Until answers came, or this long."""
        if self.running:
            wait(self.running, timeout=seconds, return_when=FIRST_COMPLETED)
            wait(self.running, timeout=TOGETHER_S)  # those that come a moment later are written down with it
        else:
            time.sleep(seconds)

    def note(self, *, now: datetime) -> None:
        """Writes down the answers that have come."""
        done = [sent for sent in self.running if sent.done()]
        queue.finish([(self.running[sent], sent.result()) for sent in done], now=now)
        for sent in done:
            del self.running[sent]

    def finish(self, *, now: datetime) -> None:
        """Waits for all answers and writes them down."""
        wait(self.running)
        self.note(now=now)

    def close(self, *, now: datetime) -> None:
        """The same, and no more turns."""
        queue.hold(self.running.values(), until=now + timedelta(seconds=egress.TOTAL_S) + queue.LEASE)
        self.finish(now=now)
        self.pool.shutdown()

    def _hold(self, now: datetime) -> None:
        """Lets others know in time that what is on its way is not given up."""
        if self.held_at is None or now - self.held_at >= queue.LEASE / 3:
            queue.hold(self.running.values(), until=now + queue.LEASE)
            self.held_at = now

    def _room(self, now: datetime) -> dict[int, list[tuple[WebhookEndpoint, int]]]:
        """The endpoints with something due, by their ledger, and how many more may be on their way to each."""
        under_way = Counter(claimed.endpoint_id for claimed in self.running.values())
        failing = sum(claimed.endpoint.failing_since is not None for claimed in self.running.values())
        free = self.threads - len(self.running)
        room: dict[int, list[tuple[WebhookEndpoint, int]]] = {}
        # Those with the fewest under way first: when there is not room for all, everybody's turn comes.
        for endpoint in sorted(queue.due_endpoints(now=now), key=lambda one: under_way[one.pk]):
            if endpoint.failing_since is None:
                limit = min(EACH - under_way[endpoint.pk], free)
            else:
                limit = min(1 - under_way[endpoint.pk], self.threads // 2 - failing, free)
                failing += max(0, limit)
            if limit > 0:
                free -= limit
                room.setdefault(endpoint.ledger_id, []).append((endpoint, limit))
        return room

    def _send(self, claimed: list[WebhookDelivery], now: datetime) -> None:
        """Puts together what was claimed and hands it to the threads."""
        unsent: list[tuple[WebhookDelivery, Outcome]] = []
        together = bodies.Together(claimed, now=now)
        for one in claimed:
            try:
                body = together.body(one)
                headers = _headers(one.endpoint, one.pk, body, now)
            except bodies.Withheld as withheld:
                unsent.append((one, Outcome(problem=str(withheld), withheld=True)))
            except Exception as problem:
                logger.exception("delivery %s cannot be put together", one.pk)
                unsent.append((one, Outcome(problem=f"it could not be put together: {type(problem).__name__}")))
            else:
                self.running[self.pool.submit(attempt, one.endpoint.url, body, headers)] = one
        queue.finish(unsent, now=now)


def _tell(ledger_id: int, now: datetime) -> bool:
    """Some steps of a ledger; True when there are more to take."""
    return all(telling.tell(ledger_id, now=now) for _ in range(STEPS))


def attempt(url: str, body: bytes, headers: dict[str, str]) -> Outcome:
    """One POST; touches no database."""
    try:
        reply = egress.post(url, body, headers)
    except egress.Refused as refused:
        return Outcome(problem=f"not sent: {refused.detail}")
    except egress.Unreachable as problem:
        return Outcome(problem=str(problem))
    except Exception as problem:
        logger.exception("a delivery failed")
        return Outcome(problem=f"{type(problem).__name__}")
    if 200 <= reply.status < 300:
        return Outcome(reply.status)
    said = " ".join(reply.body[:SHOWN].decode("utf-8", "replace").split())
    told = f"answered {reply.status}" + (f": {said}" if said.isprintable() and said else "")
    return Outcome(reply.status, reply.retry_after, told)


def test(
    principal: Principal,
    endpoint_id: str,
    *,
    now: datetime,
    delivery_id: str | None = None,  # noqa: PT028 - a test of an endpoint, not of ours
) -> Tried:
    """Sends a test now, also to an endpoint that is switched off, and tells how it went.

    `delivery_id` names one that may have been sent before: then it is told how that went. Raises NotFound.
    """
    endpoint = subscribers.find(principal, endpoint_id)
    identity = UUID(delivery_id or uuid7(to_us(now) // 1000))
    row = queue.tested(endpoint, identity) or _send_test(endpoint, identity, now)
    assert row.finished_at is not None
    return Tried(
        delivery_id=str(row.pk),
        ok=row.state == row.State.DELIVERED,
        status=row.status,
        problem=row.problem,
        seconds=(row.finished_at - row.created_at).total_seconds(),
    )


def _send_test(endpoint: WebhookEndpoint, identity: UUID, now: datetime) -> WebhookDelivery:
    body = bodies.written(TEST, now, bodies.test_data(str(endpoint.pk), endpoint.url))
    began = time.monotonic()
    outcome = attempt(endpoint.url, body, _headers(endpoint, identity, body, now))
    ended = now + timedelta(seconds=time.monotonic() - began)
    return queue.note_test(endpoint, identity, outcome, began=now, now=ended)


def _headers(endpoint: WebhookEndpoint, delivery_id: UUID, body: bytes, now: datetime) -> dict[str, str]:
    sealed = [bytes(endpoint.secret)]
    if endpoint.previous_secret is not None and endpoint.previous_until is not None and now < endpoint.previous_until:
        sealed.append(bytes(endpoint.previous_secret))
    secrets = [signing.unseal(one, str(endpoint.pk)) for one in sealed]
    return {
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        **signing.headers(secrets, id=str(delivery_id), body=body, now=now),
    }
