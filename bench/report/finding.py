"""From a session and its runs to a finding for each workload.

Figures come from the runs of one session, ratios from pairs within its blocks. What is absent has a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec

from bench.analysis.breaking import overload
from bench.analysis.comparison import MARGIN, Comparison, as_a_family
from bench.analysis.rejudged import rejudged
from bench.analysis.selftest import Selftest
from bench.catalog import pairing
from bench.model import Plan, Run, Session, Stack, Study, Variant, stack_of
from bench.report.attacked import attacked
from bench.report.cards import changes
from bench.report.cost import Price, cost
from bench.report.delivered import delivered
from bench.report.estimates import (
    Figure,
    backend,
    capacity,
    latency,
    mean,
    parts_of,
    quantile,
    settled,
    total,
    warm,
    warmed_up,
)
from bench.report.evidence import Evidence
from bench.report.gated import agreements, gated
from bench.report.latencies import latencies
from bench.report.layered import layered
from bench.report.limited import APART, limited
from bench.report.ranking import brief_load, ranking
from bench.report.replaced import replaced
from bench.report.rows import Core, Course, Finding, InstructionCounts, Row, closed_load, place
from bench.report.stolen import stolen
from bench.report.suites import tested
from bench.report.targets import target_results

T = TypeVar("T", Core, Row)
PERCENTILES = ("p50", "p99", "max")  # of an open load beyond capacity


def find(
    session: Session,
    runs: Iterable[Run],
    price: Price | None = None,
    selftest: Selftest | None = None,
) -> Finding:
    """The finding for the study's first workload, with those for the others in it.

    `selftest` is that of the session's machine. For each workload, the speed-ups of all cores are one family of
    comparisons, those of all stacks another.
    """
    study, every = session.plan.study, rejudged(runs)
    runs = [run for run in every if run.case.instrument not in APART]
    evidences = [Evidence(session, runs, workload, selftest) for workload in study.workloads]
    first, *others = [_of_workload(evidence, session, runs, price, selftest) for evidence in evidences]
    targets, suites = target_results(study, session, runs, selftest), tested(study, session, runs, selftest)
    kept = {"targets": targets, "tested": suites, "stolen": stolen(runs), "proxies": _proxies(every)}
    kept |= {"attacked": attacked(session, runs), "limited": limited(session, every)}
    kept |= {"replaced": replaced(session, every)}
    kept |= {"delivered": delivered(session, every)}
    return msgspec.structs.replace(first, others=tuple(others), **kept)


def _proxies(runs: list[Run]) -> tuple[str, ...]:
    """The proxies before servers, by program and version."""
    return tuple(sorted({str(run.facts["proxy"]) for run in runs if "proxy" in run.facts}))


def _of_workload(
    evidence: Evidence, session: Session, runs: list[Run], price: Price | None, selftest: Selftest | None
) -> Finding:
    """The fastest core and the cheapest stack come first, those without a figure last."""
    study, workload = evidence.study, evidence.workload
    cores = families(sorted((_core(name, evidence) for name in study.variants), key=lambda core: rank(core.time)))
    peers = [_core(name, evidence) for name in study.peers]
    rows = [_row(stack, core, evidence, price) for core in cores for stack in _stacks(study, core.variant)]
    rows += [_row(Stack(variant=peer.variant), peer, evidence, price) for peer in peers]
    rows = families(sorted(rows, key=lambda row: rank(row.cpu)))
    of_workload = [run for run in runs if run.verdict == "pass" and run.case.workload == workload]
    loaded = [run for run in of_workload if run.case.stack and run.case.load and not evidence.trouble(run.case.stack)]
    loaded = [run for run in loaded if not _is_of_latency(run, study)]
    waited = [run for run in runs if run.case.workload == workload and _is_of_latency(run, study)]
    capacities = {row.stack: row.capacity.value for row in rows}
    courses = [_course(run, session.plan, capacities.get(stack_of(run.case))) for run in loaded]
    load = closed_load(study, workload)
    null, brief = evidence.null(load), brief_load(session, load)
    requests = layered(session, runs, workload, selftest)
    return Finding(
        workload=workload,
        session=session,
        same=evidence.same or requests.same,
        selftest=selftest,
        floor=max(evidence.floor("micro"), requests.floor),
        layered=requests,
        floor_served=evidence.floor("macro"),
        lead=_lead(evidence, [core.variant for core in cores]),
        cores=tuple(cores),
        peers=tuple(peers),
        rows=tuple(rows),
        courses=tuple(sorted(courses, key=lambda course: _order(course, study))),
        ranking=ranking(evidence, runs, load, session.race),
        raced=ranking(evidence, runs, brief, session.race) if brief else (),
        gates=gated((run for run in runs if run.case.workload == workload), null),
        agreements=agreements(of_workload),
        latencies=latencies(waited, {stack_of(run.case): _title(stack_of(run.case), session.plan) for run in waited}),
        null=null,
        machines=len({run.machine for run in runs if run.machine}),
        residual=evidence.residual(load),
        failed=tuple(run for run in runs if run.verdict == "failed" and run.case.workload in {workload, None}),
        price=price,
        changes=changes(evidence, [row.stack for row in rows]) if evidence.plan.is_of_an_application else (),
    )


def _is_of_latency(run: Run, study: Study) -> bool:
    """Whether a run is of the plan for latencies: at shares of its capacity, or at the common rate alone."""
    plan = study.latency
    return bool(run.case.shares) or bool(plan and not plan.shares and run.case.load == plan.load)


def _core(name: str, evidence: Evidence) -> Core:
    runs, reason = evidence.of("micro", name), evidence.why_none("micro", name)
    stacks = [Stack(variant=name)] if name in evidence.study.peers else list(_stacks(evidence.study, name))
    sizes = [run for stack in stacks for run in evidence.of("size", stack)]
    load = closed_load(evidence.study, evidence.workload)
    loaded = [run for stack in stacks for run in evidence.of("macro", stack, load)]
    no_size = evidence.trouble(name) or "not measured"
    shape = warm(runs, max(evidence.spread("micro"), MARGIN))
    declared = evidence.catalog.subject(name)
    return Core(
        variant=name,
        workload=evidence.workload,
        title=declared.title,
        baseline=name == evidence.study.baseline,
        rewritten=isinstance(declared, Variant) and declared.is_rewritten,
        plain=isinstance(declared, Variant) and declared.is_plain,
        time=mean(runs, "time", reason),
        first=mean(runs, "first", reason),
        settled=settled(runs, shape, reason),
        shape=shape.shape if shape else None,
        speedup=evidence.speedup("micro", name, "time"),
        counts=_counts(name, evidence),
        build_seconds=mean(sizes, "build", no_size),
        wheel_bytes=mean(sizes, "wheel", no_size),
        source=mean(sizes, "source", no_size),
        dependencies=mean(sizes, "dependencies", no_size),
        facts={name: fact for run in [*sizes[:1], *(runs or loaded)[:1]] for name, fact in run.facts.items()},
        verdict=evidence.verdict(name),
        reason=evidence.trouble(name),
    )


def _counts(name: str, evidence: Evidence) -> InstructionCounts:
    runs, reason = evidence.of("instructions", name), evidence.why_none("instructions", name)
    counted = [value for run in runs for value in run.values("instructions")]
    path, timed = (runs[0].facts.get(fact) for fact in ("path", "timed_path")) if runs else (None, None)
    return InstructionCounts(
        instructions=mean(runs, "instructions", reason),
        spread=max(counted) / min(counted) - 1 if counted else None,
        path=path,
        timed_path=timed if timed != path else None,
        time=mean(evidence.forced(name), "time", "not timed on that path"),
        speedup=evidence.forced_speedup(name),
    )


def _row(stack: Stack, core: Core, evidence: Evidence, price: Price | None) -> Row:
    load = closed_load(evidence.study, evidence.workload)
    runs, reason = evidence.of("macro", stack, load), evidence.why_none("macro", stack, load)
    starts, no_start = evidence.of("startup", stack), evidence.why_none("startup", stack)
    parts = parts_of(evidence.of("size", stack))
    no_size = evidence.why_none("size", stack)
    cpu, memory = mean(runs, "cpu", reason), mean(runs, "memory.loaded", reason)
    return Row(
        stack=stack,
        workload=evidence.workload,
        place=place(stack, evidence.plan),
        core=core,
        server=pairing.server_for(evidence.catalog, stack).title,
        cpu=cpu,
        speedup=evidence.speedup("macro", stack, "cpu", load),
        capacity=capacity(runs, evidence.null(load), reason),
        memory=memory,
        start=quantile(starts, "ready", 0.5, no_start),
        start_p95=quantile(starts, "ready", 0.95, no_start),
        warmed=warmed_up(runs, max(evidence.spread("macro"), MARGIN), reason),
        backend=backend(runs),
        parts=parts,
        unpacked=total(parts, "unpacked", no_size),
        compressed=total(parts, "compressed", no_size),
        cost=cost(cpu, memory, price),
        verdict=evidence.verdict(stack),
        reason=evidence.trouble(stack) or evidence.eliminated(stack),
    )


def families(ranked: Sequence[T]) -> list[T]:
    """Cores or rows with their speed-ups judged as one family, which excludes the baseline."""
    others = [each for each in ranked if not _is_baseline(each)]
    held = iter(as_a_family([each.speedup for each in others]))
    return [each if _is_baseline(each) else msgspec.structs.replace(each, speedup=next(held)) for each in ranked]


def _is_baseline(each: Core | Row) -> bool:
    return each.baseline if isinstance(each, Core) else each.core.baseline


def _lead(evidence: Evidence, ranked: Sequence[str]) -> Comparison:
    """The fastest core against the second, at a level that holds for the first against all others.

    Hsu, "Multiple Comparisons", 1996, ch. 4, with Bonferroni's bound.
    """
    if len(ranked) < 2:
        return Comparison(reason="no second to compare with")
    return evidence.speedup("micro", ranked[0], "time", over=ranked[1], among=len(ranked) - 1)


def _course(run: Run, plan: Plan, capacity: float | None) -> Course:
    """A run under load of a stack with that capacity in requests per second."""
    stack = stack_of(run.case)
    return Course(
        stack=stack,
        place=place(stack, plan),
        title=_title(stack, plan),
        load=run.case.load or "",
        block=run.block,
        rate=run.case.rate,
        series=run.series,
        percentiles={name: latency([run], name, "") for name in PERCENTILES},
        memory={when: value for when in ("idle", "loaded") for value in run.values(f"memory.{when}")},
        raw=run.raw,
        capacity=capacity,
        overload=None if run.case.rate is None else overload(run, capacity),
    )


def _title(stack: Stack, plan: Plan) -> str:
    """The shortest unique name of a stack in its study: the title of a peer, others without the only variant."""
    if stack.is_peer:
        return plan.catalog.peers[stack.variant].title
    return place(stack, plan) if len(plan.study.variants) == 1 else str(stack)


def _stacks(study: Study, variant: str) -> Iterator[Stack]:
    for server in study.servers:
        for framework in study.frameworks_on(server):
            yield Stack(variant=variant, framework=framework, server=server)


def _order(course: Course, study: Study) -> tuple[int, bool, int]:
    """The key to sort courses by the study's order of loads, the baseline first."""
    loads = study.loads
    load = loads.index(course.load) if course.load in loads else len(loads)
    return load, course.stack.variant != study.baseline, course.block


def rank(figure: Figure) -> float:
    """The key to sort by a figure, absent ones last."""
    return float("inf") if figure.value is None else figure.value
