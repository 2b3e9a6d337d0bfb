"""Personal text: sealed under a key per person, bound to its event, gone for good with the key."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag
from django.db import connection, transaction
from django.test import override_settings

from relationships import event_store, sealing
from relationships.domain.draft import Draft

pytestmark = pytest.mark.database

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ANNA = "019a0000-0000-7000-8000-00000000000a"
BORIS = "019a0000-0000-7000-8000-00000000000b"
CLIENT = "019a0000-0000-7000-8000-00000000000c"


@pytest.fixture
def ledger(db: None) -> int:
    ledger_id = event_store.ensure_ledger(1)
    event_store.open_stream(ledger_id, CLIENT)
    return ledger_id


def say(ledger: int, text: str | None, *contacts: str, **data: object) -> event_store.Recorded:
    draft = Draft(
        type="message_sent",
        occurred_at=NOW,
        data={"channel": "email", "direction": "inbound", "contacts": list(contacts)} | data,
        text=text,
    )
    return event_store.append(ledger, CLIENT, draft, recorded_by="user:1", now=NOW).event


def opened(ledger: int, *events: event_store.Recorded) -> list[dict[str, object] | None]:
    parts = sealing.open_parts(ledger, [event.event_id for event in events])
    return [parts.get(event.event_id) for event in events]


def test_text_comes_back_as_it_was_given(ledger: int) -> None:
    text = 'Grüße 😀, "quoted" \\ and\nlines'
    assert opened(ledger, say(ledger, text, ANNA)) == [{"text": text}]


def test_an_event_without_text_has_no_part(ledger: int) -> None:
    event = say(ledger, None, ANNA)
    assert event.sealed_digest is None
    assert opened(ledger, event) == [None]
    assert sealing.open_parts(ledger, []) == {}


def test_neither_the_log_nor_the_part_shows_the_text(ledger: int) -> None:
    say(ledger, "secret words", ANNA)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e::text || p::text || k::text FROM relationships_event e, relationships_sealedpart p,"
            " relationships_personkey k"
        )
        ((everything,),) = cursor.fetchall()
    assert "secret" not in everything
    assert b"secret".hex() not in everything


def test_equal_texts_have_different_ciphertexts_and_the_same_mac(ledger: int) -> None:
    one, two = (sealing.seal(ledger, ANNA, CLIENT, {"text": "x"}, now=NOW) for _ in range(2))
    other = sealing.seal(ledger, BORIS, CLIENT, {"text": "x"}, now=NOW)
    assert one
    assert two
    assert other
    assert one.ciphertext != two.ciphertext
    assert one.text_mac == two.text_mac != other.text_mac


def test_a_part_opens_only_with_its_own_event(ledger: int) -> None:
    one, two = say(ledger, "x", ANNA), say(ledger, "y", ANNA)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE relationships_sealedpart DISABLE TRIGGER USER")
        cursor.execute(
            """
            UPDATE relationships_sealedpart p SET nonce = o.nonce, ciphertext = o.ciphertext
              FROM relationships_sealedpart o WHERE p.event_id = %s AND o.event_id = %s
            """,
            [one.event_id, two.event_id],
        )
        cursor.execute("ALTER TABLE relationships_sealedpart ENABLE TRIGGER USER")
    with pytest.raises(InvalidTag):
        opened(ledger, one)


def test_nothing_opens_under_another_master_key(ledger: int) -> None:
    event = say(ledger, "x", ANNA)
    with override_settings(MASTER_KEY=bytes(32)), pytest.raises(InvalidTag):
        opened(ledger, event)


def test_the_first_contact_named_owns_the_text_and_the_client_when_nobody_is() -> None:
    assert sealing.subject_of(CLIENT, {"contacts": [ANNA, BORIS]}) == ANNA
    assert sealing.subject_of(CLIENT, {"contact_id": BORIS}) == BORIS
    assert sealing.subject_of(CLIENT, {"event_id": CLIENT, "data": {"contacts": [BORIS]}}) == BORIS
    assert sealing.subject_of(CLIENT, {"contacts": []}) == CLIENT
    assert sealing.subject_of(CLIENT, {}) == CLIENT


def test_erasing_takes_one_person_and_leaves_the_others_and_the_chain(ledger: int) -> None:
    of_anna, of_boris, of_client = say(ledger, "a", ANNA, BORIS), say(ledger, "b", BORIS), say(ledger, "c")
    assert sealing.erase(ledger, ANNA, now=NOW) == 1
    event_store.append(
        ledger,
        CLIENT,
        Draft(type="person_erased", occurred_at=NOW, data={"contact_id": ANNA, "handle_macs": []}),
        recorded_by="user:1",
        now=NOW,
    )
    assert opened(ledger, of_anna, of_boris, of_client) == [None, {"text": "b"}, {"text": "c"}]
    assert event_store.verify(ledger).intact


def test_of_an_erased_person_nothing_is_kept_any_more(ledger: int) -> None:
    say(ledger, "a", ANNA)
    sealing.erase(ledger, ANNA, now=NOW)
    assert sealing.seal(ledger, ANNA, CLIENT, {"text": "x"}, now=NOW) is None
    later = say(ledger, "later", ANNA)
    assert later.sealed_digest is None
    assert later.data["contacts"] == [ANNA]


def test_erasing_twice_or_somebody_without_text_is_no_error(ledger: int) -> None:
    assert sealing.erase(ledger, BORIS, now=NOW) == 0
    assert sealing.erase(ledger, BORIS, now=NOW) == 0
    assert say(ledger, "later", BORIS).sealed_digest is None


def test_a_key_made_in_a_transaction_that_is_rolled_back_is_not_used(ledger: int) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        say(ledger, "gone", ANNA)
        raise ZeroDivisionError
    event = say(ledger, "stays", ANNA)
    assert opened(ledger, event) == [{"text": "stays"}]


def test_the_cache_of_keys_is_bounded(ledger: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_MAX_CACHED", 3)
    monkeypatch.setattr(sealing, "_cached", {})
    keys = sealing.keys_of(ledger, [str(UUID(int=number)) for number in range(10, 15)], now=NOW)
    sealing._remember(ledger, keys)
    assert len(sealing._cached) == 3
