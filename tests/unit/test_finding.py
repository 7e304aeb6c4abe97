"""From the runs of a made-up session to figures, reasons, verdicts and the answer."""

import re

import msgspec
import numpy as np
import pytest

from bench.analysis.comparison import as_a_family, compared, noise_floor
from bench.analysis.stats import Ratio, blocked_ratio
from bench.analysis.text import interval, share, times
from bench.model import Measurement
from bench.report import charts
from bench.report.answer import answers
from bench.report.estimates import TOO_FEW, Figure, latency
from bench.report.finding import find
from bench.report.noise import once, power
from bench.report.page import html
from bench.report.table import alone, columns
from bench.report.versions import without_pgo
from bench.report.wording import judged
from tests.unit import sessions

STUDY = sessions.quick()
RUNS = sessions.runs(STUDY)
SESSION = sessions.session(STUDY, RUNS)
FINDING = find(SESSION, RUNS)


def row(variant, server, finding=FINDING):
    return next(row for row in finding.rows if (row.stack.variant, row.stack.server) == (variant, server))


def core(variant, finding=FINDING):
    return next(core for core in finding.cores if core.variant == variant)


def noise(finding):
    return " ".join(once(finding))


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
    assert found.significant


def test_instructions_stand_beside_time_and_what_was_forced_is_no_figure_of_the_variant():
    counts, base = core("cython").counts, core("cpython").counts
    assert counts.instructions.value == pytest.approx(26.4e-6 * 6e9, rel=0.001)
    assert counts.spread == pytest.approx(0.001)
    assert (counts.path, counts.timed_path) == ("avx2", "avx512")
    assert counts.time.value == pytest.approx(1.5 * core("cython").time.value, rel=0.02)
    assert counts.speedup.ratio.estimate == pytest.approx(1210 / 26.4 / 1.5, rel=0.02)
    assert (base.timed_path, base.time.value) == (None, None)


def test_what_cannot_be_counted_says_why_and_keeps_its_row():
    assert core("pypy").counts.instructions.reason == "PyPy compiles while it runs"
    assert core("pypy").verdict == "pass"
    wrong = changed(RUNS, lambda run: run.case.instrument == "instructions", verdict="failed", reason="it died")
    found = core("cython", find(SESSION, wrong))
    assert (found.counts.instructions.reason, found.verdict) == ("it died", "pass")
    assert found.time.value is not None


def test_what_lies_within_five_percent_as_a_whole_is_equal_and_no_difference():
    found = core("mypyc").speedup
    assert found.ratio.estimate == pytest.approx(1, rel=0.02)
    assert (found.significant, found.equal) == (False, True)


@pytest.mark.parametrize(
    ("low", "high", "floor", "told"),
    [
        (1.34, 1.68, 0.0, "1.50× (1.34–1.68)"),
        (1.01, 1.02, 0.0, "1.50× (1.01–1.02)"),  # a small difference is one
        (1.01, 1.02, 0.015, "equal (1.01–1.02)"),  # but not within the bias of the machine
        (0.96, 1.04, 0.0, "equal (0.960–1.04)"),
        (0.96, 1.06, 0.0, "undecided"),
        (0.94, 1.04, 0.0, "undecided"),
        (1.01, 1.30, 0.05, "undecided"),
        (0.357, 5.60, 0.0, "undecided"),
        (None, None, 0.0, "undecided"),
    ],
)
def test_one_rule_for_estimate_and_interval(low, high, floor, told):
    ratio = Ratio(estimate=1.5, low=low, high=high, error=0.01 if low else None, freedom=9 if low else None)
    assert judged(compared(ratio, floor)) == told


@pytest.mark.parametrize(
    ("low", "high", "bias", "floor"),
    [
        (0.99, 1.05, 0.01, 0.01),  # the sampling error of a pair raises nothing
        (0.99, 1.05, None, 0.0),
        (1.03, 1.08, 0.01, 0.03),
        (0.90, 0.98, 0.01, 1 / 0.98 - 1),
        (1.03, 1.08, 0.04, 0.04),
        (None, None, 0.01, 0.01),
    ],
)
def test_a_pair_raises_the_floor_where_its_interval_excludes_one(low, high, bias, floor):
    assert noise_floor(Ratio(estimate=1.0, low=low, high=high), bias) == pytest.approx(floor)
    assert noise_floor(None, bias) == (bias or 0.0)


