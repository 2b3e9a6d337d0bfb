"""The pipeline report for a terminal: 80 columns, no colours, nothing that a name could switch on."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from relationships.domain.judgement import HEALTHS, STAGES
from relationships.reports import wording
from relationships.reports.snapshot import Move, Risk, Snapshot
from relationships.reports.wording import cut, plain

FORM = "text"
MEDIA_TYPE = "text/plain; charset=utf-8"
WIDTH = 80
# A first import moves thousands of clients at once; beyond this many a person wants the CSV.
ROWS = 25


def render(snapshot: Snapshot, *, people: Mapping[str, str], zone: str) -> str:
    """The whole report as lines of at most 80 columns; ``people`` names colleagues by id."""
    blocks = (
        _opening(snapshot, zone),
        _warnings(snapshot, zone),
        _table(snapshot),
        _restated(snapshot),
        _stock(snapshot, zone),
        _moves(snapshot, people, zone),
        _risks(snapshot, people, zone),
        _footer(snapshot, zone),
    )
    return "\n\n".join("\n".join(block) for block in map(list, blocks) if block) + "\n"


def wrapped(words: str, indent: str = "") -> list[str]:
    """Lines of at most 80 columns."""
    return textwrap.wrap(words, WIDTH, initial_indent=indent, subsequent_indent=indent)


def _opening(snapshot: Snapshot, zone: str) -> Iterator[str]:
    name = plain(snapshot.organisation.name)
    yield cut(f"{name}: {wording.counted(len(snapshot.clients), 'client')}", WIDTH)
    yield f"as of {wording.moment(snapshot.as_of, zone)}, moves since {wording.moment(snapshot.since, zone)}"
    yield ""
    yield from wrapped(plain(wording.headline(snapshot, zone)))


def _warnings(snapshot: Snapshot, zone: str) -> Iterator[str]:
    for warning in wording.warnings(snapshot, zone):
        yield from wrapped(f"! {plain(warning)}")


def _table(snapshot: Snapshot) -> Iterator[str]:
    counts = snapshot.by_stage_and_health()
    yield f"{'CLIENTS':<12}" + "".join(f"{wording.title(health):>10}" for health in HEALTHS) + f"{'All':>10}"
    for stage in STAGES:
        yield _counts(wording.title(stage), [counts[stage][health] for health in HEALTHS])
    yield _counts("All", [sum(counts[stage][health] for stage in STAGES) for health in HEALTHS])


def _counts(label: str, numbers: Sequence[int]) -> str:
    return f"{label:<12}" + "".join(f"{_number(number):>10}" for number in [*numbers, sum(numbers)])


def _number(number: int) -> str:
    return f"{number:,}" if number else "·"


def _restated(snapshot: Snapshot) -> Iterator[str]:
    change = snapshot.policy_change
    if change is None:
        return
    before, after = f"Policy {change.before}", f"Policy {change.after}"
    yield f"{'OPENING':<12}{before:>12}{'± Restated':>12}{'= ' + after:>14}"
    for one in snapshot.restated():
        restated = f"{one.restated:+,}" if one.restated else "·"
        yield f"{wording.title(one.stage):<12}{_number(one.told):>12}{restated:>12}{_number(one.opening):>14}"


def _stock(snapshot: Snapshot, zone: str) -> Iterator[str]:
    yield f"{'MOVEMENTS':<12}{'Opening':>10}{'+ In':>10}{'− Out':>10}{'= Closing':>10}"
    stock = snapshot.stock()
    for one in stock:
        yield _stock_line(wording.title(one.stage), [one.opening, one.entered, one.left, one.closing])
    yield _stock_line(
        "All",
        [
            sum(one.opening for one in stock),
            sum(one.entered for one in stock),
            sum(one.left for one in stock),
            sum(one.closing for one in stock),
        ],
    )


def _stock_line(label: str, numbers: Sequence[int]) -> str:
    return f"{label:<12}" + "".join(f"{_number(number):>10}" for number in numbers)


def _moves(snapshot: Snapshot, people: Mapping[str, str], zone: str) -> Iterator[str]:
    yield f"WHO MOVED ({len(snapshot.moves):,})"
    if not snapshot.moves:
        yield f"  Nobody since {wording.day(snapshot.since, zone)}."
    yield from _changes(snapshot, snapshot.moves, people, zone)


def _risks(snapshot: Snapshot, people: Mapping[str, str], zone: str) -> Iterator[str]:
    for number, (title, risks) in enumerate(wording.risks(snapshot)):
        if number:
            yield ""
        yield f"{title.upper()} ({len(risks):,})"
        if not risks:
            yield "  Nobody."
        yield from _changes(snapshot, risks, people, zone)


def _changes(snapshot: Snapshot, changes: Sequence[Move | Risk], people: Mapping[str, str], zone: str) -> Iterator[str]:
    lines = {line.id: line for line in snapshot.clients}
    for change in changes[:ROWS]:
        line = lines[change.client_id]
        name, when = cut(plain(line.name), 38), wording.short_day(change.at, zone)
        yield f"  {name:<38} {wording.step(change):<26} {when:>11}"
        owner = people.get(line.owner or "")
        reason = plain(wording.why(change))
        yield from wrapped(f"{reason} · {plain(owner)}" if owner else reason, "      ")
    if len(changes) > ROWS:
        yield f"  … and {len(changes) - ROWS:,} more: --format csv lists all"


def _footer(snapshot: Snapshot, zone: str) -> Iterable[str]:
    yield "─" * WIDTH
    for line in wording.footer(snapshot, zone):
        yield from wrapped(line)
