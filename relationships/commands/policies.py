"""Policies: proposed, previewed on the real log, adopted. What takes long is left to the worker.

A version is kept word for word (`draft_policy`). A run is one piece of work with it: small ledgers are worked through
at once, large ones by `carry_out`, which the worker calls with what `claim` gave. An adoption builds the new tables
beside those that are read; the event, the flip and the end of the run are one transaction, so that the log and what
readers see never disagree about the policy in force.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F, Max, Q

from accounts import security
from accounts.models import Organisation
from accounts.roles import Principal
from relationships import event_store, projections
from relationships.domain.draft import Draft
from relationships.domain.events import clean
from relationships.domain.fields import Errors, FieldError, Spec, check_text, shown
from relationships.domain.ids import uuid7
from relationships.domain.instants import to_us
from relationships.domain.policy import DEFAULT_POLICY, Policy
from relationships.domain.policy_rules import InvalidPolicy, draft
from relationships.models.policies import PolicyMove, PolicyRun, PolicyVersion
from relationships.projections import Progress, known_policy, policy_in_force
from relationships.queries.scope import scope_of

from .errors import Forbidden, Invalid, NotFound, PolicyConflict
from .scopes import demand

logger = logging.getLogger(__name__)

AT_ONCE = 10_000  # events that are worked through while the caller waits: about a second
LEASE = timedelta(minutes=2)  # without a sign of life for so long, a run is handed out again
SIGN_OF_LIFE = 2.0  # seconds
MAX_ATTEMPTS = 3
PREVIEWS_KEPT = timedelta(days=7)
LONGEST_NAME, LONGEST_REASON = 80, 1_000
MOST_VERSIONS = 10_000

Kind = PolicyRun.Kind
State = PolicyRun.State


# ---------------------------------------------------------------------- proposing


def draft_policy(
    principal: Principal,
    *,
    changes: Any,
    based_on: Any = None,
    name: Any = None,
    reason: Any = None,
    now: datetime,
) -> int:
    """Keeps a new version: `based_on` (None: the one in force) with `changes`, which have the shape of a policy and
    leave out what stays. Answers its number.

    Raises Invalid naming every fault by its place, and Forbidden.
    """
    ledger_id = _ledger(principal)
    errors: Errors = []
    stated = {
        "name": _text(name, "/name", LONGEST_NAME, errors),
        "reason": _text(reason, "/reason", LONGEST_REASON, errors),
    }
    base = _base(ledger_id, based_on, errors)
    if not isinstance(changes, Mapping):
        errors.append(FieldError("/changes", "wrong_type", f"{shown(changes)} is not an object."))
    policy = _drafted(base, changes, errors) if base is not None and isinstance(changes, Mapping) else None
    if errors or policy is None or base is None:
        raise Invalid(errors)
    while True:
        number = _next_number(ledger_id)
        if number > MOST_VERSIONS:
            raise Invalid.one("", "too_many", f"There are {MOST_VERSIONS:,} versions already.")
        try:
            with transaction.atomic():
                PolicyVersion.objects.create(
                    ledger_id=ledger_id,
                    version=number,
                    based_on=base.version,
                    policy={**policy.to_dict(), "version": number},
                    created_at=now,
                    created_by=principal.label,
                    **stated,
                )
        except IntegrityError:  # somebody took the number just now
            continue
        return number


def proposed(ledger_id: int, changes: Any, *, based_on: int | None = None) -> Policy:
    """The policy that `draft_policy` would keep, under the number that it would have. Raises Invalid."""
    errors: Errors = []
    base = _base(ledger_id, based_on, errors)
    if not isinstance(changes, Mapping):
        raise Invalid.one("/changes", "wrong_type", f"{shown(changes)} is not an object.")
    policy = None if base is None else _drafted(base, changes, errors)
    if policy is None:
        raise Invalid(errors)
    return Policy.from_dict({**policy.to_dict(), "version": _next_number(ledger_id)})


def _base(ledger_id: int, based_on: Any, errors: Errors) -> Policy | None:
    if based_on is None:
        return policy_in_force(ledger_id)
    # 2.0 is an integer in JSON Schema (2020-12, validation 6.1.1).
    if isinstance(based_on, bool) or not isinstance(based_on, int | float) or based_on % 1:
        errors.append(FieldError("/based_on", "wrong_type", f"{shown(based_on)} is not the number of a version."))
        return None
    found = known_policy(ledger_id, int(based_on)) if 0 < based_on <= MOST_VERSIONS else None
    if found is None:
        errors.append(FieldError("/based_on", "unknown_version", f"There is no version {based_on}."))
    return found


def _drafted(base: Policy, changes: Mapping[str, Any], errors: Errors) -> Policy | None:
    try:
        policy = draft(base, changes, base.version)
    except InvalidPolicy as refused:
        errors += [FieldError(f"/changes{one.pointer}", one.code, one.detail) for one in refused.errors]
        return None
    if policy == base:
        detail = f"With these changes it would be the same as version {base.version}."
        errors.append(FieldError("/changes", "no_change", detail))
        return None
    return policy


def _text(value: Any, pointer: str, most: int, errors: Errors) -> str:
    if value is None or value == "":
        return ""
    return str(check_text(value, Spec("text", "", most=most), pointer, errors))


def _next_number(ledger_id: int) -> int:
    found = PolicyVersion.objects.filter(ledger_id=ledger_id).aggregate(Max("version"))["version__max"]
    adopted = max((one.version for one in projections.adoptions(ledger_id)), default=0)
    return max(DEFAULT_POLICY.version, found or 0, adopted) + 1


# ---------------------------------------------------------------------- asking for work


def preview_policy(
    principal: Principal, version: int, *, now: datetime, request_id: str | None = None, wait: bool = False
) -> UUID:
    """Works out who would stand where under a version, at once for a small ledger or when told to `wait`; answers the
    run. Raises NotFound and Forbidden."""
    ledger_id = _ledger(principal)
    _known(ledger_id, version)
    return _ask(principal, ledger_id, Kind.PREVIEW, version, now=now, request_id=request_id, wait=wait)


def adopt_policy(
    principal: Principal,
    version: int,
    *,
    reason: Any = None,
    now: datetime,
    request_id: str | None = None,
    progress: Progress | None = None,
    wait: bool = False,
) -> UUID:
    """Puts a version into force, at once for a small ledger or when told to `wait`; answers the run.

    Until the new read tables are complete, readers keep the old answers. Adopting a former version is how one rolls
    back. Raises NotFound, Forbidden, Invalid for a reason that is no text, and PolicyConflict when the version is in
    force already, when another adoption is under way, and when another came first.
    """
    ledger_id = _ledger(principal)
    _known(ledger_id, version)
    errors: Errors = []
    why = _text(reason, "/reason", LONGEST_REASON, errors)
    if errors:
        raise Invalid(errors)
    in_force = policy_in_force(ledger_id).version
    if in_force == version:
        raise PolicyConflict(f"Version {version} is in force already.")
    try:
        return _ask(
            principal,
            ledger_id,
            Kind.ADOPTION,
            version,
            instead_of=in_force,
            reason=why,
            now=now,
            request_id=request_id,
            progress=progress,
            wait=wait,
        )
    except IntegrityError:
        under_way = PolicyRun.objects.filter(
            ledger_id=ledger_id, kind=Kind.ADOPTION, state__in=(State.WAITING, State.RUNNING)
        ).first()
        which = f"of version {under_way.version} " if under_way else ""
        raise PolicyConflict(f"An adoption {which}is under way: wait until it is done, and look again.") from None


def ask_for_evidence(principal: Principal, version: int, *, now: datetime, request_id: str | None = None) -> UUID:
    """Has a version back-tested by the worker; one that is under way is not asked for twice. Answers the run.

    Raises NotFound and Forbidden."""
    ledger_id = _ledger(principal)
    _known(ledger_id, version)
    under_way = PolicyRun.objects.filter(
        ledger_id=ledger_id, kind=Kind.EVIDENCE, version=version, state__in=(State.WAITING, State.RUNNING)
    ).first()
    if under_way is not None:
        return under_way.pk
    run = _new_run(principal, ledger_id, Kind.EVIDENCE, version, now=now, next_attempt_at=now, request_id=request_id)
    run.save(force_insert=True)
    return run.pk


def _ledger(principal: Principal) -> int:
    demand(principal, "policies:write")
    if principal.sight != "all":
        raise Forbidden("a policy is about all clients: this is for those who see all of them")
    return scope_of(principal).ledger_id


def _known(ledger_id: int, version: int) -> Policy:
    found = known_policy(ledger_id, version) if 0 < version <= MOST_VERSIONS else None
    if found is None:
        raise NotFound(f"there is no policy {version}")
    return found


def _new_run(principal: Principal, ledger_id: int, kind: str, version: int, *, now: datetime, **more: Any) -> PolicyRun:
    more.setdefault("instead_of", policy_in_force(ledger_id).version)
    return PolicyRun(
        id=UUID(uuid7(to_us(now) // 1000)),
        ledger_id=ledger_id,
        kind=kind,
        version=version,
        asked_at=now,
        asked_by=principal.label,
        events_total=event_store.head(ledger_id).position,
        **more,
    )


def _ask(
    principal: Principal,
    ledger_id: int,
    kind: str,
    version: int,
    *,
    now: datetime,
    progress: Progress | None = None,
    wait: bool,
    **more: Any,
) -> UUID:
    run = _new_run(principal, ledger_id, kind, version, now=now, next_attempt_at=now, **more)
    at_once = wait or run.events_total <= AT_ONCE
    if at_once:  # not to be handed out as well
        run.next_attempt_at = now + LEASE
    with transaction.atomic():
        run.save(force_insert=True)
        if kind == Kind.ADOPTION:
            # Now, while it is known where the order came from: the worker may be who carries it out.
            security.note(
                "policy_adopted", now=now, principal=principal, about=f"policy:{version}", details={"run": str(run.pk)}
            )
    if at_once:
        _carry_out(run.pk, 1, now, progress, told=True)
    return run.pk


# ---------------------------------------------------------------------- doing it


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run that is handed to one worker: the `attempt` tells it from a worker that was thought dead."""

    run_id: UUID
    kind: str
    attempt: int


