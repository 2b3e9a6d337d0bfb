"""Every act that the security log notes, as somebody does it: `docs/security.md` shows the list, `test_acts` tries it.

An act begins where its function calls `scene.begins()`, or at once; it answers what its entry is about.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args
from unittest import mock

from django.core.management import call_command
from django.utils import timezone

from accounts import security
from accounts.models import ApiKey, SecurityEntry, User
from accounts.roles import Role, principal_of_user
from relationships import event_store, queries, webhooks
from relationships.management.commands.up import Command as Up
from relationships.models.policies import PolicyVersion
from relationships.models.webhooks import WebhookDelivery, WebhookEndpoint
from tests.admin.conftest import PASSWORD, House
from tests.api.caller import Caller
from tests.walls import Browser

Way = Literal["on a screen", "over the API", "by command"]
HERE = "203.0.113.7"
WRONG = "quite wrong"
NEW = "another long enough word"
HIDDEN = "c4pab1lity"  # in the address of an endpoint


@dataclass
class Scene:
    """A house with an administrator at a screen and a program that may do everything, both at one address.

    `since` is the last entry before the act, `actor` whose doing it is."""

    house: House
    receiver: str
    folder: Path
    browser: Browser = field(init=False)
    api: Caller = field(init=False)
    key: ApiKey = field(init=False)
    since: int = 0
    actor: str = ""

    def __post_init__(self) -> None:
        self.browser = self.at_screen(self.house.admin)
        self.key, self.api = self.program("*")

    def at_screen(self, user: User) -> Browser:
        browser = Browser(REMOTE_ADDR=HERE, raise_request_exception=False)
        browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return browser

    def program(self, *scopes: str, **limits: Any) -> tuple[ApiKey, Caller]:
        key, secret = ApiKey.issue(
            organisation=self.house.organisation, name="CRM", scopes=scopes, now=timezone.now(), **limits
        )
        return key, Caller(secret, Browser(REMOTE_ADDR=HERE, raise_request_exception=False))

    def begins(self) -> None:
        latest = SecurityEntry.objects.order_by("-id").first()
        self.since = latest.pk if latest else 0

    @property
    def ledger_id(self) -> int:
        return event_store.ledger_of(self.house.organisation.pk)

    @property
    def contact(self) -> str:
        asks = principal_of_user(self.house.admin)
        return queries.contacts(asks, client=self.house.brightwater.id).rows[0].id

    def screen(self, path: str, given: dict[str, Any] | None = None) -> None:
        """Sends a form, or opens a page, as the administrator."""
        at = f"/admin/{path}"
        answer = self.browser.get(at) if given is None else self.browser.post(at, given)
        assert answer.status_code in (200, 302), (at, answer.status_code)

    def endpoint(self) -> WebhookEndpoint:
        """One of another program's making, with a parked delivery."""
        stated = {"url": f"{self.receiver}/{HIDDEN}", "kinds": ["event.recorded"]}
        assert self.api.post("/webhooks", stated).status == 201
        self.house.record("note_added", 1, "x")
        sender = webhooks.Sender(threads=1)
        sender.turn(now=timezone.now())
        sender.close(now=timezone.now())
        WebhookDelivery.objects.update(state="parked")
        return WebhookEndpoint.objects.get()

    def policy(self) -> int:
        made = self.api.post("/policies", {"changes": {"grace": 20}})
        return int(made.body["version"])

    def command(self, name: str, /, *words: str, **options: Any) -> None:
        call_command(name, *words, stdout=io.StringIO(), stderr=io.StringIO(), **options)


Do = Callable[[Scene], str]


@dataclass(frozen=True)
class Act:
    """What is done, `how`, and the kind of its entry."""

    what: str
    way: Way
    kind: str
    do: Do

    def __str__(self) -> str:
        return f"{self.what} {self.way}"


ACTS: list[Act] = []


def act(kind: str, what: str, way: Way) -> Callable[[Do], Do]:
    def add(do: Do) -> Do:
        ACTS.append(Act(what, way, kind, do))
        return do

    return add


def table() -> str:
    """The list as it is published: kinds in their order, each with its acts."""
    lines = ["| entry | of what |", "|---|---|"]
    for kind, acts in itertools.groupby(sorted(ACTS, key=lambda one: list(security.KINDS).index(one.kind)), _kind):
        of_kind = list(acts)
        ways = [(way, ", ".join(one.what for one in of_kind if one.way == way)) for way in get_args(Way)]
        lines.append(f"| `{kind}` | {'; '.join(f'{way}: {what}' for way, what in ways if what)} |")
    return "\n".join(lines) + "\n"


def _kind(one: Act) -> str:
    return one.kind


# ---------------------------------------------------------------------- coming in


