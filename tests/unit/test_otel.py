"""The layer `otel`: spans of sampled requests, by OpenTelemetry's conventions, in batches that nobody waits for."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode

from app import batches, context, contract, layers, otel, trace
from app.batches import Batches, Limits
from app.exposition import exposed as in_text
from app.metering import CELLS, SPANS_LOST, Meter, file_in
from app.otel import Spans
from app.slots import Slots
from tests.cores import document, order
from tests.exposed import value
from tests.unit.interfaces import INTERFACES, ask
from tests.unit.test_events import SERVICES

ID_OF_TRACE, CALLER = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
PARENT = f"00-{ID_OF_TRACE:032x}-{CALLER:016x}-01"
LAYERS = {"STATEMENTS_LAYERS": "trace otel"}


class Exported(SpanExporter):
    """What was exported. It waits while it is told to, and then fails or not."""

    def __init__(self) -> None:
        self.batches: list[Sequence[ReadableSpan]] = []
        self.results: list[SpanExportResult | Exception] = []
        self.is_free = Event()
        self.is_free.set()
        self.is_asked = Event()
        self.is_shut = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.is_asked.set()
        self.is_free.wait()
        self.batches.append(spans)
        result = self.results.pop(0) if self.results else SpanExportResult.SUCCESS
        if isinstance(result, Exception):
            raise result
        return result

    def shutdown(self) -> None:
        self.is_shut = True

    def spans(self) -> list[ReadableSpan]:
        return [span for batch in self.batches for span in batch]


@pytest.fixture
def exported() -> Iterator[Exported]:
    exporter = Exported()
    yield exporter
    exporter.is_free.set()


def service(interface: str, spans: Spans) -> Any:
    core = layers.around_core(contract.load_core("app.core"), ["otel"])

    async def on_loop(_seconds: float) -> None: ...

    wait = on_loop if interface != "wsgi" else lambda _seconds: None
    application = getattr(otel, interface)(SERVICES[interface].make(core, {}, wait), spans)
    return getattr(context, interface)(getattr(trace, interface)(application))


def made(
    exported: Exported, interface: str, method: str, path: str, body: bytes = b"", **headers: str
) -> list[ReadableSpan]:
    """The spans of a request."""
    waiting = Batches(exported, Limits())
    ask(
        interface,
        service(interface, Spans(waiting, Resource({"service.name": "tried"}))),
        method,
        path,
        body,
        **headers,
    )
    waiting.stop()
    return exported.spans()


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_request_is_a_span_with_the_core_within(interface: str, exported: Exported) -> None:
    begin, sent = time.time_ns(), document(order())
    headers = {"Content_Type": "application/json", "traceparent": PARENT}
    request, core = made(exported, interface, "POST", "/statements", sent, **headers)
    assert (request.name, request.kind, request.status.status_code) == (
        "POST /statements", SpanKind.SERVER, StatusCode.UNSET,
    )  # fmt: skip
    assert request.attributes == {
        "http.request.method": "POST", "url.scheme": "http", "http.route": "/statements",
        "http.response.status_code": 200,
    }  # fmt: skip
    assert request.context is not None
    assert request.parent is not None
    assert (request.context.trace_id, request.context.trace_flags) == (ID_OF_TRACE, 1)
    assert (request.parent.span_id, request.parent.is_remote) == (CALLER, True)
    assert (core.name, core.kind, core.parent) == ("transform", SpanKind.INTERNAL, request.context)
    assert core.context.trace_id == ID_OF_TRACE
    assert begin <= request.start_time <= core.start_time <= core.end_time <= request.end_time <= time.time_ns()
    assert request.resource.attributes["service.name"] == "tried"


@pytest.mark.parametrize(
    ("asked", "name", "attributes"),
    [
        (("GET", "/hello"), "GET /hello", {"http.route": "/hello", "http.response.status_code": 200}),
        (("GET", "/secret?a=1"), "GET", {"http.response.status_code": 404}),
        (
            ("SECRET", "/hello"),
            "HTTP /hello",
            {"http.request.method": "_OTHER", "http.route": "/hello", "http.response.status_code": 405},
        ),
    ],
)
def test_a_span_has_no_secret(
    asked: tuple[str, str], name: str, attributes: dict[str, Any], exported: Exported
) -> None:
    (span,) = made(exported, "wsgi", *asked)
    assert span.name == name
    expected = {"http.request.method": "GET", "url.scheme": "http", **attributes}
    assert span.attributes == expected
    assert span.parent is None


def test_an_error_of_the_service_fails_its_span(exported: Exported) -> None:
    waiting = Batches(exported, Limits())
    spans = Spans(waiting, Resource({}))

    def failing(_environ: Any, _start_response: Any) -> list[bytes]:
        raise KeyError

    with pytest.raises(KeyError):
        ask("wsgi", context.wsgi(trace.wsgi(otel.wsgi(failing, spans))), "GET", "/hello")
    waiting.stop()
    (span,) = exported.spans()
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes["error.type"], span.attributes["http.response.status_code"]) == ("500", 500)


def test_what_is_not_sampled_is_no_span(exported: Exported) -> None:
    assert made(exported, "wsgi", "GET", "/hello", traceparent=PARENT[:-1] + "0") == []


@pytest.fixture
def telling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each record passes, not one in a period."""
    monkeypatch.setattr(batches.LOG, "filters", [])


