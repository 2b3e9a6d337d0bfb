"""Interactions of the data collection as acts between us and clients. For measuring, not for use: nothing here ships.

Who is "we" is a choice that each data set needs and none names. The choices below were written down before any result
was seen, and none looks at what the later rows, by which the models are judged, hold.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from relationships.domain.backtest import WEEK, Question
from relationships.domain.instants import DAY, HOUR

SHOWN_START = datetime(2024, 1, 1, tzinfo=UTC)  # where a source tells seconds since a start that it does not disclose
SPOKEN = frozenset(
    {"message_sent", "comment_posted", "reply_posted", "question_asked", "question_answered", "call_held"}
)
THEIRS = frozenset({"inbound", "mutual"})


@dataclass(frozen=True, slots=True)
class Act:
    """Something between us and a client, at a moment; `ours` and `theirs` are who did it."""

    client: str
    type: str
    at: datetime
    ours: str
    theirs: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dataset:
    """`read` gives the acts; `others` are questions other than the protocol's; `about` says who we are.

    One of the data collection's registers has a `mapping` instead, and goes through the product's own importer.
    """

    name: str
    title: str
    about: str
    path: str
    read: Callable[[Path], Iterable[Act]] | None = None
    mapping: str | None = None
    others: tuple[Question, ...] = ()


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _pair(one: str, other: str) -> tuple[str, str]:
    """The one with the lower number is ours, whoever speaks: a rule that knows nothing of what is said."""
    return (one, other) if int(one) < int(other) else (other, one)


def _message(one: str, other: str, at: datetime, channel: str) -> Act:
    ours, theirs = _pair(one, other)
    direction = "outbound" if one == ours else "inbound"
    return Act(f"{ours}-{theirs}", "message_sent", at, ours, theirs, {"channel": channel, "direction": direction})


# ---------------------------------------------------------------------- Copenhagen, College, GESIS


def copenhagen(folder: Path) -> Iterator[Act]:
    """Text messages and answered calls; friendships have no time, and what has no time is no event."""
    for row in _rows(folder / "cns_sms_days01-14.csv.gz"):
        at = SHOWN_START + timedelta(seconds=int(row["timestamp"]))
        yield _message(row["from"], row["to"], at, "direct_message")
    for row in _rows(folder / "cns_calls_days01-14.csv.gz"):
        seconds = int(row["duration"])
        if seconds > 0:
            ours, theirs = _pair(row["from"], row["to"])
            at = SHOWN_START + timedelta(seconds=int(row["timestamp"]))
            data = {"channel": "phone", "direction": "mutual", "minutes": seconds // 60}
            yield Act(f"{ours}-{theirs}", "call_held", at, ours, theirs, data)


def college(path: Path) -> Iterator[Act]:
    for row in _rows(path):
        if row["from"] != row["to"]:
            at = datetime.fromtimestamp(int(row["unix_time"]), UTC)
            yield _message(row["from"], row["to"], at, "direct_message")


APART = 300  # seconds without contact after which two spells face to face are two


def gesis(path: Path) -> Iterator[Act]:
    """Two people within reach of each other: sightings of 20 s no more than five minutes apart are one meeting."""
    seen: dict[tuple[str, str], list[int]] = defaultdict(list)
    with gzip.open(path, "rt") as file:
        for line in file:
            moment, one, other = line.split()
            seen[_pair(one, other)].append(int(moment))
    for (ours, theirs), seconds in seen.items():
        begun = last = seconds[0]
        for second in [*seconds[1:], 1 << 60]:
            if second - last > APART:
                data = {"mode": "in_person", "minutes": (last - begun) // 60 + 1}
                yield Act(f"{ours}-{theirs}", "meeting_held", datetime.fromtimestamp(begun, UTC), ours, theirs, data)
                begun = second
            last = second


# ---------------------------------------------------------------------- standards group, questions and answers


def multipath(path: Path) -> Iterator[Act]:
    """A standards group's threads. An act of ours reaches whoever took part in the thread before, or is mentioned."""
    rows = [row for row in _rows(path) if row["person"] and not row["kind"].endswith("_closed")]
    until = "2022-04-15"
    early = Counter(row["person"] for row in rows if row["created_at"] < until)
    ours = {person for person, _ in early.most_common(5)}
    parts: dict[str, set[str]] = defaultdict(set)
    for row in sorted(rows, key=lambda row: row["created_at"]):
        at = datetime.fromisoformat(row["created_at"])
        person, thread = row["person"], row["thread"]
        data = {"channel": "public_thread", "platform": "github", "thread": thread}
        if person not in ours:
            parts[thread].add(person)
            yield Act(person, "comment_posted", at, "", person, {**data, "direction": "inbound"})
            continue
        named = {name for name in row["mentions"].split("|") if name and name not in ours}
        for client in sorted(parts[thread] | named):
            yield Act(client, "comment_posted", at, person, client, {**data, "direction": "outbound"})


