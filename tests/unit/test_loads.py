"""The page of the study that goes beyond capacity: what broke, what held, what nothing is significant of."""

import msgspec
import pytest

from bench.analysis import breaking
from bench.model import Case, MacroCase, Measurement, Run, Stack
from bench.report import loads, page, study_page
from bench.report.answer import paragraphs
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
    """The stack under an open load, which Gatling could not drive where it has peaks."""
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


def test_a_row_tells_where_a_stack_broke_and_how_it_recovered() -> None:
    rows = {row[0]: row[1:] for row in loads.rows(FINDING)}
    assert rows["falcon/bjoern"][:3] == [
        "2,000",
        "1.10×, 2,200/s in second 4 (by medians), 3 refused in second 4",
        "1 s",
    ]
    assert rows["falcon/uwsgi-processes"][:3] == ["2,000", "holds, up to 2,600/s answered", "—"]
    assert rows["NodeJS 24, as most would write it"][1:3] == [
        "1.10×, 2,200/s in second 4 (by medians)",
        "not in 3 s, 1,000 waiting",
    ]
    assert len(loads.heading(FINDING)) == len(rows["falcon/bjoern"]) + 1


def test_where_gatling_was_the_limit_nothing_is_claimed() -> None:
    assert {row[-2] for row in loads.rows(FINDING)} == {"no claim"}
    reason = (
        "- No claim on falcon/bjoern, Constant with peaks: starts in one quarter of a second were 40% off the plan."
    )
    assert reason in TEXT


def test_a_load_that_was_not_measured_has_no_cells() -> None:
    assert {row[4] for row in loads.rows(FINDING)} == {"—"}, "the ramp with peaks"


def test_the_answer_tells_what_breaks_first_and_how_far_the_generators_agree() -> None:
    (told, agreed) = paragraphs(FINDING)
    assert told == (
        "Latency breaks first, in 2 of 3 runs, at 1.10× capacity.",
        "Linear ramp: 1 of 2 recover within 1 s of the overload's end; NodeJS 24, as most would write it did not "
        "recover within the run.",
        "From there to the end of the overload, throughput is 0.950× capacity.",
        "Requests failed: falcon/bjoern under “Linear ramp”, 3 refused in second 4.",
        "No claim on 3 of 6 runs: reasons stand below the table.",
    )
    assert agreed == (
        "Gatling and the pacer drove the same servers. Server CPU per request under the pacer, in units of that under "
        "Gatling, median and span over the stacks: 1.00× (0.90–1.10) on “A greeting: what a stack costs without the "
        "transform”.",
    )


@pytest.mark.parametrize(
    ("kept", "lead"),
    [
        (lambda run: run.case.load == "closed", "No stack was driven beyond its capacity."),
        (lambda run: run.case.load in {"closed", "steady-peaks"}, "No claim: in each of 3 runs Gatling was the limit"),
        (lambda run: run.case.stack == HOLDS, "Nothing breaks: 1 of 1 runs hold"),
    ],
)
def test_what_did_not_break_is_told_likewise(kept, lead) -> None:
    runs = [run for run in RUNS if kept(run)]
    assert loads.words(find(sessions.session(STUDY, runs), runs))[0].startswith(lead)


def test_the_page_holds_the_rule_the_table_and_the_plot() -> None:
    assert breaking.RULE in TEXT
    assert "| stack | capacity/s | Linear ramp: breaks at | recovers after |" in TEXT
    assert "plots/loads-hello-overload.svg" in TEXT
    (shown,) = [each for each in pictures(FINDING) if each.name == "hello-overload"]
    assert shown.svg().count("<svg") == 1


def test_the_report_has_a_row_for_each_run() -> None:
    html = page.html(FINDING)
    section = html[html.index('<section id="latency">') :]
    assert section.count('<th scope="row">Linear ramp</th>') == 3
    assert "<td>1.10×, 2,200/s in second 4 (by medians), 3 refused in second 4</td><td>1 s</td>" in section
    assert "No claim on falcon/bjoern, Constant with peaks" in section
