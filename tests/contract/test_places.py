"""Stacks in containers: the whole contract, figures of the container, and a machine that is the same afterwards."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from bench import verify
from bench.build import fronts, images
from bench.errors import LabError, MissingError
from bench.host.cgroup import group
from bench.host.pinning import cores
from bench.model import Stack
from bench.paths import ROOT
from bench.progress import Progress
from bench.provision import engine, system
from bench.readiness import building
from bench.serve import container, http_client, life_cycle
from bench.serve.ports import free_port
from tests import whole_machine
from tests.absent import absent
from tests.declared import CATALOG

pytestmark = pytest.mark.long

SERVERS = ("bjoern", "gunicorn-sync", "uwsgi-processes")
STACKS = [
    Stack(variant="cython", framework="falcon", server=f"{server}@{place}")
    for server, place in (*((server, "podman") for server in SERVERS), ("bjoern", "podman-no-seccomp"))
]
ELSEWHERE = [  # each with needs of its own
    Stack(variant="cython", framework="falcon", server=f"bjoern@{place}")
    for place in ("podman-bridge", "docker", "gvisor")
]
READY_SECONDS = 30.0
ENGINES = {"catatonit", "conmon", "containerd", "containerd-shim-runc-v2", "dockerd", "podman", "runc", "runsc"}
USUAL = (  # folders in which engines keep their state
    "/etc/docker",
    "/run/containerd",
    "/run/containers",
    "/run/docker",
    "/run/netns",
    "/run/libpod",
    "/run/runc",
    "/run/runsc",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
)


def state() -> dict[str, object]:
    """What containers change on a machine. Ended processes that its init has not reaped yet do not count."""
    named = [each.info for each in psutil.process_iter(["pid", "name", "status"]) if each.info["name"] in ENGINES]
    return {
        "cgroups": sorted(path for path, _, _ in os.walk("/sys/fs/cgroup") if not other(Path(path))),
        "mounts": Path("/proc/self/mounts").read_text().splitlines(),
        "rules": rules(),
        "forwarding": Path("/proc/sys/net/ipv4/ip_forward").read_text(),
        "links": sorted(path.name for path in Path("/sys/class/net").iterdir()),
        "processes": [(each["pid"], each["name"]) for each in named if each["status"] != psutil.STATUS_ZOMBIE],
        "folders": [path for path in USUAL if Path(path).exists()],
    }


def rules() -> str:
    """The rules of the machine's firewall, without the counters of their packets."""
    if not shutil.which("nft"):
        return ""
    return subprocess.run(["nft", "--stateless", "list", "ruleset"], capture_output=True, text=True, check=True).stdout


def other(folder: Path) -> bool:
    """Whether a control group belongs to another lab, which runs at the same time."""
    owners = {int(part.split("-")[1]) for part in folder.parts if re.fullmatch(r"bench-\d+-\d+", part)}
    return any(owner != os.getpid() and psutil.pid_exists(owner) for owner in owners)


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """The images of the stacks; the tests are skipped if this machine cannot run them."""
    try:
        engine.require()
        building.build_all(CATALOG, ["cython"], Progress(), SERVERS)
        for stack in STACKS:
            container.image(CATALOG, stack.on_host)
            container.try_out(CATALOG, stack)
    except MissingError as missing:
        absent(str(missing), missing.remedy)


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    """The machine is after each test as before."""
    with whole_machine.held():
        before = state()
        yield
        assert state() == before


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_stack_in_a_container_fulfils_the_contract(stack: Stack) -> None:
    checked = verify.check_stack(CATALOG, stack)
    assert checked.mismatches == ()
    assert checked.cases > 0


@pytest.mark.parametrize("stack", ELSEWHERE, ids=str)
def test_other_places_fulfil_the_contract(stack: Stack) -> None:
    place = CATALOG.places[stack.place]
    try:
        system.require(place.needs)
        container.try_out(CATALOG, stack)
    except MissingError as missing:
        absent(str(missing), missing.remedy)
    assert verify.check_stack(CATALOG, stack).mismatches == ()


def test_what_a_place_does_not_support_fails_as_declared(tmp_path: Path) -> None:
    stack = Stack(variant="cython", framework="falcon", server="uwsgi-processes@gvisor")
    place = CATALOG.places["gvisor"]
    try:
        container.try_out(CATALOG, stack)
    except MissingError as missing:
        absent(str(missing), missing.remedy)
    places = {"gvisor": msgspec.structs.replace(place, unsupported={})}
    trusting, log = msgspec.structs.replace(CATALOG, places=places), tmp_path / "log"
    with pytest.raises(LabError), life_cycle.serving(trusting, stack, http_client.HELLO, log, cores().server):
        pass
    assert place.unsupported[stack.label].symptom in log.read_text()


