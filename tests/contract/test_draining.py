"""SIGTERM under the tunings `drain` and `drain-layer`: accepted requests are answered, and the process ends in time.

A server that loses some of them nevertheless declares it: `losses` of the tuning, by the case. The test fails if it
does not lose them. What servers do by default stands in docs/operating.md.
"""

import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from bench.catalog import pairing
from bench.model import Stack, Unavailable
from bench.paths import ROOT
from bench.readiness import building
from bench.serve import life_cycle
from tests.contract import answerers
from tests.contract.conftest import PLAIN, possible
from tests.contract.draining import EMPTY, POST, get, posted, read, started
from tests.contract.test_operating import require_built
from tests.cores import document as document_of
from tests.cores import order
from tests.declared import CATALOG

TUNINGS = [tuning for tuning in CATALOG.tunings.values() if tuning.name.startswith("drain")]
LABELS = sorted({server.label for server in CATALOG.servers.values()})
HELLO = (200, b"Hello, world!\n")
STATEMENT = (200, answerers.reference(EMPTY)[1])


ROW = re.compile(r"^\| (`[^|]+`) \| (loses all|answers)(?:, [^|]*)? \|", re.MULTILINE)
BY_DEFAULT = {
    label: does
    for labels, does in ROW.findall((ROOT / "docs/operating.md").read_text(encoding="utf-8"))
    for label in re.findall("`([^`]+)`", labels)
}


def waited(ms: int) -> tuple[int, bytes]:
    return 200, f"Waited {ms} ms.\n".encode()


def tuned() -> list[Stack]:
    """CPython on each server that drains, and PyPy on one server of each program."""
    found: dict[tuple[str, ...], Stack] = {}
    for implementation, variant in PLAIN.items():
        for tuning in TUNINGS:
            for server in CATALOG.servers.values():
                if server.server in tuning.servers and implementation in server.implementations:
                    key = (implementation, server.label if implementation == "cpython" else server.server)
                    stacks = possible(variant, f"{server.label}+{tuning.name}")
                    found |= {key: stacks[len(found) % len(stacks)]} if stacks and key not in found else {}
    return list(found.values())


@pytest.fixture(autouse=True)
def built(request: pytest.FixtureRequest, prepared: tuple[building.Built, list[Unavailable]]) -> None:
    """Leaves a test out whose stack is unavailable."""
    require_built(request.getfixturevalue("stack"), prepared)


def computing(stack: Stack, tmp_path: Path) -> None:
    """A request under way is answered."""
    with started(stack, tmp_path) as service:
        request = service.connect(get("/wait?ms=3000"))
        time.sleep(0.3)
        service.terminate()
        assert read(request) == waited(3000)
        service.status()


def body(stack: Stack, tmp_path: Path) -> None:
    """A request whose body is on its way is answered."""
    with started(stack, tmp_path) as service:
        request = service.connect(POST[:-10])
        time.sleep(0.3)
        service.terminate()
        time.sleep(3.0)
        request.sendall(POST[-10:])
        assert read(request) == STATEMENT
        service.status()


def reading(stack: Stack, tmp_path: Path) -> None:
    """An answer that a client has begun to read is whole, also if it is larger than the kernel's buffers.

    Each thread of a server has one to send: one of them gets the signal.
    """
    document = long_names()
    answer = 200, answerers.reference(document)[1]
    with started(stack, tmp_path) as service:
        at_once = pairing.server_for(CATALOG, stack).concurrency
        threads = at_once if at_once <= MOST_THREADS else 1  # or greenlets, or tasks of a loop
        requests = [service.connect(posted(document)) for _ in range(threads)]
        for request in requests:
            request.recv(1, socket.MSG_PEEK)
        time.sleep(0.3)
        service.terminate()
        time.sleep(3.0)
        assert all(read(request) == answer for request in requests)
        service.status()


@cache
def long_names() -> bytes:
    """A document whose answer has 8 MB and is soon computed."""
    customers = ({"id": number, "name": "𝄞" * 200} for number in range(1, 8001))
    return document_of(*(order(number, customer=each) for number, each in enumerate(customers, 1)))


