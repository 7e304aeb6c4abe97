"""pyperf in the variant's own interpreter: the core alone, nothing around it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pyperf

from bench import build, catalog
from bench.errors import LabError
from bench.model import Measurement, MicroPlan, Warmup
from bench.paths import SUBJECT, TOOLS
from bench.pinning import pinned
from bench.store import scrub

PROCESS_SECONDS = 600


class Timed(msgspec.Struct, frozen=True):
    """What one process yielded, and what it says of itself."""

    measurements: tuple[Measurement, ...]
    about: dict[str, Any]


def warmup_of(variant: str) -> Warmup:
    """The variant's warm-up policy, its interpreter's where it declares none."""
    declared = catalog.variants()[variant]
    return declared.warmup or catalog.interpreters()[declared.interpreter].warmup


def run(variant: str, benchmark: str, documents: Path, plan: MicroPlan, output: Path, cpus: frozenset[int]) -> Timed:
    """Time one fresh process of `variant` over the folder `documents`; its pyperf JSON becomes `output`.

    Raises LabError with the last line of pyperf's output if it fails.
    """
    declared = catalog.variants()[variant]
    env = build.environment(declared) | {"PYTHONPATH": str(TOOLS / declared.interpreter)}
    argv = [
        str(build.python(variant)), str(SUBJECT / "micro.py"),
        "--name", benchmark, "--documents", str(documents),
        "--processes", "1", "--values", str(plan.values), "--loops", str(plan.passes),
        "--warmups", str(warmup_of(variant).passes),
        "--inherit-environ", ",".join(sorted(env)), "--quiet", "--output", str(output),
    ]  # fmt: skip
    output.unlink(missing_ok=True)
    done = subprocess.run(
        pinned(argv, cpus), cwd=output.parent, env=env, capture_output=True, text=True, timeout=PROCESS_SECONDS
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise LabError(f"pyperf of {variant} failed with status {done.returncode}: {' '.join(last)}")
    output.write_bytes(scrub(output.read_bytes()))
    return read(output)


def read(path: Path) -> Timed:
    """The values of a pyperf JSON of one process, in seconds per document; all iterations are kept."""
    (bench,) = pyperf.BenchmarkSuite.load(str(path)).get_benchmarks()
    (timed,) = bench.get_runs()
    metadata = bench.get_metadata()
    warmups = [value for _, value in timed.warmups or ()]
    measurements = (
        Measurement(metric="first", unit="s", values=(metadata["first_seconds"],)),
        Measurement(metric="warmup", unit="s", values=tuple(warmups)),
        Measurement(metric="time", unit="s", values=tuple(timed.values)),
    )
    return Timed(measurements=measurements, about=json.loads(metadata["about"]))


def merge(parts: list[Path], output: Path) -> None:
    """One plain pyperf JSON of the runs of several, for `pyperf compare_to` and its like."""
    (merged,) = pyperf.BenchmarkSuite.load(str(parts[0])).get_benchmarks()
    for part in parts[1:]:
        merged.add_runs(pyperf.BenchmarkSuite.load(str(part)).get_benchmarks()[0])
    merged.dump(str(output), replace=True)
