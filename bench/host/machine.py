"""The machine that a figure comes from: what could change the figure, and nothing that names a host or a person.

Sources: proc(5), sysfs(5), cgroups(7), the kernel's admin guide (cpufreq, transhuge), os-release(5).
"""

from __future__ import annotations

import hashlib
import platform
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from bench.host.pinning import cores
from bench.model import Recorded
from bench.paths import ROOT

CODE = ("app", "bench", "builds", "optimised", "peers", "spec", "setup.py")  # what a figure may depend on
_CONTAINER_MARKS = (".dockerenv", "run/.containerenv", "run/systemd/container")


class Machine(Recorded, frozen=True, kw_only=True):
    """What is known of a machine; the unknown is absent.

    `cores` counts the CPUs that this process may run on; `cpu_limit` is its cgroup's quota in cores; `load_average` is
    of the last 1, 5 and 15 minutes. A limit that limits nothing is absent, and so is `container` without a sign of one.
    """

    architecture: str
    cpu: str | None = None
    cores: int | None = None
    cores_are_threads: bool | None = None
    governor: str | None = None
    turbo: bool | None = None
    cpu_limit: float | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    swap_bytes: int | None = None
    transparent_huge_pages: str | None = None
    address_randomisation: int | None = None
    clock: str | None = None
    product: str | None = None
    virtual: bool | None = None
    container: bool | None = None
    kernel: str | None = None
    system: str | None = None
    python: str
    load_average: tuple[float, ...] | None = None
    commit: str | None = None

    def fingerprint(self) -> str:
        """16 hex digits, equal while the machine is: load and commit may change."""
        stable = msgspec.structs.replace(self, load_average=None, commit=None)
        return hashlib.sha256(msgspec.json.encode(stable, order="sorted")).hexdigest()[:16]


def describe() -> dict[str, Any]:
    """This machine now, with its fingerprint, as a session keeps it."""
    allowed = cores()  # what this process may use now may be less: the lab keeps off the server's core
    machine = msgspec.structs.replace(look(), cores=len(allowed.server | allowed.generator))
    described: dict[str, Any] = msgspec.to_builtins(machine)
    return described | {"fingerprint": machine.fingerprint()}


def mark() -> str:
    """8 hex digits that tell this machine from its equals and name none, as machine-id(5) asks for."""
    secret = f"{_Files(Path('/')).text('etc/machine-id')} {socket.gethostname()}"
    return hashlib.sha256(f"runtime-lab {secret}".encode()).hexdigest()[:8]


def look(root: Path = Path("/")) -> Machine:
    """The machine whose `proc`, `sys` and `etc` lie below `root`."""
    files = _Files(root)
    cpu_limit, memory_limit = _cgroup_limits(files)
    memory = files.kilobytes("MemTotal")
    return Machine(
        architecture=platform.machine(),
        cpu=files.field("proc/cpuinfo", "model name"),
        cores=_count(files.field("proc/self/status", "Cpus_allowed_list")),
        cores_are_threads=files.flag("sys/devices/system/cpu/smt/active"),
        governor=_governor(files),
        turbo=_turbo(files),
        cpu_limit=cpu_limit,
        memory_bytes=memory,
        memory_limit_bytes=memory_limit if memory_limit and memory and memory_limit < memory else None,
        swap_bytes=files.kilobytes("SwapTotal"),
        transparent_huge_pages=_chosen(files.text("sys/kernel/mm/transparent_hugepage/enabled")),
        address_randomisation=files.integer("proc/sys/kernel/randomize_va_space"),
        clock=files.text("sys/devices/system/clocksource/clocksource0/current_clocksource"),
        product=files.text("sys/class/dmi/id/product_name"),
        virtual=_virtual(files),
        container=any((root / mark).exists() for mark in _CONTAINER_MARKS) or None,
        kernel=files.text("proc/sys/kernel/osrelease"),
        system=files.field("etc/os-release", "PRETTY_NAME"),
        python=platform.python_version(),
        load_average=_load_average(files),
        commit=commit(),
    )


def governor() -> str | None:
    """The CPU frequency governor, all of them where the CPUs differ; None where the kernel tells none."""
    return _governor(_Files(Path("/")))


