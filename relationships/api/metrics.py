"""Numbers for Prometheus, counted in the database when asked: all processes tell the same."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Max, Sum
from django_q.models import OrmQ
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from relationships import webhooks
from relationships.models.integrations import IdempotencyKey
from relationships.models.log import LedgerHead
from relationships.models.projections import Generation, Quarantine
from relationships.models.reports import Delivery, Heartbeat
from relationships.projections import behind

CONTENT_TYPE = CONTENT_TYPE_LATEST


def exposition(*, now: datetime) -> bytes:
    """All metrics, in the text form."""
    registry = CollectorRegistry()
    registry.register(_FromDatabase(now))
    return generate_latest(registry)


class _FromDatabase(Collector):
    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterable[Metric]:
        heads = LedgerHead.objects.aggregate(events=Sum("position"), latest=Max("recorded_at"))
        yield _gauge("relationships_events", "Events in the log.", heads["events"] or 0)
        live = list(Generation.objects.filter(state=Generation.State.LIVE))
        lag = sum(len(behind(generation.ledger_id, generation)) for generation in live)
        yield _gauge("relationships_clients_behind", "Clients whose newest events are not worked in.", lag)
        quarantined = Quarantine.objects.filter(generation__in=live).count()
        yield _gauge("relationships_clients_quarantined", "Clients whose events cannot be worked in.", quarantined)
        yield _gauge("relationships_queue_tasks", "Background tasks that wait or run.", OrmQ.objects.count())
        unsent = Delivery.objects.filter(next_attempt_at__isnull=False).count()
        yield _gauge("relationships_mails_waiting", "Mails not sent yet.", unsent)
        keys = IdempotencyKey.objects.filter(expires_at__gt=self.now).count()
        yield _gauge("relationships_idempotency_keys", "Answers kept for repeated requests.", keys)
        told = webhooks.totals(now=self.now)
        yield _gauge("relationships_webhooks_endpoints", "Endpoints that are told what happens.", told.endpoints)
        yield _gauge("relationships_webhooks_disabled", "Endpoints that are switched off.", told.disabled)
        yield _gauge("relationships_webhooks_waiting", "Deliveries that wait to be sent.", told.waiting)
        yield _gauge("relationships_webhooks_parked", "Deliveries given up until somebody asks.", told.parked)
        yield _gauge("relationships_webhooks_oldest_seconds", "Age of the oldest waiting delivery.", told.oldest_s)
        beats = GaugeMetricFamily(
            "relationships_heartbeat_age_seconds", "Time since each recurring job last ran.", labels=["job"]
        )
        for beat in Heartbeat.objects.all():
            beats.add_metric([beat.name], (self.now - beat.at).total_seconds())
        yield beats


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)
