"""Where clients stand: one at a moment, with all its reasons, and all of them together."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import security
from relationships import queries
from relationships.queries import bridging, portfolio_gaps

from .. import parameters
from ..examples import LATER, SINCE
from ..operations import answer, operation, page_of
from ..parameters import CLIENT, KNOWN_AT, MOMENTS, OWNER, PAGE, POLICY, TEAM, TIER, Parameter, choice, flag, moment
from ..resource import Resource
from ..serializers.dossier import DossierSerializer
from ..serializers.standing import (
    ClientGapSerializer,
    GapsSerializer,
    MovementsSerializer,
    PipelineSerializer,
    StageSerializer,
    StrengthSerializer,
    TimelineSerializer,
)

_CLIENTS: dict[str, Any] = {"tag": "standing", "scope": "clients:read", "parameters": MOMENTS}
_BEFORE = "Before its first event, or before anything of it was known, there is nothing: 404."


class Stage(Resource):
    @operation(
        "get_stage",
        "Where a client stands, and why",
        description=_BEFORE,
        replies={200: answer(StageSerializer, "Its stage at the asked moment.")},
        **_CLIENTS,
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(StageSerializer.written(queries.stage(self.principal, id, now=self.now, **self.asked)))


class Timeline(Resource):
    @operation(
        "get_timeline",
        "All periods of a client, past and future",
        description=f"The future is what comes if nothing more happens. {_BEFORE}",
        replies={200: answer(TimelineSerializer, "Its periods, in order.")},
        **_CLIENTS,
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(TimelineSerializer.written(queries.timeline(self.principal, id, now=self.now, **self.asked)))


class Strength(Resource):
    @operation(
        "get_strength",
        "A client's strength and all that it is made of",
        description=f"The points of the terms add up to `sum`; strength = 100·(1 − e^(−sum/k)). {_BEFORE}",
        replies={200: answer(StrengthSerializer, "Its strength at the asked moment.")},
        **_CLIENTS,
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(StrengthSerializer.written(queries.strength(self.principal, id, now=self.now, **self.asked)))


class Gaps(Resource):
    @operation(
        "get_gaps",
        "The time between a client's meetings, and what bridges it",
        description=_BEFORE,
        replies={200: answer(GapsSerializer, "Its gaps, the open one first.")},
        **_CLIENTS,
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(GapsSerializer.written(queries.gaps(self.principal, id, now=self.now, **self.asked)))


class AllGaps(Resource):
    @operation(
        "list_gaps",
        "The time between meetings, over all clients",
        tag="standing",
        scope="clients:read",
        description="As it stands now, the least covered first. Open gaps of ended relationships are left out.",
        parameters=(
            CLIENT,
            Parameter("state", "In one of these states.", *choice(bridging.STATES), many=True, example=["broken"]),
            Parameter("open", "true: those without a next meeting yet; false: the closed ones.", *flag()),
            OWNER,
            TEAM,
            TIER,
            Parameter(
                "ends_before",
                "Ended, or by a planned meeting to be ended, before then.",
                *moment(),
                example=LATER,
            ),
            parameters.sort(portfolio_gaps.SORTS, "coverage"),
            *PAGE,
        ),
        replies={200: page_of(ClientGapSerializer, "A page of gaps.")},
    )
    def get(self, request: Request) -> Response:
        return self.paged(queries.all_gaps(self.principal, now=self.now, **self.asked), ClientGapSerializer)


class Dossier(Resource):
    @operation(
        "get_dossier",
        "Everything about a client on one sheet",
        description=(
            "For a person before a meeting, or a program that wants all of it in one call. `client` is as it is "
            f"today, everything else as it was at the asked moment. {_BEFORE}"
        ),
        replies={200: answer(DossierSerializer, "The client, where it stands, and what was said of late.")},
        **_CLIENTS,
    )
    def get(self, request: Request, id: str) -> Response:
        sheet = queries.dossier(self.principal, id, now=self.now, **self.asked)
        security.note_export(f"client:{sheet.client.id}", "dossier", now=self.now, principal=self.principal)
        return Response(DossierSerializer.written(sheet))


class Pipeline(Resource):
    @operation(
        "get_pipeline",
        "All clients by stage and health",
        tag="pipeline",
        scope="clients:read",
        parameters=MOMENTS,
        replies={200: answer(PipelineSerializer, "How many stand where.")},
    )
    def get(self, request: Request) -> Response:
        return Response(PipelineSerializer.written(queries.pipeline(self.principal, now=self.now, **self.asked)))


class Movements(Resource):
    @operation(
        "get_movements",
        "Who moved where between two moments",
        tag="pipeline",
        scope="clients:read",
        description="The net change of each client: opening + in − out = closing. `from` null: came within the span.",
        parameters=(
            Parameter("from", "The start of the span.", *moment(), SINCE, argument="start", required=True),
            Parameter("to", "Its end; now unless given.", *moment(), argument="end"),
            KNOWN_AT,
            POLICY,
        ),
        replies={200: answer(MovementsSerializer, "The stock of each stage, and the moves.")},
    )
    def get(self, request: Request) -> Response:
        return Response(MovementsSerializer.written(queries.movements(self.principal, now=self.now, **self.asked)))
