"""One client: where it stands and why, its timeline, its strength term by term, the gaps between its meetings.

`as_of` is the moment that is asked about, past or coming; `known_at` leaves out what was recorded later. Both are now
unless given. What lies after the latest event is read from saved state; an earlier moment, an earlier knowledge or
another policy folds the client's events again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.roles import Principal
from relationships import event_store, projections
from relationships.domain.contact import ACTS_REMEMBERED
from relationships.domain.facts import Fact
from relationships.domain.fold import Fold
from relationships.domain.history import NeedsHistory
from relationships.domain.instants import from_us, to_us
from relationships.domain.judgement import STAGES, Period
from relationships.domain.policy import Policy
from relationships.domain.sentences import (
    Explanation,
    act,
    dates_in,
    explain,
    plain,
    rule_in_words,
    sentence,
)
from relationships.domain.strength import VELOCITY_OVER, band, mark_at, strength_of
from relationships.models.projections import FOREVER, ClientState, Quarantine, StagePeriod
from relationships.models.roster import Client

from .bridging import gap_row, named_in
from .errors import NotFound
from .named import because, facts_named
from .rows import (
    Gaps,
    Next,
    PeriodRow,
    SentencePart,
    StageAnswer,
    StrengthAnswer,
    StrengthTerm,
    Timeline,
)
from .scope import Moments, Scope, judged

logger = logging.getLogger(__name__)


def stage(
    principal: Principal,
    ref: str,
    *,
    now: datetime,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    policy: int | None = None,
) -> StageAnswer:
    """Where a client stands and why.

    By the policy of `policy`, a version, else by the one in force when `known_at` was. Raises NotFound, also before its
    first effective event and before anything of it was known; Invalid for a `known_at` in the future and for a version
    that there is not.
    """
    return stage_of(ask(principal, ref, now=now, as_of=as_of, known_at=known_at, policy=policy))


def stage_of(asked: Folded) -> StageAnswer:
    """The same of a client that was asked about already."""
    at, fold = asked.at, asked.fold
    standing = fold.standing_at(at)
    day = dates_in(asked.scope.principal.time_zone)
    told = explain(fold, standing, at, day)
    facts = facts_named(asked.scope.ledger_id, told.events)
    parts = sentence(asked.client.name, standing, told, facts, day)
    return StageAnswer(
        client_id=str(asked.client.pk),
        stage=STAGES[standing.stage],
        since=from_us(standing.since),
        reached=STAGES[standing.reached],
        reached_at=from_us(standing.reached_at),
        health=standing.health,
        health_since=from_us(standing.health_since),
        health_reason=rule_in_words(told.health_rule),
        because=because(standing.stage_because, facts, day),
        health_because=because(told.health_because, facts, day),
        sentence=plain(parts),
        sentence_parts=tuple(SentencePart(text=part.text, event_id=part.event_id) for part in parts),
        keeps_until=_time(told.keeps_until),
        falls_at=_time(told.falls_at),
        next=_next(told),
        **strength_values(fold, at),
        **asked.footer(),
    )


def timeline(
    principal: Principal,
    ref: str,
    *,
    now: datetime,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    policy: int | None = None,
) -> Timeline:
    """All periods of a client, on into the future as it looked at `as_of`. Raises as `stage` does."""
    asked = ask(principal, ref, now=now, as_of=as_of, known_at=known_at, policy=policy)
    return Timeline(
        client_id=str(asked.client.pk), data=tuple(period_row(p) for p in asked.periods()), **asked.footer()
    )


def strength(
    principal: Principal,
    ref: str,
    *,
    now: datetime,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    policy: int | None = None,
) -> StrengthAnswer:
    """A client's strength with every term of its sum, the weightiest first. Raises as `stage` does."""
    return strength_answer(ask(principal, ref, now=now, as_of=as_of, known_at=known_at, policy=policy, whole=True))


