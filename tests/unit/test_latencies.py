"""Open loads for latency: the rates of the stacks, and the report of their percentiles."""

import msgspec

from bench.model import LatencyPlan, MacroCase, Measurement, Run, Stack, Study
from bench.plan.latency_loads import capacities, latency_loads
from bench.plan.planned import plan
from bench.report import estimates, latencies
from bench.report.latencies import Latencies
from bench.report.page import latency_row
from tests.declared import CATALOG
from tests.unit.trial import STUDY, closed

ASKED: Study = msgspec.structs.replace(STUDY, open=None, latency=LatencyPlan(load="steady", runs=2))
CLOSED = [
    closed("cpython behind gunicorn-sync", 1.4e-3, 600),
    closed("pypy behind gunicorn-sync", 0.7e-3, 1400),
    closed("cpython behind uwsgi-processes", 1.2e-3, 800),
]
FAST, SLOW = (Stack(variant=name, framework="falcon", server="uwsgi-processes") for name in ("cython", "cpython"))
TITLES = {FAST: "fast", SLOW: "slow"}


def test_contenders_are_driven_at_one_rate_and_then_at_shares_of_their_own_capacity() -> None:
    phase = latency_loads(plan(ASKED, CATALOG), CLOSED)
    assert phase is not None
    assert (phase.name, phase.blocks) == ("latency", 2)
    assert [str(case.stack) for case in phase.cases] == ["pypy/falcon/gunicorn-sync", "cpython/falcon/uwsgi-processes"]
    assert {(case.load, case.rate, case.shares, case.is_open) for case in phase.cases} == {
        ("steady", 400.0, (0.3, 0.6, 0.9), True)
    }
    assert phase.cases[0].levels == ("common", "own 30", "own 60", "own 90")


def test_a_stack_that_the_generator_limited_is_driven_at_shares_of_what_that_can_ask() -> None:
    busy = Measurement(metric="generator_cpu", unit="1", values=(0.96,))
    others = tuple(each for each in CLOSED[1].measurements if each.metric != busy.metric)
    limited = msgspec.structs.replace(CLOSED[1], measurements=(*others, busy))
    assert round(capacities(plan(ASKED, CATALOG), "medium", [limited])[limited.case.stack]) == round(1400 * 0.8 / 0.96)


def test_only_the_workloads_that_are_named_are_driven() -> None:
    both = msgspec.structs.replace(ASKED, workloads=("medium", "large"))
    on_large = msgspec.structs.replace(both, latency=LatencyPlan(load="steady", runs=2, workloads=("large",)))
    assert latency_loads(plan(both, CATALOG), CLOSED) is not None
    assert latency_loads(plan(on_large, CATALOG), CLOSED) is None


def test_without_a_plan_or_a_capacity_nothing_is_driven() -> None:
    assert latency_loads(plan(STUDY, CATALOG), CLOSED) is None
    assert latency_loads(plan(ASKED, CATALOG), []) is None


# ---------------------------------------------------------------- in a report


def run(stack: Stack, block: int, levels: dict[str, dict[str, float]], **changes: object) -> Run:
    """A server driven at several rates, with percentiles in microseconds by level; it works for 100 µs per request."""
    case = MacroCase(stack=stack, workload="medium", load="steady", rate=1000.0)
    measured = {
        f"{name}.{metric}": value
        for name, known in levels.items()
        for metric, value in (
            *((f"latency.{percentile}", value / 1e6) for percentile, value in known.items()),
            ("cpu", 1e-4),
            *((metric, 1000.0 if name == "common" else 5000.0) for metric in ("asked", "rate")),
        )
    }
    made = Run(
        case=msgspec.structs.replace(case, shares=(0.9,)),
        block=block,
        started="",
        seconds=1.0,
        verdict="pass",
        measurements=tuple(Measurement(metric=m, unit="", values=(value,)) for m, value in measured.items()),
    )
    return msgspec.structs.replace(made, **changes)


def level(p50: float, p99: float, **more: float) -> dict[str, float]:
    return {"p50": p50, "p90": 2 * p50, "p99": p99, "mean": p50, "lag": 10.0} | more


RUNS = [
    run(SLOW, 0, {"common": level(900, 2000), "own 90": level(3000, 9000)}),
    run(SLOW, 1, {"common": level(800, 3000), "own 90": level(3100, 8000)}),
    run(FAST, 0, {"common": level(100, 200, **{"p99.9": 400}), "own 90": level(300, 800)}),
    run(FAST, 1, {"common": level(120, 240, **{"p99.9": 500}), "own 90": level(310, 700)}),
]