def test_what_the_interval_says_the_p_value_says_too():
    """Where Student's t gives both, of blocks too few to resample."""
    rng = np.random.default_rng(4)
    for floor in (0.0, 0.01):
        pairs = [[([float(np.exp(rng.normal(0.03, 0.02)))], [1.0]) for _ in range(4)] for _ in range(200)]
        found = [compared(blocked_ratio(each), floor) for each in pairs]
        assert {each.significant for each in found} == {True, False}
        assert all(each.significant == each.ratio.differs_by_more_than(floor) for each in found)


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
    before, after = core("cython").speedup.ratio, core("cython", find(SESSION, slow)).speedup.ratio
    assert after.estimate == pytest.approx(before.estimate, rel=0.01)
    assert after.high - after.low < 1.5 * (before.high - before.low)


def test_a_wrong_answer_spoils_the_whole_row_and_no_other():
    spoilt, spared = row(sessions.WRONG, "gunicorn-sync"), row(sessions.WRONG, "uwsgi-processes")
    for figure in (spoilt.cpu, spoilt.capacity, spoilt.memory, spoilt.start, spoilt.compressed):
        assert figure.value is None
        assert figure.reason == "right answers: 3 of 8 held-out documents answered wrong after the load"
    assert (spoilt.verdict, spared.verdict) == ("failed", "pass")
    assert spoilt.speedup.ratio is None
    assert spared.cpu.value is not None
    assert core(sessions.WRONG).time.value is not None


def test_what_fails_on_one_workload_leaves_the_others_their_figures():
    known = next(run for run in RUNS if run.case.instrument == "macro" and run.case.variant == "cython")
    elsewhere = msgspec.structs.replace(known.case, workload="large")
    failed = msgspec.structs.replace(known, case=elsewhere, verdict="failed", reason="no request was answered")
    spared = row("cython", known.case.stack.server, find(SESSION, [*RUNS, failed]))
    assert spared.cpu == row("cython", known.case.stack.server).cpu
    assert spared.verdict == "pass"


def test_what_fails_under_an_open_load_leaves_the_figures_of_the_closed_one():
    known = next(run for run in RUNS if run.case.instrument == "macro" and run.case.variant == "cython")
    driven = msgspec.structs.replace(known.case, load="ramp", rate=100.0)
    failed = msgspec.structs.replace(known, case=driven, verdict="failed", reason="no request was answered")
    spared = row("cython", known.case.stack.server, find(SESSION, [*RUNS, failed]))
    assert spared.cpu == row("cython", known.case.stack.server).cpu


def test_several_threads_at_once_are_no_figure_of_the_core():
    def slow(run):
        timed = tuple(
            msgspec.structs.replace(each, values=tuple(9 * value for value in each.values)) for each in run.measurements
        )
        return msgspec.structs.replace(run, case=msgspec.structs.replace(run.case, threads=2), measurements=timed)

    threaded = [slow(run) for run in RUNS if run.case.instrument == "micro" and run.case.variant == "cython"]
    assert core("cython", find(SESSION, [*RUNS, *threaded])).time == core("cython").time


def test_a_core_that_fails_by_itself_has_no_stack_with_a_figure():
    runs = changed(
        RUNS,
        lambda run: run.case.instrument == "micro" and run.case.variant == "pypy" and run.block == 3,
        verdict="failed",
        reason="wrong answer to 0000.json",
    )
    spoilt = row("pypy", "gunicorn-sync", find(SESSION, runs))
    assert spoilt.core.time == Figure(reason="wrong answer to 0000.json")
    assert spoilt.cpu.value is None
    assert spoilt.verdict == "failed"


def test_holes_and_failed_builds_are_rows_with_reasons():
    impossible, unbuilt = row("pypy", "uwsgi-processes"), row(sessions.UNBUILT, "gunicorn-sync")
    assert (impossible.verdict, impossible.cpu.reason) == ("unsupported", "uWSGI's PyPy plugin did not start")
    assert impossible.core.time.value is not None
    assert (unbuilt.verdict, unbuilt.core.verdict) == ("failed", "failed")
    assert unbuilt.core.time.reason == "no C compiler was found"


def test_a_generator_limit_takes_the_capacity_and_nothing_else():
    limited = row("cython", "uwsgi-processes")
    assert limited.capacity.value is None
    assert limited.capacity.instead == "generator-limited"
    assert "93 % busy" in limited.capacity.reason
    assert limited.speedup.ratio.estimate == pytest.approx((1210 + 22) / (26.4 + 22), rel=0.05)
    assert limited.cost.cpu_hours.value is not None


def test_a_latency_below_the_clock_is_a_bound_and_an_unknown_one_says_why():
    loaded = {(run.case.variant, run.case.stack.server): run for run in RUNS if run.case.instrument == "macro"}
    assert latency([loaded["cython", "uwsgi-processes"]], "p99", "") == Figure(value=0.001, below=True)
    assert latency([loaded["numba", "gunicorn-sync"]], "p99", "").reason == TOO_FEW


