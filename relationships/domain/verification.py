"""Does a log still say what was recorded? Walks the chain and names the first break and its kind.

Works on rows as they stand in a database or in an export; needs neither. What a chain cannot notice is a tail that was
cut off together with the head: only a head kept elsewhere does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from relationships.domain.chain import GENESIS, StatedEvent, content_hash, link

Kind = Literal["missing", "altered", "moved", "reordered", "sealed", "head"]


@dataclass(frozen=True, slots=True)
class Row:
    """An event as it stands in the log, and whose personal text it held.

    `recorded_at_us` counts microseconds since 1970 (UTC). `sealed_found` is the SHA-256 of the sealed part as it is
    now, None when there is none; `subject` is who it belongs to.
    """

    stated: StatedEvent
    position: int
    version: int
    recorded_at_us: int
    content_hash: bytes
    chain_hash: bytes
    sealed_found: bytes | None
    subject: str


@dataclass(frozen=True, slots=True)
class Problem:
    """The first break: at which position, of which kind, and in words."""

    position: int
    kind: Kind
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many events were walked, the hash at their end, and what is wrong, if anything is."""

    events: int
    head_hash: bytes
    problem: Problem | None

    @property
    def intact(self) -> bool:
        return self.problem is None


def walk(rows: Iterable[Row], *, head: tuple[int, bytes]) -> Verdict:
    """Verifies a whole ledger: its rows in order of position, and the (position, hash) at which it should end."""
    position, previous, previous_at = 0, GENESIS, -1
    erasures = _Erasures()
    for row, following in _with_next(rows):
        problem = (
            _numbered(row, position + 1) or broken_content(row) or _broken_link(row, previous, previous_at, following)
        )
        if problem:
            return Verdict(position, previous, problem)
        erasures.take(row)
        position, previous, previous_at = row.position, row.chain_hash, row.recorded_at_us
    return Verdict(position, previous, erasures.left_over() or _wrong_head(position, previous, head))


def walk_stream(rows: Iterable[tuple[Row, bytes]], *, erased: Iterable[str]) -> Verdict:
    """Verifies one stream: its rows in order of version, each with the chain hash of the position before it.

    `erased` are the subjects whose texts may be gone.
    """
    gone = frozenset(erased)
    version, previous_hash = 0, GENESIS
    for row, previous in rows:
        problem = broken_content(row)
        if row.version != version + 1:
            problem = Problem(row.position, "missing", f"version {version + 1} of the stream is not there")
        elif problem is None and _link(row, previous) != row.chain_hash:
            problem = Problem(row.position, "moved", _BROKEN)
        elif problem is None and _text_missing(row) and row.subject not in gone:
            problem = _missing_text(row.position)
        if problem:
            return Verdict(version, previous_hash, problem)
        version, previous_hash = row.version, row.chain_hash
    return Verdict(version, previous_hash, None)


_BROKEN = "chain_hash does not follow: version, recorded_at, position or content_hash is not what it was when recorded"


def broken_content(row: Row) -> Problem | None:
    """What is wrong with the event in itself."""
    if content_hash(row.stated) != row.content_hash:
        return Problem(
            row.position, "altered", "type, time, client, body or another stated field is not what was hashed"
        )
    if row.sealed_found not in (None, row.stated.sealed_digest):
        return Problem(row.position, "sealed", "the sealed part is not the one that was hashed")
    return None


def _numbered(row: Row, expected: int) -> Problem | None:
    if row.position == expected:
        return None
    last = row.position - 1
    missing = f"position {expected} is" if last == expected else f"positions {expected} to {last} are"
    return Problem(expected, "missing", f"{missing} not there")


def _broken_link(row: Row, previous: bytes, previous_at: int, following: Row | None) -> Problem | None:
    linked = _link(row, previous)
    if linked == row.chain_hash:
        return None
    if following is not None and _link(following, row.chain_hash) == following.chain_hash:
        # The chain goes on from what stands here, so this is the event of this place.
        return Problem(row.position, "moved", _BROKEN)
    if following is not None and _link(following, linked) == following.chain_hash:
        return Problem(row.position, "altered", "chain_hash is not what it was when recorded")
    if row.recorded_at_us <= previous_at or (following and following.recorded_at_us <= row.recorded_at_us):
        return Problem(row.position, "reordered", "another event stands here, out of the order of recorded_at")
    return Problem(row.position, "moved", _BROKEN)


def _link(row: Row, previous: bytes) -> bytes:
    return link(previous, row.content_hash, row.position, row.version, row.recorded_at_us)


def _text_missing(row: Row) -> bool:
    return row.stated.sealed_digest is not None and row.sealed_found is None


def _missing_text(position: int) -> Problem:
    return Problem(position, "sealed", "the sealed part is not there, and no person_erased covers it")


def _wrong_head(position: int, chain_hash: bytes, head: tuple[int, bytes]) -> Problem | None:
    if (position, chain_hash) == head:
        return None
    if head[0] > position:
        return Problem(position + 1, "head", f"the head is at {head[0]}, the log ends at {position}: its tail is gone")
    return Problem(position, "head", f"the head (position {head[0]}) is not where the log ends ({position})")


class _Erasures:
    """Sealed parts that are gone, until the `person_erased` that covers them comes by."""

    def __init__(self) -> None:
        self._first_missing: dict[str, int] = {}

    def take(self, row: Row) -> None:
        if _text_missing(row):
            self._first_missing.setdefault(row.subject, row.position)
        for subject in erased_by(row.stated):
            self._first_missing.pop(subject, None)

    def left_over(self) -> Problem | None:
        if not self._first_missing:
            return None
        return _missing_text(min(self._first_missing.values()))


def erased_by(stated: StatedEvent) -> Iterator[str]:
    """Whose texts a `person_erased` covers; nothing for events of other types."""
    if stated.type == "person_erased":
        data = json.loads(stated.body)
        yield str(data.get("contact_id") or stated.stream_id)


def _with_next(rows: Iterable[Row]) -> Iterator[tuple[Row, Row | None]]:
    """Each row with the one after it; the last with None."""
    row: Row | None = None
    for following in rows:
        if row is not None:
            yield row, following
        row = following
    if row is not None:
        yield row, None
