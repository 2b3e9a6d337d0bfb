"""Rows of imports that found no client: who is named in them. They are sealed, so each has to be opened."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from relationships import sealing
from relationships.domain.identity import normal_handle
from relationships.models.capture import UnmatchedRow

_AT_ONCE = 500


def unmatched_naming(
    ledger_id: int, handles: Collection[tuple[str, str]], *, now: datetime
) -> Iterator[tuple[UnmatchedRow, dict[str, Any]]]:
    """The rows of imports without a client that name somebody with one of these handles, each with its content."""
    for row in UnmatchedRow.objects.filter(ledger_id=ledger_id).order_by("run").iterator(chunk_size=_AT_ONCE):
        run = str(row.run_id)
        if (key := sealing.keys_of(ledger_id, [run], now=now)[run]) is not None:
            content = key.open(str(row.pk), bytes(row.nonce), bytes(row.ciphertext))
            if any(not handles_of(person, row.source).isdisjoint(handles) for person in content["contacts"]):
                yield row, content


def handles_of(person: Mapping[str, Any], source: str) -> set[tuple[str, str]]:
    """The handles that a row of an import gives a person, in normal form; the source's own key is one there."""
    given = (("email", person["email"]), (person["platform"], person["handle"]), (source, person["key"]))
    return {
        (platform.strip().casefold(), normal_handle(platform, handle))
        for platform, handle in given
        if platform and handle
    }
