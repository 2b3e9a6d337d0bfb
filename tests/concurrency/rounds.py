"""What must hold when many call at once: a round of each case, on a server with two workers (B03, B05, B07, E09).

A round raises AssertionError where something does not hold, and answers what it saw, counted.
"""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.utils import timezone

from accounts.models import ApiKey, Organisation
from accounts.roles import system_principal
from relationships import commands, ingest
from relationships.importers import format_named, parse_mapping
from tests.concurrency.calling import Answer, Program
from tests.threads import at_once

SENDERS = 50
WRITERS, SUBSCRIBERS, POSTS, BULKS = 8, 4, 12, 3
LIMIT = 300  # requests a minute and key, of the server; no program but one reaches it
POLL_S = 0.2
TOGETHER = 16
LARGEST_PAGE = 500

_numbers = itertools.count()


@dataclass
class Firm:
    """An organisation with a client, on a server, and keys for whatever programs call in its name."""

    port: int
    client: str
    organisation: Organisation
    happened: datetime = field(default_factory=lambda: timezone.now() - timedelta(days=1))

    def program(self) -> Program:
        _, secret = ApiKey.issue(organisation=self.organisation, name="p", scopes=["*"], now=timezone.now())
        return Program(self.port, secret)

    def note(self, **more: Any) -> dict[str, Any]:
        return {"type": "note_added", "occurred_at": self.happened.isoformat(), "text": "They like rye.", **more}

    @property
    def events(self) -> str:
        """The address of the client's events."""
        return f"/clients/{self.client}/events"


def a_firm(port: int) -> Firm:
    now = timezone.now() - timedelta(days=60)
    organisation = commands.create_organisation(f"firm-{next(_numbers)}", "Firm", now=now)
    client, _ = commands.register_client(system_principal(organisation.pk, "test"), name="Nordlicht Bakery", now=now)
    return Firm(port, client.id, organisation)


def head(program: Program) -> int:
    return int(program.get("/events/head").body["position"])


# ---------------------------------------------------------------------- B03


def same_key(firm: Firm) -> Counter[str]:
    """The same request under the same Idempotency-Key, fifty times at once: done once, and answered so."""
    program, key = firm.program(), f"key-{next(_numbers)}"
    before = head(program)
    note = firm.note()
    answers = at_once([program.ready("POST", firm.events, note, Idempotency_Key=key) for _ in range(SENDERS)])
    again = program.post(firm.events, note, Idempotency_Key=key)

    seen = Counter(_kind(answer) for answer in answers)
    assert set(seen) <= {"made", "replayed", "in progress"}, seen
    assert seen["made"] == 1, seen
    made = [answer.body for answer in (*answers, again) if answer.status == 201]
    assert all(body == made[0] for body in made), "two answers differ"
    assert _kind(again) == "replayed"
    assert head(program) == before + 1
    return seen


def _kind(answer: Answer) -> str:
    if answer.status == 201:
        return "replayed" if answer.headers["Idempotent-Replayed"] == "true" else "made"
    if answer.status == 409 and answer.body["code"] == "request_in_progress" and int(answer.headers["Retry-After"]) > 0:
        return "in progress"
    return f"{answer.status}: {answer.body}"


# ---------------------------------------------------------------------- B05

MAPPING = """
source = "helpdesk"
key = "id"
[client]
name = { column = "firm" }
[time]
column = "at"
[event]
type = "note_added"
text = { column = "text" }
"""


def same_fact(firm: Firm) -> Counter[str]:
    """The same fact, by its source's id, in single requests, batches and imports at once: one event."""
    program, id = firm.program(), f"T-{next(_numbers)}"
    before = head(program)
    fact = firm.note(source="helpdesk", external_id=id)
    batch = {"events": [{"client_id": firm.client, **fact}, {"client_id": firm.client, **fact}]}
    with TemporaryDirectory() as folder:
        file = Path(folder) / "facts.csv"
        file.write_text(f"id,at,firm,text\n{id},{fact['occurred_at']},Nordlicht Bakery,{fact['text']}\n")
        single = [_posted(program.ready("POST", firm.events, fact)) for _ in range(6)]
        bulk = [_sent_in_bulk(program.ready("POST", "/events/bulk", batch)) for _ in range(3)]
        imports = [_imported(firm, file) for _ in range(3)]
        works: list[Callable[[], Counter[str]]] = [*single, *bulk, *imports]
        random.shuffle(works)
        seen = sum(at_once(works), Counter())

    assert set(seen) <= {f"{what} {how}" for what in ("made", "known") for how in ("singly", "in bulk", "by import")}, (
        seen
    )
    assert sum(count for what, count in seen.items() if what.startswith("made")) == 1, seen
    assert head(program) == before + 1
    stored = program.get(f"{firm.events}?sort=-version&limit=1").body["data"]
    assert [event["external_id"] for event in stored] == [id]
    return seen


def _posted(send: Callable[[], Answer]) -> Callable[[], Counter[str]]:
    return lambda: Counter([_once(send().status, "singly")])


