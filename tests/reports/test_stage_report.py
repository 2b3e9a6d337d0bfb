"""The report end to end: events in by commands, the report out by `manage.py stage_report`."""

from __future__ import annotations

import csv
import io
import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import Organisation
from accounts.roles import Principal, system_principal
from relationships import commands, queries
from relationships.reports import pipeline
from relationships.reports.snapshot import Snapshot

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def principal(db: None) -> Principal:
    """An organisation with four clients.

    Kestrel was met in person on the Wednesday before; Dunmore's conversation ended long ago and it falls
    within days; Tidewater came in on Friday; Larkspur's first contact of Thursday was recorded only on
    Saturday.
    """
    commands.create_organisation("default", "Harbour & Vale", now=NOW - 200 * DAY)
    Organisation.objects.update(time_zone="Europe/Berlin")
    system = system_principal(Organisation.objects.get().pk, "test")
    # In the order in which all this was learnt: the log's clock never goes back.
    registered(system, "Dunmore Textiles", 190)
    happened(system, "Dunmore", "call_held", 186, channel="phone")
    registered(system, "Kestrel Optics", 60)
    registered(system, "Larkspur Foods", 60)
    happened(system, "Kestrel", "meeting_held", 5, meeting_id="m1", mode="in_person")
    registered(system, "Tidewater", 3)
    happened(system, "Larkspur", "call_held", 4, 2, channel="phone")
    return system


def registered(principal: Principal, name: str, ago: int) -> None:
    external_ids = [{"source": "t", "id": name.split()[0]}]
    commands.register_client(principal, name=name, external_ids=external_ids, now=NOW - ago * DAY)


def happened(principal: Principal, client: str, kind: str, ago: int, known: int | None = None, **data: Any) -> None:
    """Something that happened days ago and was recorded at once, or as many days ago as `known` says."""
    draft = {"type": kind, "occurred_at": (NOW - ago * DAY).isoformat(), "data": data}
    commands.record_event(principal, f"t:{client}", draft, now=NOW - (ago if known is None else known) * DAY)


