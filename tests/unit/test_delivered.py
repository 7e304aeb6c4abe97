"""A study of deliveries: its cases, what a run says, and its page, from made-up runs."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from bench.build import deliveries as built
from bench.catalog import delivered as checked
from bench.catalog.checks import check_study
from bench.errors import LabError
from bench.measure.instruments.delivered import COLD, DEPENDENCY, LINE, STEPS, count_of_tests, refusal
from bench.model import Case, Delivery, Measurement, Run, Session
from bench.paths import ROOT
from bench.plan.planned import plan
from bench.report import deliveries, docs, page, study_page, summary
from bench.report.answer import answers
from bench.report.finding import find
from bench.report.overview import MOST_COLUMNS, MOST_ROWS
from bench.report.rows import Finding
from bench.report.wording import fits
from tests.declared import CATALOG

STUDY = CATALOG.studies["delivery"]
PLAN = plan(STUDY, CATALOG)
MACHINE = {"cores": 2, "commit": "0123456789ab"}
FAILED = "pex"
SLOW = {
    "fat-jar": 4.0,
    "extracted-jar": 4.0,
    "aot-cache": 5.0,
    "nuitka": 100.0,
    "spring-container": 4.5,
}  # seconds of each step


def run(case: Case, block: int) -> Run:
    if case.subject == FAILED:
        return Run(case=case, block=block, started="", seconds=1.0, verdict="failed", reason="it did not start")
    step = SLOW.get(case.subject, 0.5) * (1 + 0.001 * block)
    found = []
    for change, times in ((COLD, 2.0), (LINE, 1.0), (DEPENDENCY, 1.5)):
        seconds = dict.fromkeys(STEPS, step * times)
        if case.subject == "nodejs":
            seconds["build"] = 0.1 * times
        seconds["total"] = sum(seconds.values())
        for name, value in seconds.items():
            found += [
                Measurement(f"{change}.{name}", "s", (value,)),
                Measurement(f"{change}.{name}.cpu", "s", (value,)),
            ]
        found += [Measurement(f"{change}.shipped", "B", (1000.0,)), Measurement(f"{change}.tests", "1", (8.0,))]
        found += [Measurement(f"{change}.tests.run", "s", (0.25,))]
    return Run(case=case, block=block, started="", seconds=1.0, verdict="pass", measurements=tuple(found))


@pytest.fixture(scope="module")
def finding() -> Finding:
    runs = [run(case, block) for phase in PLAN.phases for block in range(phase.blocks) for case in phase.cases]
    session = Session(plan=PLAN, started="2026-11-29T09:00:00+00:00", seed=1, machine=MACHINE, finished="then")
    return find(session, runs)


def test_each_delivery_is_a_case() -> None:
    (phase,) = PLAN.phases
    assert [case.subject for case in phase.cases] == list(STUDY.delivered.named)
    assert PLAN.catalog.deliveries.keys() == set(STUDY.delivered.named) == CATALOG.deliveries.keys()


def test_the_answers_name_the_fastest_of_each_language(finding: Finding) -> None:
    told = answers(finding)
    assert all(fits(each) for each in told)
    assert told == (
        "Right answer after one changed line: NodeJS, a folder 2.10 s, Wheel, installed by uv 2.50 s, "
        "Spring Boot's fat jar 20.0 s.",
        "From empty caches: NodeJS, a folder 4.21 s, Wheel, installed by uv 5.01 s, Spring Boot's fat jar 40.1 s.",
        "After a changed dependency: Wheel, installed by uv 3.76 s, NodeJS with its packages, by npm 3.76 s, "
        "Spring Boot's fat jar 30.1 s.",
    )


def test_the_tables_are_small(finding: Finding) -> None:
    found = deliveries.tables(finding)
    assert list(found) == [
        "After one changed line",
        "The first delivery, from empty caches",
        "After a changed dependency",
        "CPU time, bytes and tests",
        "Where Wheel, installed by uv loses",
    ]
    for table in found.values():
        assert 1 < len(table) <= MOST_ROWS + 1
        assert {len(row) for row in table} == {len(table[0])}
        assert len(table[0]) <= MOST_COLUMNS


def test_what_python_loses_is_told_step_by_step(finding: Finding) -> None:
    lost = {(row[0], row[1], row[3]) for row in deliveries.losses(finding)[1:]}
    assert {each[1] for each in lost} == {"build", "in all"}
    assert {each[2] for each in lost} == {"NodeJS, a folder"}


def test_a_very_long_bar_is_cut_and_says_so(finding: Finding) -> None:
    drawn = deliveries.picture(finding).svg()
    assert "501 s (cut)" in drawn
    assert "One executable, by Nuitka" in drawn


def test_a_cut_bar_ends_where_its_label_begins(finding: Finding) -> None:
    drawn: Any = deliveries.chart(finding, 900)
    bars, labels = (layer.data.values for layer in drawn.layer)
    for label in labels:
        steps = [bar["seconds"] for bar in bars if bar["name"] == label["name"]]
        assert sum(steps) == pytest.approx(label["seconds"], rel=0.05)


def test_the_page_tells_what_failed(finding: Finding) -> None:
    text = study_page.page(finding)
    assert "Zip application, by pex: it did not start" in text
    for title in deliveries.tables(finding):
        assert title in text
    assert [each.name for each in docs.drawn(finding)] == ["steps"]


def test_the_report_and_the_terminal_show_all_tables(finding: Finding, tmp_path: Path) -> None:
    html, shown = page.html(finding), io.StringIO()
    summary.show(Console(file=shown, width=200), finding, tmp_path / "report.html", json=False)
    for title in deliveries.tables(finding):
        assert title in html
        assert title in shown.getvalue()


@pytest.mark.parametrize("delivery", CATALOG.deliveries.values(), ids=lambda each: each.name)
def test_each_changed_line_is_in_the_repository_and_shows_in_the_answer(delivery: Delivery) -> None:
    text = built.edited(delivery, delivery.change, 7)
    assert delivery.change.old not in text
    assert b"the body of version 7 must be" in refusal(7).expect
    assert "the body of version 7 must be" in text


def test_a_line_that_occurs_twice_is_refused() -> None:
    delivery = CATALOG.deliveries["wheel-uv"]
    twice = replace(delivery.change, old="the body")
    with pytest.raises(
        LabError, match=r"wheel-uv\.toml: 'the body' must occur once, and app/http\.py has it \d+ times$"
    ):
        built.edited(delivery, twice, 1)


def test_no_repository_has_a_file_twice() -> None:
    for delivery in CATALOG.deliveries.values():
        places = [place for place, _ in built.files(delivery)]
        assert len(places) == len(set(places))
        assert all(not place.startswith(("/", "..")) for place in places)


@pytest.mark.parametrize(
    ("name", "text", "seconds"),
    [
        ("wheel-uv", "........      [100%]\n8 passed in 0.12s\n", 0.12),
        ("fat-jar", "[INFO] Tests run: 8, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 3.21 s -- in X\n", 3.21),
        ("nodejs", "# tests 8\n# suites 0\n# pass 8\n# fail 0\n# duration_ms 73.5\n", 0.0735),
    ],
)
def test_the_runner_tells_how_many_tests_ran_for_how_long(name: str, text: str, seconds: float) -> None:
    count, ran = count_of_tests(text, CATALOG.deliveries[name].told)
    assert count == 8
    assert ran == pytest.approx(seconds)


def test_a_runner_that_tells_nothing_is_an_error() -> None:
    with pytest.raises(LabError, match=r"^the tests did not tell how many they are"):
        count_of_tests("no tests ran\n", CATALOG.deliveries["wheel-uv"].told)


def test_a_delivery_of_an_unknown_subject_is_refused() -> None:
    wrong = replace(CATALOG, deliveries={"own": replace(CATALOG.deliveries["wheel-uv"], name="own", subject="cpytho")})
    with pytest.raises(
        LabError, match=r"own\.toml: subject: unknown variant or peer 'cpytho'; did you mean 'cpython'\?$"
    ):
        checked.check_sources(wrong)


def test_source_outside_the_checkout_is_refused() -> None:
    wheel = CATALOG.deliveries["wheel-uv"]
    wrong = replace(CATALOG, deliveries={"own": replace(wheel, name="own", source={"nowhere": "app"})})
    with pytest.raises(LabError, match=r"own\.toml: source: 'nowhere' is not in the checkout$"):
        checked.check_sources(wrong)


def test_a_study_measures_what_it_delivers() -> None:
    with pytest.raises(
        LabError, match=r"delivered\.named: fat-jar delivers spring-tomcat-ordinary: add it to the study$"
    ):
        check_study(replace(STUDY, peers=("node-ordinary",)), CATALOG)


def test_a_changed_dependency_is_measured_where_one_is_declared(finding: Finding) -> None:
    names = [row.delivery for row in deliveries.of(finding, DEPENDENCY)]
    python, java = ["wheel-uv", "container"], ["fat-jar", "extracted-jar", "spring-container", "aot-cache"]
    assert names == [*python, "nodejs-npm", *java]


@pytest.mark.parametrize("name", ["wheel-uv", "fat-jar", "nodejs-npm"])
def test_a_changed_dependency_is_another_version(name: str) -> None:
    delivery = CATALOG.deliveries[name]
    assert delivery.dependency
    assert delivery.dependency.new in built.edited(delivery, delivery.dependency, 1)


def test_the_page_counts_the_lines_of_each_side() -> None:
    text = (ROOT / "docs/delivery.md").read_text(encoding="utf-8")
    (files,) = re.findall(r"^\| file \| (.+) \|$", text, re.MULTILINE)
    (lines,) = re.findall(r"^\| lines, without empty ones \| (.+) \|$", text, re.MULTILINE)
    paths = [ROOT / "docs" / path for path in re.findall(r"\]\(([^)]+)\)", files)]
    assert [sum(bool(line.strip()) for line in path.read_text().splitlines()) for path in paths] == [
        int(count) for count in lines.split(" | ")
    ]


def test_the_page_names_every_delivery() -> None:
    text = (ROOT / "docs/delivery.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE) == list(STUDY.delivered.named)
