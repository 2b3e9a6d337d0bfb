"""Secrets of endpoints, and the signatures made with them (Standard Webhooks 1.0, symmetric `v1`).

A secret is shown once, when it is made. Kept is only its encrypted form, under a key derived from
`settings.MASTER_KEY`, which is not in the database, and its last four characters, to tell secrets apart.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable
from datetime import datetime

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

MARK = "whsec_"
_BYTES = 32
_NONCE = 12


def new_secret() -> str:
    """A secret as its owner gets it: `whsec_` and 256 random bits in base64."""
    return MARK + base64.b64encode(os.urandom(_BYTES)).decode()


def hint(secret: str) -> str:
    """The part of a secret that may be shown later."""
    return secret.rstrip("=")[-4:]


def seal(secret: str, endpoint_id: str) -> bytes:
    """A secret as it is stored; it opens for this endpoint only."""
    nonce = os.urandom(_NONCE)
    return nonce + _cipher().encrypt(nonce, secret.encode(), endpoint_id.encode())


def unseal(sealed: bytes, endpoint_id: str) -> str:
    """Raises cryptography's InvalidTag under another MASTER_KEY, or for another endpoint."""
    return _cipher().decrypt(sealed[:_NONCE], sealed[_NONCE:], endpoint_id.encode()).decode()


def headers(secrets: Iterable[str], *, id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The three headers that prove who sent this body, with a signature under each secret."""
    timestamp = str(int(now.timestamp()))
    signed = f"{id}.{timestamp}.".encode() + body
    return {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_signature(secret, signed)}" for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(MARK))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _cipher() -> AESGCM:
    return AESGCM(hmac.digest(settings.MASTER_KEY, b"relationships: webhook secrets", "sha256"))
