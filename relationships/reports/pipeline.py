"""The pipeline report: where every client stands, who moved since a date and why, and who falls unless …

``build`` asks the queries, once, within one snapshot of the database; ``tell`` works the report out of the
timelines, which run on into the future, and is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from django.db import connection, transaction

from accounts.models import Organisation
from accounts.roles import Principal
from relationships import event_store, projections, queries
from relationships.domain.chain import GENESIS
from relationships.domain.judgement import HEALTHS, STAGES
from relationships.domain.policy import DEFAULT_POLICY
from relationships.domain.sentences import dates_in
from relationships.queries.named import because, facts_named
from relationships.queries.rows import ClientPeriods, Page, PeriodRow, Portfolio
from relationships.reports.snapshot import (
    Cause,
    ClientLine,
    Move,
    OpenQuestion,
    OrganisationName,
    PlannedMeeting,
    PolicyChange,
    Quarantined,
    Risk,
    Snapshot,
)

NAME = "pipeline"
SPAN = timedelta(days=7)
RISK_DAYS = 30
# Health fades within three weeks of silence: told thirty days ahead it would name nearly everybody.
FADE_DAYS = 7
MEETING_DAYS = 14
INSTANT = timedelta(microseconds=1)
PAGE = 500

Row = TypeVar("Row")


def build(
    principal: Principal,
    *,
    now: datetime,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    since: datetime | None = None,
    late: bool = False,
) -> Snapshot:
    """The snapshot of what ``principal`` may see, checked: it ties out.

    It stands at ``as_of`` (None: now; may lie in the future), rests on what was known at ``known_at`` (None:
    now) and tells the moves from ``since`` on (None: seven days before ``as_of``). ``late`` says that it was
    due before. Raises ValueError for a span that ends before it begins and for a ``known_at`` in the future,
    DoesNotTieOut for figures that contradict each other.
    """
    as_of = as_of or now
    since = since or as_of - SPAN
    if since > as_of:
        raise ValueError(f"the movements would begin at {since.isoformat()}, after {as_of.isoformat()}")
    if known_at and known_at > now:
        raise ValueError(f"nobody knows yet what will be known at {known_at.isoformat()}")
    with _one_view():
        return _build(principal, now=now, as_of=as_of, known_at=known_at, since=since, late=late).check()


def _build(
    principal: Principal,
    *,
    now: datetime,
    as_of: datetime,
    known_at: datetime | None,
    since: datetime,
    late: bool,
) -> Snapshot:
    organisation = Organisation.objects.get(pk=principal.organisation_id)
    ledger_id = event_store.ledger_of(organisation.pk)
    ahead = as_of + timedelta(days=RISK_DAYS) + INSTANT
    portfolio = queries.timelines(principal, now=now, until=ahead, as_of=as_of, known_at=known_at)
    causes = _causes(ledger_id, portfolio.rows, since=since, zone=organisation.time_zone)
    change = _policy_change(ledger_id, portfolio, since)
    former = None if change is None else _stages_then(principal, change.before, now, since, known_at)
    told = tell(portfolio.rows, since=since, as_of=as_of, causes=causes, former=former)
    return Snapshot(
        report=NAME,
        organisation=OrganisationName(slug=organisation.slug, name=organisation.name, time_zone=organisation.time_zone),
        made_at=now,
        as_of=as_of,
        known_at=portfolio.known_at,
        since=since,
        position=portfolio.position,
        head=_chain_hash(ledger_id, portfolio.position),
        policy=portfolio.policy,
        settled=portfolio.settled,
        risk_days=RISK_DAYS,
        fade_days=FADE_DAYS,
        meeting_days=MEETING_DAYS,
        clients=told.lines,
        moves=told.moves,
        risks=told.risks,
        # What was planned and open is kept for the present knowledge only.
        meetings=() if known_at else _meetings(principal, as_of),
        questions=() if known_at else _questions(principal, as_of),
        quarantined=tuple(
            Quarantined(client_id=row.client_id, name=row.client_name, reason=row.reason)
            for row in queries.quarantined(principal)
        ),
        late=late,
        policy_change=change,
    )


def _policy_change(ledger_id: int, portfolio: Portfolio, since: datetime) -> PolicyChange | None:
    """The change from the policy in force at ``since`` to the one by which the report is told; None: the same."""
    known = [one for one in projections.adoptions(ledger_id) if one.position <= portfolio.position]
    before = max((one for one in known if one.adopted_at <= since), default=None, key=lambda one: one.position)
    former = before.version if before else DEFAULT_POLICY.version
    within = [one for one in known if one.adopted_at > since and one.version == portfolio.policy]
    if former == portfolio.policy or not within:
        return None
    return PolicyChange(before=former, after=portfolio.policy, at=within[-1].adopted_at)


def _stages_then(
    principal: Principal, version: int, now: datetime, since: datetime, known_at: datetime | None
) -> dict[str, str]:
    """Where each client stood at ``since`` by that version of the policy, as it is known today."""
    found = queries.timelines(principal, now=now, since=since, until=since + INSTANT, known_at=known_at, policy=version)
    return {client.client_id: client.periods[0].stage for client in found.rows}


def _causes(ledger_id: int, clients: Iterable[ClientPeriods], *, since: datetime, zone: str) -> dict[str, Cause]:
    """The events on which changes after ``since`` rest, by id."""
    named = {
        event for client in clients for period in client.periods if period.begins_at > since for event in period.because
    }
    facts = facts_named(ledger_id, named)
    return {
        event.event_id: Cause(event_id=event.event_id, type=event.type, at=event.occurred_at, phrase=event.phrase)
        for event in because(facts, facts, dates_in(zone))
    }


def _meetings(principal: Principal, as_of: datetime) -> tuple[PlannedMeeting, ...]:
    ask = partial(
        queries.meetings,
        principal,
        now=as_of,
        status="planned",
        since=as_of,
        until=as_of + timedelta(days=MEETING_DAYS),
    )
    return tuple(
        PlannedMeeting(client_id=row.client_id, meeting_id=row.meeting_id, starts_at=row.at, mode=row.mode)
        for row in _all_pages(ask)
    )


def _questions(principal: Principal, as_of: datetime) -> tuple[OpenQuestion, ...]:
    return tuple(
        OpenQuestion(client_id=row.client_id, event_id=row.event_id, asked_at=row.asked_at, due_at=row.target_at)
        for row in _all_pages(partial(queries.questions, principal, now=as_of, state="open"))
    )


def _all_pages(ask: Callable[..., Page[Row]]) -> Iterator[Row]:
    cursor = None
    while True:
        page = ask(limit=PAGE, cursor=cursor)
        yield from page.rows
        cursor = page.next
        if cursor is None:
            return


def _chain_hash(ledger_id: int, position: int) -> str:
    """The chain's hash at a position, hexadecimal: what was read can be proved by it later."""
    if position == 0:
        return GENESIS.hex()
    (event,) = event_store.read_log(ledger_id, after=position - 1, limit=1)
    return event.chain_hash.hex()


