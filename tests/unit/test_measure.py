"""Scheduling with a fake instrument: blocks, random order, resumption, errors."""

import subprocess
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest

from bench import store
from bench.errors import LabError, LostError
from bench.measure import blocks
from bench.model import Case, Catalog, MicroCase, Observed, Phase, RobustnessCase, Run, Session, Stack
from bench.paths import ROOT
from tests.declared import planned, study_called

CASES = tuple(MicroCase(variant=name, workload="medium") for name in "abcdef")
PHASE = Phase("micro", 3, CASES)


class Fake:
    """An instrument and a watcher. It records the measured cases in order, and stops after `until` runs."""

    def __init__(self, until: int | None = None) -> None:
        self.measured: list[tuple[int, str]] = []
        self.skips = 0
        self.until = until

    def __call__(self, case: Case, block: int, _: Path) -> Run:
        if len(self.measured) == self.until:
            raise KeyboardInterrupt
        self.measured.append((block, case.variant))
        return Run(case=case, block=block, started="", seconds=1.0, verdict="pass")

    def case(self, case: Case, run: Run | None) -> None:
        pass

    def skipped(self, _: Case) -> None:
        self.skips += 1


@pytest.fixture
def session(tmp_path: Path) -> Path:
    record = Session(
        plan=planned(study_called("quick"), CASES), started="2026-11-24T12:00:00+00:00", seed=7, machine={}
    )
    return store.create(record, tmp_path)


def go(session: Path, fake: Fake, seed: int = 7) -> Fake:
    blocks.measure(PHASE, session, seed, fake, fake)
    return fake


def test_each_block_has_each_case_once_in_its_own_order(session: Path) -> None:
    measured = go(session, Fake()).measured
    orders = [[variant for block, variant in measured if block == number] for number in range(3)]
    assert all(sorted(order) == list("abcdef") for order in orders)
    assert len({tuple(order) for order in orders}) == 3


def test_the_seed_determines_the_order(session: Path, tmp_path: Path) -> None:
    again = store.create(
        Session(plan=planned(study_called("again")), started="2026-11-24T12:00:00+00:00", seed=7, machine={}), tmp_path
    )
    assert go(session, Fake()).measured == go(again, Fake()).measured


def test_an_interrupted_block_is_measured_again_and_complete_ones_are_kept(session: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(session, Fake(until=8))
    resumed = go(session, Fake())
    assert resumed.skips == 6
    assert {block for block, _ in resumed.measured} == {1, 2}
    assert len(store.runs(session)) == 18
    assert len(list((session / "micro-001.broken-1").glob("*.json"))) == 2, "the interrupted block is kept"


def test_a_finished_phase_is_not_measured_again(session: Path) -> None:
    go(session, Fake())
    assert go(session, Fake()).measured == []


# ---------------------------------------------------------------- cases at the same time

WAITING = tuple(
    RobustnessCase(
        stack=Stack(variant=name, framework="bare", server="bjoern"), limit_seconds=1, patience_seconds=1, at_once=3
    )
    for name in "abcdef"
)


def test_cases_that_mostly_wait_run_at_the_same_time(session: Path) -> None:
    together = Barrier(3, timeout=10)  # which only three cases at the same time can pass
    fake = Fake()

    def execute(case: Case, block: int, folder: Path) -> Run:
        together.wait()
        return fake(case, block, folder)

    blocks.measure(Phase("robustness", 1, WAITING), session, 7, fake, execute)
    assert sorted(fake.measured) == [(0, name) for name in "abcdef"]
    assert len(store.runs(session)) == 6
    blocks.measure(Phase("robustness", 1, WAITING), session, 7, fake, execute)
    assert fake.skips == 6


def test_an_interruption_ends_cases_that_have_not_begun(session: Path) -> None:
    fake = Fake(until=2)
    with pytest.raises(KeyboardInterrupt):
        blocks.measure(Phase("robustness", 1, WAITING), session, 7, fake, fake)
    assert len(fake.measured) == 2


# ---------------------------------------------------------------- an instrument that raises


def executed(folder: Path, error: BaseException) -> Run:
    """The run of an instrument that writes a log and then raises `error`."""

    def instrument(_: Catalog, case: MicroCase, output: Path) -> Observed:
        output.with_suffix(".log").write_text("the server's own words\n")
        raise error

    return blocks.execute(Catalog(), CASES[0], 0, folder, {"micro": instrument})


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("cpu"), "KeyError: 'cpu'"),
        (ValueError("two\nlines"), "ValueError: two lines"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (OSError(), "OSError"),
        (RecursionError("too deep"), "RecursionError: too deep"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_of_the_lab_is_a_failed_run_with_its_traceback_in_the_log(
    session: Path, error: Exception, reason: str
) -> None:
    folder = store.block_folder(session, "micro", 0)
    run = executed(folder, error)
    assert (run.verdict, run.reason, run.gate) == ("failed", reason, None)
    (log,) = run.raw
    kept = (session / log).read_text()
    assert kept.startswith("the server's own words\nTraceback (most recent call last):\n")
    assert kept.endswith(f"{type(error).__name__}{f': {error}' if str(error) else ''}\n")
    assert str(ROOT) not in kept


def test_an_expected_error_is_told_in_its_own_words_alone(tmp_path: Path) -> None:
    for error in (LabError("it hung"), OSError("it hung"), subprocess.SubprocessError("it hung")):
        assert executed(tmp_path, error).reason == "it hung"
        assert "Traceback" not in next(tmp_path.glob("*.log")).read_text()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), LostError("lost")], ids=repr)
def test_an_interruption_and_a_lost_machine_end_the_study(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        executed(tmp_path, error)


def test_the_rest_of_a_study_is_measured_after_an_error(session: Path) -> None:
    def instrument(_: Catalog, case: MicroCase, output: Path) -> Observed:
        if case.variant == "c":
            raise AttributeError("no such thing")
        return Observed()

    blocks.measure(PHASE, session, 7, Fake(), partial(blocks.execute, Catalog(), instruments={"micro": instrument}))
    runs = store.runs(session)
    assert len(runs) == 18
    assert {run.case.variant for run in runs if run.verdict == "failed"} == {"c"}
