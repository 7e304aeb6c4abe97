"""Traces on every server: a caller's goes on, another one begins, and each sampled request is a span at a collector.

One stack for each kind of worker and each interface; the others are `long`.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from bench.errors import LabError
from bench.model import Stack
from bench.serve import life_cycle
from tests import billing
from tests.collector import Collector, Span, collecting
from tests.contract import deferring, wire
from tests.contract.counting import DOCUMENT, Clients, Service, counted
from tests.contract.deferring import Prepared
from tests.contract.loading import await_that
from tests.contract.test_statistics import EVERY, STACKS
from tests.exposed import value

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{CALLER}-01"
HEADER = f"traceparent: {PARENT}"
LAYERS = "request_id health trace metrics log"
LOAD_SECONDS = 0.5
AT_ONCE = 50  # spans in a batch
WAIT_SECONDS = 0.1  # of a smaller one
TAKES_ONE_OF_TWO = {"fastwsgi"}  # headers: it passes on one
RUNS_NO_THREAD = {"fastwsgi"}
RUNS_NOTHING_AT_ITS_END = {"uwsgi-asyncio", "uwsgi-gevent"}  # https://github.com/unbit/uwsgi/issues/1765
NEEDS_THE_LAYER_DRAIN = {"bjoern", "waitress"}  # SIGTERM ends them at once
NEEDS_THE_TUNING_DRAIN = {"uwsgi-processes", "uwsgi-threads"}  # SIGTERM ends a busy worker at once
EXPORTING = [each for each in STACKS if str(each.id).rpartition("/")[2] not in RUNS_NO_THREAD]
ASKED = [stack for stack in EVERY if stack.server == "gunicorn-gthread"]  # by billing
AWAY = [stack for stack in EVERY if stack.server in {"gunicorn-sync", "uwsgi-threads", "granian-rsgi"}]


def asked(service: Service, *headers: str) -> dict[str, object]:
    """The line of a request with these headers."""
    server = wire.Server(life_cycle.HOST, service.port, 0)
    named = f"asked-{time.monotonic_ns()}"
    assert wire.ask(server, "GET", "/hello", None, f"X-Request-ID: {named}", *headers).status == 200
    (line,) = (line for line in service.lines() if line["http.request.id"] == named)
    return line


@pytest.mark.parametrize("stack", STACKS)
def test_a_callers_trace_goes_on_and_another_one_begins(stack: Stack, prepared: Prepared, tmp_path: Path) -> None:
    with counted(stack, prepared, tmp_path, workers=1, STATEMENTS_LAYERS=LAYERS) as service:
        for header in (HEADER, f"TraceParent: \t {PARENT}\t ", f"traceparent: cc{PARENT[2:]}-more"):
            line = asked(service, header)
            assert line["trace.id"] == TRACE
            assert line["transaction.id"] != CALLER
        begun = [asked(service)["trace.id"] for _ in range(4)]
        assert len({TRACE, *begun}) == 5
        is_one_taken = asked(service, HEADER, HEADER)["trace.id"] == TRACE
        assert is_one_taken == (stack.server in TAKES_ONE_OF_TWO)


class Exporting(NamedTuple):
    """A service whose spans go to a collector."""

    service: Service
    collector: Collector


def exporting(stack: Stack, prepared: Prepared, folder: Path, **env: str) -> Iterator[Exporting]:
    is_drained = stack.server in NEEDS_THE_LAYER_DRAIN
    if is_drained:
        stack = msgspec.structs.replace(stack, server=f"{stack.server}+drain-layer")
    elif stack.server in NEEDS_THE_TUNING_DRAIN:
        stack = msgspec.structs.replace(stack, server=f"{stack.server}+drain")
    with collecting() as collector:
        env |= {
            "STATEMENTS_LAYERS": f"{'drain ' * is_drained}{LAYERS} otel",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": str(AT_ONCE),
        }
        with counted(stack, prepared, folder, workers=2, **env) as service:
            yield Exporting(service, collector)


@pytest.fixture
def traced(request: pytest.FixtureRequest, prepared: Prepared, tmp_path: Path) -> Iterator[Exporting]:
    """A span that is alone waits for others until the end."""
    yield from exporting(request.param, prepared, tmp_path, OTEL_BSP_SCHEDULE_DELAY="600000")


@pytest.mark.parametrize("traced", EXPORTING, indirect=True)
def test_each_request_is_a_span_also_those_that_wait_when_the_server_ends(traced: Exporting) -> None:
    service, collector = traced
    with Clients(service):
        await_that(lambda: len(collector.spans) > AT_ONCE, "no full batch arrives")
        time.sleep(LOAD_SECONDS)
    # A worker that ends has no time for many batches.
    await_that(lambda: made(service) - len(collector.spans) < 2 * AT_ONCE, "full batches wait")
    service.life.close()
    lines, spans = service.lines(), collector.requests()
    logged = {(line["trace.id"], line["transaction.id"]): line for line in lines}
    assert len({(span.trace, span.id) for span in spans}) == len(spans)
    missing = logged.keys() - {(span.trace, span.id) for span in spans}
    if service.stack.server in RUNS_NOTHING_AT_ITS_END:
        assert len(missing) < 4 * AT_ONCE, "each of two workers has less than a batch that waits, and one under way"
    else:
        assert not missing
    assert len({span.about["process.pid"] for span in spans}) == len({line["process.pid"] for line in lines})
    for span in spans:
        is_told_alike(span, logged[span.trace, span.id])
    are_within(collector)


def made(service: Service) -> int:
    """How many spans there were: one of each request with a line, and one of the core's work for it."""
    lines = service.lines()
    return len(lines) + sum(line.get("statements.core.duration") is not None for line in lines)


