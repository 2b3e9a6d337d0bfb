"""Who is who, what is planned and what is open: our people, contacts, meetings, questions."""

from __future__ import annotations

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from relationships import commands, queries
from relationships.domain.fields import FieldError, unknown_field
from relationships.queries import agenda, answering

from .. import parameters, requests
from ..errors import invalid
from ..idempotency import idempotent
from ..operations import Body, answer, operation, page_of
from ..parameters import CLIENT, LIMIT, OWNER, PAGE, SINCE, TEAM, UNTIL, Parameter, choice, flag, word
from ..resource import Resource
from ..serializers.roster import (
    ContactSerializer,
    MeetingSerializer,
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
        description="Without the scope text:read names and handles are left out, and `q` finds nothing.",
        parameters=(CLIENT, Parameter("q", "A part of the name or of a handle.", *word()), *PAGE),
        replies={200: page_of(ContactSerializer, "A page of contacts.")},
    )
    def get(self, request: Request) -> Response:
        return self.paged(queries.contacts(self.principal, **self.asked), ContactSerializer)

    @operation(
        "add_contact",
        "Add a person to a client",
        tag="roster",
        scope="clients:write",
        request=(Body(requests.CONTACT_IN, {"a buyer": requests.CONTACT_EXAMPLE}),),
        replies={201: answer(ContactSerializer, "The person was added.", "Location")},
        problems=("not_found",),
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
        headers = {"Location": request.build_absolute_uri(reverse("contact", args=[contact.id]))}
        return Response(ContactSerializer.written(contact), status=201, headers=headers)


class Contact(Resource):
    @operation(
        "get_contact",
        "One contact",
        tag="roster",
        scope="clients:read",
        replies={200: answer(ContactSerializer, "The contact.")},
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(ContactSerializer.written(queries.contact(self.principal, id)))

    @operation(
        "update_contact",
        "Change a contact's details",
        tag="roster",
        scope="clients:write",
        description="`handles` replaces all of them; `left_at` says since when the person is gone.",
        request=(Body(requests.CONTACT_CHANGES, {"another role": {"role": "Managing director"}}),),
        replies={200: answer(ContactSerializer, "The contact as it is now.")},
    )
    def patch(self, request: Request, id: str) -> Response:
        contact = commands.update_contact(self.principal, id, self.body, now=self.now, request_id=self.request_id)
        return Response(ContactSerializer.written(contact))


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