def test_what_was_not_asked_for_and_what_is_still_to_come_are_told_apart():
    assert row("cython", "uwsgi-processes").start.reason == "not part of this study"
    interrupted = sessions.session(STUDY, RUNS, finished=False)
    assert row("cython", "uwsgi-processes", find(interrupted, RUNS)).start.reason == "not measured yet"


def test_warm_up_is_classified_and_its_work_until_steady_told():
    assert core("pypy").shape == "warm-up"
    assert core("cpython").shape == "flat"
    cold = core("cpython")
    assert cold.settled.value == pytest.approx(cold.first.value), "steady after its first document"
    passes = 640e-6 * np.geomspace(4, 1.0, 8)[:7].sum() * 200
    assert core("pypy").settled.value == pytest.approx(21e-3 + passes, rel=0.1)


def test_without_a_steady_state_there_is_no_time_until_it():
    restless = changed(
        RUNS,
        lambda run: run.case.variant == "pypy" and run.case.instrument == "micro",
        measurements=(Measurement(metric="time", unit="s", values=(1.0, 2.0, 1.0, 3.0)),),
    )
    found = core("pypy", find(SESSION, restless))
    assert (found.shape, found.settled.instead) == ("no steady state", "never")


def test_the_machines_selftest_gives_the_bias_and_the_page_says_so():
    found = find(SESSION, RUNS, selftest=sessions.machine_tested({"micro": 0.011, "macro": 0.023}, 2))
    assert (found.floor, found.floor_served) == (0.011, 0.023)
    assert noise(found).startswith(
        "Bias of this machine (self-test of 2026-11-24): 1.1 % without a server and 2.3 % behind a server. "
        "A/A false positives: 2 of 40 without a server and 2 of 40 behind a server. A/A pair of this study"
    )
    assert "self-test of 2026-11-24, FAILED" in noise(
        find(SESSION, RUNS, selftest=sessions.machine_tested({"micro": 0.011}, 9))
    )


def test_a_pair_that_comes_out_further_apart_than_the_selftest_counts_more():
    def slowed(measurement):
        return msgspec.structs.replace(measurement, values=tuple(1.1 * value for value in measurement.values))

    runs = [
        msgspec.structs.replace(run, measurements=tuple(map(slowed, run.measurements))) if run.case.aa else run
        for run in RUNS
    ]
    found = find(SESSION, runs, selftest=sessions.machine_tested({"micro": 0.011, "macro": 0.2}, 2))
    nearer = max(found.same.low - 1, 1 / found.same.high - 1)
    assert found.floor == pytest.approx(nearer)
    assert 0.07 < found.floor < 0.1, "the nearer end, not how far the interval reaches"
    assert found.floor_served == 0.2
    assert f"Its interval excludes 1×, so no difference below {share(found.floor)} is significant." in noise(found)


def test_without_a_selftest_significance_rests_on_the_intervals_and_the_page_says_so():
    assert (FINDING.floor, FINDING.floor_served) == (0.0, 0.0)
    assert "not measured, so significance rests on the intervals alone. To measure it: `python -m ben" in noise(FINDING)
    assert f"A/A pair of this study (CPython 3.11): equal ({interval(FINDING.same)})." in noise(FINDING)
    assert core("cython").speedup.significant


def test_the_smallest_effect_that_could_be_seen_is_told():
    seen = core("mypyc").speedup.smallest
    assert 0 < seen < 0.1
    assert re.match(
        r"Smallest detectable difference \(80 % power\): \S+ % to \S+ % without a server and \S+ % to", power(FINDING)
    )
    tested = find(SESSION, RUNS, selftest=sessions.machine_tested({"micro": 0.00001, "macro": 0.00001}, 0))
    assert power(tested) == power(FINDING), "the baseline against itself is no comparison"
    nothing = find(sessions.session(STUDY, []), [])
    assert power(nothing).endswith("unknown (no ratio has an interval).")


def test_cores_are_one_family_of_comparisons_and_stacks_another():
    cores = [core.speedup.among for core in FINDING.cores if core.speedup.ratio and not core.baseline]
    rows = [row.speedup.among for row in FINDING.rows if row.speedup.ratio and not row.core.baseline]
    assert set(cores) == {len(cores)}
    assert set(rows) == {len(rows)}


