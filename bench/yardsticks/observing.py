"""What metrics and a log add to a request in process, done well and naively: `observing.py SECONDS`.

Each way stands around the same application, which answers `GET /hello`. A line of JSON tells its microseconds: the
best of repeated passes, less that of the application alone. Logs are written to a pipe, which another process reads.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

FOLDER = tempfile.mkdtemp()
os.environ["PROMETHEUS_MULTIPROC_DIR"] = FOLDER  # before the import that reads it

import ecs_logging_around  # noqa: E402
import prometheus_client_around  # noqa: E402
from prometheus_client import CollectorRegistry, generate_latest  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402

from app import log, metrics  # noqa: E402
from app.context import AsyncApplication, WsgiApplication  # noqa: E402
from app.lines import Lines, writer  # noqa: E402
from app.metering import CELLS, Meter, file_in  # noqa: E402
from app.sampling import Sampler  # noqa: E402
from app.slots import Slots  # noqa: E402

PASS = 1000  # requests
LABELS = prometheus_client_around.LABELS
WORKERS = 40  # whose counts a scrape adds up
TOKEN = "a-token-of-prometheus"  # noqa: S105 - made up


def hello(_environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """The application."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "14")])
    return [b"Hello, world!\n"]


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


def asking(application: WsgiApplication) -> Callable[[], object]:
    """A request to a WSGI application."""
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/hello"}
    return lambda: application(dict(environ), lambda *_: None)


async def hello_on_loop(_scope: Any, _receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """The same application by ASGI."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"14")]})
    await send({"type": "http.response.body", "body": b"Hello, world!\n"})


def asking_on_loop(application: AsyncApplication) -> Callable[[], object]:
    """A request to an ASGI application that waits for nothing, so that it needs no loop."""
    headers = [(name, b"x") for name in (b"host", b"user-agent", b"accept", b"accept-encoding", b"connection")]
    scope = {"type": "http", "method": "GET", "path": "/hello", "headers": headers}

    async def send(_message: Any) -> None: ...

    def ask() -> None:
        with suppress(StopIteration):
            application(dict(scope), None, send).send(None)

    return ask


def counted_by(workers: int, folder: Path) -> None:
    """Let workers count, one after another: they leave one slot."""
    script = (
        "import sys; from pathlib import Path; from app.metering import *\n"
        "meter = Meter(Slots(file_in(Path(sys.argv[1])), CELLS), {}); meter.began()\n"
        "meter.ended(('GET', '/hello', ''), 200, 0, 14, 1)"
    )
    for _ in range(workers):
        subprocess.run([sys.executable, "-c", script, str(folder)], check=True)


def copied(workers: int, folder: Path, copy: Path) -> Slots:
    """As many slots as there are workers at once: copies of the first one."""
    slots = Slots(file_in(copy), CELLS)
    file_in(copy).write_bytes(file_in(folder).read_bytes()[: slots.size] * workers)
    return slots


def files_left(workers: int) -> None:
    """Let workers count by prometheus_client: they leave a file each."""
    script = (
        "from prometheus_client import Counter, Histogram\n"
        f"labels = {LABELS!r}, ('/hello', 'GET', '2xx')\n"
        "Counter('http_requests', 'Requests.', labels[0]).labels(*labels[1]).inc()\n"
        "Counter('http_response_body_bytes', 'Bytes.', labels[0]).labels(*labels[1]).inc()\n"
        "Histogram('http_request_duration_seconds', 'Time.', labels[0]).labels(*labels[1]).observe(0.001)"
    )
    for _ in range(workers):
        subprocess.run([sys.executable, "-c", script], check=True)


def exposed() -> bytes:
    """What prometheus_client exposes of all workers."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    found: bytes = generate_latest(registry)
    return found


def tell(way: str, microseconds: float) -> None:
    """Print a way's line."""
    print(json.dumps({"way": way, "us": microseconds}), flush=True)


def requests(seconds: float, folder: Path) -> None:
    """Time what each way adds to a request."""
    counters = metrics.Metrics(Meter(Slots(file_in(folder), CELLS), {}), TOKEN)
    lines = log.Log(Lines(writer(read_pipe())), Sampler(""))
    alone, on_loop = best(asking(hello), seconds), best(asking_on_loop(hello_on_loop), seconds)
    tell("metrics: the layer, WSGI", best(asking(metrics.wsgi(hello, counters)), seconds) - alone)
    tell("metrics: the layer, ASGI", best(asking_on_loop(metrics.asgi(hello_on_loop, counters)), seconds) - on_loop)
    client = prometheus_client_around
    tell("metrics: prometheus_client, WSGI", best(asking(client.wsgi(hello)), seconds) - alone)
    tell("metrics: prometheus_client, ASGI", best(asking_on_loop(client.asgi(hello_on_loop)), seconds) - on_loop)
    tell("log: the layer, WSGI", best(asking(log.wsgi(hello, lines)), seconds) - alone)
    tell("log: the layer, ASGI", best(asking_on_loop(log.asgi(hello_on_loop, lines)), seconds) - on_loop)
    naive = ecs_logging_around
    naive.write_to(os.fdopen(read_pipe(), "w", encoding="utf-8"))
    tell("log: logging and ecs-logging, WSGI", best(asking(naive.wsgi(hello)), seconds) - alone)
    tell("log: logging and ecs-logging, ASGI", best(asking_on_loop(naive.asgi(hello_on_loop)), seconds) - on_loop)


def scrapes(seconds: float, folder: Path, copy: Path) -> None:
    """Time a scrape, by each way."""
    counted_by(WORKERS, folder)
    files_left(WORKERS)
    after, at_once = Slots(file_in(folder), CELLS), copied(WORKERS, folder, copy)
    for way, slots in {"one after another": after, "at once": at_once}.items():
        reply = partial(metrics.Metrics(Meter(slots, {}), TOKEN).reply, "GET", f"Bearer {TOKEN}")
        tell(f"scrape, {WORKERS} workers {way}: the layer", best(reply, seconds, 10))
    tell(f"scrape, {WORKERS} workers, either: prometheus_client", best(exposed, seconds, 10))


def main(seconds: float) -> None:
    """Print a line for each way."""
    folders = [Path(FOLDER) / name for name in ("slots", "copy")]
    for folder in folders:
        folder.mkdir()
    requests(seconds, folders[0])
    scrapes(seconds, *folders)


if __name__ == "__main__":
    main(float(sys.argv[1]))
