"""Puts what was worked out into the tables of one generation, many clients at a time, by COPY.

Deletes and inserts are set-wise: the number of statements does not depend on the number of clients.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from django.db import connection, models

from relationships import event_store
from relationships.domain.actions import Action
from relationships.domain.fold import Fold
from relationships.domain.instants import from_us, to_us
from relationships.domain.judgement import HEALTHS, STAGES, Period
from relationships.models.projections import (
    FOREVER,
    ClientState,
    Gap,
    Generation,
    Meeting,
    Quarantine,
    Question,
    Revision,
    StagePeriod,
)

from .working import Worked, revised

READ_TABLES: tuple[type[models.Model], ...] = (ClientState, StagePeriod, Gap, Meeting, Question, Quarantine)
FROM_THE_START = datetime(1, 1, 1, tzinfo=UTC)
RANK_OF_STAGE = {stage: rank for rank, stage in enumerate(STAGES)}
RANK_OF_HEALTH = {health: rank for rank, health in enumerate(HEALTHS)}
CAUSES_KEPT = 10


class Stored(NamedTuple):
    """A period as it stood in the table."""

    period: Period
    falls: bool
    fades: bool
    stage_since: datetime


def write(generation: Generation, worked: Sequence[Worked], *, now: datetime, fresh: bool = False) -> None:
    """Writes what was worked out of these clients; `fresh` when the generation knows nothing of them yet.

    Call it in a transaction that holds the clients' state rows. Where it changes what had been told already, a
    revision is noted.
    """
    told = {} if fresh else _take_back(generation, worked)
    key = (generation.ledger_id, generation.pk)
    _copy(StagePeriod, _PERIOD, (row for one in worked for row in _periods(key, one, told.get(one.client_id, []))))
    _copy(Gap, _GAP, (row for one in worked for row in _gaps(key, one)))
    _copy(Question, _QUESTION, (row for one in worked for row in _questions(key, one)))
    _copy(Meeting, _MEETING, (row for one in worked for row in _meetings(key, one)))
    if fresh:
        _copy(ClientState, _STATE, (_state(key, one) for one in worked))
    else:
        _update_states(generation, worked)
        _release(generation, worked)
        _note_revisions(generation, worked, told, now)


def quarantine(generation: Generation, client_id: str, *, version: int, reason: str, now: datetime) -> None:
    """Notes that this client's events cannot be folded; what was told before stays."""
    row, made = Quarantine.objects.get_or_create(
        ledger_id=generation.ledger_id,
        generation=generation,
        client_id=client_id,
        defaults={"version": version, "reason": reason, "since": now},
    )
    if not made:
        row.version, row.reason, row.attempts = version, reason, row.attempts + 1
        row.save(update_fields=["version", "reason", "attempts"])


def drop(generation: Generation) -> None:
    """Deletes all rows of a generation that nobody reads, and itself."""
    for table in READ_TABLES:
        table._base_manager.filter(generation=generation).delete()
    generation.delete()


# ---------------------------------------------------------------------- what was told before


def _take_back(generation: Generation, worked: Sequence[Worked]) -> dict[str, list[Stored]]:
    """Deletes the rows that are about to be written anew; answers the periods among them, in order."""
    with event_store.together():
        periods = _delete_from(
            StagePeriod, generation, worked, {one.client_id: one.periods for one in worked}, f"RETURNING {_TOLD}"
        )
        _delete_from(Gap, generation, worked, {one.client_id: one.gaps for one in worked})
        _delete_named(Question, "event_id", "uuid[]", generation, worked)
        _delete_named(Meeting, "meeting_id", "text[]", generation, worked)
        told: dict[str, list[Stored]] = {}
        for client_id, falls, fades, since, *period in periods.fetchall() if periods else ():
            told.setdefault(client_id, []).append(Stored(_told(*period), falls, fades, from_us(since)))
    for of_client in told.values():
        of_client.sort(key=lambda stored: stored.period.begins_at)
    return told


