"""Clients, metrics and log count the same requests, with two workers: after a load, a restart, and SIGKILL of a worker.

Before and after a restart, they tell the same version and deployment.

One stack for each kind of worker and each interface; the others are `long`.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from app.core import transform
from bench.build import artifacts
from bench.model import Stack
from tests.contract.conftest import PLAIN, on_every_server
from tests.contract.counting import DOCUMENT, MADE, Clients, Line, Service, counted, logged, piped
from tests.contract.deferring import Prepared
from tests.contract.loading import await_that
from tests.exposed import body_bytes, requests, value

SERVERS = (
    "gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "uwsgi-processes", "bjoern", "uvicorn-httptools",
    "granian-rsgi",
)  # fmt: skip
EVERY = on_every_server(PLAIN["cpython"])
PYPY = [stack for stack in on_every_server(PLAIN["pypy"]) if stack.server in {"gunicorn-gthread", "uvicorn-h11"}]
STACKS = [
    *(pytest.param(each, id=str(each), marks=[] if each.server in SERVERS else pytest.mark.long) for each in EVERY),
    *(pytest.param(each, id=str(each), marks=pytest.mark.long) for each in PYPY),
]
RELOADED = [stack for stack in EVERY if stack.server in {"gunicorn-gthread", "granian-rsgi", "uwsgi-processes"}]
PIPED = [stack for stack in EVERY if stack.server in {"gunicorn-gthread", "granian-rsgi"}]
COMPILED = [stack for stack in on_every_server("cython") if stack.server == "gunicorn-sync"]
LOAD_SECONDS = 0.5
FOLLOWED_SECONDS = 1.1  # a worker looks at the rules once a second


@pytest.fixture
def service(request: pytest.FixtureRequest, prepared: Prepared, tmp_path: Path) -> Iterator[Service]:
    with counted(request.param, prepared, tmp_path, workers=2, DEPLOYMENT_VERSION="v1") as running:
        yield running


def agree(service: Service, *loads: Clients) -> None:
    """The metrics, the log and the clients have the same numbers."""
    exposed, lines = service.scrape(), service.lines()
    assert requests(exposed) == logged(lines)
    for clients in loads:
        assert Counter(clients.answered.values()) == logged(clients.of(lines))
    assert value(exposed, "http_requests_in_flight") == 0
    answered = requests(exposed)[MADE]
    assert body_bytes(exposed, MADE) == (answered * len(DOCUMENT), answered * len(transform(DOCUMENT)))


@pytest.mark.parametrize("service", STACKS, indirect=True)
def test_counts_agree_after_a_load_and_a_restart(service: Service) -> None:
    with Clients(service) as before:
        time.sleep(LOAD_SECONDS)
    agree(service, before)
    version = artifacts.record(service.stack.variant)["version"]
    assert service.told() == {(version, "v1")}
    service.env["DEPLOYMENT_VERSION"] = "v2"
    service.start_again()
    with Clients(service) as after:
        time.sleep(LOAD_SECONDS)
    agree(service, before, after)
    assert service.told() == {(version, "v2")}
    assert before.sent == before.answered
    assert value(service.scrape(), "http_requests_lost_total") == 0
    events = [line["event.id"] for line in service.lines()]
    assert len(set(events)) == len(events)


def explained(service: Service, clients: Clients) -> None:
    """Each difference between clients, metrics and log is a request that got no answer, named by its id."""
    # A worker that has just started may still answer a request whose client has given up.
    await_that(lambda: value(service.scrape(), "http_requests_in_flight") == 0, "a request stays in flight")
    exposed, lines = service.scrape(), service.lines()
    unanswered = clients.sent.keys() - clients.answered.keys()
    in_log = {str(line["http.request.id"]) for line in clients.of(lines)}
    assert clients.answered.keys() <= in_log
    assert in_log - clients.answered.keys() <= unanswered
    uncounted = logged(lines) - requests(exposed)  # the line is written first
    assert not requests(exposed) - logged(lines)
    assert uncounted.total() + value(exposed, "http_requests_lost_total") <= len(unanswered)


@pytest.mark.parametrize("service", STACKS[: len(EVERY)], indirect=True)  # docs/statistics.md says why not on PyPy
def test_after_a_worker_is_killed_each_difference_is_a_request_under_way(service: Service) -> None:
    with Clients(service) as clients:
        time.sleep(LOAD_SECONDS)
        service.kill_a_worker(clients)
        time.sleep(LOAD_SECONDS)
    explained(service, clients)


@pytest.mark.parametrize("service", RELOADED, indirect=True, ids=str)
def test_after_a_reload_each_difference_is_a_request_under_way(service: Service) -> None:
    with Clients(service) as clients:
        time.sleep(LOAD_SECONDS)
        before = service.workers_of(clients)
        service.running.process.send_signal(signal.SIGHUP)
        await_that(lambda: bool(service.workers_of(clients) - before), "no new worker answers")
        time.sleep(LOAD_SECONDS)
    explained(service, clients)
    # Granian ends its old workers one by one, and then obeys SIGTERM.
    await_that(lambda: not any(map(psutil.pid_exists, before)), "an old worker does not end")


@pytest.mark.parametrize("stack", STACKS)
def test_a_request_that_dies_with_its_worker_is_lost_and_has_no_line(
    stack: Stack, prepared: Prepared, tmp_path: Path
) -> None:
    with counted(stack, prepared, tmp_path, workers=1) as service, ThreadPoolExecutor(1) as pool:
        service.ask("GET", "/hello")
        (worker,) = {line["process.pid"] for line in service.lines()}
        dying = pool.submit(service.ask, "GET", "/wait?ms=5000", headers={"X-Request-ID": "dying"})
        await_that(lambda: service.in_flight() == 1, "the request does not begin")
        os.kill(int(str(worker)), signal.SIGKILL)
        assert dying.result() == (0, "")
        service.start_again_if_it_ends(lambda: service.ask("GET", "/hello")[0] == 200)
        await_that(lambda: service.ask("GET", "/hello")[0] == 200, "the worker is not replaced")
        exposed = service.scrape()
        assert value(exposed, "http_requests_lost_total") == value(exposed, "statements_worker_deaths_total") == 1
        assert value(exposed, "http_requests_in_flight") == 0
        assert value(exposed, "statements_workers") == 1
        assert requests(exposed) == logged(service.lines())
        assert "dying" not in {line["http.request.id"] for line in service.lines()}


@pytest.mark.parametrize("stack", PIPED, ids=str)
def test_a_log_that_nobody_reads_stops_no_worker(stack: Stack, prepared: Prepared, tmp_path: Path) -> None:
    with piped(stack, prepared, tmp_path, workers=2) as (service, unread):
        for _ in range(400):
            assert service.ask("GET", "/hello")[0] == 200
        exposed = service.scrape()
        lost = value(exposed, "statements_log_lines_lost_total")
        assert lost > 0
        lines = unread()
        assert requests(exposed).total() == len(lines) + lost

        def is_told() -> bool:
            service.ask("GET", "/hello")
            lines.extend(unread())
            return told_by(lines) == value(service.scrape(), "statements_log_lines_lost_total")

        await_that(is_told, "a loss is not told")
        assert requests(service.scrape()).total() == len(lines) + told_by(lines)


def told_by(lines: list[Line]) -> int:
    """How many lost lines the others tell."""
    return sum(int(str(line.get("statements.lines_lost", 0))) for line in lines)


@pytest.mark.parametrize("stack", PIPED, ids=str)
def test_every_worker_follows_the_rules_of_the_log(stack: Stack, prepared: Prepared, tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    with counted(stack, prepared, tmp_path, workers=2, STATEMENTS_LOG_RULES=str(rules)) as service:
        loads: list[Clients] = []
        for text in ('{"sampled": 0, "slow_ms": 20}', None):
            if text is None:
                rules.unlink()
            else:
                rules.write_text(text)
            time.sleep(FOLLOWED_SECONDS)
            with Clients(service) as clients:
                time.sleep(LOAD_SECONDS)
                service.ask("GET", "/wait?ms=25", headers={"X-Request-ID": f"slow-{len(loads)}"})
            loads.append(clients)
        few, all_of_them = loads
        lines = service.lines()
        levels = {line["http.request.id"]: line["log.level"] for line in lines}
        assert (levels["slow-0"], levels["slow-1"]) == ("warn", "info")
        assert {line["log.level"] for line in few.of(lines)} <= {"warn"}
        assert all(int(str(line["event.duration"])) >= 20_000_000 for line in few.of(lines))
        assert logged(all_of_them.of(lines)) == Counter(all_of_them.answered.values())


@pytest.mark.parametrize("stack", COMPILED, ids=str)
def test_documents_that_a_compiled_core_left_to_the_reference_core_are_counted(
    stack: Stack, prepared: Prepared, tmp_path: Path
) -> None:
    with counted(stack, prepared, tmp_path, workers=2) as service:
        statuses = [service.ask("POST", "/statements", body)[0] for body in (b"[]", DOCUMENT) * 5]
        assert statuses == [422, 200] * 5
        assert value(service.scrape(), "statements_core_fallbacks_total") == 5
