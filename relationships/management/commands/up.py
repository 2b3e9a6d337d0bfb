"""Sets everything up, runs it, and stops it."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django_q.models import Schedule

from accounts import security
from accounts.models import Organisation, User
from accounts.roles import Role
from config import embedded, state
from config.children import Child, end_leftovers
from config.database import as_owner, grant
from relationships import commands, event_store, projections
from relationships.demo import load_demo
from relationships.management import findings
from relationships.models.log import Event
from relationships.models.reports import Heartbeat

FIRST_ADMINISTRATOR = "admin@localhost"
# Without those that look alike, or that a shell would take for its own.
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
TICK = "relationships.jobs.tick"
FIRST_ANSWER_TIMEOUT_S = 120
PORT_FREED_TIMEOUT_S = 10
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_EVERY_S = 1.0
STEP_TOLD_EVERY_S = 2.0
WORKER, SENDER = "worker", "webhook sender"
# What each child writes down while it works.
HEARTBEATS = {WORKER: "tick", SENDER: "webhooks"}
HEARTBEAT_LOOKED_AT_EVERY_S = 15.0


class Stopped(KeyboardInterrupt):
    """Ctrl-C, SIGTERM, or the terminal's end. Not an Exception: nothing on the way may take it for a failure."""


class Command(BaseCommand):
    help = "Sets up database, administrator and demo data where they are missing, and runs all there is to run."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
        parser.add_argument("--no-demo", action="store_true", help="leave an empty log empty")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        if not 1 <= port <= 65535:
            raise CommandError(f"--port {port}: give a number from 1 to 65535")
        if settings.DEBUG and not is_loopback(host):
            raise CommandError(f"--host {host}: with DEBUG on, only this machine may connect; turn DEBUG off")
        for number in STOPPING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, stop_running)
        try:
            with state.held(settings.DATA_DIR) as own_state:
                self.run_in(own_state, host, port, demo=not options["no_demo"])
        except state.AlreadyRuns as other:
            where = f"at {other.where['url']} (process {other.where['pid']})" if other.where else "and is starting"
            raise CommandError(f"`up` already runs for {settings.DATA_DIR} {where}") from None
        except embedded.ServerFailed as problem:
            raise CommandError(str(problem)) from None
        except Stopped:
            self.tell("Stopped.")

    def run_in(self, own_state: state.State, host: str, port: int, *, demo: bool) -> None:
        end_leftovers(own_state.left.get("children", []))
        check_port(host, port, patience_s=PORT_FREED_TIMEOUT_S if own_state.left else 0)
        url = os.environ.get("BASE_URL", "").rstrip("/") or f"http://{shown_host(host)}:{port}"
        about: dict[str, Any] = {"pid": os.getpid(), "url": url, "since": time.time(), "children": []}
        own_state.write(about)
        children: list[Child] = []
        try:
            self.prepare(demo=demo)
            self.refuse_strangers(host)
            # A connection that two processes share is read by the wrong one.
            connections.close_all()
            children = programs(host, port, url)
            for child in children:
                child.start()
            note_children(own_state, about, children)
            with self.step("Starting"):
                wait_for_first_answer(children[0], host, port)
            self.tell(f"Ready: {url}/admin/ for people, {url}/api/docs for programs. Ctrl-C stops.")
            while True:
                if self.look_after(children):
                    note_children(own_state, about, children)
                time.sleep(LOOK_EVERY_S)
        finally:
            self.stop(children)

    def prepare(self, *, demo: bool) -> None:
        """Everything that must be there before a request can be answered; what is there is left as it is."""
        if uses_embedded():
            with self.step("Starting the database"):
                embedded.ensure(settings.EMBEDDED_DIRECTORY)
        self.insist(findings.database, findings.durability)
        self.migrate()
        self.insist(findings.triggers, findings.second_wall)
        self.warn(findings.rights())
        self.collect_static()
        organisation = self.create_organisation()
        if demo and not Event.objects.exists():
            with self.step("Making up demo data") as progress:
                load_demo(organisation.slug, now=timezone.now(), progress=progress)
        self.renew()
        ensure_clock()

    def renew(self) -> None:
        """Works the read tables out anew where another release has made them."""
        for ledger_id in projections.outdated():
            with self.step("Working out what this release shows") as count:
                total = event_store.head(ledger_id).position
                projections.rebuild(ledger_id, now=timezone.now(), progress=partial(_events_done, count, total))

    def insist(self, *checks: Callable[[], findings.Finding]) -> None:
        """Serves nothing while one of these is bad."""
        for check in checks:
            finding = check()
            if not finding.ok:
                raise CommandError(f"{finding.subject}: {finding.text}")

    def warn(self, finding: findings.Finding) -> None:
        if not finding.ok:
            self.tell(f"Warning, {finding.subject}: {finding.text}")

    def migrate(self) -> None:
        with as_owner():
            executor = MigrationExecutor(connection)
            plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
            if not plan:
                grant()
                return
        with self.step(f"Migrating the database, {len(plan)} steps"):
            call_command("migrate", verbosity=0, interactive=False)

    def collect_static(self) -> None:
        """Copies and packs the static files when one has changed."""
        mark = settings.STATIC_ROOT / ".collected"
        now_there = fingerprint_of_static_files()
        if settings.DEBUG or (mark.exists() and mark.read_text() == now_there):
            return
        with self.step("Collecting static files"):
            call_command("collectstatic", verbosity=0, interactive=False, clear=True)
            mark.write_text(now_there)

    def create_organisation(self) -> Organisation:
        organisation = Organisation.objects.filter(slug="default").first()
        if organisation is None:
            commands.create_organisation("default", "Our organisation", now=timezone.now())
            organisation = Organisation.objects.get(slug="default")
        if not User.objects.filter(organisation=organisation, role=Role.ADMINISTRATOR).exists():
            password = "".join(secrets.choice(LETTERS) for _ in range(20))
            with transaction.atomic():
                user = User.objects.create_superuser(
                    FIRST_ADMINISTRATOR, password, name="Administrator", organisation=organisation
                )
                User.objects.filter(pk=user.pk).update(has_generated_password=True)
                rights = security.rights_of(user)
                security.note_person("person_added", user, now=timezone.now(), actor="system:up", details=rights)
                # Said before it is kept: a password that nobody saw would lock everybody out.
                self.tell(f"First administrator: {FIRST_ADMINISTRATOR}")
                self.tell(f"Password (shown only this once): {password}")
        return organisation

    def refuse_strangers(self, host: str) -> None:
        """Beyond this machine only once the printed password is replaced: it stands in terminals and logs."""
        if is_loopback(host):
            return
        unchanged = User.objects.filter(has_generated_password=True, is_active=True).first()
        if unchanged is not None:
            raise CommandError(
                f"--host {host}: {unchanged.email} still has the printed password; first run"
                f" `manage.py changepassword {unchanged.email}`"
            )

    def look_after(self, children: list[Child]) -> bool:
        """Restarts what died, the database too, and a child that hangs; whether a child was started."""
        before = [child.process for child in children]
        if uses_embedded() and embedded.running_pid(settings.EMBEDDED_DIRECTORY) is None:
            self.tell("The database server died; starting it again.")
            embedded.ensure(settings.EMBEDDED_DIRECTORY)
        for child in children:
            child.keep_alive(self.tell)
        oldest = findings.HEARTBEAT_OLDEST.total_seconds()
        old_enough = [child for child in children if child.name in HEARTBEATS and child.age_s > oldest]
        if old_enough and self.looks_at_heartbeats():
            for child in old_enough:
                if not heart_beats(HEARTBEATS[child.name]):
                    self.tell(f"The {child.name} has done nothing for {oldest:g} s; starting it again.")
                    child.stop()
                    child.start()
        return [child.process for child in children] != before

    heartbeats_looked_at = 0.0

    def looks_at_heartbeats(self) -> bool:
        """Whether it is time to ask the database again."""
        due = time.monotonic() - self.heartbeats_looked_at >= HEARTBEAT_LOOKED_AT_EVERY_S
        if due:
            self.heartbeats_looked_at = time.monotonic()
        return due

    def stop(self, children: list[Child]) -> None:
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)
        for child in children:
            child.ask_to_end()
        for child in children:
            child.wait_for_end()
        connections.close_all()
        if uses_embedded():
            embedded.stop(settings.EMBEDDED_DIRECTORY)

    def tell(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    @contextmanager
    def step(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """Says what is being done, and every few seconds that it still is; yields a function to say how far it is."""
        began, ended, reached = time.monotonic(), threading.Event(), ""

        def count(done: int, total: int) -> None:
            nonlocal reached
            reached = f"{done:,} of {total:,}, "

        def tick() -> None:
            while not ended.wait(STEP_TOLD_EVERY_S):
                self.tell(f"  {reached}{time.monotonic() - began:.0f} s")

        self.tell(f"{what} …")
        ticker = threading.Thread(target=tick, daemon=True)
        ticker.start()
        try:
            yield count
        finally:
            ended.set()
            ticker.join()


def _events_done(count: Callable[[int, int], None], total: int, events: int, clients: int) -> None:
    count(events, total)


def stop_running(number: int, frame: FrameType | None) -> None:
    raise Stopped


def note_children(own_state: state.State, about: dict[str, Any], children: list[Child]) -> None:
    """Writes down who they are, for whoever comes after a kill."""
    own_state.write(about | {"children": [child.identity() for child in children]})


def uses_embedded() -> bool:
    return bool(settings.DATABASES["default"]["ENGINE"] == "config.embedded")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def shown_host(host: str) -> str:
    """A host as it stands in an address that a browser can open from this machine."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not listened on
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def check_port(host: str, port: int, *, patience_s: float) -> None:
    """Raises CommandError when nobody can listen there. After a kill the old web server needs a moment to go."""
    give_up_at = time.monotonic() + patience_s
    while True:
        try:
            family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
            return
        except OSError as problem:
            if time.monotonic() >= give_up_at:
                taken = f"cannot listen on {host}:{port} ({problem.strerror}); choose another --port"
                raise CommandError(taken) from None
            time.sleep(0.2)


def programs(host: str, port: int, url: str) -> list[Child]:
    """The web server, the worker and the sender of webhooks."""
    environment = os.environ | {"BASE_URL": url, "DATA_DIR": str(settings.DATA_DIR), "PYTHONUNBUFFERED": "1"}
    logs = settings.DATA_DIR / "logs"
    bound = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    web = web_command("config.wsgi:application", bound, workers=os.environ.get("WEB_CONCURRENCY", "2"))
    manage = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py")]
    return [
        Child("web server", web, logs / "web.log", environment),
        Child(WORKER, [*manage, "qcluster"], logs / "worker.log", environment),
        Child(SENDER, [*manage, "send_webhooks"], logs / "webhooks.log", environment),
    ]


def web_command(application: str, bound: str, *, workers: str) -> list[str]:
    """The web server's command line, for an address to listen on."""
    return [
        sys.executable, "-m", "gunicorn", application, "--bind", bound,
        "--workers", workers, "--worker-class", "config.web.Worker", "--threads", "8", "--limit-request-line", "8190",
        "--timeout", "60", "--graceful-timeout", "15", "--preload", "--no-control-socket",
        "--chdir", str(settings.BASE_DIR),
    ]  # fmt: skip


def wait_for_first_answer(web: Child, host: str, port: int) -> None:
    """Raises CommandError when the web server ends, or does not answer in time."""
    # Without the proxy of the environment, which knows nothing of this machine's ports.
    opener = build_opener(ProxyHandler({}))
    name = settings.ALLOWED_HOSTS[0].lstrip(".").replace("*", "localhost")
    request = Request(f"http://{shown_host(host)}:{port}/health/live", headers={"Host": name})
    give_up_at = time.monotonic() + FIRST_ANSWER_TIMEOUT_S
    while web.runs and time.monotonic() < give_up_at:
        try:
            with opener.open(request, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.1)
    said = web.log.read_text(errors="replace").splitlines()[-15:]
    raise CommandError("\n".join([f"the web server does not answer; the end of {web.log}:", *said]))


def heart_beats(name: str) -> bool:
    """Whether a recurring job was done lately; also true while nobody can tell."""
    try:
        last = Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()
    except DatabaseError:
        connections.close_all()
        return True
    return last is not None and timezone.now() - last <= findings.HEARTBEAT_OLDEST


def ensure_clock() -> None:
    """The one schedule of the queue: our own tables say what is due."""
    Schedule.objects.update_or_create(
        name="tick",
        defaults={"func": TICK, "schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1},
    )


def fingerprint_of_static_files() -> str:
    """Changes when a static file is added, removed or altered."""
    digest = hashlib.sha256(str(settings.STATIC_ROOT).encode())
    for finder in get_finders():
        for path, storage in sorted(finder.list([]), key=lambda found: found[0]):
            about = Path(storage.path(path)).stat()
            digest.update(f"{path}\0{about.st_size}\0{about.st_mtime_ns}\n".encode())
    return digest.hexdigest()
