"""Policies: which there are, how they differ, and what became of the work with them.

Everybody may read the rules; previews name clients and are for those who may see all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from accounts.roles import Principal
from relationships import projections
from relationships.domain.judgement import HEALTHS, STAGES
from relationships.domain.policy import DEFAULT_POLICY, Policy
from relationships.domain.policy_words import differences_in_words
from relationships.models.policies import PolicyMove, PolicyRun, PolicyVersion
from relationships.projections import Adoption

from . import cursors
from .errors import NotFound
from .paging import Order, page, place_of
from .rows import (
    AsideRow,
    Because,
    DifferenceRow,
    EvidenceAnswer,
    HealthCount,
    Mover,
    Page,
    PolicyDetail,
    PolicyRow,
    PreviewAnswer,
    RunProgress,
    RunRow,
    StageCount,
    Stand,
)
from .scope import Scope, as_id, checked_limit, scope_of

FIRST_NAME = "First policy"
BY_NUMBER = Order("number", int, "number", int)


def policies(principal: Principal, *, limit: int | None = None, cursor: str | None = None) -> Page[PolicyRow]:
    """A page of the versions, the newest first. Raises NotFound without a log, and Invalid for a cursor of another
    list."""
    book = _Book(scope_of(principal).ledger_id)
    wanted = checked_limit(limit)
    versions = sorted(book.versions, reverse=True)
    begins = 0
    if cursor is not None:
        [highest] = cursors.read("policies", cursor, [int])
        begins = sum(1 for version in versions if version > highest)
    shown, before = versions[begins : begins + wanted], versions[max(0, begins - wanted) : begins]
    after = versions[begins + wanted :]
    return Page(
        rows=tuple(PolicyRow(**book.fields(version)) for version in shown),
        next=cursors.write("policies", [after[0]]) if after else None,
        previous=cursors.write("policies", [before[0]]) if before else None,
    )


def policy(principal: Principal, version: int) -> PolicyDetail:
    """One version, whole. Raises NotFound."""
    book = _Book(scope_of(principal).ledger_id)
    whole = book.policy(version)
    if whole is None:
        raise NotFound(f"there is no policy {version}")
    in_force = book.policy(book.in_force)
    return PolicyDetail(
        **book.fields(version),
        policy={**whole.to_dict(), "version": version},
        from_in_force=_differences(in_force, whole),
    )


def preview(
    principal: Principal, version: int, run_id: str, *, limit: int | None = None, cursor: str | None = None
) -> PreviewAnswer:
    """A preview of a version and a page of those who would stand elsewhere. Raises NotFound, and Invalid for a cursor
    of another list."""
    scope = scope_of(principal)
    run = _run(principal, scope, PolicyRun.Kind.PREVIEW, version, run_id)
    result = run.result
    place = place_of(f"moves of {run.pk}", "number", BY_NUMBER, cursor)
    found = page(
        PolicyMove.objects.filter(run=run),
        f"moves of {run.pk}",
        "number",
        BY_NUMBER,
        place=place,
        limit=checked_limit(limit),
        at=run.asked_at,
    )
    aside = result["aside"] if result else []
    named = _named(scope, [*(row.client_id for row in found.rows), *(one["client_id"] for one in aside)])
    return PreviewAnswer(
        **_run_fields(run),
        **_figures(result, named),
        moves=Page(rows=tuple(_mover(row, named) for row in found.rows), next=found.next, previous=found.previous),
    )


def latest_preview(principal: Principal, version: int) -> RunRow | None:
    """The last preview asked for of a version, None when there is none. Raises NotFound without a log."""
    scope = scope_of(principal)
    if principal.sight != "all":
        return None
    run = _runs(scope, PolicyRun.Kind.PREVIEW, version).first()
    return None if run is None else RunRow(**_run_fields(run))


def adoption(principal: Principal, version: int, run_id: str) -> RunRow:
    """An adoption of a version, under way or ended. Raises NotFound."""
    scope = scope_of(principal)
    return RunRow(**_run_fields(_run(principal, scope, PolicyRun.Kind.ADOPTION, version, run_id)))


def adoption_under_way(principal: Principal) -> RunRow | None:
    """The adoption that waits or runs, None when none does. Raises NotFound without a log."""
    run = PolicyRun.objects.filter(
        ledger_id=scope_of(principal).ledger_id,
        kind=PolicyRun.Kind.ADOPTION,
        state__in=(PolicyRun.State.WAITING, PolicyRun.State.RUNNING),
    ).first()
    return None if run is None else RunRow(**_run_fields(run))


def evidence(principal: Principal, version: int) -> EvidenceAnswer:
    """What the latest back-test of a version said. Raises NotFound for a version that there is not."""
    scope = scope_of(principal)
    if version not in _Book(scope.ledger_id).versions:
        raise NotFound(f"there is no policy {version}")
    runs = _runs(scope, PolicyRun.Kind.EVIDENCE, version)
    made = runs.filter(state=PolicyRun.State.DONE).order_by("-finished_at").first()
    latest = runs.first()
    return EvidenceAnswer(
        version=version,
        made_at=made.finished_at if made else None,
        position=made.position if made else None,
        probability_shown=bool(made and made.result.get("probability_shown")),
        refusal=made.result.get("refusal") if made else "it has not been back-tested yet",
        evidence=made.result if made else None,
        run=None if latest is None or latest == made else RunRow(**_run_fields(latest)),
    )


# ---------------------------------------------------------------------- versions


class _Book:
    """All versions of a ledger: proposed, adopted, in force."""

    def __init__(self, ledger_id: int) -> None:
        self.adoptions = projections.adoptions(ledger_id)
        self._ledger_id = ledger_id
        self._proposed = {row.version: row for row in PolicyVersion.objects.filter(ledger_id=ledger_id)}
        self._latest: dict[int, Adoption] = {one.version: one for one in self.adoptions}
        self._policies: dict[int, Policy | None] = {}
        self.versions = {DEFAULT_POLICY.version, *self._proposed, *self._latest}
        self.in_force = self.adoptions[-1].version if self.adoptions else DEFAULT_POLICY.version

    def policy(self, version: int) -> Policy | None:
        if version not in self._policies:
            row = self._proposed.get(version)
            self._policies[version] = (
                projections.known_policy(self._ledger_id, version) if row is None else Policy.from_dict(row.policy)
            )
        return self._policies[version]

    def fields(self, version: int) -> dict[str, Any]:
        row, adopted = self._proposed.get(version), self._latest.get(version)
        base = self.policy(row.based_on) if row else None
        return {
            "version": version,
            "name": (row.name or None) if row else FIRST_NAME if version == DEFAULT_POLICY.version else None,
            "reason": (row.reason or None) if row else None,
            "status": self._status(version),
            "based_on": row.based_on if row else None,
            "created_at": row.created_at if row else None,
            "created_by": row.created_by if row else None,
            "adopted_at": adopted.adopted_at if adopted else None,
            "adopted_by": adopted.adopted_by if adopted else None,
            "differences": () if base is None else _differences(base, self.policy(version)),
        }

    def _status(self, version: int) -> str:
        if version == self.in_force:
            return "in_force"
        return "former" if version in self._latest or version == DEFAULT_POLICY.version else "draft"


def _differences(one: Policy | None, other: Policy | None) -> tuple[DifferenceRow, ...]:
    if one is None or other is None:
        return ()
    return tuple(
        DifferenceRow(
            pointer=found.pointer,
            label=found.label,
            before=found.before,
            after=found.after,
            sentence=found.sentence,
        )
        for found in differences_in_words(one, other)
    )


# ---------------------------------------------------------------------- runs


def _runs(scope: Scope, kind: str, version: int) -> Any:
    return PolicyRun.objects.filter(ledger_id=scope.ledger_id, kind=kind, version=version).order_by("-asked_at")


def _run(principal: Principal, scope: Scope, kind: str, version: int, run_id: str) -> PolicyRun:
    identity = as_id(run_id)
    found = None if identity is None else _runs(scope, kind, version).filter(pk=identity).first()
    if found is None or principal.sight != "all":
        raise NotFound("there is no such run of this policy")
    assert isinstance(found, PolicyRun)
    return found


def _run_fields(run: PolicyRun) -> dict[str, Any]:
    return {
        "id": str(run.pk),
        "version": run.version,
        "state": run.state,
        "asked_at": run.asked_at,
        "asked_by": run.asked_by,
        "finished_at": run.finished_at,
        "problem": run.problem or None,
        "instead_of": run.instead_of,
        "position": run.position,
        "progress": RunProgress(
            events_done=run.events_done, events_total=run.events_total, clients_done=run.clients_done
        ),
    }


Named = Mapping[str, tuple[str, str | None]]


def _named(scope: Scope, client_ids: Iterable[Any]) -> Named:
    rows = scope.clients().filter(pk__in=list(client_ids)).values_list("pk", "name", "owner_id")
    return {str(pk): (name, None if owner is None else str(owner)) for pk, name, owner in rows}


_COUNTED = (
    "clients",
    "events",
    "moved",
    "stages_moved",
    "falls",
    "told",
    "quarantined_now",
    "quarantined_then",
)


def _figures(result: Mapping[str, Any] | None, named: Named) -> dict[str, Any]:
    if result is None:
        return {"as_of": None, "policy": None, "stages": (), "quarantined": (), **dict.fromkeys(_COUNTED)}
    now = {(stage, health): count for stage, health, count in result["before"]}
    then = {(stage, health): count for stage, health, count in result["after"]}
    return {
        "as_of": datetime.fromisoformat(result["as_of"]),
        "policy": result["in_force"],
        "stages": tuple(_count(stage, now, then) for stage in STAGES),
        **{name: result[name] for name in _COUNTED},
        "quarantined": tuple(
            AsideRow(
                client_id=one["client_id"],
                name=named.get(one["client_id"], ("", None))[0],
                reason=one["reason"],
                now=one["now"],
            )
            for one in result["aside"]
        ),
    }


def _count(stage: str, now: Mapping[tuple[str, str], int], then: Mapping[tuple[str, str], int]) -> StageCount:
    by_health = tuple(
        HealthCount(health=health, now=now.get((stage, health), 0), then=then.get((stage, health), 0))
        for health in HEALTHS
    )
    return StageCount(
        stage=stage,
        now=sum(one.now for one in by_health),
        then=sum(one.then for one in by_health),
        by_health=by_health,
    )


def _mover(row: PolicyMove, named: Named) -> Mover:
    name, owner = named.get(str(row.client_id), ("", None))
    return Mover(
        client_id=str(row.client_id),
        name=name,
        owner=owner,
        from_=_stand(row.told["before"]),
        to=_stand(row.told["after"]),
    )


def _stand(told: Mapping[str, Any]) -> Stand:
    because = tuple(
        Because(
            event_id=cause["event_id"],
            type=cause["type"],
            occurred_at=datetime.fromisoformat(cause["occurred_at"]),
            mode=None,
            phrase=cause["phrase"],
        )
        for cause in told["because"]
    )
    return Stand(**{**told, "since": datetime.fromisoformat(told["since"]), "because": because})
