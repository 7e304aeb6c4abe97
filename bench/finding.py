"""study + session + runs → what they say, in frozen rows; the page, the terminal and the answer read nothing else.

A figure of a stack comes from runs of one session, a ratio from pairs within its blocks. What is absent says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from bench import catalog
from bench.cost import Cost, Price, cost
from bench.errors import LabError
from bench.evidence import Comparison, Evidence, Figure, Subject, capacity, latency, mean, quantile
from bench.instruments.sizes import PARTS
from bench.model import Instrument, Run, Server, Session, Stack, Study, Verdict, stack_of
from bench.stats import Ratio, Shape, warmup_shape

REFERENCE = "app.core"
PERCENTILES = ("p50", "p90", "p99", "p99.9", "max")
LEAST_STEP = 0.02  # a change of speed that is no warm-up, however quiet the machine

Series = tuple[tuple[float | None, ...], ...]


class Core(msgspec.Struct, frozen=True, kw_only=True):
    """A variant by itself, without a server: seconds per document, steady and for the first one of a process."""

    variant: str
    title: str
    baseline: bool
    rewritten: bool
    time: Figure
    first: Figure
    shape: Shape | None
    speedup: Comparison
    build_seconds: Figure
    wheel_bytes: Figure
    facts: dict[str, Any]
    verdict: Verdict
    reason: str | None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A stack: seconds of server CPU per request under the closed load, requests per second, seconds, bytes."""

    stack: Stack
    core: Core
    server: str
    cpu: Figure
    speedup: Comparison
    capacity: Figure
    p99: Figure
    memory: Figure
    start: Figure
    start_p95: Figure
    parts: dict[str, dict[str, float]]
    unpacked: Figure
    compressed: Figure
    cost: Cost
    verdict: Verdict
    reason: str | None


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """How one run under a load went, second by second, its series as stored; `rate` in requests per second."""

    stack: Stack
    title: str
    load: str
    block: int
    rate: float | None
    series: dict[str, Series]
    percentiles: dict[str, Figure]
    raw: tuple[str, ...]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """All that a session says.

    `same` is the ratio of the A/A pair, `floor` how far from 1 it reaches. `lead` compares the fastest core with the
    second, `cheapest` the stack that spends the least server CPU with the next.
    """

    study: Study
    session: Session
    same: Ratio | None
    floor: float | None
    lead: Comparison
    cheapest: Comparison
    cores: tuple[Core, ...]
    rows: tuple[Row, ...]
    courses: tuple[Course, ...]
    failed: tuple[Run, ...]
    price: Price | None

    @property
    def baseline(self) -> Core:
        """What all speed-ups are relative to."""
        return next(core for core in self.cores if core.baseline)


def find(session: Session, runs: Iterable[Run], study: Study, price: Price | None = None) -> Finding:
    """Derive everything that is shown; the fastest core and the cheapest stack come first, what has no figure last."""
    runs = list(runs)
    evidence = Evidence(session, runs, study)
    cores = sorted((_core(name, evidence) for name in study.variants), key=lambda core: _rank(core.time))
    rows = [_row(stack, core, evidence, price) for core in cores for stack in _stacks(study, core.variant)]
    rows.sort(key=lambda row: _rank(row.cpu))
    loaded = [run for run in runs if run.case.load and run.verdict == "pass"]
    return Finding(
        study=study,
        session=session,
        same=evidence.same,
        floor=evidence.floor,
        lead=_lead(evidence, "micro", "time", [core.variant for core in cores]),
        cheapest=_lead(evidence, "macro", "cpu", [row.stack for row in rows]),
        cores=tuple(cores),
        rows=tuple(rows),
        courses=tuple(sorted((_course(run) for run in loaded), key=lambda course: _place(course, study))),
        failed=tuple(run for run in runs if run.verdict == "failed"),
        price=price,
    )


def served_by(stack: Stack) -> Server | None:
    """The declaration of the server behind `stack`, None where the catalogue has it no more."""
    try:
        return catalog.server_for(stack)
    except LabError:
        return None


