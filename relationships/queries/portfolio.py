"""All clients at once: how many stand where, who moved, who falls.

Read from the stored periods, which run on into the future, so any moment is a look-up. Clients that are behind are
folded live and laid over it. An earlier knowledge or another policy folds every visible client again from the log,
one after another.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, Count, F, FilteredRelation, Q, QuerySet, Value, When

from accounts.roles import Principal
from relationships import event_store, projections
from relationships.domain.instants import from_us, to_us
from relationships.domain.judgement import HEALTHS, STAGES, Period
from relationships.domain.sentences import dates_in, rule_in_words
from relationships.models.projections import Quarantine, Revision, StagePeriod

from .errors import Invalid
from .named import because, facts_named
from .rows import (
    ClientPeriods,
    Fall,
    Move,
    Moved,
    Movements,
    Pipeline,
    PipelineStage,
    Portfolio,
    QuarantinedRow,
    RevisionRow,
    StageMovement,
)
from .scope import Moments, Scope, judged, moments, scope_of
from .standing import footer, period_of, period_row

logger = logging.getLogger(__name__)


def pipeline(
    principal: Principal,
    *,
    now: datetime,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    policy: int | None = None,
) -> Pipeline:
    """How many of the visible clients stand on each stage at `as_of`, and how they are.

    By the policy of `policy`, a version, else by the one in force when `known_at` was. Raises Invalid for a `known_at`
    in the future and a version that there is not, NotFound without a log.
    """
    scope, asked = judged(principal, now=now, as_of=as_of, known_at=known_at, policy=policy)
    overlay = _overlay(scope, asked)
    at = to_us(asked.as_of)
    counts: Counter[tuple[str, str]] = Counter()
    if asked.position is None:
        stored = _periods(scope, overlay.live).filter(begins_at__lte=asked.as_of, ends_at__gt=asked.as_of)
        for stage, health, clients in stored.values_list("stage", "health").annotate(Count("pk")).order_by():
            counts[stage, health] += clients
    for _, periods in overlay.timelines():
        if (period := _at(periods, at)) is not None:
            counts[period.stage, period.health] += 1
    return Pipeline(
        stages=tuple(
            PipelineStage(
                stage=stage,
                clients=sum(counts[stage, health] for health in HEALTHS),
                by_health={health: counts[stage, health] for health in HEALTHS},
            )
            for stage in STAGES
        ),
        total=sum(counts.values()),
        **footer(scope, asked, settled=overlay.settled),
    )


def movements(
    principal: Principal,
    *,
    now: datetime,
    start: datetime,
    end: datetime | None = None,
    known_at: datetime | None = None,
    policy: int | None = None,
) -> Movements:
    """The net change of every visible client from `start` to `end` (None: now): opening + in − out = closing.

    Both ends are judged by one policy, chosen as `pipeline` does. Raises as that, and Invalid for a span that ends
    before it begins.
    """
    scope, asked = judged(principal, now=now, as_of=end, known_at=known_at, policy=policy)
    if start > asked.as_of:
        raise Invalid.one("from", "out_of_order", "The span ends before it begins.")
    overlay = _overlay(scope, asked)
    moves: Counter[tuple[str | None, str]] = Counter()
    changed: list[_Change] = []
    if asked.position is None:
        stored = _both_ends(scope, overlay.live, start, asked.as_of)
        with _joined_as_wholes():
            for before, after, clients in (
                stored.values_list("opening__stage", "closing__stage").annotate(Count("pk")).order_by()
            ):
                moves[before, after] += clients
            changed += _changes(scope, stored)
    live = dict(overlay.timelines())
    for client_id, periods in live.items():
        first, last = _at(periods, to_us(start)), _at(periods, to_us(asked.as_of))
        if last is not None:
            moves[first.stage if first else None, last.stage] += 1
            if first is None or first.stage != last.stage:
                entry = _entry(periods, to_us(asked.as_of))
                changed.append(_Change(client_id, first.stage if first else None, entry))
    return Movements(
        start=start,
        end=asked.as_of,
        stages=tuple(_stock(stage, moves) for stage in STAGES),
        matrix=tuple(
            Move(from_=before, to=after, clients=clients)
            for (before, after), clients in sorted(moves.items(), key=_by_stage)
            if before != after
        ),
        moved=_moved(scope, changed),
        **footer(scope, asked, settled=overlay.settled),
    )


def timelines(
    principal: Principal,
    *,
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    healths: Collection[str] | None = None,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    policy: int | None = None,
) -> Portfolio:
    """Every visible client with the periods that touch the span from `since`, included, to `until`, excluded.

    Without bounds, whole timelines; with `healths`, only the periods of those. With an `as_of` before the latest
    events, what came later is left in: a past moment is a look-up in the periods. Raises as `pipeline` does.
    """
    scope, asked = judged(principal, now=now, as_of=as_of, known_at=known_at, policy=policy)
    overlay = _overlay(scope, asked)
    told: dict[str, list[Period]] = {}
    if asked.position is None:
        stored = _periods(scope, overlay.live)
        if since is not None:
            stored = stored.filter(ends_at__gt=since)
        if until is not None:
            stored = stored.filter(begins_at__lt=until)
        if healths is not None:
            stored = stored.filter(health__in=healths)
        for row in stored.order_by("client_id", "begins_at").iterator(chunk_size=5_000):
            told.setdefault(str(row.client_id), []).append(period_of(row))
    for client_id, periods in overlay.timelines():
        touching = [p for p in periods if _touches(p, since, until) and (healths is None or p.health in healths)]
        if touching:
            told[client_id] = touching
    names = _names(scope, told)
    rows = [
        ClientPeriods(
            client_id=client_id,
            name=names[client_id].name,
            owner=names[client_id].owner,
            periods=tuple(period_row(period) for period in periods),
        )
        for client_id, periods in told.items()
        if client_id in names
    ]
    rows.sort(key=lambda row: (row.name.casefold(), row.client_id))
    return Portfolio(rows=tuple(rows), **footer(scope, asked, settled=overlay.settled))


def falling(principal: Principal, *, now: datetime, within_days: int = 30) -> tuple[Fall, ...]:
    """What becomes worse within so many days unless something happens: at most one stage and one health a client.

    The soonest first.
    """
    scope = scope_of(principal)
    horizon = now + timedelta(days=within_days)
    overlay = _overlay(scope, moments(scope.ledger_id, now=now, as_of=None, known_at=None))
    worse = _periods(scope, overlay.live).filter(
        Q(falls=True) | Q(fades=True), begins_at__gt=now, begins_at__lt=horizon
    )
    ahead = StagePeriod.objects.filter(
        generation_id=scope.generation_id,
        client__in=worse.values("client_id"),
        ends_at__gt=now,
        begins_at__lt=horizon,
    )
    told: dict[str, list[Period]] = {}
    for row in ahead.order_by("client_id", "begins_at"):
        told.setdefault(str(row.client_id), []).append(period_of(row))
    for client_id, periods in overlay.timelines():
        told[client_id] = [p for p in periods if _touches(p, now, horizon)]
    falls = [(client_id, *fall) for client_id, periods in told.items() for fall in _falls(periods, to_us(now))]
    names = _names(scope, {client_id for client_id, *_ in falls})
    facts = facts_named(scope.ledger_id, (e for *_, period in falls for e in period.because))
    day = dates_in(principal.time_zone)
    rows = [
        Fall(
            client_id=client_id,
            name=names[client_id].name,
            owner=names[client_id].owner,
            kind=kind,
            before=before,
            after=after,
            at=from_us(period.begins_at),
            rule=period.rule,
            reason=rule_in_words(period.rule),
            because=because(period.because, facts, day),
        )
        for client_id, kind, before, after, period in falls
        if client_id in names
    ]
    return tuple(sorted(rows, key=lambda row: (row.at, row.kind != "stage", row.client_id)))


def quarantined(principal: Principal) -> tuple[QuarantinedRow, ...]:
    """The visible clients whose events could not be folded, the longest-standing first."""
    scope = scope_of(principal)
    rows = Quarantine.objects.filter(**scope.mine())
    return tuple(
        QuarantinedRow(
            client_id=str(row.client_id),
            client_name=row.client.name,
            version=row.version,
            reason=row.reason,
            since=row.since,
            attempts=row.attempts,
        )
        for row in rows.select_related("client").order_by("since", "client_id")
    )


def revisions(principal: Principal, *, since: datetime, until: datetime) -> tuple[RevisionRow, ...]:
    """What became known between two moments about time that had been told already, newest first."""
    scope = scope_of(principal)
    rows = Revision.objects.filter(
        ledger_id=scope.ledger_id, noted_at__gte=since, noted_at__lt=until, client__in=scope.clients()
    )
    return tuple(
        RevisionRow(
            client_id=str(row.client_id),
            client_name=row.client.name,
            noted_at=row.noted_at,
            from_at=row.from_at,
            cause=tuple(row.cause),
            before=tuple(row.before),
            after=tuple(row.after),
        )
        for row in rows.select_related("client").order_by("-noted_at", "client_id")
    )


# ---------------------------------------------------------------------- what is stored, and what is laid over it


@dataclass(frozen=True, slots=True)
class _Overlay:
    """The clients whose stored periods do not answer: those behind, or all when an earlier knowledge is asked for."""

    scope: Scope
    moments: Moments
    live: tuple[str, ...]
    settled: bool

    def timelines(self) -> Iterator[tuple[str, list[Period]]]:
        """Client by client, the periods that follow from what is known; one that cannot be folded is left out."""
        if self.moments.position is None and not self.live:
            return
        streams = None if self.moments.position is not None else self.live
        visible = {str(pk) for pk in self.scope.clients().values_list("pk", flat=True)} if streams is None else None
        for client_id, facts in event_store.facts_by_stream(
            self.scope.ledger_id, streams=streams, until_position=self.moments.position
        ):
            if visible is not None and client_id not in visible:
                continue
            try:
                periods = projections.fold_whole(facts, self.scope.policy).judge()
            except Exception:
                logger.exception("client %s cannot be folded", client_id)
                continue
            yield client_id, periods


def _overlay(scope: Scope, asked: Moments) -> _Overlay:
    if asked.position is not None:
        return _Overlay(scope, asked, (), not Quarantine.objects.filter(**scope.mine()).exists())
    behind = projections.behind(scope.ledger_id, scope.generation)
    quarantined = {
        str(client_id) for client_id in Quarantine.objects.filter(**scope.mine()).values_list("client_id", flat=True)
    }
    live = [client_id for client_id in behind if client_id not in quarantined]
    if live:
        live = [str(pk) for pk in scope.clients().filter(pk__in=live).values_list("pk", flat=True)]
    return _Overlay(scope, asked, tuple(live), not live and not quarantined)


def _periods(scope: Scope, without: Sequence[Any]) -> QuerySet[StagePeriod]:
    """The stored periods of the visible clients, without those that are folded live."""
    stored = StagePeriod.objects.filter(**scope.mine())
    return stored.exclude(client__in=without) if without else stored


def _both_ends(scope: Scope, without: Sequence[str], start: datetime, end: datetime) -> Any:
    """The visible clients that stand anywhere at `end`, with their periods at both ends of the span."""
    # Any: the checker does not know what FilteredRelation adds.
    clients: Any = scope.clients().exclude(pk__in=without) if without else scope.clients()
    return clients.annotate(opening=_period_at(scope, start), closing=_period_at(scope, end)).filter(
        closing__stage__isnull=False
    )


@contextmanager
def _joined_as_wholes() -> Iterator[None]:
    """Within it tables are joined by hashing, not row by row.

    Right after many clients have come, the database still takes the tables for nearly empty, and would go through all
    clients for each: ten seconds for two thousand, until its statistics follow a minute later."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('enable_nestloop', 'off', true)")
        yield
        cursor.execute("SELECT set_config('enable_nestloop', 'on', true)")


