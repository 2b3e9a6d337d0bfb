"""Exchanges taken in: what is two-way, what is a contact, what covers, and what each earns.

Source: `model.md` §2 ("Words that the rules use"), §3 (the factors d, a, F, R).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import contact, gaps, questions
from .conversations import INBOUND, MUTUAL, OUTBOUND, Conversation, Waiting
from .facts import Fact
from .instants import utc_day
from .strength import discount, fade

if TYPE_CHECKING:
    from .fold import Fold


def take_spoken(fold: Fold, fact: Fact) -> None:
    data = fact.data
    if data.get("channel") == "broadcast":
        if fact.type == "idea_shared":
            contact.note_idea(fold, fact)
        return
    policy, at, kind = fold.policy, fact.at, fact.type
    direction = data["direction"]
    brand = data.get("our_account") == "brand"
    name = fold.replies[fact.event_id][0]
    talk = fold.conversations.get(name)
    if talk is None:
        talk = fold.conversations[name] = Conversation()
    reach = policy.spans.two_way_within
    mutual = direction == MUTUAL
    theirs, ours = direction != OUTBOUND, direction != INBOUND
    answers = questions.close_answered(fold, fact, name) if ours else False
    before = talk.outbound_at if direction == INBOUND else talk.inbound_at
    two_way = mutual or kind == "question_answered" or answers or (before is not None and at < before + reach)
    begun = theirs and _begun_by_them(fold, fact, talk)

    _credit_spoken(fold, fact, talk, brand, name)
    sums = fold.sums
    sums.spoken += 1
    sums.inbound += theirs
    sums.outbound += ours
    fold.talk.append((at, float(theirs), float(ours)))
    if theirs:
        talk.inbound_at = at
        if data.get("topics"):
            fold.last_topics = (at, fact.event_id, data["topics"])
    if ours:
        talk.outbound_at = at

    if kind == "question_asked" and theirs:
        questions.ask(fold, fact, name)
    elif kind == "idea_shared":
        contact.note_idea(fold, fact)
    if two_way:
        contact.note_two_way(fold, fact, begun)
        fold.last_two_way_exchange = (at, fact.event_id)
    covers = two_way or ((kind == "idea_discussed" or kind == "call_held") and not brand)
    gap = fold.gap
    laid, changes = None, False
    if gap is not None:
        changes = covers and not gaps.goes_on(gap, at, policy)
        laid = gaps.ground(gap, policy) if changes else None
        gap.spoken += 1
        gap.two_way += two_way
        if two_way:
            gap.last_two_way_at = at
    if two_way or theirs:
        contact.note_contact(fold, fact)
    if covers:
        contact.cover(fold, fact, fold.window // 2 if brand else fold.window)
    if gap is not None and changes:
        gaps.lay(gap, laid, at, policy)
    if kind == "call_held":
        questions.close_all(fold, fact)


def _begun_by_them(fold: Fold, fact: Fact, talk: Conversation) -> bool:
    """Begun by them: no reply to one of ours, and none of ours in the conversation in the two days before."""
    target = fact.data.get("in_reply_to")
    if target:
        known = fold.replies.get(target)
        if known is not None and known[1] == OUTBOUND:
            return False
    return talk.outbound_at is None or fact.at >= talk.outbound_at + fold.policy.spans.begun_quiet


def _credit_spoken(fold: Fold, fact: Fact, talk: Conversation, brand: bool, name: str) -> None:
    """The points of a spoken exchange now, and those that an answer of theirs earns for ours."""
    policy = fold.policy
    direction = fact.data["direction"]
    weight = policy.points.get(fact.type, 0.0)
    key = _counted_with(fold, fact, name)
    face = _face_factor(fold, fact.at)
    if direction != OUTBOUND:
        _credit(fold, fact, weight, policy.brand if brand else 1.0, face, key)
        _reward(fold, talk, fact.at)
        return
    if fact.type == "question_answered" and not brand:
        _credit(fold, fact, weight, 1.0, face, key)
    else:
        share = 0.0 if brand or talk.unanswered >= policy.unanswered_limit else policy.sent
        placed = _credit(fold, fact, weight, share, face, key)
        later = policy.brand if brand else policy.answered
        factors: list[list[Any]] = [["answered", later], ["face", face]]
        pairs = pairs_of(fact)
        talk.waiting = Waiting(fact.at, fact.event_id, weight, factors, key, placed, brand, _colleague(fact), pairs)
    talk.unanswered += 1


def _reward(fold: Fold, talk: Conversation, at: int) -> None:
    """They spoke: the latest of ours in the conversation earns the rest, aged from now."""
    waiting = talk.waiting
    talk.unanswered = 0
    talk.waiting = None
    if waiting is None or at >= waiting.at + fold.policy.spans.answer_within or not waiting.weight:
        return
    placed = waiting.discount if waiting.discount is not None else _place(fold, waiting.key)
    factors = [("weight", waiting.weight), ("nth of the day", placed)]
    factors += [(name, value) for name, value in waiting.factors]
    _add_term(fold, waiting.event_id, "answered", at, tuple(factors), waiting.pairs)
    _earn(fold, at, waiting.weight * placed * waiting.factors[0][1], waiting.brand, waiting.colleague)


def take_gesture(fold: Fold, fact: Fact) -> None:
    """Reactions, mentions, shares and connections earn points and nothing else."""
    data = fact.data
    if data.get("channel") == "broadcast":
        return
    brand = data.get("our_account") == "brand"
    if data["direction"] == OUTBOUND:
        share = 0.0 if brand else fold.policy.gesture
    else:
        share = fold.policy.brand if brand else 1.0
    name = fold.replies[fact.event_id][0]
    weight = fold.policy.points.get(fact.type, 0.0)
    _credit(fold, fact, weight, share, _face_factor(fold, fact.at), _counted_with(fold, fact, name))


def take_full_points(fold: Fold, fact: Fact) -> None:
    """Commitments kept and advocacy: a = d = 1."""
    if fact.type == "advocacy_given":
        fold.last_advocacy = (fact.at, fact.event_id)
    weight = fold.policy.points.get(fact.type, 0.0)
    if fact.data.get("channel") != "broadcast" and weight:
        factors = (("weight", weight), ("face", _face_factor(fold, fact.at)))
        _add_term(fold, fact.event_id, fact.type, fact.at, factors, pairs_of(fact))


def _counted_with(fold: Fold, fact: Fact, name: str) -> str:
    contacts = fact.data.get("contacts")
    return contacts[0] if contacts else name


def _face_factor(fold: Fold, at: int) -> float:
    """1 + γ·F: talk counts more when people have met."""
    met = fold.last_in_person
    if met is None:
        return 1.0
    return 1.0 + fold.policy.gamma * fade(at - met[0], fold.policy.face_half_life)


def _place(fold: Fold, key: str) -> float:
    counts = fold.day_counts
    if key not in counts:
        counts[key] = 1
        return 1.0
    counts[key] += 1
    return discount(counts[key])


def _credit(fold: Fold, fact: Fact, weight: float, share: float, face: float, key: str) -> float | None:
    """Adds a term; returns d, None when the exchange earns nothing now (and so takes no place in the day)."""
    if not weight or not share:
        return None
    placed = _place(fold, key)
    factors = (("weight", weight), ("nth of the day", placed), ("account", share), ("face", face))
    _add_term(fold, fact.event_id, fact.type, fact.at, factors, pairs_of(fact))
    _earn(fold, fact.at, weight * placed * share, fact.data.get("our_account") == "brand", _colleague(fact))
    return placed


def _add_term(
    fold: Fold, event_id: str, kind: str, at: int, factors: tuple[tuple[str, float], ...], pairs: list[str]
) -> None:
    total = 1.0
    for factor in factors:
        total *= factor[1]
    fold.sums.exchanges += total
    fold.exchange_terms.append((event_id, kind, at, factors, total, pairs))
    for pair in pairs:
        fold.tie(pair)[2] += total


def pairs_of(fact: Fact) -> list[str]:
    """Each of our people with each of theirs whom the event names: "our id, their id"."""
    ours, theirs = fact.data.get("our_people"), fact.data.get("contacts")
    if not ours or not theirs:
        return []
    if len(ours) == 1 and len(theirs) == 1:
        return [ours[0] + " " + theirs[0]]
    return [f"{our} {their}" for our in ours for their in theirs]


def _colleague(fact: Fact) -> str | None:
    ours = fact.data.get("our_people")
    return ours[0] if ours else None


def _earn(fold: Fold, at: int, points: float, brand: bool, colleague: str | None) -> None:
    """Counts points towards the balance between personal accounts and the brand, by UTC day."""
    earned, day = fold.earned, utc_day(at)
    if not earned or earned[-1][0] != day:
        earned.append([day, 0.0, 0.0, {}])
        while earned[0][0] <= day - fold.policy.balance_within:
            earned.popleft()
    entry = earned[-1]
    if brand:
        entry[2] += points
        return
    entry[1] += points
    name = colleague or ""
    entry[3][name] = entry[3].get(name, 0.0) + points
