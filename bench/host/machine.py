"""A description of the machine: properties that can affect measurements, and nothing that identifies host or user.

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

CODE = (
    "app",
    "bench",
    "builds",
    "deploy",
    "optimised",
    "peers",
    "spec",
    "setup.py",
)  # measurements may depend on these
_CONTAINER_MARKS = (".dockerenv", "run/.containerenv", "run/systemd/container")


class Machine(Recorded, frozen=True, kw_only=True):
    """The known properties of a machine. Unknown ones are None.

    `cores`: CPUs that this process may run on. `cpu_limit`: CPU quota of its cgroup, in cores. `load_average`: of the
    last 1, 5 and 15 minutes. A limit without effect is None, and so is `container` without evidence of one.
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
        """Return 16 hex digits that identify the machine's properties, apart from load average and commit."""
        stable = msgspec.structs.replace(self, load_average=None, commit=None)
        return hashlib.sha256(msgspec.json.encode(stable, order="sorted")).hexdigest()[:16]


def describe() -> dict[str, Any]:
    """Return this machine's properties with its fingerprint, as stored in a session."""
    allowed = cores()  # at start-up; by now the lab's own process may be restricted to the generator's cores
    machine = msgspec.structs.replace(read(), cores=len(allowed.server | allowed.generator))
    described: dict[str, Any] = msgspec.to_builtins(machine)
    return described | {"fingerprint": machine.fingerprint()}


def mark() -> str:
    """Return 8 hex digits that differ between machines of equal properties.

    It is a hash with an application-specific prefix, as machine-id(5) requires, so it does not identify the host.
    """
    secret = f"{_Files(Path('/')).text('etc/machine-id')} {socket.gethostname()}"
    return hashlib.sha256(f"runtime-lab {secret}".encode()).hexdigest()[:8]


def read(root: Path = Path("/")) -> Machine:
    """Return the properties of the machine whose `proc`, `sys` and `etc` are below `root`."""
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
    """Return the CPU frequency governor, several separated by commas if the CPUs differ, or None if unknown."""
    return _governor(_Files(Path("/")))


def commit() -> str | None:
    """Return the last commit that changed `CODE`, with the suffix `-dirty` if `CODE` differs, or None without git.

    New files count as a difference, because they may be declarations. Files outside `CODE`, such as docs and kept
    sessions, count neither way: after a commit of them the code is the same.
    """
    try:
        last = _git("log", "-1", "--format=%h", "--abbrev=12", "--", *CODE)
        changed = last and _git("status", "--porcelain", "--", *CODE)
    except FileNotFoundError:
        return None
    return f"{last}-dirty" if changed else last


def _git(*words: str) -> str | None:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


class _Files:
    """Small text files of the kernel. A missing or unreadable file reads as None."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def text(self, path: str) -> str | None:
        try:
            return (self.root / path).read_text(encoding="utf-8").strip() or None
        except OSError:
            return None

    def field(self, path: str, name: str) -> str | None:
        """Return the value of the first `name: value` or `name=value` line."""
        found = re.search(rf"^{name}\s*[:=]\s*(.+)$", self.text(path) or "", re.MULTILINE)
        return found[1].strip().strip('"') if found else None

    def integer(self, path: str) -> int | None:
        text = self.text(path)
        return int(text) if text and text.isdecimal() else None

    def flag(self, path: str) -> bool | None:
        number = self.integer(path)
        return None if number is None else number == 1

    def kilobytes(self, name: str) -> int | None:
        """Return the value of a line of /proc/meminfo, converted to bytes."""
        value = self.field("proc/meminfo", name)
        return int(value.removesuffix("kB")) * 1024 if value else None


def _count(cpus: str | None) -> int | None:
    """Return the number of CPUs in a list such as `0-3,6`."""
    if cpus is None:
        return None
    ends = [part.split("-") for part in cpus.split(",")]
    return sum(int(end[-1]) - int(end[0]) + 1 for end in ends)


def _governor(files: _Files) -> str | None:
    paths = sorted(files.root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor"))
    return ", ".join(sorted({path.read_text(encoding="utf-8").strip() for path in paths})) or None


def _turbo(files: _Files) -> bool | None:
    no_turbo = files.flag("sys/devices/system/cpu/intel_pstate/no_turbo")
    return files.flag("sys/devices/system/cpu/cpufreq/boost") if no_turbo is None else not no_turbo


def _chosen(alternatives: str | None) -> str | None:
    """Return the alternative in brackets, such as madvise in `always [madvise] never`."""
    found = re.search(r"\[(\w+)\]", alternatives or "")
    return found[1] if found else None


def _virtual(files: _Files) -> bool | None:
    """Return True if the CPU flags name a hypervisor, None if there are no flags, which only x86 has."""
    flags = files.field("proc/cpuinfo", "flags")
    return None if flags is None else "hypervisor" in flags.split()


def _load_average(files: _Files) -> tuple[float, ...] | None:
    text = files.text("proc/loadavg")
    return tuple(float(number) for number in text.split()[:3]) if text else None


def _cgroup_limits(files: _Files) -> tuple[float | None, int | None]:
    """Return the lowest CPU quota (cores) and memory limit (bytes) of this process's cgroups, version 1 or 2."""
    quotas: list[float | None] = []
    limits: list[int | None] = []
    for controllers, group in _groups(files):
        if not controllers:  # version 2: a single hierarchy for all controllers
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
    """Yield each hierarchy's controllers with this process's group, and again with each ancestor of that group."""
    for line in (files.text("proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        group = PurePosixPath(path.lstrip("/"))
        for ancestor in (group, *group.parents):
            yield controllers.split(",") if controllers else [], ancestor


def _quota(quota: str | None, period: str | None) -> float | None:
    """Return a CPU quota in cores, given in microseconds; None for `max` and -1, which mean no limit."""
    return int(quota) / int(period) if quota and period and quota.isdecimal() else None
