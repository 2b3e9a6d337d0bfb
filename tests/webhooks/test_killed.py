"""A sender that is killed between "sent" and "written down" costs repetitions under the same id, and nothing else."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from itertools import pairwise

import pytest
from django.db import connection
from django.utils import timezone

from relationships import event_store
from relationships.models.webhooks import WebhookDelivery, WebhookEndpoint
from relationships.webhooks import sending
from tests.commands.cast import Cast, assemble
from tests.webhooks.cast import Post
from tests.webhooks.receiver import Got, Receiver

pytestmark = [pytest.mark.database, pytest.mark.slow]
KILLS = 5
CLIENTS = 6

_RUN = """
import sys
from datetime import timedelta
from tests import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
import django
django.setup()
from django.core.management import call_command
from relationships.webhooks import queue
queue.LEASE = timedelta(seconds=1)  # else a test would wait ten seconds after each kill
call_command("send_webhooks")
"""


@pytest.fixture
def start() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts senders; whatever of them still runs at the end is ended, however the test went."""
    started: list[subprocess.Popen[bytes]] = []
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "WEBHOOK_ALLOW_HOSTS": "127.0.0.1"}
    command = [sys.executable, "-c", _RUN, str(connection.settings_dict["NAME"])]

    def begin() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def slowly(handler: BaseHTTPRequestHandler, got: Got) -> int:
    time.sleep(0.03)
    return 200


@pytest.mark.django_db(transaction=True)
def test_killed_again_and_again_it_loses_nothing_and_keeps_the_order(
    receiver: Receiver, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    cast: Cast = assemble()
    receiver.always = slowly
    post = Post(cast, receiver, now=timezone.now())
    post.endpoint("event.recorded")
    clients = [cast.client(f"Client {number}", now=timezone.now()) for number in range(CLIENTS)]
    dice = random.Random(3)
    for _ in range(KILLS):
        for _ in range(20):
            now = timezone.now()
            cast.record(dice.choice(clients), "meeting_held", now, now=now, mode="video")
        process, enough = start(), len(receiver.got) + dice.randrange(3, 15)
        give_up_at = time.monotonic() + 60
        while len(receiver.got) < enough:
            assert time.monotonic() < give_up_at
            time.sleep(0.005)
        process.kill()
        process.wait()
    last = start()
    give_up_at = time.monotonic() + 60
    while WebhookDelivery.objects.filter(state="waiting").exists() or not _all_told(cast):
        assert time.monotonic() < give_up_at
        time.sleep(0.2)
    last.terminate()
    assert last.wait(20) == 0
    post.sender.pool.shutdown()

    for client in clients:
        told = [got for got in receiver.got if got.json["data"]["client_id"] == client.id]
        versions = [got.json["data"]["version"] for got in told]
        assert sorted(set(versions)) == list(range(1, max(versions) + 1))
        assert all(later in (earlier, earlier + 1) for earlier, later in pairwise(versions))
        assert len({got.id for got in told}) == len(set(versions))
    repeated = len(receiver.got) - len({got.id for got in receiver.got})
    assert repeated <= KILLS * sending.EACH


def _all_told(cast: Cast) -> bool:

    return WebhookEndpoint.objects.get().position == event_store.head(cast.ledger_id).position
