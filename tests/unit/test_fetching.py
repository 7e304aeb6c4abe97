"""A document from a URL: whole, small, and within its time limit, however slowly it arrives."""

import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app import fetching
from app.deadline import connected
from app.fetching import fetched

OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def answering(answer: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve one connection with `answer`; yields `127.0.0.1:PORT`."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            try:
                connection, _ = listening.accept()
                with context.wrap_socket(connection, server_side=True) if context else connection as secured:
                    answer(secured)
            except OSError:
                pass  # the client gave up

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        thread.join(5)


def sent(*parts: bytes, seconds: float = 0.0) -> Callable[[socket.socket], None]:
    """Read a request, then send these parts with a pause after each."""

    def answer(connection: socket.socket) -> None:
        connection.recv(65_536)
        for part in parts:
            connection.sendall(part)
            time.sleep(seconds)

    return answer


def got(*parts: bytes, seconds: float = 0.0, limit_seconds: float = 5.0) -> bytes:
    with answering(sent(*parts, seconds=seconds)) as address:
        return fetched(f"http://{address}/jwks?x=1", limit_seconds)


def test_a_document_is_read_in_each_framing() -> None:
    assert got(OK + b"Content-Length: 2\r\n\r\n{}") == b"{}"
    assert got(OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n") == b"{}"
    assert got(OK + b"\r\n{", b"}") == b"{}"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", ValueError),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", ValueError),
        (OK + b"Content-Length: 9\r\n\r\n{}", HTTPException),
        (b"nonsense", HTTPException),
        (b"", HTTPException),
        (OK + b"\r\n" + b" " * (fetching.MAX_BYTES + 1), ValueError),
    ],
)
def test_another_answer_is_an_error(answer: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        got(answer)


def test_the_limit_is_that_of_the_whole_exchange() -> None:
    with pytest.raises(TimeoutError):
        got(*[b"H"] * 100, seconds=0.02, limit_seconds=0.1)  # each step is faster than the limit


def test_a_server_that_is_silent_runs_into_the_limit() -> None:
    with answering(lambda connection: time.sleep(1)) as address, pytest.raises(TimeoutError):
        fetched(f"http://{address}/", 0.05)


def test_a_closed_port_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        fetched(f"http://127.0.0.1:{port}/")


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "my keys").write_bytes(b"{}")
    assert fetched(f"file://{tmp_path}/my%20keys") == b"{}"
    with pytest.raises(FileNotFoundError):
        fetched("file:///nope/nope")


@pytest.mark.parametrize(
    "url",
    [
        "", "keys.json", "ftp://x/y", "http:///x", "https://", "file://host/x", "http://x:y/", "http://x:0/",
        "http://me:secret@x/y", "http://:secret@x/", "http://me:secret/x", "ftp://me:secret@x/", "http://secret[/",
        "http://secret\u2100.example/",
    ],
)  # fmt: skip
def test_what_is_no_url_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"^it is no URL like https://HOST/PATH or file:///PATH$") as caught:
        fetching.checked(url)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_another_status_is_told_without_the_url() -> None:
    with pytest.raises(ValueError, match=r"^the answer has status 503$"):
        got(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")


def test_a_broken_connection_raises_no_sigpipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """uWSGI handles it, and the handler of its asyncio engine crashes outside of a request."""
    here, there = socket.socketpair()
    there.close()
    monkeypatch.setattr(fetching, "connected", lambda *_: here)
    raised: list[int] = []
    before = signal.signal(signal.SIGPIPE, lambda number, _: raised.append(number))
    try:
        with pytest.raises(BrokenPipeError):
            fetched("http://127.0.0.1/")
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert raised == []


def test_a_handshake_that_stalls_runs_into_the_limit_of_the_whole_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not have the time that there was before connecting."""

    def slowly(host: str, port: int, deadline: float) -> socket.socket:
        made = connected(host, port, deadline)
        made.settimeout(1000.0)
        return made

    monkeypatch.setattr(fetching, "connected", slowly)
    with answering(lambda connection: time.sleep(1)) as address, pytest.raises(TimeoutError):
        fetched(f"https://{address}/", 0.2)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = tmp_path / "certificate.pem"
    path.write_bytes(pem + built.public_bytes(serialization.Encoding.PEM))
    return path


def test_https_checks_the_certificate(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    answer = sent(OK + b"Content-Length: 2\r\n\r\n{}")
    with answering(answer, context) as address, pytest.raises(ssl.SSLCertVerificationError):
        fetched(f"https://{address}/")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with answering(answer, context) as address:
        assert fetched(f"https://{address}/") == b"{}"
    with answering(answer, context) as address, pytest.raises(ssl.SSLCertVerificationError):
        fetched(f"https://{address.replace('127.0.0.1', 'localhost')}/")
