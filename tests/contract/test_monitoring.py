"""The chain of `deploy/monitoring`: what Prometheus and OpenSearch have is what the clients did, whoever dies.

One chain serves all tests of this file.
"""

import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection

import pytest

from bench.model import Stack
from bench.monitoring.asking import ask
from bench.monitoring.part import CONFIGURED, HOST, Part
from tests.contract.chained import APP, SPACE, Chained, chained, drained, line
from tests.contract.conftest import PLAIN, on_every_server
from tests.contract.counting import Clients, Service, logged
from tests.contract.deferring import Prepared
from tests.contract.loading import await_that
from tests.exposed import requests

pytestmark = pytest.mark.long

LOAD_SECONDS = 0.5
SHIPPED = 20_000
BEGUN = 2_000  # of them are stored when a part dies
STACKS = [
    stack
    for stack in on_every_server(PLAIN["cpython"])
    if stack.server in {"gunicorn-gthread", "granian-rsgi", "uwsgi-processes"}
]
TRACED = "request_id health trace metrics log otel"
TELLING = [stack for stack in on_every_server("cython") if stack.server == "uwsgi-processes"]  # it has every metric


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chained]:
    with chained(tmp_path_factory.mktemp("monitoring")) as running:
        yield running


def agree(whole: Chained, service: Service, *loads: Clients) -> None:
    """Prometheus, OpenSearch, the service and the clients have the same numbers, and no line is stored twice."""
    whole.await_stores(service)
    stored, scraped = whole.stored(), whole.scraped()
    assert scraped == logged(stored) == requests(service.scrape())
    for clients in loads:
        assert clients.sent == clients.answered
        assert Counter(clients.answered.values()) == logged(clients.of(stored))
    assert len({each["event.id"] for each in stored}) == len(stored)


def explained(whole: Chained, service: Service, clients: Clients) -> None:
    """Each difference between clients, Prometheus and OpenSearch is a request without an answer, named by its id."""
    whole.await_stores(service)
    stored, scraped = whole.stored(), whole.scraped()
    unanswered = clients.sent.keys() - clients.answered.keys()
    in_store = {str(each["http.request.id"]) for each in clients.of(stored)}
    assert clients.answered.keys() <= in_store
    assert in_store - clients.answered.keys() <= unanswered
    ((_, lost),) = whole.parts.prometheus.query("http_requests_lost_total")
    assert not scraped - logged(stored)
    assert (logged(stored) - scraped).total() + lost <= len(unanswered)
    assert len({each["event.id"] for each in stored}) == len(stored)


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_counts_agree_after_a_load_and_a_restart(whole: Chained, stack: Stack, prepared: Prepared) -> None:
    with whole.service(stack, prepared) as service:
        with Clients(service) as before:
            time.sleep(LOAD_SECONDS)
        agree(whole, service, before)
        service.start_again()
        with Clients(service) as after:
            time.sleep(LOAD_SECONDS)
        agree(whole, service, before, after)


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_after_a_reload_each_difference_is_a_request_under_way(
    whole: Chained, stack: Stack, prepared: Prepared
) -> None:
    with whole.service(stack, prepared) as service:
        with Clients(service) as clients:
            time.sleep(LOAD_SECONDS)
            before = service.workers_of(clients)
            service.running.process.send_signal(signal.SIGHUP)
            await_that(lambda: bool(service.workers_of(clients) - before), "no new worker answers")
        explained(whole, service, clients)


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_after_a_worker_is_killed_each_difference_is_a_request_under_way(
    whole: Chained, stack: Stack, prepared: Prepared
) -> None:
    with whole.service(stack, prepared) as service:
        with Clients(service) as clients:
            time.sleep(LOAD_SECONDS)
            service.kill_a_worker(clients)
            time.sleep(LOAD_SECONDS)
        explained(whole, service, clients)


@pytest.mark.parametrize("stack", STACKS[:1], ids=str)
def test_prometheus_has_all_requests_after_it_was_killed(whole: Chained, stack: Stack, prepared: Prepared) -> None:
    with whole.service(stack, prepared) as service:
        with Clients(service) as clients:
            killed(whole.parts.prometheus, LOAD_SECONDS)
        agree(whole, service, clients)


def killed(part: Part, seconds: float) -> None:
    """Kill a part, and start it again later."""
    part.kill()
    time.sleep(seconds)
    part.start()


def test_a_truncated_log_is_read_from_its_start(whole: Chained) -> None:
    whole.parts.opensearch.forget()
    log = whole.folder() / "log0"
    with log.open("a") as appended:  # by a service that is not told
        appended.writelines(f"{line(f'before-{number}')}\n" for number in range(3))
        appended.flush()
        await_that(lambda: whole.parts.opensearch.count() == 3, "lines are not shipped")
        os.truncate(log, 0)
        appended.write(f"{line('after')}\n")
    await_that(lambda: whole.parts.opensearch.count() >= 4, "the log is not read again")
    events = {each["event.id"] for each in whole.parts.opensearch.documents()}
    assert events == {"before-0", "before-1", "before-2", "after"}


