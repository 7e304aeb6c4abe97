"""A service's URL → its address, the processes that listen there, and its answers to requests."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from bench.documents.answers import Answer
from bench.documents.http_files import Request
from bench.errors import LabError
from bench.host.listening import Listening, is_own, listening
from bench.model import Exchange, Same
from bench.own import baseline
from bench.progress import Progress
from bench.serve.http_client import answered
from bench.serve.life_cycle import HOST

CONNECT_SECONDS = 5.0
ANYWHERE = "0.0.0.0"  # noqa: S104 - as servers print it, not to listen at


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A service that accepts connections at an IPv4 address. `authority`: its Host header. `found`: its processes."""

    address: str
    port: int
    authority: str
    found: Listening
    is_here: bool = True

    @property
    def url(self) -> str:
        """The URL without a trailing slash, as its users write it."""
        return f"http://{self.authority}"


def service_at(url: str, *, remote: bool = False) -> Service:
    """Return the service at a URL, which may be `remote`: on another machine.

    Raises LabError that says what is wrong with the URL, or that nothing listens there.
    """
    host, port, authority = _parts(url)
    try:
        resolved = str(socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError) as error:
        raise LabError(f"--url {url}: {host} has no IPv4 address: correct the URL") from error
    address = HOST if resolved == ANYWHERE else resolved
    is_here = is_own(address)
    if not is_here and not remote:
        raise LabError(f"--url {url}: {address} is another machine: use --allow-remote-load if you may load it")
    try:
        socket.create_connection((address, port), CONNECT_SECONDS).close()
    except OSError as error:
        told = f"nothing listens at {address}:{port} ({error.strerror or error})"
        raise LabError(f"--url {url}: {told}: start the service, or correct the URL") from error
    found = listening(address, port) if is_here else Listening(hidden="the service runs on another machine")
    if found.tunnel and not remote:
        raise LabError(f"--url {url}: {found.hidden}: use --allow-remote-load if you may load it")
    return Service(address=address, port=port, authority=authority, found=found, is_here=is_here)


def recorded(service: Service, requests: Sequence[Request], rule: Same, progress: Progress) -> tuple[Exchange, ...]:
    """Return each request with the service's answer. Raises LabError if an answer fails, or if two answers differ."""
    seen: list[list[Answer]] = [[] for _ in requests]
    with progress.step(f"answers of {service.url}"):
        for _ in range(baseline.ROUNDS):
            for request, given in zip(requests, seen, strict=True):
                exchange = baseline.exchange_of(request, host=service.authority)
                given.append(answered(service.port, exchange, host=service.address))
    baseline.require_answers(requests, seen, rule, service.url, _in_option)
    pairs = zip(requests, seen, strict=True)
    return tuple(baseline.exchange_of(request, given[0], rule, service.authority) for request, given in pairs)


def _parts(url: str) -> tuple[str, int, str]:
    """Return host, port and both as written. Raises LabError for anything but http://HOST:PORT."""
    try:
        parts = urlsplit(url)
        port = 80 if parts.port is None else parts.port
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme == "https":
        raise LabError(f"--url {url}: the load generator speaks plain HTTP: use an http:// address of the service")
    is_plain = url.lower().removesuffix("/") == f"http://{parts.netloc.lower()}"  # no path, which requests have
    if not is_plain or not parts.hostname or "@" in parts.netloc:
        raise LabError(f"invalid --url {url!r}: use http://HOST:PORT, such as http://127.0.0.1:8000")
    return parts.hostname, port, parts.netloc


def _in_option(found: baseline.Found) -> list[str]:
    """Return what to do: the option that ignores what differs. There is none for text."""
    pointers = ",".join(sorted(found["ignore"] | found["unordered"]))
    return [f"ignore what may differ with --ignore '{pointers}'" if pointers else baseline.REPEATABLE]
