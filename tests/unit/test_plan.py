"""Planning: which cases a study makes, who meets in its open loads, and what makes a case another one."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from bench import backend, catalog, paths, plan
from bench.errors import LabError
from bench.model import (
    Case,
    MacroPlan,
    Measurement,
    MicroPlan,
    OpenPlan,
    Run,
    Stack,
    StartupPlan,
    Study,
)
from tests.unit.made import artifact

STUDY = Study(
    name="trial",
    title="A trial",
    question="Which?",
    baseline="cpython",
    variants=("cpython", "pypy", "nuitka"),
    servers=("gunicorn-sync", "uwsgi-processes"),
    workloads=("medium",),
    twin=True,
    sizes=True,
    micro=MicroPlan(processes=10, values=5, passes=2),
    startup=StartupPlan(spawns=20, server="gunicorn-sync"),
    macro=MacroPlan(loads=("closed",), runs=2),
    open=OpenPlan(loads=("ramp", "steady-peaks"), runs=1, share=0.7, own=("steady-peaks",)),
)
ARTIFACT = artifact("cpython")


def stack(text: str) -> Stack:
    variant, server = text.split(" behind ")
    return Stack(variant=variant, framework="falcon", server=server)


def closed(where: str, cpu: float, rate: float | None = None, **changes: object) -> Run:
    """A run under the closed load."""
    values = {"cpu": cpu} | ({} if rate is None else {"rate": rate})
    case = Case(instrument="macro", variant=stack(where).variant, stack=stack(where), workload="medium", load="closed")
    run = Run(
        case=case,
        block=0,
        started="",
        seconds=1.0,
        verdict="pass",
        measurements=tuple(Measurement(metric=name, unit="", values=(value,)) for name, value in values.items()),
    )
    return msgspec.structs.replace(run, **changes)


def met(runs: Iterable[Run], study: Study = STUDY) -> tuple[set[str], set[float | None]]:
    """The stacks that meet in the open loads, and the rates."""
    phase = plan.contenders(study, runs)
    assert phase is not None
    return {str(case.stack) for case in phase.cases}, {case.rate for case in phase.cases}


# ---------------------------------------------------------------- phases


def test_each_instrument_is_a_phase_with_as_many_blocks_as_fresh_processes() -> None:
    assert [(phase.name, phase.blocks, len(phase.cases)) for phase in plan.phases(STUDY)] == [
        ("size", 1, 6),
        ("micro", 10, 4),
        ("startup", 20, 3),
        ("null", 1, 1),
        ("macro", 2, 6),
    ]


def test_every_variant_and_stack_takes_each_workload_and_starts_with_the_first() -> None:
    study = msgspec.structs.replace(STUDY, workloads=("medium", "large"))
    cases = {phase.name: phase.cases for phase in plan.phases(study)}
    assert {name: len(cases[name]) for name in ("size", "micro", "startup", "macro")} == {
        "size": 6, "micro": 8, "startup": 3, "macro": 12,
    }  # fmt: skip
    assert {case.workload for case in cases["startup"]} == {"medium"}
    assert [case.workload for case in cases["micro"] if case.twin] == ["medium", "large"]


def test_a_workload_takes_the_loads_that_the_study_says_for_it() -> None:
    macro = MacroPlan(loads=("closed",), runs=2, loads_of={"wait": ("closed-64",)})
    phases = plan.phases(msgspec.structs.replace(STUDY, workloads=("hello", "wait"), micro=None, macro=macro))
    for phase in (phase for phase in phases if phase.name in {"null", "macro"}):
        assert {(case.workload, case.load) for case in phase.cases} == {("hello", "closed"), ("wait", "closed-64")}


def test_each_workload_has_open_loads_of_its_own_winner_and_rate() -> None:
    study = msgspec.structs.replace(STUDY, workloads=("medium", "large"))
    runs = [closed("cpython behind gunicorn-sync", 1e-3, 600), closed("pypy behind gunicorn-sync", 5e-4, 1000)]
    large = [
        msgspec.structs.replace(run, case=msgspec.structs.replace(run.case, workload="large"))
        for run in (closed("cpython behind gunicorn-sync", 0.1, 6), closed("nuitka behind gunicorn-sync", 0.09, 7))
    ]
    phase = plan.contenders(study, [*runs, *large])
    assert phase is not None
    met = {(case.workload, case.rate): {c.variant for c in phase.cases if c.rate == case.rate} for case in phase.cases}
    assert met == {
        ("medium", 420.0): {"cpython", "pypy"},
        ("medium", 700.0): {"pypy"},
        ("large", 4.2): {"cpython", "nuitka"},
        ("large", 4.9): {"nuitka"},
    }


def test_the_shipped_first_look_measures_its_variants_alone_and_behind_servers() -> None:
    quick = catalog.studies()["quick"]
    phases = {phase.name: phase for phase in plan.phases(quick)}
    assert {case.variant for case in phases["micro"].cases} == set(quick.variants)
    assert len({str(case.stack) for case in phases["macro"].cases}) == 2 * len(quick.variants)


def test_one_twin_of_the_baseline_is_measured_beside_it() -> None:
    micro = plan.phases(STUDY)[1].cases
    baseline, twin = (case for case in micro if case.variant == "cpython")
    assert (baseline.twin, twin.twin) == (False, True)
    assert baseline.identity != twin.identity
    assert baseline.settings == twin.settings


def test_every_variant_makes_equally_many_passes() -> None:
    micro = plan.phases(STUDY)[1].cases
    assert {(case.settings["values"], case.settings["loops"]) for case in micro} == {(5, 2)}


def test_what_a_study_does_not_ask_for_is_no_phase() -> None:
    bare = msgspec.structs.replace(STUDY, sizes=False, startup=None, macro=None, open=None)
    assert [phase.name for phase in plan.phases(bare)] == ["micro"]


def test_narrowed_to_one_variant_it_is_another_study_with_the_baseline() -> None:
    one = plan.narrowed(STUDY, "nuitka")
    assert one.variants == ("cpython", "nuitka")
    assert one.name == "trial-nuitka"
    assert catalog.variants()["nuitka"].title in one.title
    assert plan.narrowed(STUDY, "cpython").variants == ("cpython",)
    with pytest.raises(LabError, match="variant 'jython' is unknown"):
        plan.narrowed(STUDY, "jython")


def test_each_block_holds_the_baseline_beside_whatever_is_compared_with_it() -> None:
    """A phase's blocks hold all its cases: so each of them has the baseline's case with all else equal.

    A workload that a target alone brings is compared with what the target names.
    """
    for study in catalog.studies().values():
        for phase in plan.phases(study):
            for case in (case for case in phase.cases if case.workload in {*study.workloads, None}):
                stack = case.stack and msgspec.structs.replace(case.stack, variant=study.baseline)
                if stack and stack.is_peer:  # it is held against the baseline behind the study's first server
                    stack = Stack(variant=study.baseline, framework=study.frameworks[0], server=study.servers[0])
                beside = {(other.variant, other.stack, other.workload, other.load) for other in phase.cases}
                assert (study.baseline, stack, case.workload, case.load) in beside, (study.name, phase.name)


@pytest.mark.parametrize("key", ["pypy", "nuitka"])
def test_a_stack_declared_impossible_is_a_hole_with_its_reason_and_no_case(checkout: Path, key: str) -> None:
    """A server's TOML rules out a variant by its own name or by its interpreter's implementation."""
    for file in (checkout / "bench/servers").glob("uwsgi-processes*.toml"):
        file.write_text(file.read_text() + f'\n[impossible.{key}]\nreason = "it needs a moon"\nsymptom = "no moon"\n')
    (hole,) = plan.declared_holes(STUDY)
    assert (hole.what, hole.reason) == (f"{key}/falcon/uwsgi-processes", "it needs a moon")
    assert hole.declared
    assert not hole.failed
    macro = plan.phases(STUDY)[-1].cases
    assert len(macro) == 5
    assert hole.what not in {str(case.stack) for case in macro}


def test_the_estimate_counts_what_each_load_takes_and_the_open_loads_of_both() -> None:
    macro = plan.phases(STUDY)[-1]
    load = catalog.loads()["closed"]
    assert plan.load_seconds(load) > load.lead_in_seconds + (load.seconds or 0)
    warming = sum(plan.warm_seconds(case.variant, load) for case in macro.cases)
    assert warming > 0
    whole = macro.blocks * (len(macro.cases) * plan.load_seconds(load) + warming)
    assert plan.seconds(macro) == pytest.approx(whole)
    without = msgspec.structs.replace(STUDY, open=None)
    ramps = sum(plan.load_seconds(catalog.loads()[name]) for name in ("ramp", "steady-peaks"))
    assert plan.study_seconds(STUDY) - plan.study_seconds(without) == pytest.approx(
        2 * ramps + plan.load_seconds(catalog.loads()["steady-peaks"])
    )


# ---------------------------------------------------------------- contenders


def test_the_cheapest_stack_meets_the_baseline_behind_its_own_server() -> None:
    runs = [
        closed("cpython behind gunicorn-sync", 1.4e-3, 600),
        closed("cpython behind uwsgi-processes", 1.2e-3, 800),
        closed("pypy behind gunicorn-sync", 0.6e-3, 1500),
        closed("pypy behind uwsgi-processes", 0.9e-3, 1200),
    ]
    stacks, rates = met(runs)
    assert stacks == {"pypy/falcon/gunicorn-sync", "cpython/falcon/gunicorn-sync"}
    assert rates == {420.0, 1050.0}, "0.7 of what the baseline manages behind that server, and of what the winner does"
    phase = plan.contenders(STUDY, runs)
    assert phase is not None
    each = [("cpython", 420.0), ("pypy", 420.0), ("pypy", 1050.0)]
    assert [(case.load, case.variant, case.rate) for case in phase.cases] == [
        *(("ramp", *driven) for driven in each[:2]),
        *(("steady-peaks", *driven) for driven in each),
    ]


def test_server_cpu_decides_where_the_generator_limits_the_winner() -> None:
    runs = [
        closed("cpython behind gunicorn-sync", 1.4e-3, 600),
        closed("nuitka behind gunicorn-sync", 0.1e-3),
        closed("pypy behind gunicorn-sync", 0.6e-3, 1500),
    ]
    assert met(runs) == ({"nuitka/falcon/gunicorn-sync", "cpython/falcon/gunicorn-sync"}, {420.0})


def test_a_baseline_that_outran_the_generator_is_driven_at_a_share_of_what_that_could() -> None:
    limited = msgspec.structs.replace(
        closed("cpython behind gunicorn-sync", 1e-4),
        measurements=(
            Measurement(metric="cpu", unit="s", values=(1e-4,)),
            Measurement(metric="rate", unit="1/s", values=(5000,)),
            Measurement(metric="generator_cpu", unit="1", values=(0.95,)),
            Measurement(metric="wrk.rate", unit="1/s", values=(9000,)),
        ),
    )
    assert met([limited]) == ({"cpython/falcon/gunicorn-sync"}, {2950.0}), "0.7 of 5000 × 0.8 ÷ 0.95"


def test_fresh_servers_are_compared_by_their_median() -> None:
    lucky = [closed("pypy behind gunicorn-sync", cpu, 1000) for cpu in (0.1e-3, 2e-3, 2e-3)]
    even = [closed("nuitka behind gunicorn-sync", 1e-3, 900)] * 3
    base = [closed("cpython behind gunicorn-sync", 1.4e-3, rate) for rate in (590, 600, 1000)]
    stacks, rates = met(lucky + even + base)
    assert "nuitka/falcon/gunicorn-sync" in stacks
    assert rates == {420.0, 630.0}


def test_a_baseline_that_wins_runs_alone() -> None:
    runs = [closed("cpython behind gunicorn-sync", 1e-3, 600), closed("pypy behind gunicorn-sync", 2e-3, 400)]
    assert met(runs)[0] == {"cpython/falcon/gunicorn-sync"}


def test_a_slow_baseline_has_a_rate_above_zero() -> None:
    assert met([closed("cpython behind gunicorn-sync", 3.0, 0.3)])[1] == {0.21}


def test_what_failed_and_what_was_open_does_not_count() -> None:
    base = closed("cpython behind gunicorn-sync", 1.4e-3, 600)
    wrong = closed("nuitka behind gunicorn-sync", 0.1e-3, 9000, verdict="failed")
    driven = closed("pypy behind gunicorn-sync", 0.2e-3, 400)
    driven = msgspec.structs.replace(driven, case=msgspec.structs.replace(driven.case, load="ramp", rate=400.0))
    assert met([base, wrong, driven])[0] == {"cpython/falcon/gunicorn-sync"}


def test_without_a_capacity_of_the_baseline_there_are_no_open_loads() -> None:
    limited = [closed("cpython behind gunicorn-sync", 1e-4), closed("pypy behind gunicorn-sync", 5e-5)]
    assert plan.contenders(STUDY, limited) is None
    assert plan.contenders(STUDY, []) is None
    runs = [closed("cpython behind gunicorn-sync", 1e-3, 600)]
    assert plan.contenders(msgspec.structs.replace(STUDY, open=None), runs) is None


# ---------------------------------------------------------------- identity


def macro_case() -> Case:
    return Case(
        instrument="macro",
        variant="cpython",
        stack=stack("cpython behind gunicorn-sync"),
        workload="medium",
        load="closed",
    )


def test_equal_inputs_make_an_equal_case() -> None:
    one = plan.identified(macro_case(), ARTIFACT)
    assert one.identity == plan.identified(macro_case(), ARTIFACT).identity
    assert {"artifact", "prefix", "harness", "environment", "server", "workload", "load"} == set(one.inputs)


def test_a_case_read_back_from_disk_is_the_same_case() -> None:
    contest = plan.contenders(STUDY, [closed("cpython behind gunicorn-sync", 1.4e-3, 600)])
    assert contest is not None
    for case in (case for phase in [*plan.phases(STUDY), contest] for case in phase.cases):
        assert msgspec.json.decode(msgspec.json.encode(case), type=Case).identity == case.identity


@pytest.mark.parametrize("change", [{"wheel_sha256": "b" * 64}, {"fingerprint": "e" * 64}])
def test_another_artifact_or_prefix_makes_another_case(change: dict[str, str]) -> None:
    other = msgspec.structs.replace(ARTIFACT, **change)
    assert plan.identified(macro_case(), other).identity != plan.identified(macro_case(), ARTIFACT).identity


@pytest.mark.parametrize(
    ("file", "old", "new", "another"),
    [
        ("bench/servers/gunicorn-sync.toml", '"--workers", "1"', '"--workers", "2"', True),
        ("bench/workloads/medium.toml", "seed = 20261103", "seed = 20261104", True),
        ("bench/loads/closed.toml", "seconds = 3", "seconds = 4", True),
        ("bench/interpreters/cpython-3.11.toml", "[[prov", '[env]\nPYTHONMALLOC = "malloc"\n\n[[prov', True),
        ("bench/servers/gunicorn-gthread.toml", '"4"', '"8"', False),
        ("bench/workloads/small.toml", "seed = 20261101", "seed = 20261102", False),
    ],
)
def test_only_what_could_change_its_figure_makes_another_case(
    checkout: Path, file: str, old: str, new: str, another: bool
) -> None:
    before = plan.identified(macro_case(), ARTIFACT).identity
    path = checkout / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    for reader in (catalog.interpreters, catalog.variants, catalog.servers, catalog.workloads, catalog.loads):
        reader.cache_clear()
    assert (plan.identified(macro_case(), ARTIFACT).identity != before) is another


def test_another_database_makes_another_case_of_what_waits_for_it_and_of_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = msgspec.structs.replace(macro_case(), workload="wait-postgres")
    monkeypatch.setattr(backend, "_program", lambda declared, name: name)
    identities = []
    for version in (b"15", b"16"):
        monkeypatch.setattr(backend, "_bytes", lambda program, version=version: version)
        identities.append([plan.identified(case, ARTIFACT).identity for case in (macro_case(), waiting)])
    assert [one == other for one, other in zip(*identities, strict=True)] == [True, False]


@pytest.mark.parametrize(
    ("file", "another"),
    [
        ("bench/measure.py", True),
        ("bench/instruments/process_tree.py", True),
        ("bench/subject/micro.py", True),
        ("bench/gatling/src/main/java/lab/ClosedSimulation.java", True),
        ("bench/gatling/src/main/resources/gatling.conf", True),
        ("bench/gatling/pom.xml", True),
        ("bench/report.py", False),
        ("bench/report/templates/report.css", False),
    ],
)
def test_code_that_measures_makes_other_cases_and_code_that_tells_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, another: bool
) -> None:
    shutil.copytree(paths.ROOT / "bench", tmp_path / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(plan, "ROOT", tmp_path)
    before = plan.harness()
    assert plan.harness() == before
    with (tmp_path / file).open("ab") as changed:
        changed.write(b" ")
    assert (plan.harness() != before) is another


def test_a_first_look_is_had_within_twelve_minutes() -> None:
    assert plan.study_seconds(catalog.studies()["quick"]) <= 12 * 60
