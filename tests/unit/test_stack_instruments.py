"""Macro and start-up instruments on a tiny real service, with a few requests and a made-up Gatling result."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import create_autospec

import msgspec
import psutil
import pytest

from bench import model
from bench.analysis import gates
from bench.errors import LabError
from bench.host import cpu_time
from bench.measure.instruments import driving, gatling, macro, pacer, startup
from bench.measure.instruments.latency import Latency
from bench.measure.instruments.paced import PacerResult
from bench.model import Case, Catalog, Exchange, MacroCase, Observed, Stack, StartupCase
from bench.serve import application, http_client, life_cycle, start_command
from bench.serve.backend import RunningBackend
from tests import commands
from tests.declared import CATALOG

pytestmark = pytest.mark.slow

STACK = Stack(variant="cpython", framework="falcon", server="gunicorn-sync")
ABOUT = {
    "variant": "cpython",
    "framework": "app.wsgi.falcon_app",
    "implementation": "cpython",
    "type": "function",
    "suffix": ".py",
    "compiled": False,
}
CLOSED = MacroCase(stack=STACK, workload="hello", load="closed")
SPAWN = StartupCase(stack=STACK, workload="hello")

SERVICE = """
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    greeting = b"Hello, world!\\n"
    def do_GET(self):
        if self.path == "/spoil":
            Handler.greeting = b"Hello!\\n"
        body = {about!r} if self.path == "/__version__" else self.greeting
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        until = time.process_time() + {burn}
        while time.process_time() < until: pass

HTTPServer(("127.0.0.1", {port}), Handler).serve_forever()
"""

Service = Callable[..., None]


def driven_by(load: model.Load) -> Catalog:
    """The catalogue with this load instead of its own."""
    return msgspec.structs.replace(CATALOG, loads={load.name: load})


SHORT = driven_by(model.Load(name="closed", title="Short", model="closed", users=1, seconds=0.6))


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Sets the provenance that the service reports, and the CPU seconds that it spends after each answer."""
    real = start_command.parts

    def decide(about: dict[str, object], burn: float = 0.02) -> None:
        def parts(
            catalog: Catalog, stack: Stack, port: int, host: str, scratch: Path, *, dsn: str, workers: int
        ) -> start_command.Command:
            script = tmp_path / "service.py"
            script.write_text(SERVICE.format(about=json.dumps(about).encode(), port=port, burn=burn))
            return start_command.Command([sys.executable, str(script)], {})

        monkeypatch.setattr(start_command, "parts", create_autospec(real, side_effect=parts))

    monkeypatch.setattr(life_cycle, "PREFIXES", tmp_path)
    (tmp_path / STACK.variant).mkdir()
    decide(ABOUT)
    return decide


class Load:
    """A fake Gatling: it sends requests one after another for 0.6 s, then returns a result that the test determines."""

    def __init__(self) -> None:
        self.paths = ["/hello"]
        self.changes: dict[str, object] = {}
        self.before: Callable[[], object] = lambda: None

    def __call__(self, load: object, workload: object, url: str, **options: object) -> gatling.GatlingResult:
        self.before()
        port = int(url.rsplit(":", 1)[1])
        started, count = time.time(), 0
        while time.time() < started + 0.6:
            for path in self.paths:
                http_client.ask(port, Exchange(method="GET", path=path, body=None, expect=b""))
                count += 1
        ended = time.time()
        result = gatling.GatlingResult(
            requests=count,
            failed=0,
            failures={},
            started=started,
            ended=ended,
            reached=count,
            answered=count,
            rate=count / (ended - started),
            mean_ms=20.0,
            users=1,
            latencies={"p50": Latency(ms=1, below=True), "p99": Latency(ms=21)},
            longest=Latency(ms=25, below=False),
            series=(),
            injection=None,
            histogram=b"",
            delayed=0.0,
            generator_busy=0.3,
            generator_pause_ms=0.6,
        )
        return msgspec.structs.replace(result, **self.changes)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, service: Service) -> Load:
    made = Load()
    monkeypatch.setattr(gatling, "run", create_autospec(gatling.run, side_effect=made))
    return made


