"""The Monday letter: what one reader needs of a snapshot, on one screen.

A letter is composed once and then written twice, as plain text and as HTML, so both parts of the mail say the
same. It names clients and our own people only: a mail lies in strange places, and no contact's name belongs
there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from django.template.loader import render_to_string

from relationships.reports import wording
from relationships.reports.renderers.text import wrapped
from relationships.reports.snapshot import Move, OpenQuestion, PlannedMeeting, Risk, Snapshot
from relationships.reports.wording import cut, plain

# One screen: this many lines a section, and the rest is a number and a link.
ROWS = 5
MOVES_A_WAY = 3

Link = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Row:
    """One line about one client. ``way`` is 1 for better, −1 for worse, 0 for neither."""

    name: str
    what: str
    when: str
    why: str
    way: int
    link: str | None

    @property
    def sign(self) -> str:
        return {1: "▲", -1: "▼"}.get(self.way, "•")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its lines; ``more`` counts those left out, ``empty`` is said when there are none."""

    title: str
    rows: tuple[Row, ...]
    more: int
    empty: str


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    greeting: str
    headline: str
    counts: tuple[tuple[str, int, str], ...]
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]
    footer: tuple[str, ...]
    home: str | None


def compose(
    snapshot: Snapshot,
    *,
    to: str,
    own: bool,
    zone: str,
    people: Mapping[str, str],
    client_link: Link,
    home: str | None,
) -> Letter:
    """The letter to ``to`` about ``snapshot``, which already holds only what they may see.

    ``own``: the clients are theirs, so owners are not named. Times are shown in ``zone``. ``people`` names
    owners; ``client_link`` gives the address of a client's page, or None where there is none.
    """
    writer = _Writer(snapshot, zone, {} if own else people, client_link)
    return Letter(
        subject=_subject(snapshot, zone, own=own),
        greeting=plain(to),
        headline=plain(wording.headline(snapshot, zone, whose="your" if own else "")),
        counts=_counts(snapshot),
        warnings=tuple(plain(warning) for warning in wording.warnings(snapshot, zone)),
        sections=(writer.moved(), writer.at_risk(), writer.meetings(), writer.questions()),
        footer=(plain(snapshot.organisation.name), *wording.footer(snapshot, zone)),
        home=home,
    )


def as_text(letter: Letter) -> str:
    """The plain-text part, 80 columns."""
    return "\n".join(_text_lines(letter)) + "\n"


def as_html(letter: Letter) -> str:
    """The HTML part: no script, no image, nothing fetched from anywhere."""
    return render_to_string("reports/letter.html", {"letter": letter})


class _Writer:
    """Turns the parts of one snapshot into sections."""

    def __init__(self, snapshot: Snapshot, zone: str, people: Mapping[str, str], client_link: Link) -> None:
        self.snapshot = snapshot
        self.zone = zone
        self.client_link = client_link
        self.names = snapshot.names()
        self.owners = {line.id: people.get(line.owner or "") for line in snapshot.clients}

    def moved(self) -> Section:
        """Falls before rises, each with room of its own: neither may push the other off the screen."""
        ways = [(move, wording.direction(move.before, move.after)) for move in self.snapshot.moves]
        shown = [
            self._change(move, way)
            for wanted in (-1, 1, 0)
            for move, way in [one for one in ways if one[1] == wanted][:MOVES_A_WAY]
        ]
        title = f"Moved since {wording.short_day(self.snapshot.since, self.zone)}"
        return Section(title, tuple(shown), len(ways) - len(shown), "Nobody changed stage.")

    def at_risk(self) -> Section:
        rows = [self._change(risk, -1) for risk in self.snapshot.risks[:ROWS]]
        title = "At risk, unless something happens"
        return Section(title, tuple(rows), len(self.snapshot.risks) - len(rows), "Nobody.")

    def meetings(self) -> Section:
        rows = [self._meeting(meeting) for meeting in self.snapshot.meetings[:ROWS]]
        title = f"Meetings in the next {self.snapshot.meeting_days} days"
        return Section(title, tuple(rows), len(self.snapshot.meetings) - len(rows), "None planned.")

    def questions(self) -> Section:
        rows = [self._question(question) for question in self.snapshot.questions[:ROWS]]
        return Section("Open questions", tuple(rows), len(self.snapshot.questions) - len(rows), "All answered.")

    def _change(self, change: Move | Risk, way: int) -> Row:
        when = wording.short_day(change.at, self.zone)
        return self._row(change.client_id, wording.step(change), when, wording.why(change), way)

    def _meeting(self, meeting: PlannedMeeting) -> Row:
        how = {"in_person": "in person", "video": "by video"}.get(meeting.mode or "", "meeting")
        starts = f"{wording.short_day(meeting.starts_at, self.zone)} {wording.clock(meeting.starts_at, self.zone)}"
        return self._row(meeting.client_id, how, starts, "", 0)

    def _question(self, question: OpenQuestion) -> Row:
        late = question.due_at is not None and question.due_at <= self.snapshot.as_of
        due = wording.short_day(question.due_at, self.zone) if question.due_at else ""
        asked = f"asked on {wording.short_day(question.asked_at, self.zone)}"
        return self._row(question.client_id, "answer overdue" if late else "answer due", due, asked, -1 if late else 0)

    def _row(self, client_id: str, what: str, when: str, why: str, way: int) -> Row:
        owner = self.owners.get(client_id)
        return Row(
            name=plain(self.names.get(client_id, "")),
            what=what,
            when=when,
            why=" · ".join(filter(None, [why, plain(owner or "")])),
            way=way,
            link=self.client_link(client_id),
        )


def _subject(snapshot: Snapshot, zone: str, *, own: bool) -> str:
    whose = "Your clients" if own else f"All clients of {plain(snapshot.organisation.name)}"
    moved, falling = len(snapshot.moves), len(wording.falls(snapshot))
    news = [f"{moved:,} moved"] if moved else []
    news += [f"{falling:,} may fall within {snapshot.risk_days} days"] if falling else []
    told = ", ".join(news) or "all quiet"
    return f"{cut(whose, 60)} on {wording.short_day(snapshot.as_of, zone)}: {told}"


def _counts(snapshot: Snapshot) -> tuple[tuple[str, int, str], ...]:
    """Stage, clients and change (``+2``, ``−1`` or nothing) for every stage that has or had any."""
    return tuple(
        (wording.title(one.stage), one.closing, _signed(one.closing - one.opening))
        for one in snapshot.stock()
        if one.opening or one.closing
    )


def _signed(number: int) -> str:
    return f"{number:+,}".replace("-", "−") if number else ""


def _text_lines(letter: Letter) -> Iterator[str]:
    yield f"{letter.greeting},"
    yield ""
    yield from wrapped(letter.headline)
    for warning in letter.warnings:
        yield ""
        yield from wrapped(f"! {warning}")
    yield ""
    counts = (f"{stage} {number:,}{f' ({change})' if change else ''}" for stage, number, change in letter.counts)
    yield from wrapped(" · ".join(counts))
    for section in letter.sections:
        yield ""
        yield section.title.upper()
        yield from _text_section(section)
    if letter.home:
        yield ""
        yield f"All of it: {letter.home}"
    yield ""
    yield "-- "
    for line in letter.footer:
        yield from wrapped(line)


def _text_section(section: Section) -> Iterator[str]:
    if not section.rows:
        yield f"  {section.empty}"
    for row in section.rows:
        yield f"{row.sign} {cut(row.name, 32):<32}  {row.what:<22}  {row.when}".rstrip()
        yield from wrapped(row.why, "    ")
    if section.more:
        yield f"  … and {section.more:,} more"
