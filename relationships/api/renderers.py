"""Bodies out. Times are written in UTC with `Z`; ids are strings already."""

from __future__ import annotations

from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def to_json(value: Any) -> bytes:
    return orjson.dumps(value, option=OPTIONS)


class JsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else to_json(data)


class NdjsonRenderer(JsonRenderer):
    """JSON objects, one a line. The view streams them; this writes the problem when there is one instead."""

    media_type = "application/x-ndjson"
    format = "ndjson"


class CloudEventsRenderer(JsonRenderer):
    """A bare array of CloudEvents 1.0, as their JSON batch format wants it."""

    media_type = "application/cloudevents-batch+json"
    format = "cloudevents"


class PageRenderer(JsonRenderer):
    """A document for people. The view writes it; this writes the problem when there is one instead, as JSON."""

    media_type = "text/html"
    format = "html"
