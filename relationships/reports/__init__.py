"""Reports: one module a report, one renderer a form.

A report is built once, as a snapshot, and every form of it is rendered from that snapshot: the same figures
in the terminal, in the mail and in the file. To add a report: its module, a place in ``REPORTS``, a test with
a sample, a paragraph in docs/reports.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from accounts.roles import Principal
from relationships.models.roster import Colleague
from relationships.reports import pipeline
from relationships.reports.snapshot import Snapshot


class Report(Protocol):
    """What a report's module offers."""

    NAME: str

    def build(
        self,
        principal: Principal,
        *,
        now: datetime,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        since: datetime | None = None,
        late: bool = False,
    ) -> Snapshot: ...


REPORTS: tuple[Report, ...] = (pipeline,)
BY_NAME: Mapping[str, Report] = {report.NAME: report for report in REPORTS}


def people(organisation_id: int) -> dict[str, str]:
    """The names of our people by id. Snapshots name them by id alone; whoever renders fills these in."""
    ours = Colleague.objects.filter(ledger__organisation_id=organisation_id)
    return {str(colleague): name for colleague, name in ours.values_list("id", "name")}
