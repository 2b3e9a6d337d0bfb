"""Who may give an order."""

from __future__ import annotations

from accounts.roles import Principal

from .errors import Forbidden


def demand(principal: Principal, scope: str) -> None:
    """Raises Forbidden when the principal lacks the scope."""
    if not principal.may(scope):
        raise Forbidden(f"this needs the scope {scope}")
