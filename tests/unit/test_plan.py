"""Planning: which cases a study makes, and how long they are expected to take."""

from pathlib import Path

import msgspec
import pytest

from bench import catalog
from bench.errors import LabError
from bench.model import LatencyPlan, MacroPlan, MicroCase, MicroPlan, Stack
from bench.plan import cores, estimate, matrix, planned
from bench.plan.planned import plan
from tests.declared import CATALOG
from tests.unit.trial import STUDY


def test_each_instrument_is_a_phase_with_as_many_blocks_as_fresh_processes() -> None:
    assert [(phase.name, phase.blocks, len(phase.cases)) for phase in matrix.phases(STUDY, CATALOG)] == [
        ("size", 1, 6),
        ("micro", 10, 4),
        ("startup", 20, 3),
        ("null", 1, 1),
        ("macro", 2, 6),
    ]


def test_every_variant_and_stack_takes_each_workload_and_starts_with_the_first() -> None:
    study = msgspec.structs.replace(STUDY, workloads=("medium", "large"))
    cases = {phase.name: phase.cases for phase in matrix.phases(study, CATALOG)}
    assert {name: len(cases[name]) for name in ("size", "micro", "startup", "macro")} == {
        "size": 6, "micro": 8, "startup": 3, "macro": 12,
    }  # fmt: skip
    assert {case.workload for case in cases["startup"]} == {"medium"}
    assert [case.workload for case in cases["micro"] if case.aa] == ["medium", "large"]


def test_every_stack_is_started_where_the_study_names_no_server_for_starts() -> None:
    stacks = CATALOG.studies["stacks"]
    cases = {phase.name: phase.cases for phase in matrix.phases(stacks, CATALOG)}
    assert [case.stack for case in cases["startup"]] == [case.stack for case in cases["macro"]]
    assert {case.stack.server for case in cases["startup"]} == {*stacks.servers, ""}


def test_a_workload_takes_the_loads_that_the_study_says_for_it() -> None:
    macro = MacroPlan(loads=("closed",), runs=2, loads_of={"wait": ("brief-64",)})
    study = msgspec.structs.replace(STUDY, workloads=("hello", "wait"), micro=None, macro=macro)
    phases = matrix.phases(study, CATALOG)
    for phase in (phase for phase in phases if phase.name in {"null", "macro"}):
        assert {(case.workload, case.load) for case in phase.cases} == {("hello", "closed"), ("wait", "brief-64")}


def test_the_shipped_first_look_measures_its_variants_alone_and_behind_servers() -> None:
    quick = CATALOG.studies["quick"]
    phases = {phase.name: phase for phase in matrix.phases(quick, CATALOG)}
    assert {case.variant for case in phases["micro"].cases} == set(quick.variants)
    assert len({str(case.stack) for case in phases["macro"].cases}) == 2 * len(quick.variants)


def test_one_twin_of_the_baseline_is_measured_beside_it() -> None:
    micro = matrix.phases(STUDY, CATALOG)[1].cases
    baseline, twin = (case for case in micro if case.variant == "cpython")
    assert (baseline.aa, twin.aa) == (False, True)
    assert baseline.identity != twin.identity
    assert msgspec.structs.replace(baseline, aa=True) == twin


def test_every_variant_makes_equally_many_passes() -> None:
    micro = matrix.phases(STUDY, CATALOG)[1].cases
    assert {(case.values, case.loops) for case in micro if isinstance(case, MicroCase)} == {(5, 2)}


def test_what_a_study_does_not_ask_for_is_no_phase() -> None:
    bare = msgspec.structs.replace(STUDY, sizes=False, startup=None, macro=None, open=None)
    assert [phase.name for phase in matrix.phases(bare, CATALOG)] == ["micro"]


def test_narrowed_to_one_variant_it_is_another_study_with_the_baseline() -> None:
    one = planned.narrowed(STUDY, "nuitka", CATALOG)
    assert one.variants == ("cpython", "nuitka")
    assert one.name == "trial-nuitka"
    assert CATALOG.variants["nuitka"].title in one.title
    assert planned.narrowed(STUDY, "cpython", CATALOG).variants == ("cpython",)
    with pytest.raises(LabError, match="unknown variant 'jython'; did you mean 'cython'"):
        planned.narrowed(STUDY, "jython", CATALOG)


