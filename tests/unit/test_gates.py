"""Gates: runs that trip each of them, runs that do not, and captured runs that pass all."""

from pathlib import Path

import msgspec
import pytest

from bench.analysis import capacity, gates
from bench.analysis.rejudged import rejudged
from bench.errors import RIGHT
from bench.measure.instruments import gatling, simulation_log
from bench.measure.instruments.process_tree import CpuSample
from bench.model import Load, MacroCase, Measurement, Observed, Run, Stack, Verdict
from bench.report.gated import gated

DATA = Path(__file__).parent.parent / "data"
SOUND = {
    "requests": 2400, "failed": 0, "seconds": 3, "users": 8, "rate": 795, "cpu": 0.0011, "generator_cpu": 0.3,
    "cpu.resolution": 1e-9,
    "latency.mean": 0.0098, "latency.p50": 0.009, "latency.p90": 0.012, "latency.p99": 0.02, "latency.max": 0.04,
    "latency.delayed": 0.0,
    "pacer.requests": 1640, "pacer.seconds": 2, "pacer.rate": 815, "pacer.cpu": 0.00105, "pacer.generator_cpu": 0.1,
}  # fmt: skip
NULL = 20_000.0


def seen(**changed: float) -> Observed:
    values = SOUND | {name.replace("_of_", "."): value for name, value in changed.items()}
    return Observed(measurements=tuple(Measurement(metric=n, unit="", values=(float(v),)) for n, v in values.items()))


def tripped(observed: Observed, null: float | None = NULL) -> set[tuple[str, str]]:
    return {(each.gate, each.spoils) for each in gates.judge(observed, null)}


def test_what_is_sound_passes_them_all() -> None:
    assert tripped(seen()) == set()
    assert tripped(Observed()) == set(), "what was not measured trips nothing"


def test_beyond_capacity_the_answers_of_an_open_load_end_long_after_it() -> None:
    late = {"requests": 21385, "seconds": 11, "rate": 509.2, "latency_of_max": 20}
    assert ("count and rate", "row") in tripped(seen(**late))
    assert ("count and rate", "row") not in tripped(seen(**late, plan_deviation=0.01))


@pytest.mark.parametrize(
    ("changed", "gate", "spoils", "reason"),
    [
        ({"failed": 12}, "right answers", "row", "12 of 2400 requests failed"),
        ({"latency_of_mean": 0.02}, "Little's law", "row", "15.9 requests in flight from 8 users"),
        ({"requests": 1200}, "count and rate", "row", "1200 requests in 3 s are 400.0/s, not 795.0/s"),
        ({"latency_of_p90": 0.008}, "order", "row", "p90 (8 ms) is below p50 (9 ms)"),
        ({"plan_deviation": 0.3}, "starts", "latency", "30 % off the plan"),
        ({"pacer_of_generator_cpu": 0.93}, "generator", "capacity", "93 % busy"),
        ({"backend_cpu": 0.75}, "backend", "capacity", "the backend used 75 %, the generator 10"),
        ({"pacer_of_cpu": 0.0006}, "agreement", "capacity", "0.55× that under Gatling"),
        (
            {"latency_of_lag": 0.003},
            "generator's lag",
            "latency",
            "3000 µs late in the mean, at a mean latency of 9800",
        ),
        ({"pacer_of_unseen": 1.8}, "unseen documents", "row", "1.8 times as long as repeated ones"),
        ({"fresh_of_time": 2.6}, "fresh documents", "row", "took 2.6 times as long: answers are cached"),
        ({"fresh_of_cpu": 9.9, "fresh_of_time": 0.8}, "fresh documents", "row", "9.9 times as much CPU time"),
        (
            {"pacer_of_cpu_of_after": 0.4, "pacer_of_reached": 2400},
            "work before answer",
            "row",
            "the server spent 40 % of its CPU time after its last answer",
        ),
        (
            {"pacer_of_answers_of_early": 900, "pacer_of_answers_of_late": 400},
            "steady rate",
            "row",
            "400 answers in the second half",
        ),
        ({"pacer_of_rate": 17_000, "pacer_of_requests": 34_000}, "plateau", "capacity", "85 % of the 20000/s"),
    ],
)
def test_a_gate_rejects_what_it_spoils_and_says_why(
    changed: dict[str, float], gate: str, spoils: str, reason: str
) -> None:
    (found,) = gates.judge(seen(**changed), NULL)
    assert (found.gate, found.spoils) == (gate, spoils)
    assert reason in found.reason


