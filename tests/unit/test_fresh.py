"""Documents that nobody could know beside those sent: what a tiny service that keeps answers or hangs up shows."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import msgspec
import psutil
import pytest

from app.core import transform
from bench import catalog, documents
from bench.cpu_time import Meter, Source
from bench.errors import LabError
from bench.instruments import fresh
from bench.instruments.paced import Metrics
from bench.model import Exchange
from bench.serve import HOST, Running

SENT, NEW = (
    [Exchange(method="POST", path="/statements", body=kind + b" %d" % n, expect=kind + b"%d" % n) for n in range(3)]
    for kind in (b"seen", b"new")
)
WORK = 0.002  # seconds

Answer = Callable[[bytes], tuple[float, float]]  # of a document, how long the service works and sleeps for it


@contextmanager
def service(answer: Answer, source: Source = "process clocks", *, hangs_up: bool = False) -> Iterator[Running]:
    """A service that answers with the document less its spaces, and whose CPU clock is what it says of its work."""
    spent = [0.0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def do_POST(self) -> None:
            document = self.rfile.read(int(self.headers["Content-Length"]))
            work, sleep = answer(document)
            spent[0] += work
            time.sleep(work + sleep)
            body = document.replace(b" ", b"")
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = hangs_up

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        meter, port = Meter(source, lambda: spent[0]), server.server_address[1]
        me = psutil.Process()
        yield Running(name="x", host=HOST, port=port, process=me, ready_seconds=0.0, cpu=meter, log=Path("log"))
        server.shutdown()


def told(answer: Answer, new: list[Exchange] = NEW, **how: object) -> Metrics:
    with service(answer, **how) as running:  # type: ignore[arg-type]
        return fresh.beside_seen(running, SENT, new)


def test_an_honest_service_works_as_much_for_documents_that_nobody_could_know() -> None:
    found = told(lambda _: (WORK, 0))
    assert set(found) == {"fresh.time", "fresh.cpu"}
    assert found["fresh.cpu"][1] == pytest.approx(1)


def test_one_that_keeps_answers_shows_in_cpu_even_where_it_sleeps_beside_them() -> None:
    found = told(lambda document: (WORK / 4, WORK * 3 / 4) if document.startswith(b"seen") else (WORK, 0))
    assert found["fresh.cpu"][1] == pytest.approx(4)


def test_a_coarse_clock_tells_no_cpu_of_one_request() -> None:
    assert set(told(lambda _: (WORK, 0), source="ticks")) == {"fresh.time"}


def test_a_connection_that_was_closed_is_opened_again() -> None:
    assert set(told(lambda _: (WORK, 0), hangs_up=True)) == {"fresh.time", "fresh.cpu"}


def test_a_wrong_answer_is_told() -> None:
    wrong = [msgspec.structs.replace(each, expect=b"else") for each in NEW]
    with pytest.raises(LabError, match=r"^wrong answer to POST /statements, .* secret seed: status 200, 4 bytes$"):
        told(lambda _: (WORK, 0), wrong)


def test_nothing_is_told_where_nothing_is_fresh() -> None:
    assert told(lambda _: (WORK, 0), []) == {}


def test_fresh_documents_are_right_and_never_the_same() -> None:
    small = catalog.workloads()["small"]
    once, again = documents.fresh(small), documents.fresh(small)
    assert len(once) == small.documents.check
    assert all(transform(each.body) == each.expect for each in (*once, *again))
    assert not {each.body for each in once} & {each.body for each in again}


@pytest.mark.parametrize("name", ["hello", "cdnow"])
def test_a_greeting_and_a_history_have_no_fresh_documents(name: str) -> None:
    assert documents.fresh(catalog.workloads()[name]) == []
