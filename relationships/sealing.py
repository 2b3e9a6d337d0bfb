"""Personal text, sealed under a key per person, so that destroying the key erases the person from every copy.

The key (32 random bytes) is wrapped by `settings.MASTER_KEY`, which is not in the database. A sealed part is the
canonical JSON of an event's personal fields, encrypted with AES-256-GCM and bound to its event; the log holds only the
SHA-256 of nonce and ciphertext, so every hash still verifies when the part is gone. Equal texts have different
ciphertexts: whether two are the same is told by an HMAC of the text under the person's key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import connection, transaction

from relationships.domain.chain import canonical_json
from relationships.domain.ids import uuid7
from relationships.domain.instants import to_us

_NONCE = 12
_MAX_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class Part:
    """The sealed part of one event, and the id of the key it is sealed under."""

    key_id: str
    nonce: bytes
    ciphertext: bytes
    text_mac: bytes

    @property
    def digest(self) -> bytes:
        """What the event's content hash covers."""
        return hashlib.sha256(self.nonce + self.ciphertext).digest()


@dataclass(frozen=True, slots=True)
class Key:
    """A person's key, unwrapped."""

    id: str
    secret: bytes

    def seal(self, event_id: str, sealed: Mapping[str, Any]) -> Part:
        plain = canonical_json(sealed).encode()
        nonce = os.urandom(_NONCE)
        ciphertext = AESGCM(self.secret).encrypt(nonce, plain, event_id.encode())
        return Part(self.id, nonce, ciphertext, self._mac(plain))

    def open(self, event_id: str, nonce: bytes, ciphertext: bytes) -> dict[str, Any]:
        """Raises cryptography's InvalidTag when the part was altered or belongs to another event."""
        return orjson.loads(AESGCM(self.secret).decrypt(nonce, ciphertext, event_id.encode()))

    def _mac(self, plain: bytes) -> bytes:
        mac_key = hmac.digest(self.secret, b"relationships: sameness of text", "sha256")
        return hmac.digest(mac_key, plain, "sha256")


def subject_of(stream_id: str, data: Mapping[str, Any]) -> str:
    """Whose text an event holds: the contact it is about, else the first one named, else the client.

    `data` is clean and resolved. A correction holds the text of whom its new data names. What a `person_erased` says
    is not that person's: it is the client's.
    """
    if "handle_macs" in data:
        return stream_id
    if contact := data.get("contact_id"):
        return str(contact)
    if contacts := data.get("contacts"):
        return str(contacts[0])
    if isinstance(corrected := data.get("data"), Mapping):
        return subject_of(stream_id, corrected)
    return stream_id


def seal(ledger_id: int, subject_id: str, event_id: str, sealed: Mapping[str, Any], *, now: datetime) -> Part | None:
    """Seals an event's personal fields under the subject's key, which is made when there is none yet.

    None when the subject was erased: their text is not kept any more.
    """
    key = keys_of(ledger_id, [subject_id], now=now)[subject_id]
    return key.seal(event_id, sealed) if key else None


def keys_of(ledger_id: int, subject_ids: Iterable[str], *, now: datetime) -> dict[str, Key | None]:
    """The keys of subjects, made where there are none yet; None for those that were erased."""
    wanted = set(subject_ids)
    found: dict[str, Key | None] = {subject: key for subject in wanted if (key := _cached.get((ledger_id, subject)))}
    if missing := wanted - found.keys():
        loaded = _load(ledger_id, missing)
        if new := missing - loaded.keys():
            _create(ledger_id, new, now)
            loaded |= _load(ledger_id, new)
        # A key made in a transaction that is rolled back must not be remembered.
        transaction.on_commit(lambda: _remember(ledger_id, loaded))
        found |= loaded
    return found


def forget(ledger_id: int, subject_ids: Iterable[str]) -> None:
    """Drops keys from this process's cache: they turned out to be destroyed."""
    for subject in subject_ids:
        _cached.pop((ledger_id, subject), None)


def open_parts(ledger_id: int, event_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The personal fields of events, by event id; events without any, or of erased persons, are left out."""
    wanted = list(event_ids)
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.event_id::text, p.nonce, p.ciphertext, k.id::text, k.subject::text, k.wrapped
              FROM relationships_sealedpart p JOIN relationships_personkey k ON k.id = p.key_id
             WHERE p.ledger_id = %s AND p.event_id = ANY(%s::uuid[]) AND k.wrapped IS NOT NULL
            """,
            [ledger_id, wanted],
        )
        rows = cursor.fetchall()
    keys: dict[str, Key] = {}
    opened = {}
    for event_id, nonce, ciphertext, key_id, subject, wrapped in rows:
        if key_id not in keys:
            keys[key_id] = _unwrap(ledger_id, subject, key_id, bytes(wrapped))
        opened[event_id] = keys[key_id].open(event_id, bytes(nonce), bytes(ciphertext))
    return opened