def commit() -> str | None:
    """The commit of this checkout, with `-dirty` behind it where `CODE` differs; None where git knows none.

    A new file counts, too: a declaration is one. What is written about results does not.
    """
    try:
        known = _git("rev-parse", "--short=12", "HEAD")
        changed = known and _git("status", "--porcelain", "--", *CODE)
    except FileNotFoundError:
        return None
    return f"{known}-dirty" if changed else known


def _git(*words: str) -> str | None:
    asked = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return asked.stdout.strip() or None


class _Files:
    """Small text files of the kernel's, None for each that is not there or not for us to read."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def text(self, path: str) -> str | None:
        try:
            return (self.root / path).read_text(encoding="utf-8").strip() or None
        except OSError:
            return None

    def field(self, path: str, name: str) -> str | None:
        """The first value of a `name: value` or `name=value` line."""
        found = re.search(rf"^{name}\s*[:=]\s*(.+)$", self.text(path) or "", re.MULTILINE)
        return found[1].strip().strip('"') if found else None

    def integer(self, path: str) -> int | None:
        text = self.text(path)
        return int(text) if text and text.isdecimal() else None

    def flag(self, path: str) -> bool | None:
        number = self.integer(path)
        return None if number is None else number == 1

    def kilobytes(self, name: str) -> int | None:
        """A line of meminfo, in bytes."""
        value = self.field("proc/meminfo", name)
        return int(value.removesuffix("kB")) * 1024 if value else None


def _count(cpus: str | None) -> int | None:
    """How many CPUs a list such as `0-3,6` names."""
    if cpus is None:
        return None
    ends = [part.split("-") for part in cpus.split(",")]
    return sum(int(end[-1]) - int(end[0]) + 1 for end in ends)


def _governor(files: _Files) -> str | None:
    paths = sorted(files.root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor"))
    return ", ".join(sorted({path.read_text(encoding="utf-8").strip() for path in paths})) or None


def _turbo(files: _Files) -> bool | None:
    forbidden = files.flag("sys/devices/system/cpu/intel_pstate/no_turbo")
    return files.flag("sys/devices/system/cpu/cpufreq/boost") if forbidden is None else not forbidden


def _chosen(alternatives: str | None) -> str | None:
    """The one in brackets of `always [madvise] never`."""
    found = re.search(r"\[(\w+)\]", alternatives or "")
    return found[1] if found else None


def _virtual(files: _Files) -> bool | None:
    """Whether the CPU says that a hypervisor runs it; only x86 says so."""
    flags = files.field("proc/cpuinfo", "flags")
    return None if flags is None else "hypervisor" in flags.split()


def _load_average(files: _Files) -> tuple[float, ...] | None:
    text = files.text("proc/loadavg")
    return tuple(float(number) for number in text.split()[:3]) if text else None


def _cgroup_limits(files: _Files) -> tuple[float | None, int | None]:
    """The tightest CPU quota, in cores, and memory limit, in bytes, of this process's groups, version 1 or 2."""
    quotas: list[float | None] = []
    limits: list[int | None] = []
    for controllers, group in _groups(files):
        if not controllers:  # version 2: one hierarchy of all
            quota, _, period = (files.text(f"sys/fs/cgroup/{group}/cpu.max") or "").partition(" ")
            quotas.append(_quota(quota, period))
            limits.append(files.integer(f"sys/fs/cgroup/{group}/memory.max"))
        if "cpu" in controllers:
            folder = f"sys/fs/cgroup/cpu/{group}"
            quotas.append(_quota(files.text(f"{folder}/cpu.cfs_quota_us"), files.text(f"{folder}/cpu.cfs_period_us")))
        if "memory" in controllers:
            limits.append(files.integer(f"sys/fs/cgroup/memory/{group}/memory.limit_in_bytes"))
    return (
        min((quota for quota in quotas if quota is not None), default=None),
        min((limit for limit in limits if limit is not None), default=None),
    )


def _groups(files: _Files) -> Iterator[tuple[list[str], PurePosixPath]]:
    """Each hierarchy's controllers with this process's group in it, and with each group above that one."""
    for line in (files.text("proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        group = PurePosixPath(path.lstrip("/"))
        for ancestor in (group, *group.parents):
            yield controllers.split(",") if controllers else [], ancestor


def _quota(quota: str | None, period: str | None) -> float | None:
    """A CPU quota in cores, from microseconds; `max` and -1 say that there is none."""
    return int(quota) / int(period) if quota and period and quota.isdecimal() else None
