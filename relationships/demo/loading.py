"""Plays the stories into an organisation, in the order in which we learnt of things."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from accounts.models import Organisation, Team, User
from accounts.roles import system_principal
from relationships import commands, event_store, ingest, projections
from relationships.domain.draft import Draft
from relationships.domain.events import EVENT_TYPES, clean
from relationships.domain.facts import CORRECTED
from relationships.importers import ImportedRow, NamedClient, NamedPerson, Place
from relationships.models.log import Event
from relationships.models.roster import ClientExternalId, ContactHandle

from .cast import FIRMS, OUR_PEOPLE, TEAMS, Firm, Person
from .plots import BEGINNING, PLOTS
from .story import Happening, Story

SOURCE = "demo"
SEED = 20
# What is learnt within so long comes in together: the nearer, the finer, as (before now, span).
SYNCS = (
    (timedelta(days=5), timedelta(hours=4)),
    (timedelta(days=60), timedelta(days=1)),
    (timedelta.max, timedelta(days=4)),
)
LATE = timedelta(days=3)
FIRST_DAY = timedelta(days=10 - BEGINNING)  # when the first firm is entered in the book, before now
NEW_SINCE = timedelta(days=9)  # a firm with which nothing has happened yet

Progress = Callable[[int, int], None]
_EMAILS = {person.name: person.email for person in OUR_PEOPLE}


@dataclass(frozen=True, slots=True)
class Summary:
    """What the demo holds: events recorded by this load, clients, contacts, and logins without a password."""

    events: int
    clients: int
    contacts: int
    logins: int


@dataclass(frozen=True, slots=True)
class Scene:
    """A firm, when it was entered in the book, and what happened, in the order in which we learnt of it."""

    firm: Firm
    registered_at: datetime
    happenings: tuple[Happening, ...]


def load_demo(organisation_slug: str, *, now: datetime, progress: Progress | None = None) -> Summary:
    """Loads the demo into an organisation, as of `now`, and says what it holds.

    `progress` is told how many happenings are done, and of how many. Logins are made for those of our people who have
    a role; nobody can sign in with one until a password is set. A load that was interrupted is completed by the next,
    with the dates of the first; a complete one stays as it is. Raises Organisation.DoesNotExist.
    """
    organisation = Organisation.objects.get(slug=organisation_slug)
    player = _Player(organisation, event_store.ensure_ledger(organisation.pk), now)
    _make_logins(organisation)
    scenes = player.left_of([scene_of(firm, player.now) for firm in FIRMS])
    total, done = sum(len(scene.happenings) for scene in scenes), 0
    for moment, sync in _syncs(scenes, player.now):
        player.play(moment, sync)
        done += sum(isinstance(act, tuple) for act in sync)
        if progress:
            progress(done, total)
    return player.finish()


def scene_of(firm: Firm, now: datetime) -> Scene:
    """The firm's story as of `now`."""
    story = Story(firm, now, SEED)
    PLOTS[firm.plot](story)
    happenings = tuple(sorted(story.happenings, key=lambda each: each.recorded_at))
    if firm is FIRMS[0]:
        registered_at = now - FIRST_DAY
    else:
        first = min((each.occurred_at for each in happenings), default=now - NEW_SINCE)
        registered_at = max(first - timedelta(hours=1), now - FIRST_DAY + timedelta(hours=1))
    return Scene(firm, registered_at, happenings)


Act = Firm | tuple[Firm, Happening]  # a firm is entered in the book, or something happened with it


def _syncs(scenes: Sequence[Scene], now: datetime) -> Iterator[tuple[datetime, list[Act]]]:
    """Everything in the order in which we learnt of it, in groups that come in together: (when, what)."""
    acts: list[tuple[datetime, Act]] = [(scene.registered_at, scene.firm) for scene in scenes]
    acts += [(each.recorded_at, (scene.firm, each)) for scene in scenes for each in scene.happenings]
    acts.sort(key=lambda act: act[0])
    group: list[Act] = []
    first = last = acts[0][0]
    for at, act in acts:
        span = next(span for age, span in SYNCS if now - first < age)
        if group and (at - first > span or _alone(act) or _alone(group[0])):
            yield last, group
            group, first = [], at
        group.append(act)
        last = at
    yield last, group


def _alone(act: Act) -> bool:
    """What comes in by itself: a firm, an amendment, and what we learn late, so that what it changes is noted."""
    if isinstance(act, Firm):
        return True
    happening = act[1]
    return happening.amends is not None or happening.recorded_at - happening.occurred_at > LATE


