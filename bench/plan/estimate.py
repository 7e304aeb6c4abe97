"""Expected durations of cases, phases and studies, for the progress bar and for budgets."""

from __future__ import annotations

from itertools import product

from bench.model import (
    Case,
    Catalog,
    FactorsCase,
    InstructionsCase,
    LayersCase,
    LimitedCase,
    Load,
    MacroCase,
    MicroCase,
    NullCase,
    Phase,
    Plan,
    ReplacedCase,
    RobustnessCase,
    TimedCase,
    Variant,
    Yardstick,
    stack_of,
)
from bench.plan.layered import SAME_REQUESTS
from bench.plan.selection import backend_of

BACKEND_SECONDS = 1.5  # creating, starting and stopping a backend for one run
# Seconds of a run beyond its declared durations, measured on two cores; only the estimate uses them.
OVERHEAD_SECONDS = {"size": 1.7, "instructions": 1.5, "micro": 0.4, "startup": 0.55, "suite": 1.0, "factors": 0.4}
OVERHEAD_SECONDS |= {"gatling": 3.3, "pacer": 1.2, "layers": 0.9, "robustness": 8.0, "limited": 3.5, "sizing": 0.5}
OVERHEAD_SECONDS |= {"replaced": 3.5}
REPLACEMENT_SECONDS = 1.0  # of a server by its next version, until only that answers
BAD_SECONDS = 12.0  # with a version that does not start, and one that answers wrong
OVERHEAD_SECONDS |= {"delivered": 60.0}
CAPACITY_SECONDS = 2.4  # finding the capacity of a server before it is driven at shares of it
SLICE_SECONDS = 0.2  # overhead of each second of warm-up
ORDER_SECONDS = 16e-6  # the reference core on an order of a medium document
REWRITTEN_ORDER_SECONDS = 0.6e-6  # a hand-written core
JUDGED_ORDER_SECONDS = 30e-6  # a validator, a mean over them
REQUEST_SECONDS = 80e-6  # a request within a process, beside its documents
COUNTED_SECONDS = 0.05  # a medium document under callgrind, a mean over the variants


def seconds(phase: Phase, catalog: Catalog) -> float:
    """The expected seconds of a phase."""
    return phase.blocks * sum(case_seconds(case, catalog) for case in phase.cases)


def plan_seconds(plan: Plan) -> float:
    """The expected seconds of the whole study, after set-up and builds."""
    return sum(seconds(phase, plan.catalog) for phase in plan.phases) + contest_seconds(plan)


def contest_seconds(plan: Plan) -> float:
    """The expected seconds of the open loads: each workload for each server program and each peer, or for all stacks.

    Open loads follow closed ones: without closed loads the result is 0.
    """
    macro = plan.phase("macro")
    if macro is None:
        return 0.0
    study, catalog = plan.study, plan.catalog
    programs = {server.server for server in catalog.servers.values() if server.label in study.servers}
    subjects = [study.baseline] * len(programs) + list(study.peers)
    driven = [(name, study.open.runs) for name in study.open.loads] if study.open else []
    loads = [(catalog.loads[name], runs, 1, study.workloads, subjects) for name, runs in driven]
    if study.latency:
        rates, workloads = len(study.latency.shares) + 1, study.latency.workloads or study.workloads
        every = [stack.variant for stack in {stack_of(case) for case in macro.cases}]
        asked = every if study.latency.all else subjects
        loads.append((catalog.loads[study.latency.load], study.latency.runs, rates, workloads, asked))
    return sum(
        runs
        * (rates * load_seconds(load) + CAPACITY_SECONDS * (rates > 1) + warm_seconds(name, load, workload, catalog))
        for load, runs, rates, workloads, names in loads
        for name, workload in product(names, workloads)
    )


def case_seconds(case: Case, catalog: Catalog) -> float:
    """The expected seconds of one run of `case`."""
    return _seconds_alone(case, catalog) + (BACKEND_SECONDS if backend_of(case, catalog) else 0.0)


def _seconds_alone(case: Case, catalog: Catalog) -> float:
    match case:
        case NullCase():
            load = catalog.loads[case.load]
            return OVERHEAD_SECONDS["pacer"] + (load.capacity_seconds or load.seconds or 0.0)
        case MacroCase():
            load = catalog.loads[case.load]
            levels, warm = len(case.shares) + 1, warm_seconds(case.variant, load, case.workload, catalog)
            return levels * load_seconds(load) + CAPACITY_SECONDS * bool(case.shares) + warm
        case InstructionsCase():
            counted = case.documents * (case.passes + 1)
            return OVERHEAD_SECONDS["instructions"] + counted * COUNTED_SECONDS
        case MicroCase() | FactorsCase():
            return OVERHEAD_SECONDS[case.instrument] + _timed_seconds(case, catalog)
        case LayersCase():
            spec = catalog.workloads[case.workload].documents
            requests = case.loops * (case.warmups + case.values) * (spec.count if spec else SAME_REQUESTS)
            return OVERHEAD_SECONDS["layers"] + requests * REQUEST_SECONDS + _timed_seconds(case, catalog)
        case LimitedCase():
            load = catalog.loads[case.load]
            return OVERHEAD_SECONDS["limited"] + case.windows * load_seconds(load)
        case ReplacedCase():
            bad = 0.0 if case.kept else BAD_SECONDS
            return OVERHEAD_SECONDS["replaced"] + case.times * REPLACEMENT_SECONDS + bad
        case RobustnessCase():
            return (OVERHEAD_SECONDS["robustness"] + case.patience_seconds) / case.at_once
        case _:
            return OVERHEAD_SECONDS[case.instrument]


def _timed_seconds(case: TimedCase, catalog: Catalog) -> float:
    """The expected seconds of all passes of a core over the documents."""
    passes, spec = case.loops * (case.warmups + case.values), catalog.workloads[case.workload].documents
    if spec is None:
        return 0.0
    if spec.seconds is not None:
        return passes * spec.count * spec.seconds
    return passes * spec.count * spec.orders * _order_seconds(catalog.variant(case.variant))


def _order_seconds(variant: Variant) -> float:
    """The expected seconds of a core or validator on an order of a medium document."""
    if isinstance(variant, Yardstick) and variant.is_validator:
        return JUDGED_ORDER_SECONDS
    return REWRITTEN_ORDER_SECONDS if variant.is_rewritten else ORDER_SECONDS


def load_seconds(load: Load) -> float:
    """The expected seconds of a run: starts of server and generator, lead-in, measured part, capacity."""
    sent = load.lead_in_seconds + (load.seconds or 0.0) + sum(segment.seconds for segment in load.segments)
    return OVERHEAD_SECONDS[load.generator] + sent + (load.capacity_seconds or 0.0)


def warm_seconds(name: str, load: Load, workload: str, catalog: Catalog) -> float:
    """The expected seconds of warm-up of a fresh server before a load."""
    return catalog.seconds_to_warm(name, load, workload) * (1 + SLICE_SECONDS)