def bicycles(folder: Path) -> Iterator[Act]:
    """Questions, answers and comments on a site about a site. A question is put to the community, that is to us."""
    posts = {row["Id"]: row for row in _elements(folder / "Posts.xml.gz") if row["PostTypeId"] in ("1", "2")}
    answers = [row for row in posts.values() if row["PostTypeId"] == "2" and "OwnerUserId" in row]
    first_year = min(row["CreationDate"] for row in posts.values())[:4] + "-12-31"
    early = Counter(row["OwnerUserId"] for row in answers if row["CreationDate"] <= first_year)
    ours = {user for user, _ in early.most_common(10)}
    for row in posts.values():
        if row["PostTypeId"] == "1" and "OwnerUserId" in row:
            yield from _said(row, row["Id"], "question_asked", "question_asked", ["us"], ours)
        elif row.get("ParentId") in posts and "OwnerUserId" in row:
            asker = posts[row["ParentId"]].get("OwnerUserId")
            yield from _said(row, row["ParentId"], "question_answered", "reply_posted", [asker], ours)
    for row in _elements(folder / "Comments.xml.gz"):
        post = posts.get(row["PostId"])
        if post is not None and "UserId" in row:
            named = re.findall(r"@user(\d+)", row["Text"])
            thread = post.get("ParentId", post["Id"])
            said_to = [post.get("OwnerUserId"), *named]
            yield from _said(
                {**row, "OwnerUserId": row["UserId"]}, thread, "comment_posted", "comment_posted", said_to, ours
            )


def _elements(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path) as file:
        for _, element in ElementTree.iterparse(file):
            if element.tag == "row":
                yield dict(element.attrib)


def _said(
    row: dict[str, str], thread: str, we: str, they: str, to: Iterable[str | None], ours: set[str]
) -> Iterator[Act]:
    """What one of us says to clients, or a client to one of us; talk among them, or among us, is none of it."""
    who, at = row["OwnerUserId"], datetime.fromisoformat(row["CreationDate"]).replace(tzinfo=UTC)
    data = {"channel": "public_thread", "platform": "stackexchange", "thread": thread}
    if who in ours:
        for client in sorted({user for user in to if user not in (None, "us", who) and user not in ours}):
            yield Act(client or "", we, at, who, client or "", {**data, "direction": "outbound"})
    else:
        met = [user for user in to if user == "us" or user in ours]
        if met:
            yield Act(who, they, at, met[0] or "", who, {**data, "direction": "inbound"})


# ---------------------------------------------------------------------- single archives


def slack(path: Path) -> Iterator[Act]:
    """A small workspace; we are whoever wrote most in its first month. Bots and notices say nothing."""
    said = []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.count("/") == 1 and name.endswith(".json"):
                said += [(name.split("/")[0], message) for message in json.loads(archive.read(name))]
    talk = sorted(
        ((float(m["ts"]), channel, m["user"]) for channel, m in said if m.get("user") and not m.get("subtype")),
    )
    we = Counter(user for second, _, user in talk if second < talk[0][0] + 30 * 86_400).most_common(1)[0][0]
    here: dict[str, set[str]] = defaultdict(set)
    for second, channel, user in talk:
        at = datetime.fromtimestamp(second, UTC)
        data = {"channel": "direct_message", "platform": "slack", "thread": channel}
        if user != we:
            here[channel].add(user)
            yield Act(user, "message_sent", at, we, user, {**data, "direction": "inbound"})
            continue
        for client in sorted(here[channel]):
            yield Act(client, "message_sent", at, we, client, {**data, "direction": "outbound"})


def mastodon(path: Path) -> Iterator[Act]:
    """An outbox: what its owner wrote to whom. What came back is not in such an archive."""
    owner = "https://home.example/users/owner"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        activities = json.load(file)["orderedItems"]
    for activity in activities:
        note = activity["object"]
        if activity["type"] != "Create" or not isinstance(note, dict):
            continue
        at = datetime.fromisoformat(activity["published"])
        named = {tag["href"] for tag in note.get("tag", []) if tag["type"] == "Mention"} - {owner}
        data = {"channel": "public_thread", "platform": "mastodon", "direction": "outbound"}
        for client in sorted(named):
            yield Act(client, "reply_posted", at, owner, client, data)


