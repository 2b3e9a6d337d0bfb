"""Where every client would stand under another policy, worked out on the real log beside what readers see.

Where a client stands now is read from the live tables, so that only those who would move are folded twice. Nothing is
written: whoever asks keeps the answer.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from relationships import event_store
from relationships.domain.facts import Fact, effective
from relationships.domain.fold import Fold
from relationships.domain.instants import from_us, to_us
from relationships.domain.judgement import HEALTHS, STAGES
from relationships.domain.policy import Policy
from relationships.domain.sentences import Day, dates_in, explain, phrase, plain, rule_in_words, sentence
from relationships.domain.standing import Standing
from relationships.models.projections import ClientState, Generation, Quarantine, StagePeriod
from relationships.models.roster import Client

from .generations import ensure_live, policy_of
from .rebuilding import CHUNK_OF_EVENTS, WORTH_SHARING, Progress
from .sharing import Report, Shard, share_out, workers
from .working import fold_whole

logger = logging.getLogger(__name__)

MOST_MOVES = 10_000  # told one by one; beyond, only counted
MOST_QUARANTINED = 100

Counts = Counter[tuple[str, str]]
Place = tuple[str, str]  # stage and health


@dataclass(frozen=True, slots=True)
class Cause:
    """An event that a place rests on, and the same in a few words."""

    event_id: str
    type: str
    occurred_at: datetime
    phrase: str


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a client stands under one policy, since when, by which rule, because of what, and in one sentence.

    `rule`, `reason` and `because` are the stage's, `health_rule` and `health_reason` the health's.
    """

    stage: str
    health: str
    since: datetime
    rule: str
    reason: str
    health_rule: str
    health_reason: str
    because: tuple[Cause, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Move:
    """A client that stands elsewhere under the other policy."""

    client_id: str
    name: str
    before: Stand
    after: Stand

    @property
    def rank(self) -> int:
        """What a reader looks at first: 0 the stage falls, 1 it rises, 2 the health is worse, 3 it is better."""
        if self.before.stage != self.after.stage:
            return 0 if STAGES.index(self.after.stage) < STAGES.index(self.before.stage) else 1
        return 2 if HEALTHS.index(self.after.health) > HEALTHS.index(self.before.health) else 3

    @property
    def order(self) -> tuple[int, int, str, str]:
        """Stages before healths, falls before rises, the farthest first, then by name."""
        far = abs(STAGES.index(self.after.stage) - STAGES.index(self.before.stage))
        return self.rank, -far, self.name.casefold(), self.client_id


@dataclass(frozen=True, slots=True)
class Aside:
    """A client that is in neither count, since its events cannot be folded: `now` under the policy in force, or only
    under the other one."""

    client_id: str
    name: str
    reason: str
    now: bool


@dataclass(slots=True)
class Preview:
    """Who would stand where. `before` and `after` count (stage, health); `moves` are at most MOST_MOVES of `moved`.

    `stages_moved` of them change their stage, the others only their health; `falls` fall. `aside` lists at most
    MOST_QUARANTINED of the clients that cannot be folded. `seconds` by the machine's clock.
    """

    as_of: datetime
    position: int
    in_force: int
    events: int = 0
    clients: int = 0
    before: Counts = field(default_factory=Counter)
    after: Counts = field(default_factory=Counter)
    moved: int = 0
    stages_moved: int = 0
    falls: int = 0
    moves: list[Move] = field(default_factory=list)
    quarantined_now: int = 0
    quarantined_then: int = 0
    aside: list[Aside] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, move: Move) -> None:
        """Counts a move, and keeps it while there is room; the most telling ones stay."""
        self.moved += 1
        self.stages_moved += move.rank <= 1
        self.falls += move.rank == 0
        self.moves.append(move)
        if len(self.moves) >= 2 * MOST_MOVES:
            self.trim()

    def trim(self) -> None:
        """Sorts the moves and lets go of those beyond MOST_MOVES."""
        self.moves.sort(key=lambda move: move.order)
        del self.moves[MOST_MOVES:]

    def put_aside(self, one: Aside) -> None:
        """Counts a client that cannot be folded, and keeps it while there is room."""
        self.quarantined_now += one.now
        self.quarantined_then += not one.now
        if len(self.aside) < MOST_QUARANTINED:
            self.aside.append(one)

    def join(self, part: Preview) -> None:
        """Takes in what another part of the ledger gave."""
        for name in ("events", "clients", "moved", "stages_moved", "falls", "quarantined_now", "quarantined_then"):
            setattr(self, name, getattr(self, name) + getattr(part, name))
        self.before += part.before
        self.after += part.after
        self.moves += part.moves
        self.trim()
        self.aside = [*self.aside, *part.aside][:MOST_QUARANTINED]


