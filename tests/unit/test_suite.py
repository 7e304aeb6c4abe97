"""The in-process test suite: each framework passes it, wrong answers are named, and the study reports it."""

import io
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from app.contract import load_core
from bench.errors import LabError
from bench.measure import blocks
from bench.measure.instruments import suite
from bench.model import Framework, Measurement, Run, Session, SuiteCase
from bench.paths import ROOT
from bench.plan import matrix
from bench.report import page, suites, summary
from bench.report.finding import find
from bench.subject.suite.bare_client import Client as Bare
from bench.subject.suite.contract import MAX_BYTES
from bench.subject.suite.running import run
from tests.declared import CATALOG, planned

STUDY = CATALOG.studies["frameworks"]
FRAMEWORKS = [each for each in CATALOG.frameworks.values() if each.interface == "wsgi"]
Wsgi = Callable[[dict[str, Any], Callable[..., object]], Iterable[bytes]]


def application(module: str) -> Wsgi:
    """The service on a framework, with the reference core."""
    return import_module(module).make(
        load_core("app.core"), {"/__version__": lambda: {"variant": "x"}}, time.sleep, MAX_BYTES
    )


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda framework: framework.name)
def test_each_framework_passes_with_its_own_client(framework: Framework) -> None:
    client = import_module(f"bench.subject.suite.{suite.client(framework).stem}")
    result = run(client.Client(application(framework.module)))
    assert result["wrong"] == {}
    assert result["tests"] > 100


