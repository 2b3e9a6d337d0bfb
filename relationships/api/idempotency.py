"""`Idempotency-Key`: a POST that is sent again is answered again, and not done again.

1. The key is taken: one INSERT, so that of many at once one wins. It is leased for a minute to who runs the request.
2. The work is done and the answer kept. A process may die on the way; when the lease is over the same request runs
   again. Views that are `idempotent` do both in one transaction, which leaves both or neither. Where that would hold
   the ledger's lock for too long, or a transaction while the network is waited for, views are `resumable`: what they
   record has ids that follow from the claim, so that the second run finds what the first has left, and two at once
   cannot both record it.
3. Whoever comes with the same key and the same request gets that answer; with another request, a refusal.

Neither the claim nor an answer that is kept by itself waits for the disk. A crash of the server loses a claim only
together with all that came after it, and an answer is made anew from what was recorded.

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
KEY = {"minLength": 1, "maxLength": LONGEST, "pattern": PATTERN}
KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=60)
_KEPT_HEADERS = ("Location", "ETag")
_NOT_KEPT = frozenset({400, 401, 403, 429})

View = Callable[..., Response]

# Free are keys whose day is over and, for the same request, those whose first run died: that claim stays.
_TAKE = f"""
INSERT INTO {IdempotencyKey._meta.db_table} AS known
    (id, ledger_id, owner, key, path, fingerprint, leased_until, expires_at)
VALUES (%(id)s, %(ledger)s, %(owner)s, %(key)s, %(path)s, %(fingerprint)s, %(leased_until)s, %(expires_at)s)
ON CONFLICT (ledger_id, owner, key) DO UPDATE SET
    id = CASE WHEN known.expires_at <= %(now)s THEN excluded.id ELSE known.id END,
    path = excluded.path, fingerprint = excluded.fingerprint, leased_until = excluded.leased_until,
    expires_at = CASE WHEN known.expires_at <= %(now)s THEN excluded.expires_at ELSE known.expires_at END,
    status = NULL, answer = NULL
WHERE known.expires_at <= %(now)s OR (known.status IS NULL AND known.leased_until <= %(now)s
    AND known.path = excluded.path AND known.fingerprint = excluded.fingerprint)
RETURNING id, set_config('synchronous_commit', 'off', true)
"""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request under a key, as far as it has to be the same when it comes again."""

    ledger_id: int
    owner: str
    key: str
    path: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run a request, and from what the ids follow that it records things under.

    `resumed` when somebody has run it before and may have recorded some of them."""

    id: str
    resumed: bool


def idempotent(post: View) -> View:
    """Makes the POST of a view keep its answer under the caller's `Idempotency-Key`, when one is sent.

    The view runs in a transaction, with the answer that is kept: what it records commits at the very end."""

    def run(view: Any, claim: Claim, request: Request, *args: Any, **kwargs: Any) -> Response:
        try:
            with transaction.atomic():
                response = post(view, request, *args, **kwargs)
                if not _keep(claim, response):
                    # Another run has taken over: this one's work must not stand.
                    raise Problem(
                        "request_in_progress",
                        "Another request with this key has taken over.",
                        headers={"Retry-After": "1"},
                    )
        except Exception as error:
            return _refused(view, claim, error, free=_release)
        return response

    return _keyed(post, run)


def resumable(post: View) -> View:
    """The same without a transaction around, for a view that can be run again after it died at any place.

    Under a key it finds `view.claim`: it records things under ids that follow from the claim's, and looks for them
    first when the claim is resumed."""

    def run(view: Any, claim: Claim, request: Request, *args: Any, **kwargs: Any) -> Response:
        view.claim = claim
        try:
            response = post(view, request, *args, **kwargs)
        except Exception as error:
            return _refused(view, claim, error, free=_end_lease)
        _keep_alone(claim, response)
        return response

    return _keyed(post, run)


def _keyed(post: View, run: View) -> View:
    """`run` for requests with a key that nobody has answered yet, `post` for those without one."""

    @functools.wraps(post)
    def keyed(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return post(view, request, *args, **kwargs)
        now = timezone.now()
        sent = _sent(view, request, key)
        claim = _take(sent, now)
        return _known(sent, now) if claim is None else run(view, claim, request, *args, **kwargs)

    return keyed


def _refused(view: Any, claim: Claim, error: Exception, *, free: Callable[[Claim], None]) -> Response:
    """The problem of a failed POST, kept if the same request could only fail the same way."""
    try:
        response: Response = view.handle_exception(error)
    except Exception:
        free(claim)
        raise
    kept = response.status_code < 500 and response.status_code not in _NOT_KEPT
    if not kept:
        # What is refused so has done nothing, but an earlier run of it may have.
        (_release if response.status_code < 500 and not claim.resumed else free)(claim)
    else:
        _keep(claim, response)
    return response


def _sent(view: Any, request: Request, key: str) -> _Sent:
    if len(key) > LONGEST or not re.fullmatch(PATTERN, key):
        detail = f"It has 1 to {LONGEST} printable characters of ASCII."
        raise invalid([FieldError("Idempotency-Key", "malformed_header", detail)])
    body = orjson.dumps(request.data, default=repr, option=orjson.OPT_SORT_KEYS)
    query = request.META.get("QUERY_STRING", "").encode()
    fingerprint = hashlib.sha256(query + b"\0" + (request.content_type or "").encode() + b"\0" + body).digest()
    return _Sent(view.ledger_id, view.principal.label, key, request.path, fingerprint)


def _take(sent: _Sent, now: datetime) -> Claim | None:
    """The claim when the key is ours to run the request under; None when somebody has it."""
    new = uuid7(to_us(now) // 1000)
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {
                "id": new,
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
    return Claim(str(row[0]), resumed=str(row[0]) != new) if row else None


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


def _keep(claim: Claim, response: Response) -> bool:
    """Stores the answer; False when another run has taken the key over, or answered."""
    waiting = IdempotencyKey.objects.filter(pk=claim.id, status__isnull=True)
    return bool(waiting.update(status=response.status_code, answer=_answer(claim, response)))


_KEEP_ALONE = f"""
UPDATE {IdempotencyKey._meta.db_table} SET status = %s, answer = %s WHERE id = %s AND status IS NULL
RETURNING set_config('synchronous_commit', 'off', true)
"""


def _keep_alone(claim: Claim, response: Response) -> None:
    """Stores the answer to what is recorded already. Whoever has taken over answers with the same events."""
    with connection.cursor() as cursor:
        cursor.execute(_KEEP_ALONE, [response.status_code, _answer(claim, response), claim.id])


def _answer(claim: Claim, response: Response) -> bytes:
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    return _sealed(claim.id, response.content_type, headers, response.data)


def _release(claim: Claim) -> None:
    """Nothing was done: the key is as good as new."""
    IdempotencyKey.objects.filter(pk=claim.id, status__isnull=True).delete()


def _end_lease(claim: Claim) -> None:
    """Something may have been done: the same request may be run again at once, and no other."""
    IdempotencyKey.objects.filter(pk=claim.id, status__isnull=True).update(leased_until=timezone.now())


def _sealed(row_id: str, type: str | None, headers: Mapping[str, str], body: Any) -> bytes:
    return sealing.seal_answer(row_id, to_json([type, headers, body]))


def _opened(row_id: str, sealed: bytes) -> tuple[str | None, dict[str, str], Any]:
    type, headers, body = orjson.loads(sealing.open_answer(row_id, sealed))
    return type, headers, body
