"""Work shared out between processes: the same result as in one, and no failure is lost."""

from __future__ import annotations

import os

import pytest
from django.db import connection

from relationships.projections import rebuilding
from relationships.projections.sharing import Report, Shard, WorkerDied, share_out, workers


def no_report(events: int, streams: int) -> None: ...


def test_each_shard_is_done_once_and_reported_here() -> None:
    told: list[tuple[int, int]] = []

    def work(shard: Shard, report: Report) -> tuple[Shard, int]:
        report(10, 1)
        return shard, os.getpid()

    done = share_out(work, 3, report=lambda events, streams: told.append((events, streams)))

    assert {shard for shard, _ in done} == {(0, 3), (1, 3), (2, 3)}
    assert os.getpid() not in {pid for _, pid in done}
    assert told == [(10, 1)] * 3


def test_what_a_worker_raises_is_raised_here() -> None:
    def work(shard: Shard, report: Report) -> None:
        if shard[0] == 1:
            raise ValueError("the second one")

    with pytest.raises(ValueError, match="the second one"):
        share_out(work, 2, report=no_report)


def test_a_worker_that_is_killed_is_noticed() -> None:
    def work(shard: Shard, report: Report) -> None:
        if shard[0] == 1:
            os.kill(os.getpid(), 9)

    with pytest.raises(WorkerDied, match="-9"):
        share_out(work, 2, report=no_report)


@pytest.mark.django_db
def test_within_a_transaction_nothing_is_shared_out() -> None:
    assert workers() == 1


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_workers_have_connections_of_their_own_and_leave_ours_alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (ours,) = cursor.fetchone()

        def work(shard: Shard, report: Report) -> int:
            with connection.cursor() as own:
                own.execute("SELECT pg_backend_pid()")
                return int(own.fetchone()[0])

        theirs = share_out(work, 2, report=no_report)
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone() == (ours,)
    assert ours not in theirs
    assert len(set(theirs)) == 2


def test_a_small_ledger_is_not_worth_it() -> None:
    assert rebuilding.WORTH_SHARING > 10_000
