"""Workers by CPU quota and affinity: files as kernels show them, on the host and in containers."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from app import sizing

PODMAN = "/libpod_parent/libpod-ac4914faa77c"
SLICE = "/kubepods.slice/kubepods-burstable.slice/kubepods-pod1.slice"
SYSTEMD_1 = "12:pids:/\n4:cpu,cpuacct:{path}\n1:name=systemd:/init.scope\n0::/init.scope\n"
MOUNT_1 = "33 25 0:29 {root} {sys}/cpu,cpuacct rw,nosuid,noexec shared:14 - cgroup cgroup rw,cpu,cpuacct\n"
HYBRID = "26 25 0:23 / {sys}/unified rw,nosuid,nodev shared:10 - cgroup2 cgroup2 rw,nsdelegate\n"
MOUNT_2 = "25 24 0:22 {root} {sys} ro,nosuid,nodev,noexec - cgroup2 cgroup rw,nsdelegate,memory_recursiveprot\n"
OTHERS = "22 27 0:20 / /proc rw,nosuid shared:5 - proc proc rw\n27 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"


def found(folder: Path, cgroup: str, mountinfo: str, quotas: Mapping[str, str]) -> list[float]:
    """The quotas of a process with these two files of /proc, and with these of /sys/fs/cgroup; v1: `quota period`."""
    (folder / "cgroup").write_text(cgroup)
    (folder / "mountinfo").write_text(OTHERS + mountinfo.replace("{sys}", str(folder / "sys")))
    for group, quota in quotas.items():
        path = folder / "sys" / group
        path.mkdir(parents=True, exist_ok=True)
        if group.partition("/")[0] in {"cpu", "cpu,cpuacct"}:
            for name, value in zip(sizing.VERSION_1, quota.split(), strict=True):
                (path / name).write_text(f"{value}\n")
        else:
            (path / "cpu.max").write_text(f"{quota}\n")
    return list(sizing.quotas(folder))


@pytest.mark.parametrize(
    ("path", "quotas", "expected"),
    [
        ("/system.slice/statements.service", {"system.slice/statements.service": "150000 100000"}, [1.5]),
        ("/a/b/c", {"a/b/c": "150000 100000", "a": "20000 10000", "a/b": "-1 100000"}, [1.5, 2.0]),
        ("/a", {"a": "-1 100000", "": "-1 100000"}, []),
        ("/", {"": "-1 100000"}, []),
        ("/gone", {}, []),
    ],
    ids=["quota", "ancestors", "no quota", "root", "no files"],
)
def test_version_1(tmp_path: Path, path: str, quotas: dict[str, str], expected: list[float]) -> None:
    files = {f"cpu,cpuacct/{group}": quota for group, quota in quotas.items()}
    assert found(tmp_path, SYSTEMD_1.format(path=path), MOUNT_1.replace("{root}", "/") + HYBRID, files) == expected


@pytest.mark.parametrize(
    ("path", "quotas", "expected"),
    [
        ("/system.slice/statements.service", {"system.slice/statements.service": "35000 100000"}, [0.35]),
        (f"{SLICE}/a.scope", {f"{SLICE[1:]}/a.scope": "max 100000", SLICE[1:]: "150000 100000"}, [1.5]),
        ("/a", {"a": "max 100000"}, []),
        ("/a", {}, []),
    ],
    ids=["below 1", "ancestor", "no quota", "no controller"],
)
def test_version_2(tmp_path: Path, path: str, quotas: dict[str, str], expected: list[float]) -> None:
    assert found(tmp_path, f"0::{path}\n", MOUNT_2.replace("{root}", "/"), quotas) == expected


def test_a_container_sees_its_group_as_the_root_of_the_mount(tmp_path: Path) -> None:
    mount = f"85 84 0:29 {PODMAN} {{sys}}/cpu ro,nosuid,nodev,noexec,relatime - cgroup cgroup rw,cpu\n"
    own = f"2:cpuacct:{PODMAN}\n1:cpu:{PODMAN}/worker\n0::{PODMAN}\n"
    assert found(tmp_path, own, mount, {"cpu/worker": "-1 100000", "cpu": "50000 100000"}) == [0.5]


@pytest.mark.parametrize("path", ["/", "/docker/9f86d0"], ids=["own namespace", "path that the mount does not show"])
@pytest.mark.parametrize("root", ["/docker/41b8c1", "/"])
def test_a_container_with_a_namespace_of_its_own(tmp_path: Path, path: str, root: str) -> None:
    mount = MOUNT_2.replace("{root}", root)
    assert found(tmp_path, f"0::{path}\n", mount, {"": "50000 100000"}) == [0.5]


def test_each_of_the_two_versions_may_have_the_controller(tmp_path: Path) -> None:
    mounts = MOUNT_1.replace("{root}", "/") + MOUNT_2.replace("{root}", "/").replace("{sys}", "{sys}/unified")
    files = {"cpu,cpuacct/a": "300000 100000", "unified/init.scope": "150000 100000"}
    assert found(tmp_path, SYSTEMD_1.format(path="/a"), mounts, files) == [3.0, 1.5]


def test_another_hierarchy_of_version_1_is_not_asked(tmp_path: Path) -> None:
    mount = "34 25 0:30 / {sys}/cpuset rw shared:15 - cgroup cgroup rw,cpuset\n"
    assert found(tmp_path, "3:cpuset:/a\n", mount, {"cpuset/a": "50000 100000"}) == []


def test_a_kernel_without_control_groups_sets_no_quota(tmp_path: Path) -> None:
    assert list(sizing.quotas(tmp_path)) == []


@pytest.mark.parametrize(
    ("cores", "quota", "expected"),
    [(2, "max", 2), (2, "35000", 1), (2, "100000", 1), (2, "150000", 2), (2, "400000", 2), (8, "250000", 3)],
)
def test_workers_are_as_many_as_can_run_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, quota: str, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    found(tmp_path, "0::/a\n", MOUNT_2.replace("{root}", "/"), {"a": f"{quota} 100000"})
    assert sizing.workers(tmp_path) == expected
