"""The machine's description: read from the kernel's files, unknown properties absent, no name of host or user."""

from __future__ import annotations

import getpass
import re
import socket
import subprocess
from pathlib import Path

import msgspec
import pytest

from bench.host import machine
from bench.host.machine import Machine
from bench.host.pinning import Cores

DATA = Path(__file__).parent.parent / "data" / "machine"


def recorded(name: str) -> Machine:
    return machine.read(DATA / name)


def test_a_guest_with_version_1_groups() -> None:
    guest = recorded("guest")
    assert (guest.cpu, guest.cores, guest.cores_are_threads) == ("Intel(R) Xeon(R) Processor", 2, False)
    assert (guest.memory_bytes, guest.swap_bytes) == (24_684_092 * 1024, 0)
    assert (guest.transparent_huge_pages, guest.address_randomisation, guest.clock) == ("madvise", 2, "tsc")
    assert (guest.kernel, guest.system) == ("6.18.44-fc-v657", "Debian GNU/Linux 12 (bookworm)")
    assert guest.virtual is True
    assert guest.load_average is not None
    assert len(guest.load_average) == 3


def test_a_laptop_with_version_2_groups() -> None:
    laptop = recorded("laptop")
    assert (laptop.cores, laptop.cores_are_threads) == (13, True)
    assert (laptop.governor, laptop.turbo) == ("performance, powersave", False)
    assert (laptop.cpu_limit, laptop.memory_limit_bytes) == (1.5, 4 * 1024**3)
    assert (laptop.product, laptop.virtual) == ("ThinkPad X1", False)


def test_a_quota_of_a_version_1_group(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "4:memory:/a/b\n1:cpu,cpuacct:/a\n",
        "proc/meminfo": "MemTotal: 8388608 kB\n",
        "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "200000\n",
        "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1073741824\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    limited = machine.read(tmp_path)
    assert (limited.cpu_limit, limited.memory_limit_bytes) == (2.0, 1024**3)


def test_a_limit_without_effect_is_absent() -> None:
    guest = recorded("guest")
    assert guest.cpu_limit is None
    assert guest.memory_limit_bytes is None


def test_unknown_properties_are_absent(tmp_path: Path) -> None:
    known = msgspec.to_builtins(machine.read(tmp_path))
    assert set(known) <= {"architecture", "python", "commit"}


def test_the_fingerprint_does_not_depend_on_load_and_commit() -> None:
    guest = recorded("guest")
    busy = msgspec.structs.replace(guest, load_average=(9.0, 9.0, 9.0), commit="0123456789ab-dirty")
    assert busy.fingerprint() == guest.fingerprint()
    assert msgspec.structs.replace(guest, kernel="6.19").fingerprint() != guest.fingerprint()


def test_this_machine_is_described_without_names_and_paths() -> None:
    described = machine.describe()
    assert described["fingerprint"] == machine.read().fingerprint()
    assert described["cores"] >= 1
    texts = [value for value in described.values() if isinstance(value, str)]
    assert not [text for text in texts if text.startswith("/") or str(Path.home()) in text]
    assert {"host", "hostname", "node", "user"}.isdisjoint(described)
    assert getpass.getuser() not in texts


def test_a_changed_checkout_marks_the_commit_as_dirty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    monkeypatch.setattr(machine, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert machine.commit() is None
    code, page, new = (tmp_path / name for name in ("bench/core.py", "docs/page.md", "bench/new.toml"))
    for path in (code, page):
        path.parent.mkdir()
        path.write_text("one")
    git("init")
    git("add", ".")
    git("commit", "-m", "one")
    clean = machine.commit()
    assert clean is not None
    assert len(clean) == 12
    page.write_text("two")
    assert machine.commit() == clean, "docs do not count"
    git("commit", "-a", "-m", "a page")
    assert machine.commit() == clean, "neither do commits of docs"
    new.write_text("a declaration")
    assert machine.commit() == f"{clean}-dirty"
    new.unlink()
    code.write_text("two")
    assert machine.commit() == f"{clean}-dirty"


def test_the_mark_differs_between_machines_and_contains_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    marks = set()
    for name in ("alpha", "beta", "alpha"):
        monkeypatch.setattr(socket, "gethostname", lambda name=name: name)
        marks.add(machine.mark())
    assert len(marks) == 2
    assert all(re.fullmatch("[0-9a-f]{8}", mark) for mark in marks)


def test_the_cores_are_those_allowed_at_start_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: Cores(server=frozenset({3}), generator=frozenset({0, 1})))
    assert machine.describe()["cores"] == 3, "although the process itself may use fewer by now"
