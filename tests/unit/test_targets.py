"""A study's targets: the cases planned for them, and when they are met. Every figure here is test data."""

import html
import io
import json
from datetime import date
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bench import catalog
from bench.errors import LabError
from bench.model import (
    Against,
    MacroCase,
    MacroPlan,
    Measurement,
    MicroCase,
    MicroPlan,
    Run,
    Session,
    Stack,
    StartupCase,
    Study,
    Target,
)
from bench.plan import cores, selection
from bench.plan.planned import plan
from bench.report import page, study_page, summary
from bench.report.figures import plots
from bench.report.finding import find
from bench.report.targets import TargetResult, target_results, verdict
from tests.declared import CATALOG, planned
from tests.unit import sessions

FAST = Target(title="Fast", variant="cython", workloads=("medium",), against=Against(variant="simdjson"), at_most=1.0)
STUDY = Study(
    name="trial",
    title="A trial",
    question="How near?",
    baseline="cpython",
    variants=("cpython", "cython"),
    workloads=("medium",),
    micro=MicroPlan(processes=3, values=2, orders=10_000),
    macro=MacroPlan(loads=("closed",), runs=3),
    targets=(FAST,),
)


def session(*runs: Run, study: Study = STUDY) -> Session:
    cases = tuple({run.case.identity: run.case for run in runs}.values())
    return Session(plan=planned(study, cases), started="2026-11-24T12:00:00+00:00", seed=1, machine={}, finished="now")


def core(variant: str, *times: float, workload: str = "medium", size: float = 100.0, threads: int = 1, **more: float):
    """Runs of a core, a block each, with seconds per document of `size` bytes."""
    case = MicroCase(variant=variant, workload=workload, threads=threads)
    return [
        Run(
            case=case,
            block=block,
            started="",
            seconds=1.0,
            verdict="pass",
            measurements=tuple(
                Measurement(metric=metric, unit="", values=(value,))
                for metric, value in {"time": time, "size": size, **more}.items()
            ),
        )
        for block, time in enumerate(times)
    ]


def one(target: Target, *runs: Run) -> TargetResult:
    (row,) = target_results(msgspec.structs.replace(STUDY, targets=(target,)), session(*runs), runs)
    return row


@pytest.mark.parametrize(
    ("times", "outcome"),
    [((0.70, 0.71, 0.72), "met"), ((1.40, 1.41, 1.42), "missed"), ((0.9, 1.0, 1.05), "undecided")],
)
def test_a_target_is_met_or_missed_with_its_whole_interval(times: tuple[float, ...], outcome: str) -> None:
    row = one(FAST, *core("cython", *times), *core("simdjson", 1.0, 1.0, 1.0))
    assert row.outcome == outcome


def test_time_is_held_per_byte_so_that_documents_of_two_sizes_compare() -> None:
    target = msgspec.structs.replace(FAST, workloads=("large",), against=Against(workload="medium"))
    row = one(target, *core("cython", 4.0, 4.0, workload="large", size=400.0), *core("cython", 1.0, 1.0))
    assert row.value == pytest.approx(1.0)


def test_the_multiple_of_the_reference_stands_beside_and_is_no_target() -> None:
    row = one(FAST, *core("cython", 0.7, 0.7), *core("simdjson", 1.0, 1.0), *core("cpython", 35.0, 35.0))
    assert row.multiple is not None
    assert row.multiple.estimate == pytest.approx(50.0)


SPENT = Target(
    title="Cheap",
    stack="cython/falcon/bjoern",
    workloads=("medium",),
    metric="cpu",
    against=Against(stack="cpython/falcon/bjoern"),
    at_most=0.1,
)


def served(stack: str, metric: str, *values: float, instrument: str = "macro", load: str | None = "closed"):
    """Runs of a stack under load or of its starts, a block each."""
    variant, framework, server = stack.split("/")
    place = Stack(variant=variant, framework=framework, server=server)
    case = MacroCase(stack=place, workload="medium", load=load) if load else StartupCase(stack=place, workload="medium")
    measured = [(Measurement(metric=metric, unit="", values=(value,)),) for value in values]
    return [
        Run(case=case, block=block, started="", seconds=1.0, verdict="pass", measurements=each)
        for block, each in enumerate(measured)
    ]


@pytest.mark.parametrize(
    ("metric", "kept", "more"),
    [
        ("cpu", "cpu", {}),
        ("memory", "memory.loaded", {}),
        ("ready", "ready", {"instrument": "startup", "load": None}),
    ],
)
def test_a_stack_is_held_against_another(metric: str, kept: str, more: dict[str, str | None]) -> None:
    runs = served("cython/falcon/bjoern", kept, 2.0, 2.0, 2.1, **more)
    runs += served("cpython/falcon/bjoern", kept, 40.0, 40.0, 40.0, **more)
    row = one(msgspec.structs.replace(SPENT, metric=metric), *runs)
    assert (row.outcome, row.text[:10], row.limit) == ("met", "0.0508× (0", "≤ 0.1×")
    assert bool(row.multiple) == (metric == "cpu")


