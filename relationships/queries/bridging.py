"""Gaps as rows: what bridges each, who carried it, and whether the ground for the next meeting is laid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from relationships.domain import gaps
from relationships.domain.facts import Fact
from relationships.domain.instants import DAY, from_us, to_us
from relationships.domain.judgement import Gap
from relationships.domain.policy import Policy
from relationships.domain.sentences import Day, act, phrase
from relationships.models import projections

from .rows import Carrier, CoveringAct, GapRow

STATES = ("bridged", "patchy", "broken")


def gap_row(
    gap: Gap,
    at: int,
    policy: Policy,
    facts: Mapping[str, Fact],
    day: Day,
    *,
    rhythm: int,
    open_questions: int,
    acts: int,
) -> GapRow:
    """One gap at a moment. `rhythm` is ρ* where the gap is open; `acts` how many covering acts are named, at most.

    An act that is not among `facts` is left out.
    """
    end = at if gap.ends_at is None else gap.ends_at
    coverage, silence = gap.coverage(at), gap.silence(at)
    usual = rhythm if gap.ends_at is None else gap.rhythm
    laid = gaps.ground(gap, policy) if gaps.ground_laid(gap, at, policy) else None
    return GapRow(
        begins_at=from_us(gap.begins_at),
        ends_at=None if gap.ends_at is None else from_us(gap.ends_at),
        opened_by=gap.opened_by,
        closed_by=gap.closed_by,
        days=(end - gap.begins_at) / DAY,
        coverage=coverage,
        state=state_of(coverage, policy),
        longest_silence_days=silence / DAY,
        longest_silence_rhythms=silence / usual if usual else None,
        exchanges=gap.spoken,
        two_way_share=gap.two_way / gap.spoken if gap.spoken else None,
        ideas_ours=gap.ideas_ours,
        ideas_theirs=gap.ideas_theirs,
        open_questions=open_questions,
        acts=tuple(covering(facts[one], day) for one in gap.acts[-acts:] if one in facts),
        carried_ours=_carriers(gap.carried_ours),
        carried_theirs=_carriers(gap.carried_theirs),
        through_personal=gap.through_personal,
        through_brand=gap.through_brand,
        ground_laid=laid is not None,
        ground_since=None if laid is None else from_us(laid[0]),
        ground_until=None if laid is None else from_us(laid[1]),
    )


def state_of(coverage: float, policy: Policy) -> str:
    """Coverage in a word."""
    if coverage >= policy.gap_bridged:
        return "bridged"
    return "patchy" if coverage >= policy.gap_broken else "broken"


def covering(fact: Fact, day: Day) -> CoveringAct:
    """A covering act: what it was, and who took part."""
    data = fact.data
    return CoveringAct(
        event_id=fact.event_id,
        type=fact.type,
        occurred_at=from_us(fact.at),
        direction=data.get("direction") or ("mutual" if fact.type == "meeting_held" else None),
        contacts=tuple(data.get("contacts") or ()),
        our_people=tuple(data.get("our_people") or ()),
        our_account=data.get("our_account") or "personal",
        words=act(fact),
        phrase=phrase(fact, day),
    )


def _carriers(counts: Mapping[str, int]) -> tuple[Carrier, ...]:
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Carrier(id=person, acts=acts) for person, acts in ordered)


def named_in(found: Iterable[Gap], acts: int) -> list[str]:
    """The events that rows of these gaps name."""
    return [event_id for gap in found for event_id in gap.acts[-acts:]]


def stored_gap(row: projections.Gap) -> Gap:
    """A stored gap as the rules see it."""
    return Gap(
        begins_at=to_us(row.begins_at),
        ends_at=None if row.ends_at is None else to_us(row.ends_at),
        opened_by=str(row.opened_by),
        closed_by=None if row.closed_by is None else str(row.closed_by),
        covered=row.covered_us,
        covered_until=to_us(row.covered_until),
        spoken=row.spoken,
        two_way=row.two_way,
        ideas_ours=row.ideas_ours,
        ideas_theirs=row.ideas_theirs,
        last_contact_at=to_us(row.last_contact_at),
        longest_silence=row.longest_silence_us,
        acts=list(row.acts),
        last_two_way_at=None if row.last_two_way_at is None else to_us(row.last_two_way_at),
        laid_from=None if row.laid_from is None else to_us(row.laid_from),
        carried_ours=row.carried_ours,
        carried_theirs=row.carried_theirs,
        through_personal=row.through_personal,
        through_brand=row.through_brand,
        rhythm=row.rhythm_us,
    )


def with_client(row: GapRow, **client: Any) -> dict[str, Any]:
    """The fields of a gap, and those of its client."""
    return {**{name: getattr(row, name) for name in row.__dataclass_fields__}, **client}
