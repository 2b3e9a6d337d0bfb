"""Who is who, what is planned and what is open: our people, contacts, meetings, questions."""

from __future__ import annotations

from django.http import StreamingHttpResponse
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import security
from relationships import commands, queries
from relationships.domain.fields import FieldError, unknown_field
from relationships.exports import person_json
from relationships.queries import agenda, answering
from relationships.queries.changes import seen

from .. import parameters, requests
from ..conditions import etag, expected_version
from ..errors import invalid
from ..idempotency import idempotent
from ..operations import JSON, Body, answer, operation, page_of
from ..parameters import CLIENT, LIMIT, OWNER, PAGE, SINCE, TEAM, UNTIL, Parameter, choice, flag, word
from ..resource import Resource
from ..serializers.roster import (
    ContactSerializer,
    ErasureSerializer,
    MeetingSerializer,
    PersonExportSerializer,
    PersonSerializer,
    QuestionSerializer,
    QuestionStatisticsSerializer,
)


class People(Resource):
    @operation(
        "list_people",
        "Our people",
        tag="roster",
        scope="clients:read",
        parameters=PAGE,
        replies={200: page_of(PersonSerializer, "A page of our people, by name.")},
    )
    def get(self, request: Request) -> Response:
        return self.paged(queries.people(self.principal, **self.asked), PersonSerializer)


class Contacts(Resource):
    @operation(
        "list_contacts",
        "The people at the clients",
        tag="roster",
        scope="clients:read",
        description="Without the scope text:read names and handles are left out, and `q` and `handle` find nothing.",
        parameters=(
            CLIENT,
            Parameter("q", "A part of the name or of a handle.", *word()),
            Parameter(
                "handle", "With this e-mail address, or `platform:handle`.", *word(), example="ann@nordlicht.example"
            ),
            Parameter("left", "Those who left their client, or those who did not.", *flag()),
            Parameter("erased", "Those who were erased, or those who were not.", *flag()),
            *PAGE,
        ),
        replies={200: page_of(ContactSerializer, "A page of contacts.")},
    )
    def get(self, request: Request) -> Response:
        return self.paged(queries.contacts(self.principal, **self.asked), ContactSerializer)

    @operation(
        "add_contact",
        "Add a person to a client",
        tag="roster",
        scope="clients:write",
        description="A handle that somebody else at the client has is a conflict: `contact_id` says who.",
        request=(Body(requests.CONTACT_IN, {"a buyer": requests.CONTACT_EXAMPLE}, name="ContactIn"),),
        replies={201: answer(ContactSerializer, "The person was added.", "Location", "ETag")},
        problems=("not_found", "conflict"),
    )
    @idempotent
    def post(self, request: Request) -> Response:
        known = requests.CONTACT_FIELDS
        errors = [unknown_field(f"/{name}", name, known) for name in self.body if name not in known]
        details = dict(self.body)
        client = details.pop("client", None)
        if not isinstance(client, str):
            errors.append(FieldError("/client", "required", "Where they work: an id or `source:external id`."))
        handles = details.pop("handles", None)
        if handles is not None and not isinstance(handles, list):
            errors.append(FieldError("/handles", "wrong_type", "A list of {platform, handle}."))
        if errors:
            raise invalid(errors)
        contact = commands.add_contact(
            self.principal, client, **details, handles=handles or (), now=self.now, request_id=self.request_id
        )
        address = request.build_absolute_uri(reverse("contact", args=[contact.id]))
        headers = {"Location": address, "ETag": etag(_version(self, contact))}
        return Response(ContactSerializer.written(contact), status=201, headers=headers)


class Contact(Resource):
    @operation(
        "get_contact",
        "One contact",
        tag="roster",
        scope="clients:read",
        description="The `ETag` is that of the client's version.",
        replies={200: answer(ContactSerializer, "The contact.", "ETag")},
    )
    def get(self, request: Request, id: str) -> Response:
        contact = queries.contact(self.principal, id)
        return Response(ContactSerializer.written(contact), headers={"ETag": etag(_version(self, contact))})

    @operation(
        "update_contact",
        "Change a contact's details",
        tag="roster",
        scope="clients:write",
        description=(
            "What differs becomes an event of the client. `handles` replaces all of them; `left_at` says since when "
            "the person is gone."
        ),
        request=(
            Body(requests.CONTACT_CHANGES, {"another role": {"role": "Managing director"}}, name="ContactChanges"),
        ),
        replies={200: answer(ContactSerializer, "The contact as it is now.", "ETag")},
        conditions=("If-Match",),
        problems=("conflict", "precondition_failed", "precondition_required"),
    )
    def patch(self, request: Request, id: str) -> Response:
        before = queries.contact(self.principal, id)
        if_match = expected_version(request, lambda: _version(self, before))
        if if_match is None:
            raise commands.PreconditionRequired
        contact = commands.update_contact(
            self.principal, id, self.body, if_match=if_match, now=self.now, request_id=self.request_id
        )
        return Response(ContactSerializer.written(contact), headers={"ETag": etag(_version(self, contact))})


