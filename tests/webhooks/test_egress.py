"""The way out: no address leads to our own machines, and nobody holds us longer than we want."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pytest_django import Settings

from relationships.webhooks import egress
from tests.webhooks.receiver import Got, Receiver, receiving

Resolver = Callable[..., list[Any]]
PUBLIC = "93.184.215.14"


def answering(*addresses: str) -> Resolver:
    """A resolver that knows every name under these addresses."""

    def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return resolve


# What may stand in an address and must lead nowhere. Names resolve as the table below says.
HOSTILE = [
    # not an address at all, or not one of ours
    "", "hooks.example.org", "//hooks.example.org/", "https://", "https:///in", "https:hooks.example.org",
    "ftp://hooks.example.org/", "file:///etc/passwd", "gopher://hooks.example.org:70/", "javascript:alert(1)",
    "http://hooks.example.org/", "HTTP://hooks.example.org/", "ws://hooks.example.org/",
    # what parsers disagree about
    "https://hooks.example.org/\r\nHost: 127.0.0.1", "https://hooks.example.org/%0d%0a\n", "https://hooks.example.org/\t",
    "https://hooks.example.org\\@127.0.0.1/", "https://127.0.0.1\\hooks.example.org/", " https://hooks.example.org/",
    "https://hooks.example.org/a b", "https://hooks.example.org/\x00", "https://hooks.example.org/ä",
    "https://user:secret@hooks.example.org/", "https://hooks.example.org@127.0.0.1/", "https://@127.0.0.1/",
    "https://hooks.example.org#@127.0.0.1/", "https://hooks.example.org/in#there", "https://hooks.example.org:443@10.0.0.1/",
    # other ports
    "https://hooks.example.org:22/", "https://hooks.example.org:0/", "https://hooks.example.org:80/",
    "https://hooks.example.org:65536/", "https://hooks.example.org:x/", "https://hooks.example.org:5432/",
    # hosts in disguise
    "https://localhost/", "https://localhost./", "https://LOCALHOST/", "https://hooks.example.org./", "https://intranet/",
    "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/",
    "https://127.0.0.1./", "https://0/", "https://127.0.0.01/", "https://1.2.3.4.5/", "https://hooks..example.org/",
    "https://127。0。0。1/", "https://①②⑦.⓪.⓪.①/", "https://%31%32%37.0.0.1/", "https://-hooks.example.org/",
    "https://hooks_.example.org:443%2f@10.0.0.1/",
    # private by number
    "https://127.0.0.1/", "https://127.255.255.254/", "https://0.0.0.0/", "https://10.0.0.1/", "https://172.16.0.1/",
    "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data/", "https://100.64.0.1/", "https://192.0.0.8/",
    "https://192.0.0.192/", "https://198.18.0.1/", "https://203.0.113.5/", "https://224.0.0.1/", "https://240.0.0.1/",
    "https://255.255.255.255/", "https://168.63.129.16/", "https://192.88.99.1/",
    "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/", "https://[64:ff9b:1::7f00:1]/", "https://[2002:7f00:1::]/", "https://[2001:0:7f00:1::]/",
    "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fec0::1]/", "https://[fd00:ec2::254]/", "https://[ff02::1]/",
    "https://[2001:db8::1]/", "https://[::1%lo]/", "https://[127.0.0.1]/", "https://[v1.x]/", "https://[::1/",
    # private by name
    "https://loopback.hostile.example/", "https://metadata.hostile.example/", "https://mapped.hostile.example/",
    "https://mixed.hostile.example/", "https://nat64.hostile.example/", "https://nowhere.hostile.example/",
]  # fmt: skip
NAMES = {
    "loopback.hostile.example": ["127.0.0.1"],
    "metadata.hostile.example": ["169.254.169.254"],
    "mapped.hostile.example": ["::ffff:10.0.0.1"],
    "mixed.hostile.example": [PUBLIC, "192.168.0.1"],
    "nat64.hostile.example": ["64:ff9b::a00:1"],
}


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of the table; everything else that is no number is public."""
    real = socket.getaddrinfo

    def resolve(host: str, port: int, **how: Any) -> list[Any]:
        if host == "nowhere.hostile.example":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        if host[0].isdigit() or ":" in host:
            return list(real(host, port, **how))
        return answering(*NAMES.get(host, [PUBLIC]))(host, port)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.fixture
def no_connection(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    tried: list[Any] = []

    def connect(address: Any, timeout: float) -> Any:
        tried.append(address)
        raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(socket, "create_connection", connect)
    return tried


def test_the_table_is_long_enough() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 60


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_is_refused_when_saved_and_when_sent(url: str, names: None, no_connection: list[Any]) -> None:
    with pytest.raises(egress.Refused):
        egress.check(url)
    with pytest.raises((egress.Refused, egress.Unreachable)):
        egress.post(url, b"{}", {})
    assert no_connection == []


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.org",
        "https://hooks.example.org/in?team=north",
        "HTTPS://Hooks.Example.ORG:8443/in",
        "https://xn--bcher-kva.example/",
        "https://93.184.215.14/",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
    ],
)
def test_public_receivers_are_taken(url: str, names: None) -> None:
    egress.check(url)


