"""Verbs for what is handed on: releases of variants, and what is in their prefixes."""

from __future__ import annotations

from bench.build import releases, sbom, version
from bench.errors import LabError
from bench.paths import ROOT
from bench.progress import Progress
from bench.readiness import building
from bench.verbs.app import app, declared, out, tell_unavailable


@app.command
def release(*variants: str) -> int:
    """Build releases of variants: wheels that name the tagged commit, each with its SBOM.

    Example: `python -m bench release cython`

    Exit status: 2 unless the checkout is clean and its commit has the tag of the version.

    Parameters
    ----------
    variants
        Names of variants, such as cython or cython@cpython-3.13. Missing builds are made first.
    """
    names, progress = _variants("release", variants), Progress()
    version.release()
    built, unavailable = building.build_all(declared(), names, progress, ())
    for name in built:
        with progress.step(f"release of {name}"):
            wheel = releases.make(declared(), name)
        out.print(f"{name}: {wheel.relative_to(ROOT)}", markup=False, highlight=False, soft_wrap=True)
    return tell_unavailable(unavailable)


@app.command(name="sbom")
def bill(*variants: str) -> int:
    """Write the SBOM of variants beside their artifacts: every distribution in the prefix, in CycloneDX' format.

    Example: `python -m bench sbom cython`

    Parameters
    ----------
    variants
        Names of variants, such as cython or cython@cpython-3.13. Missing builds are made first.
    """
    names, progress = _variants("sbom", variants), Progress()
    built, unavailable = building.build_all(declared(), names, progress)
    for name in built:
        with progress.step(f"SBOM of {name}"):
            file = sbom.of_artifact(name)
        told = f"{name}: {len(sbom.components(file))} distributions, {file.relative_to(ROOT)}"
        out.print(told, markup=False, highlight=False, soft_wrap=True)
    return tell_unavailable(unavailable)


def _variants(verb: str, names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise LabError(f"{verb} requires at least one variant, such as cython")
    return tuple(declared().variant(name).name for name in names)
