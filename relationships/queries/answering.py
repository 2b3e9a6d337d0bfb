"""How questions are answered: how soon, how many in time, and how deep in debt we are.

One statement for the whole and one for the groups, whatever the number of questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import (
    Aggregate,
    BigIntegerField,
    Case,
    Count,
    ExpressionWrapper,
    F,
    FloatField,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest, Least

from accounts.models import Team, User
from accounts.roles import Principal
from relationships.domain.instants import DAY
from relationships.models.projections import Question

from .agenda import asked_of, in_state
from .errors import Invalid
from .paging import one_of, texts
from .rows import Answering, AnsweringGroup, QuestionStatistics
from .scope import checked_limit, scope_of

GROUPS = ("client", "owner", "team")
MINIMUM = 5  # answered questions; below it times and shares are unknown
WINDOW = timedelta(days=90)


def question_statistics(
    principal: Principal,
    *,
    now: datetime,
    client: str | None = None,
    owner: str | None = None,
    team: str | None = None,
    of_us: bool | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    by: str | None = None,
    limit: int | None = None,
) -> QuestionStatistics:
    """How the questions asked from `since` (90 days before `until`) to `until` (now) were answered by now.

    `by` adds groups by client, owner or team, the deepest in debt first, at most `limit` of them; the others leave
    questions as in `questions`. Raises Invalid, and NotFound for an unknown `client`.
    """
    texts(owner=owner, team=team)
    scope = scope_of(principal)
    ends = until or now
    begins = since or ends - WINDOW
    if begins > ends:
        raise Invalid.one("since", "out_of_order", "The window ends before it begins.")
    most = checked_limit(limit)
    asked = asked_of(scope, client=client, owner=owner, team=team, of_us=of_us).filter(asked_at__lte=now)
    measures = _measures(now, begins, ends)
    return QuestionStatistics(
        as_of=now,
        since=begins,
        until=ends,
        minimum=MINIMUM,
        total=Answering(**_told(asked.aggregate(**measures))),
        by=by,
        groups=() if by is None else _groups(asked, one_of("by", by, GROUPS), measures, most),
    )


class _Percentile(Aggregate):
    """The value below which a share of all lies, between two neighbours where need be."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


class _Seconds(Func):
    template = "EXTRACT(EPOCH FROM %(expressions)s)::float8"
    output_field = FloatField()


def _seconds(later: Any, earlier: Any) -> Any:
    return _Seconds(ExpressionWrapper(later - earlier, output_field=FloatField()))


def _measures(at: datetime, begins: datetime, ends: datetime) -> dict[str, Any]:
    """What is counted, by the names of `Answering`; hours as seconds, working days as microseconds."""
    window = Q(asked_at__gte=begins, asked_at__lt=ends)
    answered = window & in_state("answered", at)
    is_open = in_state("open", at)
    took, worked = _seconds(F("closed_at"), F("asked_at")), F("worked_us")
    # A target is never at the moment of asking; a second guards against a row that says so.
    target = Greatest(Value(1.0), _seconds(F("target_at"), F("asked_at")), output_field=FloatField())
    age = ExpressionWrapper(_seconds(Value(at), F("asked_at")) / target, output_field=FloatField())
    owed = Least(Value(1.0), age, output_field=FloatField())
    return {
        "asked": Count("pk", filter=window),
        "answered": Count("pk", filter=answered),
        "due": Count("pk", filter=answered | (window & Q(target_at__lte=at))),
        "in_time": Count("pk", filter=answered & Q(closed_at__lte=F("target_at"))),
        "lapsed": Count("pk", filter=window & in_state("lapsed", at)),
        "median_hours": _Percentile(took, share=0.5, filter=answered),
        "p90_hours": _Percentile(took, share=0.9, filter=answered),
        "median_working_days": _Percentile(worked, share=0.5, filter=answered),
        "p90_working_days": _Percentile(worked, share=0.9, filter=answered),
        "open": Count("pk", filter=is_open),
        "overdue": Count("pk", filter=in_state("overdue", at)),
        "missed": Count("pk", filter=in_state("missed", at)),
        "debt": Coalesce(Sum(owed, filter=is_open), Value(0.0)),
    }


def _told(found: Mapping[str, Any]) -> dict[str, Any]:
    """The measures as they are told: hours, days, and nothing where there is too little to tell."""
    known = found["answered"] >= MINIMUM

    def scaled(name: str, unit: float) -> float | None:
        return found[name] / unit if known and found[name] is not None else None

    counts = ("asked", "answered", "due", "in_time", "lapsed", "open", "overdue", "missed", "debt")
    return {
        **{name: found[name] for name in counts},
        "share_in_time": found["in_time"] / found["due"] if known else None,
        "median_hours": scaled("median_hours", 3600),
        "p90_hours": scaled("p90_hours", 3600),
        "median_working_days": scaled("median_working_days", DAY),
        "p90_working_days": scaled("p90_working_days", DAY),
    }


def _groups(asked: QuerySet[Question], by: str, measures: Mapping[str, Any], most: int) -> tuple[AnsweringGroup, ...]:
    identity, name = _IDENTITIES[by]
    # Any: the checker does not know what annotate adds.
    grouped: Any = asked.annotate(of=identity, called=name).values("of", "called").annotate(**measures)
    rows = list(grouped.filter(Q(asked__gt=0) | Q(open__gt=0)).order_by("-debt", "called", "of")[:most])
    return tuple(
        AnsweringGroup(id=None if row["of"] is None else str(row["of"]), name=row["called"], **_told(row))
        for row in rows
    )


def _team() -> Any:
    """The team of the owner: of the login, or of the colleague where there is none (as the filter `team` reads it)."""
    login = User.objects.filter(pk=OuterRef("client__owner__user_id")).values("team_id")[:1]
    return Case(
        When(client__owner__user_id__isnull=True, then=F("client__owner__team_id")),
        default=Subquery(login),
        output_field=BigIntegerField(),
    )


_IDENTITIES: Mapping[str, tuple[Any, Any]] = {
    "client": (F("client_id"), F("client__name")),
    "owner": (F("client__owner_id"), F("client__owner__name")),
    "team": (_team(), Subquery(Team.objects.filter(pk=OuterRef("of")).values("name")[:1])),
}
