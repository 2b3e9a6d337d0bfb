"""Rows that could not be placed with a client: kept sealed for a while, so that a person can place them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.db import transaction

from relationships import sealing
from relationships.domain.draft import Draft
from relationships.importers import ImportedRow, NamedPerson, Place
from relationships.models.capture import KEPT_FOR, ImportRun, UnmatchedRow
from relationships.models.roster import ErasedHandle
from relationships.queries.unmatched import handles_of

from .recording import Placed


def keep(run: ImportRun, unplaced: Sequence[Placed], *, now: datetime) -> None:
    """Keeps rows without a client. One that is kept already, from this run or an earlier one, is not kept twice.

    One that names somebody who was erased is not kept at all.
    """
    with transaction.atomic():
        rows = []
        for placed in _nameable(run.ledger_id, unplaced):
            draft = placed.row.draft
            stated = str(placed.client) if placed.client else placed.row.stated
            row_id = str(uuid5(NAMESPACE_URL, f"unmatched:{run.ledger_id}:{draft.source}:{draft.external_id}:{stated}"))
            part = sealing.seal(run.ledger_id, str(run.pk), row_id, _content(placed.row, stated), now=now)
            if part is None:
                continue
            rows.append(
                UnmatchedRow(
                    id=row_id,
                    ledger_id=run.ledger_id,
                    run=run,
                    line=placed.row.place.line,
                    reason=(placed.reason or "")[:200],
                    type=draft.type,
                    occurred_at=draft.occurred_at,
                    source=draft.source or "",
                    external_id=draft.external_id or "",
                    nonce=part.nonce,
                    ciphertext=part.ciphertext,
                    expires_at=now + KEPT_FOR,
                )
            )
        UnmatchedRow.objects.bulk_create(rows, ignore_conflicts=True)


def _nameable(ledger_id: int, unplaced: Sequence[Placed]) -> list[Placed]:
    """Those rows that name nobody who was erased, at whatever client."""
    macs = {
        id(placed): {
            sealing.handle_mac(ledger_id, *handle)
            for person in placed.row.contacts
            for handle in handles_of(asdict(person), placed.row.draft.source or "")
        }
        for placed in unplaced
    }
    every = set().union(*macs.values())
    erased = set(
        ErasedHandle.objects.filter(ledger_id=ledger_id, mac__in=every).values_list("mac", flat=True) if every else ()
    )
    return [placed for placed in unplaced if macs[id(placed)].isdisjoint(erased)]


def opened(row: UnmatchedRow, *, now: datetime) -> tuple[str, ImportedRow] | None:
    """What stood in the row where a client was looked for, and the row as it was read; None once it was erased."""
    run_id = str(row.run_id)
    key = sealing.keys_of(row.ledger_id, [run_id], now=now)[run_id]
    if key is None:
        return None
    content = key.open(str(row.pk), bytes(row.nonce), bytes(row.ciphertext))
    draft: dict[str, Any] = content["draft"]
    return content["stated"], ImportedRow(
        place=Place(row.run.file, row.line),
        draft=Draft(**(draft | {"occurred_at": datetime.fromisoformat(draft["occurred_at"])})),
        clients=(),
        our_people=tuple(NamedPerson(**person) for person in content["our_people"]),
        contacts=tuple(NamedPerson(**person) for person in content["contacts"]),
        stated=content["stated"],
    )


def forget(ledger_id: int, source: str, external_ids: Collection[str]) -> None:
    """Drops rows that have found their client since."""
    UnmatchedRow.objects.filter(ledger_id=ledger_id, source=source, external_id__in=external_ids).delete()


def forget_expired(*, now: datetime) -> int:
    """Drops what was kept long enough, with the key of each run that has nothing left; returns how many rows."""
    expired = UnmatchedRow.objects.filter(expires_at__lte=now)
    runs = set(expired.values_list("ledger_id", "run_id"))
    dropped, _ = expired.delete()
    for ledger_id, run_id in runs:
        if not UnmatchedRow.objects.filter(ledger_id=ledger_id, run_id=run_id).exists():
            sealing.erase(ledger_id, str(run_id), now=now)
    return dropped


def _content(row: ImportedRow, stated: str) -> dict[str, Any]:
    return {
        "stated": stated,
        "draft": asdict(row.draft) | {"occurred_at": row.draft.occurred_at.isoformat()},
        "our_people": [asdict(person) for person in row.our_people],
        "contacts": [asdict(person) for person in row.contacts],
    }