@contextmanager
def _one_view() -> Iterator[None]:
    """One state of the database for all that a snapshot asks, so that position and figures belong together.

    Within a transaction of the caller's the level cannot be set any more, and is the caller's affair.
    """
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


@dataclass(frozen=True, slots=True)
class Told:
    lines: tuple[ClientLine, ...]
    moves: tuple[Move, ...]
    risks: tuple[Risk, ...]


def tell(
    clients: Iterable[ClientPeriods],
    *,
    since: datetime,
    as_of: datetime,
    causes: Mapping[str, Cause],
    former: Mapping[str, str] | None = None,
) -> Told:
    """Lines, moves and risks of the clients that had begun by ``as_of``, moves and risks by time.

    A move is the net change of a client from ``since`` to ``as_of``; its cause is that of its last change of
    stage. ``causes`` holds the events that the timelines name; one it lacks is left out. ``former`` holds the
    stage of each client at ``since`` by the policy of then, where that was another one.
    """
    begun = [client for client in clients if client.periods and client.periods[0].begins_at <= as_of]
    telling = _Telling(since, as_of, causes, former or {})
    lines = [telling.line(client) for client in begun]
    moves = [
        telling.move(client, line) for client, line in zip(begun, lines, strict=True) if line.opening != line.stage
    ]
    risks = [risk for client in begun if (risk := telling.risk(client))]
    return Told(
        lines=tuple(sorted(lines, key=lambda line: (STAGES.index(line.stage), line.name.casefold(), line.id))),
        moves=tuple(sorted(moves, key=lambda move: (move.at, move.client_id), reverse=True)),
        risks=tuple(sorted(risks, key=lambda risk: (risk.kind != "stage", risk.at, risk.client_id))),
    )


@dataclass(frozen=True, slots=True)
class _Telling:
    since: datetime
    as_of: datetime
    causes: Mapping[str, Cause]
    former: Mapping[str, str]

    def line(self, client: ClientPeriods) -> ClientLine:
        now = _at(client.periods, self.as_of)
        opening = _at(client.periods, self.since) if client.periods[0].begins_at <= self.since else None
        return ClientLine(
            id=client.client_id,
            name=client.name,
            owner=client.owner,
            stage=now.stage,
            since=self._entry(client).begins_at,
            health=now.health,
            opening=opening.stage if opening else None,
            told_opening=self.former.get(client.client_id) if opening else None,
        )

    def move(self, client: ClientPeriods, line: ClientLine) -> Move:
        entry = self._entry(client)
        return Move(
            client_id=client.client_id,
            before=line.opening,
            after=line.stage,
            at=entry.begins_at,
            rule=entry.rule,
            reason=entry.reason,
            because=self._because(entry),
        )

    def risk(self, client: ClientPeriods) -> Risk | None:
        """The first fall of the stage ahead, else the first worse health; None when neither comes in time."""
        now = _at(client.periods, self.as_of)
        for kind, order, days in (("stage", STAGES, RISK_DAYS), ("health", HEALTHS, FADE_DAYS)):
            before = getattr(now, kind)
            horizon = self.as_of + timedelta(days=days)
            for span in client.periods:
                after = getattr(span, kind)
                if self.as_of < span.begins_at <= horizon and _worse(order, before, after):
                    return Risk(
                        client_id=client.client_id,
                        kind=kind,
                        before=before,
                        after=after,
                        at=span.begins_at,
                        rule=span.rule,
                        reason=span.reason,
                        because=self._because(span),
                    )
        return None

    def _entry(self, client: ClientPeriods) -> PeriodRow:
        """The period with which the client entered the stage it has at ``as_of``."""
        past = [span for span in client.periods if span.begins_at <= self.as_of]
        entry = past[-1]
        for span in reversed(past):
            if span.stage != entry.stage:
                break
            entry = span
        return entry

    def _because(self, span: PeriodRow) -> tuple[Cause, ...]:
        return tuple(self.causes[event] for event in span.because if event in self.causes)


def _at(periods: Sequence[PeriodRow], moment: datetime) -> PeriodRow:
    return next(span for span in reversed(periods) if span.begins_at <= moment)


def _worse(order: Sequence[str], before: str, after: str) -> bool:
    """Stages are listed upwards, healths downwards; ``ended`` comes from events alone and is no risk."""
    if "ended" in (before, after):
        return False
    if order is STAGES:
        return order.index(after) < order.index(before)
    return order.index(after) > max(order.index(before), order.index("active"))
