"""study → all its phases of cases, in the order in which they are measured."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bench.model import (
    Catalog,
    MacroCase,
    NullCase,
    Phase,
    RobustnessCase,
    SizeCase,
    Stack,
    StartupCase,
    Study,
    SuiteCase,
)
from bench.plan import aa, cores, delivered, layered, replaced, selection, within


def phases(study: Study, catalog: Catalog) -> list[Phase]:
    """All phases of a study except open loads, which depend on the outcome of closed ones (`bench.plan.contest`)."""
    if study.micro and study.factors:
        return [cores.factor_phase(study.micro, study.factors, study, catalog)]
    served = list(selection.stacks(study, catalog))
    found = [_sizes(study, served), *cores.phases(study, catalog), _starts(study, catalog)]
    found += [_suites(study), layered.phase(study, catalog), _attacked(study, served)]
    found += [*within.phases(study, served), replaced.phase(study, served, catalog)]
    found += [delivered.phase(study, catalog)]
    found += _loaded(study, served, catalog)
    return [phase for phase in found if phase]


def _sizes(study: Study, served: list[Stack]) -> Phase | None:
    return Phase("size", 1, tuple(SizeCase(stack=stack) for stack in served)) if study.sizes else None


def _starts(study: Study, catalog: Catalog) -> Phase | None:
    """Start-up of all stacks, or of the first framework's behind one server, to an answer of the first workload."""
    plan = study.startup
    if plan is None:
        return None
    chosen = list(selection.stacks(study, catalog, (plan.server,) if plan.server else None))
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
        cases += aa.second_halves(study, cases)
    elif nulls := tuple(_nulls(study, catalog)):
        yield Phase("null", 1, nulls)
    yield Phase("macro", plan.runs * aa.comparisons(study), tuple(cases))


def _nulls(study: Study, catalog: Catalog) -> Iterator[NullCase]:
    """The null server under each load, on the interpreter of the baseline; none for an application's requests."""
    for workload in (name for name in study.workloads if not catalog.workloads[name].exchanges):
        for load in study.macro.loads_for(workload) if study.macro else ():
            yield NullCase(variant=study.baseline, workload=workload, load=load)