def test_a_server_may_keep_its_connections_or_close_them_and_not_hang_up_now_and_then() -> None:
    paced = BRIEF | {"reached": 1640, "connected": 8, "resent": 2}
    (found,) = gates.judge(run(paced))
    assert (found.gate, found.spoils) == ("connections", "row")
    assert "2 of 1640 requests hit a kept connection" in found.reason
    assert gates.judge(run(paced | {"resent": 0})) == ()
    assert gates.judge(run(paced | {"connected": 1640, "resent": 1632})) == (), "it closes each without saying so"
    assert gates.judge(run(paced | {"latency.mean": 0.001})) == (), "connections of an open load are idle in between"


def test_one_that_slows_down_is_named_so_though_the_unseen_come_later_than_the_seen() -> None:
    found = gates.judge(seen(pacer_of_answers_of_early=1700, pacer_of_answers_of_late=220, pacer_of_unseen=4.9))
    assert [each.gate for each in found] == ["steady rate", "unseen documents"]


def test_what_a_busy_machine_can_do_to_times_has_to_show_in_two_runs() -> None:
    tires = {"pacer_of_answers_of_early": 1700, "pacer_of_answers_of_late": 220}
    timed = gates.judge(seen(**tires, pacer_of_unseen=4.9, fresh_of_time=2.6))
    counted = gates.judge(seen(failed=1, pacer_of_cpu_of_after=0.4, pacer_of_reached=2400))
    assert [each.noisy for each in timed] == [True] * 3
    assert [each.noisy for each in counted] == [False] * 2


def test_a_machine_that_is_busy_in_the_second_half_alone_is_no_server_that_tires() -> None:
    """Observed with an honest server while other processes used part of its core; sharing it equally leaves half."""
    assert tripped(seen(pacer_of_answers_of_early=36169, pacer_of_answers_of_late=23926)) == set()


def test_a_window_of_few_batches_has_no_rate() -> None:
    """Observed with Gunicorn's tornado worker: it answered 64 connections at once, every 1.6 s."""
    paced = BRIEF | {"under_way": 64}
    (found,) = gates.judge(run(paced | {"answers.early": 0, "answers.late": 64}))
    assert (found.gate, found.spoils, found.noisy) == ("batches", "row", True)
    assert "0 answers in the first half of the load, 64 in the second, on 64 connections" in found.reason
    assert gates.judge(run(paced | {"answers.early": 58, "answers.late": 59})) == (), "one answer every 25 ms"
    assert gates.judge(run(paced | {"answers.early": 128, "answers.late": 256})) == (), "a batch hardly matters"


def test_a_stored_run_is_judged_by_the_gates_of_today() -> None:
    batches = run(BRIEF | {"under_way": 64, "answers.early": 0, "answers.late": 64})
    even = run(BRIEF | {"under_way": 64, "answers.early": 58, "answers.late": 59})
    wrong = run(BRIEF | {"failed": 1})
    assert rejudged([batches, even]) == [batches, even], "a noisy gate has to trip in two runs of a case"
    first, second, third, last = rejudged([batches, even, batches, wrong])
    assert [first.gate, second.gate, third.gate, last.gate] == ["batches", None, "batches", RIGHT]
    assert first.verdict == "failed"
    assert "answers in batches" in (first.reason or "")
    assert second == even


def test_an_open_load_of_the_pacer_may_end_while_requests_are_under_way() -> None:
    """Observed with NodeJS and five thousand orders: 31 requests in 3 s, of which five ended later."""
    few = {"requests": 31, "seconds": 3, "rate": 8.7, "latency.max": 0.25, "latency.mean": 0.12}
    assert [each.gate for each in gates.judge(run(few))] == ["count and rate"]
    assert gates.judge(run(few | {"asked": 10})) == ()


