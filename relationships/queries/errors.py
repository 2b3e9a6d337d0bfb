"""What a query can refuse."""

from __future__ import annotations

from collections.abc import Iterable

from relationships.domain.events import FieldError


class NotFound(LookupError):
    """There is none, or it is not the reader's to see: the two are never told apart."""


class Invalid(ValueError):
    """The question or the order makes no sense as it stands.

    `errors` says where (`pointer`: an RFC 6901 pointer into the body, or the name of a parameter), what (`code`) and
    what would be right (`detail`).
    """

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{error.pointer or 'body'}: {error.detail}" for error in self.errors))

    @classmethod
    def one(cls, pointer: str, code: str, detail: str) -> Invalid:
        """A refusal with a single reason."""
        return cls((FieldError(pointer, code, detail),))
