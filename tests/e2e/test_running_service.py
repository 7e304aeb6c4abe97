"""A service that runs already, measured by one command: figures, a wrong answer, an interruption."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from bench.paths import RESULTS, ROOT
from bench.progress import Progress
from bench.readiness import building
from bench.serve import ports
from tests.absent import expect_none
from tests.declared import CATALOG

pytestmark = [pytest.mark.slow, pytest.mark.long]

STACK = "cpython/bare/gunicorn-sync"
COUNTING = """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

calls, limit = count(1), int(sys.argv[1])

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        number = next(calls)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"number": number, "right": number <= limit}).encode())

    def log_message(self, *_):
        pass

class Server(ThreadingHTTPServer):
    request_queue_size = 1024

with Server(("127.0.0.1", 0), Handler) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
"""


@contextmanager
def ended(argv: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A program in the background, ended after the block."""
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def gunicorn() -> Iterator[str]:
    """The URL of a Gunicorn master with one worker."""
    expect_none(building.build_all(CATALOG, ["cpython"], Progress(), ["gunicorn-sync"])[1])
    port = ports.free_port()
    with ended([sys.executable, "-m", "bench", "serve", STACK, "--port", str(port)]) as process:
        assert process.stdout
        assert process.stdout.readline().startswith(f"{STACK} answers")
        yield f"http://127.0.0.1:{port}"
    shutil.rmtree(RESULTS / f"try-127.0.0.1-{port}", ignore_errors=True)


@contextmanager
def counting(limit: int) -> Iterator[str]:
    """The URL of a service whose answers are wrong after `limit` requests."""
    with ended([sys.executable, "-c", COUNTING, str(limit)]) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        yield f"http://127.0.0.1:{port}"
    shutil.rmtree(RESULTS / f"try-127.0.0.1-{port}", ignore_errors=True)


def command(url: str, folder: Path, path: str, *words: str) -> list[str]:
    (folder / "mix.http").write_text(f"GET {path}\n")
    return [sys.executable, "-m", "bench", "try", "--url", url, "--requests", str(folder), *words]


def tried(url: str, folder: Path, path: str, *words: str) -> tuple[int, str, str]:
    argv = command(url, folder, path, *words)
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout, done.stderr


def test_a_gunicorn_has_figures_and_a_finished_measurement_is_shown(tmp_path: Path, gunicorn: str) -> None:
    status, output, errors = tried(gunicorn, tmp_path, "/hello", "--json")
    assert status == 0, errors
    found = json.loads(output)
    (process,) = [int(word) for word in found["process"].split() if word.isdigit() and int(word) > 1]
    assert psutil.Process(process).children(), "the master, not its worker"
    assert found["process"].endswith(" and 1 more")
    figures = found["figures"]
    for name in ("mix.rate", "mix.cpu", "steady.latency.p50", "memory.after"):
        assert 0 < figures[name]["low"] <= figures[name]["estimate"] <= figures[name]["high"]
    assert figures["memory.after"]["estimate"] > 5e6
    assert figures["mix.cpu"]["estimate"] * figures["mix.rate"]["estimate"] < 2
    assert tried(gunicorn, tmp_path, "/hello", "--json")[:2] == (0, output)


def test_a_wrong_answer_late_in_the_load_is_caught_with_its_request(tmp_path: Path) -> None:
    with counting(300) as url:
        status, output, errors = tried(url, tmp_path, "/one", "--ignore", "/number")
    assert (status, output) == (1, "")
    assert "wrong body; GET /one: differs at /right" in errors


def test_an_interrupted_measurement_goes_on(tmp_path: Path) -> None:
    with counting(10**9) as url:
        argv = command(url, tmp_path, "/one", "--ignore", "/number", "--rate", "50")
        with subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr
            while "block 1 of 5" not in process.stderr.readline():
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
        status, output, errors = tried(url, tmp_path, "/one", "--ignore", "/number", "--rate", "50")
    assert status == 0, errors
    assert "block 1 of 5" not in errors
    assert "block 2 of 5" in errors
    assert "Latency at 50.0 requests per second" in output