def preview(
    ledger_id: int, policy: Policy, *, now: datetime, zone: str = "UTC", progress: Progress | None = None
) -> Preview:
    """Who would stand where at `now` under `policy`, beside where they stand; dates in words are of `zone`.

    One consistent picture of the log as it is when it begins, in several processes for a large ledger; `progress` is
    told events and clients done.
    """
    started = time.monotonic()
    live = ensure_live(ledger_id, now=now)
    position = event_store.head(ledger_id).position
    whole = Preview(now, position, live.policy_version)
    asked = _Asked(live, policy_of(live), policy, now, position, dates_in(zone))
    done = [0, 0]

    def report(events: int, clients: int) -> None:
        done[0] += events
        done[1] += clients
        if progress is not None:
            progress(done[0], done[1])

    shards = workers() if position >= WORTH_SHARING else 1
    for part in share_out(lambda shard, told: _preview_shard(asked, shard, told), shards, report=report):
        whole.join(part)
    whole.seconds = time.monotonic() - started
    return whole


@dataclass(frozen=True, slots=True)
class _Asked:
    live: Generation
    one: Policy
    other: Policy
    now: datetime
    position: int
    day: Day

    @property
    def at(self) -> int:
        return to_us(self.now)


@dataclass(slots=True)
class _Chunk:
    """Clients of one look into the read tables."""

    facts: dict[str, list[Fact]] = field(default_factory=dict)
    events: int = 0

    def versions(self) -> dict[str, int]:
        return {client_id: max(fact.version for fact in facts) for client_id, facts in self.facts.items()}


def _preview_shard(asked: _Asked, shard: Shard, report: Report) -> Preview:
    part = Preview(asked.now, asked.position, asked.live.policy_version)
    for chunk in _chunks(asked, shard):
        _judge_chunk(asked, chunk, part)
        part.events += chunk.events
        part.clients += len(chunk.facts)
        report(chunk.events, len(chunk.facts))
    part.trim()
    return part


def _chunks(asked: _Asked, shard: Shard) -> Iterator[_Chunk]:
    own_stream = event_store.ledger_stream(asked.live.ledger_id)
    chunk = _Chunk()
    for client_id, facts in event_store.facts_by_stream(
        asked.live.ledger_id, shard=shard, until_position=asked.position
    ):
        if client_id == own_stream:
            continue
        chunk.facts[client_id] = facts
        chunk.events += len(facts)
        if chunk.events >= CHUNK_OF_EVENTS:
            yield chunk
            chunk = _Chunk()
    if chunk.facts:
        yield chunk


def _judge_chunk(asked: _Asked, chunk: _Chunk, part: Preview) -> None:
    stored = _stored(asked, chunk)
    quarantined = _quarantined(asked.live, chunk.facts)
    moved: list[tuple[str, Fold, Fold]] = []
    aside: list[tuple[str, str, bool]] = [(client_id, reason, True) for client_id, reason in quarantined.items()]
    for client_id, facts in chunk.facts.items():
        if client_id in quarantined:
            continue
        folds = _Folds(asked, facts)
        try:
            before = stored.get(client_id) or folds.place(asked.one)
        except Exception as problem:
            aside.append((client_id, _told(client_id, problem), True))
            continue
        try:
            after = folds.place(asked.other)
            if before is not None and after is not None and before != after:
                moved.append((client_id, folds.fold(asked.one), folds.fold(asked.other)))
        except Exception as problem:
            aside.append((client_id, _told(client_id, problem), False))
            continue
        if before is not None:
            part.before[before] += 1
        if after is not None:
            part.after[after] += 1
    names = _names([*(client_id for client_id, *_ in moved), *(client_id for client_id, *_ in aside)])
    for client_id, one, other in moved:
        name = names.get(client_id, "")
        facts_of = {fact.event_id: fact for fact in effective(chunk.facts[client_id])}
        part.add(Move(client_id, name, *(_stand(fold, name, asked, facts_of) for fold in (one, other))))
    for client_id, reason, now in aside:
        part.put_aside(Aside(client_id, names.get(client_id, ""), reason, now))


