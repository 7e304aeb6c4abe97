"""`make scale`: what planning and telling take of a large study, against the limits; exit status 1 beyond one.

The study and its results are made up; nothing is measured of any core. A limit is of the CPU time of this process, as
the wall time of a busy machine tells of its neighbours.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from bench import store
from bench.measure import identity
from bench.model import Artifact, Catalog, MacroPlan, Plan, Provisioned, Ready, Run, Session, Study, Variant
from bench.plan import estimate
from bench.plan.planned import plan
from bench.report import finding, page
from tests.declared import CATALOG
from tests.unit import sessions

T = TypeVar("T")
CASES, PLAN_SECONDS = 100_000, 5.0
RESULTS, REPORT_SECONDS, REPORT_MEGABYTES = 10_000, 15.0, 10.0
SERVERS = ("gunicorn-sync", "gunicorn-gthread", "uwsgi-processes", "uwsgi-threads")


def many(count: int) -> dict[str, Variant]:
    """So many variants of one declaration, `cpython` the first."""
    names = ["cpython", *(f"variant-{number:03}" for number in range(1, count))]
    return {name: like_cpython(name) for name in names}


def like_cpython(name: str) -> Variant:
    """A variant that no file declares."""
    return msgspec.structs.replace(CATALOG.variants["cpython"], name=name, title=name)


def artifact(variant: str) -> Artifact:
    """A made-up artifact of it."""
    interpreter = Provisioned("cpython-3.11", "python3.11", "cpython", "3.11.2", "path", {}, "c" * 64)
    return Artifact(variant, "f" * 64, "core.whl", "a" * 64, "a" * 64, 1, 1.0, interpreter, sessions.STARTED)


def large(variants: tuple[str, ...], **plans: object) -> Study:
    """A study of these variants behind every server."""
    return msgspec.structs.replace(sessions.quick(), variants=variants, servers=SERVERS, **plans)


def plan_cases(declared: Catalog) -> Plan:
    """Every case of a study of `CASES`, with its inputs' hashes and its place in the estimate."""
    variants = tuple(declared.variants)
    loads = ("closed",) * (CASES // (len(variants) * len(SERVERS)))
    study = large(variants, macro=MacroPlan(loads=loads, runs=2), open=None, instructions=None)
    ready = Ready(machine={}, artifacts={name: artifact(name) for name in variants})
    made = plan(study, declared)
    assert made.unavailable == ()
    assert estimate.plan_seconds(made) > 0
    return identity.identify_plan(made, ready)


def results() -> tuple[Study, list[Run]]:
    """A study of a matrix and about `RESULTS` runs of it, with series as long as real ones."""
    extra = {f"variant-{number:03}": sessions.CORES["cython"] for number in range(30)}
    sessions.CORES.update(extra)
    sessions.SERVERS.update(dict.fromkeys(SERVERS, 30e-6))
    study = large((*sessions.CORES, sessions.UNBUILT))
    blocks = RESULTS // (len(sessions.CORES) * (len(SERVERS) + 2))
    return study, sessions.runs(study, dict.fromkeys(sessions.BLOCKS, blocks))


def stored(folder: Path, study: Study, runs: list[Run]) -> None:
    """Put the runs where a session keeps them."""
    made_up = {name: like_cpython(name) for name in study.variants if name not in CATALOG.variants}
    declared = msgspec.structs.replace(CATALOG, variants=CATALOG.variants | made_up)
    store.write(folder / "session.json", sessions.session(study, runs, catalog=declared))
    for run in runs:
        block = folder / f"{run.case.instrument}-{run.block:03}"
        block.mkdir(exist_ok=True)
        (block / f"{run.case.identity}.json").write_bytes(msgspec.json.format(msgspec.json.encode(run)))


def report(folder: Path) -> Path:
    """What `report` does: read every run, derive the finding, write the page."""
    session, runs = store.read(folder / "session.json", Session), store.runs(folder)
    return page.write(folder, finding.find(session, runs))


def took(work: Callable[[], T]) -> tuple[float, T]:
    """The CPU seconds of some work, and what it made."""
    began = time.process_time()
    made = work()
    return time.process_time() - began, made


def told(what: str, figure: float, limit: float, unit: str) -> bool:
    """Print a figure against its limit; whether it keeps to that."""
    print(f"{what}: {figure:,.1f} {unit}, at most {limit:,.0f}{'' if figure <= limit else ': TOO MUCH'}")
    return figure <= limit


def main() -> int:
    """Plan, report, and print what it took."""
    kept = []
    study, runs = results()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stored(folder, study, runs)
        seconds, written = took(lambda: report(folder))
        kept.append(told(f"report over {len(runs):,} results", seconds, REPORT_SECONDS, "s"))
        kept.append(told("its page", written.stat().st_size / 1e6, REPORT_MEGABYTES, "MB"))
    declared = msgspec.structs.replace(CATALOG, variants=many(500))
    seconds, made = took(lambda: plan_cases(declared))
    count = len(made.cases)
    kept.append(told(f"plan for {count:,} cases", seconds, PLAN_SECONDS, "s"))
    return int(not all(kept))


if __name__ == "__main__":
    sys.exit(main())
