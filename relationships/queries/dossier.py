"""Everything about one client on one sheet: what a person reads before a meeting, and a program fetches in one call.

One fold and one look at the facts answer all of it, for any moment and any knowledge; the number of queries does not
depend on how much there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from accounts.roles import Principal
from relationships import event_store, sealing
from relationships.domain.events import EVENT_TYPES
from relationships.domain.facts import CORRECTED, RETRACTED, Fact, effective, meeting_of
from relationships.domain.instants import from_us, to_us
from relationships.domain.judgement import Meeting, Question
from relationships.domain.sentences import act
from relationships.models.roster import ClientExternalId, Colleague

from .roster import contacts_of
from .rows import Asked, ContactRow, ExternalId, GapRow, PeriodRow, StageAnswer, StrengthTerm
from .standing import Folded, ask, gaps_of, period_row, stage_of, strength_answer

TERMS, GAPS, MEETINGS, COMMITMENTS, IDEAS, TOPICS, EXCHANGES = 10, 5, 10, 10, 5, 10, 20
SPEECH = ("exchange", "advocacy")  # kinds of events
_IDEAS = {"idea_discussed": "discussed", "idea_adopted": "adopted", "idea_declined": "declined"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Who the client is, as the roster has it today."""

    id: str
    name: str
    tier: str
    time_zone: str
    remote_only: bool
    tags: tuple[str, ...]
    domains: tuple[str, ...]
    owner: str | None
    owner_name: str | None
    external_ids: tuple[ExternalId, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StrengthBrief:
    """Strength and its weightiest terms; the points of `terms` and `other_points` add up to `sum`."""

    strength: float | None
    band: str
    velocity: float | None
    sum: float | None
    k: float
    terms: tuple[StrengthTerm, ...]
    other_terms: int
    other_points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingBrief:
    """A meeting and who was or is to be there. `agenda` and `place` are personal text."""

    meeting_id: str
    status: str
    at: datetime | None
    ends_at: datetime | None
    mode: str | None
    accepted: bool
    outcome: str | None
    contacts: tuple[str, ...]
    our_people: tuple[str, ...]
    agenda: str | None
    place: str | None
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionBrief:
    """A question of theirs that is open."""

    event_id: str
    asked_at: datetime
    of_us: bool
    contact_id: str | None
    target_at: datetime
    missed_at: datetime
    lapses_at: datetime
    state: str
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentBrief:
    """A promise: `by` ours or theirs, `state` open, kept or broken. `what` is personal text."""

    commitment_id: str
    event_id: str
    made_at: datetime
    by: str
    due: datetime | None
    overdue: bool
    state: str
    what: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdeaBrief:
    """An idea; `state`: shared, discussed, adopted or declined. `line` is personal text."""

    event_id: str
    occurred_at: datetime
    state: str
    topics: tuple[str, ...]
    line: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ideas:
    """The latest ideas of each side; what both had together is in both."""

    ours: tuple[IdeaBrief, ...]
    theirs: tuple[IdeaBrief, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicBrief:
    """What has been talked about: how often, and when last."""

    topic: str
    mentions: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeBrief:
    """Something said or written, corrections taken in; `summary` tells it without names."""

    event_id: str
    type: str
    occurred_at: datetime
    summary: str
    direction: str | None
    channel: str | None
    contacts: tuple[str, ...]
    our_people: tuple[str, ...]
    topics: tuple[str, ...]
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonBrief:
    """One of ours whom the dossier names."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier(Asked):
    """All of it. Texts, names and handles are None or empty for readers without personal text."""

    client: Profile
    stage: StageAnswer
    timeline: tuple[PeriodRow, ...]
    strength: StrengthBrief
    open_gap: GapRow | None
    closed_gaps: tuple[GapRow, ...]
    meetings_ahead: tuple[MeetingBrief, ...]
    meetings_past: tuple[MeetingBrief, ...]
    open_questions: tuple[QuestionBrief, ...]
    commitments: tuple[CommitmentBrief, ...]
    contacts: tuple[ContactRow, ...]
    our_people: tuple[PersonBrief, ...]
    ideas: Ideas
    topics: tuple[TopicBrief, ...]
    exchanges: tuple[ExchangeBrief, ...]


def dossier(
    principal: Principal,
    ref: str,
    *,
    now: datetime,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    policy: int | None = None,
) -> Dossier:
    """What there is to know about a client at `as_of`, of what was known by `known_at`. Raises as `stage` does."""
    asked = ask(principal, ref, now=now, as_of=as_of, known_at=known_at, policy=policy, whole=True)
    sheet = _Sheet(asked)
    gaps = gaps_of(asked).data
    return Dossier(
        client=_profile(asked),
        stage=stage_of(asked),
        timeline=tuple(period_row(period) for period in asked.periods()),
        strength=_strength(asked),
        open_gap=next((gap for gap in gaps if gap.ends_at is None), None),
        closed_gaps=tuple(gap for gap in gaps if gap.ends_at is not None)[:GAPS],
        meetings_ahead=sheet.meetings_ahead(),
        meetings_past=sheet.meetings_past(),
        open_questions=sheet.questions(),
        commitments=sheet.commitments(),
        contacts=sheet.contacts(),
        our_people=sheet.our_people(),
        ideas=sheet.ideas(),
        topics=sheet.topics(),
        exchanges=sheet.exchanges(),
        **asked.footer(),
    )


def _profile(asked: Folded) -> Profile:
    client = asked.client
    names = ClientExternalId.objects.filter(client=client).order_by("source", "external_id")
    return Profile(
        id=str(client.pk),
        name=client.name,
        tier=client.tier,
        time_zone=client.time_zone,
        remote_only=client.remote_only,
        tags=tuple(client.tags),
        domains=tuple(client.domains),
        owner=None if client.owner_id is None else str(client.owner_id),
        owner_name=client.owner.name if client.owner else None,
        external_ids=tuple(ExternalId(source=one.source, id=one.external_id) for one in names),
        created_at=client.registered_at,
    )


def _strength(asked: Folded) -> StrengthBrief:
    whole = strength_answer(asked)
    others = whole.terms[TERMS:]
    return StrengthBrief(
        strength=whole.strength,
        band=whole.band,
        velocity=whole.velocity,
        sum=whole.sum,
        k=whole.k,
        terms=whole.terms[:TERMS],
        other_terms=len(others),
        other_points=sum(term.points for term in others),
    )


class _Sheet:
    """The facts of one client that hold at the asked moment, and the words of those that the dossier shows."""

    def __init__(self, asked: Folded) -> None:
        self.asked, self.at = asked, asked.at
        recorded = event_store.facts_of_stream(
            asked.scope.ledger_id, str(asked.client.pk), until_position=asked.moments.position
        )
        self.facts = [fact for fact in effective(recorded) if fact.at <= self.at]
        self.by_id = {fact.event_id: fact for fact in self.facts}
        self.spoken = self._latest(EXCHANGES, lambda fact: _kind(fact) in SPEECH)
        self.promises = _promises(self.facts, self.at)
        self.shared = {side: self._latest(IDEAS, partial(_idea_of, side)) for side in ("outbound", "inbound")}
        self.planned, self.over = self._meetings()
        self.of_meeting = self._told_of({plan.meeting_id for plan in (*self.planned, *self.over)})
        self.amended = _amendments(recorded)
        self.words = self._opened()

    def _latest(self, most: int, wanted: Callable[[Fact], bool]) -> list[Fact]:
        return [fact for fact in reversed(self.facts) if wanted(fact)][:most]

    def _opened(self) -> dict[str, dict[str, Any]]:
        """The personal fields of what is shown, by event: a correction's where it states some anew."""
        scope = self.asked.scope
        if not scope.principal.reads_text:
            return {}
        shown = {fact.event_id for fact in (*self.spoken, *self.shared["outbound"], *self.shared["inbound"])}
        shown |= {promise.event_id for promise in self.promises}
        shown |= {question.event_id for question in self.asked.fold.open_questions}
        shown |= {fact.event_id for facts in self.of_meeting.values() for fact in facts}
        wanted = shown | {self.amended[event_id] for event_id in shown & self.amended.keys()}
        opened = sealing.open_parts(scope.ledger_id, wanted)
        for event_id in shown & self.amended.keys():
            # A correction leaves the words as they are and states the data anew.
            text = opened.get(event_id, {}).get("text")
            opened[event_id] = {"text": text, **opened.get(self.amended[event_id], {}).get("data", {})}
        return opened

    def word(self, event_id: str, name: str) -> str | None:
        """A personal field of an event, if the reader may know it and it was not erased."""
        return self.words.get(event_id, {}).get(name)

    # ------------------------------------------------------------------ meetings

    def _meetings(self) -> tuple[list[Meeting], list[Meeting]]:
        """Those that lie ahead, the next one first, and those that do not, the last one first."""
        fold = self.asked.fold
        ahead = {
            plan.meeting_id: plan
            for plan in fold.planned.values()
            if plan.status == "planned" and plan.starts_at is not None and plan.starts_at > self.at
        }
        over = [plan for plan in fold.fresh_meetings.values() if plan.meeting_id not in ahead]
        return (
            sorted(ahead.values(), key=lambda plan: plan.starts_at or 0)[:MEETINGS],
            sorted(over, key=lambda plan: plan.held_at or plan.starts_at or 0, reverse=True)[:MEETINGS],
        )

    def _told_of(self, meeting_ids: set[str]) -> dict[str, list[Fact]]:
        """What was said of each meeting, that it was held before all else, the latest first."""
        told: dict[str, list[Fact]] = {meeting_id: [] for meeting_id in meeting_ids}
        for fact in reversed(self.facts):
            if fact.type.startswith("meeting_") and meeting_of(fact) in told:
                told[meeting_of(fact)].append(fact)
        for facts in told.values():
            facts.sort(key=lambda fact: fact.type != "meeting_held")
        return told

    def meetings_ahead(self) -> tuple[MeetingBrief, ...]:
        return tuple(map(self._meeting, self.planned))

    def meetings_past(self) -> tuple[MeetingBrief, ...]:
        return tuple(map(self._meeting, self.over))

    def _meeting(self, plan: Meeting) -> MeetingBrief:
        told = self.of_meeting[plan.meeting_id]
        outcome = self.asked.fold.outcomes.get(plan.meeting_id)

        def said(name: str) -> Any:
            return next((fact.data[name] for fact in told if fact.data.get(name)), None)

        def word(name: str) -> str | None:
            return next((words for fact in told if (words := self.word(fact.event_id, name))), None)

        at = plan.held_at if plan.held_at is not None else plan.starts_at
        return MeetingBrief(
            meeting_id=plan.meeting_id,
            status=plan.status,
            at=None if at is None else from_us(at),
            ends_at=None if plan.ends_at is None else from_us(plan.ends_at),
            mode=plan.mode,
            accepted=plan.accepted,
            outcome=outcome or said("outcome"),
            contacts=tuple(said("contacts") or ()),
            our_people=tuple(said("our_people") or ()),
            agenda=word("agenda"),
            place=word("place"),
            event_id=plan.event_id,
        )

    # ------------------------------------------------------------------ what is open

    def questions(self) -> tuple[QuestionBrief, ...]:
        still = [one for one in self.asked.fold.open_questions if one.lapses_at > self.at]
        return tuple(
            QuestionBrief(
                event_id=one.event_id,
                asked_at=from_us(one.asked_at),
                of_us=one.of_us,
                contact_id=one.contact,
                target_at=from_us(one.target_at),
                missed_at=from_us(one.missed_at),
                lapses_at=from_us(one.lapses_at),
                state=_state(one, self.at),
                text=self.word(one.event_id, "text"),
            )
            for one in sorted(still, key=lambda one: (one.target_at, one.event_id))
        )

    def commitments(self) -> tuple[CommitmentBrief, ...]:
        return tuple(
            CommitmentBrief(
                commitment_id=one.name,
                event_id=one.event_id,
                made_at=from_us(one.made_at),
                by=one.by,
                due=None if one.due is None else from_us(one.due),
                overdue=one.state == "open" and one.due is not None and one.due < self.at,
                state=one.state,
                what=self.word(one.event_id, "what"),
            )
            for one in self.promises
        )

    # ------------------------------------------------------------------ people

    def contacts(self) -> tuple[ContactRow, ...]:
        """Whoever had been added by then; who left later had not."""
        added = {fact.data["contact_id"] for fact in self.facts if fact.type == "contact_added"}
        left = {fact.data["contact_id"]: from_us(fact.at) for fact in self.facts if fact.type == "contact_left"}
        return tuple(row for row in contacts_of(self.asked.scope, self.asked.client, left) if row.id in added)

    def our_people(self) -> tuple[PersonBrief, ...]:
        named = {person for fact in self.spoken for person in fact.data.get("our_people", ())}
        named |= {person for one in (*self.meetings_ahead(), *self.meetings_past()) for person in one.our_people}
        rows = Colleague.objects.filter(ledger_id=self.asked.scope.ledger_id, pk__in=named).order_by("name", "pk")
        return tuple(PersonBrief(id=str(one.pk), name=str(one)) for one in rows)

    # ------------------------------------------------------------------ what was said

    def ideas(self) -> Ideas:
        became: dict[str, str] = {}
        names = {fact.external_id: fact.event_id for fact in self.facts if fact.external_id}
        for fact in self.facts:
            if fact.type in _IDEAS and (reply := fact.data.get("in_reply_to")):
                became[names.get(reply, reply)] = _IDEAS[fact.type]

        def told(facts: Iterable[Fact]) -> tuple[IdeaBrief, ...]:
            return tuple(
                IdeaBrief(
                    event_id=fact.event_id,
                    occurred_at=from_us(fact.at),
                    state=became.get(fact.event_id, "shared"),
                    topics=tuple(fact.data.get("topics", ())),
                    line=self.word(fact.event_id, "line") or self.word(fact.event_id, "text"),
                )
                for fact in facts
            )

        return Ideas(ours=told(self.shared["outbound"]), theirs=told(self.shared["inbound"]))

    def topics(self) -> tuple[TopicBrief, ...]:
        mentions: Counter[str] = Counter()
        last: dict[str, int] = {}
        for fact in self.facts:
            for topic in fact.data.get("topics", ()):
                mentions[topic] += 1
                last[topic] = fact.at
        chosen = sorted(mentions, key=lambda topic: (-mentions[topic], -last[topic], topic))[:TOPICS]
        return tuple(
            TopicBrief(topic=topic, mentions=mentions[topic], last_at=from_us(last[topic])) for topic in chosen
        )

    def exchanges(self) -> tuple[ExchangeBrief, ...]:
        return tuple(
            ExchangeBrief(
                event_id=fact.event_id,
                type=fact.type,
                occurred_at=from_us(fact.at),
                summary=act(fact),
                direction=fact.data.get("direction"),
                channel=fact.data.get("channel"),
                contacts=tuple(fact.data.get("contacts", ())),
                our_people=tuple(fact.data.get("our_people", ())),
                topics=tuple(fact.data.get("topics", ())),
                text=self.word(fact.event_id, "text") or self.word(fact.event_id, "line"),
            )
            for fact in self.spoken
        )


def _kind(fact: Fact) -> str:
    return EVENT_TYPES[fact.type].kind if fact.type in EVENT_TYPES else ""


def _idea_of(side: str, fact: Fact) -> bool:
    return fact.type == "idea_shared" and fact.data.get("direction") in (side, "mutual")


def _state(question: Question, at: int) -> str:
    if question.missed_at <= at:
        return "missed"
    return "late" if question.target_at <= at else "open"


@dataclass(slots=True)
class _Promise:
    name: str
    event_id: str
    made_at: int
    by: str
    due: int | None
    state: str = "open"


def _promises(facts: Sequence[Fact], at: int) -> list[_Promise]:
    """The latest promises, open ones first, the soonest due of them before the others."""
    made: dict[str, _Promise] = {}
    for fact in facts:
        name = str(fact.data.get("commitment_id") or fact.event_id)
        if fact.type == "commitment_made":
            due = fact.data.get("due")
            made[name] = _Promise(
                name,
                fact.event_id,
                fact.at,
                fact.data.get("by", "ours"),
                None if due is None else to_us(datetime.fromisoformat(due)),
            )
        elif fact.type in ("commitment_kept", "commitment_broken") and name in made:
            made[name].state = fact.type.removeprefix("commitment_")
    still = [one for one in made.values() if one.state == "open"]
    over = [one for one in made.values() if one.state != "open"]
    still.sort(key=lambda one: (one.due is None, one.due or 0, one.made_at))
    over.sort(key=lambda one: one.made_at, reverse=True)
    return [*still, *over][:COMMITMENTS]


def _amendments(recorded: Iterable[Fact]) -> dict[str, str]:
    """For each fact whose data was corrected, the correction that states it as it holds."""
    root_of: dict[str, str] = {}
    stating: dict[str, str] = {}
    for fact in sorted(recorded, key=lambda fact: fact.version):
        if fact.type in (CORRECTED, RETRACTED):
            root = root_of.get(fact.data["event_id"], fact.data["event_id"])
            root_of[fact.event_id] = root
            if fact.data.get("data") is not None:
                stating[root] = fact.event_id
    return stating