def spoilt(status: str, wrong: Callable[[list[bytes]], list[bytes]]) -> Wsgi:
    """The service with a changed body in each answer with that status."""
    right = application("app.wsgi.bare_app")

    def answer(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        started: list[Any] = []
        body = list(right(environ, lambda *start: started.append(start)))
        start_response(*started[0])
        return wrong(body) if started[0][0].startswith(status) else body

    return answer


@pytest.mark.parametrize(
    ("status", "test"),
    [
        ("200", "test_hello"),
        ("415", "test_media_type_refused_1_text_plain"),
        ("405", "test_method_not_allowed_1___GET"),
    ],
)
def test_a_wrong_answer_is_found_by_the_named_test(status: str, test: str) -> None:
    wrong = run(Bare(spoilt(status, lambda body: [b"{}"])))["wrong"]
    assert [name for name in wrong if name.startswith(test)]
    assert run(Bare(spoilt("418", lambda body: [b"{}"])))["wrong"] == {}


def test_an_application_that_raises_fails_only_the_affected_tests() -> None:
    right = application("app.wsgi.bare_app")

    def raises(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/hello":
            raise ZeroDivisionError("one by none")
        return right(environ, start_response)

    wrong = run(Bare(raises))["wrong"]
    assert "one by none" in wrong["test_hello"]
    assert all(name.startswith(("test_hello", "test_odd_method", "test_method_not_allowed")) for name in wrong)


def test_lines_of_code_exclude_blank_lines_comments_and_docstrings(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        '"""Two\nlines."""\n\n# why\nimport os\n\n\ndef f(\n    a,\n):\n    """Doc."""\n    return """x\ny"""\n'
    )
    assert suite.code_lines(path) == 6


def test_the_docs_have_the_current_lines_of_code() -> None:
    page = (ROOT / "docs" / "frameworks.md").read_text()
    for name in STUDY.frameworks:
        lines = {part: suite.code_lines(path) for part, path in suite.sources(CATALOG.frameworks[name]).items()}
        assert f"| `{name}` | {lines['adapter']} | {lines['client']} |" in page


def test_a_framework_without_a_test_client_is_an_error_that_names_the_file() -> None:
    framework = CATALOG.frameworks["falcon-asgi"]
    with pytest.raises(LabError, match=r"no test client: write bench/subject/suite/falcon_asgi_client\.py$"):
        suite.client(framework)


# ---------------------------------------------------------------- the study


def test_the_study_tests_each_framework_and_the_first_one_twice() -> None:
    (phase,) = (phase for phase in matrix.phases(STUDY, CATALOG) if phase.name == "suite")
    assert phase.blocks == 12
    assert [(case.framework, case.aa) for case in phase.cases if isinstance(case, SuiteCase)] == [
        *((name, False) for name in STUDY.frameworks),
        (STUDY.frameworks[0], True),
    ]
    assert len({case.identity for case in phase.cases}) == 5
    assert "suite" in blocks.INSTRUMENTS


def made(framework: str, block: int, seconds: float, *, aa: bool) -> Run:
    """A run of the suite with this duration."""
    values = {"suite": seconds, "process": seconds + 0.2, "tests": 140}
    values |= {"lines.adapter": 50, "lines.client": 10, "lines.suite": 90}
    return Run(
        case=SuiteCase(variant="cython", framework=framework, aa=aa),
        block=block,
        started="",
        seconds=1.0,
        verdict="pass",
        measurements=tuple(Measurement(metric=name, unit="", values=(float(value),)) for name, value in values.items()),
    )


def session(runs: list[Run]) -> Session:
    cases = tuple(run.case for run in runs)
    return Session(plan=planned(STUDY, cases), started="2026-11-25T10:00:00+00:00", seed=1, machine={})


def runs(**seconds: float) -> list[Run]:
    """Eight different blocks with these durations by framework. The A/A pair of the first one differs by 1 %."""
    found = []
    for block in range(8):
        slow = 1 + block / 100
        found += [made(name.replace("_", "-"), block, slow * each, aa=False) for name, each in seconds.items()]
        found.append(made("falcon", block, seconds["falcon"] * slow * (1.01 if block % 2 else 0.99), aa=True))
    return found


def test_frameworks_are_compared_to_the_first_within_blocks() -> None:
    found = runs(falcon=0.08, flask_restful=0.06, wheezy_web=0.08, bare=0.03)
    rows = {row.framework: row for row in find(session(found), found).tested}
    assert rows["falcon"].suite.estimate == pytest.approx(0.0828)
    assert rows["falcon"].suite.low < 0.0828 < rows["falcon"].suite.high
    assert rows["flask-restful"].slower.ratio.estimate == pytest.approx(0.75)
    assert [name for name, row in rows.items() if row.slower.significant] == ["flask-restful", "bare"]
    assert rows["wheezy-web"].slower.equal
    assert rows["bare"].lines == {"adapter": 50, "client": 10, "suite": 90}


def test_terminal_and_page_show_the_durations_and_the_reason_of_a_missing_one() -> None:
    found = runs(falcon=0.08, flask_restful=0.06, wheezy_web=0.08, bare=0.03)
    found[1] = msgspec.structs.replace(found[1], verdict="failed", reason="3 of 140 tests fail", measurements=())
    finding = find(session(found), found)
    said = io.StringIO()
    console = Console(file=said, width=200)
    summary.show(console, finding, Path("report.html"), json=False)
    for shown in (" ".join(text.split()) for text in (said.getvalue(), page.html(finding))):
        assert all(part in shown for part in ("Time of the tests, relative to falcon", "no framework 0.375×."))
        assert "equal (1.00–1.00)" in shown
    failed = [msgspec.structs.replace(run, verdict="failed", measurements=()) for run in found]
    assert (
        suites.sentences(find(session(failed), failed).tested)
        == "Tests: no answer, the suite has no figure with falcon."
    )


def test_a_page_is_made_where_the_first_framework_has_no_figure() -> None:
    found = [
        msgspec.structs.replace(run, verdict="failed", reason="3 of 140 tests fail", measurements=())
        if run.case.subject == "falcon"
        else run
        for run in runs(falcon=0.08, flask_restful=0.06, wheezy_web=0.08, bare=0.03)
    ]
    shown = page.html(find(session(found), found))
    assert 'title="3 of 140 tests fail">—<' in shown
    assert "(90 lines)" in shown
