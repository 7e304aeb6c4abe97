"""pyperf in the variant's own interpreter: the core alone, nothing around it.

Each process begins with an environment of another size, as that moves where its stack and its first objects lie
(Mytkowicz et al., "Producing wrong data without doing anything obviously wrong!", ASPLOS 2009): so it is averaged over.
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
from bench.model import AnyCase, Catalog, Measurement, MicroCase, Observed, Run, Yardstick
from bench.paths import SUBJECT, TOOLS
from bench.store import scrubbed

PROCESS_SECONDS = 600
PADDING = "BENCH_PADDING"


class LastWords(msgspec.Struct, frozen=True):
    """What `subject/micro.py` writes at its end: the provenance, and how the core proved itself."""

    about: dict[str, Any]
    proof: Proof | None


class Start(msgspec.Struct, frozen=True):
    """How a process begins: its interpreter, what is added to its environment, and the command that starts it."""

    python: Path
    env: dict[str, str]
    by: tuple[str, ...] = ()


def observe(catalog: Catalog, case: MicroCase, output: Path) -> Observed:
    """One fresh process of the variant as it is usually started, its environment padded at random (`timed`)."""
    return timed(catalog, case, output, Start(artifacts.python(case.variant), padded(padding_bytes(output))))


def padded(size: int) -> dict[str, str]:
    """What pads an environment by so many bytes."""
    return {PADDING: "x" * size}


def padding_bytes(output: Path) -> int:
    """A number below `PADDING_BYTES`, drawn by the names of session, block and case, so that it can be drawn again."""
    return random.Random("/".join(output.parts[-3:])).randrange(PADDING_BYTES)


def timed(catalog: Catalog, case: MicroCase, output: Path, start: Start) -> Observed:
    """One fresh process of the variant over the workload's documents; its pyperf JSON is kept beside `output`.

    Raises LabError with the last line of pyperf's output if it fails, or if something else ran than was declared.
    """
    workload = catalog.workloads[case.workload]
    result = output.with_suffix(".pyperf.json")
    variant = catalog.variant(case.variant)
    env = artifacts.environment(catalog, variant) | artifacts.path_environment(variant, case.path) | start.env
    env["PYTHONPATH"] = str(TOOLS / variant.interpreter)
    last_words = output.with_suffix(".about.json")
    names = ("values", "loops", "warmups", "threads")
    settings = [f"--{name}={getattr(case, name)}" for name in names] + [f"--slower={case.slower or 0}"]
    docs = documents.ensure(workload)
    given = workload.documents is not None and workload.documents.folder is not None
    argv = [
        *start.by, str(start.python), str(SUBJECT / "micro.py"),
        "--name", _benchmark(case), "--documents", str(docs.load),
        "--processes", "1", *settings, "--inherit-environ", ",".join(sorted(env)), "--quiet", "--output", str(result),
        "--last-words", str(last_words), *(["--unanswered"] if isinstance(variant, Yardstick) else []),
        *(["--held-out", str(docs.check)] if given else []),
    ]  # fmt: skip
    result.unlink(missing_ok=True)
    argv = pinned(argv, cores().all if case.threads > 1 else cores().server)
    with scrubbed(result):
        done = _run(argv, output.parent, env)
    if done.returncode:
        said = _last_words(done.stderr or done.stdout)
        raise LabError(f"pyperf of {variant.name} failed with status {done.returncode}: {said}")
    observed = read(catalog, result, variant.name)
    words = msgspec.json.decode(last_words.read_bytes(), type=LastWords)
    told = verify.provenance(catalog, variant.name, words.about)
    built = Measurement(metric="build", unit="s", values=(artifacts.require(variant.name).build_seconds,))
    padding = Measurement(metric="padding", unit="B", values=(float(len(start.env[PADDING])),))
    counts = (*observed.measurements, built, padding, *_fallbacks(observed, told))
    if words.proof:
        if case.threads == 1:
            proof.judge(words.proof, None if given else statistics.median(observed.values("time")))
        counts += proof.measurements(words.proof)
    return msgspec.structs.replace(observed, measurements=counts, facts=artifacts.provenance(variant.name) | told)


def _run(argv: list[str], folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run pyperf to its end. Raises LabError after `PROCESS_SECONDS`; its own processes are killed with it."""
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
            said, complained = process.communicate(timeout=PROCESS_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise LabError(f"the process hangs: it still ran after {PROCESS_SECONDS:g} s, and was killed") from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(argv, process.returncode, said, complained)


def _last_words(text: str) -> str:
    """The last line of the worker, if it said one before pyperf's own traceback, and the last of all."""
    parts = [text.rpartition("Traceback (most recent call last):")[0], text]
    return "; ".join(line for part in parts for line in part.strip().splitlines()[-1:])


def _fallbacks(observed: Observed, told: dict[str, Any]) -> tuple[Measurement, ...]:
    """The share of its documents that a core which counts them handed to the reference core, the first one apart."""
    if "fallbacks" not in told:
        return ()
    (documents,) = observed.values("documents")
    passed = documents * (len(observed.values("warmup")) + len(observed.values("time")))
    share = (told["fallbacks"] - observed.facts["fallbacks"]) / passed
    return (Measurement(metric="fallbacks", unit="1", values=(share,)),)


def read(catalog: Catalog, path: Path, variant: str) -> Observed:
    """The values of a pyperf JSON of one process of `variant`, in seconds per document; all iterations are kept.

    `documents` is how many an iteration took.
    """
    (bench,) = pyperf.BenchmarkSuite.load(str(path)).get_benchmarks()
    (timed,) = bench.get_runs()
    metadata = bench.get_metadata()
    warmups = [value for _, value in timed.warmups or ()]
    measurements = (
        Measurement(metric="first", unit="s", values=(metadata["first_seconds"],)),
        *(
            Measurement(metric=metric, unit=unit, values=(metadata[key],))
            for metric, unit, key in (("ready", "s", "ready_seconds"), ("size", "B", "mean_bytes"))
            if key in metadata
        ),
        Measurement(metric="documents", unit="1", values=(float(metadata["documents"] * metadata["loops"]),)),
        Measurement(metric="warmup", unit="s", values=tuple(warmups)),
        Measurement(metric="time", unit="s", values=tuple(timed.values)),
    )
    return Observed(measurements=measurements, facts=verify.provenance(catalog, variant, json.loads(metadata["about"])))


def _benchmark(case: MicroCase) -> str:
    return f"transform {case.workload}{f', {case.threads} threads' if case.threads > 1 else ''}"


def _name(case: AnyCase) -> str:
    slower = f"slower-{case.slower}" if case.slower else None
    marks = ["again" if case.aa else None, slower, case.path and f"path-{case.path}"]
    return "-".join([case.variant, *(mark for mark in marks if mark)])


def merge(session: Path, runs: Iterable[Run]) -> None:
    """Put the processes of each variant into one plain pyperf JSON for `compare_to`: `pyperf/<variant>.json`.

    It holds one benchmark a workload.
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
