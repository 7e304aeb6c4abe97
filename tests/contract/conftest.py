"""Whom the contracts are put to: every variant, built, and the service over each of them on each server."""

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import NoReturn
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from rich.console import Console

from app.contract import load_core
from app.wsgi.falcon_app import make
from bench import catalog, pipeline, serve
from bench.model import Artifact, Hole, Stack
from bench.pinning import cores
from bench.progress import Progress
from tests.contract.wire import Server

MAX_BYTES = 300_000
LABELS = sorted({server.label for server in catalog.servers().values()})
FRAMEWORKS = sorted(catalog.frameworks())


def pairwise() -> list[Stack]:
    """Each variant on a Gunicorn and on a uWSGI, each server and framework in turn: far fewer stacks than all."""
    gunicorns = [label for label in LABELS if label.startswith("gunicorn")]
    others = [label for label in LABELS if label not in gunicorns]
    stacks = [
        Stack(variant=variant, framework=FRAMEWORKS[turn % len(FRAMEWORKS)], server=servers[turn % len(servers)])
        for turn, variant in enumerate(catalog.variants())
        for servers in (gunicorns, others)
    ]
    return [stack for stack in stacks if catalog.impossible(stack) is None]


class Quiet(WSGIRequestHandler):
    """A handler that keeps no log."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def prepared() -> tuple[dict[str, Artifact], list[Hole]]:
    """All variants built and checked, and what is missing of them."""
    return pipeline.prepare(catalog.variants(), Progress(Console(quiet=True)))


def missing(holes: list[Hole], what: str) -> NoReturn:
    """Leave out what cannot be had here; under CI, and where it should have worked, that is a failure."""
    hole = next((hole for hole in holes if hole.what == what), Hole(what=what, reason="it is not built"))
    if hole.failed or "CI" in os.environ:
        pytest.fail(f"{what}: {hole.reason}")
    pytest.skip(f"{what}: {hole.reason}; to fill it: {hole.fill}")


@pytest.fixture(scope="session", params=list(catalog.variants()))
def name(request: pytest.FixtureRequest, prepared: tuple[dict[str, Artifact], list[Hole]]) -> str:
    """A variant that is built here."""
    artifacts, holes = prepared
    if request.param not in artifacts:
        missing(holes, request.param)
    return str(request.param)


@pytest.fixture(scope="session", params=["in process", *pairwise()], ids=str)
def server(
    request: pytest.FixtureRequest,
    prepared: tuple[dict[str, Artifact], list[Hole]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """Each service in turn: the plainest of servers over the reference core, and the stacks of `pairwise`."""
    if request.param == "in process":
        yield from in_process()
        return
    stack: Stack = request.param
    artifacts, holes = prepared
    if stack.variant not in artifacts:
        missing(holes, stack.variant)
    if stack.server in artifacts[stack.variant].lacks:
        missing(holes, f"{stack.variant}/*/{stack.server}")
    yield from served(stack, tmp_path_factory.mktemp("server") / "log")


def in_process() -> Iterator[Server]:
    """The Falcon service over the reference core, in a thread."""
    application = make(load_core("app.core"), lambda: {"variant": "reference"}, MAX_BYTES)
    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Server("127.0.0.1", server.server_port, MAX_BYTES)
        server.shutdown()
        thread.join()


def served(stack: Stack, log: Path) -> Iterator[Server]:
    """A real stack, told to take no document of more than `MAX_BYTES`."""

    def limited(stack: Stack, port: int, host: str) -> tuple[list[str], dict[str, str]]:
        argv, env = command(stack, port, host)
        return argv, env | {"STATEMENTS_MAX_BYTES": str(MAX_BYTES)}

    command = serve.command
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serve, "command", limited)
        with serve.serving(stack, serve.HELLO, log, cores().server) as running:
            yield Server(serve.HOST, running.port, MAX_BYTES)