class _Player:
    def __init__(self, organisation: Organisation, ledger_id: int, now: datetime) -> None:
        self._principal = system_principal(organisation.pk, "demo")
        self._ledger_id = ledger_id
        self.now = self._begun() or now
        self._recorded = 0
        self._directory = ingest.Directory(self._principal, ledger_id, SOURCE, now)
        self._clients: dict[str, str] = {}
        self._behind: set[str] = set()
        self._known: set[tuple[str, str]] = set(
            ContactHandle.objects.filter(ledger_id=ledger_id, platform="email").values_list(
                "contact__client__external_ids__external_id", "handle"
            )
        )

    def _begun(self) -> datetime | None:
        """The `now` of a load that has begun already: it follows from when its first firm was entered."""
        first = ClientExternalId.objects.filter(ledger_id=self._ledger_id, source=SOURCE, external_id=FIRMS[0].key)
        registered_at = first.values_list("client__registered_at", flat=True).first()
        return registered_at + FIRST_DAY if registered_at else None

    def left_of(self, scenes: Sequence[Scene]) -> list[Scene]:
        """The scenes without what was recorded by an earlier load."""
        ours = Event.objects.filter(ledger_id=self._ledger_id, source=SOURCE)
        known = set(ours.values_list("external_id", flat=True))
        return [
            replace(scene, happenings=tuple(each for each in scene.happenings if each.key not in known))
            for scene in scenes
        ]

    def play(self, moment: datetime, sync: Sequence[Act]) -> None:
        """Records what comes in at `moment`."""
        if isinstance(sync[0], Firm):
            self._enter(sync[0], moment)
            return
        happenings = [act for act in sync if not isinstance(act, Firm)]
        firm, first = happenings[0]
        if not _alone(sync[0]):
            self._record(happenings, moment)
            return
        # Told before and told after: the difference is a revision.
        self._project({self._clients[firm.key]} & self._behind, moment)
        if first.amends is None:
            self._record(happenings, moment)
        else:
            self._amend(firm, first, moment)
        self._project({self._clients[firm.key]}, moment)

    def _enter(self, firm: Firm, moment: datetime) -> None:
        client, created = commands.register_client(
            self._principal,
            name=firm.name,
            tier=firm.tier,
            time_zone=firm.zone,
            tags=list(firm.tags),
            domains=[firm.domain],
            owner=_EMAILS[firm.owner],
            external_ids=[{"source": SOURCE, "id": firm.key}],
            remote_only=firm.remote_only,
            now=moment,
        )
        self._clients[firm.key] = client.id
        self._recorded += created

    def _record(self, happenings: Sequence[tuple[Firm, Happening]], moment: datetime) -> None:
        for firm, happening in happenings:
            for person in happening.contacts:
                self._add(firm, person, moment)
        self._directory.now = moment
        rows = [_row(firm, happening) for firm, happening in happenings]
        placed = ingest.record(self._directory, rows, register=False)
        if wrong := next((each for each in placed if each.reason), None):
            raise RuntimeError(f"the demo does not fit the vocabulary: {wrong}")
        self._recorded += sum(each.created for each in placed)
        self._behind |= {each.client_id for each in placed if each.created and each.client_id}

    def _add(self, firm: Firm, person: Person, moment: datetime) -> None:
        """Adds a contact, with their role, when we first hear of them."""
        if (firm.key, person.email) in self._known:
            return
        commands.add_contact(
            self._principal,
            self._clients[firm.key],
            name=person.name,
            role=person.role,
            handles=[{"platform": "email", "handle": person.email}],
            now=moment,
        )
        self._known.add((firm.key, person.email))
        self._recorded += 1

    def _amend(self, firm: Firm, happening: Happening, moment: datetime) -> None:
        client_id = self._clients[firm.key]
        named = Event.objects.get(
            ledger_id=self._ledger_id, stream_id=client_id, source=SOURCE, external_id=happening.amends
        )
        data = {**happening.data, "event_id": str(named.pk)}
        if happening.type == CORRECTED:
            data["data"] = {**named.data, **data["data"]}
        item = {
            "type": happening.type,
            "occurred_at": moment,
            "source": SOURCE,
            "external_id": happening.key,
            "data": data,
        }
        version = event_store.versions(self._ledger_id, [client_id])[client_id]
        commands.record_event(self._principal, client_id, item, if_match=version, now=moment)
        self._recorded += 1

    def _project(self, client_ids: set[str], moment: datetime) -> None:
        projections.project_many(self._ledger_id, sorted(client_ids), now=moment)
        self._behind -= client_ids

    def finish(self) -> Summary:
        """Brings every client up to now, and sums up."""
        self._project(set(self._clients.values()), self.now)
        logins = User.objects.filter(email__in=[person.email for person in OUR_PEOPLE]).count()
        return Summary(self._recorded, len(self._clients), len(self._known), logins)


def _row(firm: Firm, happening: Happening) -> ImportedRow:
    draft = Draft(
        type=happening.type,
        occurred_at=happening.occurred_at,
        occurred_tz=firm.zone,
        source=SOURCE,
        external_id=happening.key,
        text=happening.text,
        data=clean(happening.type, happening.data, resolved=False),
    )
    named = EVENT_TYPES[happening.type].specs.keys()
    theirs = happening.contacts if "contacts" in named else ()
    ours = happening.ours if "our_people" in named else ()
    return ImportedRow(
        place=Place(SOURCE),
        draft=draft,
        clients=(NamedClient(external_id=firm.key),),
        our_people=tuple(NamedPerson(name=name, email=_EMAILS[name]) for name in ours),
        contacts=tuple(NamedPerson(name=person.name, email=person.email) for person in theirs),
    )


def _make_logins(organisation: Organisation) -> None:
    """Teams, and logins for those of ours who have a role; a login of that address that exists is left alone."""
    teams = {
        slug: Team.objects.get_or_create(organisation=organisation, slug=slug, defaults={"name": name})[0]
        for slug, name in TEAMS.items()
    }
    for person in OUR_PEOPLE:
        if person.role and not User.objects.filter(email=person.email).exists():
            User.objects.create_user(
                person.email,
                organisation=organisation,
                name=person.name,
                role=person.role,
                team=teams[person.team],
                time_zone=organisation.time_zone,
            )
