"""The bytes under the hash chain: golden vectors, and that no field can change unnoticed."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from relationships.domain.chain import GENESIS, StatedEvent, canonical_bytes, canonical_json, content_hash, link

EVENT = StatedEvent(
    event_id="0190c7a4-8000-7cc3-9a52-0000000000e1",
    stream_id="0190c7a4-7b1e-7cc3-9a52-5d5b0f1a2b3c",
    type="message_sent",
    type_version=1,
    occurred_at_us=1_767_571_200_000_000,
    occurred_tz="Europe/Berlin",
    precision="instant",
    recorded_by="user:1",
    source="mail",
    external_id="<a@b>",
    supersedes=None,
    request_id=None,
    body=b'{"channel":"email"}',
    sealed_digest=None,
)


def test_the_bytes_are_the_documented_layout() -> None:
    expected = (
        b"rel1"
        + bytes.fromhex("0190c7a480007cc39a520000000000e1" + "0190c7a47b1e7cc39a525d5b0f1a2b3c")
        + (1).to_bytes(8, "big")
        + (1_767_571_200_000_000).to_bytes(8, "big")
        + b"\0\0\0\x0cmessage_sent\0\0\0\x0dEurope/Berlin\0\0\0\x07instant\0\0\0\x06user:1"
        + b"\0\0\0\x04mail\0\0\0\x05<a@b>\xff\xff\xff\xff\xff\xff\xff\xff"
        + b'\0\0\0\x13{"channel":"email"}\xff\xff\xff\xff'
    )
    assert canonical_bytes(EVENT) == expected
    assert content_hash(EVENT) == hashlib.sha256(expected).digest()


def test_the_hashes_never_change() -> None:
    """Golden vectors: a change here breaks every log in the world."""
    assert content_hash(EVENT).hex() == "0ae5e3866886d0dbef8f24064beed8ba58d93741e18a0302ec070469531cbc95"
    assert (
        link(GENESIS, content_hash(EVENT), 1, 1, 1_767_571_200_000_001).hex()
        == "7dbce94e6ba9a0cd3ee0f330bddf05190b3c57bfd151041bba7db5f724242169"
    )


OTHERS: dict[str, Any] = {
    "event_id": EVENT.stream_id,
    "stream_id": EVENT.event_id,
    "type_version": 2,
    "occurred_at_us": 0,
    "source": None,
    "external_id": "",
    "supersedes": EVENT.event_id,
    "request_id": "",
    "body": b"{}",
    "sealed_digest": b"",
}


@pytest.mark.parametrize("name", StatedEvent._fields)
def test_every_field_is_covered(name: str) -> None:
    other = EVENT._replace(**{name: OTHERS.get(name, "x")})
    assert content_hash(other) != content_hash(EVENT)


def test_absent_and_empty_differ_and_fields_do_not_run_together() -> None:
    assert content_hash(EVENT._replace(source="")) != content_hash(EVENT._replace(source=None))
    one = EVENT._replace(source="ab", external_id="c")
    assert content_hash(one) != content_hash(EVENT._replace(source="a", external_id="bc"))


def test_a_link_depends_on_everything_that_it_joins() -> None:
    linked = link(GENESIS, b"\1" * 32, 1, 1, 1)
    others = [(b"\2" * 32, b"\1" * 32, 1, 1, 1), (GENESIS, b"\2" * 32, 1, 1, 1)]
    others += [(GENESIS, b"\1" * 32, *numbers) for numbers in ((2, 1, 1), (1, 2, 1), (1, 1, 2))]
    assert linked not in [link(*other) for other in others]


def test_canonical_json_is_sorted_without_blanks_and_keeps_characters() -> None:
    assert canonical_json({"b": [1, "ü"], "a": None}) == '{"a":null,"b":[1,"ü"]}'
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json({"a": float("nan")})


def test_two_events_that_are_swapped_break_the_chain() -> None:
    one, other = content_hash(EVENT), content_hash(EVENT._replace(body=b"{}"))
    first, second = link(GENESIS, one, 1, 1, 10), link(GENESIS, other, 1, 1, 10)
    assert link(first, other, 2, 2, 11) != link(second, one, 2, 2, 11)
