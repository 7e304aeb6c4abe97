"""A service that runs already: its address, its answers, resuming, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest
from msgspec.structs import replace
from rich.console import Console

from bench import store
from bench.documents import http_files
from bench.errors import RIGHT, LabError, WrongError
from bench.host import listening, quiet
from bench.host.listening import Identity
from bench.measure.instruments import pacer
from bench.measure.instruments.paced import PacerResult
from bench.model import Load, Measurement, Observed, Workload
from bench.own import address, running
from bench.own.manifest import Answers
from bench.own.running import AskedByUrl, Running
from bench.progress import Progress
from bench.report import running as telling
from tests.conftest import Main
from tests.declared import CATALOG

Body = Callable[[int], bytes]
RESULT = PacerResult(
    metrics={"rate": ("1/s", 1000.0), "generator_cpu": ("1", 0.4)}, failures={}, reached=2000, started=0.0, ended=2.0
)
LATENCIES = {"latency.p50": ("s", 0.001), "latency.p99": ("s", 0.004)}


@contextmanager
def service(body: Body = lambda _: b'{"right": true}', status: int = 200) -> Iterator[str]:
    """A service in this process; `body` gets the number of the request."""
    numbers = count()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = body(next(numbers))
            self.send_response(status)
            for name, value in (("Content-Type", "application/json"), ("X-Host", self.headers["Host"])):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Requests, a folder for results, and a quiet machine."""
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests" / "home.http").write_text("GET /\n")
    monkeypatch.setattr(running, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(quiet.Watch, "before_block", lambda _: None)
    monkeypatch.setattr(quiet, "transient_noise", lambda *_: [])
    monkeypatch.setattr(pacer, "provision", lambda: None)
    return tmp_path / "results"


@pytest.fixture
def driven(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float | None]]:
    """The loads that a stand-in for the pacer drove, with their rates."""
    found: list[tuple[str, float | None]] = []

    def run(load: Load, _: Workload, url: str, *, rate: float | None = None, **__: object) -> PacerResult:
        assert url.startswith("http://127.0.0.1:")
        found.append((load.name, rate))
        return RESULT if load.model == "closed" else replace(RESULT, metrics=RESULT.metrics | LATENCIES)

    monkeypatch.setattr(pacer, "run", run)
    return found


def measure(url: str, folder: Path, **options: Any) -> Running:
    force = options.pop("force", False)
    asked = AskedByUrl(url=url, requests=folder.parent / "requests", **options)
    return running.measure(asked, CATALOG, Progress(Console(file=StringIO())), force=force)[1]


# ---------------------------------------------------------------- its address


def test_a_service_is_found_at_its_address() -> None:
    with service() as url:
        found = address.service_at(f"{url}/")
        assert (found.url, found.address, found.is_here) == (url, "127.0.0.1", True)
        assert found.found.hidden == "it runs in the lab's own process"
        named = address.service_at(url.replace("127.0.0.1", "localhost"))
        assert (named.address, named.authority) == ("127.0.0.1", f"localhost:{found.port}")
        assert address.service_at(url.replace("127.0.0.1", address.ANYWHERE)).address == "127.0.0.1"


def test_a_load_goes_to_another_machine_only_if_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    with service() as url:
        monkeypatch.setattr(address, "is_own", lambda _: False)
        with pytest.raises(LabError, match=r"127\.0\.0\.1 is another machine: use --allow-remote-load if you may"):
            address.service_at(url)
        assert address.service_at(url, remote=True).found.hidden == "the service runs on another machine"


def test_a_tunnel_leads_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil.Process, "name", lambda _: "ssh")
    with service() as url:
        with pytest.raises(LabError, match="ssh forwards it to another machine: use --allow-remote-load"):
            address.service_at(url)
        assert address.service_at(url, remote=True).found.roots == ()


def test_a_container_hides_its_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil.Process, "name", lambda _: "docker-proxy")
    with service() as url:
        assert address.service_at(url).found.hidden == (
            "docker-proxy forwards it to a container, whose processes it hides"
        )


# ---------------------------------------------------------------- its answers


def test_a_request_that_fails_names_the_service(results: Path) -> None:
    with service(lambda _: b"out of order", status=500) as url:
        with pytest.raises(LabError) as caught:
            measure(url, results)
        assert (
            str(caught.value)
            == f"GET / (home) fails on {url}: status 500: out of order; correct the request or the service"
        )


def test_answers_that_differ_suggest_the_option_that_ignores_them(
    results: Path, driven: list[tuple[str, float | None]]
) -> None:
    with service(lambda number: b'{"id": %d, "rows": [%d]}' % (number, number)) as url:
        with pytest.raises(LabError) as caught:
            measure(url, results)
        first = str(caught.value).splitlines()[0]
        assert first.startswith(f"{url}'s own answers to GET ")
        assert first.endswith(" differ: ignore what may differ with --ignore '/id,/rows/*'")
        assert not driven
        assert len(measure(url, results, ignore=("/id", "/rows/*")).blocks) == running.BLOCKS


