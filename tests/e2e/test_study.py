"""A study as it is run, with real processes and real load, interrupted and resumed; and a stall that has to show."""

import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import msgspec
import psutil
import pytest

from bench import store
from bench.host.pinning import cores
from bench.measure.instruments import gatling
from bench.model import InstructionsPlan, Load, MacroPlan, MicroPlan, Run, Segment, Stack, StartupPlan
from bench.paths import ROOT
from bench.serve.http_client import HELLO
from bench.serve.life_cycle import serving
from tests.absent import expect_none
from tests.declared import CATALOG
from tests.e2e.tiny import TINY, command

pytestmark = [pytest.mark.slow, pytest.mark.long]
STACK = Stack(variant="cpython", framework="falcon", server="gunicorn-sync")
WHOLE = msgspec.structs.replace(
    TINY,
    sizes=True,
    instructions=InstructionsPlan(runs=2, documents=2),
    micro=MicroPlan(processes=2, values=2),
    startup=StartupPlan(spawns=2, server="gunicorn-sync"),
    macro=MacroPlan(loads=("closed",), runs=1),
)


@contextmanager
def run(results: Path) -> Iterator[subprocess.Popen[str]]:
    """The study in the background; ended with the block."""
    argv = [sys.executable, *command(WHOLE, results)]
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def runs_in(results: Path) -> list[Path]:
    """The records of runs, of whole blocks and of broken ones."""
    return [path for path in results.glob("tiny/*/*/*.json") if len(path.name) == len("0123456789abcdef.json")]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Results of a run that Ctrl-C ended after its first measurements, and what it said."""
    results = tmp_path_factory.mktemp("results")
    with run(results) as started:
        while len(runs_in(results)) < 2 and started.poll() is None:
            time.sleep(0.05)
        started.send_signal(signal.SIGINT)
        _, errors = started.communicate(timeout=60)
    assert started.returncode == 130, errors
    return results, errors


@pytest.fixture(scope="module")
def finished(interrupted: tuple[Path, str]) -> tuple[Path, str]:
    """The same results after the next run, and what that printed."""
    results, _ = interrupted
    with run(results) as started:
        output, errors = started.communicate(timeout=300)
    ((_, session),) = store.sessions("tiny", results)
    expect_none(session.unavailable)
    assert started.returncode == 0, output + errors
    return results, output


def test_ctrl_c_loses_nothing(interrupted: tuple[Path, str]) -> None:
    results, errors = interrupted
    assert errors.rstrip().endswith("interrupted: results so far are saved; run the same command to continue")
    ((_, session),) = store.sessions("tiny", results)
    assert session.finished is None
    assert len(runs_in(results)) >= 2


def test_the_next_run_goes_on_to_an_answer_and_a_report(finished: tuple[Path, str]) -> None:
    results, output = finished
    ((folder, session),) = store.sessions("tiny", results)
    assert session.finished
    made = store.runs(folder)
    assert [each.reason for each in made if each.verdict != "pass"] == []
    counted = Counter(each.case.instrument for each in made)
    assert counted == {"size": 1, "instructions": 2, "micro": 2, "startup": 2, "macro": 1, "null": 1}
    assert WHOLE.question in output
    assert "report.html" in output
    assert "<svg" in (folder / "report.html").read_text()


def test_a_finished_study_is_shown_and_not_measured(finished: tuple[Path, str]) -> None:
    results, _ = finished
    before = {path: path.stat().st_mtime_ns for path in runs_in(results)}
    with run(results) as started:
        started.communicate(timeout=60)
    assert started.returncode == 0
    assert {path: path.stat().st_mtime_ns for path in runs_in(results)} == before


def test_each_instrument_measured_what_it_should(finished: tuple[Path, str]) -> None:
    results, _ = finished
    ((folder, _),) = store.sessions("tiny", results)
    by_name: dict[str, Run] = {each.case.instrument: each for each in store.runs(folder)}
    assert len(by_name["micro"].values("time")) == 2
    assert by_name["size"].values("interpreter.unpacked")[0] > 2**20
    assert by_name["startup"].values("ready")[0] > 0
    for metric in ("cpu", "generator_cpu", "memory.idle", "memory.loaded"):
        assert by_name["macro"].values(metric)[0] > 0
    for each in (by_name["micro"], by_name["startup"], by_name["macro"]):
        assert each.facts["variant"] == "cpython"
        assert each.facts["commit"]
        assert all((folder / raw).exists() for raw in each.raw)


def test_instructions_are_the_same_in_each_process(finished: tuple[Path, str]) -> None:
    results, _ = finished
    ((folder, _),) = store.sessions("tiny", results)
    first, second = (run for run in store.runs(folder) if run.case.instrument == "instructions")
    assert first.values("instructions")[-1] == pytest.approx(second.values("instructions")[-1], rel=1e-3)
    assert first.facts["implementation"] == "cpython"
    assert (folder / first.raw[0]).read_text().startswith("# callgrind format")


def test_what_is_kept_names_no_host_and_no_place(finished: tuple[Path, str]) -> None:
    results, _ = finished
    secrets = [str(ROOT).encode(), f'"{socket.gethostname()}"'.encode(), str(Path.home()).encode() + b"/"]
    for path in results.rglob("*"):
        if path.is_file():
            text = path.read_bytes()
            assert not [secret for secret in secrets if secret in text], path


def test_a_server_that_stands_still_shows_in_the_latency(tmp_path: Path) -> None:
    """An open load keeps its plan while the server is stopped for two seconds; whoever came then has waited."""
    load = Load(name="even", title="Even", model="open", segments=(Segment(start=1.0, end=1.0, seconds=8),))
    output = tmp_path / "run.gatling"

    def stand_still(server: psutil.Process) -> None:
        while not list(tmp_path.rglob("simulation.log")):
            time.sleep(0.05)
        time.sleep(load.lead_in_seconds + 3)
        tree = [server, *server.children(recursive=True)]
        for process in tree:
            process.suspend()
        time.sleep(2)
        for process in tree:
            process.resume()

    with serving(CATALOG, STACK, HELLO, tmp_path / "server.log", cores().server) as running:
        thread = Thread(target=stand_still, args=(running.process,))
        thread.start()
        outcome = gatling.run(
            load,
            CATALOG.workloads["hello"],
            running.url,
            output=output,
            cpus=cores().generator,
            documents=None,
            rate=150.0,
        )
        thread.join()
    assert outcome.failed == 0
    assert outcome.requests == pytest.approx(8 * 150, abs=5), "none was left out because the server did not answer"
    assert outcome.longest is not None
    assert outcome.longest.ms >= 1900
    assert outcome.latencies["p99"].ms >= 1500, "of 8 seconds' requests, a quarter came while it stood still"