def test_the_drain_of_cloud_foundry_has_the_index_of_the_instance(whole: Chained) -> None:
    whole.parts.opensearch.forget()
    for instance in range(3):
        drained(whole.parts.rsyslog.drain, f"APP/PROC/WEB/{instance}", [line(f"drained-{instance}"), "Booting worker"])
    drained(whole.parts.rsyslog.drain, "RTR/1", ["GET /statements/secret 200"])
    await_that(lambda: whole.parts.opensearch.count() >= 6, "lines are not shipped")
    documents = list(whole.parts.opensearch.documents())
    assert {each["cloudfoundry.app.id"] for each in documents} == {APP}
    assert {each["host.name"] for each in documents} == {SPACE}
    assert sorted((each["message"], each["cloudfoundry.app.instance.id"]) for each in documents) == [
        *(("Booting worker", str(instance)) for instance in range(3)),
        *(("GET /hello 200", str(instance)) for instance in range(3)),
    ]
    events = {each["event.id"]: each["cloudfoundry.app.instance.id"] for each in documents if "http.route" in each}
    assert events == {f"drained-{instance}": str(instance) for instance in range(3)}


def test_a_line_that_does_not_fit_is_kept_with_the_reason(whole: Chained) -> None:
    whole.parts.opensearch.forget()
    wrong = json.loads(line("refused-1")) | {"password": "x"}
    broken = line("refused-2")[:-9]
    with (whole.folder() / "log0").open("a") as log:
        log.write(f"{json.dumps(wrong, separators=(',', ':'))}\n{broken}\n{line('stored')}\n")
    await_that(lambda: whole.parts.opensearch.count() >= 2, "lines are not shipped")
    documents = {each["message"]: each for each in whole.parts.opensearch.documents()}
    assert documents.keys() == {"GET /hello 200", broken}  # half a line is a message, as others of the server
    await_that(whole.parts.rsyslog.refused.exists, "the refusal is not kept")
    refused = [json.loads(each) for each in whole.parts.rsyslog.refused.read_text().splitlines()]
    (found,) = [each for each in refused if each["document"]["event.id"] == "refused-1"]
    assert "dynamic introduction of [password]" in found["answer"]["error"]["reason"]


@pytest.mark.parametrize("stack", TELLING, ids=str)
def test_each_query_of_the_dashboard_has_series(whole: Chained, stack: Stack, prepared: Prepared) -> None:
    dashboard = json.loads((CONFIGURED / "dashboard.json").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    known = {"$__rate_interval": "10s", "$instance": ".*"}
    queries = [re.sub(r"\$\w+", lambda found: known[found[0]], query) for query in queries]
    traced = {"STATEMENTS_LAYERS": TRACED, "OTEL_TRACES_SAMPLER": "parentbased_always_off"}  # no collector runs
    with whole.service(stack, prepared, **traced) as service:
        with Clients(service):
            time.sleep(3.0)
        whole.await_stores(service)
        # a busy service may have answered one scrape alone so far, and a rate takes two
        await_that(lambda: all(map(whole.parts.prometheus.query, queries)), "a query has no series")


@pytest.mark.parametrize("stack", TELLING, ids=str)
def test_the_page_of_prometheus_has_the_figures(whole: Chained, stack: Stack, prepared: Prepared) -> None:
    with whole.service(stack, prepared) as service:
        with Clients(service):
            time.sleep(LOAD_SECONDS)
        whole.await_stores(service)
        connection = HTTPConnection(HOST, whole.parts.prometheus.port)
        connection.request("GET", "/consoles/statements.html")
        page = connection.getresponse().read().decode()
        connection.close()
        for (route, method, status), number in requests(service.scrape()).items():
            cells = rf'<td>{route}\s*<td>{method}\s*<td>{status}\s*<td class="number">{number}\s'
            assert re.search(cells, page), page


def test_prometheus_evaluates_every_alert(whole: Chained) -> None:
    groups = ask(HOST, whole.parts.prometheus.port, "GET", "/api/v1/rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == (CONFIGURED / "alerts.yaml").read_text(encoding="utf-8").count("- alert: ")
    assert {rule["health"] for rule in rules} == {"ok"}


# The last: after a crash, rsyslog goes on reading the log again for a while.


def ship(whole: Chained, meanwhile: Callable[[], None]) -> Counter[str]:
    """Append lines to a log, and call a function while they are shipped. How often each is stored, by its number."""
    name, log = os.urandom(4).hex(), whole.folder() / "log0"
    whole.parts.opensearch.forget()
    with log.open("a") as appended:
        appended.writelines(f"{line(f'{name}-{number}')}\n" for number in range(SHIPPED))

    def stored() -> Counter[str]:
        events = [str(each["event.id"]) for each in whole.parts.opensearch.documents()]
        return Counter(event.removeprefix(f"{name}-") for event in events if event.startswith(name))

    await_that(lambda: whole.parts.opensearch.count() > BEGUN, "nothing is shipped")
    assert stored().total() < SHIPPED
    meanwhile()
    await_that(lambda: stored().total() >= SHIPPED, "lines are lost")
    return stored()


EACH_ONCE = Counter(map(str, range(SHIPPED)))


def test_no_line_is_lost_or_doubled_if_opensearch_is_killed(whole: Chained) -> None:
    assert ship(whole, lambda: killed(whole.parts.opensearch, 0.5)) == EACH_ONCE


def test_no_line_is_lost_or_doubled_if_rsyslog_is_killed(whole: Chained) -> None:
    assert ship(whole, lambda: killed(whole.parts.rsyslog, 0.2)) == EACH_ONCE


def test_no_line_is_lost_or_doubled_if_rsyslog_is_stopped(whole: Chained) -> None:
    def stopped() -> None:
        whole.parts.rsyslog.stop()
        whole.parts.rsyslog.start()

    assert ship(whole, stopped) == EACH_ONCE