@act("signed_in", "somebody", "on a screen")
def sign_in(scene: Scene) -> str:
    scene.house.mia.set_password(PASSWORD)
    scene.house.mia.save()
    scene.browser, scene.actor = Browser(REMOTE_ADDR=HERE), f"user:{scene.house.mia.pk}"
    scene.screen("login/", {"username": scene.house.mia.email, "password": PASSWORD})
    return ""


@act("sign_in_failed", "a sign-in that fails", "on a screen")
def fail_to_sign_in(scene: Scene) -> str:
    scene.browser, scene.actor = Browser(REMOTE_ADDR=HERE), ""
    scene.screen("login/", {"username": scene.house.mia.email, "password": WRONG})
    return f"user:{scene.house.mia.pk}"


@act("signed_out", "somebody", "on a screen")
def sign_out(scene: Scene) -> str:
    scene.screen("logout/", {})
    return ""


@act("password_changed", "one's own", "on a screen")
def change_own_password(scene: Scene) -> str:
    scene.house.admin.set_password(PASSWORD)
    scene.house.admin.save()
    scene.browser = scene.at_screen(scene.house.admin)
    scene.screen("password_change/", {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW})
    return f"user:{scene.house.admin.pk}"


@act("password_changed", "another's", "on a screen")
def set_password(scene: Scene) -> str:
    given = {"usable_password": "true", "password1": NEW, "password2": NEW}
    scene.screen(f"accounts/user/{scene.house.tom.pk}/password/", given)
    return f"user:{scene.house.tom.pk}"


@act("password_changed", "`changepassword`", "by command")
def command_password(scene: Scene) -> str:
    with mock.patch("getpass.getpass", return_value=NEW):
        scene.command("changepassword", scene.house.tom.email)
    scene.actor = "system:changepassword"
    return f"user:{scene.house.tom.pk}"


# ---------------------------------------------------------------------- being refused


@act("access_refused", "a screen that is not theirs", "on a screen")
def open_a_foreign_screen(scene: Scene) -> str:
    scene.actor = f"user:{scene.house.mia.pk}"
    assert scene.at_screen(scene.house.mia).get("/admin/accounts/user/").status_code == 403
    return "GET /admin/accounts/user/"


@act("access_refused", "a scope that is missing", "over the API")
def lack_a_scope(scene: Scene) -> str:
    key, caller = scene.program("events:read")
    scene.actor = f"key:{key.prefix}"
    assert caller.get("/clients").code == "missing_scope"
    return "GET /api/v1/clients"


@act("access_refused", "what is not for them with any scope", "over the API")
def ask_for_what_is_not_theirs(scene: Scene) -> str:
    key, caller = scene.program("*", team=scene.house.mia.team)
    scene.actor = f"key:{key.prefix}"
    assert caller.post("/policies", {"changes": {"grace": 20}}).code == "forbidden"
    return "POST /api/v1/policies"


@act("key_refused", "a key that is unknown, expired, revoked, or has another secret", "over the API")
def use_a_revoked_key(scene: Scene) -> str:
    key, caller = scene.program("*")
    key.revoke(now=timezone.now())
    scene.actor = ""
    assert caller.get("/clients").status == 401
    return f"key:{key.prefix}"


# ---------------------------------------------------------------------- rights


@act("person_added", "a login", "on a screen")
def add_a_person(scene: Scene) -> str:
    given = {"email": "nora@house.example", "name": "Nora", "role": "auditor", "team": "", "time_zone": "UTC"}
    scene.screen("accounts/user/add/", {**given, "usable_password": "true", "password1": NEW, "password2": NEW})
    return f"user:{User.objects.get(email='nora@house.example').pk}"


@act("person_added", "`createsuperuser`", "by command")
def command_a_superuser(scene: Scene) -> str:
    scene.command("createsuperuser", interactive=False, email="nora@house.example", name="Nora")
    scene.actor = "system:createsuperuser"
    return f"user:{User.objects.get(email='nora@house.example').pk}"


@act("person_added", "`up`, the first administrator", "by command")
def first_administrator(scene: Scene) -> str:
    User.objects.filter(pk=scene.house.admin.pk).update(role=Role.AUDITOR)
    Up(stdout=io.StringIO()).create_organisation()
    scene.actor = "system:up"
    return f"user:{User.objects.get(has_generated_password=True).pk}"


def change_tom(scene: Scene, **changes: str) -> str:
    tom = scene.house.tom
    as_he_is = {"email": tom.email, "name": "Tom", "role": tom.role, "team": "", "time_zone": "UTC", "is_active": "on"}
    form = {name: value for name, value in {**as_he_is, **changes}.items() if value != "off"}
    scene.screen(f"accounts/user/{tom.pk}/change/", form)
    return f"user:{tom.pk}"


@act("rights_changed", "their role", "on a screen")
def change_a_role(scene: Scene) -> str:
    return change_tom(scene, role="auditor")


