"""The timeline as a picture: where each period lies, in percent of the strip. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from relationships.admin.words import HEALTHS, MODES
from relationships.domain.judgement import STAGES
from relationships.queries.rows import MeetingRow, PeriodRow

LONGEST_PAST = timedelta(days=2 * 365)
LEAST_PAST = timedelta(days=30)
LEAST_FUTURE = timedelta(days=120)
LONGEST_FUTURE = timedelta(days=450)
MOST_TICKS = 9
LAST_TICK = 95  # percent: a word further right would be cut


@dataclass(frozen=True, slots=True)
class Bar:
    """A period, or its part on one side of the asked moment. `left` and `width` in percent, as CSS takes them."""

    left: str
    width: str
    health: str
    future: bool
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A stage and its bars; `here` marks the one that holds at the asked moment."""

    word: str
    here: bool
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A date below the strip; minor ones give way where it is narrow."""

    left: str
    word: str
    minor: bool


@dataclass(frozen=True, slots=True)
class Post:
    """A meeting, held or planned."""

    left: str
    future: bool
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Lanes from the highest stage down. `cut` says that the strip begins after the timeline does."""

    begins: datetime
    cut: bool
    today: str
    lanes: tuple[Lane, ...]
    posts: tuple[Post, ...]
    ticks: tuple[Tick, ...]
    healths: tuple[str, ...] = field(default=())


def draw(periods: Sequence[PeriodRow], meetings: Iterable[MeetingRow], at: datetime, zone: str) -> Strip | None:
    """The strip around the moment `at`, dates in `zone`; None without any period."""
    if not periods:
        return None
    first = periods[0].begins_at
    begins = max(min(first, at - LEAST_PAST), at - LONGEST_PAST)
    ends = max(at + LEAST_FUTURE, min(periods[-1].begins_at + timedelta(days=45), at + LONGEST_FUTURE))
    scale = _Scale(begins, ends, ZoneInfo(zone))
    here = next((one.stage for one in periods if _holds(one, at)), None)
    shown = [period for period in periods if (period.ends_at or ends) > begins and period.begins_at < ends]
    used = {period.stage for period in shown}
    stages = [one for one in reversed(STAGES) if one != "ended" or "ended" in used]
    return Strip(
        begins=begins,
        cut=first < begins,
        today=scale.left(at),
        lanes=tuple(Lane(stage.capitalize(), stage == here, tuple(_bars(shown, stage, at, scale))) for stage in stages),
        posts=tuple(_posts(meetings, at, scale)),
        ticks=tuple(_ticks(scale)),
        healths=tuple(health for health in HEALTHS if any(one.health == health for one in shown)),
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    begins: datetime
    ends: datetime
    zone: ZoneInfo

    def share(self, moment: datetime) -> float:
        return 100 * (min(max(moment, self.begins), self.ends) - self.begins) / (self.ends - self.begins)

    def left(self, moment: datetime) -> str:
        return f"{self.share(moment):.3f}"

    def width(self, start: datetime, end: datetime) -> str:
        return f"{self.share(end) - self.share(start):.3f}"

    def day(self, moment: datetime) -> str:
        local = moment.astimezone(self.zone)
        return f"{local.day} {local:%b %Y}"


def _holds(period: PeriodRow, at: datetime) -> bool:
    return period.begins_at <= at and (period.ends_at is None or at < period.ends_at)


def _bars(periods: Sequence[PeriodRow], stage: str, at: datetime, scale: _Scale) -> Iterable[Bar]:
    for period in periods:
        if period.stage != stage:
            continue
        end = min(period.ends_at or scale.ends, scale.ends)
        until = "" if period.ends_at is None else f" to {scale.day(period.ends_at)}"
        title = f"{stage.capitalize()}, {period.health}, from {scale.day(period.begins_at)}{until}"
        for start, stop, future in ((period.begins_at, min(end, at), False), (max(period.begins_at, at), end, True)):
            if start < stop and stop > scale.begins:
                yield Bar(scale.left(start), scale.width(start, stop), period.health, future, title)


def _posts(meetings: Iterable[MeetingRow], at: datetime, scale: _Scale) -> Iterable[Post]:
    for meeting in meetings:
        held = meeting.status == "held"
        if scale.begins <= meeting.at < scale.ends and (held or (meeting.status == "planned" and meeting.at >= at)):
            mode = MODES.get(meeting.mode or "", "")
            yield Post(scale.left(meeting.at), not held, f"{scale.day(meeting.at)} {mode}".strip())


def _ticks(scale: _Scale) -> Iterable[Tick]:
    local = scale.begins.astimezone(scale.zone)
    months = max(1, round((scale.ends - scale.begins).days / 30.4))
    step = next((one for one in (1, 2, 3, 6, 12) if months / one <= MOST_TICKS), 24)
    year, month = local.year, local.month
    for number in range(months + 2):
        of_year, of_month = divmod(month + number, 12)
        moment = datetime(year + of_year, of_month + 1, 1, tzinfo=scale.zone)
        if of_month % step == 0 and moment > scale.begins and scale.share(moment) < LAST_TICK:
            january = of_month == 0
            yield Tick(
                scale.left(moment), f"{moment:%Y}" if january else f"{moment:%b}", not january and of_month % 6 != 0
            )
