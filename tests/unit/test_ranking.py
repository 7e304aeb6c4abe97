"""The report of a race: every stack in its place, eliminated ones with their reason."""

import io
import re
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bench.model import MacroCase, Stack
from bench.report import ranking, summary
from bench.report.answer import answer
from bench.report.finding import find
from bench.report.noise import power
from bench.report.page import html
from tests.unit.races import STUDY, Fake, raced, session

FAKE = Fake()
RACE, FINAL = raced(FAKE)
RUNS = [*FAKE.runs, *(FAKE.run(case, block) for block in range(FINAL.blocks) for case in FINAL.cases)]
FINDING = find(session(RACE, RUNS), RUNS)


@pytest.fixture(scope="module")
def page() -> str:
    return html(FINDING)


def shown(json: bool) -> str:
    said = io.StringIO()
    console = Console(file=said, width=160)
    summary.show(console, FINDING, Path("report.html"), json)
    return said.getvalue()


def test_a_ranking_holds_one_load_and_that_of_the_rounds_stands_beside_it() -> None:
    for each in FINDING.each:
        assert {one.load for one in each.ranking} == {"closed"}
        assert {one.reason for one in each.ranking} == {None}, "all of them went on to the end"
        assert {one.load for one in each.raced} == {"glance"}
        assert len(each.raced) == 8
        assert {one.stack for one in each.raced if one.reason is None} == {one.stack for one in each.ranking}
        for ranked in (each.ranking, each.raced):
            behind = [one.behind.ratio.estimate for one in ranked[1:]]
            assert behind == sorted(behind)
            spent = [one.figures.cpu.value for one in ranked]
            assert spent == sorted(spent), "the printed figures are in the order of the ranks"


def test_the_first_of_a_ranking_is_the_best_and_each_other_is_worse_or_undecided() -> None:
    hello, medium = FINDING.each
    assert str(hello.ranking[0].stack) == "cython/bare/bjoern"
    assert str(medium.ranking[0].stack) == "cython/bare/uwsgi-processes"
    assert hello.ranking[0].behind.ratio is None
    undecided = {str(each.stack) for each in hello.ranking if each.behind.undecided}
    assert undecided <= {"cython/bare/uwsgi-processes"}
    assert all(each.behind.significant or each.behind.undecided or each.behind.equal for each in hello.ranking[1:])


def test_an_eliminated_stack_keeps_its_row_with_the_evidence() -> None:
    rows = {str(row.stack): row for row in FINDING.rows}
    eliminated = [each for each in RACE.eliminated if each.workload == "hello"]
    assert eliminated
    for each in eliminated:
        row = rows[str(each.stack)]
        assert (row.verdict, row.reason, row.cpu.value) == ("eliminated", each.reason, None)
        assert row.cpu.reason == each.reason
    assert {row.verdict for row in FINDING.rows} == {"pass", "eliminated"}


def test_the_page_has_the_rounds_and_the_end_of_each_stack(page: str) -> None:
    assert ranking.race_sentences(RACE) in page
    assert "eliminated after round 1" in page
    assert page.count("<h3>") >= 2
    assert "How fast is the core?" not in page, "nothing of it was asked"


def test_the_terminal_and_the_json_have_the_race_too() -> None:
    words = " ".join(shown(json=False).split())
    assert "Race with a budget of 6m: 16 candidates (a stack on a workload). Eliminated in" in words
    told = msgspec.json.decode(shown(json=True))
    assert told["race"]["finalists"] == RACE.finalists
    assert [each["candidates"] for each in told["race"]["rounds"]] == [each.candidates for each in RACE.rounds]
    assert told["ranking"]["hello"][0]["stack"] == {"variant": "cython", "framework": "bare", "server": "bjoern"}
    assert len(told["raced"]["medium"]) == 8


def test_on_a_single_server_each_framework_is_held_against_the_best() -> None:
    study = msgspec.structs.replace(STUDY, servers=("bjoern",), workloads=("hello",))
    stacks = [Stack(variant="cython", framework=name, server="bjoern") for name in study.frameworks]
    runs = [
        FAKE.run(MacroCase(stack=stack, workload="hello", load="closed"), block)
        for block in range(6)
        for stack in stacks
    ]
    made = session(None, runs, study)
    (told,) = answer(find(made, runs))
    assert re.fullmatch(r"Greetings with hand-written Cython: no framework; falcon costs 1\.2\d×\.", told)
    assert re.fullmatch(
        r"Smallest detectable difference \(80 % power\): \S+ % behind a server\.", power(find(made, runs))
    ), "of two stacks there is one difference"
