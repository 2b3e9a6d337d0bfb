"""Situations of clients, and the sentences that tell them: what `docs/sentences.md` shows.

Each is a story and a day on which somebody asks. The page holds the sentences; `tests/test_documentation.py` fails when
the program would say one otherwise, so whoever changes a word reads them all again.
"""

from __future__ import annotations

from collections.abc import Iterator

from relationships.domain.facts import Fact, effective
from relationships.domain.judgement import STAGES
from relationships.domain.sentences import dates_in, explain, plain, sentence

from .story import Story, instant
from .test_stages import bridged, deepened

UTC = dates_in("UTC")


def said(story: Story, day: float, client: str = "Acme") -> str:
    """What is said of the client on a day, of what had happened by then."""
    return told(story, day, client)[2]


def told(story: Story, day: float, client: str = "Acme") -> tuple[str, str, str]:
    """Stage, health and sentence on a day."""
    fold = story.fold(until=day)
    standing = fold.standing_at(instant(day))
    explanation = explain(fold, standing, instant(day), UTC)
    events: dict[str, Fact] = {fact.event_id: fact for fact in effective(story.facts)}
    parts = sentence(client, standing, explanation, events, UTC)
    return STAGES[standing.stage], standing.health, plain(parts)


def talked(*days: float, tier: str = "standard") -> Story:
    story = Story().at(0).register(tier)
    for day in days:
        story.at(day).talk()
    return story


def talked_since(until: int) -> Story:
    """One meeting, and talk every fortnight since."""
    story = Story().at(0).register().at(1).meet()
    for day in range(15, until, 15):
        story.at(day).talk()
    return story


def plan(story: Story, day: float, starts: str) -> Story:
    story.at(day).add("meeting_scheduled", meeting_id="p", starts_at=starts, mode="in_person")
    return story.at(day).add("meeting_answered", meeting_id="p", answer="accepted")


def symbiotic() -> Story:
    story = deepened().at(123).they(who="cem", our_people=["you"]).at(123.1).we(who="cem", our_people=["you"])
    return story.at(124).add("project_succeeded", name="P")


def live_project() -> Story:
    story = deepened().at(122.5).add("project_started", name="Q")
    story.at(123).they(who="cem", our_people=["you"]).at(123.1).we(who="cem", our_people=["you"])
    return story.at(124).they("advocacy_given")


def kept_up(story: Story, until: float) -> Story:
    """Meetings every 60 days from day 180 on, joined by talk, so that only ideas and projects can be lacking."""
    day = 130.0
    while day < until:
        story.at(day).talk()
        if round(day - 130) % 60 == 50:
            story.at(day + 0.5).meet(who=("ann", "bob", "cem"))
        day += 10
    return story


def reopened(story: Story, ended: float, again: float) -> Story:
    return story.at(ended).add("relationship_ended").at(again).add("relationship_reopened")


def videos() -> Story:
    story = Story().at(0).register(remote_only=True).at(1).meet("video")
    for day in (14, 28, 42, 56):
        story.at(day).talk()
    return story


def one_sided() -> Story:
    """Two meetings and a gap that is covered, but only they speak."""
    story = Story().at(0).register().at(1).meet()
    for day in (10, 20, 30, 40, 50, 60, 70):
        story.at(day).they(thread="t").at(day + 1).they(thread="t")
    return story.at(71).we(thread="t").at(75).meet()


def talking_on(story: Story, begins: int, until: int) -> Story:
    for day in range(begins, until, 10):
        story.at(day).talk()
    return story


def wide_open() -> Story:
    """Bridging, and then a meeting after a long silence."""
    return bridged().at(150).meet()


Example = tuple[str, Story, float]  # what is the case, the story, the day that is asked about

