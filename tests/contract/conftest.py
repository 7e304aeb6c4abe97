"""Whom the contracts are put to: every variant, built, and the service over each of them on each server."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import NoReturn
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from rich.console import Console

from app.contract import load_core
from bench import catalog, pipeline, serve
from bench.model import Artifact, Framework, Hole, Stack
from bench.pinning import cores
from bench.progress import Progress
from tests.contract.wire import Server

MAX_BYTES = 300_000
PLAIN = ("cpython", "pypy")  # the untouched source on each implementation: these meet every server


def pairwise() -> list[Stack]:
    """PLAIN on every server, every other variant on a Gunicorn and a uWSGI, frameworks in turn: not the product."""
    labels = sorted({server.label for server in catalog.servers().values()})
    families = [[label for label in labels if label.startswith(family)] for family in ("gunicorn", "uwsgi")]
    pairs = [(variant, label) for variant in PLAIN for label in labels]
    for turn, variant in enumerate(name for name in catalog.variants() if name not in PLAIN):
        pairs += [(variant, family[turn % len(family)]) for family in families]
    stacks = []
    for turn, (variant, label) in enumerate(pairs):
        each = [Stack(variant=variant, framework=name, server=label) for name in catalog.frameworks()]
        possible = [stack for stack in each if catalog.impossible(stack) is None]
        stacks += possible[turn % len(possible) :][:1] if possible else []
    return stacks


class Quiet(WSGIRequestHandler):
    """A handler that keeps no log."""

    def log_message(self, *_: object) -> None:
        pass


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Where a server is declared to depart from the contract, some cases of that test are expected to fail."""
    for item in items:
        stack = item.callspec.params.get("server") if hasattr(item, "callspec") else None
        if isinstance(stack, Stack):
            reason = catalog.server_for(stack).departures.get(item.originalname.removeprefix("test_"))
            if reason:
                item.add_marker(pytest.mark.xfail(reason=reason, strict=False))


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


IN_PROCESS = [framework for framework in catalog.frameworks().values() if framework.interface == "wsgi"]


def called(service: Framework | Stack) -> str:
    return f"in process {service.name}" if isinstance(service, Framework) else str(service)


@pytest.fixture(scope="session", params=[*IN_PROCESS, *pairwise()], ids=called)
def server(
    request: pytest.FixtureRequest,
    prepared: tuple[dict[str, Artifact], list[Hole]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """Each service in turn: the plainest of servers around each framework, and the stacks of `pairwise`."""
    if isinstance(request.param, Framework):
        yield from in_process(request.param)
        return
    stack: Stack = request.param
    artifacts, holes = prepared
    if stack.variant not in artifacts:
        missing(holes, stack.variant)
    if stack.server in artifacts[stack.variant].lacks:
        missing(holes, f"{stack.variant}/*/{stack.server}")
    yield from served(stack, tmp_path_factory.mktemp("server") / "log")


def in_process(framework: Framework) -> Iterator[Server]:
    """A framework's WSGI application over the reference core, in a thread."""
    make = import_module(framework.module).make
    application = make(load_core("app.core"), lambda: {"variant": "reference"}, time.sleep, MAX_BYTES)
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
    with ExitStack() as until_served:
        with pytest.MonkeyPatch.context() as patch:  # for the start alone: other tests run while this one is served
            patch.setattr(serve, "command", limited)
            running = until_served.enter_context(serve.serving(stack, serve.HELLO, log, cores().server))
        yield Server(serve.HOST, running.port, MAX_BYTES)
