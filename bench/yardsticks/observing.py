"""What metrics and a log add to a request in process, done well and naively: `observing.py SECONDS`.

Each way stands around the same application, which answers `GET /hello`. A line of JSON tells its microseconds: the
best of repeated passes, less that of the application alone. Logs are written to a pipe, which another process reads.
"""

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

FOLDER = tempfile.mkdtemp()
os.environ["PROMETHEUS_MULTIPROC_DIR"] = FOLDER  # before the import that reads it

import ecs_logging_around  # noqa: E402
import prometheus_client_around  # noqa: E402
from in_process import asking, asking_on_loop, best, hello, hello_on_loop, tell  # noqa: E402
from prometheus_client import CollectorRegistry, generate_latest  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402

from app import log, metrics  # noqa: E402
from app.lines import Lines, writer  # noqa: E402
from app.metering import CELLS, Meter, file_in  # noqa: E402
from app.sampling import Sampler  # noqa: E402
from app.slots import Slots  # noqa: E402

LABELS = prometheus_client_around.LABELS
WORKERS = 40  # whose counts a scrape adds up
TOKEN = "a-token-of-prometheus"  # noqa: S105 - made up


def read_pipe() -> int:
    """The writing end of a pipe whose reader keeps up."""
    reader, writing = os.pipe()
    cat = subprocess.Popen(["cat"], stdin=reader, stdout=subprocess.DEVNULL)
    os.sched_setaffinity(cat.pid, range(os.cpu_count() or 1))  # beside the process that is timed
    os.close(reader)
    return writing


def counted_by(workers: int, folder: Path) -> None:
    """Let workers count, one after another: they leave one slot."""
    script = (
        "import sys; from pathlib import Path; from app.metering import *\n"
        "meter = Meter(Slots(file_in(Path(sys.argv[1])), CELLS), {}); meter.began()\n"
        "meter.ended(('GET', '/hello', 'http'), 200, 0, 14, 1)"
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
