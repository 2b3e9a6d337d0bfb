"""Which conversation an exchange belongs to, and who spoke last there.

A thread if one is given; else the conversation of what it replies to, if that is known; else channel, platform and the
first contact named. Source: `model.md` §2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .facts import Fact
from .history import NeedsHistory

if TYPE_CHECKING:
    from .fold import Fold


INBOUND, OUTBOUND, MUTUAL = "inbound", "outbound", "mutual"


@dataclass(slots=True)
class Waiting:
    """Our latest spoken exchange in a conversation that no answer of theirs has rewarded yet.

    `discount` is None when it earned nothing when sent, and so has no place in its day's count yet.
    """

    at: int
    event_id: str
    weight: float
    factors: list[list[Any]]
    key: str
    discount: float | None
    brand: bool
    colleague: str | None
    pairs: list[str]


class Conversation:
    """Who spoke last in one conversation, and how much of ours stands unanswered there."""

    __slots__ = ("inbound_at", "outbound_at", "unanswered", "waiting")

    def __init__(self) -> None:
        self.inbound_at: int | None = None
        self.outbound_at: int | None = None
        self.unanswered = 0
        self.waiting: Waiting | None = None


def remember(fold: Fold, fact: Fact, peers: dict[str, Fact] | None = None) -> str:
    """Files the exchange under its conversation, so that replies to it find it; returns the conversation."""
    data = fact.data
    known = fold.replies.get(fact.event_id)
    if known is not None:
        return known[0]
    direction = data.get("direction")
    if direction is None or fact.type.startswith("meeting_"):
        return ""  # a meeting is no conversation: who writes about one writes in their usual one
    conversation = data.get("thread")
    if conversation:
        conversation = "thread " + conversation
    elif target := data.get("in_reply_to"):
        conversation = _of_target(fold, fact, target, peers)
    if not conversation:
        contacts = data.get("contacts")
        first = contacts[0] if contacts else ""
        conversation = f"{data.get('channel')} {data.get('platform') or ''} {first}"
    fold.replies[fact.event_id] = (conversation, direction)
    if fact.external_id:
        fold.replies[fact.external_id] = (conversation, direction)
    return conversation


def _of_target(fold: Fold, fact: Fact, target: str, peers: dict[str, Fact] | None) -> str | None:
    found = fold.replies.get(target)
    if found is not None:
        return found[0]
    peer = peers.pop(target, None) if peers else None
    if peer is not None and peer is not fact:
        return remember(fold, peer, peers) or None
    if fold.replies_forgotten and target not in fold.absent:
        raise NeedsHistory("a reply to an exchange that the saved state has forgotten")
    return None
