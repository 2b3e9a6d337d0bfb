"""Runs an importer: looks up who is meant, skips the known, records the rest in chunks, projects each client once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from django.db import DatabaseError

from accounts.roles import Principal
from relationships import event_store, projections
from relationships.domain.ids import uuid7
from relationships.domain.instants import to_us
from relationships.importers import (
    Format,
    ImportedRow,
    Item,
    Mapping,
    RowError,
    SkippedRow,
    Unreadable,
)
from relationships.models.capture import ImportRun

from .directory import Directory
from .recording import Placed, record, rehearse
from .unmatched import forget, forget_expired, keep, opened

__all__ = [
    "Directory",
    "Outcome",
    "Placed",
    "forget_expired",
    "import_file",
    "keep",
    "opened",
    "record",
]

CHUNK = 2_000


@dataclass(slots=True)
class Outcome:
    """What an import came to. Counted are events: a row that names two clients is two. `rows` were read in all."""

    rows: int = 0
    recorded: int = 0
    known: int = 0
    refused: int = 0
    unmatched: int = 0
    skipped: int = 0
    clients_made: int = 0
    clients_projected: int = 0

    def __str__(self) -> str:
        return (
            f"{self.recorded} recorded, {self.known} already known, {self.refused} refused, {self.unmatched} unmatched"
        )


def import_file(
    principal: Principal,
    format: Format,
    path: Path,
    mapping: Mapping,
    *,
    now: datetime,
    refuse: Callable[[RowError], None],
    owner_email: str | None = None,
    dry_run: bool = False,
    progress: Callable[[Outcome], None] | None = None,
) -> Outcome:
    """Imports a file or folder into the principal's organisation and returns the counts.

    Sending the same again records nothing. `refuse` is told of each refused row, `progress` after each chunk. Clients
    that are made belong to the colleague with `owner_email`, who is made when there is none. A dry run changes
    nothing and tells what would come of it.

    Raises Unreadable when nothing could be read.
    """
    ledger_id = event_store.ensure_ledger(principal.organisation_id)
    directory = Directory(principal, ledger_id, mapping.source, now, owner=owner_email)
    run = None if dry_run else _started(ledger_id, principal, format, path, mapping, now)
    work = _Import(directory, mapping, refuse, run)
    try:
        for chunk in _chunks(format.read(path, mapping)):
            work.take(chunk)
            if progress:
                progress(work.outcome)
    except (Unreadable, DatabaseError) as error:
        work.finish(str(error))
        raise
    work.project(progress)
    work.finish()
    return work.outcome


def _started(
    ledger_id: int, principal: Principal, format: Format, path: Path, mapping: Mapping, now: datetime
) -> ImportRun:
    return ImportRun.objects.create(
        id=uuid7(to_us(now) // 1000),
        ledger_id=ledger_id,
        format=format.name,
        file=path.name[:255],
        source=mapping.source,
        started_by=principal.label,
        started_at=now,
    )


def _chunks(items: Iterator[Item]) -> Iterator[list[Item]]:
    while chunk := list(islice(items, CHUNK)):
        yield chunk


class _Import:
    """One import under way; without a run it is a rehearsal."""

    def __init__(
        self,
        directory: Directory,
        mapping: Mapping,
        refuse: Callable[[RowError], None],
        run: ImportRun | None,
    ) -> None:
        self.outcome = Outcome()
        self._directory = directory
        self._register = mapping.unknown_clients == "register"
        self._refuse = refuse
        self._run = run
        self._touched: set[str] = set()
        self._known: set[str] = set()
        self._rehearsed: set[tuple[str, str]] = set()

    def take(self, chunk: Iterable[Item]) -> None:
        """Records a chunk and counts what came of it."""
        rows: list[ImportedRow] = []
        for item in chunk:
            self.outcome.rows += 1
            if isinstance(item, ImportedRow):
                rows.append(item)
            elif isinstance(item, SkippedRow):
                self.outcome.skipped += 1
            else:
                self.outcome.refused += 1
                self._refuse(item)
        if rows:
            self._count(self._place(rows))

    def _place(self, rows: list[ImportedRow]) -> list[Placed]:
        if self._run is None:
            return rehearse(self._directory, rows, self._rehearsed, register=self._register)
        return record(self._directory, rows, register=self._register)

    def _count(self, placed: Iterable[Placed]) -> None:
        unplaced: list[Placed] = []
        found: list[str] = []
        for each in placed:
            if each.client_id is None:
                self.outcome.unmatched += 1
                unplaced.append(each)
            elif each.reason is not None:
                self.outcome.refused += 1
                self._refuse(RowError(each.row.place, each.reason))
            elif each.created:
                self.outcome.recorded += 1
                self._touched.add(each.client_id)
                found.append(each.row.draft.external_id or "")
            else:
                self.outcome.known += 1
                self._known.add(each.client_id)
        self.outcome.clients_made = self._directory.clients_made
        if self._run is not None:
            forget(self._directory.ledger_id, self._directory.source, found)
            keep(self._run, unplaced, now=self._directory.now)

    def project(self, progress: Callable[[Outcome], None] | None) -> None:
        """Projects each client that was touched, once; and those of known rows that an interrupted run left behind."""
        if self._run is None:
            return
        ledger_id = self._directory.ledger_id
        left = projections.behind(ledger_id, projections.live(ledger_id), among=self._known - self._touched)
        touched = sorted(self._touched.union(left))
        for start in range(0, len(touched), CHUNK):
            projections.project_many(ledger_id, touched[start : start + CHUNK], now=self._directory.now)
            self.outcome.clients_projected = min(start + CHUNK, len(touched))
            if progress:
                progress(self.outcome)

    def finish(self, problem: str | None = None) -> None:
        """Writes the counts down."""
        run, outcome = self._run, self.outcome
        if run is None:
            return
        run.state = ImportRun.State.FAILED if problem else ImportRun.State.DONE
        run.problem = problem or ""
        run.finished_at = self._directory.now
        run.recorded, run.known, run.refused = outcome.recorded, outcome.known, outcome.refused
        run.unmatched, run.skipped, run.clients_made = outcome.unmatched, outcome.skipped, outcome.clients_made
        run.save()
