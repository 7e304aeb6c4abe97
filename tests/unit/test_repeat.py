"""The agreement of two sessions of a study: ranks, and pairs that swapped."""

import msgspec
import numpy as np
import pytest

from bench import store
from bench.errors import LabError
from bench.model import MacroCase, Measurement, MicroCase, Run, Session, Stack
from bench.report import repeat
from tests.declared import planned, study_called

LEVELS = {"cpython": 800.0, "nuitka": 720.0, "mypyc": 700.0, "cython": 20.0, "numba": 26.0}  # µs
STARTED = ("2026-11-24T13:00:00+00:00", "2026-11-25T13:00:00+00:00")


def micro(levels, seed, *, blocks=10, spread=0.01, **case):
    """The runs of a session whose variants take `levels` microseconds per document."""
    rng = np.random.default_rng(seed)
    return [
        Run(
            case=MicroCase(variant=name, workload="medium", **case),
            block=block,
            started=STARTED[0],
            seconds=1.0,
            verdict="pass",
            measurements=(
                Measurement(metric="time", unit="s", values=(level * 1e-6 * float(np.exp(rng.normal(0, spread))),)),
            ),
        )
        for block in range(blocks)
        for name, level in levels.items()
    ]


def agreed(first, second):
    (found,) = repeat.agreements(first, second)
    return found


def test_the_same_machine_says_the_same():
    found = agreed(micro(LEVELS, 1), micro(LEVELS, 2))
    assert (found.metric, found.subjects, found.pairs) == ("time of the core alone, medium", 5, 10)
    assert (found.spearman, found.kendall) == pytest.approx((1.0, 1.0))
    assert (found.swaps, found.within) == ((), 0)


def test_a_pair_that_swapped_beyond_its_interval_is_named_with_both_ratios():
    found = agreed(micro(LEVELS, 1), micro(LEVELS | {"mypyc": 760.0}, 2))
    (swap,) = found.swaps
    assert {swap.a, swap.b} == {"nuitka", "mypyc"}
    assert swap.first.low > 1 > swap.second.high
    assert found.spearman == pytest.approx(0.9)
    assert found.kendall == pytest.approx(0.8)
    lines = "\n".join(repeat.agreement_lines(found))
    assert "nuitka ÷ mypyc: 1.03× (" in lines
    assert "1 of 10 pairs swapped beyond their intervals, 0 within" in lines


def test_equals_swap_within_their_intervals():
    equal = LEVELS | {"mypyc": LEVELS["nuitka"]}
    found = [agreed(micro(equal, seed), micro(equal, seed + 100)) for seed in range(20)]
    assert sum(len(each.swaps) for each in found) == 0
    assert 4 <= sum(each.within for each in found) <= 16


def test_twins_failures_rates_and_what_one_session_lacks_are_left_out():
    two = micro(LEVELS, 2)
    failed = [msgspec.structs.replace(run, verdict="failed", measurements=()) for run in two[:1]]
    first = micro(LEVELS | {"pypy": 900.0}, 1) + micro({"cpython": 800.0}, 3, aa=True)
    first += micro({"cpython": 1.0}, 4, path="avx2") + micro({"cpython": 1.0}, 5, threads=2)
    assert agreed(first, failed + two[1:]).subjects == 4
    stack = Stack(variant="cython", framework="bare", server="bjoern")
    driven = MacroCase(stack=stack, workload="medium", load="steady", rate=100.0)
    at_a_rate = [msgspec.structs.replace(run, case=driven) for run in two]
    assert list(repeat.agreements(first, at_a_rate)) == []