def _sent_in_bulk(send: Callable[[], Answer]) -> Callable[[], Counter[str]]:
    return lambda: Counter(_once(result["status"], "in bulk") for result in send().body["results"])


def _imported(firm: Firm, file: Path) -> Callable[[], Counter[str]]:
    def run() -> Counter[str]:
        principal, refused = system_principal(firm.organisation.pk, "import"), list[str]()
        outcome = ingest.import_file(
            principal,
            format_named("csv"),
            file,
            parse_mapping(MAPPING),
            now=timezone.now(),
            refuse=lambda row: refused.append(str(row)),
        )
        assert (refused, outcome.unmatched) == ([], 0)
        return Counter({"made by import": outcome.recorded, "known by import": outcome.known})

    return run


def _once(status: int, how: str) -> str:
    return f"{_WORDS.get(status, status)} {how}"


_WORDS = {201: "made", 200: "known"}


# ---------------------------------------------------------------------- B07


def followed(firm: Firm) -> Counter[str]:
    """The feed, followed by some while others write: each event once, in order, and positions without holes."""
    programs = [firm.program() for _ in range(WRITERS)]
    readers = [firm.program() for _ in range(SUBSCRIBERS)]
    written: set[str] = set()
    ended: list[int] = []

    def write(program: Program) -> None:
        try:
            for turn in range(POSTS):
                written.update(in_bulk(program) if turn % (POSTS // BULKS) == 0 else [singly(program)])
        finally:
            ended.append(1)

    def singly(program: Program) -> str:
        return str(program.post(firm.events, firm.note()).body["event_id"])

    def in_bulk(program: Program) -> list[str]:
        events = [{"client_id": firm.client, **firm.note()} for _ in range(random.randint(1, 40))]
        return [result["event_id"] for result in program.post("/events/bulk", {"events": events}).body["results"]]

    def follow(program: Program) -> list[tuple[int, str]]:
        return _follow(program, over=lambda: len(ended) == WRITERS)

    works: list[Callable[[], Any]] = [
        *(partial(write, one) for one in programs),
        *(partial(follow, one) for one in readers),
    ]
    told = at_once(works)[WRITERS:]

    end = head(readers[0])
    for events in told:
        positions = [position for position, _ in events]
        assert positions == list(range(1, end + 1)), f"missed {set(range(1, end + 1)) - set(positions)}, or in disorder"
        assert written <= {event_id for _, event_id in events}, "something that was recorded did not come"
        assert events == told[0], "two were told different things"
    return Counter(written=len(written), read=sum(map(len, told)))


def _follow(program: Program, *, over: Callable[[], bool]) -> list[tuple[int, str]]:
    """A subscriber that keeps its cursor with what it has taken in, and now and then dies in between."""
    kept: list[tuple[int, str]] = []
    cursor = ""
    while True:
        last = over()
        size = min(LARGEST_PAGE, int(1.3 ** random.uniform(0, 24)))
        page = program.get(f"/events?limit={size}{cursor and f'&after={cursor}'}").body
        if random.random() < 0.2:
            continue  # it died with the page in its hands, and begins where it was
        kept += [(event["position"], event["event_id"]) for event in page["data"]]
        cursor = page["next_cursor"]
        if page["has_more"]:
            continue
        if last:
            return kept
        time.sleep(POLL_S)


# ---------------------------------------------------------------------- E09


def limited(firm: Firm) -> Counter[str]:
    """One key sends half as much again as it may; another sends what it may and gets all of it."""
    if (second := timezone.now().second) > 54:
        time.sleep(60 - second)  # into one minute, which is what is counted
    greedy, modest = firm.program(), firm.program()
    calls, few = LIMIT * 3 // 2, LIMIT // 10

    def send(program: Program, count: int) -> list[Answer]:
        return [program.get("/events/head") for _ in range(count)]

    started = timezone.now()
    told = at_once([*[partial(send, greedy, calls // TOGETHER)] * TOGETHER, partial(send, modest, few)])
    assert timezone.now().minute == started.minute, "too slow to tell: it took longer than what was left of the minute"
    answers = [answer for some in told[:-1] for answer in some]

    seen = Counter(str(answer.status) for answer in answers)
    assert set(seen) == {"200", "429"}, seen
    assert abs(seen["200"] - LIMIT) <= LIMIT * 0.05, seen
    for answer in answers:
        assert answer.headers["RateLimit-Policy"] == f'"default";q={LIMIT};w=60'
        assert answer.status == 200 or 0 < int(answer.headers["Retry-After"]) <= 60
    assert [answer.status for answer in told[-1]] == [200] * few
    left = [int(answer.headers["X-RateLimit-Remaining"]) for answer in told[-1]]
    assert left == list(range(LIMIT - 1, LIMIT - few - 1, -1))
    return seen


ROUNDS: dict[str, Callable[[Firm], Counter[str]]] = {
    "same-key": same_key,
    "same-fact": same_fact,
    "followed": followed,
    "limited": limited,
}
