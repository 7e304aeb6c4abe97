"""A fleet of network namespaces, one per machine: one machine is killed during the study, one generates the load."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bench import store
from bench.errors import MissingError
from bench.fleet.worker import FLEET
from bench.measure.instruments import gatling_setup, pacer
from bench.model import MacroPlan, MicroPlan, Study
from bench.paths import ROOT
from bench.progress import Progress
from bench.readiness import building
from tests import whole_machine
from tests.absent import absent, expect_none
from tests.declared import CATALOG
from tests.e2e.tiny import TINY, command

pytestmark = [pytest.mark.slow, pytest.mark.long]
SCHEDULER = "10.77.0.1:8786"
SHARED = msgspec.structs.replace(TINY, aa=True, micro=MicroPlan(processes=8, values=3))
LOADED = msgspec.structs.replace(TINY, macro=MacroPlan(loads=("closed",), runs=1))


class Machine:
    """A network namespace with its own address and machine-id, and the processes that run in it."""

    def __init__(self, name: str, address: str, ends: ExitStack) -> None:
        self.name, self.address, self._ends = f"lab{os.getpid()}{name}", address, ends
        identity = Path("/etc/netns", self.name, "machine-id")  # `ip netns exec` mounts it over the one in /etc
        identity.parent.mkdir(parents=True)
        ends.callback(identity.parent.rmdir)
        identity.write_text(f"{name * 32}"[:32])
        ends.callback(identity.unlink)
        ip("netns", "add", self.name)
        ends.callback(ip, "netns", "del", self.name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *words: str) -> None:
        ip("-n", self.name, *words)

    def start(self, *argv: str) -> subprocess.Popen[str]:
        command = ["ip", "netns", "exec", self.name, sys.executable, *argv]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._ends.callback(end, process)
        return process

    def mark(self) -> str:
        output, _ = self.start("-c", "from bench.host import machine; print(machine.mark())").communicate()
        return output.strip()


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


@contextmanager
def network(names: str) -> Iterator[dict[str, Machine]]:
    """One machine per letter, and `hub`, which has the bridge between them and runs the scheduler."""
    with whole_machine.held(), ExitStack() as ends:
        try:
            hub = Machine("hub", SCHEDULER.partition(":")[0], ends)
            hub.ip("link", "add", "br0", "type", "bridge")
            hub.ip("addr", "add", f"{hub.address}/24", "dev", "br0")
            hub.ip("link", "set", "br0", "up")
            machines = {"hub": hub}
            for number, name in enumerate(names, start=11):
                machines[name] = machine = Machine(name, f"10.77.0.{number}", ends)
                hub.ip("link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", machine.name)
                hub.ip("link", "set", f"to-{name}", "master", "br0", "up")
                machine.ip("addr", "add", f"{machine.address}/24", "dev", "eth0")
                machine.ip("link", "set", "eth0", "up")
        except (OSError, subprocess.CalledProcessError) as error:
            absent(f"no network namespaces ({error}): they require root and iproute2", "apt-get install iproute2")
        hub.start("-m", "dask", "scheduler", "--host", SCHEDULER, "--no-dashboard")
        yield machines


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Builds once what the machines require, because they share this checkout and have no network but their own."""
    artifacts, unavailable = building.prepare(CATALOG, ["cpython"], Progress(Console(quiet=True)))
    if not artifacts:
        expect_none(unavailable)
    try:
        pacer.provision()
        gatling_setup.provision()
    except MissingError as missing:
        absent(str(missing), missing.remedy)


def run(hub: Machine, study: Study, results: Path, *options: str) -> subprocess.Popen[str]:
    return hub.start(*command(study, results, "--scheduler", SCHEDULER, *options))


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def workers(machine: Machine, count: int) -> None:
    """Wait until `count` workers are connected, because a run uses only those that it finds."""
    program = f"from distributed import Client; Client('{SCHEDULER}').wait_for_workers({count}, timeout=60)"
    waiting = machine.start("-c", program)
    assert waiting.wait(90) == 0, waiting.communicate()


def test_a_study_is_complete_even_if_a_machine_is_killed(tmp_path: Path) -> None:
    with network("abc") as machines:
        hub = machines.pop("hub")
        working = {name: each.start("-m", "bench", "worker", SCHEDULER) for name, each in machines.items()}
        marks = {name: machine.mark() for name, machine in machines.items()}
        workers(hub, 3)
        study = run(hub, SHARED, tmp_path)
        wait_for(lambda: any((FLEET / marks["b"]).glob("*/micro-*/*.json")), study)
        working["b"].send_signal(signal.SIGKILL)
        output, errors = study.communicate(timeout=240)
        assert study.returncode == 0, output + errors
    ((folder, session),) = store.sessions("tiny", tmp_path)
    runs = store.runs(folder)
    assert session.finished
    assert [each.reason for each in runs if each.verdict != "pass"] == []
    blocks = {block: [each for each in runs if each.block == block] for block in range(8)}
    assert all(sorted(each.case.aa for each in block) == [False, True] for block in blocks.values())
    assert all(len({each.machine for each in block}) == 1 for block in blocks.values()), "each block ran on one machine"
    assert {each.machine for each in runs} >= {marks["a"], marks["c"]}
    assert len(runs) == 16
    assert all((folder / raw).is_file() for each in runs for raw in each.raw), "the tools' outputs were returned"


def test_load_from_another_machine_requires_permission_and_uses_a_private_address(tmp_path: Path) -> None:
    with network("ag") as machines:
        machines["a"].start("-m", "bench", "worker", SCHEDULER)
        machines["g"].start("-m", "bench", "worker", SCHEDULER, "--generator")
        workers(machines["hub"], 2)
        refused = run(machines["hub"], LOADED, tmp_path)
        _, errors = refused.communicate(timeout=120)
        assert (refused.returncode, "--allow-remote-load" in errors) == (2, True), errors
        study = run(machines["hub"], LOADED, tmp_path, "--allow-remote-load", "--json")
        output, errors = study.communicate(timeout=240)
        assert study.returncode == 0, output + errors
    assert json.loads(output)["unavailable"] == []
    ((folder, session),) = store.sessions("tiny", tmp_path)
    (made,) = (each for each in store.runs(folder) if each.case.instrument == "macro")
    assert (session.finished is not None, made.verdict, made.reason) == (True, "pass", None)
    assert made.case.inputs["generator"] == session.machine["fingerprint"], "both are the same machine"
    (log,) = (raw for raw in made.raw if raw.endswith(".log"))
    assert f"http://{machines['a'].address}:" in (folder / log).read_text()
    (kept,) = (raw for raw in made.raw if raw.endswith(".gatling"))
    assert (folder / kept / "simulation.log").is_file()
    (cpu,), (rate,) = made.values("cpu"), made.values("rate") or made.values("reached")
    assert 0 < cpu * rate <= 1.05, "server CPU and rate refer to the same span of time"
