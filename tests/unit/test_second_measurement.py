"""Only one process measures on a machine: a second one ends with a line that names the first. A second build waits."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from bench import store
from bench.build import variants
from bench.errors import LabError
from bench.fleet import worker
from bench.host import exclusive, machine
from bench.paths import ROOT
from tests.conftest import Main
from tests.declared import CATALOG
from tests.unit import fakes
from tests.unit.fakes import Bench


@pytest.fixture(autouse=True)
def own_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes.keep_sessions(monkeypatch, tmp_path)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def test_while_another_process_measures_nothing_is_built_or_measured(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "build", None)
    with another_measures() as holder, pytest.raises(LabError, match=f"^process {holder} measures on this machine"):
        bench.run()
    assert bench.measured == []
    assert store.sessions("trial") == []
    monkeypatch.setattr(variants, "build", bench.build)
    assert bench.run()[1].finished, "the lock ends with its process"


@pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")  # `main` is meant to
@pytest.mark.parametrize(
    "words", [("run", "quick"), ("repeat", "quick"), ("selftest",), ("sessions",), ("try", "a:b", "--documents", ".")]
)
def test_a_second_measurement_ends_with_a_line_that_names_the_first(main: Main, words: tuple[str, ...]) -> None:
    with another_measures() as holder:
        status, output, errors = main(*words)
    lock = exclusive.FOLDER / f"measuring-{machine.mark()}.lock"
    told = f"process {holder} measures on this machine and holds {lock}: wait until it ends, or stop it"
    assert (status, output, errors) == (2, "", f"bench: {told}\n")


@pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")  # `main` is meant to
@pytest.mark.parametrize("words", [("plan", "quick"), ("list",)])
def test_what_does_not_measure_goes_on_beside_a_measurement(main: Main, words: tuple[str, ...]) -> None:
    with another_measures():
        assert main(*words)[0] == 0


def test_a_worker_measures_no_block_beside_a_measurement(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(worker, "FLEET", tmp_path)
    with another_measures() as holder, pytest.raises(LabError, match=f"^process {holder} measures on this machine"):
        worker.measure_block(CATALOG, "micro", 0, [], None)
    assert worker.measure_block(CATALOG, "micro", 0, [], None).runs == ()


def test_a_second_build_waits_until_the_first_ends() -> None:
    said: list[str] = []
    with another("exclusive.building(print)") as holder:
        build = threading.Thread(target=lambda: build_and_say(said))
        build.start()
        wait_until(lambda: said != [])
        assert said == [f"waiting for process {holder}, which builds here"]
    build.join(30)
    assert said[1:] == ["built"]
    build_and_say(said)
    assert said[2:] == ["built"], "nobody holds the lock now"


def build_and_say(said: list[str]) -> None:
    with exclusive.building(said.append):
        said.append("built")


def wait_until(over: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not over() and time.monotonic() < deadline:
        time.sleep(0.01)


def another_measures() -> AbstractContextManager[int]:
    """Another process measures during the block."""
    return another("exclusive.measuring()")


@contextmanager
def another(lock: str) -> Iterator[int]:
    """Another process holds a lock during the block. Yields its process id."""
    program = (
        "import sys; from pathlib import Path; from bench.host import exclusive; exclusive.FOLDER = Path(sys.argv[1])\n"
        f"with {lock}: print('held', flush=True); sys.stdin.read()"
    )
    argv = [sys.executable, "-c", program, str(exclusive.FOLDER)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        try:
            yield process.pid
        finally:
            process.kill()
