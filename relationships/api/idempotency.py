"""`Idempotency-Key`: a POST that is sent again is answered again, and not done again.

1. The key is taken: one INSERT, so that of many at once one wins. It is leased for a minute to who runs the request.
2. The work and the answer are committed in one transaction. A process that dies leaves either both or neither, so the
   same request may run again when the lease is over.
3. Whoever comes with the same key and the same request gets that answer; with another request, a refusal.

What the caller has to mend or may simply send again (400, 401, 403, 429, 5xx) is not kept. Answers may hold personal
text: they are encrypted (`sealing.seal_answer`), lose it when the person is erased, and are gone after 24 hours.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from relationships import sealing
from relationships.domain.fields import FieldError
from relationships.domain.ids import uuid7
from relationships.domain.instants import to_us
from relationships.models.integrations import IdempotencyKey

from .errors import Problem, invalid
from .renderers import to_json

LONGEST = 255
PATTERN = "^[!-~]([ -~]*[!-~])?$"
KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=60)
_KEPT_HEADERS = ("Location", "ETag")
_NOT_KEPT = frozenset({400, 401, 403, 429})

View = Callable[..., Response]

# Free are keys whose day is over and those whose first request died.
_TAKE = f"""
INSERT INTO {IdempotencyKey._meta.db_table} AS known
    (id, ledger_id, owner, key, path, fingerprint, leased_until, expires_at)
VALUES (%(id)s, %(ledger)s, %(owner)s, %(key)s, %(path)s, %(fingerprint)s, %(leased_until)s, %(expires_at)s)
ON CONFLICT (ledger_id, owner, key) DO UPDATE SET
    id = excluded.id, path = excluded.path, fingerprint = excluded.fingerprint, leased_until = excluded.leased_until,
    expires_at = excluded.expires_at, status = NULL, answer = NULL
WHERE known.expires_at <= %(now)s OR (known.status IS NULL AND known.leased_until <= %(now)s)
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request under a key, as far as it has to be the same when it comes again."""

    ledger_id: int
    owner: str
    key: str
    path: str
    fingerprint: bytes


def idempotent(post: View) -> View:
    """Makes the POST of a view keep its answer under the caller's `Idempotency-Key`, when one is sent."""

    @functools.wraps(post)
    def keyed(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return post(view, request, *args, **kwargs)
        now = timezone.now()
        sent = _sent(view, request, key)
        taken = _take(sent, now)
        if taken is None:
            return _known(sent, now)
        try:
            with transaction.atomic():
                response = post(view, request, *args, **kwargs)
                _keep(taken, response)
        except Exception as error:
            return _refused(view, taken, error)
        return response

    return keyed


def _refused(view: Any, taken: str, error: Exception) -> Response:
    """The problem of a failed POST, kept if the same request could only fail the same way."""
    try:
        response: Response = view.handle_exception(error)
    except Exception:
        _release(taken)
        raise
    if response.status_code in _NOT_KEPT or response.status_code >= 500:
        _release(taken)
    else:
        _keep(taken, response)
    return response


def _sent(view: Any, request: Request, key: str) -> _Sent:
    if len(key) > LONGEST or not re.fullmatch(PATTERN, key):
        detail = f"It has 1 to {LONGEST} printable characters of ASCII."
        raise invalid([FieldError("Idempotency-Key", "malformed_header", detail)])
    body = orjson.dumps(request.data, default=repr, option=orjson.OPT_SORT_KEYS)
    query = request.META.get("QUERY_STRING", "").encode()
    fingerprint = hashlib.sha256(query + b"\0" + (request.content_type or "").encode() + b"\0" + body).digest()
    return _Sent(view.ledger_id, view.principal.label, key, request.path, fingerprint)


def _take(sent: _Sent, now: datetime) -> str | None:
    """The id of the row when the key is ours to run the request under; None when somebody has it."""
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {
                "id": uuid7(to_us(now) // 1000),
                "ledger": sent.ledger_id,
                "owner": sent.owner,
                "key": sent.key,
                "path": sent.path,
                "fingerprint": sent.fingerprint,
                "leased_until": now + LEASE,
                "expires_at": now + KEPT,
                "now": now,
            },
        )
        row = cursor.fetchone()
    return str(row[0]) if row else None


def _known(sent: _Sent, now: datetime) -> Response:
    """What the holder of the key answered. Raises Problem for another request, and while the first one runs."""
    row = IdempotencyKey.objects.filter(ledger_id=sent.ledger_id, owner=sent.owner, key=sent.key).first()
    if row is not None and (row.path != sent.path or bytes(row.fingerprint) != sent.fingerprint):
        what = "another address" if row.path != sent.path else "another body"
        raise Problem("idempotency_key_reused", f"This key was used for {what} before.")
    if row is None or row.status is None or row.answer is None:
        left = 1 if row is None else max(1, round((row.leased_until - now).total_seconds()))
        raise Problem(
            "request_in_progress",
            "A request with this key is still running, or died a moment ago.",
            headers={"Retry-After": str(left)},
        )
    type, headers, body = _opened(str(row.id), bytes(row.answer))
    return Response(body, status=row.status, headers={**headers, "Idempotent-Replayed": "true"}, content_type=type)


def _keep(taken: str, response: Response) -> None:
    """Stores the answer, unless another request has taken the key over: then this one's work must not stand."""
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    sealed = _sealed(taken, response.content_type, headers, response.data)
    kept = IdempotencyKey.objects.filter(pk=taken, status__isnull=True).update(
        status=response.status_code, answer=sealed
    )
    if not kept:
        raise Problem(
            "request_in_progress", "Another request with this key has taken over.", headers={"Retry-After": "1"}
        )


def _release(taken: str) -> None:
    IdempotencyKey.objects.filter(pk=taken, status__isnull=True).delete()


def _sealed(row_id: str, type: str | None, headers: Mapping[str, str], body: Any) -> bytes:
    return sealing.seal_answer(row_id, to_json([type, headers, body]))


def _opened(row_id: str, sealed: bytes) -> tuple[str | None, dict[str, str], Any]:
    type, headers, body = orjson.loads(sealing.open_answer(row_id, sealed))
    return type, headers, body
