"""What a caller states, before the store numbers it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event to be appended.

    `occurred_at` is aware; `occurred_tz` is the IANA zone it was said in; `precision` is instant, day or month. `data`
    is clean (`events.clean`), its clear and personal fields together; `text` is personal. `source` and `external_id`
    are the natural key of whatever reported it, both or neither. `event_id` is given where the event must not be
    recorded twice though it has no natural key; the store makes one otherwise.
    """

    type: str
    occurred_at: datetime
    data: dict[str, Any]
    occurred_tz: str = "UTC"
    precision: str = "instant"
    source: str | None = None
    external_id: str | None = None
    text: str | None = None
    event_id: str | None = None