def _period_at(scope: Scope, moment: datetime) -> FilteredRelation:
    return FilteredRelation(
        "periods",
        condition=Q(
            periods__generation_id=scope.generation_id,
            periods__begins_at__lte=moment,
            periods__ends_at__gt=moment,
        ),
    )


# ---------------------------------------------------------------------- working with periods


@dataclass(frozen=True, slots=True)
class _Change:
    client_id: str
    before: str | None
    entry: Period


def _changes(scope: Scope, stored: Any) -> list[_Change]:
    """The clients that stand elsewhere at the end than at the start, each with the period that brought it there."""
    stays = Case(When(opening__stage=F("closing__stage"), then=Value(True)), default=Value(False))
    changed = stored.alias(stays=stays).filter(stays=False)
    rows = list(changed.values_list("pk", "opening__stage", "closing__stage_since"))
    entries = StagePeriod.objects.filter(
        generation_id=scope.generation_id,
        client__in=[pk for pk, _, _ in rows],
        begins_at__in={since for _, _, since in rows},
    )
    entry_of = {(row.client_id, row.begins_at): period_of(row) for row in entries}
    return [_Change(str(pk), before, entry_of[pk, since]) for pk, before, since in rows]


def _moved(scope: Scope, changed: Sequence[_Change]) -> tuple[Moved, ...]:
    names = _names(scope, {change.client_id for change in changed})
    facts = facts_named(scope.ledger_id, (e for change in changed for e in change.entry.because))
    day = dates_in(scope.principal.time_zone)
    rows = [
        Moved(
            client_id=change.client_id,
            name=names[change.client_id].name,
            owner=names[change.client_id].owner,
            from_=change.before,
            to=change.entry.stage,
            at=from_us(change.entry.begins_at),
            rule=change.entry.rule,
            reason=rule_in_words(change.entry.rule),
            because=because(change.entry.because, facts, day),
        )
        for change in changed
        if change.client_id in names
    ]
    return tuple(sorted(rows, key=lambda row: (row.at, row.client_id), reverse=True))