def test_a_run_has_rate_server_cpu_latencies_and_memory(load: Load, tmp_path: Path) -> None:
    seen = macro.observe(SHORT, CLOSED, tmp_path / "run")
    assert gates.judge(seen) == ()
    (cpu,), (rate,) = seen.values("cpu"), seen.values("rate")
    assert 0.02 < cpu < 0.03, "server CPU seconds per request"
    assert seen.values("cpu.resolution")[0] < 0.005
    assert rate > 0
    assert seen.values("latency.p50.below") == (0.001,)
    assert seen.values("latency.p50") == ()
    assert seen.values("latency.p99") == (0.021,)
    assert seen.values("latency.max") == (0.025,)
    assert seen.values("generator_cpu") == (0.3,)
    assert all(seen.values(f"memory.{when}")[0] > 2**20 for when in ("idle", "first", "loaded", "after"))
    assert seen.facts.items() >= ABOUT.items()
    assert seen.facts["cpu_time"] in cpu_time.RESOLUTION_SECONDS


def test_a_saturated_generator_spoils_only_the_capacity(load: Load, tmp_path: Path) -> None:
    load.changes = {"generator_busy": 0.93}
    seen = macro.observe(SHORT, CLOSED, tmp_path / "run")
    assert [(gate.gate, gate.spoils) for gate in gates.judge(seen)] == [("generator", "capacity")]
    assert seen.values("cpu")
    assert seen.values("latency.p99")


def test_failed_requests_spoil_the_run(load: Load, tmp_path: Path) -> None:
    load.changes = {"failed": 12, "requests": 400, "failures": {"status 500": 2, "other bytes": 10}}
    with pytest.raises(LabError, match=r"^12 of 400 requests failed: other bytes$") as caught:
        macro.observe(SHORT, CLOSED, tmp_path / "run")
    assert caught.value.gate == "right answers"


def test_a_violation_of_littles_law_spoils_the_run(load: Load, tmp_path: Path) -> None:
    load.changes = {"mean_ms": 2100.0}
    with pytest.raises(LabError, match=r" requests in flight from 1 users$") as caught:
        macro.observe(SHORT, CLOSED, tmp_path / "run")
    assert caught.value.gate == "Little's law"


def test_a_service_that_becomes_wrong_under_load_is_caught_after_it(load: Load, tmp_path: Path) -> None:
    """The load itself notices nothing."""
    load.paths = ["/hello", "/spoil"]
    with pytest.raises(LabError, match="wrong answer to GET /hello"):
        macro.observe(SHORT, CLOSED, tmp_path / "run")


