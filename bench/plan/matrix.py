"""study → phases of cases, and the cases that the catalogue declares unsupported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from bench.catalog import factors, pairing
from bench.host.pinning import cores
from bench.model import (
    Case,
    Catalog,
    FactorsCase,
    FactorsPlan,
    InstructionsCase,
    Instrument,
    LayersCase,
    LayersPlan,
    MacroCase,
    MicroCase,
    MicroPlan,
    NullCase,
    Phase,
    RobustnessCase,
    Run,
    SizeCase,
    Stack,
    StartupCase,
    Study,
    SuiteCase,
    Unavailable,
    server_name,
)
from bench.plan import delivered, replaced, within

T = TypeVar("T", MicroCase, MacroCase)
SAME_REQUESTS = 200  # in a pass of a workload without documents: one for each token


def phases(study: Study, catalog: Catalog) -> list[Phase]:
    """All phases of a study except open loads, which depend on the outcome of closed ones (`bench.plan.contest`)."""
    if study.micro and study.factors:
        return [_factors(study.micro, study.factors, study, catalog)]
    served = list(stacks(study, catalog))
    found = [_sizes(study, served), _counted(study, catalog), *_alone(study, catalog), _starts(study, catalog)]
    found += [_suites(study), _layers(study, catalog), _attacked(study, served)]
    found += [*within.phases(study, served), replaced.phase(study, served, catalog)]
    found += [delivered.phase(study, catalog)]
    found += _loaded(study, served, catalog)
    return [phase for phase in found if phase]


def _sizes(study: Study, served: list[Stack]) -> Phase | None:
    return Phase("size", 1, tuple(SizeCase(stack=stack) for stack in served)) if study.sizes else None


def _counted(study: Study, catalog: Catalog) -> Phase | None:
    """Instruction counts, for the cores where counting works."""
    plan = study.instructions
    if plan is None:
        return None
    counted = tuple(
        InstructionsCase(variant=variant, workload=workload, documents=plan.documents, passes=plan.passes)
        for workload in study.workloads
        for variant in study.variants
        if pairing.uncountable(catalog, variant) is None
    )
    return Phase("instructions", plan.runs, counted)


def _alone(study: Study, catalog: Catalog) -> Iterator[Phase]:
    """The cores without a server. A self-test first measures cores that are slowed by a known share."""
    plan = study.micro
    if plan is None:
        return
    pairs = [(variant, workload) for workload in study.workloads for variant in study.variants]
    cases = [core_case(plan, variant, workload, catalog) for variant, workload in pairs]
    cases = list({case.identity: case for case in [*cases, *target_cases(study, plan, catalog)]}.values())
    if study.selftest:
        known = [
            msgspec.structs.replace(case, slower=percent) for case in cases for percent in (0, *study.selftest.slower)
        ]
        yield Phase("known", plan.processes * study.selftest.known, tuple(known))
    if study.aa or study.selftest:
        cases += _aa_cases(study, cases)
    yield Phase("micro", plan.processes * _comparisons(study), tuple(cases))


def _starts(study: Study, catalog: Catalog) -> Phase | None:
    """Start-up of all stacks, or of the first framework's behind one server, to an answer of the first workload."""
    plan = study.startup
    if plan is None:
        return None
    chosen = list(stacks(study, catalog, (plan.server,) if plan.server else None))
    if plan.server:
        chosen = [stack for stack in chosen if stack.framework in {study.frameworks_on(plan.server)[0], ""}]
    cases = tuple(StartupCase(stack=stack, workload=study.workloads[0]) for stack in chosen)
    return Phase("startup", plan.spawns, cases)


def _suites(study: Study) -> Phase | None:
    if study.suite is None:
        return None
    tested = [SuiteCase(variant=study.baseline, framework=name) for name in study.frameworks]
    tested += [msgspec.structs.replace(tested[0], aa=True)] if study.aa else []
    return Phase("suite", study.suite.processes, tuple(tested))


