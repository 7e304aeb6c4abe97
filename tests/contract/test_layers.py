"""What is switched off is absent: without layers, a request calls in the measured process what the framework calls."""

import json
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from rich.console import Console

from bench.build import artifacts, beside
from bench.measure.instruments import layers
from bench.paths import SUBJECT
from bench.progress import Progress
from bench.readiness import building
from tests.absent import lacks
from tests.declared import CATALOG

VARIANTS = ("cpython", "cython")
FRAMEWORKS = [name for name, each in CATALOG.frameworks.items() if each.interface != "rsgi"]
OWN = [name for name, each in CATALOG.layerings.items() if each.layers]
CALLS = str(Path(__file__).with_name("calls.py"))
STARTED = "asking.py:start_response"  # a layer may hold an answer back until it is whole
SECONDS = 60  # of a process


def calls(name: str, framework: str, layering: str, folder: Path, *words: str, workload: str = "medium") -> list[str]:
    """The functions that a request calls in a process of a variant, through a layering."""
    declared, variant, asked = CATALOG.layerings[layering], CATALOG.variant(name), CATALOG.workloads[workload]
    needed = (CATALOG.frameworks[framework].requirements, layers.packages(CATALOG, declared, name))
    for packages in needed:
        beside.provide(name, packages)
    own = folder / f"{layering}{len(words)}"
    own.mkdir()
    env = artifacts.environment(CATALOG, variant) | layers.prepared(declared, asked, own)
    env |= {"STATEMENTS_FRAMEWORK": CATALOG.frameworks[framework].module, "STATEMENTS_WAIT": layers.WAIT}
    env["PYTHONPATH"] = ":".join(str(beside.folder(name, packages)) for packages in needed if packages)
    argv = [str(artifacts.python(name)), CALLS, str(SUBJECT / "asking.py"), str(own / "request.json"), *words]
    done = subprocess.run(argv, cwd=own, env=env, capture_output=True, text=True, check=True, timeout=SECONDS)
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    """A built variant; it needs no server."""
    name: str = request.param
    made, unavailable = building.build_all(CATALOG, [name], Progress(Console(quiet=True)), ())
    if name not in made:
        lacks(unavailable[0])
    return name


@pytest.fixture(scope="module")
def alone(variant: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[str]]:
    """What a request to a framework calls without layers; asked once for each."""

    @cache
    def found(framework: str) -> list[str]:
        return calls(variant, framework, "none", tmp_path_factory.mktemp("alone"))

    return found


@pytest.mark.parametrize("workload", ["medium", "hello"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_without_layers_a_request_calls_only_what_the_framework_calls(
    variant: str, framework: str, workload: str, tmp_path: Path
) -> None:
    served = calls(variant, framework, "none", tmp_path, workload=workload)
    assert served == calls(variant, framework, "none", tmp_path, "--alone", workload=workload)
    assert not [each for each in served if each.startswith(("layers.py", "context.py", "identity.py"))]


@pytest.mark.parametrize("layering", OWN)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_request_through_a_layering_calls_its_layers_and_then_the_same(
    variant: str, alone: Callable[[str], list[str]], framework: str, layering: str, tmp_path: Path
) -> None:
    own, through = alone(framework), calls(variant, framework, layering, tmp_path)
    assert len(through) > len(own)
    for layer in CATALOG.layerings[layering].layers:
        assert [each for each in through if each.startswith(f"{layer}.py")]
    remaining = iter(through)
    assert all(each in remaining for each in own if each != STARTED), (
        "the layer stands around the service, and changes nothing in it"
    )
