"""What all views of the API share: who asks, whether they may, what they ask, and how pages and answers look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlencode

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import security, walls
from accounts.roles import Principal
from relationships import event_store, queries
from relationships.models.log import Ledger

from . import idempotency, limits, parameters
from .authentication import BearerKey, Session
from .errors import Problem, invalid
from .openapi import Schema
from .operations import operation_of
from .parsers import JsonParser
from .renderers import JsonRenderer
from .serializers.base import Answer


class Resource(APIView):
    """One address. Its methods say what they promise by `operation`; this keeps the part that all have.

    For methods: `principal` asks, at `now`; `asked` holds the parameters by the names of the query's arguments;
    `request_id` goes on into the log."""

    authentication_classes = [BearerKey, Session]
    permission_classes: Sequence[Any] = ()
    throttle_classes: Sequence[Any] = ()
    parser_classes = [JsonParser]
    renderer_classes = [JsonRenderer]
    http_method_names = ["get", "head", "post", "patch"]
    schema = Schema()

    principal: Principal
    ledger_id: int
    now: datetime
    asked: dict[str, Any]
    request_id: str | None
    quota: limits.Quota | None = None
    claim: idempotency.Claim | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.now = timezone.now()
        self.request_id = getattr(request, "request_id", None)
        super().initial(request, *args, **kwargs)
        promised = operation_of(self, request.method or "")
        if promised is None:
            return  # the dispatcher answers 405
        if "Transfer-Encoding" in request.headers:
            # Without a length there would be no body for us, and its fields would be called missing.
            raise Problem("length_required", "The body came in chunks.")
        if any("\0" in value for value in kwargs.values()):
            raise Http404
        if promised.body_needed and promised.request and request.META.get("CONTENT_LENGTH") in (None, "", "0"):
            raise Problem("malformed", "The body is missing.")
        self.asked, errors = parameters.read(request.query_params, promised.parameters)
        if errors:
            raise invalid(errors)

    def perform_authentication(self, request: Request) -> None:
        """Nobody is asked who they are where everybody may ask: a key that has expired is no hindrance there."""
        promised = operation_of(self, request.method or "")
        if promised is None or promised.scope is not None:
            super().perform_authentication(request)

    def check_permissions(self, request: Request) -> None:
        """Who asks, how often, and whether they may."""
        promised = operation_of(self, request.method or "")
        if promised is None or promised.scope is None:
            return
        if request.auth is None:
            raise NotAuthenticated("Send Authorization: Bearer KEY.")
        self.principal = cast(Principal, request.auth)
        self.ledger_id = _ledger_of(self.principal)
        counted = getattr(request, "quota", None)
        self.quota = counted or limits.count(self.ledger_id, self.principal.label, now=self.now)
        if self.quota and self.quota.exceeded:
            raise Problem(
                "rate_limited",
                f"More than {self.quota.limit} requests in a minute.",
                headers={"Retry-After": str(self.quota.seconds)},
            )
        if not self.principal.may(promised.scope):
            raise Problem("missing_scope", f"This needs the scope {promised.scope}.", scope=promised.scope)
        walls.see(self.principal)

    def handle_exception(self, exc: Exception) -> Response:
        """The problem; a refusal of who asks is noted."""
        response: Response = super().handle_exception(exc)
        if response.status_code == 403:
            asks: Principal | None = getattr(self, "principal", None)
            security.note_refusal(
                "access_refused",
                now=self.now,
                actor=asks.label if asks else "",
                organisation_id=asks.organisation_id if asks else None,
                about=f"{self.request.method} {self.request.path}",
                details={"scope": exc.members["scope"]} if isinstance(exc, Problem) and "scope" in exc.members else {},
            )
        return response

    def finalize_response(self, request: HttpRequest, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]
        final.headers.setdefault("Cache-Control", "no-store")
        for name, value in (self.quota.headers if self.quota else {}).items():
            final.headers[name] = value
        return final

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that was sent."""
        return cast(dict[str, Any], self.request.data)

    def paged(self, page: queries.Page[Any], shape: type[Answer]) -> Response:
        """A page of a list, with the addresses of its neighbours in the body and in `Link`."""
        following, before = self.link("cursor", page.next), self.link("cursor", page.previous)
        body = {"data": shape.list_of(page.rows), "next": following, "previous": before}
        return Response(body, headers=link_header(next=following, prev=before))

    def link(self, name: str, value: str | None) -> str | None:
        """This address with one parameter changed; None for None."""
        if value is None:
            return None
        query = [(key, one) for key, many in self.request.query_params.lists() if key != name for one in many]
        return self.request.build_absolute_uri(f"{self.request.path}?{urlencode([*query, (name, value)])}")


class NothingHere(Resource):
    """Any other address under `/api/`."""

    authentication_classes = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise Http404


def link_header(**relations: str | None) -> dict[str, str]:
    """The `Link` header of these relations, if there are any."""
    links: Iterable[str] = [f'<{url}>; rel="{name}"' for name, url in relations.items() if url]
    return {"Link": ", ".join(links)} if links else {}


def _ledger_of(principal: Principal) -> int:
    try:
        return event_store.ledger_of(principal.organisation_id)
    except Ledger.DoesNotExist:
        raise queries.NotFound("This organisation has no log yet.") from None