def test_an_open_load_is_none_of_a_target_and_one_server_settles_nothing() -> None:
    base = served("cpython/falcon/bjoern", "cpu", 40.0)
    beside = served("cython/falcon/bjoern", "cpu", 2.0, load="ramp")
    assert one(SPENT, *beside, *base).reason == "cython/falcon/bjoern: not measured"
    row = one(SPENT, *served("cython/falcon/bjoern", "cpu", 2.0), *base)
    assert row.value == pytest.approx(0.05)
    assert row.outcome == "undecided"


def test_threads_are_held_against_one_of_them() -> None:
    target = msgspec.structs.replace(FAST, threads=True, against=Against())
    row = one(target, *core("cython", 0.5, 0.5, threads=2), *core("cython", 1.0, 1.0))
    assert row.value == pytest.approx(0.5)


def test_other_figures_are_those_of_the_worst_process() -> None:
    target = Target(title="Share", variant="cython", workloads=("medium",), metric="fallbacks", at_most=0.001)
    runs = core("cython", 1.0, fallbacks=0.0) + core("cython", 1.0, 1.0, fallbacks=0.002)[1:]
    assert (one(target, *runs).value, one(target, *runs).outcome) == (0.002, "missed")


def test_what_is_not_measured_says_why_and_is_not_met() -> None:
    row = one(FAST, *core("cython", 1.0))
    assert (row.value, row.outcome, row.reason) == (None, None, "simdjson: not measured")
    assert verdict([row]) == "Targets: 1 not measured."


def test_without_a_limit_nothing_is_counted() -> None:
    shown = msgspec.structs.replace(FAST, at_most=None, declared=None)
    assert verdict([one(shown, *core("cython", 1.0), *core("simdjson", 2.0))]) == ""


def test_a_target_brings_the_cases_that_it_compares() -> None:
    target = msgspec.structs.replace(FAST, workloads=("medium", "large"), threads=True)
    phase = plan(msgspec.structs.replace(STUDY, targets=(FAST, target)), CATALOG).phases[0]
    made = {(case.variant, case.workload, case.threads) for case in phase.cases}
    assert {("simdjson", "medium", 1), ("simdjson", "large", 1), ("cython", "medium", 1)} <= made
    assert len(made) == len(phase.cases)
    assert selection.subjects(STUDY) == ["cpython", "cython", "simdjson"]


def test_a_value_takes_as_many_passes_as_hold_the_orders_that_are_asked_for() -> None:
    passes = {name: cores.core_case(STUDY.micro, "cython", name, CATALOG).loops for name in ("small", "medium")}
    assert passes == {"small": 20, "medium": 1}


def test_the_terminal_and_the_page_show_each_target() -> None:
    runs = [*core("cython", 0.7, 0.7), *core("simdjson", 1.0, 1.0), *core("cpython", 35.0, 35.0)]
    finding = find(session(*runs), runs)
    said = io.StringIO()
    console = Console(file=said, width=120)
    summary.show(console, finding, Path("report.html"), json=False)
    for shown in (said.getvalue(), page.html(finding)):
        assert "0.700×" in shown
        assert "≤ 1×" in shown
        assert "1 met." in shown
    read = io.StringIO()
    machines = Console(file=read, width=120)
    summary.show(machines, finding, Path("report.html"), json=True)
    assert json.loads(read.getvalue())["answer"] == ["Targets: 1 met.", "Fast: 0.700×; target ≤ 1×."]


SETTING = msgspec.structs.replace(FAST, at_most=None)
SLOWER = [*core("cython", 1.01, 1.02, 1.03, 1.03), *core("simdjson", 1.0, 1.0, 1.0, 1.0)]  # by 2 %, p = 0.02


def test_an_effect_within_the_bias_of_the_machine_is_not_significant() -> None:
    study = msgspec.structs.replace(STUDY, targets=(SETTING,))
    (row,) = target_results(study, session(*SLOWER), SLOWER)
    assert row.comparison.significant
    (row,) = target_results(study, session(*SLOWER), SLOWER, sessions.machine_tested({"micro": 0.03}))
    assert row.text.startswith("equal (1.0")


def test_settings_are_one_family_and_targets_with_a_limit_are_not_in_it() -> None:
    others = ("mypyc", "nuitka", "numba", "orjson")
    targets = [SETTING, FAST, *(msgspec.structs.replace(SETTING, variant=name) for name in others)]
    runs = [*SLOWER, *(run for name in others for run in core(name, 0.9, 1.1, 0.95, 1.05))]
    row, limited, *_ = target_results(msgspec.structs.replace(STUDY, targets=tuple(targets)), session(*runs), runs)
    assert (row.comparison.significant, row.comparison.among) == (False, 5)
    assert (limited.outcome, limited.comparison.among) == ("missed", 1)


