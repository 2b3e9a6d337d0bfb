"""Events as people read them: who did what and when, with the corrections that hold now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime

from accounts.models import User
from accounts.roles import Principal
from relationships import queries
from relationships.admin import words
from relationships.admin.screens import act_url, client_url
from relationships.domain.events import EVENT_TYPES
from relationships.queries.rows import ClientRow, ContactRow, EventRow, PersonRow

AMENDING = ("event_corrected", "event_retracted")
LATE = timedelta(days=1)

# What is told elsewhere on the card, or tells people nothing.
UNSAID = {
    "contacts",
    "our_people",
    "direction",
    "text",
    "line",
    "reason",
    "event_id",
    "thread",
    "in_reply_to",
    "mode",
    "meeting_id",
    "our_account",
    "their_account",
    "data",
    "occurred_at",
    "precision",
    "answer",
    "handles",
    "handle_macs",
    "channel",
    "commitment_id",
    "contact_id",
    "ends_at",
    "external_ids",
}
LABELS = {"starts_at": "for", "new_starts_at": "now on", "topics": "about"}
COLLEAGUES = ("owner", "previous", "from_colleague", "to_colleague")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Who is who on a client's page. Readers without personal text get no names of contacts."""

    client: str
    theirs: Mapping[str, str]
    ours: Mapping[str, str]
    recorders: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """A correction or a retraction of an event; `before` says what a correction replaced."""

    word: str
    at: datetime
    by: str
    reason: str
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An event as it is shown. `hidden` says why there is no text where there is one, `late` that we learnt later."""

    id: str
    type: str
    kind: str
    way: str
    icon: str
    title: str
    text: str
    hidden: str
    details: tuple[tuple[str, str], ...]
    when: str
    at: datetime
    late: bool
    recorded_at: datetime
    recorded_by: str
    source: str | None
    retracted: bool
    lineage: tuple[Amendment, ...]
    correct_url: str | None
    retract_url: str | None


def names_for(
    principal: Principal,
    client: ClientRow,
    events: Iterable[EventRow],
    contacts: Iterable[ContactRow],
    people: Iterable[PersonRow],
) -> Names:
    """The names that these events need: one query, for the logins that recorded them."""
    labels = {event.recorded_by for event in events}
    users = [int(label[5:]) for label in labels if label.startswith("user:") and label[5:].isdecimal()]
    found = User.objects.filter(organisation=principal.organisation_id, pk__in=users)
    return Names(
        client=client.name,
        theirs={contact.id: contact.name for contact in contacts if contact.name},
        ours={person.id: person.name or person.email or "" for person in people},
        recorders={f"user:{user.pk}": str(user) for user in found},
    )


def amendments(principal: Principal, client_id: str, events: Sequence[EventRow]) -> dict[str, list[EventRow]]:
    """The corrections and retractions of these events, oldest first, by the fact that they speak of."""
    if not any(event.superseded_by or event.type in AMENDING for event in events):
        return {}
    rows = [
        row
        for type in AMENDING
        for row in queries.client_events(principal, client_id, type=type, sort="version", limit=500).rows
    ]
    by_id = {row.event_id: row for row in rows}
    lineages: dict[str, list[EventRow]] = {}
    for row in sorted(rows, key=lambda one: one.version):
        fact = str(row.data.get("event_id"))
        while fact in by_id:
            fact = str(by_id[fact].data.get("event_id"))
        lineages.setdefault(fact, []).append(row)
    return lineages


def card(
    event: EventRow, names: Names, lineage: Sequence[EventRow] = (), *, text_hidden: bool, may_write: bool
) -> Card:
    """One event, as it holds now."""
    data, at, precision = event.data, event.occurred_at, event.precision
    told: list[Amendment] = []
    retracted = False
    for row in lineage:
        before = ""
        if row.type == "event_retracted":
            retracted = True
        else:
            then = data, at, precision
            data = row.data.get("data") or data
            at = parse_datetime(str(row.data.get("occurred_at") or "")) or at
            precision = row.data.get("precision") or precision
            before = _replaced(event, then, (data, at, precision), names)
        told.append(
            Amendment(
                word="Retracted" if row.type == "event_retracted" else "Corrected",
                at=row.recorded_at,
                by=recorder(row.recorded_by, names),
                reason=str(row.data.get("reason") or ""),
                before=before,
            )
        )
    kind = kind_of(event.type)
    amendable = may_write and not retracted and kind != "about" and kind and EVENT_TYPES[event.type].postable
    assert event.client_id is not None
    return Card(
        id=event.event_id,
        type=event.type,
        kind=kind,
        way=words.way(data),
        icon=words.look(event.type).icon,
        title=_title(event, data, names),
        text=_text(event, data),
        hidden=_hidden(event, data, text_hidden),
        details=tuple(_details(data, names)),
        when=words.when(at, precision, event.occurred_tz),
        at=at,
        late=event.recorded_at - event.occurred_at > LATE,
        recorded_at=event.recorded_at,
        recorded_by=recorder(event.recorded_by, names),
        source=event.source if event.source not in ("admin", event.recorded_by.removeprefix("system:")) else None,
        retracted=retracted,
        lineage=tuple(reversed(told)),
        correct_url=act_url("correct", event.client_id, event.event_id) if amendable else None,
        retract_url=act_url("retract", event.client_id, event.event_id) if amendable else None,
    )


def kind_of(type: str) -> str:
    """The family of a type; empty for one that this program does not know (any more)."""
    return EVENT_TYPES[type].kind if type in EVENT_TYPES else ""


def recorder(label: str, names: Names) -> str:
    """Who recorded an event: a person by name, a key or the program by its label."""
    return names.recorders.get(label) or label.replace("key:", "API key ").replace("system:", "")


Told = tuple[Mapping[str, Any], datetime, str]


def _replaced(event: EventRow, then: Told, now: Told, names: Names) -> str:
    """What a correction took the place of: the moment, and the details that are otherwise now."""
    said = []
    if then[1:] != now[1:]:
        said.append(words.when(then[1], then[2], event.occurred_tz))
    changed = {name: value for name, value in then[0].items() if value != now[0].get(name)}
    if {"contacts", "our_people", "direction", "mode"} & set(changed):
        said.append(_title(event, then[0], names))
    said += [f"{label} {value}".strip() for label, value in _details(changed, names)]
    return ", ".join(said)


def _named(ids: Any, names: Mapping[str, str]) -> list[str]:
    return [names[one] for one in ids or () if one in names]


def _title(event: EventRow, data: Mapping[str, Any], names: Names) -> str:
    theirs, ours = _named(data.get("contacts"), names.theirs), _named(data.get("our_people"), names.ours)
    return words.title(event.type, data, theirs, ours, names.client)


def _text(event: EventRow, data: Mapping[str, Any]) -> str:
    own = [data.get("line"), event.text, data.get("reason")]
    return "\n".join(dict.fromkeys(str(one) for one in own if one))


def _hidden(event: EventRow, data: Mapping[str, Any], text_hidden: bool) -> str:
    if not event.sealed or event.text:
        return ""
    if text_hidden:
        return "There is personal text, which auditors do not read."
    sealed = EVENT_TYPES[event.type].sealed if event.type in EVENT_TYPES else ()
    return "" if any(name.split(".")[0] in event.data for name in sealed) else "The personal text was erased."


def _details(data: Mapping[str, Any], names: Names) -> Iterable[tuple[str, str]]:
    """What else is told, as (label, words); the label is empty where the words speak for themselves."""
    if channel := words.CHANNELS.get(data.get("channel", "")):
        platform = data.get("platform")
        yield "", f"{channel} on {platform}" if platform else channel
    if data.get("our_account") == "brand":
        yield "", "through our brand account"
    for name, value in data.items():
        if name in UNSAID or name == "platform" or value in (None, "", []):
            continue
        if name in COLLEAGUES:
            yield name.replace("_", " "), names.ours.get(str(value), "somebody who is not known here")
        elif said := _said(name, value):
            yield LABELS.get(name, name.replace("_", " ")), said


def _said(name: str, value: Any) -> str:
    if isinstance(value, str):
        if name.endswith("_at") and (moment := parse_datetime(value)):
            return words.when(moment, "instant", "UTC")
        return words.OUTCOMES.get(value, value) if name == "outcome" else value
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int | float):
        return f"{value:g}"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return ""


def latest_line(event: EventRow, client_name: str) -> dict[str, Any]:
    """An event as a line on the home page, without names."""
    assert event.client_id is not None
    return {
        "icon": words.look(event.type).icon,
        "kind": kind_of(event.type),
        "way": words.way(event.data),
        "client": client_name,
        "client_url": client_url(event.client_id, event.event_id),
        "title": words.title(event.type, event.data, (), (), "they"),
        "at": event.occurred_at,
    }
