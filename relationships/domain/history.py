"""When saved state does not suffice."""

from __future__ import annotations


class NeedsHistory(Exception):
    """The saved state cannot take this event in: fold the client's whole stream."""
