"""A study of limits on CPU time: its cases, what a run says, and its page, from made-up runs."""

import io

import numpy as np
import pytest
from msgspec.structs import replace
from rich.console import Console

from bench.catalog.checks import check_study
from bench.errors import LabError, MissingError
from bench.host import limits as host_limits
from bench.measure.instruments import injection
from bench.model import Case, LimitedCase, Measurement, Run, Session, SizingCase
from bench.plan.planned import plan
from bench.readiness.instruments import limits_missing
from bench.report import limits, page, study_page, summary
from bench.report.answer import answers
from bench.report.finding import find
from bench.report.overview import MOST_COLUMNS, MOST_ROWS
from bench.report.rows import Finding
from bench.report.wording import fits
from tests.declared import CATALOG

STUDY = CATALOG.studies["cpu-shares"]
MACHINE = {"cores": 2, "commit": "0123456789ab"}
PLAN = plan(STUDY, CATALOG)
FAILED = "pypy"


def measured(case: Case, block: int) -> dict[str, tuple[float, ...]]:
    """Latencies are doubled by each short period, and shares are those of the formula."""
    assert isinstance(case, LimitedCase)
    if not case.is_open:
        own, beside = CATALOG.limits[case.limit].shares, CATALOG.limits[case.beside].shares
        share = own / (own + beside)
        return {
            "share": tuple(share + 0.001 * window for window in range(case.windows)),
            "used": (1.0,) * case.windows,
            "rate": (220 * share,),
            "beside.rate": (220 * (1 - share),),
        }
    times = 4.0 if case.limit.endswith("-short") else 1.0
    return {
        "latency.p50": (0.01 * times,),
        "latency.p99": (0.03 * times * (1 + 0.001 * block),),
        "cpu": (0.004,),
        "periods": (100.0 if CATALOG.limits[case.limit].cpus else 0.0,),
        "throttled": (40.0 if times > 1 else 0.0,),
    }


def facts(case: SizingCase) -> dict[str, int | str]:
    cpus = CATALOG.limits[case.limit].cpus
    if case.variant == "spring-tomcat-ordinary":
        return {"Runtime.availableProcessors": 1 if cpus and cpus <= 1 else 2}
    return {"os.cpu_count": 2, "app.sizing": 1 if cpus and cpus <= 1 else 2}


def run(case: Case, block: int) -> Run:
    if isinstance(case, SizingCase):
        if case.variant == FAILED:
            return Run(case=case, block=block, started="", seconds=1.0, verdict="failed", reason="it did not run")
        return Run(case=case, block=block, started="", seconds=1.0, verdict="pass", facts=facts(case))
    found = tuple(Measurement(metric=name, unit="1", values=each) for name, each in measured(case, block).items())
    return Run(case=case, block=block, started="", seconds=1.0, verdict="pass", measurements=found)


@pytest.fixture(scope="module")
def finding() -> Finding:
    runs = [run(case, block) for phase in PLAN.phases for block in range(phase.blocks) for case in phase.cases]
    session = Session(plan=PLAN, started="2026-11-29T09:00:00+00:00", seed=1, machine=MACHINE, finished="then")
    return find(session, runs)


def test_each_limit_is_driven_evenly_and_in_bursts_with_each_number_of_workers() -> None:
    phases = {phase.name: phase for phase in PLAN.phases}
    assert phases.keys() == {"limited", "shared", "sizing"}
    cases = [case for case in phases["limited"].cases if isinstance(case, LimitedCase)]
    asked = {(case.limit, case.beside, case.load, case.workers) for case in cases}
    within = len(STUDY.limited.alone) + len(STUDY.limited.beside)
    assert len(asked) == len(cases) == within * 2 * 2
    assert {case.rate for case in phases["shared"].cases} == {None}
    assert PLAN.catalog.limits.keys() == set(STUDY.limits)


def test_the_answers_are_short_and_say_what_to_do(finding: Finding) -> None:
    told = answers(finding)
    assert all(fits(each) for each in told)
    assert told == (
        "Busy apps on a core get what their shares say: 0.45 points off at most; the smallest share gets 1.7× its due.",
        "Within 0.35 CPU, under the load even, the worst p99 is 30.1 ms with one worker, 30.1 ms with four workers.",
        "Java sizes by a quota of cgroup version 1; Python and JavaScript do not: take workers from app.sizing.",
    )


def test_the_first_tables_are_small(finding: Finding) -> None:
    for table in (limits.first(finding), limits.shares(finding), limits.seen(finding)):
        assert 1 < len(table) <= MOST_ROWS + 1
        assert {len(row) for row in table} == {len(table[0])}
        assert len(table[0]) <= MOST_COLUMNS


def test_ratios_are_to_no_limit_with_as_many_workers(finding: Finding) -> None:
    rows = {(row.limit, row.workers, row.load): row for row in finding.limited.answered if not row.beside}
    assert rows["none", 4, "even"].slower.ratio is None
    assert rows["cpu-0-5", 4, "even"].slower.equal
    assert rows["cpu-0-5-short", 4, "bursts"].slower.significant
    assert rows["cpu-0-5-short", 4, "bursts"].throttled == 0.4
    assert rows["none", 4, "bursts"].throttled is None


def test_runtimes_that_agree_are_one_row(finding: Finding) -> None:
    table = limits.seen(finding)
    (row,) = [row for row in table if row[0] == "`os.cpu_count`"]
    assert row[1].startswith("cpython-3.11, cpython-3.12")
    assert row[2:] == ["2"] * len(STUDY.sizing.limits)


def test_the_page_tells_what_failed(finding: Finding) -> None:
    text = study_page.page(finding)
    assert "pypy, No limit: it did not run" in text
    assert "`nr_throttled` ÷ `nr_periods`" in text
    for title in limits.tables(finding):
        assert title in text


def test_the_report_and_the_terminal_show_all_tables(finding: Finding, tmp_path) -> None:
    html = page.html(finding)
    shown = io.StringIO()
    console = Console(file=shown, width=200)
    summary.show(console, finding, tmp_path / "report.html", json=False)
    for title in limits.tables(finding):
        assert title in html
        assert title in shown.getvalue()


def test_a_server_of_one_process_cannot_have_several_workers() -> None:
    with pytest.raises(LabError, match=r"limited\.workers: bjoern has one worker process only$"):
        check_study(replace(STUDY, servers=("bjoern",)), CATALOG)


def test_only_one_stack_is_limited() -> None:
    with pytest.raises(LabError, match=r"has one variant, framework, server and workload$"):
        check_study(replace(STUDY, servers=("gunicorn-sync", "uwsgi-processes")), CATALOG)


def test_a_closed_load_is_not_taken_for_an_open_one() -> None:
    wrong = replace(STUDY, limited=replace(STUDY.limited, loads=("busy",)))
    with pytest.raises(LabError, match=r"load 'busy' must be open, and driven by the pacer$"):
        check_study(wrong, CATALOG)


def test_without_the_right_to_limit_all_phases_are_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise MissingError("no CPU limits: because", "run as root")

    monkeypatch.setattr(host_limits, "require", refuse)
    missing = limits_missing()
    assert missing
    assert (missing.reason, missing.remedy) == ("no CPU limits: because", "run as root")


@pytest.mark.parametrize(("name", "burst"), [("even", 1), ("bursts", 16)])
def test_arrivals_are_even(name: str, burst: int) -> None:
    due = injection.arrivals(CATALOG.loads[name], 70.0, seed=1)
    assert len(due) == round(70 * 16 / burst) * burst
    apart = np.diff(np.unique(due.round(6)))
    assert apart == pytest.approx(burst / 70, rel=1e-2)
