"""docs/webhooks.md is true: its bodies look like those that are sent, and its receiver takes them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import time_machine

from relationships import webhooks
from relationships.webhooks import schedule
from tests.commands.cast import DAY
from tests.webhooks.cast import Post

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text()
BODIES = {body["type"]: body for body in map(json.loads, re.findall(r"```json\n(.*?)```", PAGE, flags=re.S))}


def shape(value: Any) -> Any:
    """What fields there are, all the way down, but for what an event's own data holds."""
    if isinstance(value, dict):
        return {name: None if name == "data" and "event_id" in value else shape(one) for name, one in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value and isinstance(value[0], dict) else None


def test_every_kind_has_its_example() -> None:
    assert tuple(BODIES) == webhooks.KINDS


@pytest.mark.django_db
def test_the_bodies_are_like_those_that_are_sent_and_the_receiver_takes_them(post: Post) -> None:
    receiver: dict[str, Any] = {"print": lambda *_: None}
    code = re.search(r"```python\n(.*?)```", PAGE, flags=re.S)
    assert code
    exec(code[1], receiver)
    client = post.cast.client(now=post.now - 50 * DAY)
    endpoint = post.endpoint()
    post.cast.record(client, "meeting_held", post.now - 20 * DAY, now=post.now, mode="in_person")
    for body in post.go():
        assert shape(body) == shape(BODIES[body["type"]]), body["type"]
    seen: set[str] = set()
    secret = post.secrets[str(endpoint.pk)]
    with time_machine.travel(post.now, tick=False):
        for got in (*post.receiver.got, post.receiver.got[0]):
            assert receiver["receive"](got.headers, got.body, secret, seen) == 204
        assert receiver["receive"](post.receiver.got[0].headers, b"{}", secret, seen) == 400
    assert len(seen) == len(post.receiver.got) == 3


def test_the_schedule_is_the_one_that_is_kept() -> None:
    words = re.search(r"at once, then after (.*?), each", PAGE, flags=re.S)
    assert words
    units = {"s": 1, "min": 60, "h": 3_600}
    told = [int(n) * units[unit] for n, unit in re.findall(r"(\d+) (s|min|h)", words[1])]
    assert told == [after.total_seconds() for after in schedule.AFTER]