def told(*options: str) -> str:
    out = io.StringIO()
    with time_machine.travel(NOW, tick=False):
        call_command("stage_report", "pipeline", *options, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_it_says_where_clients_stand_who_moved_and_who_falls(principal: Principal) -> None:
    text = " ".join(told().split())
    assert text.startswith("Harbour & Vale: 4 clients as of Mon 23 Nov 2026 07:00 CET, moves since Mon 16 Nov")
    assert "2 of 4 clients changed stage since Mon 16 Nov: " in text
    assert "Kestrel Optics rose to Met" in text
    assert "Larkspur Foods rose to Helped" in text
    assert "; 1 came in; 1 falls within 30 days unless something happens." in text
    assert "Kestrel Optics Found → Met Wed 18 Nov you met in person on 18 Nov 2026" in text
    assert "Dunmore Textiles Helped → Found" in text
    assert "no exchange both ways since you spoke on the phone on 21 May 2026" in text


def test_it_agrees_with_the_pipeline_and_the_movements_that_the_api_shows(principal: Principal) -> None:
    data = json.loads(told("--format", "json"))
    shown = queries.pipeline(principal, now=NOW)
    assert {stage: sum(by.values()) for stage, by in data["by_stage_and_health"].items()} == {
        one.stage: one.clients for one in shown.stages
    }
    moved = queries.movements(principal, now=NOW, start=NOW - 7 * DAY, end=NOW)
    assert [(one["stage"], one["opening"], one["in"], one["out"], one["closing"]) for one in data["stock"]] == [
        (one.stage, one.opening, one.in_, one.out, one.closing) for one in moved.stages
    ]
    assert {(one["client_id"], one["before"], one["after"]) for one in data["moves"]} == {
        (one.client_id, one.from_, one.to) for one in moved.moved
    }


def test_its_footer_names_the_end_of_the_log(principal: Principal) -> None:
    head = queries.head(principal)
    text = told()
    assert f"position {head.position} · policy 1 · settled" in text
    assert f"chain head {head.chain_hash}" in text


def test_known_at_leaves_out_what_was_learnt_later_and_names_the_log_of_then(principal: Principal) -> None:
    then = (NOW - 3 * DAY - timedelta(hours=1)).isoformat()
    before = Snapshot.from_dict(json.loads(told("--format", "json", "--as-of", then, "--known-at", then)))
    after = Snapshot.from_dict(json.loads(told("--format", "json", "--as-of", then)))
    stage = {line.name: line.stage for line in before.clients}
    assert stage["Larkspur Foods"] == "found"
    assert {line.name: line.stage for line in after.clients}["Larkspur Foods"] == "helped"
    assert before.position < after.position
    assert before.head != after.head


def test_it_stands_in_the_future_when_asked(principal: Principal) -> None:
    later = Snapshot.from_dict(json.loads(told("--format", "json", "--as-of", "2026-12-31")))
    assert {line.name: line.stage for line in later.clients}["Dunmore Textiles"] == "found"


def test_a_date_means_its_first_moment_in_the_organisations_zone(principal: Principal) -> None:
    assert json.loads(told("--format", "json", "--since", "2026-11-01"))["since"] == "2026-10-31T23:00:00Z"


def test_it_writes_a_file(principal: Principal, tmp_path: Path) -> None:
    assert told("--format", "csv", "--output", str(tmp_path / "report.csv")) == ""
    written = (tmp_path / "report.csv").read_bytes()
    assert b"\r\n" in written
    assert len(list(csv.DictReader(io.StringIO(written.decode())))) == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--organisation", "nobody"], "no organisation 'nobody'"),
        (["--as-of", "yesterday"], "--as-of yesterday: not a time"),
        (["--as-of", "2026-11-20T07:00:00"], "without an offset"),
        (["--known-at", "2027-01-01"], "nobody knows yet"),
        (["--since", "2026-12-24"], "would begin at"),
        (["--format", "pdf"], "invalid choice"),
        (["--output", "/nowhere/report.txt"], "--output /nowhere/report.txt"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(principal: Principal, options: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        told(*options)


def test_an_organisation_without_clients_has_a_report_too(db: None) -> None:
    commands.create_organisation("default", "Harbour & Vale", now=NOW - DAY)
    text = told()
    assert "There are no clients yet." in text
    assert "position 0" in text or "position 1" in text


def test_clients_of_another_organisation_are_not_in_it(principal: Principal) -> None:
    commands.create_organisation("other", "Other", now=NOW - DAY)
    other = system_principal(Organisation.objects.get(slug="other").pk, "test")
    commands.register_client(other, name="Not Ours", now=NOW - DAY)
    assert "Not Ours" not in told("--format", "json")


def test_a_report_asks_as_often_for_many_clients_as_for_few(
    principal: Principal, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(1000) as few:
        pipeline.build(principal, now=NOW)
    for number in range(30):
        commands.register_client(principal, name=f"Client {number}", now=NOW - DAY)
    with django_assert_max_num_queries(1000) as many:
        pipeline.build(principal, now=NOW)
    assert len(many) == len(few)


@pytest.mark.django_db(transaction=True)
@pytest.mark.database
def test_a_snapshot_is_of_one_moment_though_the_log_goes_on_meanwhile(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, seen = queries.timelines, []

    def intrude() -> None:
        try:
            commands.register_client(principal, name="Came Meanwhile", now=NOW)
        finally:
            connection.close()

    def timelines(*args: Any, **options: Any) -> queries.Portfolio:
        portfolio = usual(*args, **options)
        thread = threading.Thread(target=intrude)
        thread.start()
        thread.join()
        seen.append(queries.head(principal).position)
        return portfolio

    monkeypatch.setattr(queries, "timelines", timelines)
    snapshot = pipeline.build(principal, now=NOW)
    assert seen == [snapshot.position]
    assert queries.head(principal).position > snapshot.position
