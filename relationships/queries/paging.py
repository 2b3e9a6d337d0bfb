"""Pages of lists by keyset: each begins beyond the last row of the one before, so none is skipped or repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import F, Q, QuerySet

from relationships.domain.fields import text_fault
from relationships.domain.instants import from_us, to_us

from . import cursors
from .errors import Invalid

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Order:
    """An order of a list: by `key`, a field or annotation that is never null, then by `tie`, which is unique."""

    key: str
    kind: type
    tie: str
    tie_kind: type = str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: beyond this key and tie; `at` is the moment that the whole list is of."""

    key: Any
    tie: Any
    backward: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Paged(Generic[Found]):
    """The rows of a page and the cursors on either side."""

    rows: list[Found]
    next: str | None
    previous: str | None


def place_of(list_name: str, sort: str, order: Order, cursor: str | None) -> Place | None:
    """Where a cursor of this list and order stands; None without a cursor. Raises Invalid for any other."""
    if cursor is None:
        return None
    kinds = (float, int) if order.kind is float else int if order.kind is datetime else order.kind
    of_sort, key, tie, backward, at = cursors.read(list_name, cursor, [str, kinds, order.tie_kind, bool, int])
    try:
        if of_sort != sort:
            raise ValueError
        key = from_us(key) if order.kind is datetime else key
        if order.tie_kind is str:
            tie = UUID(tie)
        return Place(key, tie, backward, from_us(at))
    except (ValueError, OverflowError):
        raise Invalid.one("cursor", "invalid_cursor", "This is no cursor of this list: begin without one.") from None


def page(
    found: QuerySet[Any],
    list_name: str,
    sort: str,
    order: Order,
    *,
    place: Place | None,
    limit: int,
    at: datetime,
    read: Callable[[Any, str], Any] = getattr,
) -> Paged[Any]:
    """The page at `place` (None: the first). `sort` is the order's name, with a leading - for descending.

    `read` takes a field out of a row: `getattr` for models, `operator.getitem` for rows of `values()`.
    """
    backward = place is not None and place.backward
    descending = sort.startswith("-") != backward
    if place is not None:
        found = found.filter(_beyond(order, place, descending))
    keys = [F(order.key), F(order.tie)] if order.key != order.tie else [F(order.key)]
    rows = list(found.order_by(*(key.desc() if descending else key.asc() for key in keys))[: limit + 1])
    shown, more = rows[:limit], len(rows) > limit
    if backward:
        shown.reverse()

    def cursor(row: Any, back: bool) -> str:
        key = read(row, order.key)
        tie = read(row, order.tie)
        plain = to_us(key) if order.kind is datetime else key
        return cursors.write(list_name, [sort, plain, str(tie) if order.tie_kind is str else tie, back, to_us(at)])

    before, after = (more, True) if backward else (place is not None, more)
    return Paged(
        shown,
        next=cursor(shown[-1], False) if shown and after else None,
        previous=cursor(shown[0], True) if shown and before else None,
    )


def _beyond(order: Order, place: Place, descending: bool) -> Q:
    way = "lt" if descending else "gt"
    further = Q(**{f"{order.key}__{way}": place.key})
    if order.key == order.tie:
        return further
    # The first condition says nothing new, but an index can use it.
    return Q(**{f"{order.key}__{way}e": place.key}) & (further | Q(**{f"{order.tie}__{way}": place.tie}))


def texts(**parameters: str | None) -> None:
    """Raises Invalid for a parameter that no text of ours can equal: with a NUL or a lone surrogate in it."""
    for name, value in parameters.items():
        if value is not None and (fault := text_fault(value)) is not None:
            raise Invalid.one(name, "invalid_text", f"{fault}. Remove it.")


def one_of(parameter: str, value: str, allowed: Sequence[str]) -> str:
    """The value, if it is allowed. Raises Invalid naming the choices."""
    if value not in allowed:
        raise Invalid.one(parameter, "invalid_choice", f"{value[:40]} is none of {', '.join(allowed)}.")
    return value
