"""The reactor: what has happened since an endpoint was last told becomes its deliveries.

Each endpoint has a cursor: a position in the log and a moment. Both are moved on in the transaction that writes the
deliveries, and never back; so a replay, a rebuild or a new policy tells nothing, and a reactor that dies tells nothing
twice. Endpoints that stand at the same place, as all do most of the time, share one reading.

The read tables are only asked where to look: what is told of a client is worked out of its events (`changes`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from relationships import event_store, projections
from relationships.domain.ids import uuid7
from relationships.domain.instants import from_us, to_us
from relationships.domain.judgement import STAGES, Period
from relationships.event_store import Recorded
from relationships.models.log import Event
from relationships.models.projections import Generation, Revision, StagePeriod
from relationships.models.reports import ReportRun
from relationships.models.roster import Client
from relationships.models.webhooks import WebhookDelivery, WebhookEndpoint

from .changes import Change, News, changes
from .kinds import ANSWER_REVISED, EVENT_RECORDED, REPORT_READY, STAGE_CHANGED
from .subscribers import principal_of

logger = logging.getLogger(__name__)

PAGE = 200  # events, or clients that time alone may have moved, taken in at once
# Revisions and reports are stamped before they are committed: so much later they may still come to light.
LATE_TO_SHOW = timedelta(hours=1)
WRITTEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell: `key` is the same whenever it is come upon."""

    key: str
    kind: str
    happened_at: datetime
    client_id: str | None = None
    event_id: str | None = None
    event_type: str | None = None
    position: int | None = None
    reference: str = ""
    change: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Stretch:
    """From one place of the log and moment to another: the events in between, and the clients that time alone may have
    moved. `cut`: many more were moved, a while later."""

    ledger_id: int
    position: int
    told: datetime
    events: list[Recorded]
    until: datetime
    moved: set[str] = field(default_factory=set)
    cut: bool = False

    @property
    def full(self) -> bool:
        return len(self.events) == PAGE

    @property
    def more(self) -> bool:
        """Whether there is more to tell at once."""
        return self.full or self.cut

    @property
    def to_position(self) -> int:
        return self.events[-1].position if self.events else self.position


def ledgers() -> list[int]:
    """The ledgers in which somebody wants to be told."""
    return list(
        WebhookEndpoint.objects.filter(enabled=True)
        .order_by("ledger_id")
        .values_list("ledger_id", flat=True)
        .distinct()
    )


def tell(ledger_id: int, *, now: datetime) -> bool:
    """Takes the endpoints of a ledger one step on; True when there is more to tell at once."""
    enabled = WebhookEndpoint.objects.filter(ledger_id=ledger_id, enabled=True).only(
        "kinds", "position", "told_until", "started_at"
    )
    by_place = sorted(enabled, key=lambda endpoint: (endpoint.position, endpoint.told_until, endpoint.pk))
    more = False
    for (position, told), endpoints in groupby(by_place, key=lambda one: (one.position, one.told_until)):
        more |= _tell_together(ledger_id, position, told, list(endpoints), now)
    return more


def _tell_together(
    ledger_id: int, position: int, told: datetime, endpoints: list[WebhookEndpoint], now: datetime
) -> bool:
    wanted = {kind for endpoint in endpoints for kind in endpoint.kinds}
    stretch = _stretch(ledger_id, position, told, now, STAGE_CHANGED in wanted)
    notices = list(_notices(stretch, endpoints, wanted))
    if not notices and not stretch.events and stretch.until - told < WRITTEN_EVERY:
        return stretch.more  # looking at the same quiet time again costs less than writing down that it was quiet
    with transaction.atomic():
        standing = WebhookEndpoint.objects.select_for_update().filter(
            pk__in=[endpoint.pk for endpoint in endpoints], position=position, told_until=told, enabled=True
        )
        _write(list(standing.order_by("pk")), stretch, notices, now)
    return stretch.more


def _stretch(ledger_id: int, position: int, told: datetime, now: datetime, silence: bool) -> _Stretch:
    """How far this step goes.

    While more than a page of the log is to be read, events alone are told, each after what time had brought its client
    before it. What time has brought to all others is told at the head of the log, where the read tables know it.
    """
    step = _Stretch(ledger_id, position, told, event_store.read_log(ledger_id, after=position, limit=PAGE), told)
    if step.full:
        return step
    until, moved = max(told, now), set[str]()
    if silence:
        generation = projections.live(ledger_id)
        waiting = projections.waiting(ledger_id, generation)
        ended, until = _ended(generation, told, until)
        # Read again, after the read tables: an event by which an end is no longer there is among these, or was told.
        step = replace(step, events=event_store.read_log(ledger_id, after=position, limit=PAGE))
        if step.full or len(waiting) > PAGE:
            return step
        moved = {*waiting, *ended}
    if until < now:
        # The clients of later events too: by these, an end within this time may no longer stand in the read tables.
        moved |= {event.stream_id for event in step.events if event.recorded_at > until}
        kept = [event for event in step.events if event.recorded_at <= until]
        return replace(step, events=kept, until=until, moved=moved, cut=True)
    return replace(step, until=max([until, *(event.recorded_at for event in step.events)]), moved=moved)


