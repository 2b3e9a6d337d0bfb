"""docs/api.md is true: its examples run in their order, and its list of codes is whole."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from relationships.api.errors import KINDS
from tests.api.caller import Answer, Caller

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
EXAMPLES = re.findall(r"```sh\n# (\d+)\n(.*?)```", PAGE, flags=re.S)


def run(api: Caller, command: str) -> Answer:
    """Does what a curl command line would."""
    words = iter(shlex.split(command)[1:])
    method, url, body, headers = "GET", "", b"", {}
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(":")
                headers[name] = value.strip()
            case "-d" | "--data-binary":
                body = next(words).strip().encode()
                method = "POST" if method == "GET" else method
            case _:
                url = word
    type = headers.pop("Content-Type", "application/json")
    assert headers.pop("Authorization") == "Bearer $KEY"
    if method == "GET":
        return api.get(url.removeprefix("$BASE"), headers)
    return api.send(method, url.removeprefix("$BASE"), body, type=type, **headers)


def test_the_examples_run_as_they_stand(api: Caller) -> None:
    assert len(EXAMPLES) > 10
    for status, example in EXAMPLES:
        script = example
        if found := re.match(r"EVENT=\$\((.*) \| jq -r .data\[0\].event_id\)\n", script):
            event_id = run(api, found[1]).body["data"][0]["event_id"]
            script = script[found.end() :].replace("'$EVENT'", event_id)
        answer = run(api, script)
        assert answer.status == int(status), (example, answer.raw[:500])
    bulk = api.get("/events", limit=500).body["data"]
    assert [event["type"] for event in bulk].count("meeting_held") == 1


def test_the_problem_that_is_shown_is_the_one_that_comes(api: Caller) -> None:
    refused = api.post("/clients", {"name": "X", "tier": "gold"}, X_Request_Id="0f2c9d1e")
    shown = re.search(r"```json\n(.*?)```", PAGE, flags=re.S)
    assert shown
    assert json.loads(shown[1]) == refused.body


@pytest.mark.parametrize("code", KINDS)
def test_every_code_is_explained(code: str) -> None:
    kind = KINDS[code]
    assert f"| `{code}` | {kind.status} | {kind.title}. {kind.remedy} |" in PAGE
