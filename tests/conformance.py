"""schemathesis against what is served: requests made from the service's own OpenAPI document, valid and invalid ones.

It checks statuses, media types, headers and bodies of the answers. What a stack answers otherwise stands in DEPARTURES.
Packages are installed from `bench/locks/contracts.txt` into `.lab/tools/contracts`.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.catalog import pairing
from bench.errors import LabError
from bench.host.pinning import cores
from bench.model import Stack
from bench.paths import ROOT
from bench.serve import http_client, life_cycle
from tests import commands, tools
from tests.declared import CATALOG

BRIEF, LONG = 30, 100  # examples for each operation
RUN_SECONDS = 300
SETTINGS, HOOKS = ROOT / "tests/schemathesis.toml", ROOT / "tests/schemathesis_hooks.py"


class Broken(NamedTuple):
    """A promise that an operation breaks; `failure` is schemathesis' name of the kind."""

    operation: str
    failure: str


class Report(NamedTuple):
    """What a run found. `said` has a curl command for each broken promise."""

    broken: frozenset[Broken]
    cases: int
    seconds: float
    said: str


class Departure(NamedTuple):
    """Why all stacks with `part`, a server, framework, peer or layer, break a promise. It must occur."""

    part: str
    failure: str
    operations: tuple[str, ...]
    reason: str


DEPARTURES = (
    Departure(
        "wheezy-web",
        "JsonSchemaError",
        ("GET /wait", "POST /statements"),
        "wheezy.http sends `Cache-Control: private` with each answer.",
    ),
    Departure(
        "events",
        "MissingHeaders",
        ("GET /statements/{id}", "GET /statements/{id}/customers", "GET /statements/{id}/customers/{customer}"),
        "A path that cannot be a statement's gets the framework's 404, without `Cache-Control: no-store`.",
    ),
)


class Subject(NamedTuple):
    """A stack, within layers."""

    stack: Stack
    layers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " within ".join(filter(None, (str(self.stack), " ".join(self.layers))))

    def declared(self) -> set[Broken]:
        """The promises that it is declared to break."""
        parts = {self.stack.variant, self.stack.framework, self.stack.label, *self.layers}
        found = [each for each in DEPARTURES if each.part in parts]
        return {Broken(operation, each.failure) for each in found for operation in each.operations}


def of(variant: str, framework: str = "", server: str = "", *layers: str) -> Subject:
    return Subject(Stack(variant=variant, framework=framework, server=server), layers)


SERVERS = ("bjoern", "gunicorn-sync", "uwsgi-threads", "waitress", "uvicorn-httptools", "granian-asgi", "granian-rsgi")
PEERS = [of("node-ordinary"), of("spring-jetty-ordinary"), of("spring-tomcat-ordinary")]
LAYERED = of("cpython", "falcon", "gunicorn-gthread+events", "request_id", "health", "hal", "events")
EACH_FRAMEWORK = [
    of("cpython", "bare", "bjoern"),
    of("cpython", "falcon", "gunicorn-sync"),
    of("cpython", "flask-restful", "waitress"),
    of("cpython", "wheezy-web", "uwsgi-threads"),
    of("cpython", "falcon-asgi", "uvicorn-httptools"),
    of("cpython", "bare-rsgi", "granian-rsgi"),
]


def every_pair() -> list[Subject]:
    """Each framework on each server that supports it, and what else is tested."""
    pairs = [of("cpython", framework, server) for server in SERVERS for framework in CATALOG.frameworks]
    return [*(each for each in pairs if pairing.unsupported(CATALOG, each.stack) is None), *PEERS, LAYERED]


@contextmanager
def served(subject: Subject, log: Path) -> Iterator[str]:
    """The address of a subject that is built. A layer's broker is that of the server's tuning."""
    layers = {"STATEMENTS_LAYERS": " ".join(subject.layers)}
    with ExitStack() as life:
        with pytest.MonkeyPatch.context() as patch:
            commands.alter(patch, lambda argv, env: (argv, env | layers))
            running = life.enter_context(
                life_cycle.serving(CATALOG, subject.stack, http_client.HELLO, log, cores().server)
            )
        yield running.url


def checked(address: str, examples: int, folder: Path) -> Report:
    """Run schemathesis against an address; `folder` gets its files."""
    file = folder / "report.json"
    argv = [str(tools.python("contracts").with_name("schemathesis")), "--config-file", str(SETTINGS), "run"]
    argv += [f"{address}/openapi.json", "--max-examples", str(examples), "--report-json-path", str(file)]
    env = {"SCHEMATHESIS_HOOKS": str(HOOKS)}
    done = subprocess.run(
        argv,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=RUN_SECONDS,
    )
    if done.returncode not in {0, 1}:
        raise LabError(f"schemathesis ended with status {done.returncode}: {done.stdout}")
    return read(json.loads(file.read_bytes()), done.stdout)


def read(report: Mapping[str, Any], said: str) -> Report:
    """What a report says. Raises LabError if the run was not whole."""
    operations = report["operations"]
    if report["errors"] or operations["tested"] != operations["total"]:
        raise LabError(f"schemathesis tested {operations['tested']} of {operations['total']} operations: {said}")
    broken = {
        Broken(operation, failure["type"]) for failure in report["failures"] for operation in failure["operations"]
    }
    return Report(frozenset(broken), report["test_cases"]["generated"], report["running_time"], said)