# Instants as numbers of microseconds: datetimes would be made to be taken apart again.
_STAGE_SINCE, _BEGINS_AT, _ENDS_AT = (
    f"(extract(epoch FROM {name}) * 1000000)::bigint" for name in ("stage_since", "begins_at", "ends_at")
)
_TOLD = f"client_id::text, falls, fades, {_STAGE_SINCE}, stage, health, {_BEGINS_AT}, {_ENDS_AT}, rule, because::text"
_FOREVER_US = to_us(FOREVER)


def _told(stage: str, health: str, begins: int, ends: int, rule: str, because: str) -> Period:
    return Period(stage, health, begins, None if ends == _FOREVER_US else ends, rule, tuple(orjson.loads(because)))


def _delete_from(
    model: type[models.Model],
    generation: Generation,
    worked: Sequence[Worked],
    rows: dict[str, Sequence[Any]],
    returning: str = "",
) -> Any:
    """Deletes each client's rows from the first of its new ones on; all of them where it is worked out whole.

    Answers the cursor that gives what is `returning`; None when there was nothing to delete from."""
    cuts = [
        (one.client_id, FROM_THE_START if one.whole else from_us(rows[one.client_id][0].begins_at))
        for one in worked
        if one.whole or rows[one.client_id]
    ]
    if not cuts:
        return None
    clients, moments = zip(*cuts, strict=True)
    cursor = connection.cursor()
    cursor.execute(
        f'DELETE FROM "{model._meta.db_table}" old'
        " USING unnest(%s::uuid[], %s::timestamptz[]) AS cut (client, moment)"
        f" WHERE old.generation_id = %s AND old.client_id = cut.client AND old.begins_at >= cut.moment {returning}",
        [list(clients), list(moments), generation.pk],
    )
    return cursor


def _delete_named(
    model: type[Question] | type[Meeting],
    name: str,
    array: str,
    generation: Generation,
    worked: Sequence[Worked],
) -> None:
    """Deletes the rows that will be written again: by name, or all of a client that is worked out whole."""
    table = model._meta.db_table
    whole = [one.client_id for one in worked if one.whole]
    named = [
        (one.client_id, getattr(row, name))
        for one in worked
        if not one.whole
        for row in (one.questions if model is Question else one.meetings)
    ]
    with connection.cursor() as cursor:
        if whole:
            cursor.execute(
                f'DELETE FROM "{table}" WHERE generation_id = %s AND client_id = ANY(%s::uuid[])',
                [generation.pk, whole],
            )
        if named:
            clients, names = zip(*named, strict=True)
            cursor.execute(
                f'DELETE FROM "{table}" old USING unnest(%s::uuid[], %s::{array}) AS again (client, name)'
                f" WHERE old.generation_id = %s AND old.client_id = again.client AND old.{name} = again.name",
                [list(clients), list(names), generation.pk],
            )


def _release(generation: Generation, worked: Sequence[Worked]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f'DELETE FROM "{Quarantine._meta.db_table}" WHERE generation_id = %s AND client_id = ANY(%s::uuid[])',
            [generation.pk, [one.client_id for one in worked]],
        )


def _note_revisions(
    generation: Generation,
    worked: Sequence[Worked],
    told: dict[str, list[Stored]],
    now: datetime,
) -> None:
    found = []
    for one in worked:
        before = [stored.period for stored in told.get(one.client_id, [])]
        change = revised(before, one.periods, until=to_us(now)) if one.late else None
        if change is None:
            continue
        from_at, old, new = change
        found.append(
            Revision(
                ledger_id=generation.ledger_id,
                client_id=one.client_id,
                version=one.version,
                noted_at=now,
                from_at=from_us(from_at),
                cause=list(one.late[:CAUSES_KEPT]),
                before=[plain_period(period) for period in old],
                after=[plain_period(period) for period in new],
            )
        )
    if found:
        Revision.objects.bulk_create(found, ignore_conflicts=True)


