"""The second wall: what the database itself shows to whoever asks, should a query forget to ask whose rows it reads.

Row-level security (relationships/migrations/sql/row_level_security.sql) compares each row with three settings, and
every transaction is told them before its first statement. They are local to the transaction: a connection that goes
back to a pool takes nothing along. Nothing told, nothing shown.

The first wall stays where it was: `Client.objects.visible_to(principal)`.

    with walls.seeing(principal): ...     a request, as far as its principal may see
    with walls.seeing_everything(): ...   worker and commands, who say so
    with walls.whole_organisation(): ...  a step that has to know more than whoever asked, and tells them nothing of it
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

if TYPE_CHECKING:
    from accounts.roles import Principal

Taken = ParamSpec("Taken")
Given = TypeVar("Given")


class Sight(NamedTuple):
    """The three settings, as text: an organisation's id, how far, and whose clients (a team's or a user's id)."""

    organisation: str
    sight: str
    whose: str


NOTHING = Sight("", "", "")
EVERYTHING = Sight("", "everything", "")

_current: ContextVar[Sight] = ContextVar("sight", default=NOTHING)

_TELL = (
    "SELECT set_config('app.organisation', %s, true), set_config('app.sight', %s, true),"
    " set_config('app.whose', %s, true)"
)


def sight_of(principal: Principal) -> Sight:
    """What a principal may see; whoever has a team's or an own sight and neither team nor login sees nothing."""
    if principal.sight == "all":
        return Sight(str(principal.organisation_id), "all", "")
    whose = principal.team_id if principal.sight == "team" else principal.user_id
    return NOTHING if whose is None else Sight(str(principal.organisation_id), principal.sight, str(whose))


def current() -> Sight:
    """What transactions are told at the moment."""
    return _current.get()


@contextmanager
def _seeing(sight: Sight) -> Iterator[None]:
    token = _current.set(sight)
    try:
        yield
    finally:
        _current.reset(token)


def seeing(principal: Principal) -> Any:
    """Within it the database shows what this principal may see."""
    return _seeing(sight_of(principal))


def seeing_everything() -> Any:
    """Within it the database shows all organisations: for worker and commands, never for a request of somebody."""
    return _seeing(EVERYTHING)


def seeing_nothing() -> Any:
    """Within it the database shows no client and no event: where a request begins, before anybody knows whose it is."""
    return _seeing(NOTHING)


def whole_organisation() -> Any:
    """Within it the database shows all of the organisation that is seen a part of; of nothing it makes nothing.

    For steps whose outcome must not depend on who asked: working out what follows from a client's events, looking
    whether an external id is taken, letting a client go to somebody else. What is read so is not to be told."""
    now = current()
    return _seeing(Sight(now.organisation, "all", "") if now.sight in ("team", "own") else now)


def of_whole_organisation(function: Callable[Taken, Given]) -> Callable[Taken, Given]:
    """The same, for a whole function."""

    @wraps(function)
    def widened(*args: Taken.args, **kwargs: Taken.kwargs) -> Given:
        with whole_organisation():
            return function(*args, **kwargs)

    return widened


def of_everything(function: Callable[Taken, Given]) -> Callable[Taken, Given]:
    """`seeing_everything`, for a whole function: what the worker is given to do."""

    @wraps(function)
    def widened(*args: Taken.args, **kwargs: Taken.kwargs) -> Given:
        with seeing_everything():
            return function(*args, **kwargs)

    return widened


def kept(parts: Iterable[Given]) -> Iterator[Given]:
    """The parts of an answer that streams when its request is over, each made with the sight of the request."""
    sight, waiting = current(), iter(parts)

    def made() -> Iterator[Given]:
        while True:
            with _seeing(sight):
                try:
                    part = next(waiting)
                except StopIteration:
                    return
            yield part

    return made()


def see(principal: Principal) -> None:
    """From here to the end of the request, which `accounts.middleware.Walls` draws, the principal's sight."""
    _current.set(sight_of(principal))


@contextmanager
def told(connection: Any) -> Iterator[None]:
    """Tells the open transaction of a Django connection who looks, unless it knows; the statement within goes along.

    Both travel in one round trip. Without an open transaction they are one, and it ends with the statement. Every
    statement of a Django cursor goes through here; only one sent around it has to ask for it."""
    sight = current()
    if sight == connection.told:
        yield
        return
    connection.ensure_connection()
    raw = connection.connection
    with connection.wrap_database_errors, raw.pipeline():
        raw.execute(_TELL, sight, prepare=True)
        yield
    if not connection.autocommit:
        connection.told = sight
