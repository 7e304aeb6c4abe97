"""Scheduling with a fake instrument: blocks, random order, resumption."""

from pathlib import Path

import pytest

from bench import store
from bench.measure import blocks
from bench.model import Case, MicroCase, Phase, Run, Session
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