def test_a_proxy_has_a_container_of_its_own(tmp_path: Path) -> None:
    stack = Stack(variant="cython", framework="falcon", server="bjoern+nginx@podman")
    proxy = CATALOG.tunings["nginx"].proxy
    assert proxy
    try:
        fronts.build(proxy)
    except MissingError as missing:
        absent(str(missing), missing.remedy)
    assert verify.check_stack(CATALOG, stack).mismatches == ()
    with life_cycle.serving(CATALOG, stack, http_client.HELLO, tmp_path / "log", cores().server) as running:
        named = [{each.name() for each in (tree, *tree.children(recursive=True))} for tree in running.trees]
        assert ["nginx" in names for names in named] == [False, True]
        mounts = {Path(f"/proc/{pid}/ns/mnt").readlink() for pid in ("self", *(tree.pid for tree in running.trees))}
        assert len(mounts) == 3
        before = running.cpu.read()
        for _ in range(50):
            http_client.ask(running.port, http_client.HELLO)
        assert running.cpu.read() > before


def test_figures_are_those_of_the_container(tmp_path: Path) -> None:
    stack = STACKS[1]
    with life_cycle.serving(CATALOG, stack, http_client.HELLO, tmp_path / "log", cores().server) as running:
        tree = [running.process, *running.process.children(recursive=True)]
        assert "gunicorn" in " ".join(tree[-1].cmdline())
        assert {frozenset(process.cpu_affinity()) for process in tree} == {cores().server}
        assert {process.uids().real for process in tree} == {10001}
        before = running.cpu.read()
        for _ in range(50):
            http_client.ask(running.port, http_client.HELLO)
        assert running.cpu.read() > before


@pytest.mark.parametrize("stack", [STACKS[0], *ELSEWHERE[:2]], ids=str)
def test_nothing_is_left_after_ctrl_c(stack: Stack, tmp_path: Path) -> None:
    try:
        system.require(CATALOG.places[stack.place].needs)
    except MissingError as missing:
        absent(str(missing), missing.remedy)
    port = free_port()
    argv = [sys.executable, "-m", "bench", "serve", str(stack), "--port", str(port)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=(tmp_path / "err").open("wb")) as lab:
        await_answer(port)
        lab.send_signal(signal.SIGINT)
        assert lab.wait(READY_SECONDS) == 0, (tmp_path / "err").read_text()


def test_nothing_is_left_after_ctrl_c_during_the_start(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "bench", "serve", str(STACKS[0]), "--port", str(free_port())]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=(tmp_path / "err").open("wb")) as lab:
        deadline = time.monotonic() + READY_SECONDS
        while not any(each.name() == "podman" for each in psutil.Process(lab.pid).children(recursive=True)):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        lab.send_signal(signal.SIGINT)
        assert lab.wait(READY_SECONDS) in {0, 130}, (tmp_path / "err").read_text()


def test_what_a_killed_lab_left_is_removed_before_the_next_trial(tmp_path: Path) -> None:
    port = free_port()
    argv = [sys.executable, "-m", "bench", "serve", str(STACKS[0]), "--port", str(port)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=(tmp_path / "err").open("wb")) as lab:
        await_answer(port)
        lab.kill()
    assert f"bench-{lab.pid}-" in engine.podman("ps", "--format", "{{.Names}}")
    container.try_out(CATALOG, STACKS[0])
    with group():
        pass  # removes the control group, which was still in use before the trial


def test_image_is_healthy_by_itself() -> None:
    """Its own command, without a network, rights or a place to write: the health check of the image succeeds."""
    image = images.require(STACKS[0].on_host)
    config = json.loads(engine.podman("image", "inspect", image.name))[0]
    health = (
        config["Config"]["Healthcheck"]["Test"][1:]
        if "Healthcheck" in config["Config"]
        else config["Healthcheck"]["Test"][1:]
    )
    with group() as cgroup:
        assert cgroup
        alone = ("--init", "--no-healthcheck", "--read-only", "--cap-drop", "all", "--network", "none")
        name = f"bench-health-{os.getpid()}"
        engine.podman("run", "--detach", "--name", name, "--cgroup-parent", cgroup.path, *alone, image.name)
        try:
            succeeds(name, health)
        finally:
            engine.podman("rm", "--force", "--time", "0", name)


def succeeds(name: str, argv: list[str]) -> None:
    """Repeat a command in a container until it succeeds."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            engine.podman("exec", name, *argv)
        except LabError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def test_a_command_that_fails_leaves_nothing() -> None:
    """Such as the cleanup that Podman starts at the end of a container, once another command has removed it."""
    with pytest.raises(LabError, match="no such container"):
        engine.podman("rm", f"bench-{os.getpid()}-missing")


def test_a_place_that_does_not_work_is_unavailable_in_its_own_words() -> None:
    place = msgspec.structs.replace(CATALOG.places["podman"], options=("--runtime", "/nowhere/runc"))
    catalog = msgspec.structs.replace(CATALOG, places={"podman": place})
    with pytest.raises(MissingError, match="/nowhere/runc"):
        container.try_out(catalog, STACKS[0])


def await_answer(port: int) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            http_client.ask(port, http_client.HELLO)
        except LabError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
