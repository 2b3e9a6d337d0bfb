"""Identifiers: UUIDv7, which sort by the time at which they were made (RFC 9562, section 5.7)."""

from __future__ import annotations

import hashlib
import os
from uuid import UUID

_RANDOM_BITS = (1 << 74) - 1


def uuid7(unix_ms: int) -> str:
    """A new UUIDv7 for that moment (milliseconds since 1970, UTC), with 74 random bits, as text."""
    return _uuid7(unix_ms, os.urandom(10))


def bound_to(base: str, number: int) -> str:
    """The UUIDv7 that follows from another one and a number: the same again for the same, and of the same moment."""
    of = UUID(base)
    return _uuid7(of.int >> 80, hashlib.sha256(of.bytes + number.to_bytes(8, "big")).digest()[:10])


def _uuid7(unix_ms: int, bits: bytes) -> str:
    random = int.from_bytes(bits, "big") & _RANDOM_BITS
    value = (unix_ms & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
