"""study → the phases of cores alone, without a server: timed, counted, and timed at each level of each factor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from bench.catalog import factors, pairing
from bench.host import pinning
from bench.model import Catalog, FactorsCase, FactorsPlan, InstructionsCase, MicroCase, MicroPlan, Phase, Run, Study
from bench.plan import aa


def phases(study: Study, catalog: Catalog) -> list[Phase | None]:
    """The phases of counts and times of the study's cores; None for each that it has no plan for."""
    return [_counted(study, catalog), *_timed(study, catalog)]


def factor_phase(micro: MicroPlan, plan: FactorsPlan, study: Study, catalog: Catalog) -> Phase:
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
            threads = len(pinning.cores().all) if target.threads else 1
            yield core_case(plan, target.subject, workload, catalog, threads)
            if target.against:
                variant = target.against.variant or target.subject
                yield core_case(plan, variant, target.against.workload or workload, catalog)


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


def _timed(study: Study, catalog: Catalog) -> Iterator[Phase]:
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
        cases += aa.second_halves(study, cases)
    yield Phase("micro", plan.processes * aa.comparisons(study), tuple(cases))
