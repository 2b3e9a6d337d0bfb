"""What schemathesis cannot know of this API: how NDJSON is written, and what a schema cannot say.

Loaded by schemathesis itself (see schemathesis.toml), in a process without Django.
"""

from __future__ import annotations

import itertools
import json
import re
import uuid
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import schemathesis
import yaml
from hypothesis import strategies
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi import format
from schemathesis.openapi.checks import RejectedPositiveData

NDJSON = "application/x-ndjson"

# Why a request that fits its schema may be refused all the same: each rests on what is in the log, or on the clock.
UNKNOWABLE = {
    "invalid_cursor": "cursors are opaque: only the API can make one",
    "unknown_event": "the id of an event of this client",
    "unknown_contact": "the id of a contact of this client",
    "unknown_person": "the id of one of our people",
    "future_time": "nothing has happened after now",
    "out_of_range": "moments before 1970 and after 2200 are well-formed times",
    "invalid_time": "leap seconds and Feb 30 are well-formed times",
    "in_the_future": "nobody knew anything after now",
    "before_start": "an end before its start",
    "out_of_order": "an end before its start, also where the end is now",
    "unsafe_text": "NUL is a character of JSON, and of no text that PostgreSQL keeps",
    "invalid_text": "the same in an address",
    "required": "an external_id needs a source, and a bulk entry names its client in one of two ways",
    "invalid_domain": "what is left of a domain without its scheme and path",
    "invalid_source": "a source has no colon",
    "blank": "zero-width signs are no text, and a handle that is an @ names nobody",
    "too_long": "folding case makes one letter two",
    "invalid_time_zone": "the names of zones are a list that grows: `format: time-zone`",
    "erased": "an erased person stays erased",
    "not_found": "a client that nobody knows, in a batch of all or nothing",
    "unknown_version": "which policies there are",
    "no_change": "what the numbers of a policy are now",
    "contradiction": "numbers of a policy that have to agree with each other",
    "law": "the same",
    "conflict": "what stands there already, in the same",
    "differs": "the same, field by field",
    "unresolvable": "the names of hosts, and where they lead",
    "private_address": "the same",
    **dict.fromkeys(
        ("invalid_url", "invalid_host", "userinfo", "fragment", "not_https", "port"),
        "addresses that are well-formed, and to which nothing is delivered",
    ),
}

format("time-zone", strategies.sampled_from(sorted(available_timezones())))

_numbers = itertools.count()
_DOCUMENT = yaml.safe_load((Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml").read_text())
_REGISTRY: Registry[Any] = Registry().with_resource(
    "urn:document", Resource.from_contents(_DOCUMENT, default_specification=DRAFT202012)
)


@schemathesis.serializer(NDJSON)
def lines(ctx: Any, value: Any) -> bytes:
    """One JSON value a line: the document describes a line, and a list stands for several."""
    many = value if isinstance(value, list) else [value]
    return b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in many)


@schemathesis.deserializer(NDJSON)
def first_line(ctx: Any, response: Any) -> Any:
    return json.loads(response.content.split(b"\n", 1)[0] or b"null")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Every key its own request: under one that was used before, nothing behind it would ever be reached.

    What a repeated key does has tests of its own (tests/api/test_idempotency.py)."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and key.isascii() and key.isprintable() and 0 < len(key.strip()) <= 255:
        # As long as it was, where it is long: the longest that may be sent is to be sent.
        number = f"-{uuid.UUID(int=next(_numbers))}"
        kept = key.strip() if len(key) < 200 else key.strip()[: -len(number)]
        case.headers["Idempotency-Key"] = f"{kept}{number}"


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Whether a failure is one: False where the schema was kept, or broken, in a way that no schema can tell."""
    if isinstance(failure, RejectedPositiveData):
        return not (_unknowable(response) or _breaks_a_pattern(case))
    if isinstance(failure, AcceptedNegativeData) and case.operation.path.endswith("/bulk"):
        # What is wrong with one entry does not stop the rest: its refusal stands in its own result.
        refused = any("problem" in result for result in response.json().get("results", ()))
        return not (refused or _fits_without_nulls(case))
    if isinstance(failure, AcceptedNegativeData):
        return not _fits_without_nulls(case)
    return True


def _breaks_a_pattern(case: Any) -> bool:
    """Whether a header is not what its schema says after all: the coverage phase writes 0 where it finds no example."""
    described = _DOCUMENT["paths"][case.operation.path][case.method.lower()]["parameters"]
    patterns = {one["name"]: one["schema"].get("pattern", "") for one in described if one["in"] == "header"}
    sent = case.headers or {}
    return any(name in sent and not re.search(pattern, sent[name]) for name, pattern in patterns.items())


def _fits_without_nulls(case: Any) -> bool:
    """Whether nothing is wrong with a body but nulls, which count as left out (docs/api.md)."""
    if not isinstance(case.body, dict):
        return False
    content = _DOCUMENT["paths"][case.operation.path][case.method.lower()]["requestBody"]["content"]
    if case.media_type not in content:
        return False
    absolute = json.loads(json.dumps(content[case.media_type]["schema"]).replace('"#/', '"urn:document#/'))
    left = _without_nulls(case.body)
    return left != case.body and Draft202012Validator(absolute, registry=_REGISTRY).is_valid(left)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value


def _unknowable(response: Any) -> bool:
    """Whether a request was refused for nothing but what its schema cannot say."""
    if response.status_code not in (400, 422):
        return False
    codes = {error["code"] for error in response.json()["errors"]}
    return bool(codes) and codes <= UNKNOWABLE.keys()
