"""The way out: one POST to an address that somebody else has written down, without becoming their way in.

Whoever may name an address that we speak to could else make us speak to our own machines. So an address is read
strictly, its name is resolved once, every address that this gives must be a public one, and the connection goes to the
very address that was looked at (the name stays in TLS and in `Host`). Nothing is redirected, no proxy of the
environment is asked, and time and the size of the reply are bounded. All this holds when an endpoint is saved and again
whenever something is sent.

Hosts in `settings.WEBHOOK_ALLOW_HOSTS` are excepted, by name: receivers within one's own walls, and tests.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

LONGEST_URL = 2_000
PORTS = (443, 8443)
CONNECT_S = 5.0
TOTAL_S = 15.0
REPLY_READ = 64 * 2**10

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
# What `is_global` of the standard library takes for public, and is not, or leads back to an IPv4 address.
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # relays of 6to4
        "168.63.129.16/32",  # a cloud's own services to its machines
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64 within a site
        "::/8",  # IPv4 in other clothes
        "2001::/23",  # Teredo and other protocols
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local
    )
)


class Refused(ValueError):
    """An address that we do not speak to: what kind of fault, and what would be right."""

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(detail)


class Unreachable(Exception):
    """Nobody answered as HTTP wants it; the message says how far it came."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart. `allowed`: its host is excepted from the guard by name."""

    scheme: str
    host: str
    port: int
    path: str
    allowed: bool

    @property
    def authority(self) -> str:
        """What stands in `Host`."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return shown if self.port == (443 if self.scheme == "https" else 80) else f"{shown}:{self.port}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the status, `Retry-After` as it was sent, and the beginning of the body."""

    status: int
    retry_after: str | None
    body: bytes


def read(url: str) -> Target:
    """Takes an address apart without asking the network. Raises Refused."""
    if len(url) > LONGEST_URL:
        raise Refused("too_long", f"At most {LONGEST_URL:,} characters.")
    # Before anything parses it: parsers differ in what they drop, and differences are holes.
    if not url or any(not "!" <= sign <= "~" for sign in url) or "\\" in url:
        raise Refused("invalid_url", "Only visible ASCII characters, percent-encoded where needed, and no backslash.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Refused("invalid_url", "This is no address such as https://hooks.example.org/in.") from None
    if "@" in parts.netloc:
        raise Refused("userinfo", "No user name or password in the address: deliveries are signed.")
    if "#" in url:
        raise Refused("fragment", "No fragment (#…): it would never be sent.")
    name = _name(f"[{host}]" if "[" in parts.netloc and ":" not in host else host)
    allowed = name in settings.WEBHOOK_ALLOW_HOSTS
    plain = allowed or settings.DEBUG
    if parts.scheme != "https" and not (plain and parts.scheme == "http"):
        raise Refused("not_https", "The address begins with https://.")
    chosen = port if port is not None else 443 if parts.scheme == "https" else 80
    if chosen == 0 or not (plain or chosen in PORTS):
        raise Refused("port", f"The port is {' or '.join(map(str, PORTS))}.")
    path = parts.path or "/"
    return Target(parts.scheme, name, chosen, f"{path}?{parts.query}" if parts.query else path, allowed)


def _name(host: str) -> str:
    """The host in its one usual form: a name with a dot in it, or an IP address as it is written in full."""
    host = host.lower()
    if host in settings.WEBHOOK_ALLOW_HOSTS:
        return host
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host)) if "%" not in host else _bad_host()
        except ValueError:
            return _bad_host()
    labels = host.split(".")
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        # 127.1, 0x7f.1 and 2130706433 are addresses to a resolver and names to whoever checks them.
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            return _bad_host()
    if len(labels) < 2 or len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return _bad_host()
    return host


def _bad_host() -> str:
    raise Refused("invalid_host", "The host is a full name such as hooks.example.org (no dot at its end).")


