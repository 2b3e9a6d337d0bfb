"""The fold: one client's effective events in, the whole timeline out, past and future.

    fold = Fold(policy)
    fold.take(effective(facts))        # all of them, in folding order
    periods = fold.judge()             # to the end of the future; gaps, questions and meetings stand in the fold

An event that arrives in order goes on from saved state: `dump()` is bounded however long the history is, and
`Fold.load(policy, state).take(newer)` gives what folding everything from nothing would. Where the saved state cannot
tell (a reply to an exchange forgotten long ago, a change of tier, an event that is not the newest), `take` raises
`NeedsHistory` and nothing is lost: fold the whole stream instead.

The words used here (conversation, two-way, contact, post, gap …) are defined in `model.md` §2; which stage and which
health follow from them is told in `stages` and `health`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from copy import copy
from datetime import datetime
from typing import Any

from . import exchanges, health, meetings, saved, stages
from .conversations import Conversation, remember
from .coverage import Cover
from .facts import Fact, effective
from .history import NeedsHistory
from .instants import DAY, to_us, utc_day
from .judgement import Gap, Handover, Meeting, Period, Question
from .meetings import Held
from .policy import DEFAULT_TIER, Policy
from .standing import Standing
from .strength import Mark, Sums, Term, fade

SPOKEN = frozenset(
    [
        "question_asked",
        "question_answered",
        "answer_acknowledged",
        "comment_posted",
        "reply_posted",
        "message_sent",
        "idea_shared",
        "idea_discussed",
        "idea_adopted",
        "idea_declined",
        "introduction_made",
        "call_held",
    ]
)
GESTURES = frozenset(["mention_made", "content_shared", "connection_made", "connection_ended", "reaction_added"])
# Exchanges that open no deadline of their own.
CALM = (SPOKEN | GESTURES) - {"question_asked"}
NEVER = 1 << 62
DEFAULT_ZONE = "UTC"


class Fold:
    """The state of one client after the events taken so far. See the module's docstring for its use.

    Attributes that `stages` and `health` read: the settings (`tier_name`, `zone`, `remote_only`), the latest of each
    kind of act with its event (`last_two_way`, `last_contact`, `last_held`, `last_in_person`), posts and gaps, ideas,
    people, projects, signals, open questions and planned meetings. Each `last_*` is `(at, event_id)` or None.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.tier_name = DEFAULT_TIER
        self.zone = DEFAULT_ZONE
        self.remote_only = False
        self.named: set[str] = set()  # settings that some event has named
        self.tier = policy.tier(self.tier_name)
        self.resumed = False  # continued from saved state: the past is not at hand

        self.at: int | None = None  # the latest instant with events
        self.first: tuple[int, str] | None = None
        self.version = 0
        self.ended: tuple[int, str] | None = None
        self.reopened: tuple[int, str] | None = None

        self.last_two_way: tuple[int, str] | None = None
        self.last_contact: tuple[int, str] | None = None
        self.first_contact: tuple[int, str] | None = None
        self.last_held: tuple[int, str] | None = None
        self.last_in_person: tuple[int, str] | None = None
        self.last_two_way_exchange: tuple[int, str] | None = None
        self.held_now = False

        # Two-way contacts of late, one entry a UTC day: [day, at, event_id, at begun by them or None]
        self.two_way_days: deque[list[Any]] = deque()
        self.contact_day: int | None = None
        self.intervals: deque[int] = deque(maxlen=policy.intervals_remembered)

        self.posts = 0
        self.posts_in_person = 0
        self.post_day = 0
        self.post_in_person = False
        self.post_prepared = 0.0  # B of the meetings of the latest post
        self.cover = Cover()
        self.cover_at_gap = 0
        self.early_cover: list[list[int]] = []  # covered spans before the first post, merged
        self.gap: Gap | None = None
        self.closed: deque[Gap] = deque(maxlen=policy.gaps_remembered)
        self.fresh_gaps: list[Gap] = []  # closed since the state was made or loaded

        self.sums = Sums(self.tier)
        self.exchange_terms: list[tuple[str, str, int, tuple[tuple[str, float], ...], float, list[str]]] = []
        self.pairs: dict[str, list[Any]] = {}  # "our id, their id" → instant, sums of meetings and exchanges
        self.talk: list[tuple[int, float, float]] = []
        self.held: dict[str, Held] = {}
        self.meetings_forgotten = False
        self.outcomes: dict[str, str] = {}
        self.day_of_counts = -1
        self.day_counts: dict[str, int] = {}

        self.conversations: dict[str, Conversation] = {}
        self.replies: dict[str, tuple[str, str]] = {}  # event or external id → conversation, direction
        self.replies_forgotten = False

        self.open_questions: list[Question] = []
        self.fresh_questions: list[Question] = []  # closed since the state was made or loaded
        self.early_answers: dict[str, tuple[int, str]] = {}  # by what they answer: see `questions`
        self.peers: Collection[str] = ()  # the names of all events of an instant that has several
        self.planned: dict[str, Meeting] = {}  # not held: planned, cancelled or missed
        self.accepted: dict[str, Meeting] = {}  # of these, the accepted ones that lie ahead
        self.fresh_meetings: dict[str, Meeting] = {}
        self.missed_ids: set[str] = set()
        self.signal: tuple[int, str, str] | None = None

        self.ideas_ours: deque[tuple[int, str]] = deque(maxlen=max(1, policy.deepening_ideas))
        self.ideas_theirs: deque[tuple[int, str]] = deque(maxlen=max(1, policy.deepening_ideas))
        self.people: dict[str, int] = {}
        self.colleagues: dict[str, int] = {}
        self.projects: dict[str, str] = {}
        self.promises: dict[str, tuple[int | None, str, str]] = {}  # open: due, event, by whom
        self.owner_changed: tuple[int, str] | None = None
        self.owner: str | None = None
        self.handover: Handover | None = None  # the latest
        self.last_topics: tuple[int, str, list[str]] | None = None  # of theirs
        self.peak = 0.0  # the largest sum of strength ever
        # Points of the last 180 days by UTC day: [day, personal, brand, {colleague: personal}]
        self.earned: deque[list[Any]] = deque()
        # What they told of us that a person linked to what our brand says, by UTC day: [day, agreeing, all]
        self.echoes: deque[list[int]] = deque()
        self.last_success: tuple[int, str] | None = None
        self.last_advocacy: tuple[int, str] | None = None

        self.standing: Standing | None = None
        self.periods: list[Period] = []
        self.quiet_until: int | None = None  # while judging is put off: see `_stays`
        self._rhythm: int | None = None
        self._meeting_rhythm: int | None = None
        self.absent: Collection[str] = ()

    # ------------------------------------------------------------------ what is worked out of the state

    @property
    def window(self) -> int:
        """W: how long a covering act of now covers."""
        return int(self.tier.spans.window)

    @property
    def rhythm(self) -> int:
        """ρ*: the usual time between two contacts, as a span."""
        if self._rhythm is None:
            spans, known = self.tier.spans, self.intervals
            if len(known) >= self.policy.intervals_for_rhythm:
                found = round(_median(known) * DAY)
                self._rhythm = min(max(found, spans.rhythm_of_contact_low), spans.rhythm_of_contact_high)
            else:
                self._rhythm = spans.rhythm_of_contact
        return self._rhythm

    @property
    def meeting_rhythm(self) -> int:
        """C*: the usual time between two meetings, as a span."""
        if self._meeting_rhythm is None:
            spans = self.tier.spans
            lengths = [gap.ends_at - gap.begins_at for gap in self.closed if gap.ends_at is not None]
            found = spans.cadence
            if len(lengths) >= self.policy.gaps_for_rhythm:
                found = round(_median(lengths))
            self._meeting_rhythm = min(max(found, spans.rhythm_of_meetings_low), spans.rhythm_of_meetings_high)
        return self._meeting_rhythm

    @property
    def last_face(self) -> tuple[int, str] | None:
        """The latest meeting that counts as face to face: in person, or any for a remote-only client."""
        return self.last_held if self.remote_only else self.last_in_person

    @property
    def face_posts(self) -> int:
        """Posts with a meeting that counts as face to face."""
        return self.posts if self.remote_only else self.posts_in_person

    def reciprocity(self) -> float:
        """R, which is constant between events."""
        return self.sums.reciprocity(self.policy)

    # ------------------------------------------------------------------ taking events in

    def take(self, facts: Sequence[Fact], *, absent: Collection[str] = (), until: int | None = None) -> None:
        """Takes effective facts in, in folding order, all later than those taken before.

        `absent` names those of `unresolved(facts)` that the log does not hold at all. With `until`, facts after that
        instant are left out. Raises NeedsHistory when saved state does not suffice; the fold is then spent.
        """
        if self.at is None:
            self._settings_before(facts)
        elif facts and facts[0].at <= self.at:
            raise NeedsHistory("an event that is not later than those folded")
        else:
            # As `effective` leaves them out where it knows of the meeting.
            facts = [
                fact for fact in facts if fact.type != "meeting_missed" or fact.data["meeting_id"] not in self.held
            ]
        self.absent = absent
        last = len(facts)
        begin = 0
        while begin < last:
            at, end = facts[begin].at, begin + 1
            if until is not None and at > until:
                break
            while end < last and facts[end].at == at:
                end += 1
            self._instant(at, facts[begin:end])
            begin = end

    def unresolved(self, facts: Iterable[Fact]) -> set[str]:
        """What these facts name that the saved state may have forgotten.

        Event ids, external ids (of `in_reply_to`) and meeting ids. The caller looks up which of them the client's
        log holds, as the id of an event or of a meeting, and tells `take` which it does not.
        """
        names: set[str] = set()
        if self.replies_forgotten:
            names.update(fact.data.get("in_reply_to") or "" for fact in facts)
        if self.meetings_forgotten:
            names.update(fact.data.get("meeting_id") or "" for fact in facts)
        return {name for name in names if name and not self._recalls(name)}

    def _recalls(self, name: str) -> bool:
        return name in self.replies or name in self.held or name in self.planned

    def _settings_before(self, facts: Sequence[Fact]) -> None:
        """The first tier, zone and remote-only named hold for the time before as well."""
        for fact in facts:
            if fact.type in ("client_registered", "client_updated", "tier_changed"):
                self._name_settings(fact.data, only_new=True)
                if len(self.named) == 3:
                    return

    def _name_settings(self, data: dict[str, Any], *, only_new: bool = False) -> None:
        for field, attribute in (
            ("tier", "tier_name"),
            ("time_zone", "zone"),
            ("remote_only", "remote_only"),
        ):
            value = data.get(field)
            if value is None or (only_new and field in self.named):
                continue
            if field not in self.named and not only_new:
                raise NeedsHistory(f"the first {field} named holds for the time before")
            self.named.add(field)
            if value == getattr(self, attribute):
                continue
            setattr(self, attribute, value)
            if field == "tier":
                self._retier(restate=not only_new)

    def _retier(self, *, restate: bool) -> None:
        """The tier of the asked moment rules everything but windows already cast: restate the sums under it."""
        if self.resumed:
            raise NeedsHistory("a change of tier changes how everything before it fades")
        self.tier = self.policy.tier(self.tier_name)
        self._rhythm = self._meeting_rhythm = None
        sums = self.sums
        sums.tier = self.tier
        if restate:
            long, short = self.tier.half_life_meeting, self.tier.half_life_exchange
            sums.meetings = sum(h.counted * fade(sums.at - h.at, long) for h in self.held.values())
            sums.exchanges = sum(term[4] * fade(sums.at - term[2], short) for term in self.exchange_terms)
            sums.inbound = sum(i * fade(sums.at - at, short) for at, i, _ in self.talk)
            sums.outbound = sum(o * fade(sums.at - at, short) for at, _, o in self.talk)
            self._restate_ties(long, short)

    def _restate_ties(self, long: float, short: float) -> None:
        at = self.sums.at
        self.pairs = {}
        for held in self.held.values():
            for pair in held.pairs:
                self.pairs.setdefault(pair, [at, 0.0, 0.0])[1] += held.counted * fade(at - held.at, long)
        for _, _, then, _, weight, pairs in self.exchange_terms:
            for pair in pairs:
                self.pairs.setdefault(pair, [at, 0.0, 0.0])[2] += weight * fade(at - then, short)

    def tie(self, pair: str) -> list[Any]:
        """The running sums of a pair, faded to the sums' own moment: [at, meetings, exchanges]."""
        at, tie = self.sums.at, self.pairs.get(pair)
        if tie is None:
            tie = self.pairs[pair] = [at, 0.0, 0.0]
        elif tie[0] < at:
            tie[1] *= fade(at - tie[0], self.tier.half_life_meeting)
            tie[2] *= fade(at - tie[0], self.tier.half_life_exchange)
            tie[0] = at
        return tie

    def ties(self, instant: int) -> list[tuple[str, str, float]]:
        """Who knows whom at `instant`: (our id, their id, sum of the terms that name both), the strongest first."""
        share, tier = 0.5 + 0.5 * self.reciprocity(), self.tier
        found = []
        for pair, (at, met, talked) in self.pairs.items():
            ours, _, theirs = pair.partition(" ")
            age = instant - at
            total = met * fade(age, tier.half_life_meeting) + talked * fade(age, tier.half_life_exchange) * share
            found.append((ours, theirs, total))
        return sorted(found, key=lambda tie: (-tie[2], tie[0], tie[1]))

    def _instant(self, at: int, group: Sequence[Fact]) -> None:
        """All events of one instant, then one judgement."""
        if self.standing is not None:
            if self.quiet_until is not None and at > self.quiet_until:
                self._catch_up()
            if self.quiet_until is None:
                self.periods.extend(self._walk(self.standing, at))
        self.at = at
        self.sums.move(at)
        if self.first is None:
            self.first = (at, group[0].event_id)
        day = utc_day(at)
        if day != self.day_of_counts:
            self.day_of_counts = day
            self.day_counts = {}
        self.held_now = False
        while self.open_questions and self.open_questions[0].lapses_at <= at:
            self.fresh_questions.append(self.open_questions.pop(0))
        if self.accepted:
            for meeting_id in [m for m, plan in self.accepted.items() if (plan.ends_at or 0) <= at]:
                del self.accepted[meeting_id]
        if len(group) == 1:
            self.peers = ()
            remember(self, group[0])
        else:
            peers = {fact.event_id: fact for fact in group}
            peers.update((fact.external_id, fact) for fact in group if fact.external_id)
            self.peers = frozenset(peers)
            for fact in group:
                remember(self, fact, peers)
        for fact in group:
            self._take_one(fact)
            if fact.version > self.version:
                self.version = fact.version
        total = self.sums.mark(self.policy)
        if total > self.peak:
            self.peak = total
        if self.standing is None:
            self.standing = Standing(at, group[0].event_id)
        elif self._stays(self.standing, at, group):
            return
        self.quiet_until = None
        self.periods.extend(self._settle(self.standing, at, with_events=True))

    def _stays(self, standing: Standing, at: int, group: Sequence[Fact]) -> bool:
        """Whether the events of this instant change neither stage nor health, and bring no earlier change about.

        So it is with most exchanges of an active client: they put every deadline off, or leave it, and no new one can
        come before a window W from now. Judging waits then until a moment is reached at which something might change,
        or until somebody asks: a third of a replay is saved. `quiet_until` is that moment, a lower bound.
        """
        if standing.health != health.ACTIVE or not all(fact.type in CALM for fact in group):
            return False
        until = self.quiet_until
        if until is None:
            until = NEVER if standing.next_at is None else standing.next_at
            if standing.failures:
                until = min(until, standing.failures[0][0])
        if at >= until or stages.highest_entered(self, standing.stage, at) is not None:
            return False
        self.quiet_until = min(until, at + self.window)
        return True

    def _catch_up(self) -> None:
        """Judges what was put off: the state is still that of the latest instant."""
        if self.quiet_until is not None and self.standing is not None and self.at is not None:
            self.quiet_until = None
            self.periods.extend(self._settle(self.standing, self.at, with_events=True))

    def _take_one(self, fact: Fact) -> None:
        kind = fact.type
        if kind in SPOKEN:
            exchanges.take_spoken(self, fact)
        elif kind in GESTURES:
            exchanges.take_gesture(self, fact)
        else:
            taker = _TAKERS.get(kind)
            if taker is not None:
                taker(self, fact)

    # ------------------------------------------------------------------ the rest of the vocabulary

    def _project(self, fact: Fact) -> None:
        name = fact.data["name"]
        if fact.type == "project_started":
            self.projects[name] = fact.event_id
            return
        self.projects.pop(name, None)
        if fact.type == "project_succeeded":
            self.last_success = (fact.at, fact.event_id)

    def _promise(self, fact: Fact) -> None:
        data = fact.data
        name = data.get("commitment_id") or fact.event_id
        if fact.type == "commitment_made":
            due = to_us(datetime.fromisoformat(data["due"])) if data.get("due") else None
            self.promises[name] = (due, fact.event_id, data.get("by", "ours"))
            return
        self.promises.pop(name, None)
        if fact.type == "commitment_broken":
            meetings.note_signal(self, fact)
        else:
            exchanges.take_full_points(self, fact)

    def _owner(self, fact: Fact) -> None:
        self.owner = fact.data.get("owner")
        if fact.data.get("previous") is not None:
            self.owner_changed = (fact.at, fact.event_id)

    def _handover(self, fact: Fact) -> None:
        if fact.type == "handover_started":
            former = fact.data.get("from_colleague") or self.owner
            self.handover = Handover(fact.at, fact.event_id, former, fact.data.get("to_colleague"))
        elif self.handover is not None and self.handover.completed_at is None:
            self.handover.completed_at = fact.at

    def _experience(self, fact: Fact) -> None:
        """Counted only where a person said which statement it is about, and whether it agrees: never guessed."""
        agrees = fact.data.get("agrees")
        if fact.data.get("statement") is None or agrees is None:
            return
        day, echoes = utc_day(fact.at), self.echoes
        if not echoes or echoes[-1][0] != day:
            echoes.append([day, 0, 0])
            while echoes[0][0] <= day - self.policy.echo_within:
                echoes.popleft()
        echoes[-1][1] += agrees
        echoes[-1][2] += 1

    def _left(self, fact: Fact) -> None:
        self.people.pop(fact.data["contact_id"], None)

    def _settings(self, fact: Fact) -> None:
        self._name_settings(fact.data)
        if "owner" in fact.data:
            self.owner = fact.data["owner"]

    def _end(self, fact: Fact) -> None:
        self.ended = (fact.at, fact.event_id)

    def _reopen(self, fact: Fact) -> None:
        if self.ended is not None:
            self.ended = None
            self.reopened = (fact.at, fact.event_id)

    # ------------------------------------------------------------------ saved state

    def dump(self) -> dict[str, Any]:
        """The state as JSON values, bounded (see `saved`); only after something was taken."""
        self._catch_up()
        return saved.dump(self)

    @classmethod
    def load(cls, policy: Policy, state: dict[str, Any]) -> Fold:
        """The fold whose `dump` gave `state`, under the same policy."""
        fold = cls(policy)
        saved.restore(fold, state)
        return fold

    # ------------------------------------------------------------------ judging

    def _settle(self, standing: Standing, at: int, *, with_events: bool) -> list[Period]:
        """Judges stage and health at `at`; returns the period that this closes, if any."""
        stage_before = standing.stage
        stages.judge(self, standing, at, with_events=with_events)
        condition, next_change = health.outlook(self, at)
        begun = standing.period_at
        new_stage = begun is None or standing.stage != stage_before
        new_health = begun is None or condition != standing.health
        closed = []
        if new_stage or new_health:
            if begun is not None and begun < at:
                closed.append(standing.period(stage_before, at))
            why = health.reason(self, at, condition) if new_health else None
            standing.begin(at, condition, new_stage, why)
        standing.next_at = _earliest(standing.falls_at, next_change)
        return closed

    def _walk(self, standing: Standing, to: int | None) -> Iterator[Period]:
        """Lets time pass until `to` (excluded; None: for ever), through every moment at which something changes."""
        while standing.next_at is not None and (to is None or standing.next_at < to):
            yield from self._settle(standing, standing.next_at, with_events=False)

    def standing_at(self, instant: int) -> Standing:
        """How the client stands at `instant`, not before the latest event, if nothing more happens.

        Raises LookupError when no event has been taken.
        """
        if self.standing is None:
            raise LookupError("no event has been taken: the client does not stand anywhere yet")
        self._catch_up()
        standing = copy(self.standing)
        for _ in self._walk(standing, instant + 1):
            pass
        return standing

    def judge(self) -> list[Period]:
        """All periods since the state was made or loaded, on to the end of the future: the last one has no end.

        After a load they replace what was stored from `periods[0].begins_at` on.
        """
        if self.standing is None:
            return []
        self._catch_up()
        ahead = copy(self.standing)
        future = list(self._walk(ahead, None))
        return [*self.periods, *future, ahead.open_period(None)]

    @property
    def marks(self) -> list[Mark]:
        """The sums of strength over the last 30 days before the latest event, oldest first."""
        return [Mark(*mark) for mark in self.sums.marks]

    def total(self, instant: int) -> float:
        """The sum of all terms at `instant`, not before the latest event."""
        marks = self.sums.marks
        return Mark(*marks[-1]).total(instant) if marks else 0.0

    def terms(self, instant: int) -> list[Term]:
        """Every term of the sum at `instant`, newest first; only after a fold of the whole history."""
        if self.resumed:
            raise NeedsHistory("a saved state keeps sums, not terms")
        tier, share = self.tier, 0.5 + 0.5 * self.reciprocity()
        found: list[Term] = []
        factors: tuple[tuple[str, float], ...]
        for held in self.held.values():
            if held.counted:
                faded = fade(instant - held.at, tier.half_life_meeting)
                factors = (
                    ("weight", held.base),
                    ("outcome", held.quality),
                    ("crowd", held.crowd),
                    ("prepared", held.prepared),
                    ("faded", faded),
                )
                found.append(Term(held.event_id, held.mode, held.at, factors, held.counted * faded))
        for event_id, kind, at, fixed, weight, _ in self.exchange_terms:
            faded = fade(instant - at, tier.half_life_exchange)
            factors = (*fixed, ("faded", faded), ("both sides", share))
            found.append(Term(event_id, kind, at, factors, weight * faded * share))
        return sorted(found, key=lambda term: (-term.at, term.event_id))