def _stock(stage: str, moves: Mapping[tuple[str | None, str], int]) -> StageMovement:
    opening = sum(n for (before, _), n in moves.items() if before == stage)
    closing = sum(n for (_, after), n in moves.items() if after == stage)
    stayed = moves.get((stage, stage), 0)
    return StageMovement(stage=stage, opening=opening, in_=closing - stayed, out=opening - stayed, closing=closing)


def _by_stage(item: tuple[tuple[str | None, str], int]) -> tuple[int, int]:
    (before, after), _ = item
    return (-1 if before is None else STAGES.index(before), STAGES.index(after))


def _at(periods: Iterable[Period], moment: int) -> Period | None:
    for period in periods:
        if period.begins_at <= moment and (period.ends_at is None or moment < period.ends_at):
            return period
    return None


def _entry(periods: Sequence[Period], moment: int) -> Period:
    """The period with which the stage of a moment began."""
    past = [period for period in periods if period.begins_at <= moment]
    entry = past[-1]
    for period in reversed(past):
        if period.stage != entry.stage:
            break
        entry = period
    return entry


def _falls(periods: Sequence[Period], now: int) -> Iterator[tuple[str, str, str, Period]]:
    """The first fall of the stage ahead and the first worse health: (kind, before, after, period)."""
    for kind, worse in (("stage", _lower), ("health", _fainter)):
        for before, period in pairwise(periods):
            was, becomes = getattr(before, kind), getattr(period, kind)
            if period.begins_at > now and "ended" not in (was, becomes) and worse(was, becomes):
                yield kind, was, becomes, period
                break


def _lower(was: str, becomes: str) -> bool:
    return STAGES.index(becomes) < STAGES.index(was)


def _fainter(was: str, becomes: str) -> bool:
    return HEALTHS.index(becomes) > max(HEALTHS.index(was), HEALTHS.index("active"))


def _touches(period: Period, since: datetime | None, until: datetime | None) -> bool:
    if until is not None and period.begins_at >= to_us(until):
        return False
    return since is None or period.ends_at is None or period.ends_at > to_us(since)


@dataclass(frozen=True, slots=True)
class _Name:
    name: str
    owner: str | None


def _names(scope: Scope, client_ids: Iterable[str]) -> dict[str, _Name]:
    rows = scope.clients().filter(pk__in=list(client_ids)).values_list("pk", "name", "owner_id")
    return {str(pk): _Name(name, None if owner is None else str(owner)) for pk, name, owner in rows}