def strength_answer(asked: Folded) -> StrengthAnswer:
    """The same of a client that was asked about already, as a whole."""
    at, fold = asked.at, asked.fold
    known = known_by(fold, at)
    terms = sorted(fold.terms(at), key=lambda term: (-term.points, -term.at, term.event_id)) if known else []
    facts = facts_named(asked.scope.ledger_id, [term.event_id for term in terms])
    day = dates_in(asked.scope.principal.time_zone)
    return StrengthAnswer(
        client_id=str(asked.client.pk),
        sum=fold.total(at) if known else None,
        k=fold.policy.scale,
        terms=tuple(
            StrengthTerm(
                event_id=term.event_id,
                label=f"{_label(term.kind, facts.get(term.event_id))} on {day(term.at)}",
                occurred_at=from_us(term.at),
                factors=term.factors,
                points=term.points,
            )
            for term in terms
        ),
        **strength_values(fold, at),
        **asked.footer(),
    )


def gaps(
    principal: Principal,
    ref: str,
    *,
    now: datetime,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    policy: int | None = None,
) -> Gaps:
    """The gaps between a client's meetings, the open one first, and what bridges them. Raises as `stage` does."""
    return gaps_of(ask(principal, ref, now=now, as_of=as_of, known_at=known_at, policy=policy, whole=True))


def gaps_of(asked: Folded) -> Gaps:
    """The same of a client that was asked about already, as a whole."""
    fold = asked.fold
    found = [*fold.fresh_gaps, *([fold.gap] if fold.gap else [])]
    facts = facts_named(asked.scope.ledger_id, named_in(found, ACTS_REMEMBERED))
    day = dates_in(asked.scope.principal.time_zone)
    waiting = sum(1 for question in fold.open_questions if question.lapses_at > asked.at)
    return Gaps(
        client_id=str(asked.client.pk),
        data=tuple(
            gap_row(
                gap,
                asked.at,
                fold.policy,
                facts,
                day,
                rhythm=fold.rhythm,
                open_questions=waiting if gap.ends_at is None else 0,
                acts=ACTS_REMEMBERED,
            )
            for gap in reversed(found)
        ),
        **asked.footer(),
    )


# ---------------------------------------------------------------------- what is read


@dataclass(frozen=True, slots=True)
class Folded:
    """One client at the asked moment: `fold` holds its events up to then; `whole` that all of them are in it."""

    scope: Scope
    client: Client
    moments: Moments
    fold: Fold
    whole: bool
    settled: bool

    @property
    def at(self) -> int:
        return to_us(self.moments.as_of)

    def periods(self) -> list[Period]:
        """The whole timeline."""
        tail = self.fold.judge()
        if self.whole:
            return tail
        stored = StagePeriod.objects.filter(
            generation_id=self.scope.generation_id,
            client=self.client,
            begins_at__lt=from_us(tail[0].begins_at),
        )
        return [*(period_of(row) for row in stored.order_by("begins_at")), *tail]

    def footer(self) -> dict[str, Any]:
        return footer(self.scope, self.moments, settled=self.settled)


def footer(scope: Scope, moments: Moments, *, settled: bool) -> dict[str, Any]:
    """What every answer carries: the fields of `rows.Asked`."""
    position = moments.position
    return {
        "as_of": moments.as_of,
        "known_at": moments.known_at,
        "position": event_store.head(scope.ledger_id).position if position is None else position,
        "policy": scope.policy.version,
        "settled": settled,
    }


def ask(
    principal: Principal,
    ref: str,
    *,
    now: datetime,
    as_of: datetime | None,
    known_at: datetime | None,
    policy: int | None,
    whole: bool = False,
) -> Folded:
    """Finds the client and folds what the question needs: everything when `whole`."""
    scope, asked = judged(principal, now=now, as_of=as_of, known_at=known_at, policy=policy)
    client = scope.client(ref)
    at = to_us(asked.as_of)
    client_id = str(client.pk)
    if asked.position is not None:
        try:
            return Folded(scope, client, asked, _folded(scope, client, at, position=asked.position), True, True)
        except NotFound:
            raise
        except Exception:
            logger.exception("client %s cannot be folded as it was known", client_id)
        return Folded(scope, client, asked, _last_good(scope, client, at, asked.position), True, False)
    state = ClientState.objects.filter(generation_id=scope.generation_id, client=client).first()
    quarantined = Quarantine.objects.filter(generation_id=scope.generation_id, client=client).exists()
    behind = bool(projections.behind(scope.ledger_id, scope.generation, among=[client_id]))
    settled = not behind and not quarantined
    if state is not None and state.fold is not None and not whole and (settled or quarantined):
        saved = _saved(state.fold, scope.policy)
        if saved is not None and saved.at is not None and saved.at <= at:
            return Folded(scope, client, asked, saved, False, settled)
    told = state.projected_version if state is not None else 0
    if not quarantined:
        try:
            return Folded(scope, client, asked, _folded(scope, client, at), True, settled)
        except NotFound:
            raise
        except Exception:
            # The newest events cannot be folded, and nobody has noticed yet: what was told before still stands.
            logger.exception("client %s cannot be folded", client_id)
    return Folded(scope, client, asked, _folded(scope, client, at, told=told), True, False)


