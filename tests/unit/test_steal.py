"""Steal time: what a run stores of it, and what the pages report."""

from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bench import store
from bench.errors import LabError
from bench.host import steal
from bench.measure import blocks
from bench.model import MicroCase, Observed, Run
from bench.report import page as report
from bench.report import stolen, study_page
from bench.report.finding import find
from tests.declared import CATALOG
from tests.unit import sessions

Times = namedtuple("Times", "user idle steal")
Without = namedtuple("Without", "user idle")
BEFORE = [Times(10.0, 90.0, 1.0), Times(20.0, 80.0, 0.0)]
AFTER = [Times(15.0, 94.0, 1.5), Times(25.0, 84.0, 0.5)]
CASE = MicroCase(variant="cython", workload="medium")


def test_the_share_is_of_the_time_of_all_cpus() -> None:
    assert steal.stolen_share(BEFORE, AFTER, seconds=10.0) == pytest.approx(0.05)
    assert steal.stolen_share(BEFORE, BEFORE, seconds=10.0) == 0.0


@pytest.mark.parametrize(
    "times",
    [[], [Without(10.0, 90.0)], [Times(0.0, 0.0, 0.0)]],
    ids=["no CPU", "no such field", "nothing is counted"],
)
def test_without_a_nonzero_counter_steal_time_is_unknown(times: list[tuple[float, ...]]) -> None:
    assert steal.stolen_share(times, times, seconds=10.0) is None


def test_after_a_counter_reset_steal_time_is_unknown() -> None:
    assert steal.stolen_share(AFTER, BEFORE, seconds=10.0) is None


def test_this_machine_reports_cpu_times() -> None:
    assert len(steal.cpu_times()) >= 1


@pytest.fixture
def hypervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hypervisor that steals 0.01 s between two readings."""

    def readings() -> Iterator[list[Times]]:
        taken = 1.0
        while True:
            yield [Times(10.0, 90.0, taken)]
            taken += 0.01

    times = readings()
    monkeypatch.setattr(steal, "cpu_times", lambda: next(times))


@pytest.mark.usefixtures("hypervisor")
@pytest.mark.parametrize("fails", [False, True])
def test_each_run_stores_its_stolen_share_even_if_it_failed(tmp_path: Path, fails: bool) -> None:
    def observe(*_: object) -> Observed:
        if fails:
            raise LabError("it hung")
        return Observed()

    run = blocks.execute(CATALOG, CASE, 0, tmp_path, {"micro": observe})
    assert run.verdict == ("failed" if fails else "pass")
    assert run.stolen == pytest.approx(0.01 / run.seconds)
    assert store.read(store.save(tmp_path, run), Run) == run


def test_a_run_without_a_stored_share_has_an_unknown_one(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    case = '{"instrument": "micro", "variant": "cython", "workload": "medium"}'
    path.write_text(f'{{"case": {case}, "block": 0, "started": "", "seconds": 1.0, "verdict": "pass"}}')
    assert store.read(path, Run).stolen is None


# ---------------------------------------------------------------- reports


STUDY = sessions.quick()
RUNS = sessions.runs(STUDY)


def disturbed(shares: dict[tuple[str, str, int], float | None]) -> list[Run]:
    """The runs of the session, with the stolen share of some (variant, instrument, block) and 0 for all others."""
    return [
        msgspec.structs.replace(run, stolen=shares.get((run.case.variant, run.case.instrument, run.block), 0.0))
        for run in RUNS
    ]


def pages(runs: list[Run]) -> tuple[str, str]:
    """Return the report page and the page in the docs."""
    found = find(sessions.session(STUDY, runs), runs)
    return report.html(found), study_page.page(found)


def test_disturbed_runs_are_listed_by_subject_the_worst_first() -> None:
    runs = disturbed({("numba", "micro", 3): 0.11, ("numba", "micro", 7): 0.03, ("pypy", "startup", 5): 0.2})
    found = stolen.stolen(runs)
    timed = [run for run in runs if run.case.instrument not in {"size", "instructions"}]
    assert stolen.sentences(found) == (
        f"The hypervisor took more than 2.0 % of the CPU time during 3 of {len(timed)} runs, at most 20 % "
        "(pypy/falcon/gunicorn-sync). Their times, latencies and server CPU may be too high, their rates too low. "
        "Memory, sizes and instruction counts are not affected."
    )
    starts = sum(str(run.case.stack) == "pypy/falcon/gunicorn-sync" for run in timed)
    assert stolen.grid(found)[1:] == [
        ("pypy/falcon/gunicorn-sync", f"1 of {starts}", "20 %", "startup medium: 5"),
        ("numba", "2 of 10", "11 %", "micro medium: 3, 7"),
    ]


def test_both_pages_list_disturbed_runs() -> None:
    for page in pages(disturbed({("numba", "micro", 3): 0.11})):
        assert "at most 11 % (numba)" in page
        assert "micro medium: 3" in page


@pytest.mark.slow
@pytest.mark.parametrize("share", [None, 0.0, 0.02])
def test_without_steal_time_the_pages_do_not_mention_it(share: float | None) -> None:
    for page in pages(disturbed({("numba", "micro", 3): share})):
        assert "hypervisor" not in page


def test_sizes_and_instruction_counts_are_not_disturbed() -> None:
    assert stolen.stolen(disturbed({("numba", "size", 0): 0.5, ("numba", "instructions", 0): 0.5})).subjects == ()
