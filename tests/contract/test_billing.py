"""Billing while `statements` fails, under each worker class: every request is answered, rightly or with a problem."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from bench.errors import MissingError
from bench.measure.instruments.process_tree import MEBIBYTE, pss_bytes
from bench.paths import ROOT, SPEC
from tests import clients, tools
from tests.absent import absent
from tests.billing import PROCESSES, UNBROKEN, WORKERS, Answer, Service, billing, document, served
from tests.cores import GOLDEN, order
from tests.downstream import ELSEWHERE, FAULTS, Downstream
from tests.languages import LANGUAGES, built

pytestmark = pytest.mark.long

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
LARGE = ["gigabyte", "endless", "endless_head"]
TIMES = 8  # that each of them is offered: 24 GiB
MOST_GROWN_BYTES = 48 * MEBIBYTE
MOST_TAKEN_BYTES = 16 * MEBIBYTE  # of such an answer: the MiB that billing allows here, and what sockets hold
SLOW_BYTES = 32_000_000  # of a batch that is taken slowly
BUFFERED_BYTES = 8_000_000  # of it, more than the kernel holds
FAILURES = 5  # in a row that open the circuit
CALLS = 2  # that the bulkhead lets in
MOST_REFUSED = 400  # requests to an open circuit, in far more than its time
SENDABLE = clients.declared(LANGUAGES["python"]).outcomes()  # what the generated client does with each golden case
OUTCOMES = {"valid": 200, "invalid": 422, "malformed": 400}  # by the folder of golden cases


class Tried(NamedTuple):
    """Billing under a worker class, after each fault was tried once, and the requests that this took."""

    service: Service
    downstream: Downstream
    answers: dict[str, Answer]
    requests: Counter[str]

    def arrived(self, batch: str) -> list[dict[str, str]]:
        """The headers of the requests for a batch."""
        return [request.headers for request in self.downstream.received if request.batch == batch]


@pytest.fixture(autouse=True, scope="module")
def packages() -> None:
    """What billing needs is installed; otherwise the tests are skipped, and in CI they fail."""
    try:
        tools.python("billing")
        built(LANGUAGES["python"])
    except MissingError as error:
        absent(str(error), error.remedy)


@pytest.fixture(scope="module", params=WORKERS)
def tried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    limits = {
        **UNBROKEN,
        "BILLING_MAX_ANSWER_BYTES": str(MEBIBYTE),
        "BILLING_MAX_BYTES": str(2 * SLOW_BYTES),
        "BILLING_WRITE_SECONDS": "20",  # only the deadline ends a batch that is taken slowly
    }
    folder = tmp_path_factory.mktemp("billing")
    with billing(request.param, folder, limits, PROCESSES[request.param]) as (service, downstream):
        answers = service.tried(FAULTS)
        yield Tried(service, downstream, answers, downstream.asked())


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_answered_with_its_status(tried: Tried, fault: str) -> None:
    """Those that never end are answered at the deadline. Without it, their callers would wait until they gave up."""
    answer = tried.answers[fault]
    assert answer.status == FAULTS[fault].status
    if answer.status == 200:
        bill = {"id": 7, "name": "Ann Lee", "due": 500, "currency": "EUR"}
        assert answer.json() == {"batch": fault, "bills": [bill]}
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_call_is_repeated_only_where_that_is_safe_and_not_beyond_its_bound(tried: Tried, fault: str) -> None:
    assert tried.requests[fault] == FAULTS[fault].requests


def test_a_redirect_is_not_followed(tried: Tried) -> None:
    assert ELSEWHERE not in {request.path for request in tried.downstream.received}


def test_the_challenge_and_the_time_to_wait_are_passed_on(tried: Tried) -> None:
    assert tried.answers["unknown_caller"].headers["www-authenticate"] == 'Bearer scope="statements"'
    for fault in ("busy_for_long", "unavailable_proxy"):  # of the second, the generated parser reads no header
        assert tried.answers[fault].headers["retry-after"] == "60"


def test_a_batch_that_is_taken_slowly_ends_at_the_deadline(tried: Tried) -> None:
    """Each part of the batch is taken in time, so that the limit of a write is never reached."""
    tried.downstream.sips = True
    with tried.downstream.away():  # the connections that are kept do not sip
        pass
    large = json.dumps({"batch": "large", "currency": "EUR", "orders": [order(note=" " * SLOW_BYTES)]}).encode()
    assert tried.service.ask("POST", "/bills", large).status == 504
    assert 0 < tried.downstream.sipped < SLOW_BYTES - BUFFERED_BYTES, "it was given up before all was written"
    tried.downstream.sips = False


def test_memory_stays_when_answers_have_no_end(tried: Tried) -> None:
    root = psutil.Process(tried.service.process.pid)
    before, flooded = pss_bytes(root), tried.downstream.flooded
    answers = [answer for _ in range(TIMES) for answer in tried.service.tried(LARGE).values()]
    assert {answer.status for answer in answers} == {502}
    assert pss_bytes(root) - before < MOST_GROWN_BYTES
    assert 0 < tried.downstream.flooded - flooded < len(answers) * MOST_TAKEN_BYTES


def test_identity_request_id_and_trace_arrive(tried: Tried) -> None:
    given = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1", "Authorization": "Bearer token"}
    answer = tried.service.post("told", X_Request_ID="mine", Cookie="session=2", **given)
    (headers,) = tried.arrived("told")
    version, trace, span, flags = headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert len(span) == len(SPAN)
    assert span != SPAN
    assert (headers["tracestate"], headers["authorization"]) == ("vendor=1", "Bearer token")
    assert headers["x-request-id"] == answer.headers["x-request-id"] == "mine"
    assert "cookie" not in headers


def test_the_attempts_of_a_request_have_its_trace_and_its_span(tried: Tried) -> None:
    found = [headers["traceparent"] for headers in tried.arrived("busy")]
    assert len(found) == FAULTS["busy"].requests
    assert len(set(found)) == 1


def test_nothing_of_one_callers_exchange_goes_with_the_next_one(tried: Tried) -> None:
    for _ in range(8):  # so that each process of a server has had the cookie
        assert tried.service.post("cookie", Authorization="Bearer first").status == 200
    assert tried.service.post("after").status == 200
    (headers,) = tried.arrived("after")
    assert not {"cookie", "authorization"} & headers.keys()
    assert not any("cookie" in each for each in tried.arrived("cookie"))


def test_an_authorization_that_cannot_be_sent_is_the_callers_error(tried: Tried) -> None:
    assert tried.service.post("latin", Authorization="Bearer \xe9").status == 400
    assert not tried.arrived("latin")


@pytest.mark.parametrize("kind", OUTCOMES)
def test_golden_batches_get_their_bills_or_a_refusal(tried: Tried, kind: str) -> None:
    for golden in (path for path in GOLDEN if path.parent.name == kind):
        answer = tried.service.ask("POST", "/bills", golden.read_bytes())
        assert answer.status == OUTCOMES[kind], golden.stem
        if kind == "valid":
            assert answer.json() == bills_of(golden), golden.stem


def test_a_malformed_batch_does_not_arrive(tried: Tried) -> None:
    """The client writes JSON of its own. How deep it can write depends on the stack at that moment."""
    before = len(tried.downstream.received)
    for golden in (path for path in GOLDEN if path.parent.name == "malformed"):
        tried.service.ask("POST", "/bills", golden.read_bytes())
    assert len(tried.downstream.received) == before


def test_what_the_generated_client_can_send_gets_its_pointer_and_nothing_else_is_sent(tried: Tried) -> None:
    for golden in (path for path in GOLDEN if path.parent.name == "invalid"):
        before = len(tried.downstream.received)
        pointer = tried.service.ask("POST", "/bills", golden.read_bytes()).json().get("pointer")
        is_sent = len(tried.downstream.received) > before
        assert is_sent == (SENDABLE[f"invalid/{golden.stem}"] == "passed"), golden.stem
        assert pointer == (golden.with_suffix(".pointer").read_text(encoding="utf-8") if is_sent else None), golden.stem


@pytest.mark.parametrize(
    "changed",
    [
        {"customer": [["id", 7], ["name", "Ann Lee"]]},
        {"customer": {"id": 7, "name": "Ann Lee", "vip": True}},
        {"lines": {}},
        {"lines": [[["sku", "A-1"], ["quantity", 2], ["price", 250]]]},
        {"lines": [{"sku": "A-1", "quantity": float("inf"), "price": 250}]},
    ],
)
def test_a_batch_that_its_model_would_change_is_refused(tried: Tried, changed: dict[str, Any]) -> None:
    batch = {"batch": "changed", "currency": "EUR", "orders": [order(**changed)]}
    text, before = json.dumps(batch).replace("Infinity", "1e999"), len(tried.downstream.received)
    assert tried.service.ask("POST", "/bills", text.encode()).status == 422
    assert len(tried.downstream.received) == before


def bills_of(golden: Path) -> dict[str, object]:
    """The bills of the statement that spec/golden has for a batch."""
    statement = json.loads(golden.with_suffix(".out.json").read_bytes())
    bills = [
        {"id": each["id"], "name": each["name"], "due": each["open"], "currency": statement["currency"]}
        for each in statement["customers"]
    ]
    return {"batch": statement["batch"], "bills": bills}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/healthz", 200), ("GET", "/bills", 405), ("POST", "/nope", 404), ("POST", "/bills?x=1", 400)],
)
def test_other_requests_do_not_ask_statements(tried: Tried, method: str, path: str, status: int) -> None:
    before = len(tried.downstream.received)
    assert tried.service.ask(method, path, document("other")).status == status
    assert len(tried.downstream.received) == before


@pytest.mark.parametrize("worker", WORKERS)
def test_the_circuit_opens_and_closes_again(worker: str, tmp_path: Path) -> None:
    """One worker process, as each has a circuit of its own."""
    env = {"BILLING_CIRCUIT_FAILURES": str(FAILURES), "BILLING_CIRCUIT_SECONDS": "2"}
    with billing(worker, tmp_path, env) as (service, downstream):
        with downstream.away():
            refused = [service.post("refused") for _ in range(FAILURES)]
        assert {answer.status for answer in refused} == {503}
        assert "cannot be reached" in refused[0].json()["detail"]
        assert "left alone" in refused[-1].json()["detail"]
        assert int(refused[-1].headers["retry-after"]) >= 1
        assert service.ask("POST", "/bills", b"{").status == 400, "what billing refuses by itself is no call"

        outcomes = [service.post("again").status]
        while outcomes[-1] == 503 and len(outcomes) < MOST_REFUSED:
            time.sleep(0.05)
            outcomes.append(service.post("again").status)
        assert outcomes[0] == 503
        assert outcomes[-1] == 200
        assert downstream.asked()["again"] == 1, "an open circuit lets no call pass"

        for _ in range(FAILURES):
            assert service.post("busy").status == 503
        assert downstream.asked()["busy"] == FAILURES, "a circuit bounds what attempts add to an overload"


@pytest.mark.parametrize("worker", [worker for worker in WORKERS if worker != "sync"])
def test_the_bulkhead_refuses_while_others_go_on(worker: str, tmp_path: Path) -> None:
    """A sync worker handles one request at once: its bulkhead is the number of processes."""
    env = {"BILLING_CALLS": str(CALLS), "BILLING_DEADLINE_SECONDS": "20", "BILLING_READ_SECONDS": "20"}
    with billing(worker, tmp_path, env) as (service, downstream), ThreadPoolExecutor(CALLS) as threads:
        under_way = [threads.submit(service.post, "held") for _ in range(CALLS)]
        while downstream.asked()["held"] < CALLS:
            assert not any(call.done() for call in under_way)
            time.sleep(0.01)
        more = service.post("more")
        assert service.ask("GET", "/healthz").status == 200
        assert not any(call.done() for call in under_way), "nothing waited for them"
        assert more.status == 503
        assert more.headers["retry-after"] == "1"
        assert downstream.asked()["more"] == 0
        downstream.released.set()
        assert [call.result().status for call in under_way] == [200] * CALLS
        assert service.post("free").status == 200


def test_billing_fits_the_types_of_the_generated_client(tmp_path: Path) -> None:
    """`make lint` has neither that client nor httpx: to it, both are Any."""
    argv = ["-m", "mypy", "--python-executable", str(tools.python("billing")), "--cache-dir", str(tmp_path), "billing"]
    env = os.environ | {"MYPYPATH": str(built(LANGUAGES["python"]))}
    checked = subprocess.run([sys.executable, *argv], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_two_real_services_talk(tmp_path: Path) -> None:
    statements = served(["tests.contract.unbuilt:application"], tmp_path / "statements.log", {})
    golden = SPEC / "golden/valid/amount-exactly-at-the-limit.json"
    with statements as (port, *_):
        words, env = WORKERS["gthread"], {"BILLING_STATEMENTS": f"http://localhost:{port}"}
        with served(words, tmp_path / "billing.log", env) as service:
            answer = service.ask("POST", "/bills", golden.read_bytes(), X_Request_ID="mine")
            assert answer.json() == bills_of(golden)
            refused = service.ask("POST", "/bills", document("b").replace(b"EUR", b"eur"), X_Request_ID="mine")
            assert refused.json() | {"detail": ""} == {
                "title": "Unprocessable Content",
                "status": 422,
                "detail": "",
                "pointer": "/currency",
                "request_id": "mine",
            }
