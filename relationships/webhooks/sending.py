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
from uuid import UUID

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

THREADS = 32
EACH = 4
STEPS = 5  # of one ledger in a turn, before the others' turn comes and something is sent
AGENT = "relationships-webhooks/1"
SHOWN = 200

Sent = Future[Outcome]


class Sender:
    """Give it turns. Several may run at once, in one process or in many: what one has claimed, no other sends."""

    def __init__(self, *, threads: int = THREADS) -> None:
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="webhook")
        self.threads = threads
        self.running: dict[Sent, WebhookDelivery] = {}

    def turn(self, *, now: datetime) -> bool:
        """Everything that can be done now, without waiting for any answer; True when there is more to do at once."""
        self.note(now=now)
        more = False
        for ledger_id in telling.ledgers():
            try:
                more |= _tell(ledger_id, now)
            except DatabaseError:
                raise
            except Exception:
                logger.exception("nothing can be told of ledger %s; the others go on", ledger_id)
        for endpoint in queue.due_endpoints(now=now):
            free = self._free(endpoint)
            if free > 0:
                for claimed in queue.claim(endpoint, limit=free, now=now):
                    self._send(claimed, now)
        return more

    def wait(self, seconds: float) -> None:
        """Until an answer came, or this long."""
        if self.running:
            wait(self.running, timeout=seconds, return_when=FIRST_COMPLETED)
        else:
            time.sleep(seconds)

    def note(self, *, now: datetime) -> None:
        """Writes down the answers that have come."""
        for sent in [one for one in self.running if one.done()]:
            queue.finish(self.running.pop(sent), sent.result(), now=now)

    def finish(self, *, now: datetime) -> None:
        """Waits for all answers and writes them down."""
        wait(self.running)
        self.note(now=now)

    def close(self, *, now: datetime) -> None:
        """The same, and no more turns."""
        self.finish(now=now)
        self.pool.shutdown()

    def _free(self, endpoint: WebhookEndpoint) -> int:
        """How many more may be on their way to this endpoint."""
        by_endpoint = Counter(claimed.endpoint_id for claimed in self.running.values())
        if endpoint.failing_since is None:
            return min(EACH - by_endpoint[endpoint.pk], self.threads - len(self.running))
        failing = sum(claimed.endpoint.failing_since is not None for claimed in self.running.values())
        return min(1 - by_endpoint[endpoint.pk], self.threads // 2 - failing)

    def _send(self, claimed: WebhookDelivery, now: datetime) -> None:
        try:
            body = bodies.compose(claimed, now=now)
            headers = _headers(claimed.endpoint, claimed.pk, body, now)
        except bodies.Withheld as withheld:
            queue.finish(claimed, Outcome(problem=str(withheld), withheld=True), now=now)
        except Exception as problem:
            logger.exception("delivery %s cannot be put together", claimed.pk)
            told = f"it could not be put together: {type(problem).__name__}"
            queue.finish(claimed, Outcome(problem=told), now=now)
        else:
            self.running[self.pool.submit(attempt, claimed.endpoint.url, body, headers)] = claimed


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


def test(principal: Principal, endpoint_id: str, *, now: datetime) -> Tried:
    """Sends a test now, also to an endpoint that is switched off, and tells how it went. Raises NotFound."""
    endpoint = subscribers.find(principal, endpoint_id)
    identity = UUID(uuid7(to_us(now) // 1000))
    body = bodies.written(TEST, now, bodies.test_data(str(endpoint.pk), endpoint.url))
    began = time.monotonic()
    outcome = attempt(endpoint.url, body, _headers(endpoint, identity, body, now))
    seconds = time.monotonic() - began
    queue.note_test(endpoint, identity, outcome, now=now + timedelta(seconds=seconds))
    return Tried(
        delivery_id=str(identity), ok=outcome.ok, status=outcome.status, problem=outcome.problem, seconds=seconds
    )


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