def is_told_alike(span: Span, line: dict[str, object]) -> None:
    """A span and a line tell the same of a request."""
    for name in ("http.request.method", "http.response.status_code"):
        assert span.attributes[name] == line[name]
    assert span.attributes.get("http.route", "other") == line["http.route"]
    assert span.attributes["url.scheme"] == "http"
    assert span.about["process.pid"] == line["process.pid"]
    assert span.about["service.name"] == "statements"
    assert span.about["service.version"] == line["service.version"]
    assert (span.parent, span.is_failed) == ("", False)


def are_within(collector: Collector) -> None:
    """The core's work for a document is a span within that of its request."""
    requests = {span.id: span for span in collector.requests()}
    inner = [span for span in collector.spans if span.id not in requests and span.parent in requests]
    assert inner
    for span in inner:
        around = requests[span.parent]
        assert (span.name, span.trace, around.name) == ("transform", around.trace, "POST /statements")
        assert around.began <= span.began <= span.ended <= around.ended


@pytest.fixture
def patient(request: pytest.FixtureRequest, prepared: Prepared, tmp_path: Path) -> Iterator[Exporting]:
    """Few spans wait, and the exporter gives up soon."""
    env = {
        "OTEL_BSP_SCHEDULE_DELAY": f"{WAIT_SECONDS * 1000:.0f}",
        "OTEL_BSP_MAX_QUEUE_SIZE": str(2 * AT_ONCE),
        "OTEL_EXPORTER_OTLP_TIMEOUT": "3",  # soon, but no batch that arrives is given up before
    }
    yield from exporting(request.param, prepared, tmp_path, **env)


@pytest.mark.parametrize("patient", AWAY, indirect=True, ids=str)
def test_no_request_waits_for_a_collector_that_stalls_and_what_is_lost_is_counted(patient: Exporting) -> None:
    service, collector = patient

    def lost() -> float:
        return value(service.scrape(), "statements_spans_lost_total")

    with collector.away(), Clients(service) as clients:
        await_that(lambda: lost() > 0, "no span is lost")
    assert clients.answered == clients.sent
    with Clients(service):  # a worker counts what it has lost with its next request
        time.sleep(3 * LOAD_SECONDS)

    def are_counted() -> bool:
        service.ask("GET", "/hello")
        time.sleep(3 * WAIT_SECONDS)  # its spans wait, too
        return len(collector.spans) + lost() == made(service)

    await_that(are_counted, "spans that arrived and those that were lost are not as many as there were")
    with collector.away():
        service.ask("GET", "/hello")
        service.life.close()  # raises LabError if it does not end in its time


@pytest.mark.parametrize("stack", [stack for stack in EVERY if stack.server in RUNS_NO_THREAD], ids=str)
def test_a_server_that_runs_no_thread_does_not_start(stack: Stack, prepared: Prepared, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="exited"):
        next(exporting(stack, prepared, tmp_path))
    assert "otel sends by a thread, and FastWSGI lets none run" in (tmp_path / "log0").read_text()


@pytest.mark.parametrize("stack", ASKED, ids=str)
@pytest.mark.parametrize("worker", billing.WORKERS)
@pytest.mark.parametrize("given", [{"traceparent": PARENT, "tracestate": "a=1"}, {}], ids=["goes on", "begins"])
def test_one_trace_from_billing_to_the_event(
    stack: Stack, worker: str, given: dict[str, str], prepared: Prepared, tmp_path: Path
) -> None:
    env = {"STATEMENTS_LAYERS": "trace log events"}
    with deferring.serving(stack, prepared, tmp_path, env=env) as statements:
        limits = {f"BILLING_{name}_SECONDS": "20" for name in ("DEADLINE", "CONNECT", "READ")}  # a machine may be busy
        asks = limits | {"BILLING_STATEMENTS": f"http://{life_cycle.HOST}:{statements.port}"}
        with billing.served(billing.WORKERS[worker], tmp_path / "billing", asks) as service:
            assert service.post("traced", **given).status == 200
        (line,) = lines_of(tmp_path / "log", "POST /statements 200")
        (event,) = statements.broker.headers_of_events()
        version, trace, span, flags = event["traceparent"].split("-")
        assert (version, line["trace.id"], line["transaction.id"]) == ("00", trace, span)
        assert (trace == TRACE, flags, event.get("tracestate")) == (
            (True, "01", "a=1") if given else (False, "03", None)
        )


def lines_of(log: Path, message: str) -> Iterator[dict[str, object]]:
    lines = (json.loads(line) for line in log.read_bytes().splitlines() if line.startswith(b'{"@timestamp"'))
    return (line for line in lines if line["message"] == message)


@pytest.mark.parametrize("stack", AWAY, ids=str)
def test_a_deferred_documents_event_has_the_trace_of_its_request(
    stack: Stack, prepared: Prepared, tmp_path: Path
) -> None:
    env = {"STATEMENTS_LAYERS": "trace log events"}
    with deferring.serving(stack, prepared, tmp_path, env=env) as service, service.computing():
        accepted = service.defer(DOCUMENT, deferring.ASYNC | {"traceparent": PARENT, "tracestate": "a=1"})
        service.result(accepted.headers["location"])
        untraced = service.defer(DOCUMENT)
        service.result(untraced.headers["location"])
        await_that(lambda: len(service.broker.headers_of_events()) == 2, "no event")
        first, second = service.broker.headers_of_events()
        (line, _) = lines_of(tmp_path / "log", "POST /statements 202")
        _, trace, span, flags = first["traceparent"].split("-")
        assert (trace, flags, first["tracestate"]) == (TRACE, "01", "a=1")
        assert span not in {CALLER, line["transaction.id"]}, "the consumer's own"
        assert second["traceparent"].split("-")[1] != TRACE
        assert "tracestate" not in second