def _told(client_id: str, problem: Exception) -> str:
    logger.error("client %s cannot be folded", client_id, exc_info=problem)
    return f"{type(problem).__name__}: {problem}"


class _Folds:
    """One client's folds under the two policies, each made when it is first needed."""

    def __init__(self, asked: _Asked, facts: Sequence[Fact]) -> None:
        self._asked, self._facts = asked, facts
        self._made: dict[int, Fold] = {}

    def fold(self, policy: Policy) -> Fold:
        fold = self._made.get(id(policy))
        if fold is None:
            fold = self._made[id(policy)] = fold_whole(self._facts, policy, until=self._asked.at)
        return fold

    def place(self, policy: Policy) -> Place | None:
        """Stage and health at the asked moment; None for a client that stands nowhere."""
        fold = self.fold(policy)
        if fold.standing is None:
            return None
        standing = fold.standing_at(self._asked.at)
        return STAGES[standing.stage], standing.health


def _stand(fold: Fold, name: str, asked: _Asked, facts: Mapping[str, Fact]) -> Stand:
    standing: Standing = fold.standing_at(asked.at)
    told = explain(fold, standing, asked.at, asked.day)
    parts = sentence(name, standing, told, facts, asked.day)
    because = dict.fromkeys((*standing.stage_because, *told.health_because))
    named = [facts[event] for event in because if event in facts]
    return Stand(
        stage=STAGES[standing.stage],
        health=standing.health,
        since=from_us(standing.since),
        rule=standing.stage_rule,
        reason=rule_in_words(standing.stage_rule),
        health_rule=told.health_rule,
        health_reason=rule_in_words(told.health_rule),
        because=tuple(Cause(fact.event_id, fact.type, from_us(fact.at), phrase(fact, asked.day)) for fact in named),
        sentence=plain(parts),
    )


# ---------------------------------------------------------------------- what is read

_STORED = f"""
SELECT s.client_id::text, s.projected_version, p.stage, p.health
  FROM "{ClientState._meta.db_table}" s
  JOIN "{StagePeriod._meta.db_table}" p ON p.generation_id = s.generation_id AND p.client_id = s.client_id
 WHERE s.generation_id = %(generation)s AND s.client_id = ANY(%(clients)s::uuid[])
   AND p.begins_at <= %(now)s AND p.ends_at > %(now)s
"""


def _stored(asked: _Asked, chunk: _Chunk) -> dict[str, Place]:
    """Where the clients stand by the live tables, as far as these rest on the same events as the preview."""
    versions = chunk.versions()
    with connection.cursor() as cursor:
        cursor.execute(_STORED, {"generation": asked.live.pk, "clients": list(versions), "now": asked.now})
        rows = cursor.fetchall()
    return {
        client_id: (stage, condition) for client_id, version, stage, condition in rows if version == versions[client_id]
    }


def _quarantined(live: Generation, client_ids: Iterable[str]) -> dict[str, str]:
    rows = Quarantine.objects.filter(generation=live, client_id__in=list(client_ids))
    return {str(client_id): reason for client_id, reason in rows.values_list("client_id", "reason")}


def _names(client_ids: Iterable[str]) -> dict[str, str]:
    rows = Client.objects.filter(pk__in=list(client_ids)).values_list("pk", "name")
    return {str(pk): name for pk, name in rows}
