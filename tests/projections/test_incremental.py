"""Whatever the order in which events arrive, what is told right after each is what a rebuild tells from nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relationships import commands, projections
from relationships.models.projections import (
    ClientState,
    Gap,
    Generation,
    Meeting,
    Projected,
    Question,
    StagePeriod,
)
from tests.commands.cast import DAY, NOW, Cast, assemble

pytestmark = pytest.mark.django_db

ANN = {"platform": "email", "handle": "ann@brightwater.example", "name": "Ann"}
BOB = {"platform": "linkedin", "handle": "@bob", "name": "Bob"}
TABLES: tuple[type[Projected], ...] = (ClientState, StagePeriod, Gap, Meeting, Question)
NOT_COMPARED = {"id", "generation_id", "fold"}

_numbers = count()

directions = st.sampled_from(["inbound", "outbound", "mutual"])
contacts = st.sampled_from([[ANN], [BOB], [ANN, BOB], []])
exchanges = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["message_sent", "reply_posted", "idea_shared", "reaction_added", "question_answered", "call_held"]
        ),
        "direction": directions,
        "contacts": contacts,
        "channel": st.sampled_from(["email", "direct_message", "broadcast"]),
        "our_people": st.just(["max@acme.example"]),
    }
)
meetings = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["meeting_held", "meeting_held", "meeting_missed", "meeting_outcome_noted"]),
        "meeting_id": st.sampled_from(["m1", "m2", "m3", "m4", "m5"]),
        "mode": st.sampled_from(["in_person", "video"]),
        "outcome": st.sampled_from(["decision", "information"]),
    }
)
others = st.sampled_from(
    [
        {"type": "question_asked", "channel": "email", "contacts": [ANN]},
        {"type": "tier_changed", "tier": "key"},
        {"type": "relationship_ended"},
        {"type": "relationship_reopened"},
        {"type": "project_started", "name": "Cold chain"},
        {"type": "project_succeeded", "name": "Cold chain"},
        {"type": "meeting_scheduled", "meeting_id": "m5", "starts_at": (NOW + 10 * DAY).isoformat()},
        {"type": "meeting_answered", "meeting_id": "m5", "answer": "accepted"},
    ]
)
hours = st.integers(min_value=0, max_value=500 * 24)
arrivals = st.lists(
    st.tuples(hours, st.one_of(exchanges, exchanges, meetings, others), st.booleans()), min_size=1, max_size=25
)
FIELDS_OF = {
    "meeting_missed": {"meeting_id"},
    "meeting_outcome_noted": {"meeting_id", "outcome"},
    "meeting_held": {"meeting_id", "mode", "outcome"},
}


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(arrivals=arrivals, in_order=st.booleans(), amendments=st.lists(st.integers(0, 24), max_size=3), data=st.data())
def test_what_is_told_after_each_arrival_is_what_a_rebuild_tells(
    arrivals: list[tuple[int, dict[str, Any], bool]], in_order: bool, amendments: list[int], data: st.DataObject
) -> None:
    cast = assemble(f"house-{next(_numbers)}")
    client = cast.client(now=NOW - 600 * DAY)
    if in_order:
        arrivals.sort(key=lambda arrival: arrival[0])
    events = [_arrive(cast, client.id, number, *arrival) for number, arrival in enumerate(arrivals)]
    for number, index in enumerate(amendments):
        _amend(cast, client.id, events[index % len(events)], NOW + timedelta(hours=1, seconds=number), data)
    told = _tables(cast.ledger_id)
    projections.rebuild(cast.ledger_id, now=NOW + DAY)
    assert told == _tables(cast.ledger_id)


def _arrive(cast: Cast, client_id: str, number: int, hour: int, stated: dict[str, Any], twice: bool) -> str:
    fields = {name: value for name, value in stated.items() if name != "type"}
    fields = {name: value for name, value in fields.items() if name in FIELDS_OF.get(stated["type"], fields)}
    key: dict[str, Any] = {"source": "crm", "external_id": str(number)} if twice else {}
    at, now = NOW - 550 * DAY + timedelta(hours=hour), NOW + timedelta(seconds=number)
    appended = cast.record(client_id, stated["type"], at, now=now, **fields, **key)
    if twice:
        again = cast.record(client_id, stated["type"], at, now=now, **fields, **key)
        assert not again.created
    return appended.event.event_id


def _amend(cast: Cast, client_id: str, event_id: str, now: datetime, data: st.DataObject) -> None:
    from relationships import queries

    version = queries.client(cast.system, client_id, now=now).version
    try:
        if data.draw(st.booleans()):
            commands.retract_event(cast.system, client_id, event_id, reason="Wrong", if_match=version, now=now)
        else:
            at = NOW - 550 * DAY + timedelta(hours=data.draw(hours))
            commands.correct_event(
                cast.system, client_id, event_id, reason="Wrong", if_match=version, occurred_at=at, now=now
            )
    except commands.Conflict:
        pass  # retracted already: that is final


def _tables(ledger_id: int) -> dict[str, list[Any]]:
    """All read tables of the live generation, in order."""
    generation = Generation.objects.get(ledger_id=ledger_id, state="live")
    return {model.__name__: _rows(model, generation) for model in TABLES}


def _rows(model: type[Projected], generation: Generation) -> list[Any]:
    rows: Any = model._default_manager.filter(generation=generation).values()
    plain = [{name: _near(value) for name, value in row.items() if name not in NOT_COMPARED} for row in rows]
    return sorted(plain, key=repr)


def _near(value: Any) -> Any:
    """Sums that were added up in another order differ in the last digits."""
    if isinstance(value, float):
        return round(value, 9)
    return [_near(one) for one in value] if isinstance(value, list) else value
