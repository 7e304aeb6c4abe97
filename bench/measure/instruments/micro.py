"""pyperf in the variant's own interpreter: times the core alone.

Each process starts with an environment of a different size. The size shifts the addresses of the stack and the first
objects, which affects the timing; varying it averages the effect out. Source: Mytkowicz et al., "Producing wrong data
without doing anything obviously wrong!", ASPLOS 2009.
"""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pyperf

from bench import documents, verify
from bench.build import artifacts, proof
from bench.build.proof import Proof
from bench.catalog.factors import PADDING_BYTES
from bench.errors import LabError
from bench.host.pinning import cores, pinned
from bench.model import AnyCase, Catalog, Measurement, MicroCase, Observed, Run, TimedCase, Yardstick
from bench.paths import SUBJECT, TOOLS
from bench.store import scrubbed

PROCESS_SECONDS = 600
PADDING = "BENCH_PADDING"


class FinalReport(msgspec.Struct, frozen=True):
    """The report that `bench/subject/micro.py` writes at its end: the provenance, and the check after the timing."""

    about: dict[str, Any]
    proof: Proof | None


class Start(msgspec.Struct, frozen=True):
    """How a process starts: its interpreter, additions to its environment, and a command that wraps it.

    With a `caller`, the script that it names is timed instead of the core, see `bench/subject/micro.py`: with the
    `documents` of that folder, and with the packages in the folders of `path`.
    """

    python: Path
    env: dict[str, str]
    wrapper: tuple[str, ...] = ()
    caller: tuple[str, ...] = ()
    documents: Path | None = None
    path: tuple[Path, ...] = ()


def observe(catalog: Catalog, case: MicroCase, output: Path) -> Observed:
    """Time the core in one fresh process, its environment padded by a random size; see `timed`."""
    return timed(catalog, case, output, Start(artifacts.python(case.variant), padded(padding_bytes(output))))


def padded(size: int) -> dict[str, str]:
    """Return the variable that pads an environment by `size` bytes."""
    return {PADDING: "x" * size}


def padding_bytes(output: Path) -> int:
    """Return a random size below `PADDING_BYTES`, seeded by the names of session, block and case."""
    return random.Random("/".join(output.parts[-3:])).randrange(PADDING_BYTES)


def timed(catalog: Catalog, case: TimedCase, output: Path, start: Start) -> Observed:
    """Time the core over the workload's documents in one fresh process, and keep its pyperf JSON beside `output`.

    Raises LabError with the last line of pyperf's output if it fails, or if the provenance check does.
    """
    workload = catalog.workloads[case.workload]
    result = output.with_suffix(".pyperf.json")
    variant = catalog.variant(case.variant)
    env = artifacts.environment(catalog, variant) | artifacts.path_environment(variant, case.path) | start.env
    env["PYTHONPATH"] = ":".join(map(str, (TOOLS / variant.interpreter, *start.path)))
    final_report = output.with_suffix(".about.json")
    names = ("values", "loops", "warmups", "threads")
    settings = [f"--{name}={getattr(case, name)}" for name in names] + [f"--slower={case.slower or 0}"]
    docs = None if start.documents else documents.ensure(workload)
    held_out = docs.check if docs and workload.documents and workload.documents.folder else None
    argv = [
        *start.wrapper, str(start.python), str(SUBJECT / "micro.py"),
        "--name", _benchmark(case), "--documents", str(docs.load if docs else start.documents),
        "--processes", "1", *settings, "--inherit-environ", ",".join(sorted(env)), "--quiet", "--output", str(result),
        "--final-report", str(final_report), *(["--unanswered"] if isinstance(variant, Yardstick) else []),
        *(["--held-out", str(held_out)] if held_out else []), *start.caller,
    ]  # fmt: skip
    result.unlink(missing_ok=True)
    argv = pinned(argv, cores().all if case.threads > 1 else cores().server)
    with scrubbed(result):
        done = _run(argv, output.parent, env)
    if done.returncode:
        reason = _last_lines(done.stderr or done.stdout)
        raise LabError(f"pyperf of {variant.name} failed with status {done.returncode}: {reason}")
    observed = read(catalog, result, variant.name)
    report = msgspec.json.decode(final_report.read_bytes(), type=FinalReport)
    facts = verify.provenance(catalog, variant.name, report.about)
    built = Measurement(metric="build", unit="s", values=(artifacts.require(variant.name).build_seconds,))
    padding = Measurement(metric="padding", unit="B", values=(float(len(start.env[PADDING])),))
    measurements = (*observed.measurements, built, padding, *_fallbacks(observed, facts))
    if report.proof:
        if case.threads == 1:
            seconds = None if held_out else statistics.median(observed.values("time"))
            proof.judge(report.proof, seconds, alike=not start.caller)  # the start of an event loop is part of a call
        measurements += proof.measurements(report.proof)
    facts = artifacts.provenance(variant.name) | facts
    return msgspec.structs.replace(observed, measurements=measurements, facts=facts)