def test_each_block_holds_the_baseline_beside_whatever_is_compared_with_it() -> None:
    """A phase's blocks hold all its cases: so each of them has the baseline's case with all else equal.

    A workload that a target alone brings is compared with what the target names.
    """
    for study in CATALOG.studies.values():
        for phase in matrix.phases(study, CATALOG):
            for case in (case for case in phase.cases if case.workload in {*study.workloads, None}):
                stack = case.stack and msgspec.structs.replace(case.stack, variant=study.baseline)
                if stack and stack.is_peer:  # it is held against the baseline behind the study's first server
                    stack = Stack(variant=study.baseline, framework=study.frameworks[0], server=study.servers[0])
                beside = {(other.variant, other.stack, other.workload, other.load) for other in phase.cases}
                assert (study.baseline, stack, case.workload, case.load) in beside, (study.name, phase.name)


@pytest.mark.parametrize("key", ["pypy", "nuitka"])
def test_a_stack_declared_unsupported_is_told_with_its_reason_and_no_case(checkout: Path, key: str) -> None:
    """A server's TOML rules out a variant by its own name or by its interpreter's implementation."""
    for file in (checkout / "bench/servers").glob("uwsgi-processes*.toml"):
        file.write_text(file.read_text() + f'\n[unsupported.{key}]\nreason = "it needs a moon"\nsymptom = "no moon"\n')
    made = planned.plan(STUDY, catalog.read())
    (lack,) = made.unavailable
    assert (lack.what, lack.reason) == (f"{key}/falcon/uwsgi-processes", "it needs a moon")
    assert lack.kind == "unsupported"
    macro = made.phases[-1].cases
    assert len(macro) == 5
    assert lack.what not in {str(case.stack) for case in macro}


def test_the_estimate_counts_what_each_load_takes_and_the_open_loads_of_each_server() -> None:
    macro = matrix.phases(STUDY, CATALOG)[-1]
    load = CATALOG.loads["closed"]
    assert estimate.load_seconds(load) > load.lead_in_seconds + (load.seconds or 0)
    warming = sum(estimate.warm_seconds(case.variant, load, case.workload, CATALOG) for case in macro.cases)
    assert warming > 0
    whole = macro.blocks * (len(macro.cases) * estimate.load_seconds(load) + warming)
    assert estimate.seconds(macro, CATALOG) == pytest.approx(whole)
    without = msgspec.structs.replace(STUDY, open=None)
    ramps = sum(estimate.load_seconds(CATALOG.loads[name]) for name in ("ramp", "steady-peaks"))
    assert estimate.plan_seconds(plan(STUDY, CATALOG)) - estimate.plan_seconds(plan(without, CATALOG)) == pytest.approx(
        2 * (ramps + 2 * estimate.warm_seconds("cpython", CATALOG.loads["ramp"], "hello", CATALOG))
    )


def test_the_estimate_counts_all_stacks_where_all_have_their_latency_measured() -> None:
    some = msgspec.structs.replace(STUDY, open=None, latency=LatencyPlan(load="steady", runs=1))
    best = estimate.contest_seconds(plan(some, CATALOG))
    every = msgspec.structs.replace(some, latency=LatencyPlan(load="steady", runs=1, all=True))
    stacks = {case.stack for case in matrix.phases(STUDY, CATALOG)[-1].cases}
    assert len(stacks) == 6
    assert estimate.contest_seconds(plan(every, CATALOG)) > 3 * best  # of two programs


def test_a_first_look_is_had_within_twelve_minutes() -> None:
    assert estimate.plan_seconds(plan(CATALOG.studies["quick"], CATALOG)) <= 12 * 60


def test_the_estimate_counts_each_rate_of_the_loads_for_latency() -> None:
    def asked(*shares: float) -> float:
        latency = LatencyPlan(load="steady", runs=2, shares=shares)
        return estimate.contest_seconds(plan(msgspec.structs.replace(STUDY, open=None, latency=latency), CATALOG))

    programs, runs = 2, 2
    more = programs * runs * estimate.load_seconds(CATALOG.loads["steady"])
    assert asked(0.3, 0.6) - asked(0.3) == pytest.approx(more)


@pytest.mark.parametrize(("orders", "loops"), [(1, 3), (30_000, 3), (30_001, 4), (40_000, 4)])
def test_a_value_is_of_as_many_orders_at_least_as_the_study_asks_for(orders: int, loops: int) -> None:
    spec = CATALOG.workloads["medium"].documents
    assert spec is not None
    assert spec.count * spec.orders == 10_000
    asked = MicroPlan(processes=1, values=1, passes=3, orders=orders)
    assert cores.core_case(asked, "cpython", "medium", CATALOG).loops == loops


def test_without_closed_loads_no_open_ones_are_reckoned() -> None:
    whole = plan(STUDY, CATALOG)
    assert estimate.contest_seconds(whole) > 0
    without = msgspec.structs.replace(whole, phases=tuple(each for each in whole.phases if each.name != "macro"))
    assert estimate.contest_seconds(without) == 0
