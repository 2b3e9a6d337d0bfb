"""Whatever is put into an address, the answer is one that the document promises, and never a 5xx."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from relationships.api.openapi import document
from relationships.queries import ClientRow
from tests.api.caller import Caller
from tests.commands.cast import NOW, Cast

NASTY = (
    "",
    "\0",
    "\ud7ff\ufffe\u202e",
    "%00",
    "' OR 1=1 --",
    "{{7*7}}<script>",
    "-1",
    "9" * 400,
    "1e999",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    "2026-02-29T00:00:00Z",
    "2026-12-31T23:59:60Z",
    "W10",
    "WyJjbGllbnRzMSIsIm5hbWUiLCJhIiwieCIsZmFsc2UsOTk5OTk5OTk5OTk5OTk5OTk5OV0",
    "me:",
    "1970-01-01T00:00:00Z",
)
READS = sorted(path for path, methods in document()["paths"].items() if "get" in methods)


@pytest.fixture
def met(cast: Cast, bakery: ClientRow) -> ClientRow:
    cast.record(bakery, "meeting_held", NOW, meeting_id="a", mode="in_person")
    return bakery


@pytest.mark.parametrize("path", READS)
def test_parameters_of_reads(api: Caller, met: ClientRow, path: str) -> None:
    event_id = api.get("/events").body["data"][0]["event_id"]
    address = path.replace("{id}", met.id).replace("{event_id}", event_id).replace("{type}", "meeting_held")
    for parameter in document()["paths"][path]["get"]["parameters"]:
        for value in NASTY:
            if parameter["in"] == "query":
                answer = api.get(address, **{parameter["name"]: value})
            elif parameter["in"] == "header":
                answer = api.get(address, {parameter["name"]: value.encode("ascii", "ignore").decode()})
            else:
                named = quote(value, safe="") or "x"
                answer = api.get(path.replace("{" + parameter["name"] + "}", named))
            assert answer.status < 500, (address, parameter["name"], value)


def test_a_body_in_chunks_is_told_to_send_its_length(api: Caller) -> None:
    assert api.post("/clients", {"name": "X"}, Transfer_Encoding="chunked").code == "length_required"
