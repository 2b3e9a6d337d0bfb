"""Erasing a person: nothing readable is left anywhere, and everything that follows from the log stays as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from accounts.models import ApiKey
from accounts.roles import Role
from relationships import commands, event_store, queries, sealing
from relationships.commands import Forbidden, Invalid, NotFound
from relationships.commands.errors import ContactConflict
from relationships.domain.draft import Draft
from relationships.importers import ImportedRow, NamedClient, NamedPerson, Place
from relationships.ingest import Placed, keep
from relationships.models.capture import ImportRun, UnmatchedRow
from relationships.models.integrations import IdempotencyKey
from relationships.models.log import Event, PersonKey, SealedPart
from relationships.queries import ClientRow
from tests.api.caller import Caller
from tests.commands.cast import DAY, NOW, Cast, assemble

# Words that occur nowhere else.
NAME, ROLE, ADDRESS, FORMER, HANDLE = (
    "Quirina Zebulon",
    "Keeper of zithers",
    "quirina@zebulon.example",
    "q.former@zebulon.example",
    "quirina_z",
)
WORDS = "My zither is out of tune"
MARKS = ("quirina", "zebulon", "zither")


@pytest.fixture
def cast(db: None) -> Cast:
    return assemble()


@pytest.fixture
def client(cast: Cast) -> ClientRow:
    return cast.client(now=NOW - 200 * DAY, external_ids=[{"source": "crm", "id": "1"}])


@pytest.fixture
def quirina(cast: Cast, client: ClientRow) -> str:
    """A person with a history: asked, answered, met, corrected; another handle before."""
    made = commands.add_contact(
        cast.system, client.id, name=NAME, role=ROLE, handles=[{"platform": "email", "handle": FORMER}], now=NOW - DAY
    )
    handles = [{"platform": "email", "handle": ADDRESS}, {"platform": "LinkedIn", "handle": "@" + HANDLE}]
    commands.update_contact(cast.system, made.id, {"handles": handles}, now=NOW - DAY)
    who: dict[str, Any] = {"channel": "email", "contacts": [ADDRESS]}
    cast.record(client, "question_asked", NOW - 90 * DAY, text=WORDS, source="mail", external_id="1", **who)
    cast.record(client, "question_answered", NOW - 89 * DAY, text="We tune zithers", in_reply_to="1", **who)
    held = cast.record(
        client, "meeting_held", NOW - 60 * DAY, mode="in_person", place="Zither hall", contacts=[ADDRESS]
    )
    cast.record(
        client,
        "event_corrected",
        NOW,
        if_match=queries.client(cast.system, client.id, now=NOW).version,
        event_id=held.event.event_id,
        reason="Quirina says it was the day before",
        occurred_at=(NOW - 61 * DAY).isoformat(),
    )
    cast.record(client, "message_sent", NOW - 50 * DAY, direction="inbound", contacts=["bob@b.example"], text="Bob's")
    return made.id


def everything(folder: Path | None = None) -> Iterator[tuple[str, str]]:
    """Every row of every table as text, with hexadecimal for bytes: (table, row)."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            for (row,) in cursor.fetchall():
                yield table, row


def readable() -> set[str]:
    """The tables in which a mark of the person can be read; what is encrypted is opened with all keys there are."""
    marks = [*MARKS, *(mark.encode().hex() for mark in MARKS)]
    found = {table for table, row in everything() if any(mark in row.casefold() for mark in marks)}
    for ledger_id, event_id in SealedPart.objects.values_list("ledger_id", "event_id"):
        opened = sealing.open_parts(ledger_id, [str(event_id)])
        if any(mark in str(opened).casefold() for mark in MARKS):
            found.add("sealed parts")
    for key in IdempotencyKey.objects.exclude(answer=None):
        answer = sealing.open_answer(str(key.pk), bytes(key.answer or b"")).decode()
        if any(mark in answer.casefold() for mark in MARKS):
            found.add("answers")
    return found


def answers(cast: Cast, client: ClientRow) -> list[dict[str, Any]]:
    """What every question about the client is answered, but for what the erasure itself adds to the log."""
    told = [
        asdict(query(cast.system, client.id, now=NOW, as_of=NOW))
        for query in (queries.stage, queries.timeline, queries.strength, queries.gaps)
    ]
    return [rounded({name: value for name, value in one.items() if name != "position"}) for one in told]