EXAMPLES: list[Example] = [
    # ---- Found
    ("registered, and nothing else", Story().at(0).register(), 1),
    ("known from an event alone", Story().at(0).they("reaction_added"), 1),
    ("they asked, and wait", Story().at(0).register().at(1).question(), 1.5),
    ("they asked, and nobody answered in time", Story().at(0).register().at(1).question(), 12),
    ("they wrote, and it grew quiet", Story().at(0).register().at(1).they(), 50),
    ("they wrote, long ago", Story().at(0).register().at(1).they(), 200),
    ("they wrote, long ago, and a meeting is accepted", plan(Story().at(1).they(), 150, "2026-08-10T09:00:00Z"), 160),
    ("you wrote, and nothing came", Story().at(0).register().at(1).we(), 40),
    # ---- Helped
    ("a question answered", Story().at(0).question().at(1).answer(), 2),
    ("a message answered", talked(3), 4),
    ("cooling", talked(3), 50),
    ("dormant", talked(3), 150),
    ("fallen, and dormant by silence alone", talked(3, 18, 33, 48, 63, 78, tier="key"), 205),
    ("about to fall", talked(3), 160),
    ("falling", talked(3), 190),
    ("fallen", talked(3), 214),
    # ---- Conversing
    ("talk on three days", talked(3, 9, 20), 21),
    ("one more day is missing", talked(3, 20), 21),
    ("they begin nothing", talked(3).at(10).we().at(10.5).they().at(17).we().at(17.5).they(), 18),
    ("cooling", talked(3, 9, 15, 21, 27, 33), 56),
    ("a promise was broken", talked(3, 9, 20).at(25).add("commitment_broken"), 34),
    ("dormant", talked(3, 9, 15, 21, 27, 33, tier="key"), 95),
    ("falling", talked(3, 9, 20), 85),
    ("fallen", talked(3, 9, 20), 111),
    # ---- Met
    ("one meeting and no word beside it", Story().at(0).meet(), 2),
    ("two meetings and no word between them", Story().at(0).meet().at(200).meet(), 201),
    ("a meeting and talk", bridged(), 60),
    ("a meeting, and only they speak", one_sided(), 76),
    ("by video, remote-only", videos(), 57),
    ("the next meeting is overdue", talked_since(135), 150),
    ("the next meeting is long overdue", talked_since(190), 285),
    ("cooling", Story().at(0).register().at(1).meet().at(14).talk(), 100),
    ("a meeting was missed", Story().at(1).meet().at(14).talk().at(20).add("meeting_missed", meeting_id="x"), 28),
    ("dormant", Story().at(0).register().at(1).meet(), 250),
    ("dormant but for an accepted meeting", plan(Story().at(1).meet(), 200, "2026-10-12T09:00:00Z"), 260),
    ("about to fall", Story().at(0).register().at(1).meet(), 350),
    ("falling", Story().at(0).register().at(1).meet(), 380),
    ("falling, remote-only", videos(), 380),
    ("fallen", Story().at(0).register().at(1).meet(), 400),
    # ---- Bridging
    ("two meetings joined by talk", bridged(), 62),
    ("by video, remote-only", videos().at(61).meet("video"), 62),
    ("a question missed", bridged().at(63).question(thread="offer"), 75),
    ("a meeting was missed", bridged().at(70).add("meeting_missed", meeting_id="x"), 80),
    ("quiet", bridged(), 110),
    ("the gap is broken and can be mended", bridged(), 125),
    ("the gap is broken beyond mending in time", bridged(), 150),
    ("fallen because the gap broke", bridged(), 160),
    ("a meeting is overdue", talking_on(bridged(), 70, 240), 245),
    ("a meeting and conversation are overdue", talking_on(bridged(), 70, 110), 260),
    ("fallen because no meeting followed", talking_on(bridged(), 70, 300), 275),
    ("the last gap was broken when you met", wide_open(), 151),
    ("fallen because the last gap was broken", wide_open(), 190),
    # ---- Deepening
    ("ideas from both sides", deepened(), 122),
    ("quiet", deepened(), 170),
    ("a question missed", deepened().at(123).question(thread="offer"), 136),
    ("ideas have stopped", kept_up(deepened(), 520), 490),
    ("only theirs have", kept_up(deepened().at(125).we("idea_shared"), 520), 470),
    ("fallen because ideas have stopped", kept_up(deepened(), 560), 530),
    ("the gap is broken", deepened(), 185),
    ("fallen because the gap broke", deepened(), 230),
    ("talk went on, no meeting followed, and it is quiet", talking_on(deepened(), 130, 231), 325),
    # ---- Symbiosis
    ("a joint project succeeded", symbiotic(), 125),
    ("recommended, and a project is live", live_project(), 125),
    ("quiet", symbiotic(), 180),
    ("no project for a year", kept_up(symbiotic(), 540), 500),
    ("fallen because no project came", kept_up(symbiotic(), 560), 525),
    ("fallen because the gap broke", symbiotic(), 240),
    ("talk went on, no meeting followed, and it is quiet", talking_on(symbiotic(), 130, 231), 325),
    # ---- Ended
    ("said so", Story().at(0).meet().at(3).add("relationship_ended"), 4),
    ("reopened, with nothing that still holds", reopened(talked(3), 20, 300), 301),
    ("reopened, and a meeting still counts", reopened(Story().at(0).meet(), 3, 40), 41),
]


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Stage, health, what is the case, and the sentence, in the order of the examples."""
    for case, story, day in EXAMPLES:
        stage, health, words = told(story, day)
        yield stage, health, case, words
