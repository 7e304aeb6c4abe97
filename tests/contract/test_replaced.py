"""Servers that are replaced for real: by themselves, by a successor, by another process, and behind a proxy."""

from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from bench.errors import LabError, MissingError
from bench.measure.instruments import replaced
from bench.measure.instruments.clients import LOSSES
from bench.model import Observed, ReplacedCase, Stack, Unavailable
from bench.provision import system
from bench.readiness import building
from tests.absent import absent
from tests.contract.test_operating import require_built
from tests.declared import CATALOG

pytestmark = pytest.mark.long

STUDY = CATALOG.studies["replacements"]
TIMES = 2
WAYS = [  # and whether connections are kept
    ("gunicorn-gthread", "sighup", True),
    ("gunicorn-sync", "sigusr2", False),
    ("uwsgi-processes", "sighup", False),
    ("uwsgi-processes", "chain-reload", False),
    ("bjoern", "one-port-drain-layer", True),
    ("hypercorn", "behind-nginx", True),
    ("waitress", "stop-and-start", True),
]
OLD_GOES_ON = {"sigusr2"}  # beside a bad version


def stack_on(server: str) -> Stack:
    return Stack(variant="cpython", framework=STUDY.frameworks_on(server)[0], server=server)


def case(stack: Stack, way: str, kept: bool) -> ReplacedCase:
    return ReplacedCase(stack=stack, workload="hello", way=way, kept=kept, clients=4, pace=50.0, times=TIMES)


@pytest.fixture(autouse=True)
def able(request: pytest.FixtureRequest, prepared: tuple[building.Built, list[Unavailable]]) -> None:
    require_built(request.getfixturevalue("stack"), prepared)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "replaced-0" / "case"
    path.parent.mkdir()
    return path


def values(found: Observed) -> dict[str, float]:
    return {each.metric: each.values[0] for each in found.measurements}


@pytest.mark.parametrize(("stack", "way", "kept"), [(stack_on(server), *rest) for server, *rest in WAYS])
def test_each_version_comes_to_answer_alone(stack: Stack, way: str, kept: bool, output: Path) -> None:
    proxy = CATALOG.replacements[way].proxy
    try:
        system.require(proxy.needs if proxy else ())
    except MissingError as error:
        absent(str(error), error.remedy)
    observed = replaced.observe(CATALOG, case(stack, way, kept), output)
    found = values(observed)
    lost = sum(found[f"lost.{loss}"] for loss in LOSSES)
    assert len(observed.values("switched")) == TIMES
    assert 0 <= lost < found["asked"]
    if way == "stop-and-start":
        assert found["lost.refused"] > 0
    assert min(found["cpu"], found["longest"], found["memory.before"], found["memory.after"]) > 0
    assert output.with_suffix(".lost.json").read_bytes().count(b"[") == lost + 1

    if not kept:
        for bad in ("broken", "wrong"):
            assert (found[f"{bad}.rate"] > 0) == (way in OLD_GOES_ON)
            assert found[f"{bad}.back"] > 0
    assert not psutil.Process().children()


@pytest.mark.parametrize("stack", [stack_on("gunicorn-sync")])
def test_a_version_that_never_answers_is_an_error(stack: Stack, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gunicorn's master loads the application once with `--preload`: its new workers have the old version."""
    monkeypatch.setattr(replaced, "PATIENCE_SECONDS", 2.0)
    way = replace(CATALOG.replacements["sighup"], words={"gunicorn": ("gunicorn", "--preload")})
    preloaded = replace(CATALOG, replacements={"sighup": way})
    with pytest.raises(LabError, match=r"^version 2 does not answer alone 2 s after its replacement began$"):
        replaced.observe(preloaded, case(stack, "sighup", kept=False), output)
