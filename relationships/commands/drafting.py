"""From what a caller states about an event to a draft, every fault named at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from relationships.domain.draft import Draft
from relationships.domain.events import EVENT_TYPES, InvalidData, UnknownType, clean
from relationships.domain.fields import Errors, FieldError, Spec, check_text, parse_time, shown, unknown_field
from relationships.event_store import Recorded
from relationships.models.log import AHEAD, EARLIEST
from relationships.sealing import subject_of

from .errors import Forbidden, Invalid

FIELDS = ("type", "occurred_at", "occurred_tz", "precision", "source", "external_id", "text", "data")
PRECISIONS = ("instant", "day", "month")
LONGEST_TEXT = 100_000


def stated(item: Mapping[str, Any], *, now: datetime) -> Draft:
    """Checks one event: `{type, occurred_at, occurred_tz?, precision?, source?, external_id?, text?, data?}`.

    `occurred_at` is an aware datetime or RFC 3339 text. A time given by day or month becomes the first instant of it
    in `occurred_tz`. The people that the data names may still be addresses and handles. Raises Invalid naming every
    fault, and Forbidden for a type that other resources make.
    """
    errors: Errors = [unknown_field(f"/{name}", name, FIELDS) for name in item if name not in FIELDS]
    type, data = item.get("type"), item.get("data")
    kind = EVENT_TYPES.get(type) if isinstance(type, str) else None
    if type is None:
        errors.append(FieldError("/type", "required", "`type` is missing: see /api/v1/event-types."))
    elif kind is None:
        errors.append(FieldError("/type", "unknown_type", str(UnknownType(type))))
    elif not kind.postable:
        raise Forbidden(f"{type} is made by another resource and cannot be posted")
    zone = _zone(item.get("occurred_tz"), errors)
    precision = _choice(item.get("precision"), "/precision", PRECISIONS, "instant", errors)
    occurred_at = moment(item.get("occurred_at"), "/occurred_at", errors)
    if occurred_at is not None:
        occurred_at = first_instant(occurred_at, zone, precision)
        check_span(occurred_at, "/occurred_at", now, errors)
    source = _text(item.get("source"), "/source", 80, errors)
    external_id = _text(item.get("external_id"), "/external_id", 255, errors)
    if external_id is not None and source is None:
        errors.append(FieldError("/source", "required", "An `external_id` needs the `source` that it is unique in."))
    text = _text(item.get("text"), "/text", LONGEST_TEXT, errors)
    cleaned = _data(type, data, errors) if kind is not None else {}
    if errors or occurred_at is None or kind is None:
        raise Invalid(errors)
    return Draft(
        type=kind.name,
        occurred_at=occurred_at,
        occurred_tz=zone,
        precision=precision,
        source=source,
        external_id=external_id,
        text=text,
        data=cleaned,
    )


def amended(data: Mapping[str, Any], fact: Recorded, *, now: datetime) -> dict[str, Any]:
    """The data of a correction or retraction of this fact, its new `data` checked by the fact's type.

    Raises Invalid, and Forbidden for facts that other resources made.
    """
    if not EVENT_TYPES[fact.type].postable:
        raise Forbidden(f"{fact.type} was made by another resource: change it there")
    errors: Errors = []
    changed = dict(data)
    if (new := changed.get("data")) is not None:
        try:
            changed["data"] = clean(fact.type, new, resolved=False)
        except InvalidData as invalid:
            errors += prefixed(invalid.errors, "/data/data")
    if (occurred_at := changed.get("occurred_at")) is not None:
        at = datetime.fromisoformat(occurred_at)
        at = first_instant(at, fact.occurred_tz, changed.get("precision") or fact.precision)
        check_span(at, "/data/occurred_at", now, errors)
        changed["occurred_at"] = at.isoformat().replace("+00:00", "Z")
    if errors:
        raise Invalid(errors)
    return _of_its_person(changed, fact)


def _of_its_person(changed: dict[str, Any], fact: Recorded) -> dict[str, Any]:
    """The reason of a correction goes with the person whose event it is, unless its new data names somebody."""
    stated = {name: value for name, value in changed.items() if name != "contact_id"}
    subject = subject_of(fact.stream_id, fact.data)
    if subject == fact.stream_id or subject_of(fact.stream_id, stated) != fact.stream_id:
        return stated
    return {**stated, "contact_id": subject}


def moment(value: Any, pointer: str, errors: Errors) -> datetime | None:
    """An aware datetime, or RFC 3339 text, as UTC; None, with an error added, for anything else."""
    if value is None:
        errors.append(FieldError(pointer, "required", f"`{pointer[1:]}` is missing: say when it happened."))
        return None
    if not isinstance(value, datetime):
        return parse_time(value, pointer, errors)
    if value.tzinfo is None:
        errors.append(FieldError(pointer, "naive_time", f"{value.isoformat()} has no offset: a moment needs one."))
        return None
    return value.astimezone(UTC)


def check_span(at: datetime, pointer: str, now: datetime, errors: Errors) -> None:
    """Adds an error for what lies more than five minutes ahead or before 1970."""
    if at > now + AHEAD:
        detail = f"{at.isoformat()} lies ahead: a plan is a fact of today about tomorrow, such as meeting_scheduled."
        errors.append(FieldError(pointer, "future_time", detail))
    elif at < EARLIEST:
        errors.append(FieldError(pointer, "out_of_range", f"{at.isoformat()} lies before 1970."))


def first_instant(at: datetime, zone: str, precision: str) -> datetime:
    """The moment itself, or the first instant of its day or month in the zone."""
    if precision == "instant":
        return at
    here = ZoneInfo(zone)
    try:
        day = at.astimezone(here).date()
        day = day.replace(day=1) if precision == "month" else day
        # Where a change of clocks skips midnight, PEP 495 reads it as the moment of the change: the day's first.
        return datetime.combine(day, time(), here).astimezone(UTC)
    except OverflowError:
        return at


def prefixed(errors: tuple[FieldError, ...], prefix: str) -> Errors:
    """The same errors, deeper in the body."""
    return [FieldError(prefix + error.pointer, error.code, error.detail) for error in errors]


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_error(value: Any, pointer: str) -> FieldError | None:
    """Why this is no IANA zone; None when it is one."""
    if isinstance(value, str) and value in _zones():
        return None
    return FieldError(pointer, "invalid_time_zone", f"{shown(value)} is no IANA time zone, such as Europe/Berlin.")


def _zone(value: Any, errors: Errors) -> str:
    if value is None:
        return "UTC"
    if (error := zone_error(value, "/occurred_tz")) is not None:
        errors.append(error)
        return "UTC"
    return str(value)


def _choice(value: Any, pointer: str, choices: tuple[str, ...], default: str, errors: Errors) -> str:
    if value is None:
        return default
    if value not in choices:
        errors.append(FieldError(pointer, "invalid_choice", f"{shown(value)} is none of: {', '.join(choices)}."))
        return default
    return str(value)


def _text(value: Any, pointer: str, most: int, errors: Errors) -> str | None:
    return None if value is None else check_text(value, Spec("text", "", most=most), pointer, errors)


def _data(type: Any, data: Any, errors: Errors) -> dict[str, Any]:
    if data is not None and not isinstance(data, Mapping):
        errors.append(FieldError("/data", "wrong_type", f"{shown(data)} is not an object."))
        return {}
    try:
        return clean(type, data or {}, resolved=False)
    except InvalidData as invalid:
        errors += prefixed(invalid.errors, "/data")
        return {}