def plain_period(period: Period) -> dict[str, Any]:
    """A period as JSON values, times as RFC 3339."""
    ends = None if period.ends_at is None else from_us(period.ends_at).isoformat().replace("+00:00", "Z")
    return {
        "stage": period.stage,
        "health": period.health,
        "begins_at": from_us(period.begins_at).isoformat().replace("+00:00", "Z"),
        "ends_at": ends,
        "rule": period.rule,
        "because": list(period.because),
    }


# ---------------------------------------------------------------------- rows

Row = tuple[Any, ...]
Key = tuple[int, int]

_KEY = "ledger_id, generation_id, client_id"
_PERIOD = f"{_KEY}, stage, health, begins_at, ends_at, stage_since, rule, because, falls, fades"
_GAP = (
    f"{_KEY}, begins_at, ends_at, opened_by, closed_by, covered_us, covered_until, spoken, two_way, ideas_ours,"
    " ideas_theirs, last_contact_at, longest_silence_us, acts, last_two_way_at, laid_from, carried_ours,"
    " carried_theirs, through_personal, through_brand, rhythm_us"
)
_QUESTION = (
    f"{_KEY}, event_id, asked_at, of_us, contact, target_at, missed_at, lapses_at, closed_at, closed_by, worked_us"
)
_MEETING = f"{_KEY}, meeting_id, status, starts_at, ends_at, held_at, mode, accepted, event_id"
_STATE_TYPES = {
    "projected_version": "bigint",
    "reached": "text",
    "reached_at": "timestamptz",
    "last_contact_at": "timestamptz",
    "marked_at": "timestamptz",
    "meetings_sum": "float8",
    "exchanges_sum": "float8",
    "half_life_meeting": "float8",
    "half_life_exchange": "float8",
    "marks": "jsonb",
    "actions": "jsonb",
    "ties": "jsonb",
    "handover": "jsonb",
    "fold": "text",
}
_STATE = f"{_KEY}, {', '.join(_STATE_TYPES)}"


def _periods(key: Key, one: Worked, told: list[Stored]) -> Iterator[Row]:
    before: Period | None = None
    falls = fades = False
    since = FROM_THE_START
    for period in one.periods:
        begins = from_us(period.begins_at)
        if before is not None:
            falls, fades = _worse(before, period)
            since = since if period.stage == before.stage else begins
        elif told and not one.whole:
            # The first one goes on from what is stored: what began it has not changed.
            falls, fades, since = told[0].falls, told[0].fades, told[0].stage_since
        else:
            since = begins
        yield (
            *key,
            one.client_id,
            period.stage,
            period.health,
            begins,
            FOREVER if period.ends_at is None else from_us(period.ends_at),
            since,
            period.rule,
            _json(period.because),
            falls,
            fades,
        )
        before = period


def _worse(before: Period, period: Period) -> tuple[bool, bool]:
    """Whether the stage falls and whether the health fades; ended is neither, it is said."""
    if "ended" in (before.stage, period.stage):
        return False, False
    return (
        RANK_OF_STAGE[period.stage] < RANK_OF_STAGE[before.stage],
        RANK_OF_HEALTH[period.health] > max(RANK_OF_HEALTH[before.health], RANK_OF_HEALTH["active"]),
    )


def _gaps(key: Key, one: Worked) -> Iterator[Row]:
    for gap in one.gaps:
        yield (
            *key,
            one.client_id,
            from_us(gap.begins_at),
            _moment(gap.ends_at),
            gap.opened_by,
            gap.closed_by,
            gap.covered,
            from_us(gap.covered_until),
            gap.spoken,
            gap.two_way,
            gap.ideas_ours,
            gap.ideas_theirs,
            from_us(gap.last_contact_at),
            gap.longest_silence,
            _json(gap.acts),
            _moment(gap.last_two_way_at),
            _moment(gap.laid_from),
            _json(gap.carried_ours),
            _json(gap.carried_theirs),
            gap.through_personal,
            gap.through_brand,
            gap.rhythm if one.fold is None or gap.ends_at is not None else one.fold.rhythm,
        )