def _layers(study: Study, catalog: Catalog) -> Phase | None:
    """Each layering around each framework that it is for. The A/A pairs are requests through the first one."""
    plan = study.layers
    if plan is None:
        return None
    cases = [
        LayersCase(
            variant=variant,
            framework=framework,
            layering=name,
            workload=workload,
            values=plan.values,
            loops=_request_passes(plan, workload, catalog),
            warmups=catalog.warmup_of(variant).passes,
        )
        for workload in study.workloads
        for variant in study.variants
        for framework in study.frameworks
        for name in plan.named
        if catalog.layerings[name].is_for(framework)
    ]
    if study.aa:
        first = [case for case in cases if (case.variant, case.layering) == (study.baseline, plan.named[0])]
        cases += [msgspec.structs.replace(case, aa=True) for case in first if case.framework == study.frameworks[0]]
    return Phase("layers", plan.processes, tuple(cases))


def _request_passes(plan: LayersPlan, workload: str, catalog: Catalog) -> int:
    """The passes over the requests of a workload that reach the number of requests of a value."""
    spec = catalog.workloads[workload].documents
    return -(-plan.requests // (spec.count if spec else SAME_REQUESTS))


def _attacked(study: Study, served: list[Stack]) -> Phase | None:
    """Each stack under every attack."""
    plan = study.robustness
    if plan is None:
        return None
    limits = plan.limit_seconds, plan.patience_seconds
    cases = (
        RobustnessCase(stack=stack, limit_seconds=limits[0], patience_seconds=limits[1], at_once=plan.at_once)
        for stack in served
    )
    return Phase("robustness", plan.runs, tuple(cases))


def _loaded(study: Study, served: list[Stack], catalog: Catalog) -> Iterator[Phase]:
    """The stacks under the closed loads, after the null server. A self-test has A/A pairs instead of a null server."""
    plan = study.macro
    if plan is None:
        return
    cases = [
        MacroCase(stack=stack, workload=workload, load=load)
        for workload in study.workloads
        for load in plan.loads_for(workload)
        for stack in served
    ]
    if study.selftest:
        cases += _aa_cases(study, cases)
    elif nulls := tuple(_nulls(study, catalog)):
        yield Phase("null", 1, nulls)
    yield Phase("macro", plan.runs * _comparisons(study), tuple(cases))


def _comparisons(study: Study) -> int:
    return study.selftest.comparisons if study.selftest else 1


def _factors(micro: MicroPlan, plan: FactorsPlan, study: Study, catalog: Catalog) -> Phase:
    """Each variant at each level of each factor, once per block."""
    plain = [core_case(micro, variant, workload, catalog) for workload in study.workloads for variant in study.variants]
    return Phase(
        "factors",
        micro.processes,
        tuple(
            FactorsCase(
                variant=case.variant,
                workload=case.workload,
                values=case.values,
                loops=case.loops,
                warmups=case.warmups,
                factor=name,
                level=level,
            )
            for case in plain
            for name, factor in factors.FACTORS.items()
            if factors.why_not(name) is None
            for level in factor.levels(plan.levels)
        ),
    )


def core_case(plan: MicroPlan, variant: str, workload: str, catalog: Catalog, threads: int = 1) -> MicroCase:
    """The case of the core of `variant` over the documents of `workload`."""
    spec = catalog.workloads[workload].documents
    passes = max(plan.passes, -(-plan.orders // (spec.count * spec.orders))) if spec else plan.passes
    return MicroCase(
        variant=variant,
        workload=workload,
        values=plan.values,
        loops=passes,
        warmups=catalog.warmup_of(variant).passes,
        threads=threads,
    )


def target_cases(study: Study, plan: MicroPlan, catalog: Catalog) -> Iterator[MicroCase]:
    """The cases that the study's targets of cores compare, in pairs."""
    for target in study.targets:
        for workload in target.workloads if target.variant else ():
            threads = len(cores().all) if target.threads else 1
            yield core_case(plan, target.subject, workload, catalog, threads)
            if target.against:
                variant = target.against.variant or target.subject
                yield core_case(plan, variant, target.against.workload or workload, catalog)


def subjects(study: Study) -> list[str]:
    """The names of everything the study runs: variants, yardsticks of its targets, peers."""
    targets = [name for each in study.targets for name in (each.variant, each.against and each.against.variant) if name]
    runtimes = study.sizing.runtimes if study.sizing else ()
    return list(dict.fromkeys([*study.variants, *targets, *study.peers, *runtimes]))


def servers(study: Study) -> tuple[str, ...]:
    """The servers that the study needs, without tunings and places; none if it measures only cores."""
    served = (study.sizes, study.macro, study.suite, study.robustness, study.limited, study.shared, study.replaced)
    asked = study.servers if any(served) else ()
    needed = [*asked, *([study.startup.server] if study.startup and study.startup.server else [])]
    return tuple(dict.fromkeys(server_name(name).label for name in needed))


def with_counted_paths(phase: Phase, catalog: Catalog, runs: Iterable[Run]) -> Phase:
    """The phase, with each variant also timed on the path of its instruction count where that path differs."""
    counted = {
        (run.case.variant, run.case.workload): run.facts for run in runs if run.case.instrument == "instructions"
    }
    others = [
        msgspec.structs.replace(case, path=facts["path"])
        for case in phase.cases
        if isinstance(case, MicroCase) and not case.aa and (facts := counted.get((case.variant, case.workload)))
        if catalog.variant(case.variant).path and facts.get("path") != facts.get("timed_path")
    ]
    return msgspec.structs.replace(phase, cases=(*phase.cases, *others))


def stacks(study: Study, catalog: Catalog, behind: tuple[str, ...] | None = None) -> Iterator[Stack]:
    """Every supported stack of the study; with `behind`, stacks of those servers instead of the study's."""
    for stack in _all_stacks(study, behind or study.servers):
        if pairing.unsupported(catalog, stack) is None:
            yield stack


def unsupported(study: Study, catalog: Catalog) -> list[Unavailable]:
    """The unsupported stacks, instruction counts and factors, each with its reason."""
    reasons = {stack: pairing.unsupported(catalog, stack) for stack in _all_stacks(study, study.servers)}
    found = [_declared(str(stack), why.reason, stack) for stack, why in reasons.items() if why]
    uncounted = {name: pairing.uncountable(catalog, name) for name in study.variants} if study.instructions else {}
    for name, reason in uncounted.items():
        found += [_declared(f"{name}: instructions", reason, Stack(variant=name), "instructions")] if reason else []
    fixed = {name: factors.why_not(name) for name in factors.FACTORS} if study.factors else {}
    found += [
        Unavailable(what=f"factor {name}", reason=reason, kind="unsupported")
        for name, reason in fixed.items()
        if reason
    ]
    return found


def _declared(what: str, reason: str, of: Stack, instrument: Instrument | None = None) -> Unavailable:
    """The record of an unsupported stack, or of a variant that one instrument cannot measure."""
    return Unavailable(
        what=what,
        reason=reason,
        kind="unsupported",
        variant=of.variant,
        framework=of.framework or None,
        server=of.server or None,
        instrument=instrument,
    )


def backend_of(case: Case, catalog: Catalog) -> str | None:
    """The backend of a case's stack: the one that its workload waits for, or that its server's tuning needs, if any."""
    if case.stack is None:
        return None
    tuning = pairing.tuning_of(catalog, case.stack)
    waits_for = catalog.workloads[case.workload].backend if case.workload else None
    return waits_for or (tuning.backend if tuning else None)


def _all_stacks(study: Study, servers: tuple[str, ...]) -> Iterator[Stack]:
    for server in servers:
        for framework in study.frameworks_on(server):
            for variant in study.variants:
                yield Stack(variant=variant, framework=framework, server=server)
    for peer in study.peers if servers else ():
        yield Stack(variant=peer)


def _nulls(study: Study, catalog: Catalog) -> Iterator[NullCase]:
    """The null server under each load, on the interpreter of the baseline; none for an application's requests."""
    for workload in (name for name in study.workloads if not catalog.workloads[name].exchanges):
        for load in study.macro.loads_for(workload) if study.macro else ():
            yield NullCase(variant=study.baseline, workload=workload, load=load)


def _aa_cases(study: Study, cases: Iterable[T]) -> list[T]:
    """The second halves of A/A pairs: the baseline's cases again."""
    return [msgspec.structs.replace(case, aa=True) for case in cases if case.variant == study.baseline]