def claim(*, now: datetime, limit: int = 20) -> Iterator[Claimed]:
    """Runs that are due; nobody else is given them for `LEASE`.

    Call it inside the transaction that hands them on: should that fail, the claims are undone.
    """
    due = PolicyRun.objects.filter(next_attempt_at__lte=now)
    for ledger_id in due.order_by("ledger_id").values_list("ledger_id", flat=True).distinct():
        mine = due.filter(ledger_id=ledger_id).select_for_update(skip_locked=True).order_by("next_attempt_at")
        runs = list(mine[:limit])
        PolicyRun.objects.filter(pk__in=[run.pk for run in runs]).update(next_attempt_at=now + LEASE)
        for run in runs:
            yield Claimed(run.pk, run.kind, run.attempts + 1)


def carry_out(run_id: UUID, attempt: int, *, now: datetime) -> None:
    """Does a preview or an adoption that was claimed. Whatever goes wrong is kept with the run, and tried again."""
    _carry_out(run_id, attempt, now, None, told=False)


def begin(run_id: UUID, attempt: int, *, now: datetime) -> PolicyRun | None:
    """The run, begun; None when somebody else has begun this attempt, or it has failed too often."""
    due = PolicyRun.objects.filter(pk=run_id, attempts=attempt - 1, state__in=(State.WAITING, State.RUNNING))
    if attempt > MAX_ATTEMPTS:  # its workers died before they could say why
        due.update(
            state=State.FAILED,
            next_attempt_at=None,
            finished_at=now,
            problem="The worker stopped in the middle, each time.",
        )
        return None
    if not due.update(state=State.RUNNING, attempts=attempt, next_attempt_at=now + LEASE, events_done=0):
        return None
    return PolicyRun.objects.get(pk=run_id)