def test_a_difference_that_is_significant_alone_may_not_be_in_its_family():
    """An effect barely beyond the floor, in a family of equals."""
    barely = Ratio(estimate=1.05, low=1.012, high=1.09, error=0.016, freedom=9)
    none = Ratio(estimate=1.0, low=0.99, high=1.01, error=0.005, freedom=9)
    assert compared(barely, 0.01).significant
    assert not as_a_family([compared(barely, 0.01)] + [compared(none, 0.01)] * 9)[0].significant


def test_a_speedup_behind_a_server_that_is_not_significant_is_not_in_the_answer():
    doubted = [
        msgspec.structs.replace(each, speedup=msgspec.structs.replace(each.speedup, significant=False))
        if each.core is FINDING.cores[0]
        else each
        for each in FINDING.rows
    ]
    assert "as fast; " in answers(FINDING)[0]
    assert answers(msgspec.structs.replace(FINDING, rows=tuple(doubted)))[0].endswith("as fast.")


def marks(chart, name):
    """The marks of a core in a chart."""
    described = chart.to_dict()
    found = [mark for data in described["datasets"].values() for mark in data if "told" in mark]
    return [mark for mark in found if mark["row"] == name]


def test_equals_are_named_so_and_grey():
    title = core("mypyc").title
    (point,) = marks(charts.speedups(FINDING, charts.WIDE), title)
    assert (point["at"], point["told"].split()[0]) == (core("mypyc").speedup.ratio.estimate, "equal")
    (alone_,) = (mark for mark in marks(charts.survival(FINDING, charts.WIDE), title) if mark["lane"] == charts.ALONE)
    assert (alone_["told"], alone_["colour"]) == ("equal", "grey")
    assert ">equal <small>" in html(FINDING)


def test_a_significant_ratio_has_its_estimate_and_another_has_none():
    cells = [(core.speedup, alone(core)[1].text) for core in FINDING.cores if core.speedup.ratio and not core.baseline]
    (column,) = (each for each in columns(FINDING) if (each.heading, each.unit) == ("Speed-up", "server CPU"))
    cells += [
        (row.speedup, column.cell(row).text) for row in FINDING.rows if row.speedup.ratio and not row.core.baseline
    ]
    assert {found.significant for found, _ in cells} == {True, False}
    for found, text in cells:
        assert (text == times(found.ratio)) is found.significant
        assert found.significant or text == ("equal" if found.equal else "undecided")


def test_a_rate_near_that_of_a_server_without_work_is_no_capacity():
    runs = [run for run in RUNS if run.case.instrument != "null"]
    null = next(run for run in RUNS if run.case.instrument == "null")
    slow = msgspec.structs.replace(null, measurements=(Measurement(metric="rate", unit="1/s", values=(800.0,)),))
    found = find(sessions.session(STUDY, runs), [*runs, slow])
    reached = next(row for row in found.rows if str(row.stack) == "cpython/falcon/uwsgi-processes")
    assert reached.capacity.instead == "generator-limited"
    assert "of the 800/s that a server without work answers" in reached.capacity.reason
    assert reached.cpu.value


@pytest.mark.slow
def test_interpreters_that_were_built_without_what_the_others_have_are_named():
    def built(name, **facts):
        return msgspec.structs.replace(core("cython"), variant=name, facts=facts)

    def of(*cores):
        study = msgspec.structs.replace(STUDY, variants=("cpython", *(core.variant for core in cores)))
        return msgspec.structs.replace(FINDING, cores=cores, session=sessions.session(study, []))

    alike = [built("cpython", pgo=True), built("cython@cpython-3.13", pgo=True), built("pypy")]
    assert without_pgo(of(*alike)) is None
    assert without_pgo(of(built("cpython", pgo=False))) is None, "there is no other to differ from"
    other = [built("cpython@cpython-3.12", pgo=False), built("cython@cpython-3.12", pgo=False)]
    assert without_pgo(of(*alike, *other)) == (
        "Built without profile-guided optimisation, unlike the others: CPython 3.12. "
        "Differences from the others come from the build as well as the version."
    )
    facts = {"pgo": False}
    runs = changed(RUNS, lambda run: run.case.variant == "cython", facts=facts)
    runs = changed(runs, lambda run: run.case.variant == "pypy", facts={"pgo": True})
    assert "Built without profile-guided optimisation" in html(find(SESSION, runs))
    several = msgspec.structs.replace(STUDY, interpreters=("cpython-3.11", "cpython-3.13"))
    assert ">no PGO<" in html(find(sessions.session(several, runs), runs))


def test_a_lead_is_held_against_all_the_others_at_once():
    assert FINDING.lead.among == len(FINDING.cores) - 1 > 1
