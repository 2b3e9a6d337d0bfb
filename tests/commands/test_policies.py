"""Policies: proposed, previewed on the real log without touching what readers see, adopted, rolled back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from accounts.roles import Principal, Role
from relationships import commands, event_store, projections, queries
from relationships.commands import policies
from relationships.domain.draft import Draft
from relationships.domain.policy import DEFAULT_POLICY
from relationships.domain.policy_rules import draft
from relationships.models.log import Event
from relationships.models.policies import PolicyRun, PolicyVersion
from relationships.models.projections import Generation, Quarantine, Revision, StagePeriod
from relationships.projections import previewing, rebuilding, working
from relationships.queries import ClientRow
from tests.commands.cast import DAY, NOW, Cast, assemble

pytestmark = pytest.mark.django_db

SHORTER = {"met_keep": 50, "helped_keep": 30, "conversing_keep": 30, "grace": 1}
MUCH_SHORTER = {"met_keep": 5, "helped_keep": 5, "conversing_keep": 5, "grace": 1}


@pytest.fixture
def cast() -> Cast:
    return assemble()


@pytest.fixture
def clients(cast: Cast) -> dict[str, ClientRow]:
    """Ash was met 100 days ago, Birch 40, Cedar never."""
    made = {name: cast.client(name, now=NOW - 200 * DAY) for name in ("Ash", "Birch", "Cedar")}
    cast.record(made["Ash"], "meeting_held", NOW - 100 * DAY, now=NOW - 100 * DAY, mode="in_person")
    cast.record(made["Birch"], "meeting_held", NOW - 40 * DAY, now=NOW - 40 * DAY, mode="in_person")
    return made


def stages(cast: Cast, **asked: Any) -> dict[str, int]:
    pipeline = queries.pipeline(cast.system, now=NOW + DAY, **asked)
    return {one.stage: one.clients for one in pipeline.stages if one.clients}


def shorter(cast: Cast, **more: Any) -> int:
    return commands.draft_policy(cast.system, changes=SHORTER, now=NOW, **more)


# ---------------------------------------------------------------------- proposing


def test_versions_are_numbered_and_tell_what_they_change(cast: Cast) -> None:
    assert shorter(cast, name="Shorter", reason="We lose people before we notice.") == 2
    assert commands.draft_policy(cast.system, changes={"grace": 10}, based_on=2.0, now=NOW) == 3
    third, second, first = queries.policies(cast.system).rows
    assert [(one.version, one.status, one.based_on) for one in (third, second, first)] == [
        (3, "draft", 2),
        (2, "draft", 1),
        (1, "in_force", None),
    ]
    assert (first.name, first.differences) == ("First policy", ())
    assert (second.name, second.reason, second.created_by) == (
        "Shorter",
        "We lose people before we notice.",
        "system:test",
    )
    assert [one.sentence for one in third.differences] == ["Grace before a fall: 10 days instead of 1 day."]
    detail = queries.policy(cast.system, 3)
    assert (detail.policy["version"], detail.policy["met_keep"], detail.policy["grace"]) == (3, 50, 10)
    assert [one.pointer for one in detail.from_in_force] == ["/grace", "/helped_keep", "/conversing_keep", "/met_keep"]


@pytest.mark.parametrize(
    ("stated", "pointer", "code"),
    [
        ({"changes": {"met_keep": -1}}, "/changes/met_keep", "out_of_range"),
        ({"changes": {"met_needs_face": False}}, "/changes/met_needs_face", "law"),
        ({"changes": {"tiers": {"key": {"window": "x"}}}}, "/changes/tiers/key/window", "wrong_type"),
        ({"changes": []}, "/changes", "wrong_type"),
        ({"changes": {}}, "/changes", "no_change"),
        ({"changes": {"met_keep": 365}}, "/changes", "no_change"),
        ({"changes": SHORTER, "based_on": 9}, "/based_on", "unknown_version"),
        ({"changes": SHORTER, "based_on": 10**30}, "/based_on", "unknown_version"),
        ({"changes": SHORTER, "based_on": True}, "/based_on", "wrong_type"),
        ({"changes": SHORTER, "based_on": 1.5}, "/based_on", "wrong_type"),
        ({"changes": SHORTER, "name": 3}, "/name", "wrong_type"),
        ({"changes": SHORTER, "name": "x" * 81}, "/name", "too_long"),
        ({"changes": SHORTER, "reason": "a\0b"}, "/reason", "invalid_text"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(
    cast: Cast, stated: dict[str, Any], pointer: str, code: str
) -> None:
    with pytest.raises(commands.Invalid) as caught:
        commands.draft_policy(cast.system, now=NOW, **stated)
    assert (pointer, code) in [(error.pointer, error.code) for error in caught.value.errors]
    assert not PolicyVersion.objects.exists()


def test_a_version_cannot_be_changed_or_deleted(cast: Cast) -> None:
    shorter(cast)
    for change in (
        lambda: PolicyVersion.objects.update(name="other"),
        lambda: PolicyVersion.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError, match="stays as it is"), transaction.atomic():
            change()


def test_who_may_propose_preview_and_adopt(cast: Cast) -> None:
    lead = cast.user("Lena", Role.TEAM_LEAD, cast.team("north"))
    team_key = Principal(lead.organisation_id, "key:team", "team", lead.team_id, None, frozenset({"*"}), "UTC")
    shorter(cast)
    for who in (lead, team_key):
        for order in (
            lambda who=who: commands.draft_policy(who, changes=SHORTER, now=NOW),
            lambda who=who: commands.preview_policy(who, 2, now=NOW),
            lambda who=who: commands.adopt_policy(who, 2, now=NOW),
            lambda who=who: commands.ask_for_evidence(who, 2, now=NOW),
        ):
            with pytest.raises(commands.Forbidden):
                order()
    assert [one.version for one in queries.policies(lead).rows] == [2, 1]


# ---------------------------------------------------------------------- previewing


def preview(cast: Cast, version: int, **asked: Any) -> queries.PreviewAnswer:
    run = commands.preview_policy(cast.system, version, now=NOW)
    return queries.preview(cast.system, version, str(run), **asked)


def test_a_preview_tells_who_would_stand_where_and_why(cast: Cast, clients: dict[str, ClientRow]) -> None:
    version = shorter(cast)
    before = list(StagePeriod.objects.order_by("pk").values())
    answer = preview(cast, version)
    assert answer.state == "done"
    figures = answer
    assert {one.stage: (one.now, one.then) for one in figures.stages if one.now or one.then} == {
        "found": (1, 2),
        "met": (2, 1),
    }
    assert (figures.moved, figures.stages_moved, figures.falls, figures.told) == (1, 1, 1, 1)
    assert (figures.as_of, figures.policy, answer.position) == (NOW, 1, 5)
    [mover] = answer.moves.rows
    assert (mover.client_id, mover.name, mover.from_.stage, mover.to.stage) == (
        clients["Ash"].id,
        "Ash",
        "met",
        "found",
    )
    assert mover.to.since == NOW - 100 * DAY + 51 * DAY
    assert mover.from_.because[0].type == "meeting_held"
    assert mover.from_.sentence.startswith("Ash is Met since ")
    assert mover.to.sentence.startswith("Ash went from Met to Found on ")
    # Readers see what they saw.
    assert list(StagePeriod.objects.order_by("pk").values()) == before
    assert stages(cast) == {"found": 1, "met": 2}


def test_healths_that_change_are_told_after_stages(cast: Cast, clients: dict[str, ClientRow]) -> None:
    changes = {**SHORTER, "tiers": {"standard": {"rhythm_of_contact": 10}}}
    version = commands.draft_policy(cast.system, changes=changes, now=NOW)
    rows = preview(cast, version).moves.rows
    assert [(row.name, row.from_.stage != row.to.stage, row.from_.health != row.to.health) for row in rows] == [
        ("Ash", True, True),
        ("Birch", False, True),
    ]


def test_movers_come_in_pages(cast: Cast, clients: dict[str, ClientRow]) -> None:
    version = commands.draft_policy(cast.system, changes=MUCH_SHORTER, now=NOW)
    run = str(commands.preview_policy(cast.system, version, now=NOW))
    first = queries.preview(cast.system, version, run, limit=1)
    second = queries.preview(cast.system, version, run, limit=1, cursor=first.moves.next)
    assert [row.name for row in (*first.moves.rows, *second.moves.rows)] == ["Ash", "Birch"]
    assert second.moves.next is None
    with pytest.raises(queries.Invalid):
        queries.preview(cast.system, version, run, cursor="nonsense")


def test_more_movers_than_can_be_told_are_counted(
    cast: Cast, clients: dict[str, ClientRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previewing, "MOST_MOVES", 1)
    version = commands.draft_policy(cast.system, changes=MUCH_SHORTER, now=NOW)
    answer = preview(cast, version)
    assert (answer.moved, answer.told, len(answer.moves.rows)) == (2, 1, 1)


def test_a_client_in_quarantine_is_told_apart_with_its_reason(
    cast: Cast, clients: dict[str, ClientRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = Generation.objects.get(state="live")
    Quarantine.objects.create(
        ledger_id=cast.ledger_id,
        generation=generation,
        client_id=clients["Ash"].id,
        version=2,
        reason="KeyError: 'mode'",
        since=NOW,
    )
    fold_whole = working.fold_whole

    def stumble(facts: Any, policy: Any, **options: Any) -> Any:
        if policy.version != 1 and len(facts) == 1:
            raise ZeroDivisionError("no days")
        return fold_whole(facts, policy, **options)

    monkeypatch.setattr(previewing, "fold_whole", stumble)
    answer = preview(cast, shorter(cast))
    figures = answer
    assert (figures.quarantined_now, figures.quarantined_then, figures.moved) == (1, 1, 0)
    assert {(one.name, one.reason, one.now) for one in figures.quarantined} == {
        ("Ash", "KeyError: 'mode'", True),
        ("Cedar", "ZeroDivisionError: no days", False),
    }
    assert sum(one.now for one in figures.stages) == 1


def test_events_that_readers_have_not_been_shown_yet_are_in_the_preview(
    cast: Cast, clients: dict[str, ClientRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projections, "project", lambda *args, **options: None)
    cast.record(clients["Cedar"], "meeting_held", NOW - 60 * DAY, mode="in_person")
    figures = preview(cast, shorter(cast))
    assert {one.stage: (one.now, one.then) for one in figures.stages if one.now or one.then} == {
        "found": (0, 2),
        "met": (3, 1),
    }


@pytest.mark.django_db(transaction=True)
def test_several_processes_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    cast = assemble()
    for number in range(8):
        client = cast.client(f"Client {number}", now=NOW - 200 * DAY)
        cast.record(client, "meeting_held", NOW - (20 + 10 * number) * DAY, now=NOW, mode="in_person")
    version = shorter(cast)
    one = preview(cast, version)
    monkeypatch.setattr(previewing, "WORTH_SHARING", 0)
    monkeypatch.setattr(previewing, "workers", lambda: 3)
    other = preview(cast, version)
    for name in ("stages", "moved", "stages_moved", "falls", "told", "clients", "events"):
        assert getattr(one, name) == getattr(other, name)
    assert one.moves.rows == other.moves.rows
    assert (one.moved or 0) > 2


# ---------------------------------------------------------------------- adopting


def test_an_adoption_is_an_event_with_the_whole_policy_and_readers_follow(
    cast: Cast, clients: dict[str, ClientRow]
) -> None:
    version = shorter(cast)
    run = commands.adopt_policy(cast.system, version, reason="Agreed on Monday", now=NOW, request_id="r1")
    assert queries.adoption(cast.system, version, str(run)).state == "done"
    event = Event.objects.get(type="policy_adopted")
    assert event.data["policy"] == queries.policy(cast.system, version).policy
    assert (event.recorded_by, event.request_id, event.data["version"]) == ("system:test", "r1", version)
    assert stages(cast) == {"found": 2, "met": 1}
    stage = queries.stage(cast.system, clients["Ash"].id, now=NOW + DAY)
    assert (stage.policy, stage.settled, stage.position) == (version, True, event.position)
    assert [(one.version, one.status) for one in queries.policies(cast.system).rows] == [(2, "in_force"), (1, "former")]
    # Nothing is told to the outside: no revision, and no event but this one.
    assert not Revision.objects.exists()
    assert event.position == 6


def test_rolling_back_is_adopting_the_former(cast: Cast, clients: dict[str, ClientRow]) -> None:
    version = shorter(cast)
    before = {one.client_id: one.periods for one in queries.timelines(cast.system, now=NOW).rows}
    commands.adopt_policy(cast.system, version, now=NOW)
    commands.adopt_policy(cast.system, 1, now=NOW + timedelta(hours=1))
    assert {one.client_id: one.periods for one in queries.timelines(cast.system, now=NOW + DAY).rows} == before
    assert [(one.version, one.status) for one in queries.policies(cast.system).rows] == [(2, "former"), (1, "in_force")]
    assert projections.policy_in_force(cast.ledger_id) == DEFAULT_POLICY


def test_what_was_believed_before_an_adoption_is_judged_by_the_rules_of_then(
    cast: Cast, clients: dict[str, ClientRow]
) -> None:
    version = shorter(cast)
    commands.adopt_policy(cast.system, version, now=NOW)
    hour = timedelta(hours=1)
    cases: list[tuple[dict[str, Any], str, int]] = [
        ({}, "found", 2),
        ({"known_at": NOW - hour}, "met", 1),
        ({"known_at": NOW + hour}, "found", 2),
        ({"policy": 1}, "met", 1),
        ({"policy": 2}, "found", 2),
        ({"policy": 2, "known_at": NOW - hour}, "found", 2),
        ({"policy": 1, "known_at": NOW + hour}, "met", 1),
    ]
    ash = clients["Ash"].id
    for asked, stage, policy in cases:
        answer = queries.stage(cast.system, ash, now=NOW + DAY, **asked)
        assert (answer.stage, answer.policy) == (stage, policy), asked
        pipeline = queries.pipeline(cast.system, now=NOW + DAY, **asked)
        assert (pipeline.policy, pipeline.total) == (policy, 3)
        assert stages(cast, **asked) == ({"found": 1, "met": 2} if stage == "met" else {"found": 2, "met": 1})
        for query in (queries.timeline, queries.strength, queries.gaps):
            assert query(cast.system, ash, now=NOW + DAY, **asked).policy == policy
        moved = queries.movements(cast.system, start=NOW - 120 * DAY, now=NOW + DAY, **asked)
        assert moved.policy == policy
        assert {(one.from_, one.to) for one in moved.matrix} == {("found", "met")}
    with pytest.raises(queries.Invalid, match="no policy 9"):
        queries.stage(cast.system, ash, now=NOW, policy=9)


def test_one_in_force_is_not_adopted_again_and_an_unknown_one_not_at_all(cast: Cast) -> None:
    with pytest.raises(commands.PolicyConflict, match="in force already"):
        commands.adopt_policy(cast.system, 1, now=NOW)
    for nonsense in (0, -1, 2, 10**30):
        with pytest.raises(commands.NotFound):
            commands.adopt_policy(cast.system, nonsense, now=NOW)
        with pytest.raises(commands.NotFound):
            commands.preview_policy(cast.system, nonsense, now=NOW)
    assert Generation.objects.count() == 1


def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "AT_ONCE", 0)


def work(now: datetime) -> int:
    with transaction.atomic():
        runs = list(policies.claim(now=now))
    for run in runs:
        policies.carry_out(run.run_id, run.attempt, now=now)
    return len(runs)


def test_a_large_ledger_is_left_to_the_worker(
    cast: Cast, clients: dict[str, ClientRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    large(monkeypatch)
    version = shorter(cast)
    looked = str(commands.preview_policy(cast.system, version, now=NOW))
    adopted = str(commands.adopt_policy(cast.system, version, now=NOW))
    waiting = queries.preview(cast.system, version, looked)
    assert (waiting.state, waiting.moved, waiting.moves.rows) == ("waiting", None, ())
    assert queries.adoption_under_way(cast.system) == queries.adoption(cast.system, version, adopted)
    assert stages(cast) == {"found": 1, "met": 2}
    with pytest.raises(commands.PolicyConflict, match="adoption of version 2 is under way"):
        commands.adopt_policy(cast.system, commands.draft_policy(cast.system, changes={"grace": 3}, now=NOW), now=NOW)
    assert work(NOW) == 2
    assert work(NOW) == 0
    done = queries.preview(cast.system, version, looked)
    assert (done.state, len(done.moves.rows), done.progress.events_done) == ("done", 1, 5)
    assert queries.adoption_under_way(cast.system) is None
    assert stages(cast) == {"found": 2, "met": 1}


@pytest.mark.django_db(transaction=True)
def test_one_that_dies_midway_leaves_readers_the_old_answers_and_is_begun_anew(
    cast: Cast, clients: dict[str, ClientRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    large(monkeypatch)
    version = shorter(cast)
    run_id = commands.adopt_policy(cast.system, version, now=NOW)
    with transaction.atomic():
        [claimed] = policies.claim(now=NOW)

    def die(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(rebuilding, "_flip", die)
        with pytest.raises(KeyboardInterrupt):
            policies.carry_out(claimed.run_id, claimed.attempt, now=NOW)
    assert stages(cast) == {"found": 1, "met": 2}
    assert Generation.objects.get(state="building").policy_version == version
    assert not Event.objects.filter(type="policy_adopted").exists()
    assert work(NOW + timedelta(minutes=1)) == 0  # it may still be alive
    assert work(NOW + timedelta(minutes=3)) == 1
    assert queries.adoption(cast.system, version, str(run_id)).state == "done"
    assert stages(cast) == {"found": 2, "met": 1}
    assert Event.objects.filter(type="policy_adopted").count() == 1
    # The worker that was thought dead comes back: it is told that it is not its any more.
    policies.carry_out(claimed.run_id, claimed.attempt, now=NOW + timedelta(minutes=4))
    assert Event.objects.filter(type="policy_adopted").count() == 1


def test_one_that_dies_every_time_is_given_up_with_a_reason(
    cast: Cast, clients: dict[str, ClientRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    large(monkeypatch)
    run_id = commands.adopt_policy(cast.system, shorter(cast), now=NOW)

    def fail(*args: Any, **options: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(projections, "rebuild", fail)
    tries = [work(NOW + timedelta(minutes=5 * number)) for number in range(5)]
    assert tries == [1, 1, 1, 0, 0]
    run = queries.adoption(cast.system, 2, str(run_id))
    assert (run.state, run.problem) == ("failed", "OSError: no space left")
    assert stages(cast) == {"found": 1, "met": 2}
    monkeypatch.undo()
    commands.adopt_policy(cast.system, 2, now=NOW + DAY)
    assert stages(cast) == {"found": 2, "met": 1}


def test_of_two_that_saw_the_same_policy_in_force_one_wins_and_the_other_is_told(
    cast: Cast, clients: dict[str, ClientRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    version = shorter(cast)
    other = commands.draft_policy(cast.system, changes={"grace": 3}, now=NOW)
    large(monkeypatch)
    late = commands.adopt_policy(cast.system, version, now=NOW)
    PolicyRun.objects.filter(pk=late).update(state="failed")  # out of the other's way for a moment
    monkeypatch.setattr(policies, "AT_ONCE", 1_000)
    commands.adopt_policy(cast.system, other, now=NOW)
    PolicyRun.objects.filter(pk=late).update(state="waiting")
    assert work(NOW) == 1
    run = queries.adoption(cast.system, version, str(late))
    assert (run.state, run.problem) == ("failed", "Version 3 was adopted meanwhile: look at it and decide again.")
    assert projections.policy_in_force(cast.ledger_id).version == other


def test_a_rebuild_keeps_the_policy_in_force(cast: Cast, clients: dict[str, ClientRow]) -> None:
    commands.adopt_policy(cast.system, shorter(cast), now=NOW)
    projections.rebuild(cast.ledger_id, now=NOW)
    assert queries.pipeline(cast.system, now=NOW).policy == 2
    # The read tables can be lost: the log says by which rules they are made again.
    Generation.objects.all().delete()
    assert queries.pipeline(cast.system, now=NOW).policy == 2
    assert projections.ensure_live(cast.ledger_id, now=NOW).policy_version == 2


def test_what_was_adopted_can_be_read_from_the_log_alone(cast: Cast, clients: dict[str, ClientRow]) -> None:
    policy = draft(DEFAULT_POLICY, SHORTER, version=7)
    event_store.append(
        cast.ledger_id,
        event_store.ledger_stream(cast.ledger_id),
        Draft(type="policy_adopted", occurred_at=NOW, data={"version": 7, "policy": policy.to_dict()}),
        recorded_by="system:restored",
        now=NOW,
    )
    assert queries.policy(cast.system, 7).policy == policy.to_dict()
    assert queries.stage(cast.system, clients["Ash"].id, now=NOW, policy=7).stage == "found"
    assert shorter(cast, based_on=1) == 8


def test_what_is_old_is_forgotten_and_adoptions_are_not(cast: Cast, clients: dict[str, ClientRow]) -> None:
    version = shorter(cast)
    run = preview(cast, version)
    commands.adopt_policy(cast.system, version, now=NOW)
    policies.forget(before=NOW + DAY)
    with pytest.raises(queries.NotFound):
        queries.preview(cast.system, version, run.id)
    assert [row.kind for row in PolicyRun.objects.all()] == ["adoption"]
