"""``python -m tests.benchmarks.webhooks``: how long an event takes to arrive, with one endpoint of fifty that hangs.

Records events at a steady pace while a sender works, and prints how long after its recording each arrived at the
forty-nine that answer. Everything runs in one process, the receivers too.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from http.server import BaseHTTPRequestHandler
from statistics import quantiles

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from relationships import webhooks  # noqa: E402
from tests.benchmarks.scratch import scratch_database  # noqa: E402
from tests.commands.cast import Cast, assemble  # noqa: E402
from tests.webhooks.receiver import Got, receiving  # noqa: E402


def hang(handler: BaseHTTPRequestHandler, got: Got) -> None:
    time.sleep(20)


def record(cast: Cast, client: str, events: int, every: float, sent: dict[str, float]) -> None:
    for _ in range(events):
        now = timezone.now()
        made = cast.record(client, "meeting_held", now, now=now, mode="video")
        sent[made.event.event_id] = time.time()
        time.sleep(every)
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.webhooks", description=__doc__)
    parser.add_argument("--endpoints", type=int, default=50)
    parser.add_argument("--events", type=int, default=60)
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two events")
    asked = parser.parse_args()
    settings.WEBHOOK_ALLOW_HOSTS = ["127.0.0.1"]
    with scratch_database(), receiving() as well, receiving() as dead:
        dead.always = hang
        cast = assemble()
        client = cast.client(now=timezone.now())
        for number in range(asked.endpoints):
            url = dead.url if number == 0 else well.url
            webhooks.create(cast.system, {"url": url, "kinds": ["event.recorded"]}, now=timezone.now())
        sent: dict[str, float] = {}
        recording = threading.Thread(target=record, args=(cast, client.id, asked.events, asked.every, sent))
        sender = webhooks.Sender()
        recording.start()
        wanted = asked.events * (asked.endpoints - 1)
        give_up_at = time.monotonic() + asked.events * asked.every + 60
        while len(well.got) < wanted and time.monotonic() < give_up_at:
            if not sender.turn(now=timezone.now()):
                sender.wait(0.5)
        recording.join()
        late = sorted(got.at - sent[got.json["data"]["event_id"]] for got in well.got)
        marks = quantiles(late, n=100)
        print(f"{len(late)} of {wanted} arrived; p50 {marks[49]:.2f} s, p99 {marks[98]:.2f} s, worst {late[-1]:.2f} s")
        sender.close(now=timezone.now())


main()
