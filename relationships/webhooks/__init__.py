"""Telling other programs what happens: Standard Webhooks 1.0.

`telling` turns what was recorded, and what time alone changed, into deliveries; `sending` sends them, in order per
client, until they arrive; `egress` keeps addresses of others from becoming a way into our own network.
"""

from __future__ import annotations

from .kinds import KINDS, TEST
from .queue import STATES, deliveries, delivery, forget, replay, replay_parked, skip
from .rows import DeliveryRow, EndpointRow, Totals, Tried
from .sending import Sender, test
from .subscribers import STATES as ENDPOINT_STATES
from .subscribers import change, create, endpoint, endpoints, retire, rotate, totals

__all__ = [
    "ENDPOINT_STATES",
    "KINDS",
    "STATES",
    "TEST",
    "DeliveryRow",
    "EndpointRow",
    "Sender",
    "Totals",
    "Tried",
    "change",
    "create",
    "deliveries",
    "delivery",
    "endpoint",
    "endpoints",
    "forget",
    "replay",
    "replay_parked",
    "retire",
    "rotate",
    "skip",
    "test",
    "totals",
]