def resolve(target: Target) -> list[str]:
    """The addresses of a host, all of them public. Raises Refused when one is not, Unreachable when there is none."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable(f"the name {target.host} cannot be resolved") from None
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    if not addresses:
        raise Unreachable(f"the name {target.host} has no address")
    if not target.allowed and not all(is_public(address) for address in addresses):
        raise Refused("private_address", "The host has an address that is not a public one; nothing is sent there.")
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, by itself and by whatever it stands for."""
    try:
        known: Address = ipaddress.ip_address(address)
    except ValueError:
        return False  # with a zone, or no address at all
    if getattr(known, "scope_id", None) or getattr(known, "ipv4_mapped", None):
        return False
    return known.is_global and not known.is_multicast and not any(known in network for network in _NOT_PUBLIC)


def check(url: str) -> None:
    """Whether something may be sent there as things stand now. Raises Refused; a name unknown today is refused too."""
    try:
        resolve(read(url))
    except Unreachable as problem:
        raise Refused("unresolvable", f"{str(problem)[0].upper()}{str(problem)[1:]}.") from None


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    connect_s: float = CONNECT_S,
    total_s: float = TOTAL_S,
) -> Reply:
    """Sends one POST and reads the answer. Raises Refused, and Unreachable for everything short of an HTTP status."""
    deadline = time.monotonic() + total_s
    target = read(url)
    addresses = resolve(target)
    try:
        with _connected(target, addresses, min(deadline, time.monotonic() + connect_s)) as connected:
            return _exchange(target, _Hurried(connected, deadline), body, headers)
    except TimeoutError:
        raise Unreachable(f"no answer within {total_s:g} s") from None
    except ssl.SSLError as problem:
        raise Unreachable(f"TLS failed: {problem.reason or problem}") from None
    except (OSError, http.client.HTTPException) as problem:
        raise Unreachable(f"{type(problem).__name__}: {problem}"[:300]) from None


def _connected(target: Target, addresses: list[str], deadline: float) -> socket.socket:
    """A connection to the first of these very addresses that takes one; the name is not resolved again."""
    last: OSError | None = None
    for address in addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            made = socket.create_connection((address, target.port), timeout=left)
        except OSError as problem:
            last = problem
            continue
        if target.scheme == "http":
            return made
        try:
            made.settimeout(max(0.001, deadline - time.monotonic()))
            return _trusted().wrap_socket(made, server_hostname=target.host)
        except BaseException:
            made.close()
            raise
    raise Unreachable(f"no connection: {last.strerror or last}" if last else "no connection in time")


@cache
def _trusted() -> ssl.SSLContext:
    """The machine's certificate authorities; read once, since that takes longer than all the rest."""
    return ssl.create_default_context()


def _exchange(target: Target, connected: _Hurried, body: bytes, headers: Mapping[str, str]) -> Reply:
    sender = http.client.HTTPConnection(target.host, target.port)
    # It connects by itself only where it has no socket: to none but the address that was looked at.
    sender.sock = connected
    sender.auto_open = 0
    # The host goes out as it was written; http.client would add port 443 under a connection of its plain kind.
    sender.request("POST", target.path, body, {"Host": target.authority, **headers, "Connection": "close"})
    answer = sender.getresponse()
    try:
        start = answer.read(REPLY_READ)
    except (TimeoutError, OSError, http.client.HTTPException):
        start = b""  # the status has been said, and it decides
    return Reply(answer.status, answer.headers.get("Retry-After"), start)


class _Hurried:
    """A socket whose every wait ends at one deadline: who sends a byte a second gets no further than who sends none."""

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self.connected, self.deadline = connected, deadline

    def _hurry(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.connected.settimeout(left)

    def sendall(self, data: Any) -> None:
        self._hurry()
        self.connected.sendall(data)

    def recv_into(self, buffer: Any) -> int:
        self._hurry()
        return self.connected.recv_into(buffer)

    def makefile(self, mode: str, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self))

    def close(self) -> None:
        """The connection is closed by whoever made it."""


class _Reading(io.RawIOBase):
    def __init__(self, hurried: _Hurried) -> None:
        self.hurried = hurried

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.hurried.recv_into(buffer)