def found(runs: list[Run]) -> tuple[Latencies, ...]:
    return latencies.latencies(runs, TITLES)


def test_percentiles_are_medians_over_servers_in_microseconds_with_their_span() -> None:
    tables = latencies.levels(found(RUNS))
    assert list(tables) == ["At 1,000 requests per second each", "At 90 % of each stack's own capacity"]
    rows = map(latency_row, tables["At 1,000 requests per second each"])
    assert [[f"{cell.text} ({cell.detail})" if cell.detail else cell.text for cell in row] for row in rows] == [
        ["fast", "1,000", "10 %", "110 (100–120)", "220 (200–240)", "220 (200–240)", "450 (400–500)"],
        ["slow", "1,000", "10 %", "850 (800–900)", "1,700 (1,600–1,800)", "2,500 (2,000–3,000)", "—"],
    ]


def test_the_answer_has_the_99th_percentiles_at_the_common_rate() -> None:
    assert latencies.sentence(found(RUNS)) == (
        "Latency at 1,000 requests per second each, p99: 220 µs (fast) and 2,500 µs (slow)."
    )
    assert latencies.sentence(()) == ""


def test_the_answer_has_a_lower_percentile_where_a_stack_has_no_99th_and_still_the_shortest_first() -> None:
    few = run(SLOW, 2, {"common": {"p50": 90.0}, "own 90": {}})
    assert "each, p50: 90.0 µs (slow) and 110 µs (fast)." in latencies.sentence(found([*RUNS[2:], few]))


def test_latencies_that_a_gate_spoils_are_absent_with_its_reason() -> None:
    late = run(FAST, 2, {"common": level(100, 200, lag=60.0)})
    (fast,) = [each for each in found([*RUNS, late]) if each.stack == FAST and each.is_common]
    figure = fast.percentiles["p99"].figure
    assert figure.value is None
    assert "the generator was 60 µs late in the mean, at a mean latency of 100 µs" in (figure.reason or "")
    assert latencies.cell(fast.percentiles["p99"]) == ("—", "")


def test_a_percentile_that_one_server_lacks_is_absent() -> None:
    (slow,) = [each for each in found(RUNS) if each.stack == SLOW and each.is_common]
    assert slow.percentiles["p99.9"].figure.reason == estimates.TOO_FEW


def test_where_a_server_failed_its_equal_alone_says_nothing() -> None:
    failed = run(FAST, 2, {}, verdict="failed", reason="60 requests got no answer")
    fast = [each for each in found([*RUNS, failed]) if each.stack == FAST]
    assert {each.percentiles["p50"].figure.reason for each in fast} == {"a server failed: 60 requests got no answer"}


def test_over_sessions_they_are_medians_over_all_servers_at_one_common_rate() -> None:
    faster = [msgspec.structs.replace(each, rate=1200.0) if each.is_common else each for each in found(RUNS[2:])]
    pooled = latencies.over_sessions([found(RUNS), faster, found(RUNS[:2])])
    assert list(latencies.levels(pooled)) == [
        "At 1,000 requests per second each",
        "At 90 % of each stack's own capacity",
    ]
    fast, slow = (next(each for each in pooled if each.stack == stack and each.is_common) for stack in (FAST, SLOW))
    assert fast.percentiles["p99"].servers == (200e-6, 240e-6) * 2
    assert fast.percentiles["p99"].figure.value == 220e-6
    assert slow.percentiles["p99.9"].figure.reason == estimates.TOO_FEW, "absent where a server lacks it"


def test_latency_that_still_grows_is_absent() -> None:
    grows = run(FAST, 2, {"common": level(100, 200, early=60.0, late=150.0), "own 90": level(300, 700)})
    reasons = {each.level: each.percentiles["p99"].figure.reason for each in found([grows])}
    assert reasons == {
        "common": "settled latency: the median grew from 0.06 to 0.15 ms: the server cannot keep up with the rate",
        "own 90": None,
    }


def test_a_generator_with_time_to_spare_promises_no_more_than_the_server_answered() -> None:
    idle = Measurement(metric="generator_cpu", unit="1", values=(0.2,))
    run = closed("pypy behind gunicorn-sync", 0.7e-3, 1400)
    spared = msgspec.structs.replace(run, measurements=(*run.measurements, idle))
    asked = msgspec.structs.replace(STUDY, open=None, latency=LatencyPlan(load="steady", runs=2))
    assert capacities(plan(asked, CATALOG), "medium", [spared]) == {run.case.stack: 1400}