_TAKERS: dict[str, Callable[[Fold, Fact], None]] = {
    "meeting_held": meetings.take_held,
    "meeting_outcome_noted": meetings.take_outcome,
    "meeting_scheduled": meetings.take_plan,
    "meeting_moved": meetings.take_move,
    "meeting_answered": meetings.take_answer,
    "meeting_cancelled": meetings.take_cancellation,
    "meeting_missed": meetings.take_miss,
    "commitment_made": Fold._promise,
    "commitment_broken": Fold._promise,
    "commitment_kept": Fold._promise,
    "owner_assigned": Fold._owner,
    "handover_started": Fold._handover,
    "handover_completed": Fold._handover,
    "advocacy_given": exchanges.take_full_points,
    "experience_reported": Fold._experience,
    "project_started": Fold._project,
    "project_succeeded": Fold._project,
    "project_ended": Fold._project,
    "contact_left": Fold._left,
    "client_registered": Fold._settings,
    "client_updated": Fold._settings,
    "tier_changed": Fold._settings,
    "relationship_ended": Fold._end,
    "relationship_reopened": Fold._reopen,
}


def _median(values: Iterable[int]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _earliest(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def timeline(facts: Iterable[Fact], policy: Policy, until: int | None = None) -> list[Period]:
    """The periods that follow from one client's facts (in any order, corrections among them), on into the future.

    With `until`, facts after that instant are left out: what was so as of then.
    """
    fold = Fold(policy)
    fold.take(effective(facts), until=until)
    return fold.judge()
