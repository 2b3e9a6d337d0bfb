"""A firm's story: what happened between it and us, when, and when we learnt it.

Pure: a story is told relative to a moment, with a random generator of its own, and is the same whenever both are.
Days are counted from that moment: -30 is a month ago, 12 lies ahead.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from .cast import Firm, Person

HOUR = timedelta(hours=1)
_REMARKS = (
    "Thank you, that is what we needed on {topic}.",
    "Could we look at {topic} from the cost side as well?",
    "The figures on {topic} are in; they are better than we feared.",
    "One more thought about {topic}, before it slips away.",
    "Our people liked the idea about {topic}.",
    "We have a small setback with {topic}, nothing serious.",
    "Have you seen how others handle {topic}?",
    "Next week suits us to go through {topic}.",
)
_PLACES = ("at their office", "at our office", "on site", "over lunch near the station", "at the trade fair")


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened, with both its times. `amends` names the happening that a correction speaks of."""

    key: str
    type: str
    occurred_at: datetime
    recorded_at: datetime
    data: dict[str, Any] = field(default_factory=dict)
    text: str | None = None
    contacts: tuple[Person, ...] = ()
    ours: tuple[str, ...] = ()
    amends: str | None = None


class Story:
    """Collects the happenings of one firm. Every verb adds some; `who` and `ours` pick the people by number."""

    def __init__(self, firm: Firm, now: datetime, seed: int) -> None:
        self.firm = firm
        self.now = now
        self.random = random.Random(f"{seed}:{firm.key}")  # noqa: S311 (a story, no secret)
        self.happenings: list[Happening] = []
        self._zone = ZoneInfo(firm.zone)
        self._us = (firm.owner, firm.second)

    def moment(self, day: float) -> datetime:
        """A moment of the working day `day` days from now, in the firm's zone; weekends move to the Friday before."""
        local = (self.now + timedelta(days=day)).astimezone(self._zone)
        local -= timedelta(days=max(0, local.weekday() - 4))
        local = local.replace(hour=9, minute=0, second=0, microsecond=0, fold=0)
        moment = (local + timedelta(seconds=self.random.randrange(8 * 3600))).astimezone(UTC)
        return min(moment, self.now - 2 * HOUR) if day <= 0 else max(moment, self.now + 2 * HOUR)

    def add(
        self,
        type: str,
        at: datetime,
        *,
        who: Sequence[int] = (0,),
        ours: Sequence[int] = (0,),
        text: str | None = None,
        learnt_after: timedelta | None = None,
        amends: str | None = None,
        **data: Any,
    ) -> str:
        """Adds a happening and returns its key. Unless said, we learn of it within the hour, as mail arrives."""
        if learnt_after is None:
            learnt_after = timedelta(minutes=self.random.uniform(1, 55))
        key = f"{self.firm.key}-{len(self.happenings) + 1:04}"
        self.happenings.append(
            Happening(
                key=key,
                type=type,
                occurred_at=at,
                recorded_at=min(at + learnt_after, self.now - timedelta(minutes=5)),
                data=data,
                text=text,
                contacts=tuple(self.firm.people[n] for n in who),
                ours=tuple(self._us[n] for n in ours),
                amends=amends,
            )
        )
        return key

    # Exchanges

    def topic(self) -> str:
        """One of the things that this firm talks about."""
        return self.random.choice(self.firm.topics)

    def remark(self, topic: str) -> str:
        """A sentence that somebody might write."""
        return self.random.choice(_REMARKS).format(topic=topic)

    def outreach(self, day: float, who: int = 0) -> None:
        """A message of ours that nobody answers."""
        topic = self.topic()
        self.add(
            "message_sent", self.moment(day), who=(who,), direction="outbound", channel="email", topics=[topic],
            text=f"May we show you what others did about {topic}?",
        )  # fmt: skip

    def question(self, day: float, who: int = 0, *, answered_after: float | None = 5, public: bool = False) -> None:
        """A question of theirs, answered after so many hours (None: not at all) and mostly acknowledged."""
        topic, asked = self.topic(), self.moment(day)
        channel = "public_thread" if public else self.random.choice(("email", "direct_message"))
        key = self.add(
            "question_asked", asked, who=(who,), ours=() if public else (0,), channel=channel, topics=[topic],
            text=f"How would you go about {topic}?",
        )  # fmt: skip
        if answered_after is None:
            return
        answered = asked + answered_after * HOUR
        self.add(
            "question_answered", answered, who=(who,), in_reply_to=key, channel=channel, topics=[topic],
            text=f"In short: begin small with {topic}, measure, then decide.",
        )  # fmt: skip
        if self.random.random() < 0.7:
            self.add(
                "answer_acknowledged", answered + self.random.uniform(1, 20) * HOUR, who=(who,), in_reply_to=key,
                channel=channel, text="That helps, thank you.",
            )  # fmt: skip

    def talk(self, day: float, who: int = 0, ours: int = 0, *, turns: int = 2, theirs: bool = True) -> None:
        """A conversation of so many turns, begun by them or by us."""
        topic, at = self.topic(), self.moment(day)
        channel = self.random.choice(("email", "email", "direct_message"))
        # Mail runs on under its subject; direct messages are one conversation with each person.
        details: dict[str, Any] = (
            {"platform": "linkedin"} if channel == "direct_message" else {"thread": f"{self.firm.key}: {topic}"}
        )
        for turn in range(turns):
            inbound = theirs == (turn % 2 == 0)
            self.add(
                "message_sent", at, who=(who,), ours=(ours,), direction="inbound" if inbound else "outbound",
                channel=channel, topics=[topic], text=self.remark(topic), **details,
            )  # fmt: skip
            at += self.random.uniform(0.3, 9) * HOUR
            if at > self.now - HOUR:
                return

    def talks(self, first: float, last: float, every: float, *, people: int = 1) -> None:
        """Conversations from day to day, about so many days apart, with the first `people` of theirs."""
        day = first + self.random.uniform(0, every / 2)
        while day < last:
            ours = 1 if self.random.random() < 0.25 else 0
            who = self.random.randrange(people)
            if self.random.random() < 0.1:
                self.call(day, who, ours)
            self.talk(day, who, ours, turns=self.random.choice((2, 2, 3, 4)), theirs=self.random.random() < 0.45)
            day += every * self.random.uniform(0.6, 1.4)

    def gestures(self, first: float, last: float, every: float) -> None:
        """Reactions, shares and mentions, theirs and ours."""
        day = first
        while day < last:
            inbound = self.random.random() < 0.5
            self.add(
                self.random.choice(("reaction_added", "reaction_added", "content_shared", "mention_made")),
                self.moment(day), who=(self.random.randrange(len(self.firm.people)),), channel="public_thread",
                platform="linkedin", direction="inbound" if inbound else "outbound",
                our_account=self.random.choice(("personal", "personal", "brand")),
            )  # fmt: skip
            day += every * self.random.uniform(0.5, 1.6)

    def call(self, day: float, who: int = 0, ours: int = 0) -> None:
        """A telephone call."""
        topic = self.topic()
        self.add(
            "call_held", self.moment(day), who=(who,), ours=(ours,), channel="phone", topics=[topic],
            minutes=self.random.choice((10, 15, 20, 30)), text=f"Spoke about {topic}.",
            learnt_after=self.random.uniform(1, 26) * HOUR,
        )  # fmt: skip

    def idea(self, day: float, *, ours: bool, who: int = 0, adopted: bool = False) -> None:
        """An idea of one side that the other takes up some days later."""
        topic = self.topic()
        key = self.add(
            "idea_shared", self.moment(day), who=(who,), direction="outbound" if ours else "inbound",
            channel="email", topics=[topic], line=f"Try {topic} with one crew first and compare after a month",
        )  # fmt: skip
        answered = min(day + self.random.uniform(1, 4), -0.2)
        self.add(
            "idea_adopted" if adopted else "idea_discussed", self.moment(answered), who=(who,), in_reply_to=key,
            direction="inbound" if ours else "outbound", channel="email", topics=[topic],
            text="Let us try that." if adopted else f"What would it take, for {topic}?",
        )  # fmt: skip

    def ideas(self, first: float, last: float, every: float) -> None:
        """Ideas of both sides in turn."""
        day, ours = first, True
        while day < last:
            self.idea(
                day, ours=ours, who=self.random.randrange(len(self.firm.people)), adopted=self.random.random() < 0.3
            )
            ours, day = not ours, day + every * self.random.uniform(0.8, 1.2)

    # Meetings

    def plan(
        self,
        day: float,
        *,
        told: float,
        who: Sequence[int] = (0,),
        ours: Sequence[int] = (0,),
        mode: str = "in_person",
        answer: str | None = "accepted",
    ) -> str:
        """Plans a meeting for `day`, said on day `told`, and returns its meeting id."""
        starts = self.moment(day).replace(minute=0, second=0)
        meeting_id = f"{self.firm.key}-meeting-{len(self.happenings) + 1}"
        said = self.moment(told)
        self.add(
            "meeting_scheduled", said, who=who, ours=ours, meeting_id=meeting_id, mode=mode,
            starts_at=_wire(starts), ends_at=_wire(starts + HOUR),
            agenda=f"{self.topic()}; next steps", learnt_after=timedelta(minutes=2),
        )  # fmt: skip
        if answer:
            self.add(
                "meeting_answered", min(said + self.random.uniform(1, 30) * HOUR, self.now - HOUR), who=who[:1],
                ours=ours, meeting_id=meeting_id, answer=answer, learnt_after=timedelta(minutes=2),
            )  # fmt: skip
        return meeting_id

    def meet(
        self,
        day: float,
        *,
        who: Sequence[int] = (0,),
        ours: Sequence[int] = (0,),
        mode: str = "in_person",
        outcome: str | None = "information",
        planned: bool = True,
        learnt_after: timedelta | None = None,
    ) -> str:
        """A meeting that took place, mostly planned before, and returns the key of `meeting_held`."""
        told = day - self.random.uniform(6, 15)
        meeting_id = (
            self.plan(day, told=told, who=who, ours=ours, mode=mode)
            if planned
            else f"{self.firm.key}-meeting-{len(self.happenings) + 1}"
        )
        topic = self.topic()
        details: dict[str, Any] = {"place": self.random.choice(_PLACES)} if mode == "in_person" else {}
        if outcome:
            details["outcome"] = outcome
        return self.add(
            "meeting_held", self.moment(day), who=who, ours=ours, meeting_id=meeting_id, mode=mode,
            minutes=self.random.choice((45, 60, 75, 90)), topics=[topic], text=f"Went through {topic}.",
            learnt_after=learnt_after or self.random.uniform(1, 22) * HOUR, **details,
        )  # fmt: skip

    def meets(self, first: float, last: float, every: float, *, people: int = 1, mode: str = "in_person") -> None:
        """Meetings from day to day, about so many days apart; every third by video where people also meet."""
        day, number = first, 0
        while day < last:
            who = tuple(range(min(people, 1 + number % max(people, 1)))) or (0,)
            video = mode == "in_person" and number % 3 == 2
            late = timedelta(days=self.random.uniform(8, 24)) if self.random.random() < 0.12 else None
            self.meet(
                day, who=who, ours=(0, 1) if number % 2 else (0,), mode="video" if video else mode,
                outcome=self.random.choice(("decision", "next_step", "next_step", "information", None)),
                learnt_after=late,
            )  # fmt: skip
            day, number = day + every * self.random.uniform(0.85, 1.15), number + 1

    def cancelled(self, day: float, *, missed: bool = False) -> None:
        """A planned meeting that did not take place: called off the day before, or nobody came."""
        meeting_id = self.plan(day, told=day - 12)
        if missed:
            self.add("meeting_missed", self.moment(day), meeting_id=meeting_id, absent="theirs", learnt_after=3 * HOUR)
        else:
            self.add(
                "meeting_cancelled", self.moment(day - 1), meeting_id=meeting_id, by="theirs",
                reason="Their calendar broke down.",
            )  # fmt: skip

    def moved(self, day: float, to: float) -> None:
        """A planned meeting that was moved, and held then."""
        meeting_id = self.plan(day, told=day - 10)
        starts = self.moment(to).replace(minute=0, second=0)
        self.add(
            "meeting_moved", self.moment(day - 2), meeting_id=meeting_id, by="theirs", new_starts_at=_wire(starts),
            reason="A week later suits them better.",
        )  # fmt: skip
        self.add(
            "meeting_held", starts + HOUR, meeting_id=meeting_id, mode="in_person", minutes=60, outcome="next_step",
            text="Worth the wait.", learnt_after=4 * HOUR,
        )  # fmt: skip

    # What else is recorded

    def commitment(self, day: float, *, kept_after: float | None = 6) -> None:
        """A promise of ours: kept so many days later, or broken."""
        promise = f"{self.firm.key}-promise-{len(self.happenings) + 1}"
        due = _wire(self.moment(day) + timedelta(days=8))
        self.add(
            "commitment_made", self.moment(day), commitment_id=promise, what=f"Send the outline on {self.topic()}",
            due=due, learnt_after=2 * HOUR,
        )  # fmt: skip
        if kept_after is None:
            self.add("commitment_broken", self.moment(day + 9), commitment_id=promise, learnt_after=2 * HOUR)
        else:
            self.add("commitment_kept", self.moment(day + kept_after), commitment_id=promise, learnt_after=2 * HOUR)

    def project(self, first: float, last: float | None = None) -> None:
        """A joint project, succeeded on day `last` or still live."""
        name = f"Joint {self.firm.topics[0]} project"
        self.add("project_started", self.moment(first), name=name, learnt_after=20 * HOUR)
        if last is not None:
            measure = "a fifth less waste within a year"
            self.add("project_succeeded", self.moment(last), name=name, measure=measure, learnt_after=30 * HOUR)

    def correct(self, key: str, day: float, reason: str, **changes: Any) -> None:
        """Corrects a happening: `changes` replace those fields of its data."""
        self._amend("event_corrected", key, day, reason=reason, data={**self._told(key).data, **changes})

    def retract(self, key: str, day: float, reason: str) -> None:
        """Takes a happening back."""
        self._amend("event_retracted", key, day, reason=reason)

    def _amend(self, type: str, key: str, day: float, **data: Any) -> None:
        # Not before we learnt of it: around a weekend two days can fall on one.
        at = max(self.moment(day), self._told(key).recorded_at + HOUR)
        self.add(type, at, who=(), ours=(), amends=key, learnt_after=timedelta(minutes=1), **data)

    def _told(self, key: str) -> Happening:
        return next(each for each in self.happenings if each.key == key)

    def say_of_it(self, type: str, day: float, **data: Any) -> None:
        """Something about the whole relationship: an end, a reopening, a project, a recommendation."""
        self.add(type, self.moment(day), learnt_after=self.random.uniform(0.2, 3) * HOUR, **data)


def _wire(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
