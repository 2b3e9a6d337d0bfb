"""Identifiers: UUIDv7, which sort by the time at which they were made (RFC 9562, section 5.7)."""

from __future__ import annotations

import os

_RANDOM_BITS = (1 << 74) - 1


def uuid7(unix_ms: int) -> str:
    """A new UUIDv7 for that moment (milliseconds since 1970, UTC), with 74 random bits, as text."""
    random = int.from_bytes(os.urandom(10), "big") & _RANDOM_BITS
    value = (unix_ms & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