def fail(run: PolicyRun, problem: Exception, *, now: datetime, again: bool = True) -> None:
    """Keeps what went wrong; the run is tried again in a minute, unless that is of no use: then the problem speaks for
    itself."""
    over = not again or run.attempts >= MAX_ATTEMPTS
    said = f"{type(problem).__name__}: {problem}" if again else str(problem)
    _mine(run).update(
        state=State.FAILED if over else State.WAITING,
        next_attempt_at=None if over else now + timedelta(minutes=1),
        finished_at=now if over else None,
        problem=said[:2000],
    )


def finish(run: PolicyRun, *, now: datetime, position: int, result: Mapping[str, Any] | None = None) -> bool:
    """Ends a run; False when it was taken over meanwhile."""
    return bool(
        _mine(run).update(
            state=State.DONE,
            next_attempt_at=None,
            finished_at=now,
            position=position,
            result=result,
            events_done=F("events_total"),
            problem="",
        )
    )


def alive(run: PolicyRun, *, now: datetime) -> Progress:
    """A progress that keeps the run's figures, and keeps it from being handed to somebody else."""
    started = shown = time.monotonic()

    def note(events: int, clients: int) -> None:
        nonlocal shown
        moment = time.monotonic()
        if moment - shown < SIGN_OF_LIFE:
            return
        shown = moment
        lease = now + timedelta(seconds=moment - started) + LEASE
        _mine(run).update(events_done=events, clients_done=clients, next_attempt_at=lease)

    return note


