"""Policies: the rules, proposed, tried on the real log, adopted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from relationships import commands, queries
from relationships.domain.fields import unknown_field
from relationships.queries.rows import PreviewAnswer

from .. import requests
from ..errors import invalid
from ..idempotency import idempotent
from ..operations import Body, Reply, answer, operation, page_of
from ..parameters import PAGE
from ..resource import Resource, link_header
from ..serializers.policies import (
    CHANGES,
    EvidenceSerializer,
    MoverSerializer,
    PolicyDetailSerializer,
    PolicySerializer,
    PreviewSerializer,
    RunSerializer,
)

_READ: dict[str, Any] = {"tag": "policies", "scope": "clients:read"}
_WRITE: dict[str, Any] = {"tag": "policies", "scope": "policies:write"}
_ALL = "For those who see all clients; with `policies:write`."
_LATER = "A large log is worked through by the worker: 202, and `Location` tells how far it is."
DRAFT = ("name", "reason", "based_on", "changes")


def _previewed(meaning: str, *headers: str) -> Reply:
    """A reply with a preview and a page of its movers."""
    page = {
        "type": "object",
        "required": ["data", "next", "previous"],
        "properties": {
            "data": {"type": "array", "items": MoverSerializer, "description": "Those who would stand elsewhere."},
            "next": {"type": ["string", "null"], "format": "uri", "description": "The page after this one."},
            "previous": {"type": ["string", "null"], "format": "uri", "description": "The page before this one."},
        },
    }
    example = {**PreviewSerializer.example, "data": [MoverSerializer.example], "next": None, "previous": None}
    return Reply(meaning, (Body({"allOf": [PreviewSerializer, page]}, {"example": example}),), headers)


class Policies(Resource):
    @operation(
        "list_policies",
        "All versions of the policy",
        parameters=PAGE,
        replies={200: page_of(PolicySerializer, "A page of versions, the newest first.")},
        **_READ,
    )
    def get(self, request: Request) -> Response:
        return self.paged(queries.policies(self.principal, **self.asked), PolicySerializer)

    @operation(
        "draft_policy",
        "Propose a version of the policy",
        description="`changes` has the shape of `policy` and names only what changes, inside a tier too. The order of "
        f"the stages, and that Met needs a face, are laws. {_ALL}",
        request=(
            Body(
                requests.POLICY_IN,
                {"shorter windows": {"name": "Shorter windows", "reason": "We notice late.", "changes": CHANGES}},
            ),
        ),
        replies={201: answer(PolicyDetailSerializer, "It was kept; nothing has changed for readers.", "Location")},
        problems=("forbidden",),
        **_WRITE,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        errors = [unknown_field(f"/{name}", name, DRAFT) for name in self.body if name not in DRAFT]
        if errors:
            raise invalid(errors)
        version = commands.draft_policy(self.principal, **{"changes": None, **self.body}, now=self.now)
        headers = {"Location": _address(self, "policy", version)}
        return Response(_detail(self, version), status=201, headers=headers)


class Policy(Resource):
    @operation(
        "get_policy",
        "A version of the policy, whole",
        replies={200: answer(PolicyDetailSerializer, "All of it, and what it changes.")},
        **_READ,
    )
    def get(self, request: Request, version: str) -> Response:
        return Response(_detail(self, _number(version)))


class Preview(Resource):
    @operation(
        "preview_policy",
        "Who would stand where under a version",
        description=f"Worked out on the real log; what readers see is not touched. {_LATER} {_ALL}",
        replies={
            200: _previewed("Who would stand where.", "Location", "Link"),
            202: _previewed("It is being worked out: ask `Location`.", "Location"),
        },
        problems=("forbidden",),
        **_WRITE,
    )
    @idempotent
    def post(self, request: Request, version: str) -> Response:
        _nothing_but(self, ())
        number = _number(version)
        run = commands.preview_policy(self.principal, number, now=self.now, request_id=self.request_id)
        found = queries.preview(self.principal, number, str(run))
        address = _address(self, "policy-preview-result", number, run)
        return _preview(found, address, headers={"Location": address}, status=200 if found.state == "done" else 202)


class PreviewResult(Resource):
    @operation(
        "get_preview",
        "A preview: how far it is, then what it found",
        description=f"Kept for seven days. {_ALL}",
        parameters=PAGE,
        replies={200: _previewed("As far as it is, with a page of those who would stand elsewhere.", "Link")},
        **_WRITE,
    )
    def get(self, request: Request, version: str, id: str) -> Response:
        found = queries.preview(self.principal, _number(version), id, **self.asked)
        body = PreviewSerializer.paged(
            found, self.link("cursor", found.moves.next), self.link("cursor", found.moves.previous)
        )
        return Response(body, headers=link_header(next=body["next"], prev=body["previous"]))


class Adopt(Resource):
    @operation(
        "adopt_policy",
        "Put a version into force",
        description="The adoption is an event with the whole policy. Until all clients are worked out, readers "
        f"keep the old answers. Adopting a former version is how one rolls back. {_LATER} {_ALL}",
        request=(Body(requests.ADOPTION_IN, {"with a reason": {"reason": "Agreed on Monday."}}),),
        body_needed=False,
        replies={
            200: answer(RunSerializer, "It is in force.", "Location"),
            202: answer(RunSerializer, "It will be: ask `Location`.", "Location"),
        },
        problems=("forbidden", "conflict"),
        **_WRITE,
    )
    @idempotent
    def post(self, request: Request, version: str) -> Response:
        _nothing_but(self, ("reason",))
        number = _number(version)
        run = commands.adopt_policy(
            self.principal, number, reason=self.body.get("reason"), now=self.now, request_id=self.request_id
        )
        found = queries.adoption(self.principal, number, str(run))
        return Response(
            RunSerializer.written(found),
            status=200 if found.state == "done" else 202,
            headers={"Location": _address(self, "policy-adoption", number, run)},
        )


class Adoption(Resource):
    @operation(
        "get_adoption",
        "How far an adoption is",
        description=_ALL,
        replies={200: answer(RunSerializer, "As far as it is.")},
        **_WRITE,
    )
    def get(self, request: Request, version: str, id: str) -> Response:
        return Response(RunSerializer.written(queries.adoption(self.principal, _number(version), id)))


class Evidence(Resource):
    @operation(
        "get_evidence",
        "Whether the score means anything: the latest back-test of a version",
        replies={200: answer(EvidenceSerializer, "The latest, with its time and position.")},
        tag="policies",
        scope="reports:read",
    )
    def get(self, request: Request, version: str) -> Response:
        return Response(_evidence(self, _number(version)))

    @operation(
        "make_evidence",
        "Back-test a version anew",
        description=f"Done by the worker; needs the libraries of requirements-evidence.txt there. {_ALL}",
        replies={202: answer(EvidenceSerializer, "It will be made: ask `Location`.", "Location")},
        problems=("forbidden",),
        **_WRITE,
    )
    @idempotent
    def post(self, request: Request, version: str) -> Response:
        _nothing_but(self, ())
        number = _number(version)
        commands.ask_for_evidence(self.principal, number, now=self.now, request_id=self.request_id)
        headers = {"Location": _address(self, "policy-evidence", number)}
        return Response(_evidence(self, number), status=202, headers=headers)


def _number(version: str) -> int:
    """The version that an address names. Raises NotFound for what is no number."""
    if not (version.isascii() and version.isdecimal() and len(version) <= 9):
        raise queries.NotFound("there is no such policy")
    return int(version)


def _nothing_but(view: Resource, known: tuple[str, ...]) -> None:
    if unknown := [unknown_field(f"/{name}", name, known) for name in view.body if name not in known]:
        raise invalid(unknown)


def _detail(view: Resource, version: int) -> dict[str, Any]:
    return PolicyDetailSerializer.written(queries.policy(view.principal, version))


def _evidence(view: Resource, version: int) -> dict[str, Any]:
    return EvidenceSerializer.written(queries.evidence(view.principal, version))


def _preview(found: PreviewAnswer, address: str, *, headers: dict[str, str], status: int) -> Response:
    """The first page of a preview, as though its own address had been asked."""
    following = None if found.moves.next is None else f"{address}?cursor={found.moves.next}"
    body = PreviewSerializer.paged(found, following, None)
    return Response(body, status=status, headers={**headers, **link_header(next=following)})


def _address(view: Resource, name: str, version: int, run: UUID | None = None) -> str:
    parts = [str(version), *([str(run)] if run else [])]
    address: str = view.request.build_absolute_uri(reverse(name, args=parts))
    return address