@act("rights_changed", "their team", "on a screen")
def move_to_a_team(scene: Scene) -> str:
    return change_tom(scene, team=str(scene.house.mia.team_id))


@act("rights_changed", "switched off or on", "on a screen")
def switch_off(scene: Scene) -> str:
    return change_tom(scene, is_active="off")


@act("rights_changed", "the address to sign in with", "on a screen")
def change_an_address(scene: Scene) -> str:
    return change_tom(scene, email="thomas@house.example")


@act("key_issued", "a key, with scopes, team and end", "on a screen")
def issue_a_key(scene: Scene) -> str:
    scene.screen("accounts/apikey/add/", {"name": "Secret plan", "scopes": ["*"], "team": "", "days": "30"})
    return f"key:{ApiKey.objects.get(name='Secret plan').prefix}"


@act("key_issued", "`create_api_key`", "by command")
def command_a_key(scene: Scene) -> str:
    scene.command("create_api_key", "--name", "Secret plan", "--scopes", "events:read")
    scene.actor = "system:create_api_key"
    return f"key:{ApiKey.objects.get(name='Secret plan').prefix}"


@act("key_revoked", "a key", "on a screen")
def revoke_a_key(scene: Scene) -> str:
    scene.screen(f"accounts/apikey/{scene.key.pk}/revoke/", {})
    return f"key:{scene.key.prefix}"


# ---------------------------------------------------------------------- taking out


@act("exported", "all about a person", "on a screen")
def export_on_screen(scene: Scene) -> str:
    scene.screen(f"relationships/client/person/{scene.contact}/export/")
    return f"contact:{scene.contact}"


@act("exported", "a client's dossier", "on a screen")
def dossier_on_screen(scene: Scene) -> str:
    scene.screen(f"relationships/client/{scene.house.brightwater.id}/dossier/")
    return f"client:{scene.house.brightwater.id}"


@act("exported", "all about a person", "over the API")
def export_a_person(scene: Scene) -> str:
    scene.actor = f"key:{scene.key.prefix}"
    assert scene.api.get(f"/contacts/{scene.contact}/export").status == 200
    return f"contact:{scene.contact}"


@act("exported", "a client's dossier", "over the API")
def read_a_dossier(scene: Scene) -> str:
    scene.actor = f"key:{scene.key.prefix}"
    assert scene.api.get(f"/clients/{scene.house.brightwater.id}/dossier").status == 200
    return f"client:{scene.house.brightwater.id}"


@act("exported", "the log, streamed from its beginning", "over the API")
def stream_the_log(scene: Scene) -> str:
    scene.actor = f"key:{scene.key.prefix}"
    assert scene.api.get("/events", {"Accept": "application/x-ndjson"}).status == 200
    return f"ledger:{scene.ledger_id}"


@act("exported", "`export_person`", "by command")
def command_an_export(scene: Scene) -> str:
    scene.command("export_person", scene.contact)
    scene.actor = "system:export_person"
    return f"contact:{scene.contact}"


@act("exported", "`stage_report`", "by command")
def command_a_report(scene: Scene) -> str:
    scene.command("stage_report", "pipeline", "--format", "csv")
    scene.actor = "system:stage_report"
    return "report:pipeline"


@act("exported", "`verify_log --export`", "by command")
def command_the_log(scene: Scene) -> str:
    scene.command("verify_log", "--export", str(scene.folder / "log.ndjson"))
    scene.actor = "system:verify_log"
    return f"ledger:{scene.ledger_id}"


@act("exported", "`db dump`", "by command")
def command_a_dump(scene: Scene) -> str:
    scene.command("db", "dump", "--output", str(scene.folder / "backup"))
    scene.actor = "system:db"
    return "database"


# ---------------------------------------------------------------------- what cannot be undone, or changes all


@act("person_erased", "a person", "on a screen")
def erase_on_screen(scene: Scene) -> str:
    scene.screen(f"relationships/client/person/{scene.contact}/erase/", {"name": "Ann Lee", "reason": "Ann asked"})
    return f"contact:{scene.contact}"


@act("person_erased", "a person", "over the API")
def erase_a_person(scene: Scene) -> str:
    scene.actor = f"key:{scene.key.prefix}"
    assert scene.api.post(f"/contacts/{scene.contact}/erase", {"reason": "Ann asked"}).status == 200
    return f"contact:{scene.contact}"


@act("person_erased", "`erase_person`", "by command")
def command_an_erasure(scene: Scene) -> str:
    scene.command("erase_person", scene.contact, "--yes", "--reason", "Ann asked")
    scene.actor = "system:erase_person"
    return f"contact:{scene.contact}"


