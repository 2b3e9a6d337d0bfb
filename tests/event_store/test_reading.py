"""Reading one stream, the whole log, and the facts of many streams."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from relationships import event_store
from relationships.domain.facts import Fact
from relationships.domain.instants import to_us
from relationships.event_store import Appended, reading

from .conftest import NOW, Log, a_log, corrected, held, reported

pytestmark = pytest.mark.database


def test_a_stream_is_read_from_a_version_and_to_a_position(log: Log) -> None:
    for number in range(4):
        log.append(held(number))
        log.append(held(number), stream_id=log.open())

    def versions(**span: int) -> list[int]:
        return [event.version for event in event_store.read_stream(log.ledger_id, log.stream_id, **span)]

    assert versions() == [1, 2, 3, 4]
    assert versions(after_version=2) == [3, 4]
    assert versions(until_position=5) == [1, 2, 3]
    assert versions(after_version=1, until_position=4) == [2]


def test_the_log_is_read_in_pages(log: Log) -> None:
    log.batch(*[held(number) for number in range(7)])
    pages = []
    after = 0
    while page := event_store.read_log(log.ledger_id, after=after, limit=3):
        pages.append([event.position for event in page])
        after = page[-1].position
    assert pages == [[1, 2, 3], [4, 5, 6], [7]]


def test_times_are_aware_and_exact(log: Log) -> None:
    occurred = datetime(2025, 2, 3, 4, 5, 6, 789_123, tzinfo=UTC)
    log.append(held(), now=NOW + timedelta(microseconds=7))
    log.batch(held(), now=NOW + timedelta(microseconds=9))
    assert [event.recorded_at.microsecond for event in event_store.read_log(log.ledger_id)] == [7, 9]
    event = log.append(replace(held(), occurred_at=occurred), now=NOW + timedelta(hours=1)).event
    (read,) = event_store.read_log(log.ledger_id, after=2)
    assert read == event
    assert read.occurred_at == occurred
    assert read.occurred_at.utcoffset() == timedelta(0)


def test_facts_are_what_the_rules_read(log: Log) -> None:
    event = log.append(reported("a-1", text="never among them")).event
    correction = log.append(corrected(event.event_id)).event
    assert event_store.facts_of_stream(log.ledger_id, log.stream_id) == [
        Fact(
            event_id=event.event_id,
            version=1,
            type="meeting_held",
            at=to_us(event.occurred_at),
            source="crm",
            external_id="a-1",
            data={"meeting_id": "m-1", "mode": "in_person"},
        ),
        Fact(
            event_id=correction.event_id,
            version=2,
            type="event_corrected",
            at=to_us(NOW),
            source=None,
            external_id=None,
            data={"event_id": event.event_id, "data": {"meeting_id": "m-1", "mode": "video"}},
        ),
    ]
    assert len(event_store.facts_of_stream(log.ledger_id, log.stream_id, after_version=1)) == 1
    assert len(event_store.facts_of_stream(log.ledger_id, log.stream_id, until_position=1)) == 1


def test_facts_of_all_streams_come_stream_by_stream_in_pages(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_PAGE", 4)
    streams = sorted([log.stream_id, *(log.open() for _ in range(10))])
    for number, stream in enumerate(streams):
        log.batch(*[(stream, held(minute)) for minute in range(number)])

    def shape(**which: object) -> list[tuple[str, list[int]]]:
        return [
            (stream, [fact.version for fact in facts])
            for stream, facts in event_store.facts_by_stream(log.ledger_id, **which)  # type: ignore[arg-type]
        ]

    everything = [(stream, list(range(1, number + 1))) for number, stream in enumerate(streams) if number]
    assert shape() == everything
    assert shape(streams=streams[3:5]) == everything[2:4]
    assert shape(streams=[]) == []
    assert sorted(shape(shard=(0, 2)) + shape(shard=(1, 2))) == everything
    assert shape(until_position=3) == [(streams[1], [1]), (streams[2], [1, 2])]


def test_a_moment_is_found_as_a_position(log: Log) -> None:
    moments = [NOW + timedelta(minutes=number) for number in range(9)]
    for moment in moments:
        log.append(held(), now=moment)
    assert event_store.position_at(log.ledger_id, NOW - timedelta(microseconds=1)) == 0
    for number, moment in enumerate(moments, start=1):
        assert event_store.position_at(log.ledger_id, moment) == number
        assert event_store.position_at(log.ledger_id, moment + timedelta(seconds=59)) == number


def test_the_position_of_any_moment_in_an_empty_log_is_0(log: Log) -> None:
    assert event_store.position_at(log.ledger_id, NOW) == 0


def test_one_ledger_never_shows_in_another(log: Log) -> None:
    event = log.append(held()).event
    another = a_log(2)
    assert event_store.read_log(another.ledger_id) == []
    assert event_store.events(another.ledger_id, [event.event_id]) == {}
    assert list(event_store.facts_by_stream(another.ledger_id)) == []
    assert isinstance(another.batch(held())[0], Appended)
    assert event_store.events(log.ledger_id, [event.event_id]) == {event.event_id: event}
