"""From a draft to what is stored: everything that can be done before a lock is held.

The personal fields are sealed, the clear ones become canonical JSON, and what the caller states is hashed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from relationships import sealing
from relationships.domain.chain import StatedEvent, canonical_json, content_hash
from relationships.domain.draft import Draft
from relationships.domain.events import EVENT_TYPES, split
from relationships.domain.facts import CORRECTED, RETRACTED
from relationships.domain.ids import uuid7
from relationships.domain.instants import to_us
from relationships.event_store.records import FutureEvent, OutsideTime, Recorded
from relationships.models.log import AHEAD

_AHEAD_US = AHEAD // timedelta(microseconds=1)


@dataclass(slots=True)
class Stated:
    """A draft, ready to be numbered and linked."""

    event_id: str
    stream_id: str
    draft: Draft
    occurred_at_us: int
    type_version: int
    recorded_by: str
    request_id: str | None
    data: dict[str, Any]
    body: str
    # What is to be sealed; `part` is None when there is nothing, or nothing may be kept of an erased person.
    personal: dict[str, Any]
    subject: str
    amends: bool
    part: sealing.Part | None = None
    supersedes: str | None = None
    content_hash: bytes = b""

    @property
    def natural_key(self) -> tuple[str, str, str] | None:
        draft = self.draft
        if draft.external_id is None or draft.source is None:
            return None
        return (self.stream_id, draft.source, draft.external_id)

    @property
    def sealed_digest(self) -> bytes | None:
        return self.part.digest if self.part else None

    def hash(self) -> None:
        """Fixes the content hash: after sealing, and again once the lineage of a correction is known."""
        draft = self.draft
        self.content_hash = content_hash(
            StatedEvent(
                event_id=self.event_id,
                stream_id=self.stream_id,
                type=draft.type,
                type_version=self.type_version,
                occurred_at_us=self.occurred_at_us,
                occurred_tz=draft.occurred_tz,
                precision=draft.precision,
                recorded_by=self.recorded_by,
                source=draft.source,
                external_id=draft.external_id,
                supersedes=self.supersedes,
                request_id=self.request_id,
                body=self.body.encode(),
                sealed_digest=self.sealed_digest,
            )
        )

    def as_recorded(
        self, ledger_id: int, position: int, version: int, recorded_at: datetime, chain_hash: bytes
    ) -> Recorded:
        draft = self.draft
        return Recorded(
            ledger_id,
            position,
            self.event_id,
            self.stream_id,
            version,
            draft.type,
            self.type_version,
            draft.occurred_at,
            draft.occurred_tz,
            draft.precision,
            recorded_at,
            self.recorded_by,
            draft.source,
            draft.external_id,
            self.request_id,
            self.supersedes,
            self.data,
            chain_hash,
            self.sealed_digest,
        )


def state(stream_id: str, draft: Draft, *, recorded_by: str, request_id: str | None, now: datetime) -> Stated:
    """A draft with clean, resolved data, made ready but for sealing and hashing.

    Raises OutsideTime, and ValueError for a naive time or an external id without its source.
    """
    occurred_at_us, now_us = to_us(draft.occurred_at), to_us(now)
    if occurred_at_us > now_us + _AHEAD_US:
        raise FutureEvent(f"occurred_at {draft.occurred_at.isoformat()} lies more than five minutes ahead")
    if occurred_at_us < 0:
        raise OutsideTime(f"occurred_at {draft.occurred_at.isoformat()} lies before 1970")
    if draft.external_id is not None and draft.source is None:
        raise ValueError(f"external_id {draft.external_id!r} needs the source that it is unique in")
    clear, personal = split(draft.type, draft.data)
    if draft.text is not None:
        personal = {**personal, "text": draft.text}
    return Stated(
        event_id=draft.event_id or uuid7(now_us // 1000),
        stream_id=stream_id,
        draft=draft,
        occurred_at_us=occurred_at_us,
        type_version=EVENT_TYPES[draft.type].version,
        recorded_by=recorded_by,
        request_id=request_id,
        data=clear,
        body=canonical_json(clear),
        personal=personal,
        subject=sealing.subject_of(stream_id, draft.data) if personal else stream_id,
        amends=draft.type in (CORRECTED, RETRACTED),
    )


def seal(ledger_id: int, stated: Iterable[Stated], *, now: datetime) -> None:
    """Seals the personal fields, each under its subject's key, and hashes what is stated then."""
    all_of_them = list(stated)
    keys = sealing.keys_of(ledger_id, {one.subject for one in all_of_them if one.personal}, now=now)
    for one in all_of_them:
        key = keys[one.subject] if one.personal else None
        one.part = key.seal(one.event_id, one.personal) if key else None
        one.hash()


def difference(existing: Recorded, existing_mac: bytes | None, stated: Stated) -> tuple[str, ...]:
    """In which fields a draft differs from the event recorded under its natural key; empty when it is a repeat.

    Texts are compared by their HMAC, and not at all once either person was erased.
    """
    draft = stated.draft
    fields = [
        name
        for name in ("type", "occurred_at", "precision", "occurred_tz")
        if getattr(existing, name) != getattr(draft, name)
    ]
    for name in sorted(existing.data.keys() | stated.data.keys()):
        if existing.data.get(name) != stated.data.get(name):
            fields.append(f"data/{name}")
    erased = (existing.sealed_digest is not None and existing_mac is None) or (
        bool(stated.personal) and stated.part is None
    )
    if not erased and existing_mac != (stated.part.text_mac if stated.part else None):
        fields += _personal_difference(existing, stated)
    return tuple(fields)


def _personal_difference(existing: Recorded, stated: Stated) -> Sequence[str]:
    stored = sealing.open_parts(existing.ledger_id, [existing.event_id]).get(existing.event_id, {})
    names = sorted(
        name for name in stored.keys() | stated.personal.keys() if stored.get(name) != stated.personal.get(name)
    )
    # Nothing to compare with when the other one is written in the same batch.
    return [name if name == "text" else f"data/{name}" for name in names] or ["text"]
