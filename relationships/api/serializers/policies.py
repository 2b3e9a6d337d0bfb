"""Versions of the policy, previews, adoptions, evidence."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from relationships.domain.judgement import HEALTHS, STAGES
from relationships.domain.policy import DEFAULT_POLICY
from relationships.domain.policy_rules import draft

from ..examples import CLIENT, COLLEAGUE, NOW, RUN, SINCE
from .base import Answer, flag, identity, moment, number, one_of, string, whole
from .standing import BecauseSerializer

STATUSES = ("in_force", "former", "draft")
STATES = ("waiting", "running", "done", "failed")
CHANGES: dict[str, Any] = {"met_keep": 270, "tiers": {"key": {"window": 10}}}


class DifferenceSerializer(Answer):
    """One number in which two versions differ."""

    pointer = string("Where it stands in the policy (RFC 6901).")
    label = string("What it is called.")  # type: ignore[assignment]
    before = number("There.")
    after = number("Here.")
    sentence = string("The same in words.")
    example = {
        "pointer": "/tiers/key/window",
        "label": "key clients: window of a covering act",
        "before": 14,
        "after": 10,
        "sentence": "Key clients: window of a covering act: 10 days instead of 14 days.",
    }


class PolicySerializer(Answer):
    """A version of the policy."""

    version = whole("Its number.")
    name = string("What it is called.", null=True)
    reason = string("Why it was made.", null=True)
    status = one_of(STATUSES, "In force, adopted formerly, or only proposed.")
    based_on = whole("The version that it changes; null for the first, which came with the program.", null=True)
    created_at = moment("When it was made.", null=True)
    created_by = string("By whom: `user:<id>`, `key:<prefix>` or `system:<name>`.", null=True)
    adopted_at = moment("When it came into force last.", null=True)
    adopted_by = string("By whom.", null=True)
    differences = DifferenceSerializer(many=True, help_text="What it changes of `based_on`.")
    example = {
        "version": 2,
        "name": "Shorter windows",
        "reason": "We notice too late that a client has gone quiet.",
        "status": "draft",
        "based_on": 1,
        "created_at": NOW,
        "created_by": "user:1",
        "adopted_at": None,
        "adopted_by": None,
        "differences": [DifferenceSerializer.example],
    }


class PolicyDetailSerializer(PolicySerializer):
    """A version of the policy, whole."""

    policy = serializers.DictField(help_text="Every weight, window and threshold; spans in days.")
    from_in_force = DifferenceSerializer(many=True, help_text="What it changes of the version in force.")
    example = {
        **PolicySerializer.example,
        "policy": draft(DEFAULT_POLICY, CHANGES, version=2).to_dict(),
        "from_in_force": [DifferenceSerializer.example],
    }


class ProgressSerializer(Answer):
    """How far it is."""

    events_done = whole("Events worked through.")
    events_total = whole("Events in the log when it was asked for.")
    clients_done = whole("Clients worked through.")
    example = {"events_done": 120_000, "events_total": 1_000_000, "clients_done": 1_204}


class RunSerializer(Answer):
    """Work with a version of the policy."""

    id = identity("This run.")
    version = whole("The version.")
    state = one_of(STATES, "How it stands.")
    asked_at = moment("When it was asked for.")
    asked_by = string("By whom.")
    finished_at = moment("When it ended; null until then.", null=True)
    problem = string("Why it failed, or why it is tried again.", null=True)
    instead_of = whole("The version that was in force when it was asked for.")
    position = whole("The last event of the log that the result rests on.", null=True)
    progress = ProgressSerializer()
    example = {
        "id": RUN,
        "version": 2,
        "state": "done",
        "asked_at": NOW,
        "asked_by": "user:1",
        "finished_at": NOW,
        "problem": None,
        "instead_of": 1,
        "position": 1290,
        "progress": {"events_done": 1289, "events_total": 1289, "clients_done": 41},
    }


class HealthCountSerializer(Answer):
    """How many clients of a stage have a health."""

    health = one_of(HEALTHS, "Which.")
    now = whole("Now.")
    then = whole("Under the version previewed.")
    example = {"health": "active", "now": 3, "then": 2}


class StageCountSerializer(Answer):
    """How many clients stand on a stage."""

    stage = one_of(STAGES, "Which.")
    now = whole("Now.")
    then = whole("Under the version previewed.")
    by_health = HealthCountSerializer(many=True, help_text="The same by health.")
    example = {"stage": "met", "now": 3, "then": 2, "by_health": [HealthCountSerializer.example]}


class StandSerializer(Answer):
    """Where a client stands under one policy, and why."""

    stage = one_of(STAGES, "The stage.")
    health = one_of(HEALTHS, "The health.")
    since = moment("Since when it has the stage.")
    rule = string("The rule behind the stage.")
    reason = string("The same in words.")
    health_rule = string("The rule behind the health.")
    health_reason = string("The same in words.")
    because = BecauseSerializer(many=True, help_text="The events that both rest on.")
    sentence = string("All this in one sentence.")
    example = {
        "stage": "met",
        "health": "active",
        "since": SINCE,
        "rule": "met.in_person",
        "reason": "you met in person",
        "health_rule": "health.contact",
        "health_reason": "in contact",
        "because": [BecauseSerializer.example],
        "sentence": "Nordlicht Bakery is Met since 3 Sep 2026 because you met in person on 3 Sep 2026.",
    }


class MoverSerializer(Answer):
    """A client that would stand elsewhere."""

    client_id = identity("The client.")
    name = string("As it is called.")
    owner = identity("Who of us looks after it.", null=True)
    to = StandSerializer(help_text="Where it would stand.")
    example = {
        "client_id": CLIENT,
        "name": "Nordlicht Bakery",
        "owner": COLLEAGUE,
        "from": StandSerializer.example,
        "to": {**StandSerializer.example, "stage": "found", "rule": "fell.met", "reason": "no meeting for long"},
    }

    def get_fields(self) -> dict[str, serializers.Field]:
        return super().get_fields() | {"from": StandSerializer(source="from_", help_text="Where it stands.")}


class AsideSerializer(Answer):
    """A client that is in no figure, since its events cannot be folded."""

    client_id = identity("The client.")
    name = string("As it is called.")
    reason = string("What went wrong.")
    now = flag("Whether it is in quarantine already; false: it would be under the version previewed.")
    example = {"client_id": CLIENT, "name": "Nordlicht Bakery", "reason": "KeyError: 'mode'", "now": True}


class PreviewSerializer(RunSerializer):
    """Who would stand where under a version. Until it is done, the figures are null."""

    as_of = moment("The moment that both sides are about.", null=True)
    policy = whole("The version in force, which it compares with.", null=True)
    clients = whole("Clients worked through.", null=True)
    events = whole("Events worked through.", null=True)
    stages = StageCountSerializer(many=True, help_text="How many stand where, now and then.")
    moved = whole("Clients that would stand elsewhere.", null=True)
    stages_moved = whole("Of these, on another stage; the others have another health only.", null=True)
    falls = whole("Of these, on a lower stage.", null=True)
    told = whole("How many of them are listed, the most telling ones.", null=True)
    quarantined_now = whole("Clients in quarantine already.", null=True)
    quarantined_then = whole("Clients that would be in quarantine then only.", null=True)
    quarantined = AsideSerializer(many=True, help_text="At most a hundred of them, with the reason.")
    example = {
        **RunSerializer.example,
        "as_of": NOW,
        "policy": 1,
        "clients": 41,
        "events": 1289,
        "stages": [StageCountSerializer.example],
        "moved": 1,
        "stages_moved": 1,
        "falls": 1,
        "told": 1,
        "quarantined_now": 0,
        "quarantined_then": 0,
        "quarantined": [],
    }

    @classmethod
    def paged(cls, row: Any, following: str | None, before: str | None) -> dict[str, Any]:
        """A preview with a page of its movers."""
        return {
            **cls.written(row),
            "data": MoverSerializer.list_of(row.moves.rows),
            "next": following,
            "previous": before,
        }


class EvidenceSerializer(Answer):
    """The latest back-test of a version."""

    version = whole("The version.")
    made_at = moment("When it was made; null: never.", null=True)
    position = whole("The last event of the log that it rests on.", null=True)
    probability_shown = flag("Whether it allows a probability to be shown.")
    refusal = string("Why not.", null=True)
    evidence = serializers.DictField(
        allow_null=True, help_text="The same that `manage.py backtest --output` writes; null: never made."
    )
    run = RunSerializer(allow_null=True, help_text="One that waits, runs, or failed since; null: none.")
    example = {
        "version": 1,
        "made_at": NOW,
        "position": 1289,
        "probability_shown": False,
        "refusal": "not enough history: 180 rows and 21 with a meeting, of 200 and 50",
        "evidence": {"policy": 1, "clients": 41, "meetings": 21, "models": []},
        "run": None,
    }
