"""When latency breaks under an open load, and how a server recovers, on made-up series of 2,000 answers per second."""

from typing import Any

import pytest

from bench.analysis import breaking
from tests.unit.overloads import CAPACITY, RAMP, seen


def test_what_breaks_beyond_capacity_and_recovers() -> None:
    answers = {4: (1900.0, 0.0), 5: (2000.0, 0.0), 6: (1900.0, 0.0)}
    found = breaking.overload(seen(RAMP, {4: 0.1, 5: 0.4, 6: 0.06}, answers=answers), CAPACITY)
    assert found.unknown is None
    assert found.broke is not None
    assert (found.broke.second, found.broke.rate, found.broke.share) == (4, 2200, 1.1)
    assert found.broke.recovered == 2, "the first second after the overload is late, the second one is not"
    assert found.broke.answered == 1950, "in the two seconds beyond capacity"
    assert (found.waiting, found.watched, found.failures) == (0, 3, {})


def test_what_never_recovers_leaves_requests_waiting() -> None:
    answers = {4: (2000.0, 0.0), 5: (1700.0, 100.0), 6: (1000.0, 100.0)}
    found = breaking.overload(seen(RAMP, dict.fromkeys(range(4, 9), 1.0), answers=answers), CAPACITY)
    assert found.broke is not None
    assert found.broke.recovered is None
    assert found.waiting == 900, "200 of second 4, 800 of second 5, less 100 that second 6 caught up"
    assert found.failed == (5, 6)


def test_what_never_breaks_says_so() -> None:
    found = breaking.overload(seen(RAMP, {5: 0.012}), CAPACITY)
    assert (found.unknown, found.broke) == (None, None)


def test_a_single_late_second_within_capacity_is_no_break() -> None:
    lone = breaking.overload(seen(RAMP, {1: 0.2}), CAPACITY)
    assert lone.broke is None
    two = breaking.overload(seen(RAMP, {2: 0.2, 3: 0.2}), CAPACITY)
    assert two.broke is not None
    assert (two.broke.second, two.broke.share) == (2, 0.7)
    assert two.broke.recovered == 1, "it was back before the overload, and stayed so"


def test_a_second_is_late_beyond_ten_times_the_usual_median() -> None:
    waits = 0.025
    assert breaking.overload(seen(RAMP, {5: 0.15}, usual=waits), CAPACITY).broke is None
    broke = breaking.overload(seen(RAMP, {5: 0.26}, usual=waits), CAPACITY).broke
    assert broke is not None
    assert broke.second == 5


def test_a_second_that_bears_no_percentile_recovers_by_its_longest() -> None:
    found = breaking.overload(seen((800, 1200, 1400, 2600, 15, 15), {3: 0.3}), CAPACITY)
    assert found.judged_by == "p50"
    assert found.broke is not None
    assert found.broke.recovered == 1


def test_a_server_that_is_late_from_the_start_breaks_there() -> None:
    found = breaking.overload(seen(RAMP, {}, usual=0.5), CAPACITY)
    assert found.broke is not None
    assert (found.broke.second, found.broke.share) == (0, 0.4)


def test_requests_that_gatling_had_no_socket_for_are_its_own() -> None:
    message = "i.n.c.u.Errors$NativeIoException: newSocketStream(..) failed with error(-24): Too many open files"
    found = breaking.overload(seen(RAMP, {4: 0.3, 5: 0.6}, failures={message: 1200}), CAPACITY)
    assert (found.unknown, found.failures) == ("Gatling ran out of sockets", {"never sent": 1200})
    assert found.broke is None


def test_a_pause_of_gatling_is_no_break() -> None:
    assert breaking.overload(seen(RAMP, {5: 0.06}, generator_pause=0.1), CAPACITY).broke is None


@pytest.mark.parametrize(("least", "judged_by"), [(1000, "p99"), (900, "p50")])
def test_a_load_is_judged_by_the_percentile_that_all_its_seconds_bear(least: float, judged_by: str) -> None:
    plan = (least, 1200, 1400, 2600, 1000)
    found = breaking.overload(seen(plan, {3: 0.3}), CAPACITY)
    assert found.judged_by == judged_by
    assert found.broke is not None


def test_below_twenty_requests_a_second_the_longest_decides() -> None:
    found = breaking.overload(seen((12, 14, 26, 10, 10), {2: 0.3, 3: 0.2}), 20.0)
    assert found.judged_by == "max"
    assert found.broke is not None
    assert (found.broke.second, found.broke.recovered) == (2, 2)


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ({"generator_cpu": 0.95}, "the generator's core was 95 % busy"),
        ({"plan_deviation": 0.4}, "40 % off the plan"),
        ({"generator_cpu": 0.6}, "Gatling's core was 60 % busy, or 108 % at the load's peak"),
    ],
)
def test_where_gatling_is_the_limit_there_is_no_result(metrics: dict[str, Any], reason: str) -> None:
    found = breaking.overload(seen(RAMP, {4: 0.3, 5: 0.6}, **metrics), CAPACITY)
    assert found.broke is None
    assert reason in (found.unknown or "")


def test_without_a_capacity_or_an_overload_there_is_no_result() -> None:
    assert breaking.overload(seen(RAMP, {5: 0.4}), None).unknown == "its capacity is unknown"
    assert breaking.overload(seen(RAMP, {5: 0.4}), 3000.0).unknown == "the load stayed within its capacity"


def test_failures_are_told_by_kind() -> None:
    messages = {
        "j.n.ConnectException: finishConnect(..) failed with error(-111): Connection refused": 3,
        "i.g.h.c.i.RequestTimeoutException: Request timeout to localhost/127.0.0.1:8000 after 60000 ms": 2,
        "i.n.c.ConnectTimeoutException: connection timed out after 10000 ms": 1,
        "j.i.IOException: Premature close": 5,
        "status.find.is(200), found 500": 1,
        "bodyBytes.find.is the answer, j.l.IllegalArgumentException: wrong answer": 1,
    }
    assert breaking.kinds(messages) == {"refused": 3, "timed out": 3, "lost": 5, "wrong": 2}
    refused = dict([*messages.items()][:1])
    assert breaking.overload(seen(RAMP, {5: 0.4}, refused), CAPACITY).failures == {"refused": 3}


def test_one_that_breaks_once_the_overload_is_over_recovers_counted_from_its_end_too() -> None:
    found = breaking.overload(seen((*RAMP, 1000, 1000), {7: 0.2, 8: 0.2}), CAPACITY)
    assert found.broke is not None
    assert (found.broke.second, found.broke.share) == (7, 0.5)
    assert found.broke.recovered == 4, "the overload ended with second 5, and second 9 is the first that is not late"