def test_stacks_are_ranked_by_each_metric_load_by_load():
    def served(seed):
        rng = np.random.default_rng(seed)
        return [
            Run(
                case=MacroCase(
                    stack=Stack(variant=name, framework="falcon", server="uwsgi-processes"),
                    workload="medium",
                    load="closed",
                ),
                block=block,
                started=STARTED[0],
                seconds=1.0,
                verdict="pass",
                measurements=tuple(
                    Measurement(metric=metric, unit="", values=(level * float(np.exp(rng.normal(0, 0.01))),))
                    for metric in ("cpu", "memory.loaded", "requests")
                ),
            )
            for block in range(3)
            for name, level in LEVELS.items()
        ]

    found = {each.metric: each for each in repeat.agreements(served(1), served(2))}
    assert list(found) == ["server CPU per request, medium, closed", "memory under load, medium, closed"]
    assert [each.spearman for each in found.values()] == pytest.approx([1.0, 1.0])


def test_a_rate_that_the_generator_limited_is_compared_with_none():
    def served(run):
        values = {
            "rate": 1 / run.values("time")[0],
            "generator_cpu": 0.95 if run.case.variant == "cython" else 0.5,
        }
        return msgspec.structs.replace(
            run,
            case=MacroCase(stack=Stack(variant=run.case.variant), workload="medium", load="brief"),
            measurements=tuple(Measurement(metric=name, unit="", values=(value,)) for name, value in values.items()),
        )

    found = agreed(list(map(served, micro(LEVELS, 1))), list(map(served, micro(LEVELS, 2))))
    assert (found.metric, found.subjects) == ("answers per second, medium, brief", len(LEVELS) - 1)


def test_two_subjects_have_no_rank_correlation():
    pair = {"cpython": 800.0, "cython": 20.0}
    found = agreed(micro(pair, 1), micro(pair, 2))
    assert found.spearman is None
    assert "too few for a rank correlation" in next(repeat.agreement_lines(found))


# ---------------------------------------------------------------- stored sessions


@pytest.fixture
def results(tmp_path):
    """Two finished sessions of a study, and one that was interrupted."""
    for index, started in enumerate([*STARTED, "2026-11-26T13:00:00+00:00"]):
        runs = micro(LEVELS, index, blocks=3)
        cases = tuple(run.case for run in runs[: len(LEVELS)])
        record = Session(
            plan=planned(study_called("quick"), cases), started=started, seed=index, machine={"fingerprint": "f"}
        )
        folder = store.create(record, tmp_path)
        for run in runs:
            (folder / f"micro-{run.block:03}").mkdir(exist_ok=True)
            store.save(folder / f"micro-{run.block:03}", run)
        if index < 2:
            store.finish(folder, record)
    return tmp_path


def test_two_finished_sessions_are_read_by_name_or_as_the_last_two(results):
    folders = repeat.chosen("quick", [], results)
    assert [folder.name for folder in folders] == ["20261124T130000Z", "20261125T130000Z"]
    assert repeat.chosen("quick", [folder.name for folder in folders], results) == folders
    said = "\n".join(repeat.lines(folders, repeat.stored(folders)))
    assert "quick: sessions of 2026-11-24T13:00:00+00:00 and 2026-11-25" in said
    assert "Spearman 1.000" in said
    assert "Different" not in said


def test_machines_read_json(results):
    (found,) = msgspec.json.decode(msgspec.json.encode(repeat.stored(repeat.chosen("quick", [], results))))
    assert (found["subjects"], found["kendall"]) == (5, pytest.approx(1.0))


def test_sessions_of_other_inputs_or_of_another_machine_are_marked(results):
    first, second = repeat.chosen("quick", [], results)
    record = store.read(second / "session.json", Session)
    other = planned(
        study_called("quick"), [msgspec.structs.replace(case, inputs={"harness": "x"}) for case in record.plan.cases]
    )
    store.note(second, plan=other, machine={"fingerprint": "g"})
    said = "\n".join(repeat.lines((first, second), repeat.stored((first, second))))
    assert "Different inputs: 10 cases are in one of the sessions only." in said
    assert "Different machines." in said


@pytest.mark.parametrize("names", [["20261124T130000Z"], ["20261124T130000Z", "20261126T130000Z"], ["a", "b"]])
def test_anything_but_two_finished_sessions_is_refused(results, names):
    with pytest.raises(LabError, match=r"two finished sessions of quick \(finished: 20261124T130000Z, 20261125T1300"):
        repeat.chosen("quick", names, results)
