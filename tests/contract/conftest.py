"""Whom the contracts are put to: every variant, built, and the service over each of them on each server."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest
from rich.console import Console

from bench import readiness
from bench.catalog import pairing
from bench.host.pinning import cores
from bench.model import Artifact, Implementation, Stack, Unavailable
from bench.progress import Progress
from bench.serve import life_cycle
from tests import commands
from tests.absent import lacks
from tests.contract.wire import Server
from tests.declared import CATALOG

MAX_BYTES = 300_000
PLAIN: dict[Implementation, str] = {"cpython": "cpython", "pypy": "pypy"}  # the untouched source on each
LABELS = sorted({server.label for server in CATALOG.servers.values()})


def on_every_server(variant: str) -> list[Stack]:
    """A variant on each server that it can run on, frameworks in turn."""
    return [in_turn(turn, variant, label) for turn, label in enumerate(LABELS) if possible(variant, label)]


def partners(implementation: Implementation) -> list[Stack]:
    """Each server of an implementation and each of its variants at least once, taken in turn: not the product."""
    homes = {name: CATALOG.interpreters[each.interpreter] for name, each in CATALOG.variants.items()}
    variants = [name for name, home in homes.items() if home.implementation == implementation]
    labels = [label for label in LABELS if possible(variants[0], label)]
    turns = range(max(len(labels), len(variants)))
    pairs = [(turn, variants[turn % len(variants)], labels[turn % len(labels)]) for turn in turns]
    return [in_turn(*pair) for pair in pairs if possible(*pair[1:])]


def possible(variant: str, label: str) -> list[Stack]:
    """The variant on that server with each framework that it can run."""
    stacks = [Stack(variant=variant, framework=name, server=label) for name in CATALOG.frameworks]
    return [stack for stack in stacks if pairing.unsupported(CATALOG, stack) is None]


def tuned(variant: str) -> list[Stack]:
    """Each tuning that changes how HTTP is spoken on one server of each program that it is for."""
    found = {}
    for tuning in (each for each in CATALOG.tunings.values() if each.words):
        for server in (each for each in CATALOG.servers.values() if each.server in tuning.servers):
            stacks = possible(variant, f"{server.label}+{tuning.name}")
            if stacks and server.concurrency == 1:
                found[tuning.name, server.server] = stacks[0]
    return list(found.values())


def in_turn(turn: int, variant: str, label: str) -> Stack:
    """One of the possible stacks, another one the next time."""
    stacks = possible(variant, label)
    return stacks[turn % len(stacks)]


ON_EACH_SERVER = {peer.server: peer for peer in CATALOG.peers.values()}.values()
PEERS = [Stack(variant=peer.name) for peer in ON_EACH_SERVER]  # all of their cores are put to other tests
STACKS = [stack for implementation in PLAIN for stack in partners(implementation)] + tuned(PLAIN["cpython"])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Function]) -> None:
    """Where a server is declared to depart from a case of the contract, the case has to fail; and there is such a case.

    Raises UsageError naming the file and the departure that no case is called by, where all cases were collected.
    """
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)
    tried = (*CATALOG.servers.values(), *(pairing.server_for(CATALOG, stack) for stack in STACKS), *ON_EACH_SERVER)
    declared = {(server.name, case) for server in tried for case in server.departures}
    served = [item for item in items if isinstance(getattr(item, "callspec", None) and stack_of(item), Stack)]
    for item in served:
        server, case = pairing.server_for(CATALOG, stack_of(item)), case_of(item)
        if case in server.departures:
            declared.discard((server.name, case))
            reason = f"{server.departures[case]} If it does so no more, delete it from {server.name}.toml"
            item.add_marker(pytest.mark.xfail(reason=reason, raises=AssertionError, strict=True))
    if served and declared and not any("::" in argument for argument in config.args):
        told = ", ".join(f"{name}.toml: departures: {case!r}" for name, case in sorted(declared))
        raise pytest.UsageError(f"no case of the HTTP contract is called so: {told}")


def stack_of(item: pytest.Function) -> Stack | None:
    served = item.callspec.params.get("server")
    return served if isinstance(served, Stack) else None


def case_of(item: pytest.Function) -> str:
    """What a case is called whatever serves it, such as `unknown_paths[/nope]`."""
    stack = str(stack_of(item))
    parameters = item.callspec.id.removeprefix(stack).removesuffix(stack).strip("-")
    return item.originalname.removeprefix("test_") + (f"[{parameters}]" if parameters else "")


@pytest.fixture(scope="session")
def prepared() -> tuple[readiness.Built, list[Unavailable]]:
    """All variants and peers built and checked, and what is missing of them."""
    return readiness.prepare(CATALOG, (*CATALOG.variants, *CATALOG.peers), Progress(Console(quiet=True)))


def missing(unavailable: list[Unavailable], subject: str | Stack) -> NoReturn:
    """Leave out a variant or stack that cannot be had here; under CI, and where it should have worked, that fails."""
    parts = (subject.variant, subject.framework, subject.server) if isinstance(subject, Stack) else (subject,)
    unknown = Unavailable(what=str(subject), reason="it is not built")
    lacks(next((lack for lack in unavailable if lack.covers(*parts)), unknown))


@pytest.fixture(scope="session", params=list(CATALOG.variants))
def name(request: pytest.FixtureRequest, prepared: tuple[readiness.Built, list[Unavailable]]) -> str:
    """A variant that is built here."""
    artifacts, unavailable = prepared
    if request.param not in artifacts:
        missing(unavailable, request.param)
    return str(request.param)


@pytest.fixture(scope="session", params=[*STACKS, *PEERS], ids=str)
def server(
    request: pytest.FixtureRequest,
    prepared: tuple[readiness.Built, list[Unavailable]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """Each of the stacks, and a peer on each server of theirs, running."""
    stack: Stack = request.param
    artifacts, unavailable = prepared
    if stack.variant not in artifacts:
        missing(unavailable, stack.variant)
    built = artifacts[stack.variant]
    if isinstance(built, Artifact) and stack.label in built.lacks:
        missing(unavailable, stack)
    yield from served(stack, tmp_path_factory.mktemp("server") / "log")


def served(stack: Stack, log: Path) -> Iterator[Server]:
    """A real stack, told to take no document of more than `MAX_BYTES`."""
    with ExitStack() as until_served:
        with pytest.MonkeyPatch.context() as patch:  # for the start alone: other tests run while this one is served
            commands.alter(patch, lambda argv, env: (argv, env | {"STATEMENTS_MAX_BYTES": str(MAX_BYTES)}))
            running = until_served.enter_context(
                life_cycle.serving(CATALOG, stack, life_cycle.HELLO, log, cores().server)
            )
        proxy = not stack.is_peer and pairing.server_file(CATALOG, stack).proxy is not None
        yield Server(life_cycle.HOST, running.port, MAX_BYTES, stack.is_peer, proxy)
