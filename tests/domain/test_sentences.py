"""The sentence that says why (`model.md` §4): read aloud, in every stage."""

from __future__ import annotations

import pytest

from relationships.domain.facts import effective
from relationships.domain.sentences import dates_in, explain, plain, sentence

from .story import Story, instant
from .test_stages import bridged, deepened

UTC = dates_in("UTC")


def said(story: Story, day: float) -> str:
    fold = story.fold(until=day)
    standing = fold.standing_at(instant(day))
    events = {fact.event_id: fact for fact in effective(story.facts)}
    explanation = explain(fold, standing, instant(day), UTC)
    only_meetings = bool(fold.posts) and not fold.sums.spoken
    return plain(sentence("Acme", standing, explanation, events, UTC, only_meetings=only_meetings))


def symbiotic() -> Story:
    story = deepened().at(123).they(who="cem", our_people=["you"]).at(123.1).we(who="cem", our_people=["you"])
    return story.at(124).add("project_succeeded", name="P")


CASES = [
    (
        Story().at(0).register(),
        1,
        "Acme is Found since 5 Jan 2026 because it was registered on 5 Jan 2026; Helped needs one answered question, "
        "or a message that is answered.",
    ),
    (
        Story().at(0).question().at(1).answer(),
        2,
        "Acme is Helped since 6 Jan 2026 because we answered a question on 6 Jan 2026; it stays while you hear from "
        "each other, both ways, before 5 Jul 2026; Conversing needs two more days with an exchange both ways (within "
        "60 days) and one of them begun by them.",
    ),
    (
        Story().at(0).meet(),
        2,
        "Acme is Met since 5 Jan 2026 because you met in person on 5 Jan 2026; it stays while you meet in person again "
        "before 5 Jan 2027; Bridging needs one more meeting and an exchange both ways before it. No conversation "
        "between your meetings is recorded.",
    ),
    (
        bridged(),
        62,
        "Acme is Bridging since 7 Mar 2026 because you met in person on 7 Mar 2026, we replied on 2 Mar 2026 and you "
        "met in person on 6 Jan 2026; it stays while you meet again before 3 Sep 2026 and you talk again "
        "before 7 May 2026; Deepening needs one more meeting, two more ideas from them, two more ideas from you, one "
        "more of their people in touch and two gaps in a row bridged to half.",
    ),
    (
        bridged(),
        61 + 21 / 0.34 + 5,
        "Acme is Bridging since 7 Mar 2026 because you met in person on 7 Mar 2026, we replied on 2 Mar 2026 and you "
        "met in person on 6 Jan 2026; it falls on 6 Jun 2026 unless the conversation is taken up before then; "
        "Deepening needs one more meeting, two more ideas from them, two more ideas from you, one more of their people "
        "in touch and two gaps in a row bridged to half.",
    ),
    (
        bridged(),
        200,
        "Acme is Met since 6 Jun 2026 because the conversation since your last meeting broke off (last: you met in "
        "person on 7 Mar 2026); it stays while you meet in person again before 7 Mar 2027; Bridging needs one more "
        "meeting, more conversation before it (the time since 7 Mar 2026 is covered to 15%, of 50%) and an exchange "
        "both ways before it.",
    ),
    (
        deepened(),
        122,
        "Acme is Deepening since 6 May 2026 because they shared an idea on 18 Apr 2026, we shared an idea on "
        "19 Apr 2026 and you met in person on 6 May 2026; it stays while you meet again before 2 Nov 2026, you "
        "talk again before 6 Jul 2026 and each side shares an idea before 18 Apr 2027; Symbiosis needs a "
        "joint project that succeeds, or a recommendation, one more of their people in touch and one more of your "
        "colleagues in touch.",
    ),
    (
        symbiotic(),
        125,
        "Acme is Symbiosis since 9 May 2026 because a joint project succeeded on 9 May 2026 and you met in person on "
        "6 May 2026; it stays while you meet again before 2 Nov 2026, you talk again before 12 Jul 2026 and "
        "a joint project runs or succeeds, or one of you recommends the other, before 9 May 2027.",
    ),
    (
        Story().at(0).meet().at(3).add("relationship_ended"),
        4,
        "Acme is Ended since 8 Jan 2026 because you said so on 8 Jan 2026; reopened, it starts at Found.",
    ),
]


@pytest.mark.parametrize(("story", "day", "expected"), CASES, ids=[case[2][:22] for case in CASES])
def test_the_sentence_reads_as_a_person_would_say_it(story: Story, day: float, expected: str) -> None:
    assert said(story, day) == expected


def test_dates_are_written_in_the_readers_zone() -> None:
    assert dates_in("Pacific/Auckland")(instant(0.9)) == "6 Jan 2026"
