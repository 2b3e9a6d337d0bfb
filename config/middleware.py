"""What every request and answer gets, whoever asks: an id, and rules for browsers."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from config.logs import request_id

logger = logging.getLogger(__name__)

View = Callable[[HttpRequest], HttpResponse]


class RequestId:
    """``X-Request-Id``: taken where it is sane, else made; on the request as ``request_id``, in logs, and echoed.

    Logs one line a request, without what follows the ``?``: that may name persons."""

    SANE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        current = given if self.SANE.fullmatch(given) else str(uuid.uuid4())
        request.request_id = current  # type: ignore[attr-defined]
        token = request_id.set(current)
        began = time.perf_counter()
        try:
            response = self.get_response(request)
            about = {"status_code": response.status_code, "duration_ms": round((time.perf_counter() - began) * 1000, 1)}
            logger.info("%s %s", request.method, request.path, extra=about)
        finally:
            request_id.reset(token)
        response["X-Request-Id"] = current
        return response


class ContentSecurityPolicy:
    """Strict everywhere; under ``/admin/`` with what its theme cannot do without."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        admin = request.path_info.startswith("/admin/")
        policy = settings.ADMIN_CONTENT_SECURITY_POLICY if admin else settings.CONTENT_SECURITY_POLICY
        response.setdefault("Content-Security-Policy", policy)
        return response
