"""The rows of a back-test out of a ledger: client × weekly cut."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from relationships import event_store
from relationships.domain.backtest import MEETING, Known, Question, Row, rows
from relationships.domain.facts import Fact
from relationships.domain.fold import GESTURES, SPOKEN
from relationships.domain.instants import DAY
from relationships.domain.policy import Policy
from relationships.models.log import Event, Stream

# At most so many rows are kept, of about 110 bytes each. A larger ledger is answered by a part of its clients.
MOST_ROWS = 3_000_000
MOST_PARTS = 256  # the event store tells shards by the last byte of a client's id
# A source's usual delay is the median over what it reported within a week, once there are so many of these.
TIMELY = 7 * DAY
ENOUGH_TIMELY = 20
PRECISION = {"day": DAY, "month": 31 * DAY}  # how long after its first instant an event is over at the latest
# What shows that somebody was looking: the history ends with the last of these, not with a correction of today.
OBSERVED = sorted(SPOKEN | GESTURES | {"meeting_held", "meeting_missed"})
PAGE = 10_000  # facts whose moments are looked up at once

Moments = dict[tuple[str, int], tuple[int, str, str | None]]  # client, version → recorded at, precision, source


class Rows:
    """Rows, held as columns of numbers."""

    def __init__(self) -> None:
        kinds = {"cut": "q", "horizon": "q", "next_at": "q", "reconstructed": "b", "accepted": "b"}
        kinds |= {"frequency": "i", "periods": "i", "hits": "i", "last_hit": "i"}
        self.client = array("i")
        self.columns: dict[str, array[Any]] = {name: array(kinds.get(name, "d")) for name in Row._fields}
        self._append = [column.append for column in self.columns.values()]

    def add(self, client: int, row: Row) -> None:
        """One more, of the client with that number."""
        self.client.append(client)
        for append, value in zip(self._append, row, strict=True):
            append(value)

    def __len__(self) -> int:
        return len(self.client)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Rows, and what they rest on.

    `reconstructed` counts clients with rows from before their log was begun; `clients` and `events` are those looked
    at, one part in `parts` of the ledger's. `delays` is the usual delay of each source that has one, in microseconds.
    """

    policy: Policy
    rows: Rows
    clients: int
    reconstructed: int
    events: int
    begins_at: int | None
    ends_at: int | None
    question: Question = MEETING
    parts: int = 1
    delays: Mapping[str, int] | None = None


def gather(
    ledger_id: int,
    policy: Policy,
    *,
    progress: Callable[[int], None] | None = None,
    question: Question = MEETING,
    delay: int = 0,
    most_rows: int = MOST_ROWS,
) -> Gathered:
    """All rows of a ledger under `policy`, in memory of bounded size; what is appended meanwhile is not seen.

    `progress` is told how many clients are done. `delay` (microseconds) is taken for sources whose usual delay the log
    cannot tell. When there could be more than `most_rows` rows, every n-th client stands for all (`Gathered.parts`).
    """
    until = event_store.head(ledger_id).position
    begins_at, ends_at = _span(ledger_id, until)
    parts = _parts(ledger_id, begins_at, ends_at, question, most_rows)
    delays = _usual_delays(ledger_id, until)
    found = Rows()
    clients = reconstructed = events = 0
    shard = (0, parts) if parts > 1 else None
    for client_id, facts, moments in _with_moments(ledger_id, shard, until):
        if ends_at is not None:
            known = [_known(fact, moments[client_id, fact.version], delays, delay) for fact in facts]
            past = False
            for row in rows(known, policy, end=ends_at, question=question):
                found.add(clients, row)
                past = past or row.reconstructed
            reconstructed += past
        clients += 1
        events += len(facts)
        if progress is not None:
            progress(clients)
    return Gathered(
        policy, found, clients, reconstructed, events, begins_at, ends_at, question, parts, dict(sorted(delays.items()))
    )


def _known(fact: Fact, moments: tuple[int, str, str | None], delays: Mapping[str, int], delay: int) -> Known:
    recorded_at, precision, source = moments
    over_at = fact.at + PRECISION.get(precision, 0)
    told_at = max(over_at, fact.at + delays.get(source or "", delay))
    return Known(fact, max(recorded_at, fact.at), over_at, told_at)


def _parts(ledger_id: int, begins_at: int | None, ends_at: int | None, question: Question, most: int) -> int:
    """In how many parts the clients are cut, of which one is looked at."""
    if begins_at is None or ends_at is None:
        return 1
    possible = Stream.objects.filter(ledger_id=ledger_id, version__gt=0).count() * (
        (ends_at - begins_at) // question.step + 1
    )
    return min(MOST_PARTS, -(-possible // most))


def _with_moments(
    ledger_id: int, shard: tuple[int, int] | None, until: int
) -> Iterator[tuple[str, list[Fact], Moments]]:
    """Each client with its facts and when these were recorded, looked up for many clients at once."""
    page: list[tuple[str, list[Fact]]] = []
    size = 0
    own = event_store.ledger_stream(ledger_id)
    for client_id, facts in event_store.facts_by_stream(ledger_id, shard=shard, until_position=until):
        if client_id == own:
            continue
        page.append((client_id, facts))
        size += len(facts)
        if size >= PAGE:
            yield from _paged(ledger_id, page, until)
            page, size = [], 0
    yield from _paged(ledger_id, page, until)


def _paged(ledger_id: int, page: list[tuple[str, list[Fact]]], until: int) -> Iterator[tuple[str, list[Fact], Moments]]:
    moments: Moments = {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT stream_id::text, version, (extract(epoch FROM recorded_at) * 1000000)::bigint, precision, source"
            f' FROM "{Event._meta.db_table}" WHERE ledger_id = %s AND stream_id = ANY(%s::uuid[]) AND position <= %s',
            [ledger_id, [client_id for client_id, _ in page], until],
        )
        for client_id, version, *rest in cursor.fetchall():
            moments[client_id, version] = (rest[0], rest[1], rest[2])
    for client_id, facts in page:
        yield client_id, facts, moments


def _usual_delays(ledger_id: int, until: int) -> dict[str, int]:
    """How long after the fact each source reports, in microseconds; sources that never were timely are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT source,
                   (extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY recorded_at - occurred_at))
                    * 1000000)::bigint
              FROM "{Event._meta.db_table}"
             WHERE ledger_id = %s AND position <= %s AND source IS NOT NULL AND type = ANY(%s)
               AND recorded_at - occurred_at <= %s * interval '1 microsecond'
             GROUP BY source HAVING count(*) >= %s
            """,
            [ledger_id, until, OBSERVED, TIMELY, ENOUGH_TIMELY],
        )
        return {source: max(0, usual) for source, usual in cursor.fetchall()}


def _span(ledger_id: int, until: int) -> tuple[int | None, int | None]:
    """The first and the last moment at which something was seen to happen."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT (extract(epoch FROM min(occurred_at)) * 1000000)::bigint,"
            f" (extract(epoch FROM max(occurred_at)) * 1000000)::bigint"
            f' FROM "{Event._meta.db_table}" WHERE ledger_id = %s AND position <= %s AND type = ANY(%s)',
            [ledger_id, until, OBSERVED],
        )
        found = cursor.fetchone()
    return (None, None) if found is None else (found[0], found[1])
