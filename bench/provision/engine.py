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
NETAVARK = ("--network-backend", "netavark")  # as in bench/places/podman-bridge.toml

# Without systemd there is no cgroup manager of its own, and no journal. With locks in files, /dev/shm stays empty.
# netavark makes folders in /run, even if a container has the host's network: only where it has its own, it is chosen.
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
network_backend = "cni"
network_config_dir = "{home}/networks"

[engine.runtimes]
"""
STORAGE = """[storage]
driver = "overlay"
graphroot = "{home}/storage"
runroot = "{home}/run"

[storage.options.overlay]
skip_mount_home = "true" # a command that fails leaves the mount behind
"""
RUNTIME = """#!/bin/sh
exec {words} --root {home}/states "$@"
"""
# Programs that copy images keep a cache in /var/lib/containers, and have no setting for it. They see another /var/lib.
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


def filled(words: Sequence[str], **places: object) -> list[str]:
    """Return the words of a place's command with its placeholders filled in."""
    return [word.format(home=HOME, **places) for word in words]


def podman(*words: str) -> str:
    """Run a Podman command and return its stdout. Raises LabError with its error message if it fails."""
    return _run(["podman", *words])


def buildah(*words: str) -> str:
    """Run a buildah command and return its stdout. Raises LabError with its error message if it fails."""
    return _apart("buildah", *words)


def save(image: str, archive: Path) -> None:
    """Write an image to an archive that Docker reads."""
    _apart("podman", "save", "--quiet", "--format", "docker-archive", "--output", str(archive), image)


def _apart(*words: str) -> str:
    varlib = HOME / "var-lib"
    varlib.mkdir(parents=True, exist_ok=True)
    return _run(["unshare", "--mount", "sh", "-c", APART, str(varlib), *words])


def remove_stale() -> None:
    """Remove the containers of labs that were killed; their names contain the id of the lab's process."""
    for line in podman("ps", "--all", "--format", "{{.Names}} {{.Networks}}").splitlines():
        name, networks = line.split(" ", 1)
        if name.startswith("bench-") and not Path("/proc", name.split("-")[1]).exists():
            podman(*(NETAVARK if networks.strip() else ()), "rm", "--force", "--time", "0", name)


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
