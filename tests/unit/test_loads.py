"""The page of the study of overload: runs that broke, runs that held, and runs without a result."""

import re

import msgspec
import pytest

from bench.analysis import breaking
from bench.model import Case, MacroCase, Measurement, Run, Stack
from bench.report import loads, page, study_page
from bench.report.answer import answers
from bench.report.finding import find
from bench.report.pictures import pictures
from tests.declared import CATALOG
from tests.unit import sessions
from tests.unit.overloads import CAPACITY, RAMP, seen

STUDY = msgspec.structs.replace(CATALOG.studies["loads"], workloads=("hello",), peers=("node-ordinary",))
BREAKS = Stack(variant="cpython", framework="falcon", server="bjoern")
HOLDS = Stack(variant="cpython", framework="falcon", server="uwsgi-processes")
NEVER = Stack(variant="node-ordinary")
REFUSED = {"j.n.ConnectException: Connection refused": 3}
SEEN = {
    BREAKS: seen(RAMP, {4: 0.1, 5: 0.4}, REFUSED, {4: (1997.0, 3.0), 5: (1803.0, 0.0), 6: (2000.0, 0.0)}),
    HOLDS: seen(RAMP, {}),
    NEVER: seen(RAMP, {4: 0.3, 5: 1.0, 6: 1.2, 7: 1.1, 8: 0.9}, answers={4: (2000.0, 0.0), 5: (1800.0, 0.0)}),
}


def closed(stack: Stack, ratio: float) -> Run:
    """A closed load by both generators, of a server whose CPU per request differs by `ratio` between them."""
    case = MacroCase(stack=stack, workload="hello", load="closed")
    values = {
        "cpu": 1e-4,
        "pacer.cpu": ratio * 1e-4,
        "rate": 1900.0,
        "pacer.rate": CAPACITY,
        "pacer.generator_cpu": 0.1,
    }
    return msgspec.structs.replace(run_of(case), measurements=measured(values))


def driven(stack: Stack, load: str) -> Run:
    """A run of the stack under an open load. Gatling could not drive the load with peaks."""
    case = MacroCase(stack=stack, workload="hello", load=load, rate=CAPACITY)
    own = SEEN[stack] if load == "ramp" else seen(RAMP, {5: 0.4}, plan_deviation=0.4)
    return msgspec.structs.replace(run_of(case), **msgspec.structs.asdict(own))


def run_of(case: Case) -> Run:
    return Run(case=case, block=0, started="", seconds=1.0, verdict="pass")


def measured(values: dict[str, float]) -> tuple[Measurement, ...]:
    return tuple(Measurement(metric=name, unit="", values=(value,)) for name, value in values.items())


RUNS = [
    *(closed(stack, ratio) for stack, ratio in zip(SEEN, (0.9, 1.0, 1.1), strict=True)),
    *(driven(stack, load) for stack in SEEN for load in ("ramp", "steady-peaks")),
]
FINDING = find(sessions.session(STUDY, RUNS), RUNS)
TEXT = study_page.page(FINDING)


def test_a_row_has_where_a_stack_broke_and_how_it_recovered_without_empty_columns() -> None:
    assert loads.table(FINDING) == [
        ["stack", "capacity/s", "Linear ramp: breaks at", "recovers after"],
        ["falcon/bjoern", "2,000", "1.10×, 2,200/s in second 4 (by medians), 3 refused in second 4", "1 s"],
        ["falcon/uwsgi-processes", "2,000", "holds, up to 2,600/s answered", "—"],
        [
            "NodeJS 24, as most would write it",
            "2,000",
            "1.10×, 2,200/s in second 4 (by medians)",
            "not within 3 s, 1,000 waiting",
        ],
    ], "the ramp with peaks was not measured, the constant load with peaks has no result"


def test_where_gatling_was_the_limit_there_is_no_result() -> None:
    reason = "- falcon/bjoern, Constant with peaks: starts in a quarter of a second were 40 % off the plan"
    assert reason in TEXT.split("Runs without a result:")[1]


def test_the_answer_says_where_latency_breaks_and_the_method_how_far_the_generators_agree() -> None:
    assert answers(FINDING) == (
        "Greetings: latency breaks at 1.10× capacity; requests to bjoern fail, 1 of 2 runs do not recover.",
    )
    assert loads.agreement(FINDING) == (
        "Gatling and the pacer drove the same servers. Server CPU per request under the pacer ÷ under Gatling, median "
        "and range over the stacks: 1.00× (0.90–1.10) on “A greeting: what a stack costs without the transform”."
    )


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        (lambda run: run.case.load == "closed", "no stack was driven beyond its capacity."),
        (lambda run: run.case.load in {"closed", "steady-peaks"}, "no result in 3 runs; Gatling was the limit."),
        (lambda run: run.case.stack == HOLDS, "latency holds beyond capacity in all 1 runs; nothing fails."),
    ],
)
def test_the_answer_says_if_nothing_broke_or_nothing_is_known(kept, told) -> None:
    runs = [run for run in RUNS if kept(run)]
    assert loads.answer(find(sessions.session(STUDY, runs), runs)) == f"Greetings: {told}"


def test_without_any_result_there_is_no_table() -> None:
    runs = [run for run in RUNS if run.case.load in {"closed", "steady-peaks"}]
    found = find(sessions.session(STUDY, runs), runs)
    assert loads.table(found) == []
    section = page.html(found).split('<section id="overload">')[1].split("</section>")[0]
    assert "<table" not in section
    assert section.count("<li>NodeJS 24, as most would write it, Constant with peaks: ") == 1


def test_the_page_holds_the_rule_the_table_and_the_plot() -> None:
    assert breaking.RULE in TEXT
    assert "| stack | capacity/s | Linear ramp: breaks at | recovers after |" in TEXT
    assert "plots/loads-hello-overload.svg" in TEXT
    (shown,) = [each for each in pictures(FINDING) if each.name == "hello-overload"]
    assert shown.svg().count("<svg") == 1


def test_the_report_has_a_row_for_each_run_with_a_result() -> None:
    html = page.html(FINDING)
    section = html[html.index('<section id="overload">') :]
    assert section.count('<th scope="row">Linear ramp</th>') == 3
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", section)
    at = cells.index("1.10×, 2,200/s in second 4 (by medians), 3 refused in second 4")
    assert cells[at - 2 : at + 2] == ["falcon/bjoern", "2,000", cells[at], "1 s"]
    assert '<th scope="row">Constant with peaks</th>' not in section
    assert "<li>falcon/bjoern, Constant with peaks: " in section