@act("policy_adopted", "a version", "on a screen")
def adopt_on_screen(scene: Scene) -> str:
    version = scene.policy()
    scene.screen(f"relationships/policyversion/{version}/adopt/", {"reason": "Ann asked"})
    return f"policy:{version}"


@act("policy_adopted", "a version", "over the API")
def adopt_a_policy(scene: Scene) -> str:
    version = scene.policy()
    scene.actor = f"key:{scene.key.prefix}"
    assert scene.api.post(f"/policies/{version}/adopt", {"reason": "Ann asked"}, Idempotency_Key="a").status == 200
    return f"policy:{version}"


@act("policy_adopted", "`adopt_policy`", "by command")
def command_an_adoption(scene: Scene) -> str:
    version = scene.policy()
    scene.command("adopt_policy", str(version), "--reason", "Ann asked")
    assert PolicyVersion.objects.filter(version=version).exists()
    scene.actor = "system:adopt_policy"
    return f"policy:{version}"


# ---------------------------------------------------------------------- telling others

_LIST = "relationships/webhookendpoint"


@act("endpoint_changed", "made", "on a screen")
def make_an_endpoint_on_screen(scene: Scene) -> str:
    scene.screen(f"{_LIST}/new/", {"url": f"{scene.receiver}/{HIDDEN}", "kinds": ["event.recorded"]})
    return f"webhook:{WebhookEndpoint.objects.get().pk}"


def on_endpoint(scene: Scene, path: str, given: dict[str, Any]) -> str:
    endpoint = scene.endpoint()
    scene.begins()
    scene.screen(f"{_LIST}/{endpoint.pk}/{path}/", given)
    return f"webhook:{endpoint.pk}"


@act("endpoint_changed", "changed", "on a screen")
def change_an_endpoint_on_screen(scene: Scene) -> str:
    return on_endpoint(scene, "change", {"url": f"{scene.receiver}/{HIDDEN}/b", "kinds": ["event.recorded"]})


@act("endpoint_changed", "switched off or on", "on a screen")
def switch_an_endpoint(scene: Scene) -> str:
    return on_endpoint(scene, "switch", {"enabled": "no"})


@act("endpoint_changed", "given another secret", "on a screen")
def rotate_on_screen(scene: Scene) -> str:
    return on_endpoint(scene, "rotate", {})


@act("endpoint_changed", "retired", "on a screen")
def retire_on_screen(scene: Scene) -> str:
    return on_endpoint(scene, "retire", {})


@act("endpoint_changed", "made", "over the API")
def make_an_endpoint(scene: Scene) -> str:
    scene.actor = f"key:{scene.key.prefix}"
    stated = {"url": f"{scene.receiver}/{HIDDEN}", "kinds": ["event.recorded"]}
    return f"webhook:{scene.api.post('/webhooks', stated, Idempotency_Key='w').body['id']}"


def of_endpoint(scene: Scene, method: str, path: str, stated: dict[str, Any]) -> str:
    endpoint = scene.endpoint()
    scene.begins()
    scene.actor = f"key:{scene.key.prefix}"
    assert scene.api.send(method, f"/webhooks/{endpoint.pk}{path}", stated).status == 200
    return f"webhook:{endpoint.pk}"


@act("endpoint_changed", "changed, or switched off or on", "over the API")
def change_an_endpoint(scene: Scene) -> str:
    return of_endpoint(scene, "PATCH", "", {"include_text": True, "description": "Ann's"})


@act("endpoint_changed", "given another secret", "over the API")
def rotate(scene: Scene) -> str:
    return of_endpoint(scene, "POST", "/rotate-secret", {})


@act("endpoint_changed", "retired", "over the API")
def retire(scene: Scene) -> str:
    return of_endpoint(scene, "POST", "/retire", {})


@act("replayed", "the parked deliveries of an endpoint", "on a screen")
def replay_on_screen(scene: Scene) -> str:
    return on_endpoint(scene, "replay", {})


@act("replayed", "a delivery", "on a screen")
def replay_one_on_screen(scene: Scene) -> str:
    endpoint = scene.endpoint()
    delivery = WebhookDelivery.objects.get().pk
    scene.begins()
    scene.screen(f"{_LIST}/{endpoint.pk}/{delivery}/replay/", {})
    return f"delivery:{delivery}"


@act("replayed", "the parked deliveries of an endpoint", "over the API")
def replay(scene: Scene) -> str:
    return of_endpoint(scene, "POST", "/replay", {})


@act("replayed", "a delivery", "over the API")
def replay_one(scene: Scene) -> str:
    endpoint = scene.endpoint()
    delivery = WebhookDelivery.objects.get().pk
    scene.begins()
    scene.actor = f"key:{scene.key.prefix}"
    assert scene.api.post(f"/webhooks/{endpoint.pk}/deliveries/{delivery}/replay", {}).status == 200
    return f"delivery:{delivery}"
