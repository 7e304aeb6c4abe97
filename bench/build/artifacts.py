"""The artifact of a built variant: its record, its interpreter, and the environment of its processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.build import wheels
from bench.catalog import pairing
from bench.errors import LabError
from bench.model import Artifact, Catalog, Stack, Variant
from bench.paths import ARTIFACTS, PREFIXES
from bench.provision import stamp


def record(name: str) -> dict[str, Any]:
    """Return what the wheel of the variant `name` says of itself."""
    return wheels.record(ARTIFACTS / name / require(name).wheel)


def artifact(name: str) -> Artifact | None:
    """Return the latest artifact of the variant `name`, or None if it is not built."""
    return stamp.read_record(ARTIFACTS / name / "artifact.json", Artifact)


def artifacts() -> list[Artifact]:
    """Return the artifacts of all built variants."""
    return [built for path in sorted(ARTIFACTS.glob("*/artifact.json")) if (built := artifact(path.parent.name))]


def require(name: str) -> Artifact:
    """Return the artifact of `name`, or raise LabError with the command that builds it."""
    built = artifact(name)
    if built is None:
        raise LabError(f"variant {name!r} is not built: run `python -m bench build {name}`")
    return built


def require_server(catalog: Catalog, stack: Stack) -> None:
    """Raise LabError if the stack's server is not installed, with the reason or the command that installs it."""
    built = require(stack.variant)
    if stack.label in built.lacks:
        raise LabError(f"{stack}: {built.lacks[stack.label].reason}")
    if stack.label not in built.servers and pairing.unsupported(catalog, stack) is None:
        raise LabError(f"{stack.variant} was built without {stack.label}: run `python -m bench build {stack.variant}`")


def python(name: str) -> Path:
    """Return the interpreter inside the prefix of the variant `name`."""
    return PREFIXES / name / "bin" / "python"


def base(name: str) -> Path:
    """Return the prefix in which the interpreter of the variant `name` was originally installed."""
    return Path(require(name).interpreter.executable).resolve().parent.parent


def provenance(name: str) -> dict[str, bool | str]:
    """Return the provider and build options of a variant's interpreter, to be stored with its measurements."""
    interpreter = require(name).interpreter
    return {"provider": interpreter.provider, **interpreter.build}


def environment(catalog: Catalog, variant: Variant) -> dict[str, str]:
    """Return the complete environment of a process of `variant`. It contains nothing of the caller's environment."""
    interpreter = catalog.interpreters[variant.interpreter]
    prefix = str(PREFIXES / variant.name)
    declared = {key: value.replace("{prefix}", prefix) for key, value in (interpreter.env | variant.env).items()}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": prefix, **declared}


def path_environment(variant: Variant, path: str | None) -> dict[str, str]:
    """Return the variables that force the core to take the code path `path`; none for None."""
    if path is None:
        return {}
    if variant.path is None:
        raise LabError(f"variant {variant.name!r} has no selectable code path: declare [path] in its TOML")
    return {variant.path.variable: path}


def counting_environment(variant: Variant) -> dict[str, str]:
    """Return the variables that are added to the environment when instructions are counted."""
    return path_environment(variant, variant.path.counted if variant.path else None)
