"""One event at a time: numbered, linked, idempotent, and only in the past."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from relationships import event_store, sealing
from relationships.domain.chain import GENESIS
from relationships.event_store import (
    Conflict,
    EventUnknown,
    FutureEvent,
    OutsideTime,
    StreamUnknown,
    VersionConflict,
)

from .conftest import NOW, Log, a_log, corrected, held, reported, retracted

pytestmark = pytest.mark.database


def test_events_are_numbered_without_holes_in_the_ledger_and_in_each_stream(log: Log) -> None:
    other = log.open()
    appended = [log.append(held()), log.append(held(), stream_id=other), log.append(held())]
    assert [one.event.position for one in appended] == [1, 2, 3]
    assert [one.event.version for one in appended] == [1, 1, 2]


def test_each_ledger_counts_for_itself(log: Log) -> None:
    log.append(held())
    another = a_log(2)
    assert another.ledger_id != log.ledger_id
    assert another.append(held()).event.position == 1


def test_what_comes_back_is_what_stands_in_the_log(log: Log) -> None:
    appended = log.append(reported("a-1", occurred_tz="Europe/Berlin", precision="day"), request_id="req-1")
    assert appended.created
    assert event_store.read_log(log.ledger_id) == [appended.event]
    assert event_store.read_stream(log.ledger_id, log.stream_id) == [appended.event]
    assert appended.event.data == {"meeting_id": "m-1", "mode": "in_person"}
    assert appended.event.request_id == "req-1"


def test_one_statement_is_enough(log: Log, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        log.append(reported("a-1"))


def test_recorded_at_grows_though_the_clock_stands_still_or_goes_back(log: Log) -> None:
    clocks = [NOW, NOW, NOW - timedelta(hours=2), NOW + timedelta(seconds=1)]
    recorded = [log.append(held(600), now=clock).event.recorded_at for clock in clocks]
    microsecond = timedelta(microseconds=1)
    assert recorded == [NOW, NOW + microsecond, NOW + 2 * microsecond, NOW + timedelta(seconds=1)]


def test_the_head_is_where_the_last_event_is(log: Log) -> None:
    assert event_store.head(log.ledger_id).chain_hash == GENESIS
    event = log.append(held()).event
    head = event_store.head(log.ledger_id)
    assert (head.position, head.chain_hash, head.recorded_at, head.epoch) == (
        1,
        event.chain_hash,
        event.recorded_at,
        1,
    )


def test_nothing_is_recorded_more_than_five_minutes_ahead_or_before_1970(log: Log) -> None:
    log.append(held(-5))
    with pytest.raises(FutureEvent):
        log.append(replace(held(), occurred_at=NOW + timedelta(minutes=5, microseconds=1)))
    with pytest.raises(OutsideTime):
        log.append(replace(held(), occurred_at=datetime(1969, 12, 31, tzinfo=UTC)))
    with pytest.raises(ValueError, match="no time zone"):
        log.append(replace(held(), occurred_at=datetime(2026, 1, 1)))
    assert log.positions() == [1]


def test_an_unknown_stream_is_refused(log: Log) -> None:
    another = a_log(2)
    with pytest.raises(StreamUnknown):
        log.append(held(), stream_id=another.stream_id)


def test_an_external_id_needs_its_source(log: Log) -> None:
    with pytest.raises(ValueError, match="needs the source"):
        log.append(held(external_id="a-1"))


# --- The same fact twice


def test_sending_a_fact_again_gives_the_stored_event_and_writes_nothing(log: Log) -> None:
    first = log.append(reported("a-1", text="We met."))
    again = log.append(reported("a-1", text="We met."), recorded_by="user:2", now=NOW + timedelta(days=1))
    assert not again.created
    assert again.event == first.event
    assert log.positions() == [1]


def test_the_natural_key_belongs_to_one_stream(log: Log) -> None:
    log.append(reported("a-1"))
    assert log.append(reported("a-1"), stream_id=log.open()).created


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"occurred_at": NOW}, ("occurred_at",)),
        ({"precision": "day", "occurred_tz": "Asia/Tokyo"}, ("precision", "occurred_tz")),
        ({"data": {"meeting_id": "m-1", "mode": "video", "minutes": 30}}, ("data/minutes", "data/mode")),
        ({"type": "call_held"}, ("type",)),
        ({"text": "We met twice."}, ("text",)),
        ({"text": None}, ("text",)),
    ],
)
def test_another_content_under_a_known_key_is_a_conflict_that_names_the_fields(
    log: Log, changed: dict, fields: tuple[str, ...]
) -> None:
    first = log.append(reported("a-1", text="We met."))
    with pytest.raises(Conflict) as conflict:
        log.append(replace(reported("a-1", text="We met."), **changed))
    assert conflict.value.fields == fields
    assert conflict.value.existing == first.event


def test_sealed_fields_are_compared_too(log: Log) -> None:
    def planned(place: str) -> event_store.Appended:
        data = {"meeting_id": "m-1", "mode": "in_person", "starts_at": "2026-07-01T10:00:00Z", "place": place}
        return log.append(replace(reported("a-1", data=data), type="meeting_scheduled"))

    planned("Harbour 3")
    assert not planned("Harbour 3").created
    with pytest.raises(Conflict) as conflict:
        planned("Harbour 4")
    assert conflict.value.fields == ("data/place",)


def test_after_an_erasure_text_is_not_compared(log: Log) -> None:
    log.append(reported("a-1", text="We met."))
    sealing.erase(log.ledger_id, log.stream_id, now=NOW)
    assert not log.append(reported("a-1", text="Something else.")).created


# --- Versions


def test_an_expected_version_is_checked(log: Log) -> None:
    log.append(held(), expected_version=0)
    with pytest.raises(VersionConflict) as conflict:
        log.append(held(), expected_version=0)
    assert conflict.value.current == 1


def test_a_known_fact_comes_back_whatever_version_is_expected(log: Log) -> None:
    log.append(reported("a-1"), expected_version=0)
    assert not log.append(reported("a-1"), expected_version=0).created


def test_a_refusal_leaves_the_surrounding_transaction_usable(log: Log) -> None:
    with transaction.atomic():
        log.append(reported("a-1"))
        with pytest.raises(Conflict):
            log.append(reported("a-1", text="other"))
        log.append(held())
    assert log.positions() == [1, 2]


def test_a_transaction_that_is_rolled_back_leaves_no_hole(log: Log) -> None:
    log.append(held())
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        log.append(held(text="gone"))
        raise ZeroDivisionError
    assert log.append(held(text="stays")).event.position == 2
    assert event_store.verify(log.ledger_id).intact


# --- Corrections


def test_corrections_follow_one_another_whichever_of_the_lineage_they_name(log: Log) -> None:
    fact = log.append(held()).event
    first = log.append(corrected(fact.event_id)).event
    second = log.append(corrected(fact.event_id)).event
    third = log.append(corrected(second.event_id)).event
    last = log.append(retracted(first.event_id)).event
    lineage = [first.supersedes, second.supersedes, third.supersedes, last.supersedes]
    assert lineage == [fact.event_id, first.event_id, second.event_id, third.event_id]
    assert event_store.verify(log.ledger_id).intact


def test_after_a_retraction_nothing_more_is_corrected(log: Log) -> None:
    fact = log.append(held()).event
    retraction = log.append(retracted(fact.event_id)).event
    for draft in (corrected(fact.event_id), retracted(fact.event_id), retracted(retraction.event_id)):
        with pytest.raises(Conflict) as conflict:
            log.append(draft)
        assert conflict.value.existing == retraction
        assert conflict.value.fields == ("data/event_id",)


def test_a_retraction_sent_again_under_its_own_key_comes_back(log: Log) -> None:
    fact = log.append(held()).event
    draft = retracted(fact.event_id, source="crm", external_id="r-1")
    assert log.append(draft).created
    assert not log.append(draft).created


def test_a_correction_names_an_event_of_its_own_stream(log: Log) -> None:
    elsewhere = log.append(held(), stream_id=log.open()).event
    for event_id in (elsewhere.event_id, "01900000-0000-7000-8000-000000000000"):
        with pytest.raises(EventUnknown):
            log.append(corrected(event_id))


def test_the_database_refuses_a_lineage_that_forks(log: Log) -> None:
    fact = log.append(held()).event
    log.append(corrected(fact.event_id))
    with pytest.raises(IntegrityError, match="event_lineage"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TEMPORARY TABLE fork ON COMMIT DROP AS
              SELECT * FROM relationships_event WHERE supersedes IS NOT NULL;
            UPDATE fork SET event_id = gen_random_uuid(), position = position + 1, version = version + 1;
            INSERT INTO relationships_event SELECT * FROM fork
            """
        )
