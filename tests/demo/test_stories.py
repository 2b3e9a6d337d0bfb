"""The stories, told without a database: plausible in time, and of every stage and health."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from relationships.demo.cast import FIRMS, OUR_PEOPLE
from relationships.demo.loading import scene_of
from relationships.demo.plots import PLOTS
from relationships.domain.events import clean

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
SCENES = [scene_of(firm, NOW) for firm in FIRMS]
HAPPENINGS = [happening for scene in SCENES for happening in scene.happenings]


def test_there_are_some_thirty_firms_and_a_few_thousand_happenings() -> None:
    assert 28 <= len(FIRMS) <= 35
    assert 3_000 <= len(HAPPENINGS) <= 5_000
    assert {firm.plot for firm in FIRMS} == PLOTS.keys()
    assert {name for firm in FIRMS for name in (firm.owner, firm.second)} == {each.name for each in OUR_PEOPLE}


def test_the_same_moment_tells_the_same_stories() -> None:
    assert [scene_of(firm, NOW) for firm in FIRMS] == SCENES


@pytest.mark.parametrize("hours", range(0, 7 * 24, 5))
def test_on_whatever_day_nothing_is_learnt_before_it_happened_or_amended_before_it_is_known(hours: int) -> None:
    """Stories are told around weekends, in the firm's zone: they differ by the hour at which they are told."""
    now = NOW + timedelta(hours=hours)
    for scene in (scene_of(firm, now) for firm in FIRMS):
        known = {each.key: each for each in scene.happenings}
        for each in scene.happenings:
            assert scene.registered_at < each.occurred_at <= each.recorded_at <= now, each
            assert each.amends is None or known[each.amends].recorded_at < each.recorded_at, each


def test_most_is_learnt_at_once_and_some_of_it_late() -> None:
    delays = [each.recorded_at - each.occurred_at for each in HAPPENINGS]
    assert sum(delay < timedelta(hours=1) for delay in delays) > 0.8 * len(delays)
    assert sum(delay > timedelta(days=5) for delay in delays) >= 10


@pytest.mark.parametrize("type", ["event_corrected", "event_retracted", "meeting_moved", "project_succeeded"])
def test_there_is_something_of_everything(type: str) -> None:
    assert any(each.type == type for each in HAPPENINGS)


def test_some_meetings_lie_ahead() -> None:
    starts = [each.data["starts_at"] for each in HAPPENINGS if each.type == "meeting_scheduled"]
    assert sum(datetime.fromisoformat(start) > NOW for start in starts) >= 5


def test_all_of_it_is_in_the_vocabulary() -> None:
    for each in HAPPENINGS:
        if each.amends is None:
            clean(each.type, each.data, resolved=False)