def test_a_server_process_that_ends_under_load_spoils_the_run(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if no request fails, because the master starts another worker."""

    def kill_the_worker() -> None:
        next(each for each in psutil.Process().children(recursive=True) if each.name() == "sleep").kill()

    load.before = kill_the_worker
    commands.alter(monkeypatch, lambda argv, env: (["sh", "-c", 'sleep 60 & exec "$@"', "sh", *argv], env))
    with pytest.raises(LabError, match=r"^1 of 2 server processes ended under the load$"):
        macro.observe(SHORT, CLOSED, tmp_path / "run")


def test_a_jump_of_the_clock_spoils_the_run(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    load.before = lambda: monkeypatch.setattr(time, "time", lambda: real() + 3600)
    with pytest.raises(LabError, match=r"^the clock was set by \+3600.0 s under the load$"):
        macro.observe(SHORT, CLOSED, tmp_path / "run")


def test_the_servers_log_is_stored_with_the_run(load: Load, tmp_path: Path) -> None:
    macro.observe(SHORT, CLOSED, tmp_path / "0123456789abcdef")
    assert "GET /hello" in (tmp_path / "0123456789abcdef.log").read_text()


def test_a_load_of_the_pacer_is_a_lead_in_and_a_measured_run(
    monkeypatch: pytest.MonkeyPatch, service: Service, tmp_path: Path
) -> None:
    """Server CPU per request is that of the measured run alone."""
    driven = []

    def run(load: model.Load, workload: object, url: str, *, output: Path, **rest: object) -> PacerResult:
        driven.append((load.seconds, output.name, load.users))
        count = round(10 * (load.seconds or 0.0))
        for _ in range(count):
            http_client.ask(int(url.rsplit(":", 1)[1]), Exchange(method="GET", path="/hello", body=None, expect=b""))
        metrics = {"requests": ("1", float(count)), "rate": ("1/s", 10.0), "seconds": ("s", load.seconds or 0.0)}
        return PacerResult(metrics=metrics, failures={}, reached=count, started=0.0, ended=1.0)

    monkeypatch.setattr(pacer, "run", create_autospec(pacer.run, side_effect=run))
    brief = msgspec.structs.replace(CATALOG.loads["brief"], lead_in_seconds=1)
    seen = macro.observe(driven_by(brief), msgspec.structs.replace(CLOSED, load="brief"), tmp_path / "run")
    assert driven == [(1, "run.lead-in.pacer", 8), (2, "run.pacer", 8)]
    assert seen.values("requests") == (20,)
    assert seen.values("rate") == (10.0,)
    assert 0.02 < seen.values("cpu")[0] < 0.03
    assert seen.values("memory.loaded")[0] > 2**20


@pytest.mark.parametrize(("window", "slices"), [(1, 0), (2, 0), (1, 1)])
def test_server_cpu_per_request_does_not_depend_on_the_window_or_on_a_warm_up(
    monkeypatch: pytest.MonkeyPatch, service: Service, tmp_path: Path, window: int, slices: int
) -> None:
    """Each request costs 300 ms of CPU after its answer. Requests under way at a window's end must not count later."""
    service(ABOUT, burn=0.3)
    users = 3
    monkeypatch.setattr(driving, "WARM_UP", msgspec.structs.replace(driving.WARM_UP, users=users))
    monkeypatch.setattr(Catalog, "seconds_to_warm", lambda self, name, load, workload: slices)
    brief = msgspec.structs.replace(CATALOG.loads["brief"], users=users, seconds=window)
    seen = macro.observe(driven_by(brief), msgspec.structs.replace(CLOSED, load="brief"), tmp_path / "run")
    assert seen.values("cpu")[0] == pytest.approx(0.3, rel=0.12), "one surplus request in a window would add a quarter"
    assert seen.values("reached")[0] > seen.values("requests")[0], "some were answered after the window"
    assert [row[2] for row in seen.series.get("warmup", ())] == [pytest.approx(0.3, rel=0.35)] * slices


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that always uses a full core, for the workload `hello`."""
    declared = CATALOG.backends["postgres"]

    @contextmanager
    def run(*_: object) -> Iterator[RunningBackend]:
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
            at = psutil.Process(process.pid)
            try:
                yield RunningBackend(backend=declared, version="15.7", folder=Path("/x"), port=1, process=at)
            finally:
                process.kill()

    monkeypatch.setattr(macro, "backend_for", create_autospec(application.backend_for, side_effect=run))
    monkeypatch.setattr(RunningBackend, "environment", lambda self, stack, server: {})


@pytest.mark.usefixtures("waiting")
def test_a_backends_cpu_is_reported_separately_from_the_servers(load: Load, service: Service, tmp_path: Path) -> None:
    service(ABOUT | {"waits": "app.postgres.on_one_connection"})
    seen = macro.observe(SHORT, CLOSED, tmp_path / "run")
    assert seen.facts["backend"] == "15.7"
    assert seen.values("backend_cpu")[0] > 0.1
    assert seen.values("cpu")[0] < 0.1


@pytest.mark.usefixtures("waiting")
def test_a_service_that_sleeps_instead_of_querying_the_backend_is_rejected(
    load: Load, service: Service, tmp_path: Path
) -> None:
    service(ABOUT | {"waits": "time.sleep"})
    with pytest.raises(LabError, match=r"reports waits = 'time.sleep' instead of 'app.postgres.on_one_connection'"):
        macro.observe(SHORT, CLOSED, tmp_path / "run")


@pytest.mark.parametrize(("observe", "case"), [(macro.observe, CLOSED), (startup.observe, SPAWN)])
def test_a_failed_provenance_check_rejects_the_run(
    service: Service, load: Load, tmp_path: Path, observe: Callable[..., Observed], case: Case
) -> None:
    service(ABOUT | {"type": "builtin_function_or_method"})
    with pytest.raises(LabError, match="reports type = 'builtin_function_or_method' instead of 'function'"):
        observe(SHORT, case, tmp_path / "run")


@pytest.mark.usefixtures("service")
def test_start_up_is_spawn_to_the_first_right_answer(tmp_path: Path) -> None:
    began = time.perf_counter()
    seen = startup.observe(CATALOG, SPAWN, tmp_path / "run")
    (ready,) = seen.values("ready")
    assert 0 < ready < time.perf_counter() - began
    assert seen.facts == ABOUT
