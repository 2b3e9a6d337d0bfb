"""A log that was changed behind its back is found out, with place and kind, here and in an export."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
from django.db import connection

from relationships import event_store, sealing
from relationships.domain.draft import Draft
from relationships.domain.verification import Verdict

from .conftest import NOW, Log, Tamper, held, reported

pytestmark = pytest.mark.database


@pytest.fixture
def filled(log: Log) -> Log:
    """Ten events, by single appends and a batch, the fourth and the eighth with a text."""
    other = log.open()
    for number in range(1, 6):
        log.append(reported(f"a-{number}", text="We met." if number == 4 else None))
    log.batch(
        *[
            (other, reported(f"b-{number}", minutes_ago=60 - number, text="x" if number == 8 else None))
            for number in range(6, 11)
        ]
    )
    return log


def exported(log: Log) -> str:
    file = io.StringIO()
    event_store.export(log.ledger_id, file)
    return file.getvalue()


def from_export(log: Log) -> Verdict:
    return event_store.verify_export(io.StringIO(exported(log)))


@pytest.fixture(params=["here", "export"])
def verify(request: pytest.FixtureRequest) -> Callable[[Log], Verdict]:
    """Both ways must say the same."""
    return from_export if request.param == "export" else lambda log: event_store.verify(log.ledger_id)


def test_an_untouched_log_is_intact(filled: Log, verify: Callable[[Log], Verdict]) -> None:
    verdict = verify(filled)
    assert verdict.intact
    assert verdict.events == 10
    assert verdict.head_hash == event_store.head(filled.ledger_id).chain_hash


def test_an_empty_log_is_intact(log: Log, verify: Callable[[Log], Verdict]) -> None:
    assert verify(log) == Verdict(0, bytes(32), None)


EVENT = "relationships_event"
SWAP = """
    UPDATE relationships_event SET position = CASE position WHEN {one} THEN -1 ELSE -2 END
     WHERE position IN ({one}, {two});
    UPDATE relationships_event SET position = CASE position WHEN -1 THEN {two} ELSE {one} END WHERE position < 0