def test_text_that_differs_cannot_be_ignored(results: Path) -> None:
    with service(lambda number: b"token %032d" % number) as url, pytest.raises(LabError) as caught:
        measure(url, results)
    told = f"{url}'s own answers to GET / (home) differ: remove the request, or make its answer repeatable\n"
    assert str(caught.value).startswith(told)


def test_the_host_is_that_of_the_url(tmp_path: Path) -> None:
    seen: list[str] = []
    with service() as url:
        found = address.service_at(url)
        requests = http_files.read(tmp_path / "requests")
        rule = Answers(headers=("x-host",)).rule
        (exchange,) = address.recorded(found, requests, rule, Progress(Console(file=StringIO())))
        seen.append(exchange.expect_headers["x-host"])
    assert [f"http://{each}" for each in seen] == [url]


# ---------------------------------------------------------------- its blocks


def test_each_block_drives_a_closed_load_and_an_open_one_at_one_rate(
    results: Path, driven: list[tuple[str, float | None]]
) -> None:
    with service() as url:
        record = measure(url, results)
    assert driven == [("mix", None), ("mix", None), ("steady", 600.0)] * running.BLOCKS
    assert record.finished
    assert record.process is None
    (stored,) = results.glob("*/*/measurement.json")
    assert store.read(stored, Running).blocks == record.blocks