def _ended(generation: Generation | None, told: datetime, until: datetime) -> tuple[set[str], datetime]:
    """Clients with a period that ends in this time, the first page of them; and up to when these are all."""
    # By all stages and the end, because that is an index; the next period begins where one ends.
    ended = StagePeriod.objects.filter(
        generation=generation, stage__in=STAGES, ends_at__gt=told, ends_at__lte=until
    ).order_by("ends_at", "client_id")
    found = list(ended.values_list("client_id", "ends_at")[: PAGE + 1])
    if len(found) > PAGE:
        until = found[PAGE - 1][1]
        found = list(ended.filter(ends_at__lte=until).values_list("client_id", "ends_at"))
    return {str(client_id) for client_id, _ in found}, until


# ---------------------------------------------------------------------- what there is to tell


def _notices(stretch: _Stretch, endpoints: list[WebhookEndpoint], wanted: set[str]) -> Iterator[Notice]:
    """All that any of the endpoints may want, in the order in which it is to be told."""
    told: dict[tuple[str, int | None], list[Notice]] = {}
    if STAGE_CHANGED in wanted:
        told = _stage_changes(stretch)
    own_stream = event_store.ledger_stream(stretch.ledger_id)
    for event in stretch.events:
        yield from (one for one in told.get((event.stream_id, event.version), ()) if one.event_id is None)
        yield Notice(
            f"event:{event.position}",
            EVENT_RECORDED,
            event.recorded_at,
            client_id=None if event.stream_id == own_stream else event.stream_id,
            event_id=event.event_id,
            event_type=event.type,
            position=event.position,
        )
        yield from (one for one in told.get((event.stream_id, event.version), ()) if one.event_id is not None)
    silent = [one for (_, version), many in told.items() if version is None for one in many]
    yield from sorted(silent, key=lambda one: (one.happened_at, one.key))
    if ANSWER_REVISED in wanted:
        yield from _revisions(stretch)
    if REPORT_READY in wanted:
        yield from _reports(stretch, min(endpoint.started_at for endpoint in endpoints))


def _stage_changes(stretch: _Stretch) -> dict[tuple[str, int | None], list[Notice]]:
    """Notices by client and by the version that they come along with; None for those after the last event."""
    news: dict[str, list[Recorded]] = {client_id: [] for client_id in stretch.moved}
    for event in stretch.events:
        news.setdefault(event.stream_id, []).append(event)
    news.pop(event_store.ledger_stream(stretch.ledger_id), None)
    if not news:
        return {}
    # With a client's latest event all was told that time had brought it before, wherever `told` stands.
    heard = event_store.last_recorded(
        stretch.ledger_id,
        {client_id: fresh[0].version if fresh else None for client_id, fresh in news.items()},
        until_position=stretch.to_position,
    )
    policy = projections.policy_of(projections.live(stretch.ledger_id))
    found: dict[tuple[str, int | None], list[Notice]] = {}
    for client_id, facts in event_store.facts_by_stream(
        stretch.ledger_id, streams=news, until_position=stretch.to_position
    ):
        fresh = news[client_id]
        try:
            for version, change in changes(
                facts,
                [News(event.version, to_us(event.recorded_at)) for event in fresh],
                policy,
                told=to_us(max(stretch.told, heard.get(client_id, stretch.told))),
                until=to_us(stretch.until),
            ):
                cause = next((event for event in fresh if event.event_id == change.event_id), None)
                found.setdefault((client_id, version), []).append(_of_change(client_id, change, cause))
        except Exception:
            # Its events cannot be folded: it is in quarantine, or will be. They are told, and nothing of its stage.
            logger.exception("client %s cannot be folded", client_id)
    return found


def _of_change(client_id: str, change: Change, cause: Recorded | None) -> Notice:
    at, after = from_us(change.at), change.after
    return Notice(
        f"silence:{client_id}:{change.at}" if cause is None else f"stage:{cause.position}",
        STAGE_CHANGED,
        at if cause is None else cause.recorded_at,
        client_id=client_id,
        event_id=None if cause is None else cause.event_id,
        change={
            "at": at.isoformat(),
            "before": _standing(change.before),
            "after": _standing(after),
            "rule": None if after is None else after.rule,
            "because": [] if after is None else list(after.because),
        },
    )


def _standing(period: Period | None) -> dict[str, str] | None:
    if period is None:
        return None
    return {"stage": period.stage, "health": period.health, "since": from_us(period.begins_at).isoformat()}


