"""From the runs of a made-up session to figures, reasons, claims and the answer."""

import msgspec
import pytest

from bench.errors import LabError
from bench.model import Hole, Stack
from bench.report import cost
from bench.report.answer import answer, noise
from bench.report.evidence import Figure
from bench.report.finding import find
from tests.unit import sessions

STUDY = sessions.quick()
RUNS = sessions.runs(STUDY)
SESSION = sessions.session(STUDY, RUNS)
FINDING = find(SESSION, RUNS, STUDY)


def row(variant, server, finding=FINDING):
    return next(row for row in finding.rows if (row.stack.variant, row.stack.server) == (variant, server))


def core(variant, finding=FINDING):
    return next(core for core in finding.cores if core.variant == variant)


def changed(runs, wanted, **fields):
    """`runs` with `fields` set in those that are `wanted`."""
    return [msgspec.structs.replace(run, **fields) if wanted(run) else run for run in runs]


def test_the_fastest_core_and_the_cheapest_stack_come_first_and_what_has_no_figure_last():
    times = [core.time.value for core in FINDING.cores if core.time.value is not None]
    spent = [row.cpu.value for row in FINDING.rows if row.cpu.value is not None]
    assert times == sorted(times)
    assert spent == sorted(spent)
    assert FINDING.cores[-1].variant == sessions.UNBUILT
    assert all(row.cpu.value is None for row in FINDING.rows[len(spent) :])


def test_a_speedup_is_the_baselines_time_over_the_variants():
    found = core("cython").speedup
    assert found.ratio.estimate == pytest.approx(1210 / 26.4, rel=0.02)
    assert found.ratio.low < found.ratio.estimate < found.ratio.high
    assert found.claimed


def test_a_difference_within_the_noise_is_shown_and_not_claimed():
    found = core("mypyc").speedup
    assert found.ratio.estimate == pytest.approx(1, rel=0.02)
    assert not found.claimed
    assert 0 < FINDING.floor < 0.05


def test_a_slow_hour_of_the_machine_strikes_both_sides_of_a_ratio():
    slow = [
        msgspec.structs.replace(
            run,
            measurements=tuple(
                msgspec.structs.replace(m, values=tuple(2 * value for value in m.values)) for m in run.measurements
            ),
        )
        if run.case.instrument == "micro" and run.block < 5
        else run
        for run in RUNS
    ]
    before, after = core("cython").speedup.ratio, core("cython", find(SESSION, slow, STUDY)).speedup.ratio
    assert after.estimate == pytest.approx(before.estimate, rel=0.01)
    assert after.high - after.low < 1.5 * (before.high - before.low)


def test_a_wrong_answer_spoils_the_whole_row_and_no_other():
    spoilt, spared = row(sessions.WRONG, "gunicorn-sync"), row(sessions.WRONG, "uwsgi-processes")
    for figure in (spoilt.cpu, spoilt.capacity, spoilt.p99, spoilt.memory, spoilt.start, spoilt.compressed):
        assert figure.value is None
        assert figure.reason == "3 of 8 held-out documents answered wrong after the load"
    assert (spoilt.verdict, spared.verdict) == ("failed", "pass")
    assert spoilt.speedup.ratio is None
    assert spared.cpu.value is not None
    assert core(sessions.WRONG).time.value is not None


def test_a_core_that_fails_by_itself_has_no_stack_with_a_figure():
    runs = changed(
        RUNS,
        lambda run: run.case.instrument == "micro" and run.case.variant == "pypy" and run.block == 3,
        verdict="failed",
        reason="the answer to 0000.json is wrong",
    )
    spoilt = row("pypy", "gunicorn-sync", find(SESSION, runs, STUDY))
    assert spoilt.core.time == Figure(reason="the answer to 0000.json is wrong")
    assert spoilt.cpu.value is None
    assert spoilt.verdict == "failed"


def test_holes_and_failed_builds_are_rows_with_reasons():
    impossible, unbuilt = row("pypy", "uwsgi-processes"), row(sessions.UNBUILT, "gunicorn-sync")
    assert (impossible.verdict, impossible.cpu.reason) == ("hole", "uWSGI's PyPy plugin did not start")
    assert impossible.core.time.value is not None
    assert (unbuilt.verdict, unbuilt.core.verdict) == ("failed", "failed")
    assert unbuilt.core.time.reason == "no C compiler was found"


def test_a_generator_limit_takes_the_capacity_and_nothing_else():
    limited = row("cython", "uwsgi-processes")
    assert limited.capacity.value is None
    assert limited.capacity.instead == "generator-limited"
    assert "93% busy" in limited.capacity.reason
    assert limited.speedup.ratio.estimate == pytest.approx((1210 + 22) / (26.4 + 22), rel=0.05)
    assert limited.cost.cpu_hours.value is not None