"""


@pytest.mark.parametrize(
    ("statement", "position", "kind"),
    [
        (f'UPDATE {EVENT} SET body = \'{{"mode":"video"}}\' WHERE position = 3', 3, "altered"),
        (f"UPDATE {EVENT} SET body = (body::text || ' ')::json WHERE position = 3", 3, "altered"),
        (f"UPDATE {EVENT} SET type = 'call_held' WHERE position = 10", 10, "altered"),
        (f"UPDATE {EVENT} SET occurred_at = occurred_at - interval '1 microsecond' WHERE position = 7", 7, "altered"),
        (f"UPDATE {EVENT} SET recorded_by = 'user:2' WHERE position = 1", 1, "altered"),
        (f"UPDATE {EVENT} SET stream_id = gen_random_uuid() WHERE position = 5", 5, "altered"),
        (f"UPDATE {EVENT} SET external_id = NULL WHERE position = 5", 5, "altered"),
        (f"UPDATE {EVENT} SET content_hash = sha256('') WHERE position = 6", 6, "altered"),
        (f"UPDATE {EVENT} SET chain_hash = sha256('') WHERE position = 6", 6, "altered"),
        (f"UPDATE {EVENT} SET version = version + 100 WHERE position = 4", 4, "moved"),
        (f"UPDATE {EVENT} SET recorded_at = recorded_at + interval '1 day' WHERE position = 4", 4, "moved"),
        (f"DELETE FROM {EVENT} WHERE position = 1", 1, "missing"),
        (f"DELETE FROM {EVENT} WHERE position IN (6, 7)", 6, "missing"),
        (SWAP.format(one=2, two=3), 2, "reordered"),
        (SWAP.format(one=2, two=8), 2, "reordered"),
        (f"DELETE FROM {EVENT} WHERE position > 8", 9, "head"),
        ("UPDATE relationships_ledgerhead SET position = 9", 9, "head"),
        ("UPDATE relationships_ledgerhead SET chain_hash = sha256('')", 10, "head"),
        ("UPDATE relationships_sealedpart SET ciphertext = ciphertext || '\\x00'", 4, "sealed"),
        (
            "UPDATE relationships_sealedpart SET nonce = substr(sha256(nonce), 1, 12)"
            f" WHERE event_id = (SELECT event_id FROM {EVENT} WHERE position = 8)",
            8,
            "sealed",
        ),
        (
            f"DELETE FROM relationships_sealedpart WHERE event_id = (SELECT event_id FROM {EVENT} WHERE position = 8)",
            8,
            "sealed",
        ),
    ],
)
def test_the_first_break_is_named(
    filled: Log,
    verify: Callable[[Log], Verdict],
    tamper: Tamper,
    statement: str,
    position: int,
    kind: str,
) -> None:
    tamper(statement)
    problem = verify(filled).problem
    assert problem is not None
    assert (problem.position, problem.kind) == (position, kind), problem.detail


def test_texts_of_an_erased_person_may_be_gone(filled: Log, verify: Callable[[Log], Verdict]) -> None:
    sealing.erase(filled.ledger_id, filled.stream_id, now=NOW)
    problem = verify(filled).problem
    assert problem is not None
    assert (problem.position, problem.kind) == (4, "sealed")

    filled.append(Draft(type="person_erased", occurred_at=NOW, data={"contact_id": filled.stream_id}))
    assert verify(filled).intact


def test_an_erasure_does_not_cover_what_came_after_it(
    filled: Log, verify: Callable[[Log], Verdict], tamper: Tamper
) -> None:
    filled.append(Draft(type="person_erased", occurred_at=NOW, data={"contact_id": filled.stream_id}))
    filled.append(held(text="later"))
    tamper(
        "DELETE FROM relationships_sealedpart WHERE event_id = (SELECT event_id FROM relationships_event"
        " WHERE position = 12)"
    )
    problem = verify(filled).problem
    assert problem is not None
    assert (problem.position, problem.kind) == (12, "sealed")


def test_one_client_is_verified_alone(filled: Log, tamper: Tamper) -> None:
    verdict = event_store.verify_stream(filled.ledger_id, filled.stream_id)
    assert (verdict.events, verdict.problem) == (5, None)
    tamper("UPDATE relationships_event SET version = 9 WHERE position = 8")
    assert event_store.verify_stream(filled.ledger_id, filled.stream_id).intact
    tamper("UPDATE relationships_event SET recorded_at = recorded_at + interval '1 s' WHERE position = 2")
    problem = event_store.verify_stream(filled.ledger_id, filled.stream_id).problem
    assert problem is not None
    assert (problem.position, problem.kind) == (2, "moved")


def test_a_client_with_a_missing_event_is_found_out(filled: Log, tamper: Tamper) -> None:
    tamper("DELETE FROM relationships_event WHERE position = 3")
    problem = event_store.verify_stream(filled.ledger_id, filled.stream_id).problem
    assert problem is not None
    assert (problem.position, problem.kind) == (4, "missing")


def test_an_export_holds_neither_plain_text_nor_keys(filled: Log) -> None:
    text = exported(filled)
    assert "We met." not in text
    with connection.cursor() as cursor:
        cursor.execute("SELECT wrapped FROM relationships_personkey")
        assert not [wrapped for (wrapped,) in cursor.fetchall() if bytes(wrapped).hex() in text]
    first, *lines = map(json.loads, text.splitlines())
    assert (first["format"], first["position"]) == ("relationships-log/1", 10)
    assert [line["position"] for line in lines] == list(range(1, 11))


@pytest.mark.parametrize("content", ["", "nonsense", "[]", '{"format": "other/1"}', '{"format": 1}\n'])
def test_what_is_no_export_is_told(content: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        event_store.verify_export(io.StringIO(content))


def test_an_altered_export_is_found_out(filled: Log) -> None:
    lines = exported(filled).splitlines()
    lines[5] = lines[5].replace("in_person", "video")
    problem = event_store.verify_export(io.StringIO("\n".join(lines))).problem
    assert problem is not None
    assert (problem.position, problem.kind) == (5, "altered")


def test_progress_is_told(filled: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    from relationships.event_store import verifying

    monkeypatch.setattr(verifying, "_PAGE", 4)
    told: list[tuple[int, int]] = []
    assert event_store.verify(filled.ledger_id, progress=lambda done, total: told.append((done, total))).intact
    assert told == [(4, 10), (8, 10)]
