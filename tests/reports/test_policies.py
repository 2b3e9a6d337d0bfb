"""The report after an adoption: the opening as it was told, as the new policy tells it, and that both tie out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from relationships import commands
from relationships.reports import pipeline
from relationships.reports.renderers import FORMS
from relationships.reports.snapshot import DoesNotTieOut, Snapshot
from tests.commands.cast import DAY, NOW, Cast
from tests.commands.test_policies import cast, clients, shorter

__all__ = ["cast", "clients"]
pytestmark = pytest.mark.django_db

WEEK_AGO = NOW - 4 * DAY


@pytest.fixture
def snapshot(cast: Cast, clients: object) -> Snapshot:
    """Told three days after the adoption, of a week; Cedar was met within it."""
    commands.adopt_policy(cast.system, shorter(cast), now=NOW)
    cedar = commands.register_client(cast.system, name="Dogwood", now=NOW + DAY)[0]
    cast.record(cedar, "meeting_held", NOW + DAY, now=NOW + 2 * DAY, mode="in_person")
    return pipeline.build(cast.system, now=NOW + 3 * DAY, since=WEEK_AGO)


def test_the_opening_is_restated_and_ties_out(snapshot: Snapshot) -> None:
    assert snapshot.policy_change is not None
    assert (snapshot.policy_change.before, snapshot.policy_change.after, snapshot.policy) == (1, 2, 2)
    restated = {
        one.stage: (one.told, one.restated, one.opening) for one in snapshot.restated() if one.told or one.opening
    }
    assert restated == {"found": (1, 1, 2), "met": (2, -1, 1)}
    stock = {one.stage: (one.opening, one.entered, one.left, one.closing) for one in snapshot.stock()}
    assert (stock["found"], stock["met"]) == ((2, 0, 0, 2), (1, 1, 0, 2))
    assert [(move.before, move.after) for move in snapshot.moves] == [(None, "met")]
    assert Snapshot.from_dict(snapshot.to_dict()) == snapshot


def test_every_form_says_so(snapshot: Snapshot) -> None:
    words = "1 of 3 clients would have stood elsewhere under it, 0 higher and 1 lower"
    for form in ("text", "html"):
        told = " ".join(FORMS[form].render(snapshot, people={}, zone="UTC").split())
        assert "Policy 2 was adopted in place of policy 1 on Mon 1 Jun 2026" in told, form
        assert words in told, form
        assert "Restated" in told
    csv = FORMS["csv"].render(snapshot, people={}, zone="UTC").splitlines()
    assert csv[0].endswith('"policy","opening_stage_by_former_policy"')
    assert any('"Ash"' in line and line.endswith('"2","met"') for line in csv)


def test_the_report_after_that_has_nothing_to_restate(cast: Cast, snapshot: Snapshot) -> None:
    later = pipeline.build(cast.system, now=NOW + 10 * DAY, since=NOW + 3 * DAY)
    assert later.policy_change is None
    assert later.restated() == ()
    assert {one.stage: one.opening for one in later.stock()} == {one.stage: one.closing for one in snapshot.stock()}


def test_what_was_known_before_the_adoption_is_told_by_the_former_alone(cast: Cast, snapshot: Snapshot) -> None:
    before = pipeline.build(
        cast.system, now=NOW + 3 * DAY, since=WEEK_AGO, as_of=NOW, known_at=NOW - timedelta(hours=1)
    )
    assert (before.policy, before.policy_change) == (1, None)


def test_adopted_and_rolled_back_within_the_span_nothing_is_restated(cast: Cast, snapshot: Snapshot) -> None:
    commands.adopt_policy(cast.system, 1, now=NOW + 4 * DAY)
    back = pipeline.build(cast.system, now=NOW + 5 * DAY, since=WEEK_AGO)
    assert (back.policy, back.policy_change) == (1, None)


def test_a_snapshot_of_an_older_program_is_still_read(snapshot: Snapshot) -> None:
    plain = snapshot.to_dict()
    del plain["policy_change"]
    for line in plain["clients"]:
        del line["told_opening"]
    old = Snapshot.from_dict(plain)
    assert old.policy_change is None
    assert old.check().restated() == ()


def test_one_that_opens_by_one_policy_only_does_not_tie_out(snapshot: Snapshot) -> None:
    plain = snapshot.to_dict()
    for line in plain["clients"]:
        line["told_opening"] = None
    with pytest.raises(DoesNotTieOut, match="opens by one policy"):
        Snapshot.from_dict(plain).check()
