"""The container engine: Podman and buildah with all their state in `.lab/containers`, and nothing elsewhere."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.errors import LabError, MissingError
from bench.paths import LAB
from bench.provision import system

HOME = LAB / "containers"
NEEDS = ("Podman", "image tools")
SECONDS = 300.0

# Without systemd there is no cgroup manager of its own, and no journal. With locks in files, /dev/shm stays empty.
CONTAINERS = """[containers]
default_ulimits = ["nofile=20000:20000", "nproc=10000:10000"]
log_driver = "none"

[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
runtime = "runc"
tmp_dir = "{home}/tmp"

[network]
network_config_dir = "{home}/networks"

[engine.runtimes]
"""
STORAGE = """[storage]
driver = "overlay"
graphroot = "{home}/storage"
runroot = "{home}/run"
"""
RUNTIME = """#!/bin/sh
exec {words} --root {home}/states "$@"
"""
# buildah keeps a cache in /var/lib/containers, and has no setting for it. Here it sees another /var/lib.
APART = 'mount --bind "$0" /var/lib && exec "$@"'


def require() -> None:
    """Raise MissingError if this machine cannot run containers."""
    system.require(NEEDS)
    if os.geteuid() != 0:
        raise MissingError("containers require root: without it Podman may not create control groups")


def environment() -> dict[str, str]:
    """Return the environment in which Podman and buildah find their settings, which are written first."""
    runtime("runc", ["runc"])
    runtimes = "".join(f'{path.name} = ["{path}"]\n' for path in sorted((HOME / "runtimes").iterdir()))
    (HOME / "containers.conf").write_text(CONTAINERS.format(home=HOME) + runtimes, encoding="utf-8")
    (HOME / "storage.conf").write_text(STORAGE.format(home=HOME), encoding="utf-8")
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(HOME),
        "LANG": "C.UTF-8",
        "CONTAINERS_CONF": str(HOME / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(HOME / "storage.conf"),
    }


def runtime(name: str, words: Sequence[str]) -> None:
    """Let Podman know the runtime `name`: a program with options of its own, and all state in `HOME`."""
    script = HOME / "runtimes" / name
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(RUNTIME.format(words=shlex.join(words), home=HOME), encoding="utf-8")
    script.chmod(0o755)


def podman(*words: str) -> str:
    """Run a Podman command and return its stdout. Raises LabError with its error message if it fails."""
    return _run(["podman", *words])


def buildah(*words: str) -> str:
    """Run a buildah command and return its stdout. Raises LabError with its error message if it fails."""
    varlib = HOME / "var-lib"
    varlib.mkdir(parents=True, exist_ok=True)
    return _run(["unshare", "--mount", "sh", "-c", APART, str(varlib), "buildah", *words])


def remove_stale() -> None:
    """Remove the containers of labs that were killed; their names contain the id of the lab's process."""
    for name in podman("ps", "--all", "--format", "{{.Names}}").split():
        if name.startswith("bench-") and not Path("/proc", name.split("-")[1]).exists():
            podman("rm", "--force", "--time", "0", name)


def _run(argv: Sequence[str | Path]) -> str:
    done = subprocess.run(
        argv,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    if done.returncode != 0:
        raise LabError(f"`{' '.join(map(str, argv))}` failed: {system.error_message(done)}")
    return done.stdout
