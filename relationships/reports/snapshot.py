"""What a report knows: one immutable snapshot, kept as JSON, from which every form and every mail is
rendered.

A client is named by id and name; people by id alone, so that a report sent again is the same but for people
who were erased since: whoever renders fills the names in. Times are aware and in UTC; the zone to show them
in is the reader's.
"""

from __future__ import annotations

import types
import typing
from collections import Counter
from collections.abc import Collection
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Self

from relationships.domain.judgement import HEALTHS, STAGES


class DoesNotTieOut(AssertionError):
    """A snapshot whose figures contradict each other. It is never stored, shown or sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationName:
    slug: str
    name: str
    time_zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """An event that a stage rests on; ``phrase`` tells it in a few words, with its date."""

    event_id: str
    type: str
    at: datetime
    phrase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLine:
    """A client at the moment of the report. ``opening`` is its stage at the start of the span; None: not
    there yet. ``told_opening`` is the same by the policy of then, where another one was adopted within the span."""

    id: str
    name: str
    owner: str | None
    stage: str
    since: datetime
    health: str
    opening: str | None
    told_opening: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """That the span began under another policy than it ended under, and when the latter was adopted."""

    before: int
    after: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Restated:
    """One stage's opening by the policy of then, and what the new one makes of it: told + restated = opening."""

    stage: str
    told: int
    restated: int
    opening: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """One stage's account of the span: opening + entered − left = closing."""

    stage: str
    opening: int
    entered: int
    left: int
    closing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A client that stands elsewhere than at the start of the span, and when and why it last changed
    stage."""

    client_id: str
    before: str | None
    after: str
    at: datetime
    rule: str
    reason: str
    because: tuple[Cause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """What becomes worse at ``at`` unless something happens: a ``stage`` that falls, or a ``health`` that
    fades."""

    client_id: str
    kind: str
    before: str
    after: str
    at: datetime
    rule: str
    reason: str
    because: tuple[Cause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMeeting:
    client_id: str
    meeting_id: str
    starts_at: datetime
    mode: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """A question that waits for our answer; ``due_at`` is its target."""

    client_id: str
    event_id: str
    asked_at: datetime
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A client whose events could not be folded: its figures are the last good ones."""

    client_id: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The pipeline report: clients by stage and health, movements over a span, and what lies ahead.

    ``risk_days`` and ``fade_days`` say how far ahead a fall of the stage and a worse health are told;
    ``meeting_days`` the same of meetings. ``as_of`` is where it stands and where the span that begins at
    ``since`` ends; ``position`` and ``head`` (hex of the chain's hash) say which log it was read from.
    With a ``policy_change`` within the span, both its ends are told by the new policy, and ``restated`` leads
    over from what the opening was by the former.
    """

    report: str
    organisation: OrganisationName
    made_at: datetime
    as_of: datetime
    known_at: datetime
    since: datetime
    position: int
    head: str
    policy: int
    settled: bool
    risk_days: int
    fade_days: int
    meeting_days: int
    clients: tuple[ClientLine, ...]
    moves: tuple[Move, ...]
    risks: tuple[Risk, ...]
    meetings: tuple[PlannedMeeting, ...]
    questions: tuple[OpenQuestion, ...]
    quarantined: tuple[Quarantined, ...]
    late: bool = False
    policy_change: PolicyChange | None = None

    def restated(self) -> tuple[Restated, ...]:
        """Every stage's opening by the former policy and by the new one, in the order of the stages; empty
        where the policy is the same."""
        if self.policy_change is None:
            return ()
        told = Counter(line.told_opening for line in self.clients)
        opening = Counter(line.opening for line in self.clients)
        return tuple(
            Restated(stage=stage, told=told[stage], restated=opening[stage] - told[stage], opening=opening[stage])
            for stage in STAGES
        )

    def stock(self) -> tuple[Stock, ...]:
        """Every stage's opening, entered, left and closing, in the order of the stages."""
        opening = Counter(line.opening for line in self.clients)
        closing = Counter(line.stage for line in self.clients)
        entered = Counter(move.after for move in self.moves)
        left = Counter(move.before for move in self.moves)
        return tuple(
            Stock(
                stage=stage,
                opening=opening[stage],
                entered=entered[stage],
                left=left[stage],
                closing=closing[stage],
            )
            for stage in STAGES
        )

    def by_stage_and_health(self) -> dict[str, dict[str, int]]:
        """``{stage: {health: clients}}`` with every stage and health, noughts included."""
        count = Counter((line.stage, line.health) for line in self.clients)
        return {stage: {health: count[stage, health] for health in HEALTHS} for stage in STAGES}

    def of(self, client_ids: Collection[str]) -> Snapshot:
        """The same snapshot of these clients only."""
        wanted = frozenset(client_ids)
        return replace(
            self,
            clients=tuple(line for line in self.clients if line.id in wanted),
            moves=tuple(move for move in self.moves if move.client_id in wanted),
            risks=tuple(risk for risk in self.risks if risk.client_id in wanted),
            meetings=tuple(meeting for meeting in self.meetings if meeting.client_id in wanted),
            questions=tuple(question for question in self.questions if question.client_id in wanted),
            quarantined=tuple(one for one in self.quarantined if one.client_id in wanted),
        )

    def owned_by(self, colleague_ids: Collection[str]) -> Snapshot:
        """The same snapshot of the clients that these colleagues owned when it was made."""
        return self.of({line.id for line in self.clients if line.owner in colleague_ids})

    def names(self) -> dict[str, str]:
        """Client id → name as it was when the snapshot was made."""
        return {line.id: line.name for line in self.clients} | {one.client_id: one.name for one in self.quarantined}

    def check(self) -> Self:
        """Itself, if its figures agree; DoesNotTieOut otherwise.

        For every stage opening + entered − left = closing; every move is the difference between a client's
        two ends of the span, and every such difference is a move; whoever opens by one policy does by the other.
        """
        if self.policy_change is not None:
            for client in self.clients:
                if (client.opening is None) != (client.told_opening is None):
                    raise DoesNotTieOut(f"{client.id} opens by one policy and not by the other")
        for line in self.stock():
            if line.opening + line.entered - line.left != line.closing:
                raise DoesNotTieOut(
                    f"{line.stage}: {line.opening} + {line.entered} − {line.left} is not {line.closing}"
                )
        differences = {(line.id, line.opening, line.stage) for line in self.clients if line.opening != line.stage}
        moves = [(move.client_id, move.before, move.after) for move in self.moves]
        if len(moves) != len(differences) or set(moves) != differences:
            odd = sorted(str(one) for one in differences.symmetric_difference(moves)) or ["a move is listed twice"]
            raise DoesNotTieOut(f"moves and clients disagree: {odd[0]}")
        return self

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; the stock is added for readers that do not want to count."""
        stock = [
            {
                "stage": one.stage,
                "opening": one.opening,
                "in": one.entered,
                "out": one.left,
                "closing": one.closing,
            }
            for one in self.stock()
        ]
        plain = {f.name: _plain(getattr(self, f.name)) for f in fields(self)}
        restated = [_plain(one) for one in self.restated()]
        return plain | {"stock": stock, "by_stage_and_health": self.by_stage_and_health(), "restated": restated}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Snapshot:
        """The snapshot that ``to_dict`` wrote. Raises TypeError or KeyError for anything else."""
        snapshot: Snapshot = _build(cls, plain)
        return snapshot


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    return value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _build(kind: Any, plain: Any) -> Any:
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        # What an older program did not know has a default, and is not among its values.
        known = [f for f in fields(kind) if f.name in plain or f.default is MISSING]
        return kind(**{f.name: _build(hints[f.name], plain[f.name]) for f in known})
    if typing.get_origin(kind) is tuple:
        return tuple(_build(typing.get_args(kind)[0], one) for one in plain)
    if kind is datetime:
        return datetime.fromisoformat(plain)
    if isinstance(kind, types.UnionType) and plain is not None:
        return _build(typing.get_args(kind)[0], plain)
    return plain
