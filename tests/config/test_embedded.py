from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from config import embedded

pytestmark = pytest.mark.slow


@contextmanager
def folder() -> Iterator[Path]:
    """Not pytest's own: as root, the server's account could not pass through that while another pytest runs."""
    with TemporaryDirectory(prefix="embedded-") as made:
        yield Path(made)


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with folder() as made:
        # Left by one who was killed while making it.
        (made / "pg.unfinished").mkdir()
        (made / "pg.unfinished" / "PG_VERSION").write_text("18")
        yield made / "pg"
        embedded.stop(made / "pg")


@pytest.fixture
def empty() -> Iterator[Path]:
    with folder() as made:
        yield made


def answers(directory: Path, *, user: str = embedded.OWNER) -> bool:
    with psycopg.connect(embedded.uri(directory, user=user)) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_the_server_comes_with_its_database_and_both_roles_whatever_was_left_half_made(directory: Path) -> None:
    embedded.ensure(directory)
    assert answers(directory)
    with psycopg.connect(embedded.uri(directory, user=embedded.RUNTIME_ROLE)) as connection:
        assert connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchone() == (False, False, False, False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine ()")


def test_only_its_owner_may_enter(directory: Path) -> None:
    embedded.ensure(directory)
    assert stat.S_IMODE(embedded.socket_directory(directory).stat().st_mode) == 0o700


def test_it_listens_on_no_network_address(directory: Path) -> None:
    embedded.ensure(directory)
    with psycopg.connect(embedded.uri(directory)) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_a_running_server_is_left_alone_and_a_stopped_one_started(directory: Path) -> None:
    embedded.ensure(directory)
    first = embedded.running_pid(directory)
    embedded.ensure(directory)
    assert embedded.running_pid(directory) == first
    assert embedded.stop(directory)
    assert not embedded.stop(directory)
    assert embedded.running_pid(directory) is None
    embedded.ensure(directory)
    assert answers(directory)


def test_a_process_id_that_went_to_somebody_else_is_not_taken_for_the_server(directory: Path) -> None:
    embedded.ensure(directory)
    pid_file = (directory / "postmaster.pid").read_text()
    embedded.stop(directory)
    (directory / "postmaster.pid").write_text(pid_file.replace(pid_file.split("\n")[0], str(os.getpid()), 1))
    assert embedded.running_pid(directory) is None
    embedded.ensure(directory)
    assert answers(directory)


@pytest.mark.parametrize("held", ["", "nonsense", "99999999999999999999"])
def test_a_broken_process_id_file_is_not_taken_for_the_server(tmp_path: Path, held: str) -> None:
    (tmp_path / "postmaster.pid").write_text(held)
    assert embedded.running_pid(tmp_path) is None


def test_a_killed_server_comes_back_with_what_was_committed(directory: Path) -> None:
    embedded.ensure(directory)
    with psycopg.connect(embedded.uri(directory), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS one")
    pid = embedded.running_pid(directory)
    assert pid
    os.kill(pid, signal.SIGKILL)
    while embedded.running_pid(directory):
        time.sleep(0.05)
    embedded.ensure(directory)
    with psycopg.connect(embedded.uri(directory)) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_four_who_start_it_at_once_share_one(directory: Path) -> None:
    embedded.ensure(directory)
    embedded.stop(directory)
    code = "import sys, pathlib; from config import embedded; embedded.ensure(pathlib.Path(sys.argv[1]))"

    def start(_: int) -> int:
        return subprocess.run([sys.executable, "-c", code, str(directory)], check=False, cwd=Path.cwd()).returncode

    with ThreadPoolExecutor(4) as four:
        assert list(four.map(start, range(4))) == [0, 0, 0, 0]
    assert answers(directory)


def test_a_path_too_long_for_a_socket_gets_a_private_short_one(empty: Path) -> None:
    long = empty / ("x" * 100) / "pg"
    socket = embedded.socket_directory(long)
    assert len(str(socket)) < embedded.LONGEST_SOCKET_DIRECTORY
    embedded.ensure(long)
    try:
        assert answers(long)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    finally:
        embedded.stop(long)
        socket.rmdir()


def test_a_socket_folder_of_somebody_else_is_refused(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = empty / "planted"
    planted.symlink_to(empty)
    monkeypatch.setattr(embedded, "socket_directory", lambda directory: planted)
    with pytest.raises(embedded.ServerFailed, match="belongs to somebody else"):
        embedded.ensure(empty / "pg")


def test_a_server_that_cannot_start_says_why(directory: Path) -> None:
    embedded.ensure(directory)
    embedded.stop(directory)
    settings = directory / "postgresql.conf"
    good = settings.read_text()
    settings.write_text(f"{good}\nshared_buffers = nonsense\n")
    with pytest.raises(embedded.ServerFailed, match="shared_buffers"):
        embedded.ensure(directory)
    settings.write_text(good)
