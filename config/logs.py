"""Logs as one JSON object a line, each with the request it belongs to."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        # Django speaks of a refused request when it has left us already, but brings it along.
        if current := request_id.get() or getattr(getattr(record, "request", None), "request_id", None):
            line["request_id"] = current
        for name, shown in (("status_code", "status"), ("duration_ms", "ms")):
            if (value := getattr(record, name, None)) is not None:
                line[shown] = value
        line |= getattr(record, "security", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
