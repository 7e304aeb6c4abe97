"""A server keeps connections open if it declares that, and serves other clients meanwhile."""

from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest

from bench.catalog import pairing
from bench.errors import LabError
from bench.host.pinning import cores
from bench.model import Artifact, Stack, Unavailable
from bench.readiness import building
from bench.serve import http_client, life_cycle
from tests.contract.conftest import PLAIN, missing, possible
from tests.declared import CATALOG

CLIENTS = 8  # as many as the light loads have
REQUESTS = 2  # per client
TIMEOUT_SECONDS = 1.0  # uWSGI closes an idle connection that occupies its worker after 4 s
PLAIN_LABELS = list(dict.fromkeys(server.label for server in CATALOG.servers.values()))
TUNED = [
    f"{server.label}+{tuning.name}"
    for tuning in CATALOG.tunings.values()
    for server in CATALOG.servers.values()
    if server.server in tuning.servers and "cpython" in server.implementations and not tuning.proxy
]  # a proxy treats all servers alike and is covered by test_http.py


def connections_are_kept(running: life_cycle.RunningServer) -> bool:
    """Return True if connections stay open after an answer. Several clients at a time send two requests each.

    Raises OSError if a client is not answered in time.
    """
    with ExitStack() as opened:
        clients = [HTTPConnection(running.host, running.port, timeout=TIMEOUT_SECONDS) for _ in range(CLIENTS)]
        for client in clients:
            opened.callback(client.close)
        kept = set()
        for _ in range(REQUESTS):
            for client in clients:
                client.request("GET", "/hello")
                assert client.getresponse().read() == http_client.HELLO.expect
                kept.add(client.sock is not None)
    (all_kept,) = kept
    return all_kept


def stack_on(label: str) -> Stack:
    """The first stack of the reference core on a server, even if it is unsupported."""
    stacks = possible(PLAIN["cpython"], label) or [Stack(variant=PLAIN["cpython"], framework="bare", server=label)]
    return stacks[0]


@pytest.mark.parametrize("stack", [stack_on(label) for label in (*PLAIN_LABELS, *TUNED)], ids=lambda each: each.server)
def test_connections_are_kept_as_declared(
    stack: Stack, prepared: tuple[building.Built, list[Unavailable]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = prepared[0].get(stack.variant)
    if not isinstance(built, Artifact) or stack.label in built.lacks:
        missing(prepared[1], stack)
    server, unsupported, log = (
        pairing.server_file(CATALOG, stack),
        pairing.unsupported(CATALOG, stack),
        tmp_path / "log",
    )
    if unsupported is None:
        with life_cycle.serving(CATALOG, stack, http_client.HELLO, log, cores().server) as running:
            assert connections_are_kept(running) == server.keep_alive
        return
    monkeypatch.setattr(pairing, "unsupported", lambda *_: None)
    monkeypatch.setattr(life_cycle, "STOP_SECONDS", 1.0)
    with (
        pytest.raises((OSError, LabError)) as caught,
        life_cycle.serving(CATALOG, stack, http_client.HELLO, log, cores().server) as running,
    ):
        connections_are_kept(running)
    assert unsupported.symptom in f"{caught.value} {log.read_text(errors='replace')}"
