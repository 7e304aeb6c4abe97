"""What may differ between two sessions, changed on purpose: the core alone, timed at one level of one factor.

A factor's levels are as alike as two sessions are. So how far they lie apart, beyond what fresh processes do anyway, is
what the factor adds to the difference between sessions.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bench import build, catalog
from bench.instruments.micro import PADDING_BYTES, Start, padded, timed
from bench.model import Case, FactorsPlan, Observed
from bench.paths import FACTORS as FOLDER

STILL = ("setarch", "--addr-no-randomize")  # starts a process at the same addresses each time


class Factor(Struct, frozen=True):
    """What is changed, in words; its levels, so many; how a process of a variant begins at one of them.

    `averaged` says that a session has many levels of it, as each of its processes has one of its own.
    """

    title: str
    levels: Callable[[int], Sequence[int]]
    start: Callable[[str, int], Start]
    averaged: bool = False


def observe(case: Case, output: Path) -> Observed:
    """One fresh process at the level of the factor that the case's settings name."""
    name, level = changed(case)
    settings = {key: value for key, value in case.settings.items() if key != name}
    return timed(replace(case, settings=settings), output, FACTORS[name].start(case.variant, level))


def changed(case: Case) -> tuple[str, int]:
    """The factor that a case is of, and its level."""
    return next((name, level) for name, level in case.settings.items() if name in FACTORS)


@cache
def why_not(name: str) -> str | None:
    """Why a factor cannot be changed here; None if it can."""
    if name != "addresses":
        return None
    tried = subprocess.run([*STILL, "true"], check=False, capture_output=True, text=True)
    return f"`{' '.join(STILL)}` is refused here: {tried.stderr.strip()}" if tried.returncode else None


def provision(plan: FactorsPlan, variant: str) -> None:
    """Rebuild a variant and copy its files, level by level, where that is not done for what is built now."""
    artifact, folder = build.require(variant), FOLDER / variant
    stamp = folder / "made-for.txt"
    made_for = f"{artifact.fingerprint} {artifact.built} {plan.levels}"
    if stamp.is_file() and stamp.read_text() == made_for:
        return
    shutil.rmtree(folder, ignore_errors=True)
    for level in range(plan.levels):
        wheel, prefix = folder / f"wheel-{level}", place(variant, "build", level)
        build.rebuild(catalog.variant(variant), artifact.interpreter, wheel, prefix)
    for level in range(plan.levels):  # links become files, so that the interpreter is copied, too
        shutil.copytree(place(variant, "build", 0), place(variant, "files", level))
    stamp.write_text(made_for)


def place(variant: str, factor: str, level: int) -> Path:
    """The prefix of a variant at a level of a factor."""
    return FOLDER / variant / f"{factor}-{level}"


def _usual(variant: str, _: int) -> Start:
    return Start(build.python(variant), padded(0))


def _elsewhere(variant: str, level: int, *, factor: str) -> Start:
    return Start(place(variant, factor, level) / "bin" / "python", padded(0))


def _padded(variant: str, size: int) -> Start:
    return Start(build.python(variant), padded(size))


def _still(variant: str, size: int) -> Start:
    return Start(build.python(variant), padded(size), STILL)


def _seeded(variant: str, seed: int) -> Start:
    return Start(build.python(variant), padded(0) | {"PYTHONHASHSEED": str(seed)})


def _sizes(count: int) -> Sequence[int]:
    """Bytes, evenly from none to a page."""
    return [round(level * PADDING_BYTES / (count - 1)) for level in range(count)]


FACTORS = {
    "nothing": Factor("nothing: the same again", range, _usual),
    "environment": Factor("size of the environment, 0 to 4,096 bytes", _sizes, _padded, averaged=True),
    "addresses": Factor("the same, address-space randomisation off", _sizes, _still, averaged=True),
    "seed": Factor("hash seed", range, _seeded, averaged=True),
    "files": Factor("a fresh copy of interpreter and core", range, partial(_elsewhere, factor="files")),
    "build": Factor("a rebuild from the same source", range, partial(_elsewhere, factor="build")),
}
