"""The worker that gunicorn runs: its own refusals, of what never becomes a request, are problems too."""

from __future__ import annotations

import gc
import json
import logging
import socket
import time
import uuid
from http import HTTPStatus

from django.http import HttpRequest
from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from config.logs import request_id

logger = logging.getLogger(__name__)

# New objects before the memory is searched for circles (CPython's own is 700): a request of a thousand events makes
# many and no circles, and was searched hundreds of times.
GARBAGE_AFTER = 10_000
# What a worker waits before it takes one more connection, for each that it has, and at most.
MODESTY_S = 0.0005
MODEST_AT_MOST_S = 0.0025


class Worker(ThreadWorker):
    """gunicorn's worker with threads. What it cannot read it would answer with a page of HTML."""

    def init_process(self) -> None:
        util.write_error = write_problem
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        gc.freeze()  # the program itself stays, and its memory is shared with the other workers: never search it
        gc.set_threshold(GARBAGE_AFTER, *gc.get_threshold()[1:])

    def accept(self, listener: socket.socket) -> None:
        # A kept connection stays with its worker, and the kernel wakes the same worker again and again: without this
        # two connections that send without a pause share one worker, and the other has nothing to do.
        time.sleep(min(self.nr_conns * MODESTY_S, MODEST_AT_MOST_S))
        super().accept(listener)


def write_problem(peer: socket.socket, status: int, reason: str, detail: str) -> None:
    """Answers in gunicorn's place, as the API answers (RFC 9457), and says the same to the log."""
    # Django is there only once the worker runs, and this module is read before.
    from relationships.api.errors import MEDIA_TYPE, of_status

    # A coding of the body that gunicorn lacks is 501 to it: for the caller it is a request to mend.
    problem = of_status(HTTPStatus.BAD_REQUEST if status == HTTPStatus.NOT_IMPLEMENTED else status)
    made = str(uuid.uuid4())
    unread = HttpRequest()
    unread.request_id = made  # type: ignore[attr-defined]
    body = json.dumps(problem.document(unread)).encode()
    head = (
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}",
        "Connection: close",
        f"Content-Type: {MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        f"X-Request-Id: {made}",
    )
    token = request_id.set(made)
    logger.info("refused unread: %s", reason, extra={"status_code": problem.status})
    request_id.reset(token)
    util.write_nonblock(peer, "\r\n".join(head).encode() + b"\r\n\r\n" + body)
