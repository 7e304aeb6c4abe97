"""A made-up session of the study `quick`: every figure here is test data, none was measured.

It has the special cases of a report: a variant with wrong answers under load, one that failed to build, an unsupported
stack, a generator-limited row, and percentiles that are absent or below the clock's resolution.
"""

from typing import Any

import msgspec
import numpy as np

from bench.analysis.selftest import AAComparisons, Selftest
from bench.catalog import declarations
from bench.model import (
    Case,
    Catalog,
    InstructionsCase,
    Instrument,
    MacroCase,
    Measurement,
    MicroCase,
    NullCase,
    Phase,
    Plan,
    Run,
    Session,
    SizeCase,
    Stack,
    StartupCase,
    Study,
    Unavailable,
)
from bench.paths import ROOT
from bench.plan.planned import selected
from tests.declared import CATALOG

STARTED = "2026-11-24T13:00:00+00:00"
SERVERS = {"gunicorn-sync": 108e-6, "uwsgi-processes": 22e-6}  # seconds of server CPU per request without the core
CORES = {  # seconds per document, seconds of the first document, MB under load, seconds of a spawn
    "cpython": (1210e-6, 1900e-6, 39, 0.42),
    "pypy": (640e-6, 21e-3, 118, 0.71),
    "cython": (26.4e-6, 61e-6, 38, 0.43),
    "numba": (41.7e-6, 1.2, 176, 1.31),
    "cython-untouched": (961e-6, 1500e-6, 39, 0.42),
    "mypyc": (1204e-6, 1700e-6, 39, 0.43),
}
BLOCKS = {"micro": 10, "startup": 20, "macro": 2}
WRONG, UNBUILT = "mypyc", "nuitka"
IMPOSSIBLE = Stack(variant="pypy", framework="falcon", server="uwsgi-processes")
LIMITED = Stack(variant="cython", framework="falcon", server="uwsgi-processes")
PARTS_MB = {"interpreter": (33, 31, 10.5), "framework": (1.2, 1.2, 0.3), "server": (0.9, 0.9, 0.2)}
MACHINE = {
    "architecture": "x86_64", "cpu": "Example CPU @ 3.0 GHz", "cores": 2, "virtual": True, "memory_bytes": 8 * 2**30,
    "kernel": "6.1.0-0-amd64", "system": "Debian GNU/Linux 12 (bookworm)", "python": "3.11.2",
    "load_average": [0.4, 0.3, 0.2], "commit": "0123456789ab",
}  # fmt: skip


def quick() -> Study:
    """The study as declared, with these variants, whatever the catalogue has."""
    variants = (*CORES, UNBUILT)
    declared = declarations.read(ROOT / "bench/studies/quick.toml", Study)
    return msgspec.structs.replace(declared, variants=variants)


def session(study: Study, runs: list[Run], *, finished: bool = True, catalog: Catalog = CATALOG) -> Session:
    """The record of a session that made `runs`."""
    plan = Plan(
        study=study,
        catalog=selected(study, catalog),
        phases=(Phase("all", 1, tuple({run.case.identity: run.case for run in runs}.values())),),
        unavailable=(
            Unavailable(
                what=UNBUILT,
                reason="no C compiler was found",
                remedy="apt-get install gcc",
                kind="failed",
                variant=UNBUILT,
            ),
            Unavailable(
                what="pypy: instructions",
                reason="PyPy compiles while it runs",
                kind="unsupported",
                variant="pypy",
                instrument="instructions",
            ),
            Unavailable(
                what=str(IMPOSSIBLE),
                reason="uWSGI's PyPy plugin did not start",
                kind="unsupported",
                **msgspec.structs.asdict(IMPOSSIBLE),
            ),
        ),
    )
    ended = "2026-11-24T13:11:00+00:00" if finished else None
    return Session(plan=plan, started=STARTED, seed=1, machine=MACHINE, finished=ended)


def machine_tested(bias: dict[Instrument, float], significant: int = 0) -> Selftest:
    """A self-test of the machine."""
    equals = tuple(
        AAComparisons(
            instrument=instrument,
            a_side=6,
            comparisons=40,
            bias=share,
            significant=significant,
            different=2,
            allowed=5,
            smallest=0.01,
        )
        for instrument, share in bias.items()
    )
    return Selftest(started=STARTED, fingerprint="f", variant="cython", equals=equals, known=())


def runs(study: Study, blocks: dict[str, int] = BLOCKS) -> list[Run]:
    """Every run of the session, the same each time."""
    rng = np.random.default_rng(5)
    made = [_micro(name, block, rng) for block in range(blocks["micro"]) for name in CORES]
    made += [_micro("cpython", block, rng, aa=True) for block in range(blocks["micro"])]
    made += [_counted(name) for name in CORES if name != "pypy"]
    made += [_micro("cython", block, np.random.default_rng(block), path="avx2") for block in range(10)]
    stacks = [
        Stack(variant=name, framework="falcon", server=server)
        for server in study.servers
        for name in CORES
        if Stack(variant=name, framework="falcon", server=server) != IMPOSSIBLE
    ]
    made += [_size(stack) for stack in stacks]
    spawned = [stack for stack in stacks if stack.server == "gunicorn-sync"]
    made += [_start(stack, block, rng) for stack in spawned for block in range(blocks["startup"])]
    made += [_closed(stack, block, rng) for stack in stacks for block in range(blocks["macro"])]
    null = NullCase(variant="cpython", workload="medium", load="closed")
    made.append(run(null, 0, measured={"rate": ("1/s", 52_000.0), "generator_cpu": ("1", 0.97)}))
    return made