def _revisions(stretch: _Stretch) -> Iterator[Notice]:
    """Revisions whose event has been told. One may be noted a while after its event, or a while before this step."""
    noted = Revision.objects.filter(ledger_id=stretch.ledger_id).order_by("noted_at", "pk")
    if stretch.full:
        noted = noted.filter(client_id__in={event.stream_id for event in stretch.events})
    else:
        noted = noted.filter(noted_at__gt=stretch.told - LATE_TO_SHOW, noted_at__lte=stretch.until)
    rows = list(noted.values_list("pk", "client_id", "version", "noted_at"))
    clients, versions = {row[1] for row in rows}, {row[2] for row in rows}
    places = Event.objects.filter(ledger_id=stretch.ledger_id, stream_id__in=clients, version__in=versions)
    if stretch.full:
        places = places.filter(position__gt=stretch.position)
    passed = {
        (client, version): (position, event_id)
        for client, version, position, event_id in places.filter(position__lte=stretch.to_position).values_list(
            "stream_id", "version", "position", "event_id"
        )
    }
    for pk, client_id, version, noted_at in rows:
        if (client_id, version) in passed:
            position, event_id = passed[client_id, version]
            yield Notice(
                f"revision:{pk}",
                ANSWER_REVISED,
                noted_at,
                client_id=str(client_id),
                event_id=str(event_id),
                position=position,
                reference=str(pk),
            )


def _reports(stretch: _Stretch, started: datetime) -> Iterator[Notice]:
    since = max(started, stretch.told - LATE_TO_SHOW)
    made = ReportRun.objects.filter(
        ledger_id=stretch.ledger_id, state=ReportRun.State.MADE, made_at__gt=since, made_at__lte=stretch.until
    )
    for run_id, made_at in made.order_by("made_at", "pk").values_list("pk", "made_at"):
        assert made_at is not None
        yield Notice(f"report:{run_id}", REPORT_READY, made_at, reference=str(run_id))


# ---------------------------------------------------------------------- whom it is told


def _write(endpoints: list[WebhookEndpoint], stretch: _Stretch, notices: Sequence[Notice], now: datetime) -> None:
    """Writes down what each of the locked endpoints wants and may know, and moves them on."""
    made: list[WebhookDelivery] = []
    by_number: dict[int, list[UUID]] = {}
    for endpoint in endpoints:
        own = _deliveries(endpoint, notices, now)
        made += own
        by_number.setdefault(len(own), []).append(endpoint.pk)
    WebhookDelivery.objects.bulk_create(made, batch_size=1_000)
    for number, of_them in by_number.items():
        WebhookEndpoint.objects.filter(pk__in=of_them).update(
            position=stretch.to_position, told_until=stretch.until, numbered=F("numbered") + number
        )


def _deliveries(endpoint: WebhookEndpoint, notices: Sequence[Notice], now: datetime) -> list[WebhookDelivery]:
    mine = _unknown(endpoint, _visible(endpoint, [one for one in notices if _wants(endpoint, one)]))
    return [
        WebhookDelivery(
            id=UUID(uuid7(to_us(now) // 1000)),
            ledger_id=endpoint.ledger_id,
            endpoint=endpoint,
            number=number,
            key=notice.key,
            kind=notice.kind,
            happened_at=notice.happened_at,
            client_id=notice.client_id,
            event_id=notice.event_id,
            reference=notice.reference,
            change=notice.change,
            created_at=now,
            next_attempt_at=now,
        )
        for number, notice in enumerate(mine, endpoint.numbered + 1)
    ]


def _wants(endpoint: WebhookEndpoint, notice: Notice) -> bool:
    if notice.kind not in endpoint.kinds:
        return False
    if notice.kind == EVENT_RECORDED:
        return not endpoint.event_types or notice.event_type in endpoint.event_types
    if notice.kind == ANSWER_REVISED:
        return notice.position is not None and notice.position > endpoint.started_position
    return notice.kind != REPORT_READY or notice.happened_at > endpoint.started_at


def _visible(endpoint: WebhookEndpoint, notices: Iterable[Notice]) -> list[Notice]:
    """Of what it wants, what it may know; asked again when it is sent. What is of no client is for who sees all."""
    found = list(notices)
    if endpoint.team_id is None or not found:
        return found
    principal = principal_of(endpoint)
    clients = Client.objects.visible_to(principal).filter(pk__in={one.client_id for one in found if one.client_id})
    seen = {str(client) for client in clients.values_list("pk", flat=True)}
    return [one for one in found if one.client_id in seen]


def _unknown(endpoint: WebhookEndpoint, notices: list[Notice]) -> Iterator[Notice]:
    """Those that it has not been told yet: revisions and reports are come upon more than once."""
    doubtful = [one.key for one in notices if one.kind in (ANSWER_REVISED, REPORT_READY)]
    known: set[str] = set()
    if doubtful:
        told = WebhookDelivery.objects.filter(Q(endpoint=endpoint) & Q(key__in=doubtful))
        known = set(told.values_list("key", flat=True))
    for one in notices:
        if one.key not in known:
            yield one