def _saved(state: str, policy: Policy) -> Fold | None:
    """The fold to go on from; None when another release saved it."""
    try:
        return projections.fold_of(state, policy)
    except NeedsHistory:
        return None


def _last_good(scope: Scope, client: Client, at: int, position: int) -> Fold:
    """The fold of what could still be worked out of a client in quarantine, as far as it was known by `position`."""
    state = ClientState.objects.filter(generation_id=scope.generation_id, client=client)
    told = state.values_list("projected_version", flat=True).first() or 0
    try:
        return _folded(scope, client, at, position=position, told=told)
    except NotFound:
        raise
    except Exception:
        raise NotFound("this client's events cannot be worked out under that policy") from None


def _folded(scope: Scope, client: Client, at: int, *, position: int | None = None, told: int | None = None) -> Fold:
    """The fold of the client's events up to `at`: those known by `position`, or up to version `told`, if given."""
    facts = event_store.facts_of_stream(scope.ledger_id, str(client.pk), until_position=position)
    if told is not None:
        facts = [fact for fact in facts if fact.version <= told]
    fold = projections.fold_whole(facts, scope.policy, until=at)
    if fold.standing is None:
        raise NotFound("nothing was known of this client by then")
    return fold


# ---------------------------------------------------------------------- values


def strength_values(fold: Fold, at: int) -> dict[str, Any]:
    """Strength, band and velocity at a moment not before the fold's latest event."""
    known = known_by(fold, at)
    return strength_fields(list(fold.marks), at, fold.policy, known=known)


def strength_fields(marks: list[Any], at: int, policy: Policy, *, known: bool) -> dict[str, Any]:
    """The same from stored marks; all unknown before the first contact."""
    if not known:
        return {"strength": None, "band": band(None, policy), "velocity": None}
    value = strength_of(mark_at(marks, at).total(at), policy.scale)
    before = strength_of(mark_at(marks, at - VELOCITY_OVER).total(at - VELOCITY_OVER), policy.scale)
    return {"strength": value, "band": band(value, policy), "velocity": value - before}


def known_by(fold: Fold, at: int) -> bool:
    """Whether there had been a contact by then: until the first, strength is unknown."""
    return fold.first_contact is not None and fold.first_contact[0] <= at


def period_of(row: StagePeriod) -> Period:
    """A stored period."""
    ends = None if row.ends_at == FOREVER else to_us(row.ends_at)
    return Period(row.stage, row.health, to_us(row.begins_at), ends, row.rule, tuple(row.because))


def period_row(period: Period) -> PeriodRow:
    """A period for outsiders."""
    return PeriodRow(
        stage=period.stage,
        health=period.health,
        begins_at=from_us(period.begins_at),
        ends_at=_time(period.ends_at),
        rule=period.rule,
        reason=rule_in_words(period.rule),
        because=period.because,
    )


def _label(kind: str, fact: Fact | None) -> str:
    """What earned the points, in a few words."""
    what = kind.replace("_", " ") if fact is None else act(fact)
    return f"{what}, and it was answered" if kind == "answered" else what


def _next(told: Explanation) -> Next | None:
    return None if told.next_stage is None else Next(stage=told.next_stage, missing=told.missing)


def _time(instant: int | None) -> datetime | None:
    return None if instant is None else from_us(instant)
