"""The data sets of the evidence: who is we, and what counts as said by whom."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import REAL_DATA
from tests.evidence.datasets import DATASETS, Dataset, gesis
from tests.evidence.tables import tables

READ = [dataset for dataset in DATASETS.values() if dataset.read and dataset.name in ("slack", "calendar", "multipath")]


@pytest.mark.real_data
@pytest.mark.parametrize("dataset", READ, ids=lambda dataset: dataset.name)
def test_acts_are_dated_directed_and_of_a_client(dataset: Dataset) -> None:
    assert dataset.read is not None
    acts = list(dataset.read(REAL_DATA / dataset.path))
    assert len(acts) > 50
    assert all(act.client and act.at.tzinfo for act in acts)
    if dataset.name != "calendar":
        said = Counter(act.data["direction"] for act in acts)
        assert set(said) == {"inbound", "outbound"}


def test_sightings_no_more_than_five_minutes_apart_are_one_meeting(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "tij.gz", "wt") as file:
        file.writelines(f"{second} 7 3\n" for second in (0, 20, 320, 621))
    found = list(gesis(tmp_path / "tij.gz"))
    assert [(act.client, act.at.timestamp(), act.data["minutes"]) for act in found] == [("3-7", 0, 6), ("3-7", 621, 1)]


def test_a_data_set_without_rows_stands_in_the_tables_with_its_reason() -> None:
    none = {"training": 0, "tested": 0, "ending": 0}
    found = {"question": "another", "events": 3, "clients": 1, "rows": none, "meetings": 0, "models": []}
    told = tables({"slack": [{**found, "probability_shown": False, "refusal": "there are no rows"}]}, DATASETS)
    assert "| slack, *another question*: another | 3 | 1 | 0 + 0 | – | 0 | there are no rows |" in told