def test_debug_lets_plain_http_through_and_no_private_address(settings: Settings, names: None) -> None:
    settings.DEBUG = True
    egress.check("http://hooks.example.org:8080/")
    with pytest.raises(egress.Refused):
        egress.check("http://127.0.0.1:8080/")


def test_a_name_that_changes_its_address_is_never_followed_inside(
    monkeypatch: pytest.MonkeyPatch, no_connection: list[Any]
) -> None:
    """Public when saved, loopback when sent; and public at the check of a sending, loopback a moment later."""
    turns: Iterator[str] = iter([])

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return answering(next(turns))(host, port)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for _ in range(1_000):
        turns = iter([PUBLIC, "127.0.0.1"])
        egress.check("https://rebinding.example/")
        with pytest.raises(egress.Refused):
            egress.post("https://rebinding.example/", b"{}", {})
        turns = iter([PUBLIC, "127.0.0.1"])
        with pytest.raises(egress.Unreachable):
            egress.post("https://rebinding.example/", b"{}", {})
        assert next(turns) == "127.0.0.1"  # it was never asked for a second time
    assert {address for address, _ in no_connection} == {PUBLIC}


# ---------------------------------------------------------------------- what comes back


def test_it_posts_what_it_is_given_and_tells_the_answer(receiver: Receiver) -> None:
    reply = egress.post(f"{receiver.url}?a=1", b'{"a":1}', {"Content-Type": "application/json", "webhook-id": "x"})
    assert (reply.status, reply.retry_after) == (200, None)
    got = receiver.got[0]
    assert (got.path, got.body, got.headers["host"]) == ("/in?a=1", b'{"a":1}', f"127.0.0.1:{receiver.port}")


def test_a_redirect_is_told_and_not_followed(receiver: Receiver) -> None:
    def elsewhere(handler: BaseHTTPRequestHandler, got: Got) -> None:
        handler.send_response(301)
        handler.send_header("Location", receiver.url)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    receiver.answers = [elsewhere]
    assert egress.post(receiver.url, b"{}", {}).status == 301
    assert len(receiver.got) == 1


def test_a_gigabyte_is_read_for_64_kib(receiver: Receiver) -> None:
    def pour(handler: BaseHTTPRequestHandler, got: Got) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(2**30))
        handler.end_headers()
        for _ in range(2**10):
            handler.wfile.write(b"x" * 2**20)

    receiver.answers = [pour]
    reply = egress.post(receiver.url, b"{}", {})
    assert (reply.status, len(reply.body)) == (200, 64 * 1024)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: "], ids=["status line", "headers"])
def test_a_byte_at_a_time_ends_with_the_time(receiver: Receiver, said: bytes) -> None:
    def drip(handler: BaseHTTPRequestHandler, got: Got) -> None:
        handler.wfile.write(said)
        for _ in range(100):
            handler.wfile.write(b"H")
            time.sleep(0.05)

    receiver.answers = [drip]
    began = time.monotonic()
    with pytest.raises(egress.Unreachable, match=r"no answer within 0\.5 s"):
        egress.post(receiver.url, b"{}", {}, total_s=0.5)
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200])
def test_what_is_no_http_is_unreachable(receiver: Receiver, said: bytes) -> None:
    def speak(handler: BaseHTTPRequestHandler, got: Got) -> None:
        handler.wfile.write(said)

    receiver.answers = [speak]
    with pytest.raises(egress.Unreachable):
        egress.post(receiver.url, b"{}", {})


def test_a_closed_port_and_a_silent_one_are_told(settings: Settings) -> None:
    settings.WEBHOOK_ALLOW_HOSTS = ["127.0.0.1"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(egress.Unreachable, match="refused"):
            egress.post(f"http://127.0.0.1:{port}/", b"{}", {})
        taken.listen()
        with pytest.raises(egress.Unreachable):
            egress.post(f"https://127.0.0.1:{port}/", b"{}", {}, connect_s=0.3, total_s=0.3)


def test_no_proxy_of_the_environment_is_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    assert egress.post(receiver.url, b"{}", {}).status == 200


# ---------------------------------------------------------------------- TLS


@pytest.fixture
def certified(tmp_path: Path, receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A TLS receiver on loopback that is called hooks.example.org, and a certificate that is good for that name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example.org")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example.org")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(plain + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    asked_for: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked_for.append(name)
    settings.WEBHOOK_ALLOW_HOSTS = ["hooks.example.org", "other.example.org"]
    monkeypatch.setattr(socket, "getaddrinfo", answering("127.0.0.1"))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    egress._trusted.cache_clear()
    with receiving(context) as told:
        yield str(told.port)
        egress._trusted.cache_clear()
        assert set(asked_for) <= {"hooks.example.org", "other.example.org"}
        assert all(got.headers["host"] == f"hooks.example.org:{told.port}" for got in told.got)


def test_the_name_stays_in_tls_and_in_the_host_and_its_certificate_must_be_good(
    certified: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert egress.post(f"https://hooks.example.org:{certified}/in", b"{}", {}).status == 200
    with pytest.raises(egress.Unreachable, match="TLS failed"):
        egress.post(f"https://other.example.org:{certified}/in", b"{}", {})
    monkeypatch.delenv("SSL_CERT_FILE")
    egress._trusted.cache_clear()
    with pytest.raises(egress.Unreachable, match="TLS failed"):
        egress.post(f"https://hooks.example.org:{certified}/in", b"{}", {})
