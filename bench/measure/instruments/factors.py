"""Time the core alone in a fresh process at one level of one factor (`bench.catalog.factors`)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.build import artifacts, variants
from bench.catalog.factors import STILL
from bench.measure.instruments.micro import Start, padded, timed
from bench.model import Catalog, FactorsCase, FactorsPlan, Observed
from bench.paths import FACTORS as FOLDER
from bench.provision import stamp


def observe(catalog: Catalog, case: FactorsCase, output: Path) -> Observed:
    """Time one fresh process at the level of the case's factor."""
    return timed(catalog, case, output, STARTS[case.factor](case.variant, case.level))


def provision(catalog: Catalog, plan: FactorsPlan, variant: str) -> None:
    """Rebuild a variant and copy its files once per level, unless that is done for the current artifact."""
    artifact, folder = artifacts.require(variant), FOLDER / variant
    made_of = stamp.of(artifact.fingerprint, artifact.built, str(plan.levels))
    if stamp.is_current(folder, made_of):
        return
    with stamp.rebuilding(folder, made_of):
        for level in range(plan.levels):
            wheel, prefix = folder / f"wheel-{level}", prefix_of(variant, "build", level)
            variants.rebuild(catalog, catalog.variant(variant), artifact.interpreter, wheel, prefix)
        for level in range(plan.levels):  # copies links as files, so that the interpreter is also copied
            shutil.copytree(prefix_of(variant, "build", 0), prefix_of(variant, "files", level))


def prefix_of(variant: str, factor: str, level: int) -> Path:
    """Return the prefix of a variant at a level of a factor."""
    return FOLDER / variant / f"{factor}-{level}"


def _usual(variant: str, _: int) -> Start:
    return Start(artifacts.python(variant), padded(0))


def _elsewhere(variant: str, level: int, *, factor: str) -> Start:
    return Start(prefix_of(variant, factor, level) / "bin" / "python", padded(0))


def _padded(variant: str, size: int) -> Start:
    return Start(artifacts.python(variant), padded(size))


def _still(variant: str, size: int) -> Start:
    return Start(artifacts.python(variant), padded(size), STILL)


def _seeded(variant: str, seed: int) -> Start:
    return Start(artifacts.python(variant), padded(0) | {"PYTHONHASHSEED": str(seed)})


STARTS: dict[str, Callable[[str, int], Start]] = {
    "nothing": _usual,
    "environment": _padded,
    "addresses": _still,
    "seed": _seeded,
    "files": partial(_elsewhere, factor="files"),
    "build": partial(_elsewhere, factor="build"),
}