def rounded(value: Any) -> Any:
    """Numbers to twelve places: sums that fade in one step more may differ in their last bit."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    return round(value, 12) if isinstance(value, float) else value


def test_nothing_readable_is_left_and_nothing_else_changes(cast: Cast, client: ClientRow, quirina: str) -> None:
    _, secret = ApiKey.issue(organisation=cast.organisation, name="t", scopes=("*",), now=NOW)
    note = {"type": "note_added", "occurred_at": "2026-05-01T00:00:00Z", "text": WORDS, "data": {"contacts": [quirina]}}
    Caller(secret).post("/clients/crm:1/events", note, Idempotency_Key="k1")
    other = {"type": "note_added", "occurred_at": "2026-05-01T00:00:00Z", "text": f"Write to {ADDRESS.upper()}"}
    Caller(secret).post("/clients/crm:1/events", other, Idempotency_Key="k2")
    # Somebody else's words stay in the log, whoever they mention.
    commands.retract_event(
        cast.system,
        client.id,
        queries.client_events(cast.system, client.id, limit=1).rows[0].event_id,
        reason="A mistake",
        if_match=queries.client(cast.system, client.id, now=NOW).version,
        now=NOW,
    )
    assert readable() >= {"relationships_contact", "relationships_contacthandle", "sealed parts", "answers"}
    before, verified = answers(cast, client), event_store.verify(cast.ledger_id)
    log = list(Event.objects.order_by("position").values())

    erased = commands.erase_person(cast.system, quirina, reason="Asked for by letter", now=NOW)

    assert readable() == {"sealed parts"}  # the note of k2, which is the client's
    destroyed = erased.destroyed
    assert (destroyed.keys, destroyed.handles, destroyed.answers, destroyed.unmatched) == (1, 2, 2, 0)
    # added, updated, question, answer, meeting's place, correction's reason, note
    assert destroyed.texts == 7
    assert answers(cast, client) == before
    assert list(Event.objects.filter(position__lte=len(log)).order_by("position").values()) == log
    verdict = event_store.verify(cast.ledger_id)
    assert verdict.problem is None
    assert verdict.events == verified.events + 1
    assert event_store.verify_stream(cast.ledger_id, client.id).intact
    [event] = Event.objects.filter(type="person_erased")
    assert len(event.data["handle_macs"]) == 3
    assert queries.event(cast.system, str(event.pk)).data["reason"] == "Asked for by letter"
    row = queries.contact(cast.system, quirina)
    assert (row.name, row.role, row.handles, row.erased_at) == (None, None, (), NOW)


def test_what_a_repeated_request_gets_no_longer_holds_them(cast: Cast, client: ClientRow) -> None:
    _, secret = ApiKey.issue(organisation=cast.organisation, name="t", scopes=("*",), now=NOW)
    api, contact = Caller(secret), {"client": client.id, "name": NAME, "handles": [{"platform": "x", "handle": HANDLE}]}
    made = api.post("/contacts", contact, Idempotency_Key="k")
    commands.erase_person(cast.system, made.body["id"], now=NOW)
    again = api.post("/contacts", contact, Idempotency_Key="k")
    assert (again.status, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.body == {**made.body, "name": None, "handles": []}


@pytest.mark.parametrize("address", [ADDRESS, FORMER, {"platform": "linkedin", "handle": HANDLE.upper(), "name": NAME}])
def test_whoever_names_them_again_means_the_pseudonym(
    cast: Cast, client: ClientRow, quirina: str, address: Any
) -> None:
    commands.erase_person(cast.system, quirina, now=NOW)
    said: dict[str, Any] = {"direction": "inbound", "contacts": [address], "text": WORDS}
    one = cast.record(client, "message_sent", NOW, **said).event
    item = {"client_id": client.id, "type": "message_sent", "occurred_at": NOW, "text": WORDS}
    many = commands.record_events(
        cast.system, [{**item, "data": {"direction": "inbound", "contacts": [address]}}], now=NOW
    )
    assert many[0].appended is not None
    for event in (one, many[0].appended.event):
        assert event.data["contacts"] == [quirina]
        assert event.sealed_digest is None
    assert readable() == set()
    # At another client the address is nobody's yet.
    other = cast.client("Harbour Joinery")
    assert cast.record(other, "message_sent", NOW, **said).event.data["contacts"] != [quirina]


def test_nobody_gives_them_their_handle_back(cast: Cast, client: ClientRow, quirina: str) -> None:
    commands.erase_person(cast.system, quirina, now=NOW)
    handles = [{"platform": "email", "handle": ADDRESS}]
    with pytest.raises(ContactConflict, match="erased"):
        commands.add_contact(cast.system, client.id, name="Somebody", handles=handles, now=NOW)
    with pytest.raises(Invalid):
        commands.update_contact(cast.system, quirina, {"name": NAME}, now=NOW)
    other = commands.add_contact(cast.system, client.id, name="Bob", now=NOW)
    with pytest.raises(ContactConflict):
        commands.update_contact(cast.system, other.id, {"handles": handles}, now=NOW)


def test_rows_without_a_client_that_name_them_go_and_do_not_come_back(
    cast: Cast, client: ClientRow, quirina: str
) -> None:
    run = ImportRun.objects.create(
        id=client.id, ledger_id=cast.ledger_id, format="csv", file="f", source="crm", started_by="t", started_at=NOW
    )

    def row(number: int, **person: str) -> Placed:
        draft = Draft(type="message_sent", occurred_at=NOW, data={}, source="crm", external_id=str(number), text="x")
        named = NamedClient(name="Nobody Ltd")
        imported = ImportedRow(Place("f", number), draft, (named,), (), (NamedPerson(**person),), "Nobody Ltd")
        return Placed(imported, named, None, reason="unknown")

    rows = [row(1, email=ADDRESS.upper()), row(2, email="bob@b.example"), row(3, platform="LinkedIn", handle=HANDLE)]
    keep(run, rows, now=NOW)
    assert UnmatchedRow.objects.count() == 3
    assert commands.erase_person(cast.system, quirina, now=NOW).destroyed.unmatched == 2
    keep(run, rows, now=NOW)
    assert [row.external_id for row in UnmatchedRow.objects.all()] == ["2"]


def test_erasing_again_destroys_nothing_and_says_the_same(cast: Cast, quirina: str) -> None:
    first = commands.erase_person(cast.system, quirina, now=NOW)
    again = commands.erase_person(cast.system, quirina, now=NOW + DAY)
    assert (again.erased_at, again.event_id) == (first.erased_at, first.event_id)
    assert set(asdict(again.destroyed).values()) == {0}
    assert Event.objects.filter(type="person_erased").count() == 1


def test_somebody_without_words_is_erased_too(cast: Cast, client: ClientRow) -> None:
    event = cast.record(client, "reaction_added", NOW, direction="inbound", contacts=[ADDRESS]).event
    commands.erase_person(cast.system, event.data["contacts"][0], now=NOW)
    assert readable() == set()
    assert PersonKey.objects.get(subject=event.data["contacts"][0]).wrapped is None


def test_the_same_address_elsewhere_is_told(cast: Cast, quirina: str) -> None:
    other = cast.client("Harbour Joinery")
    handles = [{"platform": "email", "handle": ADDRESS}]
    same = commands.add_contact(cast.system, other.id, name=NAME, handles=handles, now=NOW)
    assert commands.erase_person(cast.system, quirina, now=NOW).elsewhere == (same.id,)


def test_who_may(cast: Cast, client: ClientRow, quirina: str) -> None:
    admin, auditor = cast.user("Ada", Role.ADMINISTRATOR), cast.user("Otto", Role.AUDITOR)
    owner = cast.user("Max", Role.ACCOUNT_MANAGER)
    commands.assign_owner(cast.system, client.id, "max@acme.example", now=NOW)
    for somebody in (auditor, owner):
        with pytest.raises(Forbidden):
            commands.erase_person(somebody, quirina, now=NOW)
    with pytest.raises(NotFound):
        commands.erase_person(assemble("rival").system, quirina, now=NOW)
    for reason in ("", "\0", "x" * 1001, 7):
        with pytest.raises(Invalid):
            commands.erase_person(admin, quirina, reason=reason, now=NOW)  # type: ignore[arg-type]
    assert commands.erase_person(admin, quirina, now=NOW).destroyed.keys == 1


def test_no_file_of_ours_holds_them(quirina: str) -> None:
    for file in Path(settings.DATA_DIR).rglob("*.eml"):
        assert not any(mark in file.read_text(errors="replace").casefold() for mark in MARKS), file
