"""An organisation to import into, and shorthand to do so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Organisation
from accounts.roles import Principal, system_principal
from relationships import event_store, ingest
from relationships.importers import RowError, format_named, parse_mapping

NOW = datetime(2024, 10, 1, 12, tzinfo=UTC)
HEADING = "visit,day,firm,how,who,title,subject"
MAPPING = (Path(__file__).parents[1] / "importers" / "samples" / "visits.toml").read_text(encoding="utf-8")


@dataclass
class House:
    """An organisation, its ledger, and what its last import refused."""

    organisation: Organisation
    folder: Path
    principal: Principal
    ledger_id: int
    refused: list[str] = field(default_factory=list)

    def imports(self, *lines: str, mapping: str = MAPPING, heading: str = HEADING, **how: Any) -> ingest.Outcome:
        """Imports these lines at NOW."""
        path = self.folder / "visits.csv"
        path.write_text("\n".join((heading, *lines, "")), encoding="utf-8")
        self.refused.clear()
        return ingest.import_file(
            self.principal,
            format_named("csv"),
            path,
            parse_mapping(mapping),
            refuse=self._refuse,
            **({"now": NOW} | how),
        )

    def _refuse(self, row: RowError) -> None:
        self.refused.append(str(row))

    def log(self) -> list[event_store.Recorded]:
        """Everything recorded, in order."""
        return event_store.read_log(self.ledger_id, limit=10_000)


@pytest.fixture
def house(db: None, tmp_path: Path) -> House:
    return make_house(tmp_path, "house")


@pytest.fixture
def make(db: None, tmp_path: Path) -> Callable[[str], House]:
    return lambda slug: make_house(tmp_path, slug)


def make_house(tmp_path: Path, slug: str) -> House:
    organisation = Organisation.objects.create(slug=slug, name=slug.title(), time_zone="Europe/Brussels")
    principal = system_principal(organisation.pk, "tests")
    return House(organisation, tmp_path, principal, event_store.ensure_ledger(organisation.pk))
