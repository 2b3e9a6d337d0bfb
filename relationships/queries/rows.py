"""What the queries answer: frozen values with the names that the API, the admin and the reports show.

Times are aware and in UTC, ids are strings. `from_` and `in_` stand for `from` and `in`, which Python keeps for
itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row]):
    """A page of a list. `next` and `previous` are opaque cursors; None where there is nothing."""

    rows: tuple[Row, ...]
    next: str | None
    previous: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalId:
    """What another system calls a client."""

    source: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRow:
    """A client and where it stands now.

    `stage`, `reached` and `health` are None before its first effective event is folded; `strength` and `velocity`
    while it is unknown (no contact yet). `next_change_at` is when stage or health change next if nothing more
    happens, with `next_stage` and `next_health` of then. `owner` is the id of one of our people. `version` numbers
    the client's events. `settled` is False while the newest events are folded live or the client is quarantined.
    """

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
    version: int
    stage: str | None
    stage_since: datetime | None
    reached: str | None
    reached_at: datetime | None
    health: str | None
    strength: float | None
    band: str
    velocity: float | None
    last_contact_at: datetime | None
    next_meeting_at: datetime | None
    next_change_at: datetime | None
    next_stage: str | None
    next_health: str | None
    open_questions: int
    created_at: datetime
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One event of the log. `data` holds the clear fields and, for readers of personal text, the sealed ones too.

    `text` is None without that right, when there was none, and when it was erased; `sealed` says that there is
    personal text behind it. `superseded_by` names the correction or retraction that holds now.
    """

    event_id: str
    client_id: str | None
    version: int
    ledger: int
    position: int
    type: str
    type_version: int
    occurred_at: datetime
    occurred_tz: str
    precision: str
    recorded_at: datetime
    recorded_by: str
    source: str | None
    external_id: str | None
    request_id: str | None
    data: dict[str, Any]
    text: str | None
    sealed: bool
    supersedes: str | None
    superseded_by: str | None
    chain_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactedRow:
    """What the feed shows of an event that its reader may not see: enough to prove that none is missing."""

    ledger: int
    position: int
    chain_hash: str
    redacted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A stretch of the whole log, in order. `next_cursor` always works, at the end of the log too."""

    rows: tuple[EventRow | RedactedRow, ...]
    next_cursor: str
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of the log; `cursor` reads what comes after it. `chain_hash` is hexadecimal."""

    ledger: int
    position: int
    cursor: str
    chain_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an answer rests on: the moment it is about, what was known, and by which policy.

    `position` is the last event of the ledger that was known, `policy` a version. `settled` is False while a client
    asked about was behind (and so folded live) or is quarantined.
    """

    as_of: datetime
    known_at: datetime
    position: int
    policy: int
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """An event that an answer rests on; `phrase` tells it in a few words, with its date in the reader's zone."""

    event_id: str
    type: str
    occurred_at: datetime
    mode: str | None
    phrase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentencePart:
    """A piece of the sentence; `event_id` where it names an event."""

    text: str
    event_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """The stage above and what is missing for it, in words."""

    stage: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageAnswer(Asked):
    """Where one client stands at a moment, and why.

    `keeps_until` is when the stage's keep fails if nothing more happens (None: never by itself; in the past while
    the grace runs), `falls_at` when the stage then falls. `next` is None at the top and while ended.
    """

    client_id: str
    stage: str
    since: datetime
    reached: str
    reached_at: datetime
    health: str
    health_since: datetime
    health_reason: str
    strength: float | None
    band: str
    velocity: float | None
    because: tuple[Because, ...]
    health_because: tuple[Because, ...]
    sentence: str
    sentence_parts: tuple[SentencePart, ...]
    keeps_until: datetime | None
    falls_at: datetime | None
    next: Next | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodRow:
    """A span in which neither stage nor health changes; `ends_at` is None for the last. `reason` is `rule` in words."""

    stage: str
    health: str
    begins_at: datetime
    ends_at: datetime | None
    rule: str
    reason: str
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline(Asked):
    """All periods of a client, past and future."""

    client_id: str
    data: tuple[PeriodRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrengthTerm:
    """One addend of the sum. `factors` are all its factors, in order; they multiply to `points`."""

    event_id: str
    label: str
    occurred_at: datetime
    factors: tuple[tuple[str, float], ...]
    points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StrengthAnswer(Asked):
    """Strength and all its terms: the points add up to `sum`, and strength = 100·(1 − e^(−sum/k)). None: unknown."""

    client_id: str
    strength: float | None
    band: str
    velocity: float | None
    sum: float | None
    k: float
    terms: tuple[StrengthTerm, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveringAct:
    """An act that bridges a gap. `words` tells it, `phrase` with its date; `direction` is whose it was.

    `contacts` and `our_people` are the ids of those whom it names, `our_account` is personal or brand.
    """

    event_id: str
    type: str
    occurred_at: datetime
    direction: str | None
    contacts: tuple[str, ...]
    our_people: tuple[str, ...]
    our_account: str
    words: str
    phrase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """Somebody, ours or theirs, and how many of the covering exchanges name them."""

    id: str
    acts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRow:
    """The time between two posts of meetings. The open one has no `ends_at` and is measured at the asked moment.

    `days`, `longest_silence_days` are days of 86,400 s; `longest_silence_rhythms` is the silence as a multiple of the
    usual time between contacts (None where that was not kept); `state` is bridged, patchy or broken. `exchanges`
    counts what was spoken, `two_way_share` is the share of it that went both ways. `acts` names what covers it, the
    latest of each UTC day; `carried_ours`, `carried_theirs` who did, the most active first; `through_personal` and
    `through_brand` how many of these acts went through which kind of our accounts.

    `ground_laid` says that this is a good moment to propose the next meeting (of a closed gap: that its meeting came
    at one), `ground_since` since when, `ground_until` until when if nothing more happens.
    """

    begins_at: datetime
    ends_at: datetime | None
    opened_by: str
    closed_by: str | None
    days: float
    coverage: float
    state: str
    longest_silence_days: float
    longest_silence_rhythms: float | None
    exchanges: int
    two_way_share: float | None
    ideas_ours: int
    ideas_theirs: int
    open_questions: int
    acts: tuple[CoveringAct, ...]
    carried_ours: tuple[Carrier, ...]
    carried_theirs: tuple[Carrier, ...]
    through_personal: int
    through_brand: int
    ground_laid: bool
    ground_since: datetime | None
    ground_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientGapRow(GapRow):
    """A gap of one of many clients. `next_meeting_at` is the next planned meeting, which would end an open gap."""

    client_id: str
    client_name: str
    owner: str | None
    next_meeting_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps(Asked):
    """The gaps of a client, newest first."""

    client_id: str
    data: tuple[GapRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineStage:
    """How many clients stand on a stage, and how they are."""

    stage: str
    clients: int
    by_health: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline(Asked):
    """All visible clients by stage, in the order of the stages, noughts included."""

    stages: tuple[PipelineStage, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMovement:
    """One stage's account of a span: opening + in_ − out = closing."""

    stage: str
    opening: int
    in_: int
    out: int
    closing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How many clients stood on `from_` at the start (None: came within the span) and stand on `to` at the end."""

    from_: str | None
    to: str
    clients: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One client's net change over a span: when its stage last changed within it, and why."""

    client_id: str
    name: str
    owner: str | None
    from_: str | None
    to: str
    at: datetime
    rule: str
    reason: str
    because: tuple[Because, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Movements(Asked):
    """The net change of every client between two moments; `moved` lists the clients of the matrix."""

    start: datetime
    end: datetime
    stages: tuple[StageMovement, ...]
    matrix: tuple[Move, ...]
    moved: tuple[Moved, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPeriods:
    """One client of a portfolio and the periods of its timeline that touch the asked span, in order."""

    client_id: str
    name: str
    owner: str | None
    periods: tuple[PeriodRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio(Asked):
    """Every visible client that stands anywhere within the asked span, by name."""

    rows: tuple[ClientPeriods, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """What becomes worse at `at` unless something happens: `kind` is "stage" or "health"."""

    client_id: str
    name: str
    owner: str | None
    kind: str
    before: str
    after: str
    at: datetime
    rule: str
    reason: str
    because: tuple[Because, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """One of our people; `user_id` is None without a login."""

    id: str
    name: str
    email: str | None
    user_id: int | None
    team_id: int | None
    clients: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """How a contact is reached or known; platform `email` for addresses."""

    platform: str
    handle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRow:
    """A person at a client. `name` and `handles` are None and empty for readers without personal text, or erased."""

    id: str
    client_id: str
    client_name: str
    name: str | None
    role: str | None
    handles: tuple[Handle, ...]
    left_at: datetime | None
    erased_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingRow:
    """A meeting: planned, cancelled, held or missed. `at` is when it was held, else when it is planned for."""

    client_id: str
    client_name: str
    owner: str | None
    meeting_id: str
    status: str
    at: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    held_at: datetime | None
    mode: str | None
    accepted: bool
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRow:
    """A question of theirs; `state`: open, overdue (past its target), missed, lapsed or answered.

    `answered_in_hours` is the time that passed until it was closed, `answered_in_working_days` the part of it on
    working days of 24 hours in the client's zone; None until then.
    """

    client_id: str
    client_name: str
    owner: str | None
    event_id: str
    asked_at: datetime
    of_us: bool
    contact_id: str | None
    target_at: datetime
    missed_at: datetime
    lapses_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    answered_in_hours: float | None
    answered_in_working_days: float | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """How questions were answered. Times and shares are None where fewer than `minimum` of them were.

    `asked` to `lapsed` count the questions asked within the window: `due` those that are answered or past their
    target, `in_time` those answered by it, and `share_in_time` is in_time ÷ due. `median_*` and `p90_*` are of the
    answered ones: hours that passed, and working days of 24 hours in the client's zone. `open`, `overdue`, `missed`
    and `debt` are of now, whenever asked: debt = Σ min(1, age ÷ target) of the open ones.
    """

    asked: int
    answered: int
    due: int
    in_time: int
    lapsed: int
    share_in_time: float | None
    median_hours: float | None
    p90_hours: float | None
    median_working_days: float | None
    p90_working_days: float | None
    open: int
    overdue: int
    missed: int
    debt: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweringGroup(Answering):
    """The same for one client, owner or team. `id` is None where there is no owner, or no team."""

    id: str | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionStatistics:
    """How the visible questions were answered, all together and in groups, the deepest in debt first."""

    as_of: datetime
    since: datetime
    until: datetime
    minimum: int
    total: Answering
    by: str | None
    groups: tuple[AnsweringGroup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedRow:
    """A client whose events could not be folded since `since`: its answers are the last good ones."""

    client_id: str
    client_name: str
    version: int
    reason: str
    since: datetime
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionRow:
    """A span that had been told and turned out otherwise; `before` and `after` are periods as plain values."""

    client_id: str
    client_name: str
    noted_at: datetime
    from_at: datetime
    cause: tuple[str, ...]
    before: tuple[dict[str, Any], ...]
    after: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceRow:
    """One number in which two policies differ: its RFC 6901 pointer, both values, and the same as a sentence."""

    pointer: str
    label: str
    before: float
    after: float
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """A version of the policy. `status`: in_force, former (adopted, and another since) or draft.

    `based_on`, `created_at` and `created_by` are None for the first policy, which came with the program; `differences`
    are those from `based_on`. `adopted_at` and `adopted_by` are of its latest adoption.
    """

    version: int
    name: str | None
    reason: str | None
    status: str
    based_on: int | None
    created_at: datetime | None
    created_by: str | None
    adopted_at: datetime | None
    adopted_by: str | None
    differences: tuple[DifferenceRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDetail(PolicyRow):
    """The whole of a version, as `Policy.to_dict` gives it, and in what it differs from the one in force."""

    policy: dict[str, Any]
    from_in_force: tuple[DifferenceRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """How far a run is."""

    events_done: int
    events_total: int
    clients_done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """Work with a version of the policy: `state` is waiting, running, done or failed; `problem` says why it failed.

    `instead_of` is the version that was in force when it was asked for; `position` the last event of the log that the
    result rests on, None until there is one.
    """

    id: str
    version: int
    state: str
    asked_at: datetime
    asked_by: str
    finished_at: datetime | None
    problem: str | None
    instead_of: int
    position: int | None
    progress: RunProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCount:
    """How many clients of a stage have a health, now and under the version previewed."""

    health: str
    now: int
    then: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCount:
    """How many clients stand on a stage, now and under the version previewed."""

    stage: str
    now: int
    then: int
    by_health: tuple[HealthCount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where a client stands under one policy. `rule` and `reason` are the stage's, the other two the health's."""

    stage: str
    health: str
    since: datetime
    rule: str
    reason: str
    health_rule: str
    health_reason: str
    because: tuple[Because, ...]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """A client that would stand elsewhere: `from_` under the policy in force, `to` under the version previewed."""

    client_id: str
    name: str
    owner: str | None
    from_: Stand
    to: Stand


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideRow:
    """A client that no figure counts, since its events cannot be folded: `now` already, or only then."""

    client_id: str
    name: str
    reason: str
    now: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewAnswer(RunRow):
    """A preview, and a page of those who would stand elsewhere. Until it is done, its figures are None.

    `policy` is the version in force that it compares with; clients aside (`quarantined`) are in no figure. `moved`
    clients stand elsewhere, `stages_moved` of them on another stage, `falls` on a lower one; `told` of them are listed.
    """

    as_of: datetime | None
    policy: int | None
    clients: int | None
    events: int | None
    stages: tuple[StageCount, ...]
    moved: int | None
    stages_moved: int | None
    falls: int | None
    told: int | None
    quarantined_now: int | None
    quarantined_then: int | None
    quarantined: tuple[AsideRow, ...]
    moves: Page[Mover]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceAnswer:
    """The latest back-test of a version: `evidence` as `evidence.as_json` gives it, None while there is none.

    `refusal` says why it allows no probability to be shown.

    `run` is the run that is under way, or that failed after the evidence was made; None when there is none.
    """

    version: int
    made_at: datetime | None
    position: int | None
    probability_shown: bool
    refusal: str | None
    evidence: dict[str, Any] | None
    run: RunRow | None
