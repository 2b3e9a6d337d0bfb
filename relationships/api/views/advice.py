"""What to do next, who knows whom, through whom it runs, and what would leave with a colleague."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from relationships import commands, queries
from relationships.domain.actions import RANKS
from relationships.domain.fields import UUID, FieldError, parse_time, unknown_field
from relationships.queries.knowing import HANDOVER_STATES

from .. import requests
from ..errors import invalid
from ..examples import LATER
from ..idempotency import idempotent
from ..operations import Body, Reply, answer, operation, page_of
from ..parameters import MOMENTS, PAGE, Parameter, choice, word
from ..resource import Resource
from ..serializers.advice import (
    ActionSerializer,
    BalanceSerializer,
    ClientActionsSerializer,
    HandoverSerializer,
    LeavingSerializer,
    RuleFiguresSerializer,
    TiesSerializer,
)
from ..serializers.base import Answer

_OF_A_CLIENT: dict[str, Any] = {"tag": "advice", "scope": "clients:read", "parameters": MOMENTS}
_OVERALL: dict[str, Any] = {"tag": "advice", "scope": "clients:read"}


def _all_of(shape: type[Answer], meaning: str) -> Reply:
    schema = {"type": "object", "required": ["data"], "properties": {"data": {"type": "array", "items": shape}}}
    return Reply(meaning, (Body(schema, {"example": {"data": [shape.example]}}),))


class Actions(Resource):
    @operation(
        "list_actions",
        "What to do now, manager by manager",
        description="At most three actions a client and ten a manager, the most pressing first. A page holds whole "
        "managers: one for each ten of `limit`. An action closes itself when the fitting event arrives; those you "
        "put off are left out. What is shown here is counted as shown to you.",
        parameters=(
            Parameter(
                "owner",
                'Of the clients of this one of our people, by id; or "nobody".',
                *word(36, f"^(nobody|{UUID})$"),
            ),
            Parameter("rule", "Called for by this rule.", *choice(tuple(RANKS)), example="answer_question"),
            *PAGE,
        ),
        replies={200: page_of(ActionSerializer, "A page of actions.")},
        **_OVERALL,
    )
    def get(self, request: Request) -> Response:
        found = queries.actions(self.principal, now=self.now, **self.asked)
        commands.note_shown(self.principal, found.rows, now=self.now)
        return self.paged(found, ActionSerializer)


class Rules(Resource):
    @operation(
        "list_action_rules",
        "What became of the suggestions of each rule",
        description="Counted once a person and action: shown, done, put off. The fifteen rules in their order.",
        replies={200: _all_of(RuleFiguresSerializer, "The figures of every rule.")},
        **_OVERALL,
    )
    def get(self, request: Request) -> Response:
        return Response({"data": RuleFiguresSerializer.list_of(queries.rule_figures(self.principal))})


class Snooze(Resource):
    @operation(
        "snooze_action",
        "Not now until …",
        tag="advice",
        scope="clients:read",
        description="For you alone, and undone by `until` null. The action is not done by it: only an event closes it.",
        request=(Body(requests.PUT_OFF, {"until January": {"until": LATER}, "show it again": {"until": None}}),),
        replies={200: answer(ActionSerializer, "The action, with its `put_off_until`.")},
    )
    @idempotent
    def post(self, request: Request, id: str) -> Response:
        errors = [unknown_field(f"/{name}", name, ["until"]) for name in self.body if name != "until"]
        if "until" not in self.body:
            errors.append(FieldError("/until", "required", "Say until when; null shows it again at once."))
        until = self.body.get("until")
        moment = None if until is None else parse_time(until, "/until", errors)
        if errors:
            raise invalid(errors)
        return Response(ActionSerializer.written(commands.put_off(self.principal, id, moment, now=self.now)))


class ClientActions(Resource):
    @operation(
        "get_client_actions",
        "What to do about a client",
        description="`as_of` may lie ahead: what will press then if nothing more happens.",
        replies={200: answer(ClientActionsSerializer, "Its actions.")},
        **_OF_A_CLIENT,
    )
    def get(self, request: Request, id: str) -> Response:
        found = queries.client_actions(self.principal, id, now=self.now, **self.asked)
        if not self.asked:
            commands.note_shown(self.principal, found.data, now=self.now)
        return Response(ClientActionsSerializer.written(found))


class Ties(Resource):
    @operation(
        "get_ties",
        "Who of us knows whom at a client",
        description="Strength restricted to each pair, and whom to ask for an introduction to each contact.",
        replies={200: answer(TiesSerializer, "Its ties.")},
        **_OF_A_CLIENT,
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(TiesSerializer.written(queries.ties(self.principal, id, now=self.now, **self.asked)))


class Balance(Resource):
    @operation(
        "get_balance",
        "Personal or brand, and the echo",
        description="With the counts they rest on; unknown where these are few, and never guessed from text.",
        replies={200: answer(BalanceSerializer, "Its balance and echo.")},
        **_OF_A_CLIENT,
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(BalanceSerializer.written(queries.balance(self.principal, id, now=self.now, **self.asked)))


class Leaving(Resource):
    @operation(
        "get_person_ties",
        "What would leave with one of our people",
        description="The clients whom they know, the largest share first; at most 500.",
        replies={200: _all_of(LeavingSerializer, "What they carry, client by client.")},
        **_OVERALL,
    )
    def get(self, request: Request, id: str) -> Response:
        return Response({"data": LeavingSerializer.list_of(queries.leaving(self.principal, id, now=self.now))})


class Handovers(Resource):
    @operation(
        "list_handovers",
        "Clients passing from one of us to another",
        description="The latest hand-over of each client, from its start to the first meeting without the former "
        "owner: those still open first; at most 500.",
        parameters=(Parameter("state", "How far it is.", *choice(HANDOVER_STATES), example="begun"),),
        replies={200: _all_of(HandoverSerializer, "The hand-overs.")},
        **_OVERALL,
    )
    def get(self, request: Request) -> Response:
        found = queries.handovers(self.principal, now=self.now, **self.asked)
        return Response({"data": HandoverSerializer.list_of(found)})
