"""The plots: how a relationship of each kind went, from first word to today.

Each is a function that tells a `Story`. Which stage and health follow is worked out by the rules, as for everybody;
`tests/demo` holds that all of them occur.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from .story import Story

BEGINNING = -545.0  # the first day, a year and a half ago


def symbiosis(story: Story) -> None:
    """Everything: meetings, talk between them, ideas, a project that succeeded, three people and two of ours."""
    people = len(story.firm.people)
    story.question(BEGINNING + 5)
    story.question(BEGINNING + 12, who=1)
    story.talks(BEGINNING + 15, -1, 6.5, people=people)
    story.meets(BEGINNING + 40, -20, 50, people=people)
    story.ideas(BEGINNING + 120, -5, 24)
    story.gestures(BEGINNING + 30, -2, 11)
    story.commitment(-300)
    story.commitment(-90, kept_after=5)
    story.project(-330, -60)
    story.meet(-14, who=range(min(3, people)), ours=(0, 1), outcome="decision")
    for who in range(people):
        story.call(-40 + 3 * who, who, ours=who % 2)
    story.say_of_it("advocacy_given", -33, form="reference")
    story.plan(9, told=-6, who=(0, 1), ours=(0, 1))
    story.question(-4, who=1, answered_after=3)


def deepening(story: Story) -> None:
    """Ideas of both sides between regular meetings; no project yet."""
    story.question(BEGINNING + 30)
    story.talks(BEGINNING + 32, -1, 7, people=2)
    story.meets(BEGINNING + 75, -70, 62, people=2)
    story.ideas(-260, -8, 22)
    story.gestures(BEGINNING + 60, -2, 14)
    story.commitment(-150)
    late = story.meet(-18, who=(0, 1), ours=(0, 1), outcome="next_step", learnt_after=timedelta(days=9))
    story.correct(late, -6, "The minutes were those of another meeting.", minutes=60)
    story.plan(24, told=-3, who=(0, 1))


def bridging(story: Story) -> None:
    """Meetings joined by conversation."""
    start = BEGINNING + story.random.uniform(20, 160)
    story.question(start)
    story.talks(start + 3, -2, 8, people=len(story.firm.people))
    story.meets(start + 45, -75, 75, people=len(story.firm.people))
    story.moved(-58, -51)
    story.gestures(start + 20, -3, 16)
    story.meet(-26, who=(0, 1), outcome="next_step")
    if story.random.random() < 0.5:
        story.plan(story.random.uniform(5, 40), told=-2)
    else:
        story.question(-1.5, answered_after=None)


def slipping(story: Story) -> None:
    """Talk goes on, but the last meeting lies too far back: falls in some days unless they meet."""
    _last_met(story, -165)


def slipped(story: Story) -> None:
    """The same, some days further on: fell this week."""
    _last_met(story, -184)


def _last_met(story: Story, day: float) -> None:
    story.question(BEGINNING + 20)
    story.talks(BEGINNING + 22, -9, 8, people=2)
    story.meets(BEGINNING + 60, day - 40, 75, people=2)
    story.meet(day, who=(0, 1), outcome="information")


def fallen(story: Story) -> None:
    """Was joined by conversation once; then the talk broke off."""
    story.question(BEGINNING + 10)
    story.talks(BEGINNING + 12, -190, 8, people=2)
    story.meets(BEGINNING + 50, -200, 70, people=2)
    story.commitment(-196, kept_after=None)
    story.cancelled(-150, missed=True)
    for day in (-140, -120, -95):
        story.outreach(day)
    story.talk(-38, turns=2, theirs=False)


def met_in_talk(story: Story) -> None:
    """Met once, not long ago, and still in conversation."""
    story.question(-170, public=True)
    story.question(-150)
    story.talks(-140, -2, 9, people=len(story.firm.people))
    if story.firm.tier == "key":
        story.meet(-4, who=(0, 1), ours=(0, 1), outcome="next_step")
        return
    held = story.meet(-48, who=(0, 1), outcome=None, learnt_after=timedelta(days=13))
    meeting_id = next(each.data["meeting_id"] for each in story.happenings if each.key == held)
    story.add("meeting_outcome_noted", story.moment(-30), meeting_id=meeting_id, outcome="next_step")
    story.plan(13, told=-4, who=(0, 1), answer="tentative")


def met_quiet(story: Story) -> None:
    """Met, and then little more than a word now and then."""
    story.question(-320)
    story.talks(-310, -200, 12)
    story.meet(-230, outcome="information")
    story.talks(-130, -34, 30)
    story.gestures(-300, -20, 20)
    if len(story.firm.people) > 1:
        story.cancelled(-60)


def met_dormant(story: Story) -> None:
    """Met within the year; silent since."""
    story.question(-420)
    story.talks(-410, -290, 10)
    story.meet(-290, outcome="information")
    story.talk(-255)
    for day in (-200, -160):
        story.outreach(day)


def remote(story: Story) -> None:
    """A firm that nobody meets but by video, which stands in for a face there."""
    story.question(-300)
    story.talks(-290, -3, 9, people=2)
    story.meets(-260, -20, 60, people=2, mode="video")


def conversing(story: Story) -> None:
    """A lively conversation, and not yet a meeting."""
    start = -story.random.uniform(60, 150)
    story.question(start)
    story.talks(start + 2, -1, 6, people=2)
    story.gestures(start, -2, 9)
    wrong = story.add("call_held", story.moment(-20), channel="phone", minutes=20, learnt_after=timedelta(hours=5))
    story.retract(wrong, -19, "That call was with another firm.")
    story.plan(17, told=-1)


def helped(story: Story) -> None:
    """One question, one answer."""
    day = -story.random.uniform(8, 14)
    story.outreach(day - 20)
    story.question(day, answered_after=4)


def helped_cooling(story: Story) -> None:
    """Helped some time ago; a second question has been waiting too long."""
    story.question(-75)
    story.talk(-70)
    story.question(-16, answered_after=None)


def found_outreach(story: Story) -> None:
    """Known, written to, and not heard from."""
    story.outreach(-40)
    story.outreach(-19)
    story.gestures(-45, -5, 12)


def found_new(story: Story) -> None:
    """Just entered in the book."""


def ended(story: Story) -> None:
    """Went well, until it was over."""
    story.question(-500)
    story.talks(-490, -140, 9, people=2)
    story.meets(-440, -150, 80, people=2)
    story.say_of_it("relationship_ended", -110, reason="They were bought by a group with a house supplier.")
    story.talk(-60, theirs=True)


def ended_reopened(story: Story) -> None:
    """Over, and begun again."""
    story.question(-460)
    story.talks(-450, -330, 12)
    story.meet(-360)
    story.say_of_it("relationship_ended", -300, reason="Budget cut.")
    story.say_of_it("relationship_reopened", -80, reason="A new head of operations wrote to us.")
    story.talks(-78, -2, 9, people=2)


PLOTS: dict[str, Callable[[Story], None]] = {
    plot.__name__: plot
    for plot in (
        symbiosis,
        deepening,
        bridging,
        slipping,
        slipped,
        fallen,
        met_in_talk,
        met_quiet,
        met_dormant,
        remote,
        conversing,
        helped,
        helped_cooling,
        found_outreach,
        found_new,
        ended,
        ended_reopened,
    )
}
