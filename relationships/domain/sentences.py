"""Why a client stands where it stands, in words that a person would use.

    {Client} is {Stage} since {date} because {events}; it stays while {keep}; {next stage} needs {what is missing}.

After a fall it says from where, why, and what would restore it; while the grace runs, what is lacking and when it
falls; and a further sentence tells of a health that needs a hand. `explain` works the pieces out of a fold;
`sentence` puts them together as parts, some of which name the event that they rest on, so that a page can link them.
Dates are written in the reader's zone. Source: `model.md` §4, §5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import health, needs
from .acts_in_words import act, phrase
from .facts import Fact
from .fold import Fold
from .judgement import ENDED, STAGES, SYMBIOSIS
from .needs import Lack
from .rules_in_words import ENTRIES, FALLS, HEALTHS, rule_in_words
from .standing import Standing
from .wording import Day, dates_in, listed

__all__ = ["Day", "Explanation", "Part", "act", "dates_in", "explain", "phrase", "plain", "rule_in_words", "sentence"]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a sentence; `event_id` where it names an event."""

    text: str
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What keeps a stage and what the next one needs, at one moment.

    `keeps_until` is the moment at which the keep fails if nothing more happens (in the past when it fails already;
    None: never by itself), `falls_at` when the stage then falls, and `falls_to` where to. `keep` and `missing` are
    words. `lacking` says, while the grace of a coming fall runs, since when and what is short. `soon` says that the
    keep fails within the length of the grace. `restores` says that the next stage is the one that was last lost.

    `because` and `health_because` name the events behind the stage and the health; `health_rule` is the rule of the
    latter. `accepted_for` is the start of the meeting that keeps a silent client from being dormant. `meetings` is
    how many posts there were where nothing was ever said beside them, else 0.
    """

    keeps_until: int | None
    falls_at: int | None
    falls_to: str | None
    lacking: tuple[int, Lack] | None
    soon: bool
    keep: str
    next_stage: str | None
    missing: tuple[str, ...]
    restores: bool
    because: tuple[str, ...]
    health_rule: str
    health_because: tuple[str, ...]
    accepted_for: int | None
    meetings: int
    remote_only: bool
    grace: float

    @property
    def events(self) -> tuple[str, ...]:
        """The ids of all events that the sentence may name."""
        return (*self.because, *self.health_because)


def explain(fold: Fold, standing: Standing, at: int, day: Day) -> Explanation:
    """What there is to say of `standing` at `at`, a moment not before the latest event of `fold`."""
    stage, falls_at = standing.stage, standing.falls_at
    until = standing.failures[0][0] if standing.failures else None
    following = stage + 1 if stage < SYMBIOSIS else None
    rule, events = health.reason(fold, at, standing.health)
    grace = fold.policy.spans.grace
    failing = falls_at is not None and falls_at - grace <= at
    lost = standing.stage_rule.partition(".")[0] if standing.stage_rule in FALLS else None
    return Explanation(
        keeps_until=until,
        falls_at=falls_at,
        falls_to=None if falls_at is None else STAGES[fold.standing_at(falls_at).stage],
        lacking=(falls_at - grace, needs.lack(fold, standing, at, day)) if failing and falls_at is not None else None,
        soon=falls_at is not None and not failing and falls_at - 2 * grace <= at,
        keep=needs.keep(fold, stage, day),
        next_stage=None if following is None else STAGES[following],
        missing=() if following is None else needs.missing(fold, following, at, day),
        restores=lost is not None and following is not None and STAGES[following] == lost,
        because=_causes(fold, standing),
        health_rule=rule,
        health_because=events,
        accepted_for=_accepted_for(fold, events) if rule == "health.meeting_accepted" else None,
        meetings=0 if fold.sums.spoken else fold.posts,
        remote_only=fold.remote_only,
        grace=fold.policy.grace,
    )


def _causes(fold: Fold, standing: Standing) -> tuple[str, ...]:
    """The events behind the stage; a reopening before them where the stage was entered by it."""
    reopened = fold.reopened
    if reopened is None or reopened[0] != standing.since or reopened[1] in standing.stage_because:
        return standing.stage_because
    return (reopened[1], *standing.stage_because)


def _accepted_for(fold: Fold, events: Sequence[str]) -> int | None:
    return next((plan.starts_at for plan in fold.accepted.values() if plan.event_id in events), None)


# ---------------------------------------------------------------------- the sentence


def sentence(client: str, standing: Standing, told: Explanation, events: Mapping[str, Fact], day: Day) -> list[Part]:
    """The parts of the sentence that says why `client` stands where it stands.

    `events` holds the facts that `told.events` names, by id; one that is missing is left out.
    """
    causes = sorted((events[one] for one in dict.fromkeys(told.because) if one in events), key=lambda fact: fact.at)
    stage = STAGES[standing.stage].capitalize()
    if standing.stage_rule in FALLS:
        lost = standing.stage_rule.partition(".")[0].capitalize()
        parts = [Part(f"{client} went from {lost} to {stage} on {day(standing.since)} because ")]
        parts += _fall(standing.stage_rule, causes, told, day)
    else:
        parts = [Part(f"{client} is {stage} since {day(standing.since)}")]
        parts += _entry(standing, causes, told, day)
    if standing.stage == ENDED:
        return [*parts, Part("; it stays so until you reopen it.")]
    parts += [Part(f"; {clause}") for clause in _clauses(stage, told, day)]
    parts.append(Part("."))
    parts += _health(standing, told, events, day)
    if told.meetings:
        which = "since your meeting" if told.meetings == 1 else "between your meetings"
        parts.append(Part(f" No conversation {which} is recorded."))
    return parts


def _entry(standing: Standing, causes: Sequence[Fact], told: Explanation, day: Day) -> list[Part]:
    if not causes:
        return []
    lead = ENTRIES.get(standing.stage_rule, "")
    if causes[-1].type == "relationship_reopened" and len(causes) > 1:
        # What had been so before holds again: it is told after the reopening.
        before = _listed(causes[:-1], standing, day)
        return [Part(" because "), _named(causes[-1], standing, day), Part(" and "), *before]
    parts = [Part(f" because {lead}"), *_listed(causes, standing, day)]
    if standing.stage_rule == "met.by_video":
        parts.append(Part(", which counts since it is remote-only"))
    return parts


def _fall(rule: str, causes: Sequence[Fact], told: Explanation, day: Day) -> list[Part]:
    """Why a stage was lost: the rule, and the last event that had supported it."""
    words = FALLS[rule]
    lead = words.lead.format(grace=f"{told.grace:g}", face="" if told.remote_only else " in person")
    if not causes:
        return [Part(lead)]
    if rule.endswith(".gap_broken"):
        named: list[Part] = []
        for fact in causes:
            named += [Part(" and " if named else ""), Part(day(fact.at), fact.event_id)]
        return [Part(f"{lead} ("), *named[1:], Part(")")]
    last = causes[-1]
    return [Part(f"{lead} since "), Part(words.event.format(act=act(last), date=day(last.at)), last.event_id)]


def _clauses(stage: str, told: Explanation, day: Day) -> list[str]:
    """What keeps the stage, or lets it fall, and what the next one needs."""
    clauses = []
    if told.lacking is not None and told.falls_at is not None and told.falls_to is not None:
        since, lack = told.lacking
        ahead = f"falls to {told.falls_to.capitalize()} on {day(told.falls_at)}"
        clauses.append(f"it has been short of {lack.what} since {day(since)} and, if nothing more happens, {ahead}")
        saving = "that can no longer be mended in time"
        if lack.mend is not None:
            saving = f"saving it takes {lack.mend} before then"
        clauses.append(saving)
    elif told.keep:
        clauses.append(f"it stays while {told.keep}")
        if told.soon and told.falls_at is not None and told.falls_to is not None:
            clauses.append(f"if nothing more happens, it falls to {told.falls_to.capitalize()} on {day(told.falls_at)}")
    if told.next_stage is not None:
        following, wanted = told.next_stage.capitalize(), listed(told.missing)
        clauses.append(f"{wanted} would restore {following}" if told.restores else f"{following} needs {wanted}")
    return clauses


# ---------------------------------------------------------------------- events in a row


def _named(fact: Fact, standing: Standing, day: Day) -> Part:
    return Part(f"{act(fact)} {_when(fact, standing, day)}", fact.event_id)


def _when(fact: Fact, standing: Standing, day: Day) -> str:
    date = day(fact.at)
    return "that day" if date == day(standing.since) else f"on {date}"


def _listed(facts: Sequence[Fact], standing: Standing, day: Day) -> list[Part]:
    """The facts in order of time, as one would say them: a date that several share once, and nothing twice."""
    told: list[tuple[str, str, str]] = []  # act, when, event
    for fact in facts:
        what, when = act(fact), _when(fact, standing, day)
        if not told or told[-1][:2] != (what, when):
            told.append((what, when, fact.event_id))
    parts: list[Part] = []
    for place, (what, when, event_id) in enumerate(told):
        if place:
            parts.append(Part(" and " if place == len(told) - 1 else ", "))
        same_day_follows = place + 1 < len(told) and told[place + 1][1] == when
        words = what if not place or told[place - 1][0] != what else ""
        again = " again" if place and what in [one for one, *_ in told[:place]] else ""
        pieces = [words, again.strip(), "" if same_day_follows else when]
        parts.append(Part(" ".join(piece for piece in pieces if piece), event_id))
    return parts


# ---------------------------------------------------------------------- health


def _health(standing: Standing, told: Explanation, events: Mapping[str, Fact], day: Day) -> list[Part]:
    """A sentence on a health that is not simply active, with what lifts it."""
    words = HEALTHS.get(told.health_rule)
    if words is None:
        return []
    lead = words.lead.format(health=standing.health, since=day(standing.health_since))
    if not words.lift:
        return [Part(f" {lead}.")]
    named = next((events[one] for one in told.health_because if one in events), None)
    if named is None:
        return []
    date = named.at if told.accepted_for is None else told.accepted_for
    link = Part(words.event.format(act=act(named), date=day(date)), named.event_id)
    return [Part(f" {lead}"), link, Part(f"{words.then}; {words.lift}.")]


def plain(parts: Sequence[Part]) -> str:
    """The sentence as one string."""
    return "".join(part.text for part in parts)