def run(case: Case, block: int, **kept) -> Run:
    """One run that passed unless `kept` says otherwise."""
    measured = kept.pop("measured", {})
    measurements = tuple(
        Measurement(metric=metric, unit=unit, values=tuple(map(float, np.atleast_1d(values))))
        for metric, (unit, values) in measured.items()
    )
    whole: dict[str, Any] = {"started": STARTED, "seconds": 1.0, "verdict": "pass", "measurements": measurements} | kept
    return Run(case=case, block=block, **whole)


def _noisy(rng, value, spread, size=None):
    return value * np.exp(rng.normal(0, spread, size))


def _counted(name):
    own = CORES[name][0] * 6e9
    facts = {"path": "avx2", "timed_path": "avx512"} if name == "cython" else {}
    case = InstructionsCase(variant=name, workload="medium", documents=3, passes=2)
    return run(case, 0, measured={"instructions": ("1", [own, 1.001 * own])}, facts={"variant": name} | facts)


def _micro(name, block, rng, *, aa=False, path=None):
    time, first, _, _ = CORES[name]
    time = time if path is None else 1.5 * time
    level = _noisy(rng, time, 0.012)
    slow = np.geomspace(4, 1.0, 8) if name == "pypy" else np.array([1.01])
    measured = {
        "first": ("s", _noisy(rng, first, 0.05)),
        "documents": ("1", 200),
        "warmup": ("s", _noisy(rng, level * slow, 0.004, len(slow))),
        "time": ("s", _noisy(rng, level, 0.004, 5)),
    }
    facts = {
        "variant": name,
        "implementation": "pypy" if name == "pypy" else "cpython",
        "python": "3.11.2",
        "suffix": ".py" if name in {"cpython", "pypy"} else ".cpython-311-x86_64-linux-gnu.so",
    }
    case = MicroCase(variant=name, workload="medium", aa=aa, path=path)
    return run(case, block, measured=measured, facts=facts)


def _size(stack):
    parts = dict(PARTS_MB)
    parts["core"] = (0.4, 0.3, 0.1) if stack.variant == "cython" else (0.05, 0.05, 0.02)
    if stack.variant == "numba":
        parts["libraries"] = (231, 190, 61)
    if stack.variant == "pypy":
        parts["interpreter"] = (98, 91, 27)
    kinds = ("unpacked", "stripped", "compressed")
    measured = {
        f"{part}.{kind}": ("B", value * 1e6)
        for part, sizes in parts.items()
        for kind, value in zip(kinds, sizes, strict=True)
    }
    measured |= {"wheel": ("B", 9200 if stack.variant == "cpython" else 140_000), "build": ("s", 14.2)}
    return run(SizeCase(stack=stack), 0, measured=measured)


def _start(stack, block, rng):
    case = StartupCase(stack=stack, workload="medium")
    return run(case, block, measured={"ready": ("s", _noisy(rng, CORES[stack.variant][3], 0.05))})


def _closed(stack, block, rng):
    case = MacroCase(stack=stack, workload="medium", load="closed")
    if stack.variant == WRONG and stack.server == "gunicorn-sync" and block == 1:
        reason = "3 of 8 held-out documents answered wrong after the load"
        return run(case, block, verdict="failed", reason=reason, gate="right answers")
    cpu = _noisy(rng, CORES[stack.variant][0] + SERVERS[stack.server], 0.006)
    measured = {
        "requests": ("1", 6 / cpu),
        "cpu": ("s", cpu),
        "rate": ("1/s", 0.98 / cpu),
        "pacer.cpu": ("s", 0.97 * cpu),
        "pacer.rate": ("1/s", 0.98 / cpu),
        "pacer.generator_cpu": ("1", 0.93 if stack == LIMITED else 0.1),
        "generator_cpu": ("1", 0.93 if stack == LIMITED else 0.31),
        "latency.p50": ("s", 8 * cpu),
        "memory.idle": ("B", 0.9 * CORES[stack.variant][2] * 1e6),
        "memory.loaded": ("B", CORES[stack.variant][2] * 1e6),
        "memory.after": ("B", CORES[stack.variant][2] * 1e6),
    }
    if stack == LIMITED:
        measured |= {"latency.p50.below": ("s", 0.001), "latency.p99.below": ("s", 0.001)}
        measured.pop("latency.p50")
    elif stack.variant != "numba":  # where too few requests lie beyond the percentile
        measured["latency.p99"] = ("s", max(0.002, round(9.5 * cpu, 3)))
    return run(case, block, measured=measured, series={"memory": _memory(stack, 12, rng)})


def _memory(stack, seconds, rng):
    full = CORES[stack.variant][2] * 1e6
    times = np.arange(0, seconds, 0.5)
    rise = full * (0.9 + 0.1 * (1 - np.exp(-times / 1.5)))
    return tuple((float(at), float(_noisy(rng, level, 0.002))) for at, level in zip(times, rise, strict=True))
