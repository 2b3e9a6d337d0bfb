"""The OpenAPI 3.1 document, from what the operations promise. drf-spectacular finds the addresses; this writes each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.renderers import OpenApiYamlRenderer

from . import bulk, callbacks, idempotency, requests
from .components import named, with_names
from .conditions import TAGS
from .errors import KINDS, MEDIA_TYPE
from .links import LINKS
from .operations import Body, Operation, Reply, operation_of
from .serializers.base import Answer

_EVERY = (
    "invalid",
    "unauthenticated",
    "missing_scope",
    "not_found",
    "not_acceptable",
    "address_too_long",
    "headers_too_large",
    "rate_limited",
    "internal",
    "unavailable",
)
_WITH_BODY = ("malformed", "length_required", "too_large", "unsupported_media_type")
_WITH_KEY = ("request_in_progress", "idempotency_key_reused")
_EVERY_HEADER = ("X-Request-Id", "RateLimit-Policy", "RateLimit")
_OF_STATUS = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",), 412: ("ETag",)}

_HEADERS = {
    "X-Request-Id": "The id of this request: yours if you sent one.",
    "RateLimit-Policy": 'Requests (`q`) in a window of so many seconds (`w`), such as `"default";q=600;w=60`.',
    "RateLimit": 'What is left (`r`) until the window ends in so many seconds (`t`), such as `"default";r=599;t=42`.',
    "ETag": '`"v<version>"` of the client: send it back as If-Match or If-None-Match.',
    "Location": "The address of what was made.",
    "Link": "The pages beside this one, as `rel` next and prev (RFC 8288).",
    "Next-Cursor": "Reads what comes after this page, as `after`; works at the end of the log too.",
    "Retry-After": "Seconds to wait.",
    "WWW-Authenticate": "How to say who you are.",
    "Idempotent-Replayed": "`true` on an answer that was given before under the same Idempotency-Key.",
}
_CONDITIONS = {
    "If-Match": 'The `ETag` of the client that you decided on, such as `"v7"`; 412 when it has changed since.',
    "If-None-Match": "The `ETag` that you have; 304 when nothing has changed.",
}
# The folders in which documents and importers show the operations.
_TAGS = {
    "clients": "Who they are.",
    "events": "What happened: recorded, corrected, read as a feed.",
    "standing": "Where one client stands, and why.",
    "pipeline": "All clients together.",
    "agenda": "What is planned, open and due.",
    "advice": "What to do next, who knows whom, what leaves with a colleague.",
    "policies": "The rules by which all is judged: their versions, drafts, previews and evidence.",
    "webhooks": "What is sent to you: endpoints, secrets, deliveries.",
    "roster": "Who is who: contacts and our people.",
    "event types": "The vocabulary.",
    "problems": "Refusals.",
}
_PATHS = {
    "id": "An id, or for clients also `source:external id`.",
    "type": "The name of an event type.",
    "event_id": "An event.",
    "version": "The number of a version of the policy.",
    "delivery_id": "A delivery: its `webhook-id`.",
}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "Why a request was refused (RFC 9457). `code` is for programs: /api/problems lists all.",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Where the code is explained."},
        "title": {"type": "string", "description": "The code in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What was wrong this time."},
        "instance": {"type": "string", "format": "uri-reference", "description": "The address asked."},
        "code": {"type": "string", "enum": list(KINDS), "description": "What kind of refusal."},
        "request_id": {"type": ["string", "null"], "description": "Tell us this when you ask."},
        "errors": {
            "type": "array",
            "description": "Each thing that was wrong.",
            "items": {"$ref": "#/components/schemas/ProblemError"},
        },
    },
}
_PROBLEM_ERROR: dict[str, Any] = {
    "type": "object",
    "description": "One thing that was wrong.",
    "required": ["pointer", "code", "detail"],
    "properties": {
        "pointer": {
            "type": "string",
            "description": "A JSON Pointer (RFC 6901) into the body, or the name of a parameter or header.",
        },
        "code": {"type": "string", "description": "What kind of mistake."},
        "detail": {"type": "string", "description": "What would be right."},
    },
}


class Schema(AutoSchema):
    """Writes an operation of a `Resource` from its promises; addresses without any stay out of the document."""

    def get_operation(self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any) -> Any:
        self.registry, self.path, self.method = registry, path, method
        promised = operation_of(self.view, method)
        if promised is None:
            return None
        written: dict[str, Any] = {
            "operationId": promised.id,
            "summary": promised.summary,
            "description": _description(promised),
            "tags": [promised.tag],
            "parameters": [*_path_parameters(path), *_header_parameters(promised, method), *_query(promised)],
            "security": _security(promised),
        }
        if promised.request:
            written["requestBody"] = {
                "required": promised.body_needed,
                "content": self._content(promised.request),
            }
        replies = {str(status): self._reply(promised, method, reply) for status, reply in promised.replies.items()}
        for status, codes in _codes(promised, path, method).items():
            refusal = _refusal(status, codes)
            registry.register_on_missing(refusal)
            replies[str(status)] = refusal.ref
        return {**written, "responses": dict(sorted(replies.items()))}

    def _reply(self, promised: Operation, method: str, reply: Reply) -> dict[str, Any]:
        counted = _EVERY_HEADER if promised.scope else _EVERY_HEADER[:1]
        replayed = ("Idempotent-Replayed",) if method == "POST" else ()
        written: dict[str, Any] = {
            "description": reply.meaning,
            "headers": _headers((*reply.headers, *replayed, *counted)),
        }
        if reply.bodies:
            written["content"] = self._content(reply.bodies)
        links = LINKS.get(promised.id, {}) if reply.bodies else {}
        if links:
            written["links"] = {name: link.document() for name, link in links.items()}
        return written

    def _content(self, bodies: Iterable[Body]) -> dict[str, Any]:
        return {
            body.media_type: {
                "schema": self._named(body),
                "examples": {name.replace(" ", "-"): {"value": value} for name, value in body.examples.items()},
            }
            for body in bodies
        }

    def _named(self, body: Body) -> Any:
        """The schema of a body; a reference to a component when it has a name."""
        schema = self._resolved(body.schema)
        if body.name is None:
            return schema
        component = ResolvedComponent(body.name, ResolvedComponent.SCHEMA, schema, object=body.name)  # type: ignore[no-untyped-call]
        self.registry.register_on_missing(component)
        return component.ref

    def _resolved(self, schema: Any) -> Any:
        """A schema with its serializers put in as references to components."""
        if isinstance(schema, type) and issubclass(schema, Answer):
            return self.resolve_serializer(schema(), "response").ref
        if isinstance(schema, Mapping):
            return {name: self._resolved(part) for name, part in schema.items()}
        if isinstance(schema, list):
            return [self._resolved(part) for part in schema]
        return schema


def _description(promised: Operation) -> str:
    needed = f"Needs the scope `{promised.scope}`." if promised.scope else "Needs no sign-in."
    return f"{promised.description}\n\n{needed}".strip()


def _security(promised: Operation) -> list[dict[str, list[str]]]:
    return [{"key": [promised.scope]}, {"session": []}] if promised.scope else [{}]


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    string = {"type": "string", "minLength": 1}
    return [
        {"name": name, "in": "path", "required": True, "description": _PATHS[name], "schema": string} for name in names
    ]


def _header_parameters(promised: Operation, method: str) -> list[dict[str, Any]]:
    found = [
        _header_parameter(name, _CONDITIONS[name], {"pattern": TAGS}, required=method == "PATCH")
        for name in promised.conditions
    ]
    if method == "POST":
        meaning = "Sent again with the same key, the request is answered again and not done again. Kept for 24 hours."
        found.append(_header_parameter("Idempotency-Key", meaning, idempotency.KEY))
    return found


def _header_parameter(name: str, meaning: str, schema: Mapping[str, Any], *, required: bool = False) -> dict[str, Any]:
    described = {"name": name, "in": "header", "required": required, "description": meaning}
    return {**described, "schema": {"type": "string", **schema}}


def _query(promised: Operation) -> list[dict[str, Any]]:
    return [parameter.document() for parameter in promised.parameters]


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _codes(promised: Operation, path: str, method: str) -> dict[int, list[str]]:
    """The codes of refusal of an operation, by status."""
    codes = {*_EVERY, *promised.problems} if promised.scope else {"invalid", "not_acceptable", "internal"}
    if "{" in path:
        codes.add("not_found")
    if promised.request:
        codes.update(_WITH_BODY)
    if method == "POST":
        codes.update(_WITH_KEY)
    found: dict[int, list[str]] = {}
    for code, kind in KINDS.items():
        if code in codes:
            found.setdefault(kind.status, []).append(code)
    return found


def _refusal(status: int, codes: list[str]) -> ResolvedComponent:
    """The answer to one or more codes of a status, shared by all operations that may give just these."""
    described = {
        "description": " ".join(f"`{code}`: {KINDS[code].title}." for code in codes),
        "headers": _headers(("X-Request-Id", *_OF_STATUS.get(status, ()))),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": f"{requests.COMPONENTS}Problem"},
                "examples": {code: {"value": _example(code)} for code in codes},
            }
        },
    }
    name = f"{status}_{'_or_'.join(codes)}"
    return ResolvedComponent(name, ResolvedComponent.RESPONSE, described, object=name)  # type: ignore[no-untyped-call]


def _example(code: str) -> dict[str, Any]:
    kind = KINDS[code]
    wrong = {"pointer": "/name", "code": "required", "detail": "`name` is missing: The firm's name."}
    return {
        "type": f"/api/problems#{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": kind.remedy,
        "instance": "/api/v1/clients",
        "code": code,
        "request_id": "0f2c9d1e",
        "errors": [wrong] if code == "invalid" else [],
    }


def finish(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Adds the components that no serializer stands for (a hook of drf-spectacular)."""
    result["servers"] = [{"url": "/", "description": "Where this document comes from."}]
    result["tags"] = [{"name": name, "description": meaning} for name, meaning in _TAGS.items()]
    components = result.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.update({"Problem": _PROBLEM, "ProblemError": _PROBLEM_ERROR, **bulk.COMPONENTS})
    schemas.update(requests.event_components())
    components["schemas"] = dict(sorted({**with_names(schemas), **named()}.items()))
    result["paths"] = with_names(result["paths"])
    result["webhooks"] = callbacks.described()
    components["headers"] = {
        name: {"description": meaning, "schema": {"type": "string"}} for name, meaning in _HEADERS.items()
    }
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "A key, with the scopes that the operation lists."},
        "session": {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "A signed-in person."},
    }
    return result


@cache
def document() -> dict[str, Any]:
    """The whole document. It changes with the program only."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


@cache
def to_yaml() -> str:
    """The document as it is committed in docs/openapi.yaml."""
    rendered: bytes = OpenApiYamlRenderer().render(document(), renderer_context={})  # type: ignore[no-untyped-call]
    return rendered.decode()
