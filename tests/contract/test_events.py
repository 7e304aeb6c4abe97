"""The layer `events` with a real broker and a real consumer: what it answers, and to whom.

One stack for each kind of worker and each interface, on CPython; `long` tests have two on PyPy. Documents differ, so
that a result shows whose it is. What survives faults is tested in `test_faults.py`.
"""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.core import transform
from bench.model import Stack
from tests.contract.conftest import PLAIN, on_every_server
from tests.contract.deferring import ASYNC, EVERY, JSON, Prepared, Service, document, serving, stalled
from tests.contract.network import Stalling
from tests.declared import CATALOG
from tests.issuer import AUDIENCE, ISSUER, Issuer

SERVERS = (
    "gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "uwsgi-processes", "bjoern", "uvicorn-httptools",
    "granian-rsgi",
)  # fmt: skip
STACKS = [stack for stack in EVERY if stack.server in SERVERS]
PYPY = [stack for stack in on_every_server(PLAIN["pypy"]) if stack.server in {"gunicorn-gthread", "uvicorn-h11"}]
SERVED = [*STACKS, *(pytest.param(stack, marks=pytest.mark.long) for stack in PYPY)]


@pytest.fixture(params=SERVED, ids=str)
def service(request: pytest.FixtureRequest, prepared: Prepared, tmp_path: Path) -> Iterator[Service]:
    """Each stack with the layer and a broker of its own."""
    with serving(request.param, prepared, tmp_path) as running:
        yield running


def test_a_statement_is_made_later_and_is_an_event(service: Service) -> None:
    replies = [service.defer(document(1)), service.defer(b"{}")]
    assert [reply.status for reply in replies] == [202, 202]
    locations = [reply.headers["location"] for reply in replies]
    assert service.ask("GET", locations[0]).status == 202
    assert service.ask("GET", locations[0][:-1] + "g").status == 404
    assert service.ask("GET", "/statements/" + "0" * 32).status == 404
    with service.computing() as consumer:
        made, refused = map(service.result, locations)
        assert (made.status, made.body) == (200, transform(document(1)))
        assert (refused.status, json.loads(refused.body)["pointer"]) == (422, "/batch")
        assert service.ask("POST", "/statements", document(2)).body == transform(document(2))
        assert service.broker.counts() == (0, 2, 2)
        assert consumer.terminate() == 0


def test_without_a_broker_nothing_is_accepted(service: Service) -> None:
    assert service.defer(document(1)).status == 202
    service.broker.kill()
    for headers in (ASYNC, JSON):
        reply = service.ask("POST", "/statements", document(2), headers)
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert json.loads(reply.body)["detail"] == "the broker is not available"
    assert service.ask("GET", "/hello").status == 200
    service.broker.start()
    assert service.defer_until_accepted(document(3)).status == 202


@pytest.mark.parametrize("stack", SERVED, ids=str)
def test_a_network_that_stalls_stops_no_worker_that_serves_several_requests(
    stack: Stack, prepared: Prepared, tmp_path: Path
) -> None:
    server = next(each for each in CATALOG.servers.values() if each.label == stack.label)
    with serving(stack, prepared, tmp_path, between=Stalling) as service:
        before = service.defer(document(1)).headers["location"]
        with stalled(service), ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(service.defer, document(2))
            time.sleep(0.2)
            assert service.ask("GET", "/hello").status == 200
            assert server.concurrency == 1 or not waiting.done()
            assert waiting.result().status == 503
        after = service.defer_until_accepted(document(3)).headers["location"]
        with service.computing():
            assert service.result(before).body == transform(document(1))
            assert service.result(after).body == transform(document(3))


@pytest.mark.parametrize("stack", [stack for stack in STACKS if stack.server in {"bjoern", "granian-rsgi"}], ids=str)
def test_only_who_made_a_statement_gets_it(stack: Stack, prepared: Prepared, tmp_path: Path) -> None:
    issuer = Issuer("ES256")

    def token(subject: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {issuer.token(scope='statements customers:all', sub=subject)}"}

    with issuer.served() as url, ExitStack() as stop:
        env = {"STATEMENTS_ISSUER": ISSUER, "STATEMENTS_AUDIENCE": AUDIENCE, "STATEMENTS_JWKS": url}
        env |= {"STATEMENTS_LAYERS": "identity events"}
        service = stop.enter_context(serving(stack, prepared, tmp_path, env=env))
        assert service.defer(document(1)).status == 401
        location = service.defer(document(1), ASYNC | token("anna")).headers["location"]
        for _ in range(2):  # before and after it is made
            assert service.ask("GET", location, headers=token("bert")).status == 404
            assert service.ask("GET", location, headers={}).status == 404
            stop.enter_context(service.computing())
            assert service.result(location, token("anna")).body == transform(document(1))