def test_a_latency_below_the_clock_is_a_bound_and_an_unknown_one_says_why():
    assert row("cython", "uwsgi-processes").p99 == Figure(value=0.001, below=True)
    assert "too few" in row("numba", "gunicorn-sync").p99.reason


def test_what_was_not_asked_for_and_what_is_still_to_come_are_told_apart():
    assert row("cython", "uwsgi-processes").start.reason == "not part of this study"
    interrupted = sessions.session(STUDY, RUNS, finished=False)
    assert row("cython", "uwsgi-processes", find(interrupted, RUNS, STUDY)).start.reason == "not measured yet"


def test_warm_up_is_classified():
    assert core("pypy").shape == "warm-up"
    assert core("cpython").shape == "flat"


def test_courses_stand_in_the_studys_order_the_baseline_first():
    told = [(course.load, course.stack.variant) for course in FINDING.courses if course.rate]
    assert told == [(load, variant) for load in sessions.LOADS for variant in ("cpython", "cython")]


def test_results_outlive_their_declarations():
    old = Stack(variant="gone", framework="falcon", server="lost")
    study = msgspec.structs.replace(STUDY, variants=("cpython", "gone"), servers=("lost",))
    found = find(sessions.session(study, []), [], study)
    assert {(row.core.title, row.server) for row in found.rows if row.stack == old} == {("gone", "lost")}


def test_the_answer_names_winner_ratio_interval_and_what_is_left_behind_each_server():
    first, second = answer(FINDING)
    best = core("cython")
    assert first.startswith(f"A first look: the fastest core is {best.title}, at 45.")
    assert f"the speed of {FINDING.baseline.title}" in first
    assert "9.77× (9.66–9.88) behind gunicorn-sync" in second
    assert "behind uwsgi-processes" in second
    assert "cython/falcon/uwsgi-processes spends the least: 48.1 µs a request" in second
    assert noise(FINDING).startswith("Noise floor: 1.7 %.")


def test_without_a_rewrite_the_answer_names_the_best_of_the_same_source():
    unrewritten = msgspec.structs.replace(FINDING, cores=tuple(c for c in FINDING.cores if c.variant != "numba"))
    assert "; without a rewrite it is PyPy 3.11, at 1.89×" in answer(unrewritten)[0]


def test_without_an_a_a_pair_nothing_is_claimed():
    found = find(SESSION, [run for run in RUNS if not run.case.twin], STUDY)
    assert not any(core.speedup.claimed for core in found.cores)
    assert answer(found)[0].startswith("A first look: no variant is faster than CPython 3.11")
    assert "no A/A pair" in noise(found)


def test_two_leaders_that_the_noise_does_not_part_share_the_first_place():
    equal = [run for run in RUNS if run.case.variant == "cython" and run.case.instrument == "micro"]
    double = [msgspec.structs.replace(run, case=msgspec.structs.replace(run.case, variant="numba")) for run in equal]
    runs = [run for run in RUNS if (run.case.variant, run.case.instrument) != ("numba", "micro")] + double
    assert "too close to tell apart" in answer(find(SESSION, runs, STUDY))[0]


def test_a_study_without_a_baseline_figure_says_so():
    holes = (Hole(what="cpython", reason="the interpreter is not here"),)
    found = find(msgspec.structs.replace(SESSION, holes=holes), RUNS, STUDY)
    assert "has no figure (the interpreter is not here)" in answer(found)[0]


def test_cost_is_hours_of_a_core_and_of_a_gigabyte_for_a_million_requests():
    price = cost.parse("0.04,0.005")
    found = cost.cost(Figure(value=36e-6), Figure(value=100e6), price)
    assert found.cpu_hours.value == pytest.approx(0.01)
    assert found.gb_hours.value == pytest.approx(0.001)
    assert found.money.value == pytest.approx(0.01 * 0.04 + 0.001 * 0.005)


def test_cost_lacks_what_its_inputs_lack():
    found = cost.cost(Figure(value=36e-6), Figure(reason="no PSS here"), None)
    assert found.cpu_hours.value == pytest.approx(0.01)
    assert found.gb_hours.reason == "no PSS here"
    assert cost.cost(Figure(reason="failed"), Figure(value=1.0), None).cpu_hours.reason == "failed"


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "-1,0", "nan,1", "inf,1"])
def test_a_price_that_is_none_is_refused(text):
    with pytest.raises(LabError, match="--price"):
        cost.parse(text)


def test_where_a_study_has_several_frameworks_a_place_names_its_own():
    study = msgspec.structs.replace(STUDY, frameworks=("falcon", "bare"))
    found = find(sessions.session(study, RUNS), RUNS, study)
    assert found.places == (
        "falcon/gunicorn-sync",
        "bare/gunicorn-sync",
        "falcon/uwsgi-processes",
        "bare/uwsgi-processes",
    )
    assert "behind falcon/gunicorn-sync" in answer(found)[1]
