"""Packages that a measured process needs beside its prefix: in folders of their own, so that no artifact size grows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.build import artifacts
from bench.paths import TOOLS
from bench.provision import stamp
from bench.provision.interpreters import MEASURED_LOCK, install


def folder(variant: str, names: Sequence[str]) -> Path:
    """Return the folder with the packages `names` for the interpreter of `variant`."""
    return TOOLS / f"{artifacts.require(variant).interpreter.name}+{'+'.join(names)}"


def provide(variant: str, names: Sequence[str]) -> None:
    """Install the packages `names` with their dependencies into their folder, unless they are there.

    Raises MissingError if one is unavailable for the interpreter of `variant`, and UnpinnedError if one has no pin.
    """
    path, made_of = folder(variant, names), stamp.of(artifacts.require(variant).interpreter.fingerprint, MEASURED_LOCK)
    if names and not stamp.is_current(path, made_of):
        with stamp.rebuilding(path, made_of):
            install(artifacts.python(variant), names, target=path)
