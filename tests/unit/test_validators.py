"""Validators: how their verdicts on cases are checked, and what the page of their study tells."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from rich.console import Console

from bench.catalog.checks import check_study
from bench.errors import LabError
from bench.model import MicroCase, MicroPlan, Run
from bench.paths import ROOT, SUBJECT
from bench.plan import cores, estimate
from bench.report import charts, overview, page, study_page, summary, validators
from bench.report.answer import answers
from bench.report.dots import Dot, dots
from bench.report.figures import plots
from bench.report.finding import find
from bench.report.pictures import pictures
from bench.report.rows import Finding
from bench.verify import GOLDEN, is_verifiable
from tests.declared import CATALOG
from tests.unit import sessions

STUDY = CATALOG.studies["validators"]
VALIDATORS = {name: each for name, each in CATALOG.yardsticks.items() if each.is_validator}

# ---------------------------------------------------------------- what is declared


def test_the_study_has_every_validator_and_cores_on_the_same_interpreter() -> None:
    assert set(STUDY.variants) == {"cython", "cpython", "msgspec-typed", *VALIDATORS}
    assert all(CATALOG.variant(name).interpreter == "cpython-3.11" for name in STUDY.variants), "all are comparable"


@pytest.mark.parametrize("name", VALIDATORS)
def test_each_departure_is_a_golden_case_with_a_reason(name: str) -> None:
    for case, reason in (VALIDATORS[name].departures or {}).items():
        assert (GOLDEN / f"{case}.json").is_file()
        assert reason


def test_validators_and_variants_are_verified_and_other_yardsticks_are_not() -> None:
    assert {name for name, each in CATALOG.yardsticks.items() if not is_verifiable(each)} == {"simdjson"}
    assert is_verifiable(CATALOG.variants["cython"])


def test_only_a_study_of_cores_alone_may_name_yardsticks_as_variants() -> None:
    check_study(STUDY, CATALOG)
    for served in ({"servers": ("bjoern",)}, {"baseline": "validator-msgspec"}):
        with pytest.raises(LabError, match=r"validators\.toml: unknown variant 'validator-msgspec'"):
            check_study(msgspec.structs.replace(STUDY, **served), CATALOG)


def test_a_validator_is_expected_to_take_longer_than_a_core() -> None:
    plan = MicroPlan(processes=1, values=1)
    times = {name: estimate.case_seconds(cores.core_case(plan, name, "medium", CATALOG), CATALOG) for name in
             ("cython", "cpython", "validator-msgspec")}  # fmt: skip
    assert times["cython"] < times["cpython"] < times["validator-msgspec"]


# ---------------------------------------------------------------- verdicts

VALIDATOR = """
REFUSALS = (ValueError,)


def transform(document):
    if document in {refused!r}:
        raise ValueError
    if document in {broken!r}:
        raise RuntimeError("it fell over")
