"""Many events at once: numbered by time, known ones told, refused ones named, and nothing half-written."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction

from relationships import event_store, sealing
from relationships.event_store import (
    Appended,
    Conflict,
    EventUnknown,
    FutureEvent,
    Outcome,
    StreamUnknown,
    batches,
)

from .conftest import NOW, Log, corrected, held, reported, retracted

pytestmark = pytest.mark.database


def told(outcomes: list[Outcome]) -> list[str]:
    return [
        ("created" if outcome.created else "known") if isinstance(outcome, Appended) else type(outcome).__name__
        for outcome in outcomes
    ]


def test_events_are_numbered_by_time_and_answered_in_the_order_given(log: Log) -> None:
    other = log.open()
    outcomes = log.batch(held(10), (other, held(30)), held(20))
    assert told(outcomes) == ["created"] * 3
    assert [one.event.position for one in outcomes if isinstance(one, Appended)] == [3, 1, 2]
    assert [one.event.version for one in outcomes if isinstance(one, Appended)] == [2, 1, 1]
    assert event_store.versions(log.ledger_id, [log.stream_id, other]) == {log.stream_id: 2, other: 1}


def test_what_comes_back_is_what_stands_in_the_log(log: Log) -> None:
    awkward = {"meeting_id": 'tab\\there "quoted" back\\slash \\N', "mode": "in_person", "topics": ["ä€😀", "\\."]}
    outcomes = log.batch(held(30, data=awkward, source="a\tb", external_id="\\N"), held(20), request_id="line\nbreak")
    assert [one.event for one in outcomes if isinstance(one, Appended)] == event_store.read_log(log.ledger_id)
    assert event_store.verify(log.ledger_id).intact


def test_single_appends_go_on_where_a_batch_ends(log: Log) -> None:
    log.append(held())
    log.batch(held(), held())
    assert log.append(held()).event.version == 4
    assert event_store.verify(log.ledger_id).events == 4
    assert event_store.verify(log.ledger_id).intact


def test_known_facts_come_back_and_conflicts_are_named_without_stopping_the_rest(log: Log) -> None:
    first = log.append(reported("a-1", text="We met.")).event
    outcomes = log.batch(
        reported("a-1", text="We met."), reported("a-1", text="We did not."), reported("a-2"), held(-10)
    )
    assert told(outcomes) == ["known", "Conflict", "created", "FutureEvent"]
    known, conflict, _, future = outcomes
    assert isinstance(known, Appended)
    assert known.event == first
    assert isinstance(conflict, Conflict)
    assert (conflict.existing, conflict.fields) == (first, ("text",))
    assert isinstance(future, FutureEvent)
    assert log.positions() == [1, 2]


def test_repeats_within_a_batch_are_told(log: Log) -> None:
    outcomes = log.batch(
        reported("a-1", text="x"),
        reported("a-1", text="x"),
        reported("a-1", text="y"),
        reported("a-1"),
        (log.open(), reported("a-1")),
    )
    assert told(outcomes) == ["created", "known", "Conflict", "Conflict", "created"]


def test_the_same_batch_again_writes_nothing(log: Log) -> None:
    drafts = [reported(f"a-{number}", text=f"text {number}") for number in range(20)]
    log.batch(*drafts)
    assert told(log.batch(*drafts)) == ["known"] * 20
    assert event_store.head(log.ledger_id).position == 20


def test_an_unknown_stream_is_refused_alone(log: Log) -> None:
    outcomes = log.batch((log.open(), held()), ("01900000-0000-7000-8000-000000000000", held()))
    assert told(outcomes) == ["created", "StreamUnknown"]
    assert isinstance(outcomes[1], StreamUnknown)


def test_corrections_in_a_batch_follow_one_another(log: Log) -> None:
    fact = log.append(held()).event
    outcomes = log.batch(
        corrected(fact.event_id),
        replace(retracted(fact.event_id), occurred_at=NOW + timedelta(minutes=1)),
        replace(corrected(fact.event_id), occurred_at=NOW + timedelta(minutes=2)),
        corrected("01900000-0000-7000-8000-000000000000"),
        held(-1),
    )
    assert told(outcomes) == ["created", "created", "Conflict", "EventUnknown", "created"]
    assert isinstance(outcomes[3], EventUnknown)
    correction, retraction, conflict = outcomes[:3]
    assert isinstance(correction, Appended)
    assert isinstance(retraction, Appended)
    assert isinstance(conflict, Conflict)
    assert (correction.event.supersedes, retraction.event.supersedes) == (
        fact.event_id,
        correction.event.event_id,
    )
    assert conflict.existing.event_id == retraction.event.event_id
    assert event_store.verify(log.ledger_id).intact


def test_texts_are_sealed_under_whom_they_are_about(log: Log) -> None:
    anna, boris = "019a0000-0000-7000-8000-000000000001", "019a0000-0000-7000-8000-000000000002"
    data = {"meeting_id": "m-1", "mode": "in_person"}
    by_anna, by_both, by_nobody = log.batch(
        held(3, data=data | {"contacts": [anna]}, text="Anna"),
        held(2, data=data | {"contacts": [boris, anna]}, text="Boris"),
        held(1, text="nobody"),
    )
    assert sealing.erase(log.ledger_id, anna, now=NOW) == 1
    ids = [one.event.event_id for one in (by_anna, by_both, by_nobody) if isinstance(one, Appended)]
    assert sealing.open_parts(log.ledger_id, ids) == {ids[1]: {"text": "Boris"}, ids[2]: {"text": "nobody"}}


def test_nothing_is_kept_of_a_person_erased_between_preparing_and_locking(log: Log) -> None:
    log.append(held(text="cached"))
    # As another process sees it: this one still has the key.
    remembered = sealing.keys_of(log.ledger_id, [log.stream_id], now=NOW)
    sealing.erase(log.ledger_id, log.stream_id, now=NOW)
    sealing._remember(log.ledger_id, remembered)
    (outcome,) = log.batch(held(text="too late"))
    assert isinstance(outcome, Appended)
    assert outcome.event.sealed_digest is None
    sealing._remember(log.ledger_id, remembered)
    assert log.append(held(text="too late")).event.sealed_digest is None


def test_long_batches_go_in_chunks(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_CHUNK", 7)
    streams = [log.open() for _ in range(3)]
    drafts = [(streams[number % 3], reported(f"a-{number}")) for number in range(40)]
    outcomes = log.batch(*drafts, drafts[0], drafts[39])
    assert told(outcomes) == ["created"] * 40 + ["known"] * 2
    assert log.positions() == list(range(1, 41))
    assert event_store.verify(log.ledger_id).intact


def test_a_surrounding_transaction_takes_all_or_nothing(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_CHUNK", 2)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        log.batch(*[held(text="x")] * 5)
        raise ZeroDivisionError
    assert log.positions() == []
    assert event_store.versions(log.ledger_id, [log.stream_id]) == {log.stream_id: 0}


def test_an_empty_batch_is_nothing(log: Log) -> None:
    assert log.batch() == []