def calendar(path: Path) -> Iterator[Act]:
    """A calendar's plans with invitees other than its owner; the first instance of a series stands for it."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        text = re.sub(r"\r?\n[ \t]", "", file.read())
    for event in re.findall(r"BEGIN:VEVENT(.*?)END:VEVENT", text, re.S):
        plain = re.sub(r"BEGIN:VALARM.*?END:VALARM", "", event, flags=re.S)
        begins = re.search(r"^DTSTART[^:\n]*:(\d{8})(?:T(\d{6}))?", plain, re.M)
        made = re.search(r"^CREATED:(\d{8})T(\d{6})Z", plain, re.M)
        if begins is None or made is None or "STATUS:CANCELLED" in plain:
            continue
        starts = datetime.strptime(begins[1] + (begins[2] or "000000"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        at = min(starts, datetime.strptime(made[1] + made[2], "%Y%m%d%H%M%S").replace(tzinfo=UTC))
        people = set(re.findall(r"^ATTENDEE[^\n]*mailto:([^\s;:]+)", plain, re.M | re.I)) - {"p001@org01.example"}
        data = {"starts_at": starts.isoformat(), "mode": "in_person"}
        for client in sorted(people):
            yield Act(client, "meeting_scheduled", at, "owner", client, data)


# ---------------------------------------------------------------------- all of them


def _next_word(within: float, step: int, span: str) -> Question:
    return Question(f"they speak again within {span}", SPOKEN, THEIRS, within, step)


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "ep",
            "Members of the European Parliament, declared meetings",
            "we are the members together; a client is who was met, as declared",
            "meetings/ep_mep_meetings_2019-2020.csv.gz",
            mapping="ep_mep_meetings",
        ),
        Dataset(
            "nl",
            "Dutch ministers, diaries of one month",
            "we are the ministers together; a client is who was met, as declared",
            "meetings/nl_ministers_agenda_2022.csv",
            mapping="nl_ministers_agenda",
        ),
        Dataset(
            "cns",
            "Copenhagen Networks Study, text messages and calls of 14 days",
            "each pair of people is a client; the one with the lower number is ours",
            "interactions",
            copenhagen,
            others=(
                _next_word(2, DAY, "2 days (daily cuts)"),
                Question("a call is held within 2 days (daily cuts)", frozenset({"call_held"}), None, 2, DAY),
            ),
        ),
        Dataset(
            "college",
            "College messages (UCI), half a year",
            "each pair of people is a client; the one with the lower number is ours",
            "interactions/uci_college_messages.csv.gz",
            college,
            others=(_next_word(21, WEEK, "W = 21 days"),),
        ),
        Dataset(
            "multipath",
            "A standards group's issue tracker (IETF multipath)",
            "we are the five most active in the first six months; each other person is a client",
            "issue_tracker/ietf_multipath_events.csv.gz",
            multipath,
            others=(_next_word(21, WEEK, "W = 21 days"),),
        ),
        Dataset(
            "bicycles",
            "Bicycles Meta Stack Exchange, questions and answers of 13 years",
            "we are the ten who answered most in the first calendar year; each other person is a client",
            "qa/bicycles.meta.stackexchange.com",
            bicycles,
            others=(_next_word(90, WEEK, "90 days, the cadence"),),
        ),
        Dataset(
            "gesis",
            "GESIS winter school, face to face for two days",
            "each pair of people is a client; the one with the lower number is ours",
            "face_to_face/gesis_ws16_tij.dat.gz",
            gesis,
            others=(
                Question(
                    "they meet again within 4 hours (hourly cuts)", frozenset({"meeting_held"}), None, 1 / 6, HOUR
                ),
            ),
        ),
        Dataset(
            "slack",
            "A small Slack workspace",
            "we are who wrote most in the first month; each other person is a client",
            "formats/slack/slack_export.zip",
            slack,
            others=(_next_word(21, WEEK, "W = 21 days"),),
        ),
        Dataset(
            "mastodon",
            "A Mastodon outbox",
            "we are its owner; each person mentioned is a client",
            "formats/mastodon/outbox.json.gz",
            mastodon,
            others=(_next_word(21, WEEK, "W = 21 days"),),
        ),
        Dataset(
            "calendar",
            "Half of a Google calendar",
            "we are its owner; each other invitee is a client",
            "formats/icalendar/big_google_calendar_masked_a.ics.gz",
            calendar,
        ),
    )
}
