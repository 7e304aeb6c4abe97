"""study → phases of cases, the holes among them, and how long it will take."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

import msgspec

from bench import backend, catalog, gates
from bench.instruments.instructions import why_not
from bench.model import (
    Artifact,
    BuiltPeer,
    Case,
    Declared,
    Hole,
    Instrument,
    Load,
    MicroPlan,
    OpenPlan,
    Run,
    Stack,
    Study,
)
from bench.paths import ROOT
from bench.pinning import cores

BACKEND_SECONDS = 1.5  # making and starting a back end for a run, and ending it
# Seconds that a run takes beside what its declaration says, measured on two cores; they only feed the estimate.
OVERHEAD_SECONDS = {"size": 1.7, "instructions": 1.5, "micro": 0.4, "startup": 0.55, "suite": 1.0}
OVERHEAD_SECONDS |= {"gatling": 3.3, "wrk": 0.9}
SLICE_SECONDS = 0.2  # likewise, of each second of warm-up
ORDER_SECONDS = 16e-6  # the reference core on an order of a medium document
REWRITTEN_ORDER_SECONDS = 0.6e-6  # another source for the same answer
COUNTED_SECONDS = 0.05  # a medium document under callgrind, over the variants
HARNESS = (
    "bench/measure.py",
    "bench/serve.py",
    "bench/backend.py",
    "bench/verify.py",
    "bench/peers.py",
    "bench/pinning.py",
    "bench/instruments",
    "bench/subject",
    "bench/gatling",
)
SUITE_CASES = "spec/golden"


class Phase(msgspec.Struct, frozen=True):
    """Cases measured by one instrument in `blocks` blocks; each block holds each case once, in random order.

    Blocks are numbered from `first` on.
    """

    name: str
    blocks: int
    cases: tuple[Case, ...]
    first: int = 0


def phases(study: Study) -> list[Phase]:
    """All phases of a study but the open loads, which need the closed ones' outcome (`contenders`)."""
    planned: list[Phase] = []
    settings: dict[str, int]
    if study.sizes:
        planned.append(Phase("size", 1, tuple(_case("size", stack) for stack in stacks(study))))
    comparisons = study.selftest.comparisons if study.selftest else 1
    if study.instructions:
        settings = {"documents": study.instructions.documents, "passes": study.instructions.passes}
        counted = tuple(
            Case(instrument="instructions", variant=variant, workload=workload, settings=settings)
            for workload in study.workloads
            for variant in study.variants
            if why_not(catalog.variant(variant)) is None
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
        planned.append(Phase("startup", study.startup.spawns, tuple(_case("startup", s, first) for s in chosen)))
    if study.suite:
        tested = [Case(instrument="suite", variant=study.baseline, framework=name) for name in study.frameworks]
        tested += _twins(study, tested[:1]) if study.twin else []
        planned.append(Phase("suite", study.suite.processes, tuple(tested)))
    if study.macro:
        cases = [
            _case("macro", stack, workload, load)
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
    """The servers that the study needs beside its cores, by label; none where it measures cores alone."""
    asked = study.servers if study.sizes or study.macro or study.open or study.suite else ()
    return tuple(dict.fromkeys([*asked, *([study.startup.server] if study.startup else [])]))


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


def contenders(study: Study, runs: Iterable[Run]) -> Phase | None:
    """The open loads, of each workload for the winner of its closed one and the baseline behind the same server.

    The winner spends the least server CPU per request; so does the peer that stands beside it, if there are any. All
    are driven at one rate, a share of the baseline's capacity, and by some loads the winner and that peer at that share
    of their own; where Gatling can drive less than that capacity, it is a share of what that can.
    None if the study asks for no open load, or if no closed one left a winner and a baseline capacity.
    """
    if not study.open:
        return None
    passed = [run for run in runs if run.case.instrument == "macro" and run.verdict == "pass" and run.case.rate is None]
    cases: list[Case] = []
    for workload in study.workloads:
        loads = study.macro.loads_for(workload) if study.macro else ()
        closed = [run for run in passed if run.case.workload == workload and run.case.load in loads]
        cases += _contest(study, study.open, workload, closed)
    return Phase("open", study.open.runs, tuple(cases)) if cases else None


def _contest(study: Study, asked: OpenPlan, workload: str, closed: list[Run]) -> list[Case]:
    """The cases of the open loads of one workload, from the runs of its closed one."""
    winner, peer = (winning_stack(run for run in closed if is_peer == _is_of_peer(run)) for is_peer in (False, True))
    if winner is None:
        return []
    baseline = msgspec.structs.replace(winner, variant=study.baseline)
    best = [stack for stack in (winner, peer) if stack]
    shares = {s: _share(asked.share, [run for run in closed if run.case.stack == s]) for s in (baseline, *best)}
    common = shares[baseline]
    if common is None:
        return []
    driven = [(load, stack, common) for load in asked.loads for stack in (baseline, *best)]
    driven += [(load, stack, shares[stack] or common) for load in asked.own for stack in best]
    return [_case("macro", stack, workload, load, rate) for load, stack, rate in dict.fromkeys(driven)]


def _is_of_peer(run: Run) -> bool:
    return run.case.stack is not None and run.case.stack.is_peer


def _share(share: float, closed: list[Run]) -> float | None:
    """A share of what a stack can answer a second, or of what Gatling can ask; None if that was not measured."""
    most = [most for run in closed if (most := gates.drivable(run))]
    return float(f"{share * median(most):.3g}") if most else None


def winning_stack(closed: Iterable[Run]) -> Stack | None:
    """The stack with the least server CPU per request over its fresh servers."""
    spent: dict[Stack, list[float]] = {}
    for run in closed:
        if run.case.stack and run.values("cpu"):
            spent.setdefault(run.case.stack, []).extend(run.values("cpu"))
    return min(spent, key=lambda stack: median(spent[stack]), default=None)


def stacks(study: Study, servers: tuple[str, ...] | None = None) -> Iterator[Stack]:
    """Every stack of the study that is not declared impossible."""
    for stack in _all_stacks(study, servers or study.servers):
        if catalog.impossible(stack) is None:
            yield stack


def declared_holes(study: Study) -> list[Hole]:
    """What the catalogue declares impossible, with the reasons: stacks, and counting what compiles while it runs."""
    reasons = {stack: catalog.impossible(stack) for stack in _all_stacks(study, study.servers)}
    found = {str(stack): told and told.reason for stack, told in reasons.items()}
    if study.instructions:
        found |= {f"{name}: instructions": why_not(catalog.variant(name)) for name in study.variants}
    return [Hole(what=what, reason=reason, declared=True) for what, reason in found.items() if reason]


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


def identified(
    case: Case, artifact: Artifact | BuiltPeer, generator: str | None = None, code: str | None = None
) -> Case:
    """`case` with a hash of each thing that could change its figure, known once its variant is built.

    `generator` is the fingerprint of the machine that the load comes from, if it is another one; `code` is the
    harness's hash, for who has many cases.
    """
    inputs = {"prefix": artifact.fingerprint, "harness": code or harness()}
    if isinstance(artifact, Artifact):
        inputs["artifact"] = artifact.wheel_sha256
        inputs["environment"] = _digest(catalog.interpreters()[artifact.interpreter.name].env)
    if case.framework:
        inputs["cases"] = digest(SUITE_CASES)
    if case.stack:
        inputs["server"] = _digest(catalog.server_for(case.stack))
    if case.workload:
        inputs["workload"] = _digest(catalog.workloads()[case.workload])
    waited_for = backend_of(case)
    inputs |= {"backend": backend.fingerprint(waited_for)} if waited_for else {}
    if case.load:
        inputs["load"] = _digest(catalog.loads()[case.load])
        inputs |= {"generator": generator} if generator else {}
    return msgspec.structs.replace(case, inputs={name: text[:16] for name, text in inputs.items()})


def backend_of(case: Case) -> str | None:
    """The back end that the stack of `case` waits for, if any."""
    return catalog.workloads()[case.workload].backend if case.stack and case.workload else None


def seconds(phase: Phase) -> float:
    """How long the phase is expected to take."""
    return phase.blocks * sum(case_seconds(case) for case in phase.cases)


def study_seconds(study: Study) -> float:
    """How long the whole study is expected to take after set-up and builds."""
    return sum(map(seconds, phases(study))) + contest_seconds(study)


def contest_seconds(study: Study) -> float:
    """How long its open loads are expected to take: of each workload for the baseline, the winner and the best peer."""
    if not study.open:
        return 0.0
    loads, own = ([catalog.loads()[name] for name in names] for names in (study.open.loads, study.open.own))
    each = 2 * sum(map(load_seconds, loads)) + sum(map(load_seconds, own))
    for load in (*loads, *own) if study.peers else ():
        each += load_seconds(load) + max(warm_seconds(name, load) for name in study.peers)
    return study.open.runs * len(study.workloads) * each


def case_seconds(case: Case) -> float:
    """How long one run of `case` is expected to take."""
    return _seconds_alone(case) + (BACKEND_SECONDS if backend_of(case) else 0.0)


def _seconds_alone(case: Case) -> float:
    load = catalog.loads()[case.load] if case.load else None
    if load and case.instrument == "null":
        return OVERHEAD_SECONDS["wrk"] + (load.capacity_seconds or load.seconds or 0.0)
    if load:
        return load_seconds(load) + warm_seconds(case.variant, load)
    if case.instrument == "instructions":
        counted = case.settings["documents"] * (case.settings["passes"] + 1)
        return OVERHEAD_SECONDS["instructions"] + counted * COUNTED_SECONDS
    passes = case.settings.get("loops", 0) * (case.settings.get("warmups", 0) + case.settings.get("values", 0))
    spec = catalog.workloads()[case.workload].documents if case.workload else None
    if spec and spec.seconds is not None:
        return OVERHEAD_SECONDS[case.instrument] + passes * spec.count * spec.seconds
    orders = passes * spec.count * spec.orders if spec else 0
    variant = catalog.variants().get(case.variant.partition("@")[0])
    rewritten = variant is None or variant.core != catalog.REFERENCE
    return OVERHEAD_SECONDS[case.instrument] + orders * (REWRITTEN_ORDER_SECONDS if rewritten else ORDER_SECONDS)


def load_seconds(load: Load) -> float:
    """A run of a load: a fresh server, the generator's start, lead-in and measured part, and wrk's after it."""
    sent = load.lead_in_seconds + (load.seconds or 0.0) + sum(segment.seconds for segment in load.segments)
    return OVERHEAD_SECONDS[load.generator] + sent + (load.capacity_seconds or 0.0)


def warm_seconds(name: str, load: Load) -> float:
    """How long a fresh server of a peer or variant is warmed before a load."""
    return catalog.seconds_to_warm(name, load) * (1 + SLICE_SECONDS)


def harness() -> str:
    """Hash of the code that measures; a change of it makes other cases."""
    return digest(*HARNESS)


def digest(*names: str) -> str:
    """Hash of files and folders of the checkout."""
    found = hashlib.sha256()
    for path in (path for name in names for path in _files(ROOT / name)):
        found.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _digest(declared: Declared | dict[str, str]) -> str:
    return hashlib.sha256(msgspec.json.encode(declared, order="sorted")).hexdigest()


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


def _case(
    instrument: Instrument,
    stack: Stack,
    workload: str | None = None,
    load: str | None = None,
    rate: float | None = None,
) -> Case:
    return Case(instrument=instrument, variant=stack.variant, stack=stack, workload=workload, load=load, rate=rate)
