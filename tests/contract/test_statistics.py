"""Clients, metrics and log count the same requests: two workers, a restart, a worker that is killed."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.conftest import PLAIN, on_every_server
from tests.contract.counting import Clients, Service, counted, logged, requests, value
from tests.contract.deferring import Prepared

OFTEN = {"gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "uwsgi-processes", "bjoern", "uvicorn-httptools", "granian-rsgi"}
STACKS = [
    pytest.param(stack, marks=[] if stack.server in OFTEN else pytest.mark.long, id=str(stack))
    for stack in on_every_server(PLAIN["cpython"])
]
LOAD_SECONDS = 0.7
FIRST = 1  # the request of a start that tells that the service is ready


@pytest.fixture(params=STACKS)
def service(request: pytest.FixtureRequest, prepared: Prepared, tmp_path: Path) -> Iterator[Service]:
    with counted(request.param, prepared, tmp_path) as running:
        yield running


def loaded(service: Service, seconds: float = LOAD_SECONDS) -> Clients:
    with Clients(service) as clients:
        time.sleep(seconds)
    return clients


def of_clients(lines: list[dict[str, object]], clients: Clients) -> list[dict[str, object]]:
    return [line for line in lines if line["http.request.id"] in clients.sent]


def test_counts_agree(service: Service) -> None:
    before = requests(service.scrape())
    first = loaded(service)
    exposed = service.scrape()
    assert first.answered.keys() == first.sent.keys()
    assert requests(exposed) - before == Counter(first.answered.values()) == logged(of_clients(service.lines(), first))
    assert requests(exposed) == logged(service.lines())
    assert value(exposed, "http_requests_in_flight") == 0
    service.stop()
    service.start()
    second = loaded(service)
    exposed = service.scrape()
    assert requests(exposed) == logged(service.lines())
    assert logged(of_clients(service.lines(), second)) == Counter(second.answered.values())
    assert value(exposed, "http_requests_lost_total") == 0
    ids = [line["event.id"] for line in service.lines()]
    assert len(set(ids)) == len(ids)

    with Clients(service) as third:
        time.sleep(LOAD_SECONDS)
        victim = of_clients(service.lines(), third)[-1]["process.pid"]
        os.kill(int(str(victim)), signal.SIGKILL)
        service.start_again_if_it_ends()
        time.sleep(LOAD_SECONDS)
    exposed, lines = service.scrape(), service.lines()
    own = of_clients(lines, third)
    print({n: value(exposed, n) for n in ("http_requests_in_flight","http_requests_lost_total","statements_workers","statements_worker_starts_total","statements_worker_deaths_total")}, len(third.sent), len(third.sent)-len(third.answered), len(own)-len(third.answered), sum(logged(lines).values())-sum(requests(exposed).values()), "QUEUE" if "queue_length" in exposed else "")
    unanswered = third.sent.keys() - third.answered.keys()
    assert {line["http.request.id"] for line in own} - third.answered.keys() <= unanswered
    assert third.answered.keys() <= {line["http.request.id"] for line in own}
    assert not requests(exposed) - logged(lines)
    assert sum((logged(lines) - requests(exposed)).values()) + value(exposed, "http_requests_lost_total") <= len(unanswered)
    assert value(exposed, "http_requests_in_flight") == 0
