"""What metrics and a log add to a request in process, done well and naively: `observing.py SECONDS`.

Each way stands around the same WSGI application, which answers `GET /hello`. A line of JSON tells its microseconds: the
best of repeated passes, less that of the application alone. Logs are written to a pipe, which another process reads.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

FOLDER = tempfile.mkdtemp()
os.environ["PROMETHEUS_MULTIPROC_DIR"] = FOLDER  # before the import that reads it

import ecs_logging  # noqa: E402
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402

from app import log, metrics  # noqa: E402
from app.lines import Lines, writer  # noqa: E402
from app.metering import CELLS, Meter, file_in  # noqa: E402
from app.slots import Slots  # noqa: E402

PASS = 1000  # requests
LABELS = ("route", "method", "status")
DEAD = 40  # workers whose files are left
TOKEN = "a-token-of-prometheus"  # noqa: S105 - made up

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def hello(_environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """The application."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "14")])
    return [b"Hello, world!\n"]


def with_client(application: Application) -> Application:
    """Metrics as the documentation of prometheus_client shows them: `labels` for each request."""
    requests = Counter("http_requests", "Requests.", LABELS)
    seconds = Histogram("http_request_duration_seconds", "Time.", LABELS)
    sent = Counter("http_response_body_bytes", "Bytes.", LABELS)
    in_flight = Gauge("http_requests_in_flight", "Requests.", multiprocess_mode="livesum")

    def counted(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        seen: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            seen.append(status)
            return start_response(status, headers, *error)

        begin = time.perf_counter()
        with in_flight.track_inprogress():
            body = list(application(environ, start))
        labels = environ["PATH_INFO"], environ["REQUEST_METHOD"], seen[0][0] + "xx"
        requests.labels(*labels).inc()
        seconds.labels(*labels).observe(time.perf_counter() - begin)
        sent.labels(*labels).inc(sum(map(len, body)))
        return body

    return counted


def with_logging(application: Application, stdout: int) -> Application:
    """A line by the standard library's logging and the formatter of ecs-logging."""
    handler = logging.StreamHandler(os.fdopen(stdout, "w", encoding="utf-8"))
    handler.setFormatter(ecs_logging.StdlibFormatter())
    logger = logging.getLogger("requests")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)

    def logged(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        seen: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            seen.append(status)
            return start_response(status, headers, *error)

        begin = time.perf_counter_ns()
        body = list(application(environ, start))
        more = {
            "event.duration": time.perf_counter_ns() - begin,
            "http.request.method": environ["REQUEST_METHOD"],
            "http.route": environ["PATH_INFO"],
            "http.response.status_code": int(seen[0][:3]),
            "http.response.body.bytes": sum(map(len, body)),
        }
        logger.info("%s %s", environ["REQUEST_METHOD"], environ["PATH_INFO"], extra=more)
        return body

    return logged


def read_pipe() -> int:
    """The writing end of a pipe whose reader keeps up."""
    reader, writing = os.pipe()
    cat = subprocess.Popen(["cat"], stdin=reader, stdout=subprocess.DEVNULL)
    os.sched_setaffinity(cat.pid, range(os.cpu_count() or 1))  # beside the process that is timed
    os.close(reader)
    return writing


def best(ask: Callable[[], object], seconds: float, turns: int = PASS) -> float:
    """The microseconds of a call, in the best pass within a time."""
    found, end = float("inf"), time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.perf_counter()
        for _ in range(turns):
            ask()
        found = min(found, time.perf_counter() - begin)
    return found / turns * 1e6


def asking(application: Application) -> Callable[[], object]:
    """A request to an application."""
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/hello"}
    return lambda: application(dict(environ), lambda *_: None)


def slots_left(folder: Path) -> None:
    """Leave the slots of many dead workers, which is as many as lived at once."""
    script = (
        "import sys; from pathlib import Path; from app.metering import *\n"
        "slots = [Slots(file_in(Path(sys.argv[1])), CELLS)]; meter = Meter(slots[0], {}); meter.began()\n"
        "meter.ended(('GET', '/hello', ''), 200, 0, 14, 1)"
    )
    for _ in range(DEAD):
        subprocess.run([sys.executable, "-c", script, str(folder)], check=True)


def files_left() -> None:
    """Leave the files of many dead workers."""
    script = (
        "from prometheus_client import Counter, Histogram\n"
        f"labels = {LABELS!r}, ('/hello', 'GET', '2xx')\n"
        "Counter('http_requests', 'Requests.', labels[0]).labels(*labels[1]).inc()\n"
        "Counter('http_response_body_bytes', 'Bytes.', labels[0]).labels(*labels[1]).inc()\n"
        "Histogram('http_request_duration_seconds', 'Time.', labels[0]).labels(*labels[1]).observe(0.001)"
    )
    for _ in range(DEAD):
        subprocess.run([sys.executable, "-c", script], check=True)


def scraped() -> bytes:
    """What prometheus_client exposes of all workers."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    exposed: bytes = generate_latest(registry)
    return exposed


def main(seconds: float) -> None:
    """Print a line for each way."""
    folder = Path(FOLDER) / "slots"
    folder.mkdir()
    alone = best(asking(hello), seconds)
    counters = metrics.Metrics(Meter(Slots(file_in(folder), CELLS), {}), TOKEN)
    ways: dict[str, Application] = {
        "metrics, the layer": metrics.wsgi(hello, counters),
        "metrics, prometheus_client": with_client(hello),
        "log, the layer": log.wsgi(hello, log.Log(Lines(writer(read_pipe())))),
        "log, logging and ecs-logging": with_logging(hello, read_pipe()),
    }
    for name, application in ways.items():
        print(json.dumps({"way": name, "us": best(asking(application), seconds) - alone}), flush=True)
    slots_left(folder)
    files_left()
    scrapes: dict[str, Callable[[], object]] = {
        f"scrape after {DEAD} workers, the layer": lambda: counters.reply("GET", f"Bearer {TOKEN}"),
        f"scrape after {DEAD} workers, prometheus_client": scraped,
    }
    for name, scrape in scrapes.items():
        print(json.dumps({"way": name, "us": best(scrape, seconds, 10)}), flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]))