def parts_of(ledger_id: int, subject_id: str) -> list[str]:
    """The ids of the events whose personal fields are sealed under a subject's key."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.event_id::text FROM relationships_sealedpart p JOIN relationships_personkey k ON k.id = p.key_id
             WHERE k.ledger_id = %s AND k.subject = %s
            """,
            [ledger_id, subject_id],
        )
        return [event_id for (event_id,) in cursor.fetchall()]


def has_key(ledger_id: int, subject_id: str) -> bool:
    """Whether anything could be sealed or opened for a subject: its key stands and is not destroyed."""
    return _load(ledger_id, [subject_id]).get(subject_id) is not None


def erase(ledger_id: int, subject_id: str, *, now: datetime) -> int:
    """Destroys a subject's key and deletes what was sealed under it; returns how many parts that were.

    Nobody can read those texts afterwards, and none is kept from then on. The caller locks the client's stream first
    (streams are locked before keys, keys before the head), and in the same transaction appends `person_erased` and
    clears the readable copies.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # Made where there is none: an erased subject is one whose key is destroyed.
        _create(ledger_id, [subject_id], now)
        cursor.execute(
            """
            UPDATE relationships_personkey SET wrapped = NULL, destroyed_at = %s
             WHERE ledger_id = %s AND subject = %s AND destroyed_at IS NULL
            """,
            [now, ledger_id, subject_id],
        )
        cursor.execute(
            """
            DELETE FROM relationships_sealedpart WHERE ledger_id = %s AND key_id =
                (SELECT id FROM relationships_personkey WHERE ledger_id = %s AND subject = %s)
            """,
            [ledger_id, ledger_id, subject_id],
        )
        deleted = cursor.rowcount
    forget(ledger_id, [subject_id])
    return deleted


def handle_mac(ledger_id: int, platform: str, handle: str) -> str:
    """A keyed digest of a handle in its normal form, in hexadecimal: it tells an erased address when it comes again.

    Without `settings.MASTER_KEY` nobody can try addresses against it.
    """
    key = hmac.digest(settings.MASTER_KEY, b"relationships: handles of the erased", "sha256")
    return hmac.digest(key, f"{ledger_id} {platform} {handle}".encode(), "sha256").hex()


def seal_answer(row_id: str, plain: bytes) -> bytes:
    """Encrypts an answer that is kept for a repeated request (`IdempotencyKey.answer`), bound to its row."""
    nonce = os.urandom(_NONCE)
    return nonce + _answer_cipher().encrypt(nonce, plain, row_id.encode())


def open_answer(row_id: str, sealed: bytes) -> bytes:
    """What `seal_answer` was given."""
    return _answer_cipher().decrypt(sealed[:_NONCE], sealed[_NONCE:], row_id.encode())


def _answer_cipher() -> AESGCM:
    return AESGCM(hmac.digest(settings.MASTER_KEY, b"relationships: idempotent answers", "sha256"))


# (ledger, subject) → key. Others' erasures are noticed when an append locks the key: see append.sql.
_cached: dict[tuple[int, str], Key] = {}


def _remember(ledger_id: int, keys: Mapping[str, Key | None]) -> None:
    for subject, key in keys.items():
        if key is not None:
            while len(_cached) >= _MAX_CACHED:
                _cached.pop(next(iter(_cached)), None)
            _cached[ledger_id, subject] = key


def _load(ledger_id: int, subject_ids: Iterable[str]) -> dict[str, Key | None]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id::text, subject::text, wrapped FROM relationships_personkey
             WHERE ledger_id = %s AND subject = ANY(%s::uuid[])
            """,
            [ledger_id, list(subject_ids)],
        )
        return {
            subject: _unwrap(ledger_id, subject, key_id, bytes(wrapped)) if wrapped is not None else None
            for key_id, subject, wrapped in cursor.fetchall()
        }


def _create(ledger_id: int, subject_ids: Iterable[str], now: datetime) -> None:
    """Makes keys; one that another process has made meanwhile stays."""
    made: list[list[Any]] = []
    for subject in sorted(subject_ids):
        key_id = uuid7(to_us(now) // 1000)
        made.append([key_id, ledger_id, subject, _wrap(ledger_id, subject, key_id, os.urandom(32)), now])
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO relationships_personkey (id, ledger_id, subject, wrapped, created_at)
            VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
            """,
            made,
        )


def _wrap(ledger_id: int, subject_id: str, key_id: str, secret: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    bound_to = _bound_to(ledger_id, subject_id, key_id)
    return nonce + AESGCM(settings.MASTER_KEY).encrypt(nonce, secret, bound_to)


def _unwrap(ledger_id: int, subject_id: str, key_id: str, wrapped: bytes) -> Key:
    bound_to = _bound_to(ledger_id, subject_id, key_id)
    return Key(key_id, AESGCM(settings.MASTER_KEY).decrypt(wrapped[:_NONCE], wrapped[_NONCE:], bound_to))


def _bound_to(ledger_id: int, subject_id: str, key_id: str) -> bytes:
    return f"{ledger_id} {UUID(subject_id)} {key_id}".encode()
