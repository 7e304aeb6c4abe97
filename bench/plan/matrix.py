"""study → phases of cases, and the holes among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from bench import catalog
from bench.catalog import factors, pairing
from bench.host.pinning import cores
from bench.model import Case, FactorsPlan, Hole, Instrument, MicroPlan, Run, Stack, Study


class Phase(msgspec.Struct, frozen=True):
    """Cases measured by one instrument in `blocks` blocks; each block holds each case once, in random order.

    Blocks are numbered from `first` on.
    """

    name: str
    blocks: int
    cases: tuple[Case, ...]
    first: int = 0


def phases(study: Study) -> list[Phase]:
    """All phases of a study but the open loads, which need the closed ones' outcome (`bench.plan.contest`)."""
    if study.micro and study.factors:
        return [_factors(study.micro, study.factors, study)]
    planned: list[Phase] = []
    settings: dict[str, int]
    if study.sizes:
        planned.append(Phase("size", 1, tuple(stack_case("size", stack) for stack in stacks(study))))
    comparisons = study.selftest.comparisons if study.selftest else 1
    if study.instructions:
        settings = {"documents": study.instructions.documents, "passes": study.instructions.passes}
        counted = tuple(
            Case(instrument="instructions", variant=variant, workload=workload, settings=settings)
            for workload in study.workloads
            for variant in study.variants
            if pairing.uncountable(variant) is None
        )
        planned.append(Phase("instructions", study.instructions.runs, counted))
    if study.micro:
        pairs = [(variant, workload) for workload in study.workloads for variant in study.variants]
        cases = [core_case(study.micro, variant, workload) for variant, workload in pairs]
        cases = list({case.identity: case for case in [*cases, *target_cases(study, study.micro)]}.values())
        if study.selftest:
            known = [slowed(case, percent) for case in cases for percent in (0, *study.selftest.slower)]
            planned.append(Phase("known", study.micro.processes * study.selftest.known, tuple(known)))
        if study.twin or study.selftest:
            cases += _twins(study, cases)
        planned.append(Phase("micro", study.micro.processes * comparisons, tuple(cases)))
    if study.startup:
        label = study.startup.server
        chosen = [stack for stack in stacks(study, (label,)) if stack.framework in {study.frameworks[0], ""}]
        first = study.workloads[0]  # a start is to its first answer, whatever comes after it
        planned.append(Phase("startup", study.startup.spawns, tuple(stack_case("startup", s, first) for s in chosen)))
    if study.suite:
        tested = [Case(instrument="suite", variant=study.baseline, framework=name) for name in study.frameworks]
        tested += _twins(study, tested[:1]) if study.twin else []
        planned.append(Phase("suite", study.suite.processes, tuple(tested)))
    if study.macro:
        cases = [
            stack_case("macro", stack, workload, load)
            for workload in study.workloads
            for load in study.macro.loads_for(workload)
            for stack in stacks(study)
        ]
        if study.selftest:
            cases += _twins(study, cases)
        else:
            planned.append(Phase("null", 1, tuple(_nulls(study))))
        planned.append(Phase("macro", study.macro.runs * comparisons, tuple(cases)))
    return planned


def _factors(micro: MicroPlan, plan: FactorsPlan, study: Study) -> Phase:
    """Each variant at each level of each factor, once a block."""
    plain = [core_case(micro, variant, workload) for workload in study.workloads for variant in study.variants]
    return Phase(
        "factors",
        micro.processes,
        tuple(
            msgspec.structs.replace(case, instrument="factors", settings=case.settings | {name: level})
            for case in plain
            for name, factor in factors.FACTORS.items()
            if factors.why_not(name) is None
            for level in factor.levels(plan.levels)
        ),
    )


def stack_case(
    instrument: Instrument,
    stack: Stack,
    workload: str | None = None,
    load: str | None = None,
    rate: float | None = None,
) -> Case:
    """A stack before one instrument: under a load where it is named, at so many requests a second where it is open."""
    return Case(instrument=instrument, variant=stack.variant, stack=stack, workload=workload, load=load, rate=rate)


