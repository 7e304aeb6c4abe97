"""The subjects of the contract tests: every built variant, and the service of each variant on some server."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest
from rich.console import Console

from bench.catalog import pairing
from bench.host.pinning import cores
from bench.model import Artifact, Implementation, Stack, Unavailable
from bench.progress import Progress
from bench.readiness import building
from bench.serve import http_client, life_cycle
from tests import commands
from tests.absent import lacks
from tests.contract.wire import Server
from tests.declared import CATALOG

MAX_BYTES = 300_000
DEPLOYMENT = "v42"
PLAIN: dict[Implementation, str] = {"cpython": "cpython", "pypy": "pypy"}  # the reference core on each
LABELS = sorted({server.label for server in CATALOG.servers.values()})


def on_every_server(variant: str) -> list[Stack]:
    """A variant on each server that supports it, with alternating frameworks."""
    return [in_turn(turn, variant, label) for turn, label in enumerate(LABELS) if possible(variant, label)]


def partners(implementation: Implementation) -> list[Stack]:
    """Pairs of an implementation's variants and servers, each at least once; not the full product."""
    homes = {name: CATALOG.interpreters[each.interpreter] for name, each in CATALOG.variants.items()}
    variants = [name for name, home in homes.items() if home.implementation == implementation]
    labels = [label for label in LABELS if possible(variants[0], label)]
    turns = range(max(len(labels), len(variants)))
    pairs = [(turn, variants[turn % len(variants)], labels[turn % len(labels)]) for turn in turns]
    return [in_turn(*pair) for pair in pairs if possible(*pair[1:])]


def possible(variant: str, label: str) -> list[Stack]:
    """The supported stacks of a variant on a server, one per framework."""
    stacks = [Stack(variant=variant, framework=name, server=label) for name in CATALOG.frameworks]
    return [stack for stack in stacks if pairing.unsupported(CATALOG, stack) is None]


def tuned(variant: str) -> list[Stack]:
    """Each tuning that changes HTTP behaviour, on one server of each program that it applies to.

    `drain` changes how servers end (`test_draining.py`).
    """
    found = {}
    for tuning in (each for each in CATALOG.tunings.values() if each.words and each.name != "drain"):
        for server in (each for each in CATALOG.servers.values() if each.server in tuning.servers):
            stacks = possible(variant, f"{server.label}+{tuning.name}")
            if stacks and server.concurrency == 1:
                found[tuning.name, server.server] = stacks[0]
    return list(found.values())


def in_turn(turn: int, variant: str, label: str) -> Stack:
    """One of the supported stacks, depending on `turn`."""
    stacks = possible(variant, label)
    return stacks[turn % len(stacks)]


ON_EACH_SERVER = {peer.server: peer for peer in CATALOG.peers.values()}.values()
PEERS = [Stack(variant=peer.name) for peer in ON_EACH_SERVER]  # other tests cover all cores of the peers
STACKS = [stack for implementation in PLAIN for stack in partners(implementation)] + tuned(PLAIN["cpython"])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Function]) -> None:
    """Expect the cases that a server's `departures` name to fail.

    Raises UsageError for a departure that names no case, if all cases were collected.
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
            reason = f"{server.departures[case]} If this case passes now, delete the departure from {server.name}.toml"
            item.add_marker(pytest.mark.xfail(reason=reason, raises=AssertionError, strict=True))
    if served and declared and not any("::" in argument for argument in config.args):
        unknown = ", ".join(f"{name}.toml: departures: {case!r}" for name, case in sorted(declared))
        raise pytest.UsageError(f"departures that name no case of the HTTP contract: {unknown}")


def stack_of(item: pytest.Function) -> Stack | None:
    served = item.callspec.params.get("server")
    return served if isinstance(served, Stack) else None


def case_of(item: pytest.Function) -> str:
    """Return the name of a case without its stack, such as `unknown_paths[/nope]`."""
    stack = str(stack_of(item))
    parameters = item.callspec.id.removeprefix(stack).removesuffix(stack).strip("-")
    return item.originalname.removeprefix("test_") + (f"[{parameters}]" if parameters else "")


@pytest.fixture(scope="session")
def prepared(request: pytest.FixtureRequest) -> tuple[building.Built, list[Unavailable]]:
    """The variants and peers of the selected tests, built and checked, and the unavailable ones."""
    return building.prepare(CATALOG, subjects(request.session.items), Progress(Console(quiet=True)))


def subjects(items: Iterable[pytest.Item]) -> list[str]:
    """The variants and peers that the tests need: all, if a test names none."""
    found = set()
    for item in items:
        if "prepared" in getattr(item, "fixturenames", ()):
            given = item.callspec.params if hasattr(item, "callspec") else {}
            stack = next((each for each in given.values() if isinstance(each, Stack)), None)
            found.add(stack.variant if stack else given.get("name"))
    return [name for name in (*CATALOG.variants, *CATALOG.peers) if None in found or name in found]


def missing(unavailable: list[Unavailable], subject: str | Stack) -> NoReturn:
    """Skip the test of an unavailable variant or stack. In CI, and if it should have worked, the test fails."""
    parts = (subject.variant, subject.framework, subject.server) if isinstance(subject, Stack) else (subject,)
    unknown = Unavailable(what=str(subject), reason="it is not built")
    lacks(next((lack for lack in unavailable if lack.covers(*parts)), unknown))


def require_built(prepared: tuple[building.Built, list[Unavailable]], stack: Stack) -> None:
    """Skip the test of a stack that is not built, or whose server its artifact lacks."""
    built = prepared[0].get(stack.variant)
    if not isinstance(built, Artifact) or stack.label in built.lacks:
        missing(prepared[1], stack)


@pytest.fixture(scope="session", params=list(CATALOG.variants))
def name(request: pytest.FixtureRequest, prepared: tuple[building.Built, list[Unavailable]]) -> str:
    """A variant that is built."""
    artifacts, unavailable = prepared
    if request.param not in artifacts:
        missing(unavailable, request.param)
    return str(request.param)


@pytest.fixture(scope="session", params=[*STACKS, *PEERS], ids=str)
def server(
    request: pytest.FixtureRequest,
    prepared: tuple[building.Built, list[Unavailable]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """Each stack, and a peer on each of the peers' servers, running."""
    stack: Stack = request.param
    artifacts, unavailable = prepared
    if stack.variant not in artifacts:
        missing(unavailable, stack.variant)
    built = artifacts[stack.variant]
    if isinstance(built, Artifact) and stack.label in built.lacks:
        missing(unavailable, stack)
    yield from served(stack, tmp_path_factory.mktemp("server") / "log")


def served(stack: Stack, log: Path) -> Iterator[Server]:
    """Serve a real stack that accepts documents of at most `MAX_BYTES`, as the deployment `DEPLOYMENT`."""
    with ExitStack() as until_served:
        with pytest.MonkeyPatch.context() as patch:  # only during the start: other tests run while this one is served
            given = {"STATEMENTS_MAX_BYTES": str(MAX_BYTES), "DEPLOYMENT_VERSION": DEPLOYMENT}
            commands.alter(patch, lambda argv, env: (argv, env | given))
            running = until_served.enter_context(
                life_cycle.serving(CATALOG, stack, http_client.HELLO, log, cores().server)
            )
        proxy = not stack.is_peer and pairing.server_file(CATALOG, stack).proxy is not None
        yield Server(life_cycle.HOST, running.port, MAX_BYTES, stack.is_peer, proxy)
