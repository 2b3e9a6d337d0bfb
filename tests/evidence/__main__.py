"""``python -m tests.evidence [DATASET …]``: back-tests on the data collection, each in an organisation thrown away.

Needs requirements-evidence.txt and the collection in ../shared/data. Acts go into a scratch database through the
product's commands, importer and event store, and are judged by the same code as ``manage.py backtest``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.utils import timezone  # noqa: E402

from accounts.roles import Principal, system_principal  # noqa: E402
from relationships import commands, event_store, evidence, ingest, projections  # noqa: E402
from relationships.domain.backtest import MEETING, Question  # noqa: E402
from relationships.domain.draft import Draft  # noqa: E402
from relationships.domain.events import clean  # noqa: E402
from relationships.importers import format_named, parse_mapping  # noqa: E402
from tests.benchmarks.scratch import scratch_database  # noqa: E402
from tests.evidence.datasets import DATASETS, Act, Dataset  # noqa: E402
from tests.evidence.tables import tables  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CHUNK = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.evidence", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="DATASET", help=f"of {', '.join(DATASETS)}; all when silent")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", metavar="FOLDER")
    parser.add_argument("--json", type=Path, metavar="FILE", help="add the results to this file")
    parser.add_argument("--tables", action="store_true", help="only print the file of --json as tables of Markdown")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - DATASETS.keys():
        parser.error(f"no data set {', '.join(sorted(unknown))}; there are {', '.join(DATASETS)}")
    results: dict[str, Any] = {}
    if arguments.json and arguments.json.exists():
        results = json.loads(arguments.json.read_text())
    if not arguments.tables:
        evidence.need_libraries()
        with scratch_database():
            for name in arguments.names or DATASETS:
                results[name] = _measured(DATASETS[name], arguments.data)
                if arguments.json:
                    arguments.json.write_text(json.dumps(results, indent=2, allow_nan=False) + "\n")
    else:
        print(tables(results, DATASETS))


def _measured(dataset: Dataset, folder: Path) -> list[dict[str, Any]]:
    """The protocol's question and the others, as text on the screen and as JSON."""
    print(f"\n=== {dataset.name}: {dataset.title}\n{dataset.about}\n", flush=True)
    begun = time.monotonic()
    ledger_id = _loaded(dataset, folder)
    print(f"brought in in {time.monotonic() - begun:.0f} s\n", flush=True)
    return [_asked(ledger_id, question) for question in (MEETING, *dataset.others)]


def _asked(ledger_id: int, question: Question) -> dict[str, Any]:
    policy = projections.policy_of(projections.live(ledger_id))
    begun = time.monotonic()
    found = evidence.judge(evidence.gather(ledger_id, policy, question=question))
    print(evidence.as_text(found), f"({time.monotonic() - begun:.0f} s)\n", flush=True)
    return evidence.as_json(found)


def _loaded(dataset: Dataset, folder: Path) -> int:
    """A new organisation with the data set in its log; its ledger."""
    now = timezone.now()
    organisation = commands.create_organisation(dataset.name, dataset.title[:100], now=now)
    ledger_id = event_store.ledger_of(organisation.pk)
    principal = system_principal(organisation.pk, "evidence")
    if dataset.read is not None:
        _record(principal, ledger_id, dataset, dataset.read(folder / dataset.path))
    else:
        mapping = parse_mapping((ROOT / "docs" / "mappings" / f"{dataset.mapping}.toml").read_text())
        path = folder / dataset.path
        outcome = ingest.import_file(principal, format_named("csv"), path, mapping, now=now, refuse=lambda row: None)
        print(outcome, file=sys.stderr)
    return ledger_id


def _record(principal: Principal, ledger_id: int, dataset: Dataset, acts: Iterable[Act]) -> None:
    numbered = enumerate(sorted(acts, key=lambda act: act.at))
    streams: dict[str, str] = {}
    now = timezone.now()
    for chunk in _chunks(numbered):
        fresh = sorted({act.client for _, act in chunk} - streams.keys())
        made = commands.make_clients(principal, [{"name": name} for name in fresh], now=now)
        streams.update(zip(fresh, made, strict=True))
        drafts = [(streams[act.client], _draft(dataset.name, number, act)) for number, act in chunk]
        outcomes = event_store.append_batch(ledger_id, drafts, recorded_by=principal.label, now=now)
        refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert not refused, refused[:3]


def _chunks(acts: Iterable[tuple[int, Act]]) -> Iterator[list[tuple[int, Act]]]:
    remaining = iter(acts)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk


def _draft(source: str, number: int, act: Act) -> Draft:
    data = dict(act.data)
    if act.type != "meeting_scheduled":
        data["contacts"] = [_person(source, act.theirs)]
        data["our_people"] = [_person(source, act.ours)] if act.ours else []
    return Draft(
        type=act.type, occurred_at=act.at, data=clean(act.type, data), source=source, external_id=f"{number:08d}"
    )


def _person(source: str, name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{source}/{name}"))


if __name__ == "__main__":
    main()
