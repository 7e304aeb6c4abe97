"""The Vagrantfile: what Vagrant reads in it, and its script in a virtual machine, where the service is right.

QEMU translates every instruction of the machine: nothing here is a figure.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bench import verify
from bench.errors import MissingError
from bench.paths import ROOT
from bench.provision import system
from bench.serve import http_client
from bench.serve.ports import LOOPBACK
from tests import virtual_machine
from tests.absent import absent
from tests.virtual_machine import PROCESSORS, Machine

pytestmark = pytest.mark.long

FOLDER = ROOT / "deploy" / "vagrant"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
PACK, START = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SIZING = "/srv/statements/bin/python -m app.sizing"
PROCESSES = "wc -l < /sys/fs/cgroup/system.slice/statements.service/cgroup.procs"


class Port(msgspec.Struct, frozen=True):
    """A forwarded port."""

    guest: int
    host: int
    host_ip: str


class Folder(msgspec.Struct, frozen=True):
    """A shared folder."""

    hostpath: str
    guestpath: str


class Vagrantfile(msgspec.Struct, frozen=True):
    """What Vagrant reads in the file."""

    box: str
    ports: tuple[Port]
    folders: tuple[Folder]
    scripts: tuple[str]


def vagrant(argv: list[str], state: Path) -> str:
    """Run a program of Vagrant with its state in a folder. Returns what it prints."""
    try:
        system.require(["Vagrant"])
    except MissingError as error:
        absent(str(error), error.remedy)
    env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(state), "VAGRANT_CHECKPOINT_DISABLE": "1"}
    env |= {"VAGRANT_HOME": str(state / "home"), "VAGRANT_DOTFILE_PATH": str(state / "dot")}
    done = subprocess.run(argv, cwd=FOLDER, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Vagrantfile:
    """The Vagrantfile as Vagrant reads it."""
    argv = ["ruby", str(ROOT / "tests/vagrantfile.rb"), "."]
    return msgspec.json.decode(vagrant(argv, tmp_path_factory.mktemp("vagrant")), type=Vagrantfile)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the page's commands make."""
    home = tmp_path_factory.mktemp("home")
    env = {**os.environ, "HOME": str(home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-ec", PACK], cwd=ROOT, env=env, check=True)
    return home / "machine"


@pytest.fixture(scope="module")
def machine(declared: Vagrantfile, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine that is provisioned as the Vagrantfile says."""
    log = tmp_path_factory.mktemp("machine") / "console.log"
    try:
        with virtual_machine.booted(declared.ports[0].guest, log) as booted:
            booted.copy(folder / declared.folders[0].hostpath, declared.folders[0].guestpath)
            script = (folder / declared.scripts[0]).read_bytes()
            booted.run("cat > /tmp/vagrant-shell; chmod +x /tmp/vagrant-shell; /tmp/vagrant-shell", script)
            yield booted
    except MissingError as error:
        absent(str(error), error.remedy)


def test_vagrant_finds_no_mistake(tmp_path: Path) -> None:
    assert "validated successfully" in vagrant(["vagrant", "validate", "--ignore-provider"], tmp_path)


def test_only_this_host_reaches_the_forwarded_port(declared: Vagrantfile) -> None:
    assert declared.ports[0].host_ip == LOOPBACK
    assert f"http://{LOOPBACK}:{declared.ports[0].host}/hello" in START


def test_the_machine_has_the_release_of_the_box(declared: Vagrantfile) -> None:
    assert declared.box == f"debian/{virtual_machine.RELEASE}64"


def test_the_service_in_the_machine_fulfils_the_contract(machine: Machine) -> None:
    assert http_client.ask(machine.port, http_client.HELLO) == (200, http_client.HELLO.expect)
    checked = verify.check_server(machine.port)
    assert checked.mismatches == ()
    assert checked.cases > 0


def test_workers_are_sized_by_control_groups_of_version_2(machine: Machine) -> None:
    limits = {"CPUWeight=10": PROCESSORS, "CPUQuota=50%": 1, "CPUQuota=150%": 2, "CPUAffinity=0": 1}
    sized = [f"systemd-run --quiet --pipe --wait --property={limit} {SIZING}" for limit in limits]
    printed = machine.run("; ".join(["stat --file-system --format %T /sys/fs/cgroup", *sized])).split()
    assert printed == ["cgroup2fs", *map(str, limits.values())]


def test_the_unit_starts_the_workers_that_its_quota_keeps_busy(machine: Machine) -> None:
    assert int(machine.run(PROCESSES)) == 1 + PROCESSORS
    machine.run("systemctl set-property --runtime statements.service CPUQuota=100%; systemctl restart statements")
    assert http_client.ask(machine.port, http_client.HELLO, timeout_seconds=60.0)[0] == 200
    assert int(machine.run(PROCESSES)) == 1 + 1