def core_case(plan: MicroPlan, variant: str, workload: str, threads: int = 1) -> Case:
    """The core of `variant` alone over the documents of `workload`."""
    spec = catalog.workloads()[workload].documents
    passes = max(plan.passes, -(-plan.orders // (spec.count * spec.orders))) if spec else plan.passes
    settings = {"values": plan.values, "loops": passes, "warmups": catalog.warmup_of(variant).passes}
    settings |= {"threads": threads} if threads > 1 else {}
    return Case(instrument="micro", variant=variant, workload=workload, settings=settings)


def target_cases(study: Study, plan: MicroPlan) -> Iterator[Case]:
    """What the study's targets of cores hold against each other, in pairs."""
    for target in study.targets:
        for workload in target.workloads if target.variant else ():
            yield core_case(plan, target.subject, workload, len(cores().all) if target.threads else 1)
            if target.against:
                yield core_case(plan, target.against.variant or target.subject, target.against.workload or workload)


def variants(study: Study) -> list[str]:
    """All that the study runs, its peers and the yardsticks of its targets, too."""
    targets = [name for each in study.targets for name in (each.variant, each.against and each.against.variant) if name]
    return list(dict.fromkeys([*study.variants, *targets, *study.peers]))


def servers(study: Study) -> tuple[str, ...]:
    """The servers that the study needs beside its cores, without their tunings; none where it measures cores alone."""
    asked = study.servers if study.sizes or study.macro or study.suite else ()
    served = [*asked, *([study.startup.server] if study.startup else [])]
    return tuple(dict.fromkeys(name.partition("+")[0] for name in served))


def with_counted_paths(phase: Phase, runs: Iterable[Run]) -> Phase:
    """The phase with each variant timed on the path, too, on which its instructions were counted, if it is another."""
    counted = {
        (run.case.variant, run.case.workload): run.facts for run in runs if run.case.instrument == "instructions"
    }
    others = [
        msgspec.structs.replace(case, path=facts["path"])
        for case in phase.cases
        if case.instrument == "micro" and not case.twin and (facts := counted.get((case.variant, case.workload)))
        if catalog.variant(case.variant).path and facts.get("path") != facts.get("timed_path")
    ]
    return msgspec.structs.replace(phase, cases=(*phase.cases, *others))


def stacks(study: Study, servers: tuple[str, ...] | None = None) -> Iterator[Stack]:
    """Every stack of the study that is not declared impossible."""
    for stack in _all_stacks(study, servers or study.servers):
        if pairing.impossible(stack) is None:
            yield stack


def declared_holes(study: Study) -> list[Hole]:
    """What the catalogue declares impossible, with the reasons: stacks, and counting what compiles while it runs."""
    reasons = {stack: pairing.impossible(stack) for stack in _all_stacks(study, study.servers)}
    found = [_declared(str(stack), told.reason, stack) for stack, told in reasons.items() if told]
    uncounted = {name: pairing.uncountable(name) for name in study.variants} if study.instructions else {}
    for name, reason in uncounted.items():
        found += [_declared(f"{name}: instructions", reason, Stack(variant=name), "instructions")] if reason else []
    fixed = {name: factors.why_not(name) for name in factors.FACTORS} if study.factors else {}
    found += [Hole(what=f"factor {name}", reason=reason, declared=True) for name, reason in fixed.items() if reason]
    return found


def _declared(what: str, reason: str, of: Stack, instrument: Instrument | None = None) -> Hole:
    """The hole that a stack leaves, or a variant that one instrument cannot measure."""
    return Hole(
        what=what,
        reason=reason,
        declared=True,
        variant=of.variant,
        framework=of.framework or None,
        server=of.server or None,
        instrument=instrument,
    )


def slowed(case: Case, percent: int) -> Case:
    """A micro case whose every pass does so many percent of its documents a second time."""
    return msgspec.structs.replace(case, settings=case.settings | {"slower": percent})


def narrowed(study: Study, variant: str) -> Study:
    """The study with `variant`, or a peer, and the baseline alone, kept under a name of its own."""
    if variant in catalog.peers():
        title = f"{study.title}: {catalog.peers()[variant].title}"
        alone = {"variants": (study.baseline,), "peers": (variant,)}
        return msgspec.structs.replace(study, name=f"{study.name}-{variant}", title=title, **alone)
    variant = catalog.at(variant, study.interpreters[0]) if study.interpreters else variant
    chosen = tuple(dict.fromkeys((study.baseline, variant)))
    title = f"{study.title}: {catalog.variant(variant).title}"
    return msgspec.structs.replace(study, name=f"{study.name}-{variant}", title=title, variants=chosen, peers=())


def backend_of(case: Case) -> str | None:
    """The back end that the stack of `case` waits for, if any."""
    return catalog.workloads()[case.workload].backend if case.stack and case.workload else None


def _all_stacks(study: Study, servers: tuple[str, ...]) -> Iterator[Stack]:
    for server in servers:
        for framework in study.frameworks:
            for variant in study.variants:
                yield Stack(variant=variant, framework=framework, server=server)
    for peer in study.peers if servers else ():
        yield Stack(variant=peer)


def _nulls(study: Study) -> Iterator[Case]:
    """The null server under each load, on the baseline's interpreter."""
    for workload in study.workloads:
        for load in study.macro.loads_for(workload) if study.macro else ():
            yield Case(instrument="null", variant=study.baseline, workload=workload, load=load)


def _twins(study: Study, cases: Iterable[Case]) -> list[Case]:
    """The second halves of A/A pairs: the baseline's cases once more."""
    return [msgspec.structs.replace(case, twin=True) for case in cases if case.variant == study.baseline]
