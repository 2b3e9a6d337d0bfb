"""Clients: registered, changed, given away. Every change is an event; the rows follow in its transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from accounts import walls
from accounts.models import Organisation, User
from accounts.roles import Principal
from relationships import event_store, projections
from relationships.domain.draft import Draft
from relationships.domain.events import InvalidData, clean
from relationships.domain.fields import Errors, FieldError, escaped, is_email, shown, unknown_field
from relationships.domain.identity import normal_domain, normal_name
from relationships.domain.ids import uuid7
from relationships.domain.instants import to_us
from relationships.domain.policy import DEFAULT_TIER
from relationships.models.roster import Client, ClientExternalId, Colleague
from relationships.queries.clients import row_of, rows_of
from relationships.queries.rows import ClientRow
from relationships.queries.scope import Scope, as_id, scope_of

from .drafting import zone_error
from .errors import ClientConflict, Forbidden, Invalid, PreconditionFailed, PreconditionRequired
from .people import People, link_logins
from .scopes import demand

DETAILS = ("name", "tier", "time_zone", "tags", "domains", "owner", "external_ids", "remote_only")
MOST = 1_000
LONGEST_NAME = 200
LONGEST_DOMAIN = 253


def register_client(
    principal: Principal,
    *,
    name: str,
    tier: str | None = None,
    time_zone: str | None = None,
    tags: Sequence[str] | None = None,
    domains: Sequence[str] | None = None,
    owner: str | None = None,
    external_ids: Sequence[Mapping[str, str]] | None = None,
    remote_only: bool | None = None,
    now: datetime,
    request_id: str | None = None,
) -> tuple[ClientRow, bool]:
    """Makes a client; answers it and whether it is new. What is None was not stated.

    `owner` is one of our people, by id or e-mail address; whoever sees only their own clients owns what they make. With
    an external id ({source, id}) that a client has already, that client comes back when nothing stated differs.

    Raises Invalid, Forbidden, and ClientConflict naming the fields that differ.
    """
    demand(principal, "clients:write")
    scope = scope_of(principal)
    stated = {
        "name": name,
        "tier": tier,
        "time_zone": time_zone,
        "tags": tags,
        "domains": domains,
        "owner": owner,
        "external_ids": external_ids,
        "remote_only": remote_only,
    }
    details = _cleaned("client_registered", stated)
    if (known := _known(scope, details, now)) is not None:
        return known, False
    try:
        [client_id] = _make(scope, [details], now, request_id)
    except IntegrityError:
        # Somebody made one with the same external id just now.
        if (known := _known(scope, details, now)) is not None:
            return known, False
        raise
    return row_of(scope, scope.clients().filter(pk=client_id), now), True


@dataclass(frozen=True, slots=True)
class ClientResult:
    """What became of one item of a batch: `client` and whether it is new, or the `error` for which it was refused."""

    index: int
    client: ClientRow | None
    created: bool
    error: Exception | None


def register_clients(
    principal: Principal,
    items: Sequence[Any],
    *,
    now: datetime,
    request_id: str | None = None,
) -> list[ClientResult]:
    """As `register_client` for each item, a mapping of its details; what is wrong with one does not stop the rest.

    Raises Forbidden without the scope and Invalid for more than 1,000 items.
    """
    demand(principal, "clients:write")
    if len(items) > MOST:
        raise Invalid.one("/clients", "too_many", f"{len(items)} clients; at most {MOST} at once.")
    scope = scope_of(principal)
    new = _plainly_new(scope, items)
    made: dict[int, str] = {}
    if new:
        try:
            made = dict(zip(new, _make(scope, list(new.values()), now, request_id), strict=True))
        except (IntegrityError, Invalid, Forbidden):
            made = {}  # one by one, then, to tell whose fault it is
    rows = {row.id: row for row in rows_of(scope, scope.clients().filter(pk__in=made.values()), now)}
    return [
        ClientResult(index, rows[made[index]], True, None)
        if index in made
        else _one_of_many(principal, index, item, now, request_id)
        for index, item in enumerate(items)
    ]


def make_clients(
    principal: Principal, items: Sequence[Mapping[str, Any]], *, now: datetime, request_id: str | None = None
) -> list[str]:
    """Makes clients that are known to be new, all or none, and answers their ids: for imports.

    They are not projected: the caller does so once their events are in. Raises IntegrityError when one has an external
    id that is taken, Invalid and Forbidden.
    """
    demand(principal, "clients:write")
    details = [_cleaned("client_registered", _details(item)) for item in items]
    return _record(scope_of(principal), details, now, request_id)


def _plainly_new(scope: Scope, items: Sequence[Any]) -> dict[int, dict[str, Any]]:
    """The details of the items that are sound and whose external ids nobody has, by index; the rest takes longer."""
    sound: dict[int, dict[str, Any]] = {}
    named: Counter[tuple[str, str]] = Counter()
    for index, item in enumerate(items):
        try:
            details = _cleaned("client_registered", _details(item))
        except Invalid:
            continue
        sound[index] = details
        named.update(_pairs(details))
    taken = _taken(scope, named).keys() | {pair for pair, times in named.items() if times > 1}
    return {index: details for index, details in sound.items() if not taken.intersection(_pairs(details))}


def _details(item: Any) -> Mapping[str, Any]:
    if not isinstance(item, Mapping):
        raise Invalid.one("", "wrong_type", "This is no client: an object is wanted.")
    if unknown := [unknown_field(f"/{escaped(field)}", field, DETAILS) for field in item if field not in DETAILS]:
        raise Invalid(unknown)
    return item


def _one_of_many(principal: Principal, index: int, item: Any, now: datetime, request_id: str | None) -> ClientResult:
    try:
        details = {**_details(item), "name": item.get("name")}
        row, created = register_client(principal, **details, now=now, request_id=request_id)
    except (Invalid, Forbidden, ClientConflict) as refusal:
        return ClientResult(index, None, False, refusal)
    return ClientResult(index, row, created, None)


def update_client(
    principal: Principal,
    ref: str,
    changes: Mapping[str, Any],
    *,
    if_match: int | None,
    now: datetime,
    request_id: str | None = None,
) -> ClientRow:
    """Changes a client's details, those that register_client takes; only what differs becomes an event.

    `owner` None takes the owner away. `if_match` is the version that the caller had seen.

    Raises NotFound, Invalid, Forbidden, PreconditionRequired, PreconditionFailed, ClientConflict.
    """
    demand(principal, "clients:write")
    scope = scope_of(principal)
    client = scope.client(ref)
    if if_match is None:
        raise PreconditionRequired
    details = _cleaned("client_updated", changes)
    with transaction.atomic():
        version = event_store.lock_streams(scope.ledger_id, [str(client.pk)])[str(client.pk)]
        if version != if_match:
            raise PreconditionFailed(version)
        client.refresh_from_db()
        if "owner" in changes:
            [details["owner"]] = _owners(scope, [details.get("owner")], now)
        changed = {name: value for name, value in details.items() if value != _stands(client, name)}
        for type, data in _events_of(client, changed):
            draft = Draft(type=type, occurred_at=now, data=clean(type, data))
            event_store.append(
                scope.ledger_id,
                str(client.pk),
                draft,
                recorded_by=principal.label,
                now=now,
                request_id=request_id,
            )
        _set(client, changed)
    if changed:
        projections.project(scope.ledger_id, str(client.pk), now=now)
    return _row(scope, client, now)


def assign_owner(
    principal: Principal,
    ref: str,
    owner: str | None,
    *,
    if_match: int | None = None,
    now: datetime,
    request_id: str | None = None,
) -> ClientRow:
    """Gives a client to one of our people (id or e-mail address), or to nobody. Raises as `update_client` does."""
    demand(principal, "clients:write")
    scope = scope_of(principal)
    if if_match is None:
        client_id = str(scope.client(ref).pk)
        if_match = event_store.versions(scope.ledger_id, [client_id])[client_id]
    return update_client(principal, ref, {"owner": owner}, if_match=if_match, now=now, request_id=request_id)


# ---------------------------------------------------------------------- what is stated


def _cleaned(type: str, stated: Mapping[str, Any]) -> dict[str, Any]:
    """The details stated, checked; `owner` may still be an e-mail address. Raises Invalid naming every fault."""
    errors: Errors = []
    details = dict(stated)
    owner = details.pop("owner", None)
    try:
        details = clean(type, details)
    except InvalidData as invalid:
        errors += invalid.errors
    if isinstance(stated.get("time_zone"), str) and (error := zone_error(stated["time_zone"], "/time_zone")):
        errors.append(error)
    if "name" in stated and stated["name"] is None and type == "client_updated":
        errors.append(FieldError("/name", "required", "A client has a name."))
    if owner is not None and not _names_somebody(owner):
        errors.append(FieldError("/owner", "invalid_person", f"{shown(owner)} is neither an id nor an e-mail address."))
    if not errors:
        errors += _unkeepable(details)
    if errors:
        raise Invalid(errors)
    if "domains" in details:
        details["domains"] = list(dict.fromkeys(map(normal_domain, details["domains"])))
    if "tags" in details:
        details["tags"] = list(dict.fromkeys(details["tags"]))
    if "external_ids" in details:
        details["external_ids"] = _unique(details["external_ids"])
    return details if owner is None else {**details, "owner": owner}


def _unkeepable(details: Mapping[str, Any]) -> Iterable[FieldError]:
    """What does not fit, or says nothing, in the normal form by which it is found: one letter may become several."""
    length = len(normal_name(details.get("name", "")))
    if length > LONGEST_NAME:
        yield FieldError("/name", "too_long", f"For searching it has {length} characters; at most {LONGEST_NAME}.")
    for number, domain in enumerate(details.get("domains", ())):
        if not 0 < len(normal_domain(domain)) <= LONGEST_DOMAIN:
            yield FieldError(f"/domains/{number}", "invalid_domain", f"{shown(domain)} is no internet domain.")


def _names_somebody(owner: Any) -> bool:
    return isinstance(owner, str) and (as_id(owner) is not None or is_email(owner))


def _unique(external_ids: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    pairs = dict.fromkeys((one["source"], one["id"]) for one in external_ids)
    return [{"source": source, "id": external_id} for source, external_id in sorted(pairs)]


def _owners(scope: Scope, stated: Sequence[str | None], now: datetime) -> list[str | None]:
    """The ids of the colleagues that ids and e-mail addresses name. Raises Invalid for an id that is nobody's."""
    people = People(scope.ledger_id, scope.principal.organisation_id)
    for owner in filter(None, stated):
        people.mention_colleague(owner)
    people.look_up()
    people.make(now=now)
    errors: Errors = []
    found = [people.colleague(owner, "/owner", errors) if owner else None for owner in stated]
    if errors:
        raise Invalid(errors)
    return found