def _version(view: Resource, contact: queries.ContactRow) -> int:
    """A contact is part of its client's stream, and as new as that."""
    return seen(view.principal, contact.client_id, now=view.now).version


class ContactErasure(Resource):
    @operation(
        "erase_contact",
        "Erase a person, for good",
        tag="roster",
        scope="clients:write",
        description=(
            "Destroys the key under which their words are sealed, and clears name, role, handles and every copy. What "
            "happened, when and by which channel stays under a pseudonym, so stages, strength and the hash chain stay "
            "as they were. Whoever names one of their handles at this client again means the pseudonym. **It cannot "
            "be undone**; export first. Signed-in people have to be administrators."
        ),
        request=(
            Body(requests.ERASE_IN, {"on request": {"reason": "Asked for by letter of 20 November"}}, name="ErasureIn"),
        ),
        body_needed=False,
        replies={200: answer(ErasureSerializer, "They are erased, now or before.")},
        problems=("forbidden",),
    )
    @idempotent
    def post(self, request: Request, id: str) -> Response:
        known = requests.ERASE_FIELDS
        if unknown := [unknown_field(f"/{name}", name, known) for name in self.body if name not in known]:
            raise invalid(unknown)
        erasure = commands.erase_person(
            self.principal, id, reason=self.body.get("reason"), now=self.now, request_id=self.request_id
        )
        return Response(ErasureSerializer.written(erasure))


class ContactExport(Resource):
    @operation(
        "export_contact",
        "Everything that is recorded about a person",
        tag="roster",
        scope="text:read",
        description=(
            "For a request by the person (GDPR, articles 15 and 20): who they are, every event that names them with "
            "its words and its corrections, their questions, meetings and ties, and rows of imports that wait for a "
            "client. It streams, and ends with the counts: a document without `counts` is not whole."
        ),
        replies={200: answer(PersonExportSerializer, "All of it.")},
    )
    def get(self, request: Request, id: str) -> StreamingHttpResponse:
        record = queries.person(self.principal, id, now=self.now)
        name = f'attachment; filename="person-{record.contact.pk}.json"'
        security.note_export(f"contact:{record.contact.pk}", "json", now=self.now, principal=self.principal)
        return StreamingHttpResponse(person_json(record), content_type=JSON, headers={"Content-Disposition": name})


class Meetings(Resource):
    @operation(
        "list_meetings",
        "Meetings: planned, cancelled, held, missed",
        tag="agenda",
        scope="clients:read",
        parameters=(
            CLIENT,
            Parameter("status", "Of which this became.", *choice(agenda.STATUSES), example="planned"),
            SINCE,
            UNTIL,
            parameters.sort(agenda.MEETING_SORTS, "at"),
            *PAGE,
        ),
        replies={200: page_of(MeetingSerializer, "A page of meetings.")},
    )
    def get(self, request: Request) -> Response:
        return self.paged(queries.meetings(self.principal, now=self.now, **self.asked), MeetingSerializer)


_WHOSE = (
    CLIENT,
    OWNER,
    TEAM,
    Parameter("of_us", "true: asked of us; false: asked in public.", *flag()),
)


class Questions(Resource):
    @operation(
        "list_questions",
        "Questions of theirs",
        tag="agenda",
        scope="clients:read",
        description="Those most overdue first. Open ones, overdue and missed ones among them, unless `state` is given.",
        parameters=(
            Parameter("state", "Overdue takes missed ones in.", *choice(agenda.STATES), example="overdue"),
            *_WHOSE,
            parameters.sort(agenda.QUESTION_SORTS, "target_at"),
            *PAGE,
        ),
        replies={200: page_of(QuestionSerializer, "A page of questions.")},
    )
    def get(self, request: Request) -> Response:
        return self.paged(queries.questions(self.principal, now=self.now, **self.asked), QuestionSerializer)


class QuestionStatistics(Resource):
    @operation(
        "get_question_statistics",
        "How soon questions are answered",
        tag="agenda",
        scope="clients:read",
        description=(
            "Of the questions asked within the window, the last 90 days unless given: how many were answered, how many "
            "in time, and how long it took. What is open now, and the debt, count whenever asked. Below the minimum of "
            "answered questions times and shares are null: unknown."
        ),
        parameters=(
            *_WHOSE,
            SINCE,
            UNTIL,
            Parameter("by", "Adds groups.", *choice(answering.GROUPS), example="owner"),
            LIMIT,
        ),
        replies={200: answer(QuestionStatisticsSerializer, "The figures.")},
    )
    def get(self, request: Request) -> Response:
        told = queries.question_statistics(self.principal, now=self.now, **self.asked)
        return Response(QuestionStatisticsSerializer.written(told))