def numbered(count: int) -> list[ReadableSpan]:
    return [ReadableSpan(str(number)) for number in range(count)]


def names(spans: Sequence[ReadableSpan]) -> list[str]:
    return [span.name for span in spans]


def test_a_full_batch_is_sent_at_once_and_the_rest_when_the_process_ends(exported: Exported) -> None:
    waiting = Batches(exported, Limits(waiting=10, at_once=4, seconds=60))
    waiting.start()
    for span in numbered(6):
        waiting.put([span])
    assert exported.is_asked.wait(10)
    waiting.stop()
    assert names(exported.spans()) == [str(number) for number in range(6)]
    assert max(map(len, exported.batches)) <= 4
    assert (waiting.lost, exported.is_shut) == (0, True)


def test_spans_that_are_few_are_sent_after_a_while(exported: Exported) -> None:
    waiting = Batches(exported, Limits(seconds=0.01))
    waiting.start()
    waiting.put(numbered(1))
    assert exported.is_asked.wait(10)
    waiting.stop()
    assert len(exported.batches) == 1


def test_nobody_waits_for_a_collector_that_stalls_and_losses_are_counted(
    exported: Exported, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, telling: None
) -> None:
    monkeypatch.setattr(batches, "STOP_SECONDS", 0.05)
    exported.is_free.clear()
    waiting = Batches(exported, Limits(waiting=5, at_once=2, seconds=60))
    waiting.start()
    waiting.put(numbered(2))
    assert exported.is_asked.wait(10)
    for span in numbered(8):
        waiting.put([span])
    assert waiting.lost == 3
    waiting.stop()
    assert caplog.messages == ["the process ends before the collector has all spans"]
    waiting.put(numbered(1))
    assert (waiting.lost, exported.is_shut) == (4, True)
    exported.is_free.set()
    waiting.thread.join()


def test_batches_that_the_collector_refuses_are_lost_and_the_next_one_is_not(
    exported: Exported, caplog: pytest.LogCaptureFixture, telling: None
) -> None:
    exported.results = [SpanExportResult.FAILURE, ValueError("a bug")]
    waiting = Batches(exported, Limits(waiting=9, at_once=3, seconds=60))
    waiting.put(numbered(9))
    waiting.start()
    waiting.stop()
    assert (len(exported.batches), waiting.lost) == (3, 6)
    assert caplog.messages == ["the exporter failed", "spans do not reach the collector: this process has lost 6"]


def test_lost_spans_are_a_metric(exported: Exported, tmp_path: Path) -> None:
    waiting = Batches(exported, Limits(waiting=1, at_once=1))
    meter = Meter(Slots(file_in(tmp_path), CELLS), {SPANS_LOST: lambda: waiting.lost})
    meter.began()
    waiting.put(numbered(3))
    meter.ended(("GET", "/hello", "http"), 200, 0, 0, 1)
    assert value(in_text([*meter.families()]).decode(), "statements_spans_lost_total") == 3


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    otel.batches.cache_clear()

    def given(**names: str) -> None:
        for name, text in names.items():
            monkeypatch.setenv(f"OTEL_{name}", text)

    yield given
    otel.batches.cache_clear()


def test_the_environment_describes_the_exporter(env: Callable[..., None]) -> None:
    env(BSP_MAX_QUEUE_SIZE="9", BSP_MAX_EXPORT_BATCH_SIZE="3", BSP_SCHEDULE_DELAY="250", RESOURCE_ATTRIBUTES="a=b")
    spans = otel.configured(LAYERS)
    assert spans.batches.limits == Limits(9, 3, 0.25)
    assert spans.batches.thread is None, "the server may fork yet"
    assert (spans.resource.attributes["service.name"], spans.resource.attributes["a"]) == ("statements", "b")
    env(SERVICE_NAME="mine")
    assert otel.configured(LAYERS).resource.attributes["service.name"] == "mine"


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("BSP_MAX_QUEUE_SIZE", "0", "'0' is no number from 1 on"),
        ("BSP_SCHEDULE_DELAY", "5s", "'5s' is no number from 1 on"),
        ("BSP_MAX_EXPORT_BATCH_SIZE", "2049", "2049 is more than wait in the queue"),
        ("EXPORTER_OTLP_PROTOCOL", "grpc", "the layer otel sends by http/protobuf alone"),
        ("EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "the layer otel sends by http/protobuf alone"),
    ],
)
def test_a_wrong_setting_is_an_error(name: str, text: str, why: str, env: Callable[..., None]) -> None:
    env(**{name: text})
    with pytest.raises(ValueError, match=f"^OTEL_{name}: {why}$"):
        otel.configured(LAYERS)


def test_the_layer_needs_trace_and_sees_each_answer() -> None:
    with pytest.raises(ValueError, match=r"^STATEMENTS_LAYERS: otel needs trace before it$"):
        otel.configured({"STATEMENTS_LAYERS": "request_id otel"})
    with pytest.raises(ValueError, match=r"^STATEMENTS_LAYERS: put otel before identity: it has to see each answer$"):
        otel.configured({"STATEMENTS_LAYERS": "trace identity otel"})