# ---------------------------------------------------------------------- making


def _pairs(details: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(one["source"], one["id"]) for one in details.get("external_ids", ())]


def _taken(scope: Scope, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    """Which of some external ids belong to a client, and to which."""
    wanted = set(pairs)
    if not wanted:
        return {}
    rows = ClientExternalId.objects.filter(
        ledger_id=scope.ledger_id,
        source__in={source for source, _ in wanted},
        external_id__in={external_id for _, external_id in wanted},
    ).values_list("source", "external_id", "client_id")
    with walls.whole_organisation():
        return {(source, name): client_id for source, name, client_id in rows if (source, name) in wanted}


def _known(scope: Scope, details: Mapping[str, Any], now: datetime) -> ClientRow | None:
    """The client that has one of the external ids already; None when there is none. Raises ClientConflict."""
    holders = set(_taken(scope, _pairs(details)).values())
    if not holders:
        return None
    client = scope.clients().filter(pk__in=holders).first()
    if client is None or len(holders) > 1:
        # Another's, or two clients': which, is not for everybody to know.
        raise ClientConflict("", ("external_ids",))
    differing = [name for name, value in details.items() if not _agrees(client, name, value)]
    if differing:
        raise ClientConflict(str(client.pk), tuple(sorted(differing)))
    return row_of(scope, scope.clients().filter(pk=client.pk), now)


def _agrees(client: Client, name: str, value: Any) -> bool:
    if name == "owner":
        owner = client.owner
        return owner is not None and value in (str(owner.pk), owner.email)
    if name == "external_ids":
        known = _stands(client, name)
        return all(one in known for one in value)
    return bool(value == _stands(client, name))


def _make(scope: Scope, many: Sequence[Mapping[str, Any]], now: datetime, request_id: str | None) -> list[str]:
    """Makes clients with these details and projects them; answers their ids. Raises as `_record` does."""
    ids = _record(scope, many, now, request_id)
    projections.project_many(scope.ledger_id, ids, now=now)
    return ids


def _record(scope: Scope, many: Sequence[Mapping[str, Any]], now: datetime, request_id: str | None) -> list[str]:
    """Makes clients with these details, rows and events in one transaction; answers their ids.

    Raises IntegrityError when an external id was taken meanwhile, Invalid, Forbidden.
    """
    with transaction.atomic():
        owners = _owners_of_new(scope, [details.get("owner") for details in many], now)
        zone = Organisation.objects.values_list("time_zone", flat=True).get(pk=scope.principal.organisation_id)
        clients, drafts = [], []
        for details, owner in zip(many, owners, strict=True):
            facts = {"tier": DEFAULT_TIER, "time_zone": zone, "remote_only": False, **details, "owner": owner}
            client = Client(
                id=uuid7(to_us(now) // 1000),
                ledger_id=scope.ledger_id,
                normal_name=normal_name(facts["name"]),
                owner_id=owner,
                registered_at=now,
            )
            for field in ("name", "tier", "time_zone", "remote_only", "tags", "domains"):
                if field in facts:
                    setattr(client, field, facts[field])
            clients.append(client)
            data = clean("client_registered", facts)
            drafts.append((str(client.pk), Draft(type="client_registered", occurred_at=now, data=data)))
        ids = [client_id for client_id, _ in drafts]
        event_store.open_streams(scope.ledger_id, ids)
        Client.objects.bulk_create(clients)
        _name([(client, one) for client, details in zip(clients, many, strict=True) for one in _pairs(details)])
        event_store.append_batch(
            scope.ledger_id, drafts, recorded_by=scope.principal.label, now=now, request_id=request_id
        )
    return ids


def _owners_of_new(scope: Scope, stated: Sequence[str | None], now: datetime) -> list[str | None]:
    """The owners of clients that are being made: such that their maker will see them. Raises Invalid, Forbidden."""
    principal = scope.principal
    owners = _owners(scope, stated, now)
    if principal.sight == "all":
        return owners
    if principal.user_id is not None and None in owners:
        own = own_colleague(scope, now)
        owners = [owner or own for owner in owners]
    ours = {"user_id": principal.user_id} if principal.sight == "own" else {"team_id": principal.team_id}
    allowed = {
        str(pk) for pk in Colleague.objects.filter(pk__in=filter(None, owners), **ours).values_list("pk", flat=True)
    }
    if all(owner in allowed for owner in owners):
        return owners
    if principal.sight == "own":
        raise Forbidden("you can register clients of your own only")
    raise Invalid.one("/owner", "outside_team", "Name an owner in the team: a client of others you could not see.")


def own_colleague(scope: Scope, now: datetime) -> str:
    """The entry among our people of the signed-in person who asks, made when there is none."""
    user_id = scope.principal.user_id
    assert user_id is not None
    link_logins(scope.principal.organisation_id)
    email = User.objects.values_list("email", flat=True).get(pk=user_id)
    found = Colleague.objects.filter(ledger_id=scope.ledger_id, user_id=user_id).first()
    [own] = [str(found.pk)] if found else _owners(scope, [email], now)
    assert own is not None
    return own


# ---------------------------------------------------------------------- changing


def _stands(client: Client, name: str) -> Any:
    """A detail as it stands, in the form in which it is stated."""
    if name == "owner":
        return None if client.owner_id is None else str(client.owner_id)
    if name == "external_ids":
        rows = client.external_ids.order_by("source", "external_id").values_list("source", "external_id")
        return [{"source": source, "id": external_id} for source, external_id in rows]
    return getattr(client, name)


def _events_of(client: Client, changed: Mapping[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    """The events that say what changed: a tier and an owner have their own."""
    details = {name: value for name, value in changed.items() if name not in ("tier", "owner")}
    if details:
        yield "client_updated", details
    if "tier" in changed:
        yield "tier_changed", {"tier": changed["tier"]}
    if "owner" in changed:
        yield "owner_assigned", {"owner": changed["owner"], "previous": _stands(client, "owner")}


def _set(client: Client, changed: Mapping[str, Any]) -> None:
    for name, value in changed.items():
        if name == "owner":
            client.owner_id = value
        elif name != "external_ids":
            setattr(client, name, value)
    client.normal_name = normal_name(client.name)
    with walls.whole_organisation():
        # Whoever gives a client away does not see the row any more that they have written.
        client.save()
    if "external_ids" in changed:
        client.external_ids.all().delete()
        try:
            with transaction.atomic():
                _name([(client, pair) for pair in _pairs(changed)])
        except IntegrityError:
            raise ClientConflict("", ("external_ids",)) from None


def _name(names: Iterable[tuple[Client, tuple[str, str]]]) -> None:
    """Notes what other systems call these clients. Raises IntegrityError when one is taken."""
    ClientExternalId.objects.bulk_create(
        ClientExternalId(ledger_id=client.ledger_id, client_id=client.pk, source=source, external_id=external_id)
        for client, (source, external_id) in names
    )


def _row(scope: Scope, client: Client, now: datetime) -> ClientRow:
    """The client as it is now, even for one who has just given it away."""
    with walls.whole_organisation():
        return row_of(scope, Client.objects.filter(pk=client.pk), now)
