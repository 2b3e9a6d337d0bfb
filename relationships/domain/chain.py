"""The bytes under the hash chain.

An event's *content hash* is SHA-256 over what its caller stated, as these bytes, in this order:

    "rel1"                                      four bytes: the version of this layout
    event_id     stream_id                      16 bytes each, the UUIDs' own
    type_version occurred_at                    8 bytes each, big-endian, signed; microseconds since 1970, UTC
    type occurred_tz precision recorded_by      fields
    source external_id request_id supersedes    fields, which may be absent
    body sealed_digest                          fields; the digest may be absent

    field  =  length (4 bytes, big-endian) and that many bytes (text as UTF-8)
    absent =  FF FF FF FF, which is no length that a field may have: absent and empty differ

`body` is the exact JSON text that is stored (`canonical_json`), `sealed_digest` the SHA-256 of the ciphertext of the
personal part, never of the plaintext: erasing a key leaves every hash valid.

The *chain hash* links an event to the one before it in its ledger, so that no event can be altered, removed or moved
without breaking every later link:

    SHA-256( previous chain hash, 32 bytes   ‖ content hash, 32 bytes
             ‖ position ‖ version ‖ recorded_at in µs, each 8 bytes big-endian )

The database computes the same link itself (`migrations/sql`). The first event links to 32 zero bytes.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

LAYOUT = b"rel1"
GENESIS = bytes(32)
_ABSENT = b"\xff\xff\xff\xff"


class StatedEvent(NamedTuple):
    """What the caller of an append states; the store's own numbers are not among it."""

    event_id: str
    stream_id: str
    type: str
    type_version: int
    occurred_at_us: int
    occurred_tz: str
    precision: str
    recorded_by: str
    source: str | None
    external_id: str | None
    supersedes: str | None
    request_id: str | None
    body: bytes
    sealed_digest: bytes | None


_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Mapping[str, Any]) -> str:
    """The JSON text that is stored and hashed: keys sorted, no blanks, characters as they are."""
    return _JSON.encode(value)


def canonical_bytes(event: StatedEvent) -> bytes:
    """The bytes that the content hash covers; the module's docstring draws them."""
    return b"".join(
        (
            LAYOUT,
            _uuid(event.event_id),
            _uuid(event.stream_id),
            _TWO.pack(event.type_version, event.occurred_at_us),
            _frequent(event.type),
            _frequent(event.occurred_tz),
            _frequent(event.precision),
            _frequent(event.recorded_by),
            _frequent(event.source),
            _field(event.external_id),
            _frequent(event.request_id),
            _field(event.supersedes),
            _field(event.body),
            _field(event.sealed_digest),
        )
    )


_LENGTH = struct.Struct(">I")
_TWO = struct.Struct(">qq")
_THREE = struct.Struct(">qqq")


def _field(value: str | bytes | None) -> bytes:
    if value is None:
        return _ABSENT
    raw = value.encode() if isinstance(value, str) else value
    return _LENGTH.pack(len(raw)) + raw


# Thousands of events in a row say the same in these fields.
_frequent = lru_cache(maxsize=1024)(_field)


def _uuid(text: str) -> bytes:
    raw = bytes.fromhex(text.replace("-", ""))
    if len(raw) != 16:
        raise ValueError(f"{text!r} is not a UUID")
    return raw


def content_hash(event: StatedEvent) -> bytes:
    """SHA-256 of what the caller stated."""
    return hashlib.sha256(canonical_bytes(event)).digest()


def link(previous: bytes, content: bytes, position: int, version: int, recorded_at_us: int) -> bytes:
    """The chain hash of an event whose predecessor in the ledger has the hash `previous`."""
    return hashlib.sha256(previous + content + _THREE.pack(position, version, recorded_at_us)).digest()
