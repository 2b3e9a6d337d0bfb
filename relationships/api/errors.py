"""Problems: every refusal under `/api/` is one `application/problem+json` document (RFC 9457).

`KINDS` is the whole list of what can be said, shown at `/api/problems`; `type` of a problem points into it. This module
imports no views: Django REST framework loads it while it builds them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.urls import reverse
from django.utils.encoding import escape_uri_path
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from relationships import commands, queries
from relationships.domain.fields import FieldError, escaped
from relationships.event_store import Conflict

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """One code of problem: its HTTP status, its name, and what to do about it."""

    status: int
    title: str
    remedy: str


KINDS: Mapping[str, Kind] = {
    "malformed": Kind(
        400, "The body cannot be read", "Send one JSON object in UTF-8; `errors` says what is wrong where."
    ),
    "invalid": Kind(400, "Something in it is not valid", "Mend what `errors` names; nothing was recorded."),
    "bad_request": Kind(400, "The request makes no sense", "Look at the host, the headers and the address."),
    "unauthenticated": Kind(401, "Nobody signed in", "Send `Authorization: Bearer KEY` with a key that is still good."),
    "missing_scope": Kind(403, "The key lacks a scope", "Use a key with the scope that `detail` names."),
    "forbidden": Kind(403, "This may not be done", "`detail` says which way there is instead, if any."),
    "not_found": Kind(404, "There is no such thing", "Look at the address; what is not yours is not found either."),
    "method_not_allowed": Kind(405, "Not with this method", "`Allow` lists the methods that there are."),
    "not_acceptable": Kind(406, "Not in this form", "Ask for `application/json`."),
    "conflict": Kind(409, "Something else stands there", "`fields` name the difference; a correction can change it."),
    "request_in_progress": Kind(
        409, "The first request still runs", "Send the same again after `Retry-After` seconds."
    ),
    "cursor_from_another_epoch": Kind(
        409, "The log was restored to before this cursor", "Read the feed again from a position that you trust."
    ),
    "length_required": Kind(411, "The body has no length", "Send it with `Content-Length`, not in chunks."),
    "precondition_failed": Kind(412, "It has changed meanwhile", "Read it again, decide again, send the new `ETag`."),
    "too_large": Kind(413, "Too much at once", "Send less: 1 MiB, in bulk 5 MB and 1,000 entries."),
    "address_too_long": Kind(414, "The address is too long", "Send less in it: 8,190 bytes with its parameters."),
    "unsupported_media_type": Kind(415, "The body is of another type", "Send `Content-Type: application/json`."),
    "idempotency_key_reused": Kind(
        422, "This Idempotency-Key belongs to another request", "Make a new key for every new request."
    ),
    "batch_refused": Kind(
        422, "Nothing of the batch was recorded", "Mend what `errors` names and send all of it again."
    ),
    "precondition_required": Kind(428, "If-Match is missing", "Send `If-Match` with the `ETag` of what you saw."),
    "rate_limited": Kind(429, "Too many requests", "Wait for `Retry-After` seconds."),
    "headers_too_large": Kind(431, "A header is too large", "Send at most 100 headers of 8,190 bytes."),
    "internal": Kind(
        500, "Our mistake", "Send it again later, with the same Idempotency-Key; tell us the `request_id`."
    ),
    "unavailable": Kind(503, "Not at this moment", "Send it again after `Retry-After` seconds."),
}


class Problem(Exception):
    """A refusal. `code` is one of KINDS; `members` are further members of the document; `headers` go out with it."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Iterable[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.members = members

    @property
    def status(self) -> int:
        return KINDS[self.code].status

    def document(self, request: HttpRequest | Request) -> dict[str, Any]:
        """The document as it goes out in answer to a request."""
        return {
            "type": f"{reverse('problems')}#{self.code}",
            "title": KINDS[self.code].title,
            "status": self.status,
            "detail": self.detail,
            "instance": escape_uri_path(request.path),
            "code": self.code,
            "request_id": getattr(request, "request_id", None),
            "errors": [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in self.errors],
            **self.members,
        }


def handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Django REST framework's exception handler. None for what nobody foresaw: Django logs it, `Problems` answers."""
    problem = problem_of(error)
    if problem is None:
        return None
    return Response(
        problem.document(context["request"]),
        status=problem.status,
        headers=problem.headers,
        content_type=MEDIA_TYPE,
    )


def answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The same outside of Django REST framework."""
    return HttpResponse(
        orjson.dumps(problem.document(request)),
        status=problem.status,
        headers=problem.headers,
        content_type=MEDIA_TYPE,
    )


def problem_of(error: Exception) -> Problem | None:
    """What an exception says to the caller; None when it is a mistake of ours."""
    match error:
        case Problem():
            return error
        case queries.NotFound() | Http404() | exceptions.NotFound():
            return Problem("not_found", str(error) if isinstance(error, queries.NotFound) else "There is nothing here.")
        case queries.Invalid():
            return invalid(error.errors)
        case commands.BatchRefused():
            return Problem("batch_refused", str(error), errors=error.errors)
        case queries.StaleCursor():
            return Problem("cursor_from_another_epoch", str(error))
        case commands.Forbidden():
            return Problem("forbidden", str(error))
        case commands.PreconditionRequired():
            return Problem("precondition_required", "Corrections, retractions and PATCH need If-Match.")
        case commands.PreconditionFailed():
            return Problem(
                "precondition_failed",
                f"The client is at version {error.current} by now.",
                headers={"ETag": f'"v{error.current}"'},
                current_version=error.current,
            )
        case Conflict():
            return _conflict(error.fields, str(error), event_id=error.existing.event_id)
        case commands.ClientConflict():
            return _conflict(error.fields, str(error), client_id=error.client_id)
        case commands.ContactConflict():
            return _conflict(error.fields, str(error), contact_id=error.contact_id)
        case commands.PolicyConflict():
            return Problem("conflict", str(error))
        case OperationalError() | InterfaceError():
            log.error("database unavailable", exc_info=error)
            return Problem("unavailable", "The database does not answer.", headers={"Retry-After": str(RETRY_SECONDS)})
        case RequestDataTooBig():
            return Problem("too_large", "The body is larger than what is taken at once.")
        case SuspiciousOperation() | UnreadablePostError():
            return Problem("bad_request", "The request could not be read.")
        case PermissionDenied():
            return Problem("forbidden", "This may not be done.")
        case exceptions.APIException():
            return _of_framework(error)
    return None


def invalid(errors: Iterable[FieldError]) -> Problem:
    """A 400 that names each thing that is wrong."""
    found = tuple(errors)
    first = f"{found[0].pointer}: {found[0].detail}" if found and found[0].pointer else found[0].detail if found else ""
    rest = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Problem("invalid", first + rest, errors=found)


def _conflict(fields: Iterable[str], detail: str, **members: Any) -> Problem:
    names = list(fields)
    errors = [FieldError(f"/{name}", "differs", "It stands there with another value.") for name in names]
    return Problem("conflict", detail, errors=errors, fields=names, **members)


_FRAMEWORK = {
    exceptions.ParseError: "malformed",
    exceptions.NotAuthenticated: "unauthenticated",
    exceptions.AuthenticationFailed: "unauthenticated",
    exceptions.PermissionDenied: "forbidden",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
}


def _of_framework(error: exceptions.APIException) -> Problem | None:
    if isinstance(error, exceptions.ValidationError):
        return invalid(_walk(error.get_full_details(), ""))
    code = _FRAMEWORK.get(type(error))
    headers = {"WWW-Authenticate": header} if (header := getattr(error, "auth_header", None)) else None
    return Problem(code, str(error.detail), headers=headers) if code else None


_CODES = {"null": "required", "blank": "required", "max_length": "too_long", "invalid": "wrong_type"}


def _walk(details: Any, pointer: str) -> list[FieldError]:
    """The errors of a serializer as one list, each with the JSON Pointer of its field."""
    if isinstance(details, Mapping) and set(details) == {"message", "code"}:
        code = str(details["code"])
        return [FieldError(pointer, _CODES.get(code, code), str(details["message"]))]
    if isinstance(details, Mapping):
        steps = (
            _walk(value, pointer if name == "non_field_errors" else f"{pointer}/{escaped(str(name))}")
            for name, value in details.items()
        )
    else:
        steps = (_walk(value, pointer) for value in details)
    return [error for step in steps for error in step]


# What Django and its middleware refuse without saying more than a status.
_OF_STATUS = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    414: "address_too_long",
    431: "headers_too_large",
}


def of_status(status: int) -> Problem:
    """The problem to tell where only a status is known."""
    code = _OF_STATUS.get(status, "internal" if status >= 500 else "bad_request")
    return Problem(code, KINDS[code].remedy)
