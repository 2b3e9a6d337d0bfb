"""The back-test: the label, the gate, the measures, the baselines, and that strength is told from noise."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy
import pytest
from django.core.management import CommandError, call_command
from sklearn import metrics

from relationships import evidence
from relationships.domain.backtest import Question, Row
from relationships.domain.facts import Fact
from relationships.domain.instants import DAY, from_us
from relationships.domain.policy import DEFAULT_POLICY
from relationships.evidence import bg_bb, measures
from tests.commands.cast import NOW, assemble
from tests.domain.story import instant

from .invented import gathered, live, meeting, message, rows_of


def test_rows_whose_end_nobody_knows_are_left_out() -> None:
    assert max(rows_of([live(meeting(0, 1))], 200)) <= instant(200 - 90)
    assert rows_of([live(meeting(0, 1))], 80) == {}


def test_the_label_is_a_meeting_within_the_usual_time_between_meetings() -> None:
    for cut, row in rows_of([live(meeting(0, 1)), live(meeting(100, 2))], 400).items():
        assert (row.next_at >= 0) == (cut < instant(100) < cut + 90 * DAY)
        assert row.horizon == 90 * DAY


def test_a_meeting_reported_twice_is_held_once() -> None:
    again = meeting(100, 3, meeting_id="m1")
    assert all(row.next_at == -1 for row in rows_of([live(meeting(0, 1)), live(again)], 400).values())


def test_frequency_counts_every_day_however_many() -> None:
    talk = [live(message(day, day + 1)) for day in range(60)]
    assert max(row.frequency for row in rows_of(talk, 400).values()) == 60


def test_a_row_knows_of_an_accepted_meeting_until_it_should_be_over() -> None:
    plan = {"meeting_id": "m9", "starts_at": from_us(instant(60)).isoformat(), "mode": "in_person"}
    planned = Fact("e2", 2, "meeting_scheduled", instant(20), None, None, plan)
    answer = Fact("e3", 3, "meeting_answered", instant(30), None, None, {"meeting_id": "m9", "answer": "accepted"})
    for cut, row in rows_of([live(meeting(0, 1)), live(planned), live(answer)], 400).items():
        assert row.accepted == (instant(30) <= cut <= instant(60))


def test_a_week_is_a_chance_after_the_one_of_the_first_contact() -> None:
    found = list(rows_of([live(meeting(0, 1)), live(meeting(15, 2)), live(meeting(16, 3))], 400).values())
    assert [(row.periods, row.hits, row.last_hit) for row in found[:4]] == [(0, 0, 0), (1, 0, 0), (2, 1, 2), (3, 1, 2)]


def test_another_question_may_be_asked_of_the_same_rows() -> None:
    question = Question(
        "a message of theirs within 3 days", frozenset({"message_sent"}), frozenset({"inbound"}), 3, DAY
    )
    talk = [live(message(0, 1)), live(message(5, 2, "outbound")), live(message(9.5, 3))]
    found = rows_of(talk, 30, question)
    assert [(cut - instant(0)) // DAY for cut, row in found.items() if row.next_at >= 0] == [7, 8, 9]


# ---------------------------------------------------------------------- the gate


def a_portfolio(clients: int, until: int, seed: int = 1) -> list[list[Row]]:
    """Half of the clients are met often and half are not."""
    chance = random.Random(seed)
    found = []
    for client in range(clients):
        day, number, facts = chance.random() * 90, 0, []
        usual = 50 if client % 2 else 400  # who meets often goes on to
        while day < until:
            number += 1
            facts.append(live(meeting(day, number)))
            day += usual * (0.6 + 0.8 * chance.random())
        found.append(list(rows_of(facts, until).values()))
    return found


def test_the_gate_counts_meetings_and_not_the_rows_before_them() -> None:
    result = evidence.judge(gathered(a_portfolio(8, 500)))
    assert result.ending > 50 > result.held
    assert result.refusal is not None
    assert result.refusal.startswith("not enough history")
    assert "No probability is shown" in evidence.as_text(result)
    assert evidence.judge(gathered([])).refusal == "there are no rows: no history is long enough"


def test_a_probability_is_refused_where_strength_is_below_recency() -> None:
    found = [row._replace(strength=-row.recency / 1000) for rows in a_portfolio(60, 1000) for row in rows]
    chance = random.Random(2)
    noise = [[row._replace(strength=chance.random())] for row in found]
    refused = evidence.judge(gathered(noise))
    assert refused.refusal is not None
    assert refused.refusal.startswith("strength orders worse than recency")
    assert evidence.as_json(refused)["probability_shown"] is False


def test_where_meetings_follow_meetings_strength_finds_them() -> None:
    result = evidence.judge(gathered(a_portfolio(60, 1000)))
    strength, base = result.outcome("strength"), result.outcome("base_rate")
    assert strength is not None
    assert base is not None
    assert strength.auc.low > 0.7 > base.auc.value
    assert strength.skill > 0.2
    assert strength.auc.low <= strength.auc.value <= strength.auc.high
    assert base.lift == pytest.approx(1)
    assert {outcome.name for outcome in result.outcomes} >= {"bg_bb", "recency", "without_beta", "silence_in_rhythms"}
    assert {(each.one, each.other) for each in result.differences} >= {("strength", "recency"), ("strength", "bg_bb")}


def test_long_silent_clients_are_still_told_apart_by_their_strength() -> None:
    """Their chances are the same to sixteen digits, and so would their order be."""
    found = [[row._replace(strength=row.strength**20) for row in rows] for rows in a_portfolio(60, 1000)]
    faint, usual = (evidence.judge(gathered(rows)).outcome("strength") for rows in (found, a_portfolio(60, 1000)))
    assert faint is not None
    assert usual is not None
    assert faint.auc == usual.auc
    assert faint.lift == usual.lift


def test_the_split_is_in_time_and_no_outcome_is_seen_twice() -> None:
    found = a_portfolio(30, 1000)
    result = evidence.judge(gathered(found))
    assert result.split_at is not None
    learnt = [row for rows in found for row in rows if row.cut + row.horizon <= result.split_at]
    tested = [row for rows in found for row in rows if row.cut >= result.split_at]
    assert (result.training, result.tested) == (len(learnt), len(tested))
    assert max(row.next_at for row in learnt) < min(row.cut for row in tested)


def test_rows_with_an_accepted_meeting_stand_apart() -> None:
    found = a_portfolio(30, 1000)
    some = [[row._replace(accepted=number % 3 == 0) for number, row in enumerate(rows)] for rows in found]
    result = evidence.judge(gathered(some))
    assert result.apart == sum(row.accepted for rows in some for row in rows)
    assert result.apart_ending == sum(row.accepted and row.next_at >= 0 for rows in some for row in rows)
    assert evidence.as_json(result)["rows"]["accepted_apart_ending"] == result.apart_ending


def test_reconstructed_rows_are_reported_apart() -> None:
    found = a_portfolio(60, 1000)
    mixed = [[row._replace(reconstructed=client % 4 > 0) for row in rows] for client, rows in enumerate(found)]
    result = evidence.judge(gathered(mixed))
    assert [part.kind for part in result.kinds] == ["recorded", "reconstructed"]
    assert sum(part.rows for part in result.kinds) == result.tested
    assert "reconstructed:" in evidence.as_text(result)


def test_what_is_told_to_programs_is_json_without_nan() -> None:
    for found in (a_portfolio(60, 1000), a_portfolio(1, 300), []):
        told = evidence.as_json(evidence.judge(gathered(found)))
        assert json.loads(json.dumps(told, allow_nan=False)) == told


# ---------------------------------------------------------------------- measures and baselines


def test_measures_agree_with_those_of_scikit_learn() -> None:
    random_ = numpy.random.default_rng(1)
    guess = numpy.round(random_.random(500), 1)  # with many ties
    truth = (random_.random(500) < guess).astype(float)
    weights = random_.integers(0, 4, 500).astype(float)
    ranking = measures.Ranking(truth, guess)
    assert ranking.auc() == pytest.approx(metrics.roc_auc_score(truth, guess))
    assert ranking.auc(weights) == pytest.approx(metrics.roc_auc_score(truth, guess, sample_weight=weights))
    assert measures.brier(truth, guess, weights) == pytest.approx(
        metrics.brier_score_loss(truth, guess, sample_weight=weights)
    )
    sure = numpy.clip(guess, 1e-6, 1 - 1e-6)
    assert measures.log_loss(truth, guess) == pytest.approx(metrics.log_loss(truth, sure))
    assert sum(rows for _, _, rows in measures.calibration(truth, guess)) == 500


def test_bg_bb_gives_the_published_likelihood() -> None:
    """Donors of Fader, Hardie and Shang 2010: parameters and log-likelihood as published in table 2."""
    # (repeat gifts, year of the last, years, donors)
    donors = [
        *((6, 6, 1203), (5, 6, 728), (4, 6, 512), (3, 6, 357), (2, 6, 234), (1, 6, 129), (5, 5, 335), (4, 5, 284)),
        *((3, 5, 225), (2, 5, 173), (1, 5, 119), (4, 4, 240), (3, 4, 181), (2, 4, 155), (1, 4, 78), (3, 3, 322)),
        *((2, 3, 255), (1, 3, 129), (2, 2, 613), (1, 2, 277), (1, 1, 1091), (0, 0, 3464)),
    ]
    hits, last, counts = (numpy.array(column) for column in zip(*donors, strict=True))
    told = bg_bb._log_likelihoods((1.204, 0.750, 0.657, 2.783), hits, last, numpy.full(len(hits), 6))
    assert float((counts * told).sum()) == pytest.approx(-33225.6, abs=0.5)


# ---------------------------------------------------------------------- the command

ROOT = Path(__file__).resolve().parents[2]


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("relationships.evidence.libraries.import_module", missing)
    with pytest.raises(evidence.LibrariesMissing, match=r"numpy is not installed.*requirements-evidence\.txt"):
        evidence.judge(gathered([]))
    with pytest.raises(evidence.LibrariesMissing, match=r"requirements-evidence\.txt"):
        evidence.need_libraries()


def test_the_product_runs_without_these_libraries() -> None:
    """All of the product but the judging is imported in an interpreter that cannot find them."""
    code = (
        "import sys, os\n"
        "for name in ('numpy', 'scipy', 'sklearn'): sys.modules[name] = None\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\n"
        "import django; django.setup()\n"
        "import relationships.api.urls, relationships.admin, relationships.management.commands.backtest\n"
        "from relationships import evidence\n"
        "try: evidence.need_libraries()\n"
        "except evidence.LibrariesMissing as missing: print(missing)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == "numpy is not installed: pip install -r requirements-evidence.txt\n"


@pytest.mark.django_db
def test_the_command_tells_of_the_log_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cast = assemble()
    client = cast.client("Brightwater", now=NOW - timedelta(days=400))
    for days in range(390, 0, -30):
        cast.record(client, "meeting_held", NOW - timedelta(days=days), mode="in_person")
    told, slug = StringIO(), cast.organisation.slug
    call_command("backtest", organisation=slug, stdout=told, output=tmp_path / "evidence.json")
    assert told.getvalue().startswith("Back-test of policy 1\n")
    assert json.loads((tmp_path / "evidence.json").read_text())["policy"] == 1
    with pytest.raises(CommandError, match="There is no policy 7"):
        call_command("backtest", organisation=slug, policy=7)
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("backtest", organisation=slug, stdout=told, output=tmp_path / "none" / "evidence.json")
    monkeypatch.setattr("relationships.evidence.libraries.import_module", lambda name: __import__("no_such_" + name))
    with pytest.raises(CommandError, match=r"requirements-evidence\.txt"):
        call_command("backtest", organisation=slug)


@pytest.mark.django_db
def test_a_ledger_too_large_is_answered_by_a_part_of_its_clients() -> None:
    cast = assemble()
    for number in range(20):
        client = cast.client(f"Firm {number}", now=NOW - timedelta(days=400))
        cast.record(client, "meeting_held", NOW - timedelta(days=390), mode="in_person")
        cast.record(client, "meeting_held", NOW - timedelta(days=10), mode="in_person")
    whole = evidence.gather(cast.ledger_id, DEFAULT_POLICY)
    part = evidence.gather(cast.ledger_id, DEFAULT_POLICY, most_rows=700)
    assert (whole.clients, whole.parts) == (20, 1)
    assert part.parts == 2
    assert 0 < len(part.rows) < len(whole.rows)
    assert "one client in 2 stands for all" in evidence.as_text(evidence.judge(part))
