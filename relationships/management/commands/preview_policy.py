"""``manage.py preview_policy VERSION|FILE``: who would stand where under another policy, and why."""

from __future__ import annotations

import json
import textwrap
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from relationships import commands, event_store, projections
from relationships.commands.policies import proposed
from relationships.domain.judgement import STAGES
from relationships.domain.policy import Policy
from relationships.domain.policy_words import differences_in_words
from relationships.management.organisations import organisation_and_ledger
from relationships.management.progress import bar
from relationships.projections import Move, Preview
from relationships.reports.wording import cut, plain

WIDTH = 100


class Command(BaseCommand):
    help = (
        "Works out on the real log who would stand where under another policy, and why, without touching what readers "
        'see. A FILE is JSON with the changes, in the shape of a policy: {"met_keep": 180}.'
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("policy", metavar="VERSION|FILE", help="a version, or changes to the one in force")
        parser.add_argument("--organisation", default="default", metavar="SLUG")
        parser.add_argument("--movers", type=int, default=25, metavar="N", help="how many to list (default: 25)")

    def handle(self, *args: Any, **options: Any) -> None:
        organisation, ledger_id = organisation_and_ledger(options["organisation"])
        policy = _policy(ledger_id, options["policy"])
        in_force = projections.policy_in_force(ledger_id)
        with bar(self.stderr, event_store.head(ledger_id).position) as progress:
            found = projections.preview(
                ledger_id, policy, now=timezone.now(), zone=organisation.time_zone, progress=progress
            )
        for line in _told(found, in_force, policy, max(0, options["movers"])):
            self.stdout.write(line)


def _policy(ledger_id: int, given: str) -> Policy:
    if given.isascii() and given.isdecimal():
        found = projections.known_policy(ledger_id, int(given)) if len(given) <= 9 else None
        if found is None:
            raise CommandError(f"There is no policy {given}.")
        return found
    try:
        changes = json.loads(Path(given).read_text(encoding="utf-8"))
        return proposed(ledger_id, changes)
    except OSError as problem:
        raise CommandError(f"{given}: {problem.strerror}") from None
    except commands.Invalid as refused:
        faults = [f"  {one.pointer}: {one.detail}" for one in refused.errors]
        raise CommandError("\n".join([f"{given}:", *faults])) from None
    except ValueError as problem:
        raise CommandError(f"{given}: this is not JSON: {problem}.") from None


def _told(found: Preview, in_force: Policy, policy: Policy, movers: int) -> Iterator[str]:
    yield f"Policy {policy.version} beside policy {in_force.version}, which is in force"
    for one in differences_in_words(in_force, policy):
        yield f"  {one.sentence}"
    yield ""
    yield f"{'STAGE':<14}{'now':>8}{'then':>8}{'':>4}"
    for stage in STAGES:
        now = sum(count for (where, _), count in found.before.items() if where == stage)
        then = sum(count for (where, _), count in found.after.items() if where == stage)
        if now or then:
            change = f"{then - now:+,}" if then != now else ""
            yield f"{stage.capitalize():<14}{now:>8,}{then:>8,}{change:>8}".rstrip()
    yield ""
    yield (
        f"{found.moved:,} of {found.clients:,} clients would stand elsewhere: {found.stages_moved:,} on another stage "
        f"({found.falls:,} lower), {found.moved - found.stages_moved:,} with another health only"
    )
    for move in found.moves[:movers]:
        yield from _mover(move)
    if found.moved > movers:
        yield f"  … and {found.moved - movers:,} more: --movers N lists more"
    for aside in found.aside:
        when = "in quarantine, not counted" if aside.now else "would be in quarantine, not counted"
        yield f"! {plain(aside.name)}: {when}: {aside.reason}"
    yield ""
    yield f"as of {found.as_of:%Y-%m-%d %H:%M} UTC · position {found.position:,} · {found.seconds:.1f} seconds"


def _mover(move: Move) -> Iterator[str]:
    places = (
        f"{move.before.stage.capitalize()} → {move.after.stage.capitalize()}"
        if move.before.stage != move.after.stage
        else f"{move.after.stage.capitalize()}, {move.before.health} → {move.after.health}"
    )
    yield f"  {cut(plain(move.name), 50):<52}{places}"
    why = move.after.sentence
    if move.before.stage == move.after.stage:
        why = f"{move.after.health_reason}: {', '.join(cause.phrase for cause in move.after.because)}"
    yield from textwrap.wrap(plain(why), WIDTH, initial_indent="      ", subsequent_indent="      ")
