"""Who is driven by the open loads, and at which rates."""

from collections.abc import Iterable

import msgspec

from bench.model import MacroPlan, Measurement, Run, Stack, Study
from bench.plan import contest
from bench.plan.planned import plan
from tests.declared import CATALOG
from tests.unit.trial import STUDY, closed

NODE = Stack(variant="node-ordinary")


def rates(runs: Iterable[Run], study: Study = STUDY) -> dict[str, float | None]:
    """The rate of each stack under the open loads."""
    phase = contest.open_loads(plan(study, CATALOG), runs)
    assert phase is not None
    return {str(case.stack): case.rate for case in phase.cases}


def of(run: Run, **changes: object) -> Run:
    """The run as one of another case."""
    return msgspec.structs.replace(run, case=msgspec.structs.replace(run.case, **changes))


def test_the_best_of_each_server_is_driven_at_a_share_of_its_own_capacity() -> None:
    runs = [
        closed("cpython behind gunicorn-sync", 1.4e-3, 600),
        closed("pypy behind gunicorn-gthread", 0.6e-3, 1500),
        closed("pypy behind gunicorn-sync", 0.7e-3, 1400),
        closed("cpython behind uwsgi-processes", 1.2e-3, 800),
    ]
    assert rates(runs) == {"pypy/falcon/gunicorn-gthread": 1050.0, "cpython/falcon/uwsgi-processes": 560.0}


def test_each_contender_meets_each_load() -> None:
    runs = [closed("cpython behind gunicorn-sync", 1e-3, 600), closed("pypy behind uwsgi-processes", 2e-3, 400)]
    phase = contest.open_loads(plan(STUDY, CATALOG), runs)
    assert phase is not None
    assert (phase.name, phase.blocks) == ("open", 1)
    assert [(case.load, case.variant) for case in phase.cases] == [
        ("ramp", "cpython"),
        ("steady-peaks", "cpython"),
        ("ramp", "pypy"),
        ("steady-peaks", "pypy"),
    ]


def test_every_peer_is_a_contender() -> None:
    expert = Stack(variant="node-expert")
    peers = [
        of(closed("cpython behind gunicorn-sync", cpu, 3000), stack=stack)
        for stack, cpu in ((NODE, 2e-4), (expert, 1e-4))
    ]
    runs = [closed("cpython behind gunicorn-sync", 1e-3, 900), *peers]
    best = contest.contenders(plan(STUDY, CATALOG), "medium", runs)
    assert [str(stack) for stack in best] == ["node-expert", "node-ordinary", "cpython/falcon/gunicorn-sync"]
    assert rates(runs)["node-ordinary"] == 2100.0


def test_each_workload_has_contenders_of_its_own() -> None:
    study = msgspec.structs.replace(STUDY, workloads=("medium", "large"))
    medium = [closed("cpython behind gunicorn-sync", 1e-3, 600), closed("pypy behind gunicorn-sync", 5e-4, 1000)]
    large = [of(run, workload="large") for run in (closed("nuitka behind gunicorn-sync", 0.09, 7), medium[1])]
    large[1] = msgspec.structs.replace(large[1], verdict="failed")
    phase = contest.open_loads(plan(study, CATALOG), [*medium, *large])
    assert phase is not None
    assert {(case.workload, case.variant, case.rate) for case in phase.cases} == {
        ("medium", "pypy", 700.0),
        ("large", "nuitka", 4.9),
    }


def test_where_a_request_mostly_waits_the_quickest_is_the_best() -> None:
    study = msgspec.structs.replace(STUDY, workloads=("wait",))
    runs = [
        of(closed("cpython behind gunicorn-sync", 1e-4, 40), workload="wait"),
        of(closed("cpython behind gunicorn-gevent", 2e-4, 2300), workload="wait"),
    ]
    assert rates(runs, study) == {"cpython/falcon/gunicorn-gevent": 1610.0}


def test_what_outruns_gatling_is_driven_at_a_share_of_what_that_can_ask() -> None:
    limited = msgspec.structs.replace(
        closed("cpython behind gunicorn-sync", 1e-4),
        measurements=(
            Measurement(metric="cpu", unit="s", values=(1e-4,)),
            Measurement(metric="rate", unit="1/s", values=(5000,)),
            Measurement(metric="generator_cpu", unit="1", values=(0.95,)),
            Measurement(metric="pacer.rate", unit="1/s", values=(9000,)),
        ),
    )
    assert rates([limited]) == {"cpython/falcon/gunicorn-sync": 2950.0}, "0.7 of 5000 × 0.8 ÷ 0.95"


def test_the_capacity_is_the_median_over_fresh_servers() -> None:
    runs = [
        msgspec.structs.replace(closed("cpython behind gunicorn-sync", 1.4e-3, rate), block=block)
        for block, rate in enumerate((590, 600, 1000))
    ]
    assert rates(runs) == {"cpython/falcon/gunicorn-sync": 420.0}


def test_a_slow_stack_has_a_rate_above_zero() -> None:
    assert rates([closed("cpython behind gunicorn-sync", 3.0, 0.3)]) == {"cpython/falcon/gunicorn-sync": 0.21}


def test_what_failed_and_what_was_open_does_not_count() -> None:
    base = closed("cpython behind gunicorn-sync", 1.4e-3, 600)
    wrong = closed("nuitka behind gunicorn-sync", 0.1e-3, 9000, verdict="failed")
    driven = of(closed("pypy behind gunicorn-sync", 0.2e-3, 400), load="ramp", rate=400.0)
    assert rates([base, wrong, driven]) == {"cpython/falcon/gunicorn-sync": 420.0}


def test_without_a_capacity_or_without_a_plan_there_are_no_open_loads() -> None:
    assert contest.open_loads(plan(STUDY, CATALOG), [closed("cpython behind gunicorn-sync", 1e-4)]) is None
    assert contest.open_loads(plan(STUDY, CATALOG), []) is None
    runs = [closed("cpython behind gunicorn-sync", 1e-3, 600)]
    assert contest.open_loads(plan(msgspec.structs.replace(STUDY, open=None), CATALOG), runs) is None


def test_of_several_closed_loads_the_first_says_who_is_driven_and_how_hard() -> None:
    study = msgspec.structs.replace(STUDY, macro=MacroPlan(loads=("closed", "brief-64"), runs=2))
    first = [closed("cpython behind gunicorn-sync", 1e-3, 900), closed("pypy behind gunicorn-sync", 2e-3, 400)]
    second = [closed("cpython behind gunicorn-sync", 2e-3, 500), closed("pypy behind gunicorn-sync", 1e-3, 800)]
    runs = [*first, *(of(run, load="brief-64") for run in second)]
    assert rates(runs, study) == {"cpython/falcon/gunicorn-sync": 630.0}
