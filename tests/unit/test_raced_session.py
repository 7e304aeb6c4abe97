"""A race as part of a session: its budget, its record, its interruption, and what decides it."""

from pathlib import Path

import msgspec
import pytest

from bench import store
from bench.analysis import selftest
from bench.errors import LabError
from bench.model import (
    MacroPlan,
)
from bench.plan import estimate
from bench.plan.planned import plan
from bench.race import again, playoff
from tests.declared import CATALOG
from tests.unit import fakes
from tests.unit.fakes import STUDY, Bench

RACED = msgspec.structs.replace(
    STUDY,
    servers=("gunicorn-sync", "bjoern"),
    workloads=("hello", "medium"),
    micro=None,
    open=None,
    macro=MacroPlan(loads=("closed",), runs=5),
)


@pytest.fixture(autouse=True)
def own_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes.keep_sessions(monkeypatch, tmp_path)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def test_a_budget_is_kept_by_a_race_that_the_sessions_record_tells_of(bench: Bench) -> None:
    budget = estimate.plan_seconds(plan(RACED, CATALOG)) * 0.9
    folder, session = bench.run(RACED, budget=budget)
    assert session.finished
    assert session.race is not None
    assert session.race.finalists is not None
    runs = store.runs(folder)
    out = {(each.stack, each.workload) for each in session.race.eliminated}
    final = {(run.case.stack, run.case.workload) for run in runs if run.case.load == "closed" and run.case.stack}
    entered = {(run.case.stack, run.case.workload) for run in runs if run.case.load == "glance"}
    assert out | final == entered
    assert not out & final
    assert len(final) == session.race.finalists
    assert "race, round 1: " in bench.said.getvalue()


def test_a_raced_session_is_shown_for_its_own_budget_alone(bench: Bench) -> None:
    budget = estimate.plan_seconds(plan(RACED, CATALOG)) * 0.9
    first, _ = bench.run(RACED, budget=budget)
    assert bench.run(RACED, budget=budget)[0] == first
    assert bench.run(RACED, budget=budget - 30)[0] != first
    whole, session = bench.run(RACED)
    assert whole != first
    assert session.race is None


@pytest.mark.parametrize("after", [1, 7, 9, 16, 18])
def test_an_interrupted_race_comes_to_the_same_end(bench: Bench, after: int) -> None:
    budget = estimate.plan_seconds(plan(RACED, CATALOG)) * 0.9
    folder, undisturbed = bench.run(RACED, budget=budget)
    bench.stop_after = len(bench.measured) + after
    with pytest.raises(KeyboardInterrupt):
        bench.run(RACED, force=True, budget=budget)
    bench.stop_after = None
    again, resumed = bench.run(RACED, budget=budget)
    assert again != folder
    assert resumed.race == undisturbed.race
    assert len(store.runs(again)) == len(store.runs(folder))


def test_too_small_a_budget_is_refused_before_anything_is_built(bench: Bench) -> None:
    with pytest.raises(LabError, match="--budget 1m is too short"):
        bench.run(RACED, budget=60)
    assert bench.measured == []


def test_what_a_play_off_decides_lies_beyond_the_bias_of_the_machine(bench, monkeypatch: pytest.MonkeyPatch) -> None:
    equals = selftest.AAComparisons(
        instrument="macro", a_side=2, comparisons=40, bias=0.03, different=0, allowed=5, smallest=0.1
    )
    tested = selftest.Selftest(started="", fingerprint="f", variant="cpython", equals=(equals,), known=())
    monkeypatch.setattr(selftest, "latest", lambda fingerprint: tested)
    floors: list[float] = []

    def blocks(on, race, runs, measured, floor=0.0):
        floors.append(floor)
        return iter(())

    monkeypatch.setattr(playoff, "blocks", blocks)
    bench.run(RACED, budget=estimate.plan_seconds(plan(RACED, CATALOG)) * 0.9)
    assert floors == [0.03]


def test_every_run_of_a_race_tells_what_could_change_its_figure(bench) -> None:
    folder, _ = bench.run(RACED, budget=estimate.plan_seconds(plan(RACED, CATALOG)) * 0.9)
    inputs = {(run.case.load, run.case.inputs["load"]) for run in store.runs(folder) if run.case.stack}
    assert {load for load, _ in inputs} == {"glance", "closed"}
    assert len({declared for _, declared in inputs}) == len(inputs) == 2, "the brief load's own, not that of the final"


def test_in_a_race_servers_that_disagree_are_measured_again_in_the_rounds_and_in_the_final(
    bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    monkeypatch.setattr(again, "measure", lambda phase, *_: looked.append(phase.name))
    bench.run(RACED, budget=estimate.plan_seconds(plan(RACED, CATALOG)) * 0.9)
    assert {"race", "macro"} <= set(looked)
