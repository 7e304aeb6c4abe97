"""The layer `metrics`: what is counted on each interface, in threads too, and who may read it."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import contract, layers, metering, metrics
from app.http import Problem
from app.metering import FALLBACKS, LINES_LOST, Meter, file_in
from app.metrics import Metrics
from app.replies import refused
from app.routes import METHODS, OTHER, ROUTES, method_of, route_of
from app.slots import Slots
from bench.paths import ROOT
from tests import tools
from tests.cores import document, order
from tests.exposed import requests, value
from tests.unit.interfaces import INTERFACES, Answer, answering, ask
from tests.unit.test_events import SERVICES

TOKEN = "a-token-of-prometheus"  # noqa: S105 - made up
MAX_BYTES = 10_000
HTTP = {"wsgi.url_scheme": "http"}
DYING = """
import os, sys
from pathlib import Path
from app.metering import CELLS, Meter
from app.slots import Slots
meter = Meter(Slots(Path(sys.argv[1]), CELLS), {})
meter.began()
meter.began()
meter.ended(("GET", "/hello", ""), 200, 0, 0, 1)
os._exit(0)
"""


@pytest.fixture
def counters(tmp_path: Path) -> Metrics:
    return Metrics(Meter(Slots(file_in(tmp_path), metering.CELLS), {}), TOKEN)


def served(interface: str, counters: Metrics) -> Callable[..., Answer]:
    """The function that asks a service within the layer."""

    async def on_loop(_seconds: float) -> None: ...

    wait = on_loop if interface != "wsgi" else lambda _seconds: None
    service = SERVICES[interface].make(contract.load_core("app.core"), {}, wait, MAX_BYTES)
    application = getattr(metrics, interface)(service, counters)
    return lambda *asked, **headers: ask(interface, application, *asked, **headers)


def scraped(asked: Callable[..., Answer]) -> str:
    answer = asked("GET", "/metrics", Authorization=f"Bearer {TOKEN}")
    assert answer.status == 200
    return answer.body.decode()


@pytest.mark.parametrize("interface", INTERFACES)
def test_requests_are_counted_by_route_method_and_status_class(interface: str, counters: Metrics) -> None:
    asked = served(interface, counters)
    sent = document(order())
    made = asked("POST", "/statements", sent, Content_Type="application/json").body
    asked("POST", "/statements", b"{}", Content_Type="application/json")
    for path in ("/hello", "/hello", "/nope", "/statements/" + "0" * 32):
        asked("GET", path)
    asked("BREW", "/hello")
    exposed = scraped(asked)
    assert requests(exposed) == {
        ("/statements", "POST", "2xx"): 1,
        ("/statements", "POST", "4xx"): 1,
        ("/hello", "GET", "2xx"): 2,
        ("other", "GET", "4xx"): 1,
        ("/statements/{id}", "GET", "4xx"): 1,
        ("/hello", "other", "4xx"): 1,
    }
    labels = '{route="/statements",method="POST",status="2xx"}'
    assert f"http_request_body_bytes_total{labels} {len(sent)}\n" in exposed
    assert f"http_response_body_bytes_total{labels} {len(made)}\n" in exposed
    assert value(exposed, "http_requests_in_flight") == 0
    assert scraped(asked) == exposed, "a scrape counts nothing"


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("authorization", ["", "Bearer ", f"Bearer {TOKEN}x", f"bearer {TOKEN}", TOKEN, "Bearer é"])
def test_nobody_reads_the_metrics_without_the_token(interface: str, authorization: str, counters: Metrics) -> None:
    answer = served(interface, counters)("GET", "/metrics", Authorization=authorization)
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "http_requests" not in answer.body.decode()


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_scrape_is_a_get(interface: str, counters: Metrics) -> None:
    asked = served(interface, counters)
    answer = asked("POST", "/metrics", Authorization=f"Bearer {TOKEN}")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    answer = asked("HEAD", "/metrics", Authorization=f"Bearer {TOKEN}")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_request_is_in_flight_until_its_answer_is_made(interface: str, counters: Metrics) -> None:
    seen = []

    def act() -> bytes:
        seen.append(value(counters.reply("GET", f"Bearer {TOKEN}").body.decode(), "http_requests_in_flight"))
        return b""

    application = getattr(metrics, interface)(answering(interface, act), counters)
    for _ in range(2):
        ask(interface, application, "GET", "/hello")
    assert seen == [1, 1]


@pytest.mark.parametrize("interface", INTERFACES)
def test_an_error_that_reaches_the_server_is_counted_as_500(interface: str, counters: Metrics) -> None:
    def act() -> bytes:
        raise KeyError

    application = getattr(metrics, interface)(answering(interface, act), counters)
    with pytest.raises(KeyError):
        ask(interface, application, "GET", "/hello")
    exposed = counters.reply("GET", f"Bearer {TOKEN}").body.decode()
    assert requests(exposed) == {("/hello", "GET", "5xx"): 1}
    assert value(exposed, "http_requests_in_flight") == 0


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_a_request_that_is_cancelled_is_counted_as_a_client_that_went_away(interface: str, counters: Metrics) -> None:
    async def cancelled(*_given: Any) -> None:
        raise asyncio.CancelledError

    application = getattr(metrics, interface)(cancelled, counters)
    scope = {"asgi": {"type": "http", "method": "GET", "path": "/hello", "headers": []}}.get(
        interface, SimpleNamespace(proto="http", scheme="http", method="GET", path="/hello", headers={})
    )
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(application(scope, *[None] * (2 if interface == "asgi" else 1)))
    assert requests(counters.reply("GET", f"Bearer {TOKEN}").body.decode()) == {("/hello", "GET", "4xx"): 1}


def test_a_stream_of_unknown_length_is_counted_when_it_is_closed(counters: Metrics) -> None:
    closed = []

    class Parts:
        def __iter__(self) -> Iterator[bytes]:
            yield from (b"one", b"three")

        def close(self) -> None:
            closed.append(True)

    def streaming(_environ: Any, start_response: Any) -> Parts:
        start_response("200 OK", [])
        return Parts()

    body: Any = metrics.wsgi(streaming, counters)({"REQUEST_METHOD": "GET", "PATH_INFO": "/hello", **HTTP}, print)
    assert b"".join(body) == b"onethree"
    assert not requests(counters.reply("GET", f"Bearer {TOKEN}").body.decode())
    body.close()
    exposed = counters.reply("GET", f"Bearer {TOKEN}").body.decode()
    assert closed
    assert 'http_response_body_bytes_total{route="/hello",method="GET",status="2xx"} 8\n' in exposed


def test_a_body_of_known_length_is_counted_before_it_is_sent(counters: Metrics) -> None:
    def flask(_environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "3")])
        return iter([b"one"])

    application = metrics.wsgi(flask, counters)
    for method, bytes_sent in (("GET", 3), ("HEAD", 0)):
        application({"REQUEST_METHOD": method, "PATH_INFO": "/hello", **HTTP}, lambda *_: None)
        labels = f'{{route="/hello",method="{method}",status="2xx"}}'
        exposed = counters.reply("GET", f"Bearer {TOKEN}").body.decode()
        assert f"http_response_body_bytes_total{labels} {bytes_sent}\n" in exposed


def test_what_is_read_of_a_body_is_counted_however_it_is_read(counters: Metrics) -> None:
    class Body:
        closed = "its other attributes"

        def read(self, size: int = -1) -> bytes:
            return b"12345"[: size if size >= 0 else None]

        def readline(self, _size: int = -1) -> bytes:
            return b"line\n"

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"12", b"3"])

    def reading(environ: Any, start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"]
        assert (body.read(2), body.read(), body.readline(), [*body]) == (b"12", b"12345", b"line\n", [b"12", b"3"])
        assert body.closed == Body.closed
        start_response("200 OK", [])
        return []

    environ = {
        **HTTP,
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/hello",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input": Body(),
    }
    metrics.wsgi(reading, counters)(environ, lambda *_: None)
    exposed = counters.reply("GET", f"Bearer {TOKEN}").body.decode()
    assert 'http_request_body_bytes_total{route="/hello",method="POST",status="2xx"} 15\n' in exposed


def test_an_rsgi_protocol_keeps_all_its_functions(counters: Metrics) -> None:
    class Protocol:
        async def __call__(self) -> bytes:
            return b"whole"

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"part"

        async def client_disconnect(self) -> str:
            return "gone"

        def response_empty(self, status: int, headers: list[tuple[str, str]]) -> tuple[Any, ...]:
            return status, headers

    async def application(_scope: Any, protocol: Any) -> None:
        assert await protocol() == b"whole"
        assert [part async for part in protocol] == [b"part"]
        assert await protocol.client_disconnect() == "gone"
        assert protocol.response_empty(204, []) == (204, [])

    scope = SimpleNamespace(proto="http", scheme="http", method="POST", path="/hello", headers={})
    asyncio.run(metrics.rsgi(application, counters)(scope, Protocol()))
    exposed = counters.reply("GET", f"Bearer {TOKEN}").body.decode()
    assert 'http_request_body_bytes_total{route="/hello",method="POST",status="2xx"} 9\n' in exposed


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_only_http_is_counted(kind: str, counters: Metrics) -> None:
    async def application(*_given: Any) -> None: ...

    asyncio.run(metrics.asgi(application, counters)({"type": kind}, None, None))
    asyncio.run(metrics.rsgi(application, counters)(SimpleNamespace(proto="ws"), None))
    assert not requests(counters.reply("GET", f"Bearer {TOKEN}").body.decode())


def test_threads_lose_no_count(counters: Metrics) -> None:
    application = metrics.wsgi(answering("wsgi", lambda: b"x"), counters)

    def work(_user: int) -> None:
        for _ in range(500):
            application({"REQUEST_METHOD": "GET", "PATH_INFO": "/hello", **HTTP}, lambda *_: None)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    exposed = counters.reply("GET", f"Bearer {TOKEN}").body.decode()
    assert requests(exposed) == {("/hello", "GET", "2xx"): 4000}
    assert value(exposed, "http_requests_in_flight") == 0


def test_requests_that_died_with_their_worker_are_lost_and_not_in_flight(tmp_path: Path) -> None:
    slots = Slots(file_in(tmp_path), metering.CELLS)
    subprocess.run([sys.executable, "-c", DYING, str(file_in(tmp_path))], cwd=ROOT, check=True)
    names = ("http_requests_in_flight", "http_requests_lost_total", "statements_worker_starts_total",
             "statements_worker_deaths_total", "statements_workers")  # fmt: skip
    exposed = Metrics(Meter(slots, {}), TOKEN).reply("GET", f"Bearer {TOKEN}").body.decode()
    assert [value(exposed, name) for name in names] == [0, 1, 2, 1, 1]
    assert requests(exposed) == {("/hello", "GET", "2xx"): 1}


def test_what_the_process_counts_elsewhere_is_added_up(tmp_path: Path) -> None:
    counts = {FALLBACKS: 0, LINES_LOST: 0}
    meter = Meter(
        Slots(file_in(tmp_path), metering.CELLS), {cell: partial(counts.__getitem__, cell) for cell in counts}
    )
    for fallbacks, lines_lost in ((2, 0), (2, 1), (5, 4)):
        counts |= {FALLBACKS: fallbacks, LINES_LOST: lines_lost}
        meter.began()
        meter.ended(("GET", "/hello", ""), 200, 0, 0, 1)
        exposed = Metrics(meter, TOKEN).reply("GET", f"Bearer {TOKEN}").body.decode()
        assert value(exposed, "statements_core_fallbacks_total") == fallbacks
        assert value(exposed, "statements_log_lines_lost_total") == lines_lost


def test_a_core_that_tells_no_fallbacks_has_no_such_metric(counters: Metrics) -> None:
    assert "fallbacks" not in scraped(served("wsgi", counters))
    assert contract.load_core("app.core").fallbacks is None


def test_the_metrics_are_as_prometheus_wants_them(counters: Metrics) -> None:
    asked = served("wsgi", counters)
    asked("GET", "/hello")
    text = scraped(asked)
    names = re.findall(r"^# TYPE (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names)) > 5
    for name in names:
        lines = [line for line in text.splitlines() if line.startswith(name)]
        assert text.index("\n".join(lines)) > text.index(f"# TYPE {name}"), "samples stand together after their type"
    buckets = [int(count) for count in re.findall(r"_bucket.*} (\d+)", text)]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 1


@pytest.mark.parametrize("ns", [99_999, 100_000])
def test_a_bound_belongs_to_its_bucket(ns: int, counters: Metrics) -> None:
    counters.meter.began()
    counters.meter.ended(("GET", "/hello", ""), 200, 0, 0, ns)
    text = counters.reply("GET", f"Bearer {TOKEN}").body.decode()
    assert 'http_request_duration_seconds_bucket{route="/hello",method="GET",status="2xx",le="0.0001"} 1\n' in text


@pytest.mark.slow
def test_promtool_finds_nothing_to_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(listen_queue=lambda: 3))
    told = {FALLBACKS: lambda: 1, LINES_LOST: lambda: 2}
    asked = served("wsgi", Metrics(Meter(Slots(file_in(tmp_path), metering.CELLS), told), TOKEN))
    asked("GET", "/hello")
    text = scraped(asked)
    assert text.count("# TYPE") == 12
    done = subprocess.run(
        [tools.promtool(), "check", "metrics"],
        input=scraped(asked),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_path_of_the_service_is_a_route() -> None:
    paths = json.loads((ROOT / "spec/openapi.json").read_text(encoding="utf-8"))["paths"]
    assert set(paths) == set(ROUTES)
    for path in paths:
        assert route_of(re.sub("{.*?}", "x", path)) == path
        assert route_of(re.sub("{.*?}", "x", path).replace("/", "//")) == path


@given(st.text(), st.text())
def test_whatever_a_client_sends_there_are_few_series(path: str, method: str) -> None:
    assert route_of(path) in {*ROUTES, OTHER}
    assert method_of(method) in {*METHODS, OTHER}


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(metrics, "built_core", lambda: contract.load_core("app.core"))
    return {
        "STATEMENTS_LAYERS": "request_id health metrics identity",
        "STATEMENTS_METRICS": str(tmp_path),
        "STATEMENTS_METRICS_TOKEN": TOKEN,
    }


def test_the_environment_configures_the_layer(env: dict[str, str], tmp_path: Path) -> None:
    configured = metrics.configured(env)
    assert configured.reply("GET", f"Bearer {TOKEN}").status == "200 OK"
    assert [file.suffix for file in tmp_path.iterdir()] == [".cells"]


@pytest.mark.parametrize(
    ("name", "given", "complaint"),
    [
        ("METRICS", "", ": '' is no folder"),
        ("METRICS", "/nowhere", ": '/nowhere' is no folder"),
        ("METRICS_TOKEN", "", " needs at least 16 printable characters of ASCII"),
        ("METRICS_TOKEN", "x" * 15, " needs at least 16 printable characters of ASCII"),
        ("METRICS_TOKEN", "é" * 16, " needs at least 16 printable characters of ASCII"),
        ("LAYERS", "identity metrics", ": put metrics before identity: it has to see each answer"),
    ],
)
def test_a_wrong_setting_is_an_error(env: dict[str, str], name: str, given: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^STATEMENTS_{name}{re.escape(complaint)}$"):
        metrics.configured(env | {f"STATEMENTS_{name}": given})


def test_refusals_of_layers_within_are_counted(counters: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(_application: Any) -> Any:
        return refused(Problem("401 Unauthorized", "no token")).start

    monkeypatch.setitem(sys.modules, "app.refusing", SimpleNamespace(wsgi=refusing))
    monkeypatch.setattr(metrics, "configured", lambda: counters)
    application = layers.around(None, "wsgi", ["metrics", "refusing"])
    assert ask("wsgi", application, "GET", "/hello").status == 401
    assert requests(counters.reply("GET", f"Bearer {TOKEN}").body.decode()) == {("/hello", "GET", "4xx"): 1}


def test_the_queue_is_told_where_the_server_tells_it(counters: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "queue_length" not in counters.reply("GET", f"Bearer {TOKEN}").body.decode()
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(listen_queue=lambda: 3))
    assert value(counters.reply("GET", f"Bearer {TOKEN}").body.decode(), "statements_server_queue_length") == 3