def test_a_busy_generator_lowers_the_rate_and_a_given_one_stays(
    results: Path, driven: list[tuple[str, float | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RESULT.metrics, "generator_cpu", ("1", 1.0))
    with service() as url:
        measure(url, results)
        assert driven[-1] == ("steady", 480.0)
        measure(url, results, rate=250.0)
        assert {rate for name, rate in driven[-15:] if name == "steady"} == {250.0}


def test_an_interrupted_measurement_goes_on_and_a_finished_one_is_shown(
    results: Path, driven: list[tuple[str, float | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = running.Driver.block

    def interrupted(driver: running.Driver, number: int, *rest: Any) -> Observed:
        if number == 2:
            raise KeyboardInterrupt
        return drive(driver, number, *rest)

    with service() as url:
        with monkeypatch.context() as patch:
            patch.setattr(running.Driver, "block", interrupted)
            with pytest.raises(KeyboardInterrupt):
                measure(url, results)
        assert len(driven) == 6
        first = measure(url, results)
        assert len(driven) == 15
        assert measure(url, results) == first
        assert len(driven) == 15
        measure(url, results, rate=100.0)
        assert len(driven) == 30
        measure(url, results, force=True)
        assert len(driven) == 45


@pytest.mark.parametrize("fails", [False, True])
def test_a_restart_during_the_measurement_stops_it(
    results: Path, driven: list[tuple[str, float | None]], monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    drive, workers = running.Driver.block, ["2 11"]
    monkeypatch.setattr(
        listening.Listening, "identity", property(lambda _: Identity(roots=("1 10",), workers=tuple(workers)))
    )

    def reloaded(driver: running.Driver, number: int, *rest: Any) -> Observed:
        if number == 2:
            workers[:] = ["3 99"]
            if fails:
                raise WrongError("9 answers were wrong")
        return drive(driver, number, *rest)

    with service() as url:
        with monkeypatch.context() as patch:
            patch.setattr(running.Driver, "block", reloaded)
            with pytest.raises(
                LabError, match=r"^the service was restarted during the measurement: run the same command"
            ):
                measure(url, results)
        (stored,) = results.glob("*/*/measurement.json")
        assert len(store.read(stored, Running).blocks) == 2
        after = measure(url, results)
        assert (len(after.blocks), after.processes.workers) == (running.BLOCKS, ("3 99",))
        before = len(driven)
        workers.append("4 100")
        measure(url, results)
        assert len(driven) == before
        workers[:] = ["4 100"]
        measure(url, results)
        assert len(driven) == before + 15


@pytest.mark.parametrize("model", ["closed", "open"])
def test_a_wrong_answer_under_load_ends_with_status_1(
    results: Path, driven: list[tuple[str, float | None]], monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    right = pacer.run

    def run(load: Load, *arguments: Any, **options: Any) -> PacerResult:
        if load.model != model:
            return right(load, *arguments, **options)
        if model == "closed":
            raise LabError("1 of 9 answers were wrong or missing: 1 × wrong body; GET /: differs at /a", gate=RIGHT)
        return replace(RESULT, failures={"wrong body": 1}, difference="GET /: differs at /a", reached=9)

    monkeypatch.setattr(pacer, "run", run)
    with service() as url, pytest.raises(WrongError) as caught:
        measure(url, results)
    told = f"{url}: 1 of 9 answers were wrong or missing: 1 × wrong body; GET /: differs at /a"
    assert (str(caught.value), caught.value.status) == (told, 1)


# ---------------------------------------------------------------- what is said


def block(rate: float, *, noise: tuple[str, ...] = (), hidden: dict[str, str] | None = None, **more: Any) -> Observed:
    values = {
        "mix.rate": rate,
        "mix.users": 8,
        "mix.generator_cpu": 0.3,
        "steady.asked": 600.0,
        "steady.latency.p50": 0.00123,
        "memory.before": 40e6,
    } | {name.replace("__", "."): value for name, value in more.items()}
    measured = tuple(Measurement(metric=name, unit="1/s", values=(value,)) for name, value in values.items())
    return Observed(measurements=measured, facts={"noise": noise, "hidden": hidden or {}})


def record(*blocks: Observed, **more: Any) -> Running:
    known: dict[str, Any] = {
        "key": "",
        "url": "http://127.0.0.1:8000",
        "started": "2026-11-28T01:00:00+00:00",
        "machine": {},
    }
    return Running(**known, blocks=blocks, finished="2026-11-28T01:01:00+00:00", **more)


FULL: dict[str, Any] = {"mix__cpu": 0.0008, "steady__latency__p99": 0.004, "memory__after": 45e6}


def shown(found: Running, *, json: bool = False) -> str:
    printed = StringIO()
    telling.show(Console(file=printed, width=160), found, Path("results/try-x/1"), json)
    return printed.getvalue()


def test_three_cards_have_intervals_over_blocks() -> None:
    found = record(block(990.0, **FULL), block(1010.0, **FULL), process="gunicorn, process 7 and 2 more")
    cards = telling.cards(found)
    assert cards[0].lead == "1,000 answers per second (881–1,140) to 8 users."
    assert (cards[1].title, cards[1].lead) == (
        "Latency at 600 requests per second",
        "p50 1.23 ms (1.23–1.23), p99 4.00 ms (4.00–4.00).",
    )
    assert cards[2].lead == (
        "800 µs (800–800) of CPU per request; 45.0 MB of memory after the loads (45.0–45.0), 40.0 MB before."
    )
    assert cards[2].details == ("of gunicorn, process 7 and 2 more",)
    assert telling.warnings(found) == []
    printed = shown(found)
    assert "Measured 2026-11-28T01:00:00+00:00, 2 blocks; --force measures again." in printed


def test_what_is_hidden_is_said_with_its_reason() -> None:
    hidden = dict.fromkeys(("cpu", "memory"), "the service runs on another machine")
    (*_, card) = telling.cards(record(block(1000.0, hidden=hidden)))
    assert card.lead == "Unavailable: the service runs on another machine."
    (*_, card) = telling.cards(record(block(1000.0, hidden={"cpu": "it is busy"}, memory__after=45e6)))
    assert card.lead.startswith("CPU unavailable (it is busy); 45.0 MB of memory after the loads")


def test_a_percentile_of_too_few_requests_is_not_shown() -> None:
    card = telling.cards(record(block(1000.0, steady__latency__p90=0.003)))[1]
    assert card.lead == "p50 1.23 ms (no interval), p90 3.00 ms (no interval)."
    assert card.details == ("p99: fewer than 10 requests lie beyond this percentile in a block; use a higher --rate",)


def test_a_busy_generator_noise_and_a_shared_core_are_warnings() -> None:
    used: dict[str, Any] = {"mix__generator_cpu": 0.93, "steady__generator_cpu": 0.85}
    busy = block(1000.0, noise=("other processes use 0.50 of 2 cores",), **used)
    found = record(busy, block(1000.0), shared=(0,))
    assert telling.warnings(found) == [
        "the throughput is a lower bound: the generator's core was 93 % busy (1 of 2 blocks)",
        "the latencies are doubtful: the generator's core was 85 % busy (1 of 2 blocks)",
        "the machine was not quiet: other processes use 0.50 of 2 cores (1 of 2 blocks)",
        "service and load generator share core 0: see docs/your-own-service.md, Two cores",
    ]
    assert shown(found).count("warning: ") == 4


def test_json_is_the_same_answer() -> None:
    found = json.loads(shown(record(block(990.0, **FULL), block(1010.0, **FULL)), json=True))
    rate = found["figures"]["mix.rate"]
    assert (rate["unit"], rate["estimate"]) == ("1/s", pytest.approx(1000, rel=0.001))
    assert rate["low"] < 990
    assert "mix.users" not in found["figures"]
    assert len(found["cards"]) == 3
    assert (found["warnings"], found["started"]) == ([], "2026-11-28T01:00:00+00:00")


def test_the_command_measures_the_folder_requests_of_the_current_folder(
    main: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driven: list[tuple[str, float | None]]
) -> None:
    monkeypatch.chdir(tmp_path)
    with service() as url:
        status, _, errors = main("try", "--url", url, "--json")
    assert (status, len(driven)) == (0, 15), errors