def _run(argv: list[str], folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run pyperf to its end. After `PROCESS_SECONDS` it is killed with all its processes, and LabError is raised."""
    with subprocess.Popen(
        argv,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=PROCESS_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise LabError(f"the process hangs: killed after {PROCESS_SECONDS:g} s") from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(argv, process.returncode, output, errors)


def _last_lines(text: str) -> str:
    """Return the worker's last line before pyperf's traceback, if there is one, and the last line of all."""
    parts = [text.rpartition("Traceback (most recent call last):")[0], text]
    return "; ".join(line for part in parts for line in part.strip().splitlines()[-1:])


def _fallbacks(observed: Observed, facts: dict[str, Any]) -> tuple[Measurement, ...]:
    """Return the share of documents that the core passed to the reference core, if it counts them.

    The first document does not count.
    """
    if "fallbacks" not in facts:
        return ()
    (documents,) = observed.values("documents")
    total = documents * (len(observed.values("warmup")) + len(observed.values("time")))
    share = (facts["fallbacks"] - observed.facts["fallbacks"]) / total
    return (Measurement(metric="fallbacks", unit="1", values=(share,)),)


def read(catalog: Catalog, path: Path, variant: str) -> Observed:
    """Read the pyperf JSON of one process of `variant`: seconds per document of all iterations.

    The metric `documents` is the number of documents in an iteration.
    """
    (bench,) = pyperf.BenchmarkSuite.load(str(path)).get_benchmarks()
    (run,) = bench.get_runs()
    metadata = bench.get_metadata()
    warmups = [value for _, value in run.warmups or ()]
    measurements = (
        Measurement(metric="first", unit="s", values=(metadata["first_seconds"],)),
        *(
            Measurement(metric=metric, unit=unit, values=(metadata[key],))
            for metric, unit, key in (("ready", "s", "ready_seconds"), ("size", "B", "mean_bytes"))
            if key in metadata
        ),
        Measurement(metric="documents", unit="1", values=(float(metadata["documents"] * metadata["loops"]),)),
        Measurement(metric="warmup", unit="s", values=tuple(warmups)),
        Measurement(metric="time", unit="s", values=tuple(run.values)),
    )
    return Observed(measurements=measurements, facts=verify.provenance(catalog, variant, json.loads(metadata["about"])))


def _benchmark(case: TimedCase) -> str:
    return f"transform {case.workload}{f', {case.threads} threads' if case.threads > 1 else ''}"


def _name(case: AnyCase) -> str:
    slower = f"slower-{case.slower}" if case.slower else None
    marks = ["again" if case.aa else None, slower, case.path and f"path-{case.path}"]
    return "-".join([case.variant, *(mark for mark in marks if mark)])


def merge(session: Path, runs: Iterable[Run]) -> None:
    """Merge the processes of each variant into one pyperf JSON for `pyperf compare_to`: `pyperf/<variant>.json`.

    It contains one benchmark per workload.
    """
    folder = session / "pyperf"
    folder.mkdir(exist_ok=True)
    merged: dict[str, dict[str, pyperf.Benchmark]] = {}
    for run in runs:
        for raw in run.raw:
            if run.verdict == "pass" and run.case.instrument == "micro" and raw.endswith(".pyperf.json"):
                benchmarks = merged.setdefault(_name(run.case), {})
                (one,) = pyperf.BenchmarkSuite.load(str(session / raw)).get_benchmarks()
                if one.get_name() in benchmarks:
                    benchmarks[one.get_name()].add_runs(one)
                else:
                    benchmarks[one.get_name()] = one
    for name, benchmarks in merged.items():
        pyperf.BenchmarkSuite(list(benchmarks.values())).dump(str(folder / f"{name}.json"), replace=True)