def test_few_late_answers_are_no_lower_rate() -> None:
    assert tripped(seen(pacer_of_answers_of_early=9, pacer_of_answers_of_late=5)) == set()


def test_forty_milliseconds_take_latency_and_capacity_where_the_server_is_idle() -> None:
    waits = seen(latency_of_delayed=0.9, cpu=0.0001, pacer_of_cpu=0.0001)
    assert tripped(waits) == {("40 ms", "latency"), ("40 ms", "capacity")}
    works = seen(latency_of_delayed=0.9)
    assert tripped(works) == set(), "eight users of a server that works for 5 ms wait as long, too"


def test_gatling_may_be_busy_where_the_pacer_finds_the_capacity() -> None:
    assert tripped(seen(generator_cpu=0.95)) == set()
    alone = Observed(measurements=tuple(m for m in seen(generator_cpu=0.95).measurements if "pacer." not in m.metric))
    assert tripped(alone) == {("generator", "capacity")}


def test_without_a_null_server_there_is_no_plateau() -> None:
    fast = seen(pacer_of_rate=17_000, pacer_of_requests=34_000)
    assert tripped(fast, None) == set()


def test_an_open_load_has_no_more_than_gatling_can_ask() -> None:
    assert capacity.drivable(seen()) == 815
    assert capacity.drivable(seen(generator_cpu=0.95, pacer_of_rate=5000)) == pytest.approx(795 * 0.8 / 0.95)
    assert capacity.drivable(Observed()) is None


# ---------------------------------------------------------------- gates that a study could trip

# Metrics of a closed load by the pacer alone.
ONLY_PACED: tuple[str, ...] = ("unseen", "fresh.time", "cpu.after", "reached", "answers.early", "answers.late")
ONLY_PACED += ("resent", "connected", "latency.lag", "latency.early", "latency.late", "under_way")
BRIEF = {"requests": 1640, "seconds": 2, "rate": 815, "cpu": 0.00105, "cpu.resolution": 1e-9, "generator_cpu": 0.1}


def run(values: dict[str, float], *, reason: str | None = None, gate: str | None = None) -> Run:
    """A run of a stack under load that measured `values`, or that failed for a reason."""
    case = MacroCase(stack=Stack(variant="cython", framework="bare", server="bjoern"), workload="medium", load="brief")
    kept = tuple(Measurement(metric=name, unit="", values=(float(value),)) for name, value in values.items())
    verdict: Verdict = "failed" if reason else "pass"
    return Run(
        case=case, block=0, started="", seconds=1.0, verdict=verdict, reason=reason, gate=gate, measurements=kept
    )


def listed(runs: list[Run], null: float | None = None) -> list[str]:
    return [gate.name for gate in gated(runs, null)]


def test_a_gate_that_no_run_of_a_study_could_trip_is_not_listed() -> None:
    always = ["right answers", "CPU clock", "generator"]
    assert listed([run(BRIEF)]) == always
    assert listed([run(BRIEF)], NULL) == [*always, "plateau"]
    assert listed([run(BRIEF | {"backend_cpu": 0.2})]) == [*always, "backend"]
    assert listed([]) == []


def test_one_run_that_could_trip_a_gate_lists_it() -> None:
    names = [gate.name for gate in gates.GATES]
    whole = SOUND | {"backend_cpu": 0.2, "plan_deviation": 0.04, "asked": 100.0} | dict.fromkeys(ONLY_PACED, 0.0)
    assert listed([run(BRIEF), run(whole)], NULL) == names
    without = {"backend", "plateau", "generator's lag", "steady rate", "unseen documents", "work before answer"}
    without |= {"fresh documents", "connections", "settled latency", "starts", "all answered", "batches"}
    assert listed([run(BRIEF), run(SOUND)]) == [name for name in names if name not in without]