def test_a_study_without_limits_answers_with_the_effects_of_its_settings() -> None:
    runs = [*core("cython", 0.7, 0.7), *core("simdjson", 1.0, 1.0), *core("cpython", 35.0, 35.0)]
    record = session(*runs, study=msgspec.structs.replace(STUDY, targets=(SETTING,)))
    finding = find(msgspec.structs.replace(record, machine={"commit": "0123456789ab"}), runs)
    said = io.StringIO()
    summary.show(Console(file=said, width=120), finding, Path("report.html"), json=False)
    for shown in (said.getvalue(), page.html(finding), study_page.page(finding)):
        assert "A figure is lower in 1 of 1 comparisons, and higher in 0." in shown
        assert "No target has a limit." not in shown


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('against = { variant = "simdjson" }\n', "", "the metric of a variant is fallbacks"),
        ('variant = "cython"\n', 'stack = "cython/falcon/bjoern"\n', "the metric of a stack is cpu, memory or ready"),
        ('variant = "simdjson"', 'variant = "simdjsn"', "unknown variant 'simdjsn'; did you mean 'simdjson'"),
        ('workloads = ["medium"]', 'workloads = ["middling"]', "unknown workload 'middling'"),
        ("declared = 2026-11-24\n", "", "at_most requires the day of its declaration, such as `declared = "),
    ],
)
def test_a_target_of_what_there_is_not_is_an_error(checkout: Path, old: str, new: str, told: str) -> None:
    path = checkout / "bench/studies/limits.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(LabError, match=rf"limits\.toml:.* target .*{told}"):
        catalog.read()


def test_no_target_was_settled_before_the_session_that_it_came_after(checkout: Path) -> None:
    path = checkout / "bench/studies/nodejs.toml"
    path.write_text(path.read_text().replace("after_session = 2026-11-25", "after_session = 2026-11-26"))
    with pytest.raises(LabError, match=r"nodejs\.toml:\d+: .*after_session must not be later than changed or declared"):
        catalog.read()


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ({"declared": date(2026, 11, 25)}, "declared 2026-11-25, after the study's first session of 2026-11-24"),
        (
            {"declared": date(2026, 11, 20), "changed": date(2026, 11, 24)},
            "changed 2026-11-24, after the study's first session of 2026-11-24",
        ),
    ],
)
def test_a_target_that_came_after_data_says_so_wherever_it_is_shown(days: dict[str, date], told: str) -> None:
    late = msgspec.structs.replace(FAST, after_session=date(2026, 11, 24), **days)
    study = msgspec.structs.replace(STUDY, targets=(late, msgspec.structs.replace(FAST, title="Before data")))
    runs = [*core("cython", 0.7, 0.7), *core("simdjson", 1.0, 1.0)]
    found = find(msgspec.structs.replace(session(*runs, study=study), machine={"commit": "0123456789ab"}), runs)
    said = io.StringIO()
    console = Console(file=said, width=120)
    summary.show(console, found, Path("report.html"), json=False)
    for shown in (said.getvalue(), html.unescape(page.html(found)), study_page.page(found)):
        assert shown.count(told) == 1
        assert "2 met (1 declared or changed after the study's first session)." in shown


def test_the_remark_on_a_target_is_complete_on_a_narrow_terminal() -> None:
    late = msgspec.structs.replace(FAST, declared=date(2026, 11, 25), after_session=date(2026, 11, 24))
    runs = [*core("cython", 0.7, 0.7), *core("simdjson", 1.0, 1.0)]
    found = find(session(*runs, study=msgspec.structs.replace(STUDY, targets=(late,))), runs)
    said = io.StringIO()
    console = Console(file=said, width=70)
    summary.show(console, found, Path("report.html"), json=False)
    words = said.getvalue().split()
    assert words.count("2026-11-25,") == 1
    assert words.count("2026-11-24") == 1


def test_a_stack_of_a_target_has_to_be_one_that_its_study_measures(checkout: Path) -> None:
    target = """
[[targets]]
title = "Cheap"
stack = "cython/falcon/bjoern"
metric = "cpu"
workloads = ["medium"]
against = { stack = "cpython/falcon/uwsgi-processes" }
"""
    path = checkout / "bench/studies/quick.toml"
    path.write_text(path.read_text() + target)
    with pytest.raises(
        LabError, match=r"quick\.toml: target 'Cheap': stack 'cython/falcon/bjoern' is not measured by this study"
    ):
        catalog.read()


def test_the_first_plot_of_cores_alone_is_that_of_their_targets() -> None:
    runs = [*core("cython", 0.7, 0.7), *core("simdjson", 1.0, 1.0), *core("cpython", 35.0, 35.0)]
    finding = find(session(*runs), runs)
    (plot,) = plots(finding, finding.targets)["outcomes"].panels
    assert FAST.title in plot.words
    assert plots(finding)["outcomes"].panels == ()
    assert page.html(finding).index('<section id="outcomes">') < page.html(finding).index('<section id="targets">')