def queue(stack: Stack, tmp_path: Path) -> None:
    """Complete requests that wait their turn are answered: more than a server with threads takes at a time.

    Some wait in the kernel's backlog.
    """
    with started(stack, tmp_path) as service:
        requests = [
            service.connect(get("/wait?ms=300").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            for _ in range(6)
        ]
        time.sleep(0.2)
        service.terminate()
        assert [read(each) for each in requests] == [waited(300)] * len(requests)
        service.status()


def kept(stack: Stack, tmp_path: Path) -> None:
    """The next request of a kept connection is answered, or the connection closed.

    A client repeats a request on a new connection if the old one was closed (RFC 9112, 9.3.1).
    """
    with started(stack, tmp_path) as service:
        kept = HTTPConnection(life_cycle.HOST, service.port, timeout=30)
        kept.request("GET", "/hello")
        assert kept.getresponse().read() == HELLO[1]
        connection, under_way = kept.sock, service.connect(get("/wait?ms=1000"))
        time.sleep(0.3)
        service.terminate()
        time.sleep(0.3)
        if connection is not None:
            try:
                connection.sendall(get("/hello"))
                assert read(connection) in {HELLO, None}
            except OSError:  # closed
                connection.close()
        assert read(under_way) == waited(1000)
        service.status()


def ready(stack: Stack, tmp_path: Path) -> None:
    """After SIGTERM no new client is told that the service is ready."""
    with started(stack, tmp_path) as service:
        under_way = service.connect(get("/wait?ms=1500"))
        time.sleep(0.3)
        service.terminate()
        time.sleep(0.5)
        try:
            probe = read(service.connect(get("/readyz")))
        except ConnectionError:
            probe = None
        assert probe is None or probe[0] == 503
        assert read(under_way) == waited(1500)


def bound(stack: Stack, tmp_path: Path) -> None:
    """A request longer than the bound is cut off."""
    with started(stack, tmp_path, bound="2") as service:
        request = service.connect(get("/wait?ms=10000"))
        time.sleep(0.3)
        service.terminate()
        service.status()
        answer = read(request)
        assert answer is None or answer[0] == 500


def idle(stack: Stack, tmp_path: Path) -> None:
    """An idle server does not wait for the bound."""
    with started(stack, tmp_path, bound="300") as service:
        time.sleep(0.5)  # uWSGI with gevent once went on after a SIGTERM that came right after its first answer
        service.terminate()
        service.status()


def status(stack: Stack, tmp_path: Path) -> None:
    """The exit status tells that nothing was cut off."""
    with started(stack, tmp_path) as service:
        under_way = service.connect(get("/wait?ms=1000"))
        time.sleep(0.3)
        service.terminate()
        read(under_way)
        assert service.status() == 0


TRIALS: dict[str, Callable[[Stack, Path], None]] = {
    each.__name__: each for each in (computing, body, reading, queue, kept, ready, bound, idle, status)
}
OFTEN = {"computing", "bound"}  # the others are `long`
AT_ONCE = 4  # most of a trial is waiting
MOST_THREADS = 4  # of a server


def cases() -> list[object]:
    """Each trial of each stack, expected to fail where its tuning declares the loss."""
    found: list[object] = []
    for name in TRIALS:
        for stack in tuned():
            label, _, tuning = stack.server.partition("+")
            loss = CATALOG.tunings[tuning].losses.get(label, {}).get(name)
            marks = [pytest.mark.xfail(reason=loss, raises=AssertionError, strict=True)] if loss else []
            marks += [] if name in OFTEN else [pytest.mark.long]
            found.append(pytest.param(name, stack, id=f"{name}-{stack}", marks=marks))
    return found


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest,
    prepared: tuple[building.Built, list[Unavailable]],  # before the first trial starts a server
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[tuple[str, Stack], Future[None]]]:
    """The trials of the selected tests, several at a time."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    given = [item.callspec.params for item in items if item.originalname == SIGTERM]
    asked: list[tuple[Any, Any]] = [(each["name"], each["stack"]) for each in given]
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield {
            (name, stack): pool.submit(TRIALS[name], stack, tmp_path_factory.mktemp("service")) for name, stack in asked
        }
    finally:
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize(("name", "stack"), cases())
def test_sigterm(name: str, stack: Stack, outcomes: dict[tuple[str, Stack], Future[None]]) -> None:
    outcomes[name, stack].result()


SIGTERM = test_sigterm.__name__


@pytest.mark.long
@pytest.mark.parametrize("stack", [possible(PLAIN["cpython"], label)[0] for label in LABELS], ids=str)
def test_servers_do_by_default_what_the_page_tells(stack: Stack, tmp_path: Path) -> None:
    with started(stack, tmp_path) as service:
        request = service.connect(get("/wait?ms=1500"))
        time.sleep(0.3)
        service.terminate()
        assert read(request) == {"answers": waited(1500), "loses all": None}[BY_DEFAULT[stack.server]]


STARTING_AGAIN = [possible(PLAIN["cpython"], label)[0] for label in LABELS if label.startswith("uwsgi-")]


@pytest.mark.long
@pytest.mark.parametrize("stack", STARTING_AGAIN, ids=str)
def test_uwsgi_without_die_on_term_loses_all_and_starts_again(stack: Stack, tmp_path: Path) -> None:
    with started(stack, tmp_path, replaced=("--die-on-term", "--strict")) as service:
        request = service.connect(get("/wait?ms=1500"))
        time.sleep(0.3)
        service.terminate()
        assert read(request) is None
        with pytest.raises(subprocess.TimeoutExpired):
            service.process.wait(5)
        assert read(service.connect(get("/hello"))) == HELLO


FASTWSGI = Stack(variant=PLAIN["cpython"], framework="bare", server="fastwsgi")


@pytest.mark.long
@pytest.mark.parametrize("stack", [FASTWSGI], ids=str)
def test_an_idle_fastwsgi_runs_no_handler_of_python(stack: Stack, tmp_path: Path) -> None:
    """So the layer `drain` does not help it: it would not even end."""
    with started(stack, tmp_path, STATEMENTS_LAYERS="drain health", STATEMENTS_DRAIN_SECONDS="1") as service:
        service.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            service.process.wait(5)


UWSGI = Stack(variant=PLAIN["cpython"], framework="bare", server="uwsgi-processes+drain")


@pytest.mark.long
@pytest.mark.parametrize("stack", [UWSGI], ids=str)
def test_the_other_handler_of_uwsgi_has_no_bound(stack: Stack, tmp_path: Path) -> None:
    handler = ("unix_signal:15 grace_them_all", "unix_signal:15 gracefully_kill_them_all")
    with started(stack, tmp_path, bound="2", replaced=handler) as service:
        request = service.connect(get("/wait?ms=6000"))
        time.sleep(0.3)
        service.terminate()
        assert read(request) == waited(6000)
