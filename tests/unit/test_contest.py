"""Who meets in the open loads, and at which rates."""

from collections.abc import Iterable

import msgspec

from bench import contest
from bench.model import Measurement, Run, Study
from tests.unit.trial import STUDY, closed


def met(runs: Iterable[Run], study: Study = STUDY) -> tuple[set[str], set[float | None]]:
    """The stacks that meet in the open loads, and the rates."""
    phase = contest.contenders(study, runs)
    assert phase is not None
    return {str(case.stack) for case in phase.cases}, {case.rate for case in phase.cases}


def test_the_cheapest_stack_meets_the_baseline_behind_its_own_server() -> None:
    runs = [
        closed("cpython behind gunicorn-sync", 1.4e-3, 600),
        closed("cpython behind uwsgi-processes", 1.2e-3, 800),
        closed("pypy behind gunicorn-sync", 0.6e-3, 1500),
        closed("pypy behind uwsgi-processes", 0.9e-3, 1200),
    ]
    stacks, rates = met(runs)
    assert stacks == {"pypy/falcon/gunicorn-sync", "cpython/falcon/gunicorn-sync"}
    assert rates == {420.0, 1050.0}, "0.7 of what the baseline manages behind that server, and of what the winner does"
    phase = contest.contenders(STUDY, runs)
    assert phase is not None
    each = [("cpython", 420.0), ("pypy", 420.0), ("pypy", 1050.0)]
    assert [(case.load, case.variant, case.rate) for case in phase.cases] == [
        *(("ramp", *driven) for driven in each[:2]),
        *(("steady-peaks", *driven) for driven in each),
    ]


def test_each_workload_has_open_loads_of_its_own_winner_and_rate() -> None:
    study = msgspec.structs.replace(STUDY, workloads=("medium", "large"))
    runs = [closed("cpython behind gunicorn-sync", 1e-3, 600), closed("pypy behind gunicorn-sync", 5e-4, 1000)]
    large = [
        msgspec.structs.replace(run, case=msgspec.structs.replace(run.case, workload="large"))
        for run in (closed("cpython behind gunicorn-sync", 0.1, 6), closed("nuitka behind gunicorn-sync", 0.09, 7))
    ]
    phase = contest.contenders(study, [*runs, *large])
    assert phase is not None
    met = {(case.workload, case.rate): {c.variant for c in phase.cases if c.rate == case.rate} for case in phase.cases}
    assert met == {
        ("medium", 420.0): {"cpython", "pypy"},
        ("medium", 700.0): {"pypy"},
        ("large", 4.2): {"cpython", "nuitka"},
        ("large", 4.9): {"nuitka"},
    }


def test_server_cpu_decides_where_the_generator_limits_the_winner() -> None:
    runs = [
        closed("cpython behind gunicorn-sync", 1.4e-3, 600),
        closed("nuitka behind gunicorn-sync", 0.1e-3),
        closed("pypy behind gunicorn-sync", 0.6e-3, 1500),
    ]
    assert met(runs) == ({"nuitka/falcon/gunicorn-sync", "cpython/falcon/gunicorn-sync"}, {420.0})


def test_a_baseline_that_outran_the_generator_is_driven_at_a_share_of_what_that_could() -> None:
    limited = msgspec.structs.replace(
        closed("cpython behind gunicorn-sync", 1e-4),
        measurements=(
            Measurement(metric="cpu", unit="s", values=(1e-4,)),
            Measurement(metric="rate", unit="1/s", values=(5000,)),
            Measurement(metric="generator_cpu", unit="1", values=(0.95,)),
            Measurement(metric="pacer.rate", unit="1/s", values=(9000,)),
        ),
    )
    assert met([limited]) == ({"cpython/falcon/gunicorn-sync"}, {2950.0}), "0.7 of 5000 × 0.8 ÷ 0.95"


def test_fresh_servers_are_compared_by_their_median() -> None:
    lucky = [closed("pypy behind gunicorn-sync", cpu, 1000) for cpu in (0.1e-3, 2e-3, 2e-3)]
    even = [closed("nuitka behind gunicorn-sync", 1e-3, 900)] * 3
    base = [closed("cpython behind gunicorn-sync", 1.4e-3, rate) for rate in (590, 600, 1000)]
    stacks, rates = met(lucky + even + base)
    assert "nuitka/falcon/gunicorn-sync" in stacks
    assert rates == {420.0, 630.0}


def test_a_baseline_that_wins_runs_alone() -> None:
    runs = [closed("cpython behind gunicorn-sync", 1e-3, 600), closed("pypy behind gunicorn-sync", 2e-3, 400)]
    assert met(runs)[0] == {"cpython/falcon/gunicorn-sync"}


def test_a_slow_baseline_has_a_rate_above_zero() -> None:
    assert met([closed("cpython behind gunicorn-sync", 3.0, 0.3)])[1] == {0.21}


def test_what_failed_and_what_was_open_does_not_count() -> None:
    base = closed("cpython behind gunicorn-sync", 1.4e-3, 600)
    wrong = closed("nuitka behind gunicorn-sync", 0.1e-3, 9000, verdict="failed")
    driven = closed("pypy behind gunicorn-sync", 0.2e-3, 400)
    driven = msgspec.structs.replace(driven, case=msgspec.structs.replace(driven.case, load="ramp", rate=400.0))
    assert met([base, wrong, driven])[0] == {"cpython/falcon/gunicorn-sync"}


def test_without_a_capacity_of_the_baseline_there_are_no_open_loads() -> None:
    limited = [closed("cpython behind gunicorn-sync", 1e-4), closed("pypy behind gunicorn-sync", 5e-5)]
    assert contest.contenders(STUDY, limited) is None
    assert contest.contenders(STUDY, []) is None
    runs = [closed("cpython behind gunicorn-sync", 1e-3, 600)]
    assert contest.contenders(msgspec.structs.replace(STUDY, open=None), runs) is None
