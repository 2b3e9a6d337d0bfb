"""What the program promises integrators, tried as one of them would, while its parts are killed again and again.

A client generated from the served document registers clients, imports a backlog, follows the feed with its cursor in a
file, and is told by webhooks, which the `standardwebhooks` library verifies. Meanwhile web server, worker, sender and
`manage.py up` itself are ended by SIGKILL at moments that chance chooses. `KILLS=25` makes it long.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.contract.integrator import Follower, Integrator, generate
from tests.installation import Installation, eventually, installation
from tests.webhooks.receiver import Got, Receiver, receiving

pytestmark = [pytest.mark.contract, pytest.mark.slow]

KILLS = int(os.environ.get("KILLS", "4"))
CLIENTS, POSTERS, BACKLOG = 8, 3, 400
WEB, WORKER, SENDER = range(3)
# What is killed at once; None is `up`, with all that it runs.
VICTIMS: tuple[tuple[int, ...] | None, ...] = ((WEB,), (SENDER,), (WEB, WORKER, SENDER), (WORKER,), None)
PACKAGE = "integrators_client"


@pytest.fixture(scope="module")
def program() -> Iterator[Installation]:
    with installation(RATE_LIMIT="0", WEBHOOK_ALLOW_HOSTS="127.0.0.1") as made:
        made.up()
        yield made


@pytest.fixture(scope="module")
def package(program: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("integrator")
    yield generate(f"{program.url}/api/schema", folder, PACKAGE)
    sys.path.remove(str(folder))


@dataclass
class Told:
    """The receiving side: what came and was verified, in the order in which it came."""

    receiver: Receiver
    secret: str = ""
    refused: list[str] = field(default_factory=list)
    came: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def take(self, handler: BaseHTTPRequestHandler, got: Got) -> int:
        try:
            message = Webhook(self.secret).verify(got.body, got.headers)
        except WebhookVerificationError as problem:
            self.refused.append(f"{got.id}: {problem}")
            return 400
        self.came.append((got.id, message))
        return 204

    def firsts(self) -> list[dict[str, Any]]:
        """Each delivery once, when it came first."""
        return list(dict(reversed(self.came)).values())[::-1]

    def events(self) -> set[str]:
        return {message["data"]["event_id"] for _, message in self.came if message["type"] == "event.recorded"}


@dataclass
class Posting:
    """Posts until it is told to stop; knows by their marks what was acknowledged."""

    integrator: Integrator
    clients: list[Any]
    name: str
    stop: threading.Event = field(default_factory=threading.Event)
    acknowledged: dict[str, str] = field(default_factory=dict)
    problem: BaseException | None = None

    def run(self) -> None:
        dice, number = random.Random(self.name), 0
        try:
            while not self.stop.is_set():
                mark, client = f"{self.name}/{number}", dice.choice(self.clients)
                if dice.random() < 0.2:
                    event = self.integrator.meet(client.id, mark)
                else:
                    event = self.integrator.write(client.id, mark, direction=dice.choice(["inbound", "outbound"]))
                self.acknowledged[mark] = str(event.event_id)
                number += 1
                time.sleep(dice.random() * 0.1)
        except BaseException as problem:
            self.problem = problem


def children(program: Installation) -> list[list[float]]:
    """Process id and birth of each child, empty while it is not there."""
    return list(json.loads((program.data / "up.json").read_text())["children"])


def kill(program: Installation, victims: tuple[int, ...] | None) -> None:
    """Ends them as the kernel or an operator does: at once, with all their processes. `up` is then started again."""
    if victims is None:
        assert program.end(signal.SIGKILL) == -signal.SIGKILL
        program.up()
        return
    there = children(program)
    for victim in victims:
        if there[victim]:
            with suppress(ProcessLookupError):
                os.killpg(int(there[victim][0]), signal.SIGKILL)


def checks(program: Installation) -> dict[str, str]:
    with urlopen(f"{program.url}/health/ready", timeout=10) as answer:
        return dict(json.loads(answer.read())["checks"])


def mark_of(event: dict[str, Any]) -> str | None:
    return event["data"].get("thread") or event["data"].get("meeting_id")


def test_an_integrator_misses_nothing_and_is_told_in_order_whatever_is_killed(
    program: Installation, package: str, tmp_path: Path
) -> None:
    key, dice = program.key(), random.Random(KILLS)
    integrator = Integrator(package, program.url, key)
    file = tmp_path / "feed.json"
    Follower(integrator, file)
    with receiving() as receiver:
        told = Told(receiver)
        receiver.always = told.take
        m = integrator.models
        body = m.CreateWebhookBody(url=receiver.url, kinds=list(m.CreateWebhookBodyKindsItem))
        told.secret = integrator.call("webhooks", "create_webhook", body=body, idempotency_key="webhook").secret

        clients = [integrator.register(f"Client {number}") for number in range(CLIENTS)]
        began = datetime.now(UTC) - timedelta(days=100)
        moments = [began + timedelta(hours=5 * number) for number in range(BACKLOG)]
        results = integrator.bring_in([client.name for client in clients], moments, "backlog")
        assert [one.status for one in results] == [201] * BACKLOG
        acknowledged = {f"backlog/{number}": str(one.event_id) for number, one in enumerate(results)}

        posters = [Posting(Integrator(package, program.url, key), clients, f"poster {n}") for n in range(POSTERS)]
        threads = [threading.Thread(target=poster.run) for poster in posters]
        for thread in threads:
            thread.start()
        for number in range(KILLS):
            time.sleep(dice.uniform(0.2, 2.5))
            kill(program, VICTIMS[number % len(VICTIMS)])
            # Begun anew each time: of the feed it knows what stands in the file.
            Follower(Integrator(package, program.url, key), file).follow()
        for poster in posters:
            poster.stop.set()
        for thread in threads:
            thread.join()
        assert [poster.problem for poster in posters if poster.problem] == []
        for poster in posters:
            acknowledged |= poster.acknowledged

        follower = Follower(integrator, file)
        follower.follow()
        feed = follower.known()
        eventually(lambda: told.events() >= {event["event_id"] for event in feed}, within_s=180)
        eventually(lambda: set(checks(program).values()) == {"ok"}, within_s=90)
        time.sleep(1)  # whatever else is told of the last of them

    assert_nothing_is_missing(feed, acknowledged)
    assert told.refused == []
    assert {event["event_id"] for event in feed} == told.events()
    assert_in_order(told)
    duplicates = len(told.came) - len(told.firsts())
    repeated = sum(poster.integrator.repeated for poster in posters)
    print(
        f"{KILLS} kills: {len(feed)} events, {len(told.firsts())} deliveries, {duplicates} twice, {repeated} sent again"
    )
    assert program.manage("verify_log").returncode == 0
    doctor = program.manage("doctor")
    assert doctor.returncode == 0, doctor.stdout


def assert_nothing_is_missing(feed: list[dict[str, Any]], acknowledged: dict[str, str]) -> None:
    positions = [event["position"] for event in feed]
    assert positions == list(range(positions[0], positions[0] + len(positions)))
    by_mark = defaultdict(list)
    for event in feed:
        if mark := mark_of(event):
            by_mark[mark].append(event["event_id"])
    assert {mark: [event_id] for mark, event_id in acknowledged.items()} == dict(by_mark)


def assert_in_order(told: Told) -> None:
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for webhook_id, message in told.came:
        if message["type"] == "event.recorded":
            ids["event", message["data"]["event_id"]].add(webhook_id)
    assert [event for event, known in ids.items() if len(known) > 1] == [], "told twice, under two ids"
    versions: dict[str, list[int]] = defaultdict(list)
    stages: dict[str, list[tuple[str | None, str | None]]] = defaultdict(list)
    arrived: set[str] = set()
    for message in told.firsts():
        data = message["data"]
        if message["type"] == "event.recorded":
            arrived.add(data["event_id"])
            if data["client_id"]:
                versions[data["client_id"]].append(data["version"])
        elif message["type"] == "stage.changed":
            assert data["event_id"] is None or data["event_id"] in arrived, "told before its event"
            stages[data["client_id"]].append((standing(data["before"]), standing(data["after"])))
    for known in versions.values():
        assert known == list(range(1, len(known) + 1))
    assert len(stages) == CLIENTS
    for changed in stages.values():
        for one, following in pairwise(changed):
            assert one[1] == following[0]


def standing(told: dict[str, Any] | None) -> str | None:
    return None if told is None else f"{told['stage']}/{told['health']}"