def _core(name: str, evidence: Evidence) -> Core:
    runs, reason = evidence.of("micro", name), evidence.why_none("micro", name)
    sizes = [run for stack in _stacks(evidence.study, name) for run in evidence.of("size", stack)]
    no_size = evidence.trouble(name) or "not measured"
    return Core(
        variant=name,
        title=_title(catalog.variants(), name),
        baseline=name == evidence.study.baseline,
        rewritten=name in catalog.variants() and catalog.variants()[name].core != REFERENCE,
        time=mean(runs, "time", reason),
        first=mean(runs, "first", reason),
        shape=_shape(runs, max(evidence.floor or 0.0, LEAST_STEP)),
        speedup=evidence.speedup("micro", name, "time"),
        build_seconds=mean(sizes, "build", no_size),
        wheel_bytes=mean(sizes, "wheel", no_size),
        facts={name: fact for run in [*sizes[:1], *runs[:1]] for name, fact in run.facts.items()},
        verdict=evidence.verdict(name),
        reason=evidence.trouble(name),
    )


def _row(stack: Stack, core: Core, evidence: Evidence, price: Price | None) -> Row:
    load = _closed(evidence.study)
    runs, reason = evidence.of("macro", stack, load), evidence.why_none("macro", stack, load)
    starts, no_start = evidence.of("startup", stack), evidence.why_none("startup", stack)
    parts = _parts(evidence.of("size", stack))
    no_size = evidence.why_none("size", stack)
    server = served_by(stack)
    cpu, memory = mean(runs, "cpu", reason), mean(runs, "memory.loaded", reason)
    return Row(
        stack=stack,
        core=core,
        server=server.title if server else stack.server,
        cpu=cpu,
        speedup=evidence.speedup("macro", stack, "cpu", load),
        capacity=capacity(runs, reason),
        p99=latency(runs, "p99", reason),
        memory=memory,
        start=quantile(starts, "ready", 0.5, no_start),
        start_p95=quantile(starts, "ready", 0.95, no_start),
        parts=parts,
        unpacked=_total(parts, "unpacked", no_size),
        compressed=_total(parts, "compressed", no_size),
        cost=cost(cpu, memory, price),
        verdict=evidence.verdict(stack),
        reason=evidence.trouble(stack),
    )


def _lead(evidence: Evidence, instrument: Instrument, metric: str, ranked: Sequence[Subject]) -> Comparison:
    """The first of those that are ranked by `metric` over the second."""
    if len(ranked) < 2:
        return Comparison(reason="there is no second to compare with")
    load = _closed(evidence.study) if instrument == "macro" else None
    return evidence.speedup(instrument, ranked[0], metric, load, over=ranked[1])


def _course(run: Run) -> Course:
    stack = stack_of(run.case)
    return Course(
        stack=stack,
        title=_title(catalog.variants(), stack.variant),
        load=run.case.load or "",
        block=run.block,
        rate=run.case.rate,
        series=run.series,
        percentiles={name: latency([run], name, "") for name in PERCENTILES},
        raw=run.raw,
    )


def _stacks(study: Study, variant: str) -> Iterator[Stack]:
    for server in study.servers:
        for framework in study.frameworks:
            yield Stack(variant=variant, framework=framework, server=server)


def _closed(study: Study) -> str | None:
    """The load that the figures of the table come from: the first closed one."""
    return study.macro.loads[0] if study.macro else None


def _place(course: Course, study: Study) -> tuple[int, bool, int]:
    """Courses stand in the study's order of loads, the baseline first."""
    loads = (study.macro.loads if study.macro else ()) + (study.open.loads if study.open else ())
    return loads.index(course.load), course.stack.variant != study.baseline, course.block


def _shape(runs: Iterable[Run], tolerance: float) -> Shape | None:
    steady = [len(run.values("time")) for run in runs]
    if not steady or not min(steady):
        return None
    return warmup_shape([run.values("warmup") + run.values("time") for run in runs], min(steady), tolerance)


def _parts(runs: Iterable[Run]) -> dict[str, dict[str, float]]:
    """Bytes by part and kind, of the last run; a part that holds nothing is absent."""
    found: dict[str, dict[str, float]] = {}
    for metric in (metric for run in runs for metric in run.measurements):
        part, _, kind = metric.metric.partition(".")
        if part in PARTS:
            found.setdefault(part, {})[kind] = metric.values[-1]
    return found


def _total(parts: dict[str, dict[str, float]], kind: str, reason: str) -> Figure:
    return Figure(value=sum(part[kind] for part in parts.values())) if parts else Figure(reason=reason)


def _rank(figure: Figure) -> float:
    return float("inf") if figure.value is None else figure.value


def _title(known: Mapping[str, Any], name: str) -> str:
    """The catalogue's title; results may outlive the declaration, then the name stands for itself."""
    return str(known[name].title) if name in known else name