def _questions(key: Key, one: Worked) -> Iterator[Row]:
    for question in one.questions:
        yield (
            *key,
            one.client_id,
            question.event_id,
            from_us(question.asked_at),
            question.of_us,
            question.contact,
            from_us(question.target_at),
            from_us(question.missed_at),
            from_us(question.lapses_at),
            _moment(question.closed_at),
            question.closed_by,
            question.worked,
        )


def _meetings(key: Key, one: Worked) -> Iterator[Row]:
    for meeting in one.meetings:
        yield (
            *key,
            one.client_id,
            meeting.meeting_id,
            meeting.status,
            _moment(meeting.starts_at),
            _moment(meeting.ends_at),
            _moment(meeting.held_at),
            meeting.mode,
            meeting.accepted,
            meeting.event_id,
        )


def _state(key: Key, one: Worked) -> Row:
    return (*key, one.client_id, *_state_values(one))


def _state_values(one: Worked) -> Row:
    fold, reached = one.fold, one.reached()
    if fold is None or reached is None:
        return (one.version, None, None, None, None, 0.0, 0.0, 1.0, 1.0, "[]", "[]", "[]", None, None)
    marks = fold.marks
    latest = marks[-1]
    return (
        one.version,
        reached[0],
        from_us(reached[1]),
        None if fold.last_contact is None else from_us(fold.last_contact[0]),
        from_us(latest.at),
        latest.meetings,
        latest.exchanges,
        latest.half_life_meeting,
        latest.half_life_exchange,
        _json([list(mark) for mark in marks]),
        _json([plain_action(action) for action in one.actions]),
        _json([plain_tie(fold, pair) for pair in fold.pairs]),
        None if fold.handover is None else _json(asdict(fold.handover)),
        one.saved(),
    )


def plain_action(action: Action) -> dict[str, Any]:
    """An action as JSON values; `action_of` takes it back."""
    return {
        "rule": action.rule,
        "rank": action.rank,
        "mark": action.mark,
        "key": action.key,
        "since": action.since,
        "until": action.until,
        "order": action.order,
        "events": action.events,
        "about": action.about,
    }


def plain_tie(fold: Fold, pair: str) -> dict[str, Any]:
    """One of ours and one of theirs, and what their terms add up to at the pair's last act.

    At t that is met · 2^(−age ÷ Hm) + talked · 2^(−age ÷ He): R, constant until the next event, is in `talked`.
    """
    ours, _, theirs = pair.partition(" ")
    at, met, talked = fold.pairs[pair]
    return {"ours": ours, "theirs": theirs, "at": at, "met": met, "talked": talked * (0.5 + 0.5 * fold.reciprocity())}


def _update_states(generation: Generation, worked: Sequence[Worked]) -> None:
    """Updates the locked state rows, in one round trip."""
    if not worked:
        return
    # One prepared statement, run for each: a long list of values takes the database longer to parse than to write.
    settings = ", ".join(f"{name} = %s::{kind}" for name, kind in _STATE_TYPES.items())
    with connection.cursor() as cursor:
        cursor.executemany(
            f'UPDATE "{ClientState._meta.db_table}" SET {settings} WHERE generation_id = %s AND client_id = %s::uuid',
            [(*_state_values(one), generation.pk, one.client_id) for one in worked],
        )


def _copy(model: type[models.Model], columns: str, rows: Iterable[Row]) -> None:
    """COPYs rows into a table, or inserts them where statements travel together; without rows, nothing is sent."""
    waiting = iter(rows)
    first = next(waiting, None)
    if first is None:
        return
    if connection.connection.pgconn.pipeline_status:
        with connection.cursor() as cursor:
            places = ", ".join(["%s"] * len(first))
            cursor.executemany(f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({places})', [first, *waiting])
        return
    statement = f'COPY "{model._meta.db_table}" ({columns}) FROM STDIN'
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write_row(first)
        for row in waiting:
            copy.write_row(row)


def _moment(instant: int | None) -> datetime | None:
    return None if instant is None else from_us(instant)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
