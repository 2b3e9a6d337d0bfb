"""What is sent: put together from references at the moment of sending, by what the endpoint may see then.

`{"type", "timestamp", "data"}` as Standard Webhooks 1.0 has it. `data` of an event is what the API answers for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import orjson
from django.db import DatabaseError

from accounts.roles import Principal
from relationships import queries
from relationships.domain.sentences import rule_in_words
from relationships.models.projections import Revision
from relationships.models.reports import ReportRun
from relationships.models.webhooks import WebhookDelivery
from relationships.queries.rows import EventRow
from relationships.queries.scope import scope_of

from .kinds import ANSWER_REVISED, EVENT_RECORDED, REPORT_READY, STAGE_CHANGED, TEST
from .subscribers import principal_of

logger = logging.getLogger(__name__)


class Withheld(Exception):
    """The endpoint may not see it, or no longer: it is not sent."""


@dataclass(frozen=True, slots=True)
class _Eyes:
    """Endpoints that see the same: as whom, and those of the events they are to be told which there are; None when
    these have to be looked up one by one."""

    principal: Principal
    events: dict[str, EventRow] | None


class Together:
    """Deliveries that are put together at one time: what endpoints that see the same are told is looked up once."""

    def __init__(self, deliveries: Iterable[WebhookDelivery], *, now: datetime) -> None:
        self.now = now
        self.eyes: dict[_Seeing, _Eyes] = {}
        self.known: dict[tuple[_Seeing, str], bytes] = {}
        alike: dict[_Seeing, list[WebhookDelivery]] = {}
        for one in deliveries:
            alike.setdefault(_seeing(one), []).append(one)
        for seeing, of_them in alike.items():
            principal = principal_of(of_them[0].endpoint)
            events = {str(one.event_id) for one in of_them if one.kind == EVENT_RECORDED}
            self.eyes[seeing] = _Eyes(principal, _looked_up(principal, sorted(events)))

    def body(self, delivery: WebhookDelivery) -> bytes:
        """The body of one of them. Raises Withheld."""
        what = (_seeing(delivery), delivery.key)
        if what not in self.known:
            try:
                data = _COMPOSERS[delivery.kind](self.eyes[what[0]], delivery, self.now)
            except queries.NotFound as absent:
                raise Withheld(str(absent)) from absent
            self.known[what] = written(delivery.kind, delivery.happened_at, data)
        return self.known[what]


def _looked_up(principal: Principal, event_ids: list[str]) -> dict[str, EventRow] | None:
    try:
        return queries.events_by_id(principal, event_ids) if event_ids else {}
    except DatabaseError:
        raise
    except Exception:
        logger.exception("one of %d events cannot be read", len(event_ids))
        return None


_Seeing = tuple[int, int | None, bool]


def _seeing(delivery: WebhookDelivery) -> _Seeing:
    return delivery.ledger_id, delivery.endpoint.team_id, delivery.endpoint.include_text


def written(kind: str, happened_at: datetime, data: dict[str, Any]) -> bytes:
    """The bytes that are signed and sent."""
    body = {"type": kind, "timestamp": happened_at, "data": data}
    return orjson.dumps(body, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def _event(eyes: _Eyes, delivery: WebhookDelivery, now: datetime) -> dict[str, Any]:
    if eyes.events is None:
        row: EventRow | None = queries.event(eyes.principal, str(delivery.event_id))
    else:
        row = eyes.events.get(str(delivery.event_id))
    if row is None:
        raise Withheld("there is no such event")
    return {field.name: getattr(row, field.name) for field in fields(row)}


def _stage(eyes: _Eyes, delivery: WebhookDelivery, now: datetime) -> dict[str, Any]:
    change = delivery.change or {}
    after = change["after"]
    scope_of(eyes.principal).client(str(delivery.client_id))
    return {
        "client_id": str(delivery.client_id),
        "event_id": None if delivery.event_id is None else str(delivery.event_id),
        "at": _moment(change["at"]),
        "before": _standing(change["before"]),
        "after": _standing(after),
        "rule": change["rule"],
        "reason": None if change["rule"] is None else rule_in_words(change["rule"]),
        "because": change["because"],
        "sentence": None if after is None else _sentence(eyes.principal, delivery, after, now),
    }


def _standing(standing: dict[str, str] | None) -> dict[str, Any] | None:
    return None if standing is None else {**standing, "since": _moment(standing["since"])}


def _moment(written: str) -> datetime:
    return datetime.fromisoformat(written)


def _sentence(principal: Principal, delivery: WebhookDelivery, after: dict[str, str], now: datetime) -> str | None:
    """Why it stands there, as it was to be known then; None when another policy says otherwise since."""
    told = queries.stage(
        principal,
        str(delivery.client_id),
        now=now,
        as_of=_moment((delivery.change or {})["at"]),
        known_at=min(delivery.happened_at, now),
    )
    return told.sentence if (told.stage, told.health) == (after["stage"], after["health"]) else None


def _revision(eyes: _Eyes, delivery: WebhookDelivery, now: datetime) -> dict[str, Any]:
    row = Revision.objects.filter(ledger_id=delivery.ledger_id, pk=int(delivery.reference)).first()
    if row is None:
        raise Withheld("the revision is no longer there")
    scope_of(eyes.principal).client(str(row.client_id))
    return {
        "client_id": str(row.client_id),
        "version": row.version,
        "noted_at": row.noted_at,
        "from_at": row.from_at,
        "cause": row.cause,
        "before": [_period(one) for one in row.before],
        "after": [_period(one) for one in row.after],
    }


def _period(stored: dict[str, Any]) -> dict[str, Any]:
    return {**stored, "reason": rule_in_words(stored["rule"])}


def _report(eyes: _Eyes, delivery: WebhookDelivery, now: datetime) -> dict[str, Any]:
    run = (
        ReportRun.objects.select_related("schedule").filter(ledger_id=delivery.ledger_id, pk=delivery.reference).first()
    )
    if run is None or eyes.principal.sight != "all":
        raise Withheld("the report is no longer there")
    return {
        "run_id": str(run.pk),
        "report": run.schedule.report,
        "schedule": run.schedule.name,
        "starts_at": run.starts_at,
        "ends_at": run.ends_at,
        "made_at": run.made_at,
        "late": run.late,
        "position": run.position,
    }


def test_data(endpoint_id: str, url: str) -> dict[str, Any]:
    """What a test says."""
    return {"endpoint_id": endpoint_id, "url": url, "message": "This is a test; nothing has happened."}


def _test(eyes: _Eyes, delivery: WebhookDelivery, now: datetime) -> dict[str, Any]:
    return test_data(str(delivery.endpoint_id), delivery.endpoint.url)


_COMPOSERS = {
    EVENT_RECORDED: _event,
    STAGE_CHANGED: _stage,
    ANSWER_REVISED: _revision,
    REPORT_READY: _report,
    TEST: _test,
}
