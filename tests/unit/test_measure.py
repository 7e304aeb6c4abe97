"""Scheduling: blocks, random order, resumption; with instruments that measure nothing."""

from pathlib import Path

import pytest

from bench import store
from bench.measure import blocks
from bench.model import Case, MicroCase, Phase, Run, Session
from tests.declared import planned, study_called

CASES = tuple(MicroCase(variant=name, workload="medium") for name in "abcdef")
PHASE = Phase("micro", 3, CASES)


class Fake:
    """An instrument and its watcher: keeps the order of what was measured, and stops after `until` runs."""

    def __init__(self, until: int | None = None) -> None:
        self.measured: list[tuple[int, str]] = []
        self.passed_over = 0
        self.until = until

    def __call__(self, case: Case, block: int, _: Path) -> Run:
        if len(self.measured) == self.until:
            raise KeyboardInterrupt
        self.measured.append((block, case.variant))
        return Run(case=case, block=block, started="", seconds=1.0, verdict="pass")

    def case(self, case: Case, run: Run | None) -> None:
        pass

    def skipped(self, _: Case) -> None:
        self.passed_over += 1


@pytest.fixture
def session(tmp_path: Path) -> Path:
    record = Session(
        plan=planned(study_called("quick"), CASES), started="2026-11-24T12:00:00+00:00", seed=7, machine={}
    )
    return store.create(record, tmp_path)


def go(session: Path, fake: Fake, seed: int = 7) -> Fake:
    blocks.measure(PHASE, session, seed, fake, fake)
    return fake


def test_each_block_holds_each_case_once_in_an_order_of_its_own(session: Path) -> None:
    measured = go(session, Fake()).measured
    orders = [[variant for block, variant in measured if block == number] for number in range(3)]
    assert all(sorted(order) == list("abcdef") for order in orders)
    assert len({tuple(order) for order in orders}) == 3


def test_the_seed_fixes_the_order(session: Path, tmp_path: Path) -> None:
    again = store.create(
        Session(plan=planned(study_called("again")), started="2026-11-24T12:00:00+00:00", seed=7, machine={}), tmp_path
    )
    assert go(session, Fake()).measured == go(again, Fake()).measured


def test_an_interrupted_block_is_measured_anew_and_whole_ones_stay(session: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(session, Fake(until=8))
    resumed = go(session, Fake())
    assert resumed.passed_over == 6
    assert {block for block, _ in resumed.measured} == {1, 2}
    assert len(store.runs(session)) == 18
    assert len(list((session / "micro-001.broken-1").glob("*.json"))) == 2, "what the interruption left is kept"


def test_a_finished_phase_is_not_measured_again(session: Path) -> None:
    go(session, Fake())
    assert go(session, Fake()).measured == []
