"""`ETag`, `If-Match` and `If-None-Match`: deciding on what was seen, and not sending what is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from rest_framework.request import Request

from relationships.domain.fields import FieldError

from .errors import Problem, invalid

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')
_ONE = r'(W/)?"[!#-~]*"'
# What the headers hold, for the OpenAPI document too: any, or one tag or more.
TAGS = rf"^(\*|{_ONE}( *, *{_ONE})*)$"
_LIST = re.compile(rf"\s*{_ONE}(\s*,\s*{_ONE})*\s*")
_OURS = re.compile(r"v(\d{1,18})(?:\.\S*)?")


def etag(version: int, *since: object) -> str:
    """The tag of a client at a version; `since` says what has changed without an event, if anything."""
    return f'"{".".join((f"v{version}", *map(str, since)))}"'


def if_match(request: Request) -> tuple[int, ...] | Literal["*"] | None:
    """The versions that `If-Match` names, `*` for any, None when it was not sent.

    Weak and foreign tags match nothing, as RFC 9110 wants it. Raises Problem when it is malformed."""
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return None if given is None else "*"
    tags = _tags("If-Match", given)
    found = [_OURS.fullmatch(tag) for weak, tag in tags if not weak]
    return tuple(int(match[1]) for match in found if match)


def not_modified(request: Request, tag: str) -> bool:
    """Whether `If-None-Match` names this tag."""
    given = request.headers.get("If-None-Match")
    if given is None:
        return False
    return given.strip() == "*" or any(f'"{name}"' == tag for _, name in _tags("If-None-Match", given))


def _tags(header: str, given: str) -> list[tuple[bool, str]]:
    if not _LIST.fullmatch(given):
        wanted = f'{header} holds entity tags in quotes, such as "v7", or *.'
        raise invalid([FieldError(header, "malformed_header", wanted)])
    return [(bool(weak), tag) for weak, tag in _TAG.findall(given)]


def expected_version(request: Request, current: Callable[[], int]) -> int | None:
    """The one version that `If-Match` asks for; None when it was not sent.

    `current` tells the client's version; it is asked only where the header leaves several open. Raises Problem (412)
    when nothing that was named can match."""
    wanted = if_match(request)
    if wanted is None:
        return None
    if wanted == "*":
        return current()
    if len(wanted) == 1:
        return wanted[0]
    version = current()
    if version in wanted:
        return version
    raise Problem("precondition_failed", "The client is at none of the versions in If-Match.", current_version=version)