def test_requests_without_an_answer_at_a_rate_are_no_wrong_answers() -> None:
    lost = msgspec.structs.replace(seen(asked=100.0, failed=4.0), facts={"failures": {"no answer": 4}})
    assert [each.gate for each in gates.judge(lost) if each.gate in {RIGHT, "all answered"}] == ["all answered"]
    wrong = msgspec.structs.replace(lost, facts={"failures": {"wrong body": 4}})
    assert [each.gate for each in gates.judge(wrong) if each.gate in {RIGHT, "all answered"}] == [RIGHT]


def test_wrong_answers_that_end_a_run_are_listed_under_their_gate() -> None:
    ended = run({}, reason="3 of 100 answers were wrong or lost", gate=RIGHT)
    found = {gate.name: gate.rejected for gate in gated([run(BRIEF), ended], None)}
    assert [each.reason for each in found.pop("right answers")] == ["3 of 100 answers were wrong or lost"]
    assert set(found.values()) == {()}


def test_a_run_that_ends_for_another_reason_is_listed_under_no_gate() -> None:
    found = gated([run({}, reason="the server lost its way, and ended with status 1")], None)
    assert [(gate.name, gate.rejected) for gate in found] == [("right answers", ())]


# ---------------------------------------------------------------- captured runs


def of_gatling(name: str, load: Load, seconds: float) -> Observed:
    """A captured run of Gatling as `macro` measures it."""
    start = simulation_log.read(DATA / "gatling" / name / "simulation.log").start_epoch_ms / 1000
    samples = [CpuSample(start + tenth / 10, tenth / 20) for tenth in range(150)]
    outcome = gatling.read(DATA / "gatling" / name, load, None, samples, cores=1)
    values = {
        "requests": outcome.requests, "failed": outcome.failed, "seconds": seconds, "users": load.users or 0,
        "rate": outcome.answered / outcome.seconds, "latency.mean": outcome.mean_ms / 1000,
        "generator_cpu": outcome.generator_busy, "latency.delayed": outcome.delayed, "cpu": 0.001,
        "latency.max": outcome.longest.ms / 1000 if outcome.longest else 0.0,
        **{f"latency.{level}": value.ms / 1000 for level, value in outcome.latencies.items()},
    }  # fmt: skip
    kept = tuple(Measurement(metric=n, unit="", values=(float(v),)) for n, v in values.items())
    return Observed(measurements=kept, facts={"failures": outcome.failures})


def test_a_captured_run_with_wrong_answers_trips_that_gate_alone() -> None:
    load = Load(name="closed", title="Closed", model="closed", users=4, seconds=3)
    (found,) = gates.judge(of_gatling("closed", load, 3.0))
    assert (found.gate, found.spoils) == ("right answers", "row")
    assert found.reason.startswith("28 of 611 requests failed: ")


def test_a_captured_run_judged_by_other_facts_than_its_own_is_caught() -> None:
    two = Load(name="closed", title="Closed", model="closed", users=2, seconds=3)
    assert ("Little's law", "row") in tripped(of_gatling("closed", two, 3.0), None)
    four = Load(name="closed", title="Closed", model="closed", users=4, seconds=3)
    assert ("count and rate", "row") in tripped(of_gatling("closed", four, 9.0), None)


def test_a_request_without_an_answer_is_what_an_open_load_asks_about_and_a_wrong_answer_is_not() -> None:
    lost, wrong = "j.n.ConnectException: Connection refused", "status.find.is(200), found 500"
    facts = {"failures": {lost: 9, wrong: 2}}
    beyond = Observed(measurements=seen(failed=11, plan_deviation=0.01).measurements, facts=facts)
    (found,) = gates.judge(beyond)
    assert found.reason == f"2 of 2400 requests failed: {wrong}"
    closed = Observed(measurements=seen(failed=9).measurements, facts={"failures": {lost: 9}})
    assert tripped(closed) == {("right answers", "row")}
    unanswered = Observed(measurements=seen(failed=9, plan_deviation=0.01).measurements, facts={"failures": {lost: 9}})
    assert tripped(unanswered) == set()
