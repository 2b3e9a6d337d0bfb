"""Everything that is recorded about one person: what they may ask to see (GDPR, articles 15 and 20)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from accounts.models import Organisation
from accounts.roles import Principal
from relationships import sealing
from relationships.domain.facts import CORRECTED, RETRACTED
from relationships.domain.identity import normal_handle
from relationships.models.log import Event
from relationships.models.projections import Meeting, Question
from relationships.models.roster import Contact, ContactHandle

from .agenda import meeting_row, question_row
from .errors import NotFound
from .events import recorded, rows_of
from .knowing import Tie, ties
from .roster import contact_row, find_contact
from .rows import ContactRow, EventRow, MeetingRow, QuestionRow
from .scope import Scope, scope_of
from .unmatched import unmatched_naming

# A person's details and handles, as they were stated over time.
DETAILS = ("contact_added", "contact_updated")
_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class UnplacedRow:
    """A row of an import that names the person and found no client; it is dropped at `expires_at`."""

    source: str
    external_id: str
    type: str
    occurred_at: datetime
    expires_at: datetime
    data: dict[str, Any]
    text: str | None


@dataclass(slots=True)
class PersonRecord:
    """What is recorded about a person. The parts are read while they are iterated, in this order, each once.

    Texts are those that the principal may read; of an erased person there are none.
    """

    scope: Scope
    contact: Contact
    now: datetime
    organisation: str
    # Of the meetings that events name, filled while these are read.
    meeting_ids: set[str]

    @property
    def person(self) -> ContactRow:
        """Who they are."""
        return contact_row(self.scope, self.contact)

    def events(self) -> Iterator[EventRow]:
        """Every event that names them, with its corrections and what these correct, in the order of the log."""
        named = Q(body_text__contains=str(self.contact.pk)) | Q(pk__in=self._lineages())
        after = 0
        while True:
            page = list(self._stream().filter(named, version__gt=after).order_by("version")[:_AT_ONCE])
            for row in rows_of(self.scope, [recorded(event) for event in page]):
                self.meeting_ids.add(str(row.data.get("meeting_id") or row.event_id))
                yield row
            if len(page) < _AT_ONCE:
                return
            after = page[-1].version

    def _stream(self) -> Any:
        events = Event.objects.filter(ledger_id=self.scope.ledger_id, stream_id=self.contact.client_id)
        return events.annotate(body_text=Cast("body", TextField()))

    def _lineages(self) -> set[str]:
        """The members of every line of corrections of which one names the person: few, as corrections are."""
        before: dict[str, str] = {}
        naming: set[str] = set()
        amendments = self._stream().filter(type__in=(CORRECTED, RETRACTED)).order_by("version")
        for event_id, supersedes, body in amendments.values_list("pk", "supersedes", "body_text"):
            before[str(event_id)] = str(supersedes)
            if str(self.contact.pk) in body:
                naming.add(str(event_id))
        roots = {event_id: _root(event_id, before) for event_id in before}
        facts = self._stream().filter(pk__in=set(roots.values()), body_text__contains=str(self.contact.pk))
        chosen = {roots[event_id] for event_id in naming} | {str(pk) for pk in facts.values_list("pk", flat=True)}
        return {event_id for event_id, root in roots.items() if root in chosen} | chosen

    def questions(self) -> Iterator[QuestionRow]:
        """What they asked."""
        asked = Question.objects.filter(generation_id=self.scope.generation_id, contact=str(self.contact.pk))
        mine = asked.filter(client=self.contact.client_id).order_by("asked_at")
        return (question_row(row, self.contact.client, self.now) for row in mine.iterator(chunk_size=_AT_ONCE))

    def meetings(self) -> Iterator[MeetingRow]:
        """The meetings of those events."""
        known = Meeting.objects.filter(
            generation_id=self.scope.generation_id,
            client=self.contact.client_id,
            meeting_id__in=self.meeting_ids,
        )
        for row in known.order_by("pk").iterator(chunk_size=_AT_ONCE):
            if (told := meeting_row(row, self.contact.client)) is not None:
                yield told

    def ties(self) -> Iterator[Tie]:
        """Who of us knows them, and how well."""
        try:
            found = ties(self.scope.principal, str(self.contact.client_id), now=self.now).data
        except NotFound:
            found = ()
        return (tie for tie in found if tie.contact_id == str(self.contact.pk))

    def unplaced(self) -> Iterator[UnplacedRow]:
        """Rows of imports that name them and found no client, for those who see the whole organisation."""
        if self.scope.principal.sight != "all" or not self.scope.principal.reads_text:
            return
        handles = handles_ever(self.scope.ledger_id, self.contact)
        for row, content in unmatched_naming(self.scope.ledger_id, handles, now=self.now):
            yield UnplacedRow(
                source=row.source,
                external_id=row.external_id,
                type=row.type,
                occurred_at=row.occurred_at,
                expires_at=row.expires_at,
                data=content["draft"]["data"],
                text=content["draft"]["text"],
            )


def person(principal: Principal, contact_id: str, *, now: datetime) -> PersonRecord:
    """What is recorded about a contact. Raises NotFound."""
    scope = scope_of(principal)
    contact = find_contact(scope, contact_id)
    organisation = Organisation.objects.values_list("name", flat=True).get(pk=principal.organisation_id)
    return PersonRecord(scope, contact, now, organisation, set())


def handles_ever(ledger_id: int, contact: Contact) -> frozenset[tuple[str, str]]:
    """The handles of a contact, of today and of earlier days, in normal form, as (platform, handle)."""
    handles = set(ContactHandle.objects.filter(contact=contact).values_list("platform", "handle"))
    stated = Event.objects.filter(ledger_id=ledger_id, stream_id=contact.client_id, type__in=DETAILS)
    named = stated.annotate(body_text=Cast("body", TextField())).filter(body_text__contains=str(contact.pk))
    for details in sealing.open_parts(ledger_id, [str(pk) for pk in named.values_list("pk", flat=True)]).values():
        for one in details.get("handles", ()):
            platform = one["platform"].strip().casefold()
            handles.add((platform, normal_handle(platform, one["handle"])))
    return frozenset(handles)


def _root(event_id: str, before: dict[str, str]) -> str:
    while event_id in before:
        event_id = before[event_id]
    return event_id