def _mine(run: PolicyRun) -> Any:
    return PolicyRun.objects.filter(pk=run.pk, attempts=run.attempts, state=State.RUNNING)


def _carry_out(run_id: UUID, attempt: int, now: datetime, progress: Progress | None, *, told: bool) -> None:
    run = begin(run_id, attempt, now=now)
    if run is None:
        return
    work = _preview if run.kind == Kind.PREVIEW else _adopt
    # Within somebody's transaction a failure must leave it usable.
    room = transaction.atomic() if connection.in_atomic_block else nullcontext()
    try:
        with room:
            work(run, now, _both(alive(run, now=now), progress))
    except PolicyConflict as conflict:
        fail(run, conflict, now=now, again=False)
        if told:
            raise
    except Exception as problem:
        logger.exception("%s failed", run)
        fail(run, problem, now=now)


def _both(one: Progress, other: Progress | None) -> Progress:
    def note(events: int, clients: int) -> None:
        one(events, clients)
        if other is not None:
            other(events, clients)

    return note


def _preview(run: PolicyRun, now: datetime, progress: Progress) -> None:
    policy = _known(run.ledger_id, run.version)
    organisation = Organisation.objects.get(pk=run.ledger.organisation_id)
    found = projections.preview(run.ledger_id, policy, now=now, zone=organisation.time_zone, progress=progress)
    with transaction.atomic():
        if not finish(run, now=now, position=found.position, result=plain_preview(found)):
            return
        PolicyMove.objects.bulk_create(
            (
                PolicyMove(
                    ledger_id=run.ledger_id,
                    run=run,
                    number=number,
                    client_id=move.client_id,
                    told=_plain({"before": asdict(move.before), "after": asdict(move.after)}),
                )
                for number, move in enumerate(found.moves, start=1)
            ),
            batch_size=500,
        )


def plain_preview(found: projections.Preview) -> dict[str, Any]:
    """What is kept of a preview beside its moves, as JSON values; clients are named when it is read."""
    return {
        "as_of": _plain(found.as_of),
        "in_force": found.in_force,
        "events": found.events,
        "clients": found.clients,
        "before": [[stage, health, count] for (stage, health), count in sorted(found.before.items())],
        "after": [[stage, health, count] for (stage, health), count in sorted(found.after.items())],
        "moved": found.moved,
        "stages_moved": found.stages_moved,
        "falls": found.falls,
        "told": len(found.moves),
        "quarantined_now": found.quarantined_now,
        "quarantined_then": found.quarantined_then,
        "aside": [{"client_id": one.client_id, "reason": one.reason, "now": one.now} for one in found.aside],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def _adopt(run: PolicyRun, now: datetime, progress: Progress) -> None:
    started = time.monotonic()
    policy = _known(run.ledger_id, run.version)

    def at_flip() -> None:
        in_force = policy_in_force(run.ledger_id).version
        if in_force != run.instead_of:
            raise PolicyConflict(f"Version {in_force} was adopted meanwhile: look at it and decide again.")
        _record(run, policy, now + timedelta(seconds=time.monotonic() - started))

    projections.rebuild(run.ledger_id, now=now, progress=progress, policy=policy, at_flip=at_flip)


def _record(run: PolicyRun, policy: Policy, now: datetime) -> None:
    """The event, and the end of the run: in the transaction of the flip."""
    data = {"version": policy.version, "policy": policy.to_dict(), **({"reason": run.reason} if run.reason else {})}
    event = event_store.append(
        run.ledger_id,
        event_store.ledger_stream(run.ledger_id),
        Draft(type="policy_adopted", occurred_at=now, data=clean("policy_adopted", data)),
        recorded_by=run.asked_by,
        now=now,
        request_id=run.request_id,
    ).event
    if not finish(run, now=now, position=event.position):
        raise projections.Superseded(f"{run} was handed to another worker")


def forget(*, before: datetime) -> None:
    """Drops the previews, and the work that failed, asked for before a moment."""
    old = PolicyRun.objects.filter(asked_at__lt=before, next_attempt_at__isnull=True)
    old.filter(Q(kind=Kind.PREVIEW) | Q(state=State.FAILED)).delete()
