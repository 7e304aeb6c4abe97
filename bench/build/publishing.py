"""Bring the wheels of built variants to a package index, and pin with hashes what a stack installs from there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from packaging.utils import parse_wheel_filename

from bench.build import artifacts, contents
from bench.errors import LabError
from bench.model import Artifact, Catalog, Stack
from bench.paths import ARTIFACTS
from bench.provision import locks, system
from bench.provision.interpreters import MEASURED_LOCK, uv

CREDENTIALS = "UV_PUBLISH_USERNAME and UV_PUBLISH_PASSWORD, or UV_PUBLISH_TOKEN"


def publish(index: str, names: Sequence[str] = ()) -> list[str]:
    """Upload the wheels of the variants `names`, by default of all that are built. Returns the wheels' names.

    uv reads the credentials from its environment: every user of a machine can read a command line. A wheel that
    the index has already, byte for byte, stays. Raises LabError with the index's reason if it refuses another.
    """
    if "@" in urlsplit(index).netloc:
        raise LabError(f"the address of the index has credentials: set {CREDENTIALS} instead")
    built = [artifacts.require(name) for name in names] or [each for each in artifacts.artifacts() if has_wheel(each)]
    if not built:
        raise LabError("no variant is built: run `python -m bench build`")
    wheels = [wheel_of(each) for each in built]
    options = ["--no-config", "--trusted-publishing", "never", "--publish-url", index]
    done = uv("publish", *options, *map(str, wheels))
    if done.returncode != 0:
        raise LabError(f"`uv publish` failed: {system.error_message(done)}")
    return [wheel.name for wheel in wheels]


def requirements(catalog: Catalog, stack: Stack) -> str:
    """Return the requirements file of a built `stack`: the variant's wheel, its framework and its server, with hashes.

    Raises LabError if the wheel is not the one that was built.
    """
    built = artifacts.require(stack.variant)
    name, version, *_ = parse_wheel_filename(wheel_of(built).name)
    own = f"{name}=={version} \\\n    --hash=sha256:{built.wheel_sha256}\n"
    return own + locks.entries(MEASURED_LOCK, sorted(contents.required(catalog, stack)))


def has_wheel(built: Artifact) -> bool:
    """Return False for an application: it runs from its source."""
    return built.wheel.endswith(".whl")


def wheel_of(built: Artifact) -> Path:
    """Return the path of the wheel. Raises LabError if it is not the one that was built."""
    if not has_wheel(built):
        raise LabError(f"{built.variant} is an application: it has no wheel")
    path = ARTIFACTS / built.variant / built.wheel
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != built.wheel_sha256:
        raise LabError(f"{path} is not the wheel that was built: run `python -m bench build {built.variant} --force`")
    return path