"""
RIGHT = (b"[2]", b"[3")


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """One case of each kind, laid out like spec/golden."""
    for name, text in {
        "valid/one.json": "[1]",
        "valid/one.out.json": '{"one":1}',
        "invalid/two.json": "[2]",
        "invalid/two.pointer": "0/id",
        "malformed/three.json": "[3",
    }.items():
        path = tmp_path / "cases" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return tmp_path / "cases"


def checked(
    cases: Path, refused: tuple[bytes, ...], *departures: str, broken: tuple[bytes, ...] = ()
) -> tuple[int, list[dict[str, Any]], str]:
    """The exit status of the check of a validator, its mismatches, and its errors."""
    (cases.parent / "made_up.py").write_text(VALIDATOR.format(refused=refused, broken=broken))
    argv = [sys.executable, str(SUBJECT / "check.py"), "--core", "made_up", "--cases", str(cases)]
    argv += ["--departures", *departures]
    env = {"PYTHONPATH": f"{ROOT}:{cases.parent}"}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    lines = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
    return done.returncode, [line for line in lines if "case" in line], done.stderr


def test_a_right_validator_has_no_mismatch(cases: Path) -> None:
    assert checked(cases, RIGHT) == (0, [], "")


def test_a_departure_that_happens_is_no_mismatch(cases: Path) -> None:
    assert checked(cases, (b"[1]", b"[3"), "invalid/two", "valid/one") == (0, [], "")


@pytest.mark.parametrize(
    ("refused", "departures", "case", "expected", "got"),
    [
        ((*RIGHT, b"[1]"), (), "valid/one.json", "accepted", "refused"),
        ((b"[3",), (), "invalid/two.json", "refused", "accepted"),
        ((b"[2]",), (), "malformed/three.json", "refused", "accepted"),
        (RIGHT, ("valid/one",), "valid/one.json", "refused", "accepted"),
        (RIGHT, ("invalid/two",), "invalid/two.json", "accepted", "refused"),
    ],
)
def test_another_verdict_than_declared_is_a_mismatch(
    cases: Path, refused: tuple[bytes, ...], departures: tuple[str, ...], case: str, expected: str, got: str
) -> None:
    status, mismatches, _ = checked(cases, refused, *departures)
    assert (status, mismatches) == (1, [{"case": case, "expected": expected, "got": got}])


def test_an_error_that_is_no_refusal_is_a_mismatch_even_if_it_is_declared(cases: Path) -> None:
    for departures in ((), ("invalid/two",)):
        status, (mismatch,), _ = checked(cases, (b"[3",), *departures, broken=(b"[2]",))
        assert status == 1
        assert mismatch["got"] == "raised RuntimeError('it fell over')"


def test_a_departure_that_names_no_case_is_an_error(cases: Path) -> None:
    status, mismatches, told = checked(cases, RIGHT, "invalid/too")
    assert (status, mismatches, told) == (1, [], "departures that name no case: invalid/too\n")


# ---------------------------------------------------------------- what the page tells

TIMES = {"cython": 12e-6, "cpython": 650e-6, "validator-msgspec": 126e-6, "validator-pydantic": 300e-6}
DECLARED = {
    "validator-msgspec": {"valid/empty-batch": "it wants orders"},
    "validator-pydantic": {"valid/empty-batch": "it wants orders", "invalid/id-zero": "ids", "malformed/bom": "BOM"},
}


def finding(*without: str) -> Finding:
    """A finding on two cores and two validators with made-up times; those `without` a figure failed."""
    study = msgspec.structs.replace(STUDY, variants=tuple(TIMES), aa=False)
    yardsticks = {name: msgspec.structs.replace(VALIDATORS[name], departures=own) for name, own in DECLARED.items()}
    runs = [made(name, block, failed=name in without) for name in TIMES for block in range(8)]
    catalog = msgspec.structs.replace(CATALOG, yardsticks=yardsticks)
    return find(sessions.session(study, runs, catalog=catalog), runs)


def made(name: str, block: int, *, failed: bool) -> Run:
    case = MicroCase(variant=name, workload="medium")
    if failed:
        return sessions.run(case, block, verdict="failed", reason="it fell over")
    times = TIMES[name] * np.exp(np.random.default_rng([block, len(name)]).normal(0, 0.004, 3))
    measured = {"first": ("s", times[0]), "documents": ("1", 200), "warmup": ("s", times), "time": ("s", times)}
    return sessions.run(case, block, measured=measured, facts={"lines": 7} if name in VALIDATORS else {})


FINDING = finding()


def test_the_answers_tell_what_is_right_and_what_the_fastest_and_the_slowest_library_take() -> None:
    assert answers(FINDING) == (
        "Right on every golden case, statement included: hand-written Cython in 12.0 µs; CPython in 650 µs.",
        "Fastest library: msgspec takes 10.5× the time of hand-written Cython; "
        "it accepts 0 invalid or malformed golden cases, and refuses 1 valid one.",
        "Slowest library: pydantic takes 25.0× the time of hand-written Cython; "
        "it accepts 2 invalid or malformed golden cases, and refuses 1 valid one.",
    )


def test_the_table_has_a_row_for_each_the_fastest_first() -> None:
    heading, *rows = overview.table(FINDING)
    assert "Golden cases" in overview.about(FINDING)
    assert heading[:3] == ["validator", "µs a document", "times hand-written Cython"]
    assert [(row[0], *row[3:]) for row in rows] == [
        ("Cython, written by hand, statement included", "0", "0", "0", "—"),
        ("msgspec", "1", "0", "0", "7"),
        ("pydantic", "1", "1", "1", "7"),
        ("CPython 3.11, statement included", "0", "0", "0", "—"),
    ]
    assert rows[0][2] == "1×"
    assert rows[1][2].startswith("10.5× (10.")
    ratio, low, high = map(float, rows[2][2].replace("× (", " ").replace("–", " ").rstrip(")").split())
    assert low <= ratio <= high


def test_each_case_judged_wrongly_is_told_with_its_validators_and_the_reason() -> None:
    assert validators.misjudged(FINDING)[1:] == [
        ["`valid/empty-batch`", "refused", "msgspec, pydantic", "it wants orders"],
        ["`invalid/id-zero`", "accepted", "pydantic", "ids"],
        ["`malformed/bom`", "accepted", "pydantic", "BOM"],
    ]


def test_report_page_and_terminal_show_the_validators() -> None:
    said = io.StringIO()
    summary.show(Console(file=said, width=200), FINDING, Path("report.html"), json=False)
    html, text = page.html(FINDING), study_page.page(FINDING)
    for shown in (said.getvalue(), html, text):
        assert "malformed accepted" in shown
        assert "10.5×" in shown
    assert "<code>malformed/bom</code>" in html
    assert "## Golden cases judged wrongly" in text


def test_the_plot_has_the_time_of_each() -> None:
    (shown,) = pictures(FINDING)
    assert shown.name == "medium-times"
    assert shown.words.startswith("Cython, written by hand 12.0 µs, msgspec 12")
    assert shown.svg().startswith("<svg")
    assert [name for name, plot in plots(FINDING).items() if plot.panels] == ["times"]


def test_a_plot_of_ratios_far_below_one_has_ticks() -> None:
    marks = [Dot(row=str(at), at=at, low=at, high=at, told=f"{at:g}×", hint="") for at in (1.0, 1e-5)]
    assert dots(marks, charts.NARROW, "").to_dict()


def test_a_study_of_cores_has_no_validators() -> None:
    cores = finding("validator-msgspec")
    quick = msgspec.structs.replace(STUDY, variants=("cython", "cpython"), aa=False)
    runs = [made(name, block, failed=False) for name in quick.variants for block in range(8)]
    found = find(sessions.session(quick, runs), runs)
    assert validators.compared(cores)
    assert not validators.compared(found)
    assert "judged wrongly" not in page.html(found) + study_page.page(found)


def test_a_failed_one_has_no_figure() -> None:
    found = finding("validator-msgspec", "cython")
    rows = {row[0]: row[1:] for row in validators.table(found)}
    assert rows["msgspec"] == ["—"] * 6
    assert rows["pydantic"][1].startswith("unknown") or "fell over" in rows["pydantic"][1]
    assert answers(found)[0].startswith("Right on every golden case, statement included: CPython in 65")
    assert all(answer.endswith(".") for answer in answers(finding(*TIMES)))
