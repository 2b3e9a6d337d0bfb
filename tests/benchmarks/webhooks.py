"""``python -m tests.benchmarks.webhooks``: how long an event takes to arrive, with one endpoint of fifty that hangs.

Records events at a steady pace while a sender works, and prints how long after its recording each arrived at the
forty-nine that answer, and what a delivery costs the sender. Receivers and whoever records are processes of their own.
"""

from __future__ import annotations

import argparse
import os
import time
from http.server import BaseHTTPRequestHandler
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from statistics import quantiles

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from relationships import webhooks  # noqa: E402
from tests.benchmarks.scratch import scratch_database  # noqa: E402
from tests.commands.cast import Cast, assemble  # noqa: E402
from tests.webhooks.receiver import Got, receiving  # noqa: E402

ASKED_EVERY_S = 0.5


def hang(handler: BaseHTTPRequestHandler, got: Got) -> None:
    time.sleep(20)


def receive(pipe: Connection, *, dead: bool) -> None:
    """Tells its address, then how many came as often as it is asked, and in the end what came when."""
    with receiving() as receiver:
        receiver.always = hang if dead else 200
        pipe.send(receiver.url)
        while pipe.recv():
            pipe.send(len(receiver.got))
        pipe.send([(got.json["data"]["event_id"], got.at) for got in receiver.got])


def record(pipe: Connection, cast: Cast, clients: list[str], events: int, every: float) -> None:
    """Tells in the end when it recorded what."""
    sent: dict[str, float] = {}
    for number in range(events):
        now = timezone.now()
        made = cast.record(clients[number % len(clients)], "meeting_held", now, now=now, mode="video")
        sent[made.event.event_id] = time.time()
        time.sleep(every)
    pipe.send(sent)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.webhooks", description=__doc__)
    parser.add_argument("--endpoints", type=int, default=50)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--events", type=int, default=60)
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two events")
    asked = parser.parse_args()
    settings.WEBHOOK_ALLOW_HOSTS = ["127.0.0.1"]
    with scratch_database():
        well, dead, told = Pipe(), Pipe(), Pipe()
        cast = assemble()
        clients = [cast.client(f"Client {number}", now=timezone.now()).id for number in range(asked.clients)]
        connections.close_all()
        children = [
            Process(target=receive, args=(well[1],), kwargs={"dead": False}, daemon=True),
            Process(target=receive, args=(dead[1],), kwargs={"dead": True}, daemon=True),
            Process(target=record, args=(told[1], cast, clients, asked.events, asked.every), daemon=True),
        ]
        children[0].start()
        children[1].start()
        urls = [dead[0].recv()] + [well[0].recv()] * (asked.endpoints - 1)
        for url in urls:
            webhooks.create(cast.system, {"url": url, "kinds": ["event.recorded"]}, now=timezone.now())
        connections.close_all()
        children[2].start()
        sender = webhooks.Sender()
        wanted = asked.events * (asked.endpoints - 1)
        began, worked = time.monotonic(), time.process_time()
        give_up_at, asked_at, arrived = began + asked.events * asked.every + 120, began, 0
        while arrived < wanted and time.monotonic() < give_up_at:
            if not sender.turn(now=timezone.now()):
                sender.wait(0.5)
            if time.monotonic() - asked_at > ASKED_EVERY_S:
                asked_at = time.monotonic()
                well[0].send(True)
                arrived = well[0].recv()
        worked = time.process_time() - worked
        sent = told[0].recv()
        well[0].send(False)
        came = well[0].recv()
        late = sorted(at - sent[event_id] for event_id, at in came)
        marks = quantiles(late, n=100)
        lasted = max(at for _, at in came) - min(sent.values())
        print(f"{len(late)} of {wanted} arrived; p50 {marks[49]:.2f} s, p99 {marks[98]:.2f} s, worst {late[-1]:.2f} s")
        print(f"{len(late) / lasted:.0f} a second; {1000 * worked / len(late):.2f} ms of processor time each")
        sender.close(now=timezone.now())


if __name__ == "__main__":
    main()
