"""What uWSGI itself offers in place of a broker: mules and the spooler, and what they lose of accepted documents."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from app.core import transform
from bench.build import artifacts
from bench.paths import PREFIXES
from bench.progress import Progress
from bench.readiness import building
from bench.serve import life_cycle
from bench.serve.ports import free_port
from tests.absent import lacks
from tests.contract import deferring
from tests.declared import CATALOG

pytestmark = pytest.mark.long

VARIANT, SERVER = "cython", "uwsgi-processes"
SENT = 40
DONE = 5  # results, when a process is killed
QUIET_SECONDS = 3.0  # without a further result, nothing more comes
PATIENCE_SECONDS = 20.0
FULL = 5_000  # more documents than a mule's socket holds
OPTIONS = {
    "mule": ["--mule=offloading:compute_messages"],
    "spooler": ["--spooler", "{folder}/spool", "--spooler-frequency", "1"],  # by default it looks every 30 s
}


class Offloading:
    """uWSGI with a mule or a spooler, in a folder that survives it."""

    def __init__(self, to: str, folder: Path) -> None:
        self.to, self.folder, self.results = to, folder, folder / "results"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        for name in ("results", "spool"):
            (folder / name).mkdir()
        shutil.copy(Path(__file__).with_name("offloading.py"), folder)

    def start(self) -> None:
        """Start it. Returns once it answers."""
        prefix = PREFIXES / VARIANT
        argv = [str(prefix / "bin/uwsgi"), "--http-socket", f"127.0.0.1:{self.port}", "--master", "--processes", "1"]
        argv += ["--need-app", "--die-on-term", "--disable-logging", "--virtualenv", str(prefix)]
        argv += [*(word.format(folder=self.folder) for word in OPTIONS[self.to]), "--module", "offloading:application"]
        env = artifacts.environment(CATALOG, CATALOG.variant(VARIANT)) | {"PYTHONPATH": str(self.folder)}
        env |= {"STATEMENTS_OFFLOAD": self.to, "STATEMENTS_RESULTS": str(self.results)}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                argv, cwd=self.folder, env=env, stdout=log, stderr=log, start_new_session=True
            )
        self.until(self.answers)

    def answers(self) -> bool:
        """Whether it answers, and its mule works."""
        return self.send(None) == 200 and (self.to == "spooler" or (self.results / "pid").exists())

    def kill(self) -> None:
        """End all its processes by SIGKILL."""
        if self.process is not None:
            family = psutil.Process(self.process.pid).children(recursive=True)
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            psutil.wait_procs(family, PATIENCE_SECONDS)  # they hold its port
            self.process = None

    def kill_worker(self) -> None:
        """End the mule or the spooler by SIGKILL."""
        os.kill(self.worker(), signal.SIGKILL)

    def reload(self) -> None:
        """Have it load the application again, as a new release does (SIGHUP)."""
        os.kill(self.process.pid if self.process else 0, signal.SIGHUP)
        before = self.log().count("gracefully")
        self.until(lambda: self.log().count("gracefully") >= before and self.answers())

    def worker(self) -> int:
        """The process id of the mule or the spooler."""
        return int((self.results / "pid").read_text())

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def send(self, body: bytes | None) -> int:
        """The status of a document, or of a greeting; 0 without an answer."""
        connection = HTTPConnection(life_cycle.HOST, self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET" if body is None else "POST", "/", body)
            return connection.getresponse().status
        except (OSError, HTTPException):
            return 0
        finally:
            connection.close()

    def done(self) -> set[int]:
        """The ids of the documents with a result."""
        return {int(path.stem) for path in self.results.glob("*.json")}

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.01)

    def lost(self, sent: range) -> int:
        """How many accepted documents have no result, once nothing more comes."""
        known, since = self.done(), time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS and not known >= set(sent):
            if self.done() != known:
                known, since = self.done(), time.monotonic()
            time.sleep(0.05)
        return len(set(sent) - known)


@pytest.fixture(scope="module")
def built() -> None:
    """The prefix with uWSGI."""
    _, unavailable = building.build_all(CATALOG, [VARIANT], Progress(Console(quiet=True)), [SERVER])
    if unavailable:
        lacks(unavailable[0])


@pytest.fixture
def uwsgi(request: pytest.FixtureRequest, built: None, tmp_path: Path) -> Iterator[Offloading]:
    """It runs."""
    running = Offloading(request.param, tmp_path)
    try:
        running.start()
        yield running
    finally:
        running.kill()


each = pytest.mark.parametrize("uwsgi", OPTIONS, indirect=True)
a_mule = pytest.mark.parametrize("uwsgi", ["mule"], indirect=True)
a_spooler = pytest.mark.parametrize("uwsgi", ["spooler"], indirect=True)


def document(number: int) -> bytes:
    """The document whose only order has this id."""
    return deferring.document(number - 1)


def accepted(uwsgi: Offloading) -> range:
    """Have documents accepted. Returns their numbers once some of them are done."""
    numbers = range(1, SENT + 1)
    assert {uwsgi.send(document(number)) for number in numbers} == {202}
    uwsgi.until(lambda: len(uwsgi.done()) >= DONE)
    assert len(uwsgi.done()) < SENT, "nothing waits: the fault would prove nothing"
    return numbers


def long_document() -> bytes:
    """A document of more than 64 KiB."""
    order = json.loads(document(1))["orders"][0]
    return json.dumps({"batch": "b", "currency": "EUR", "orders": [order | {"id": n} for n in range(1, 600)]}).encode()


@each
def test_without_a_fault_each_accepted_document_is_computed(uwsgi: Offloading) -> None:
    assert uwsgi.lost(accepted(uwsgi)) == 0
    assert (uwsgi.results / "7.json").read_bytes() == transform(document(7))


@a_mule
def test_a_killed_mule_loses_the_document_that_it_computes(uwsgi: Offloading) -> None:
    """The others wait in a socket that the master holds; it starts another mule."""
    sent = accepted(uwsgi)
    uwsgi.kill_worker()
    assert uwsgi.lost(sent) <= 1


@a_mule
def test_messages_to_a_mule_end_with_the_server(uwsgi: Offloading) -> None:
    sent = accepted(uwsgi)
    uwsgi.kill()
    uwsgi.start()
    assert uwsgi.lost(sent) > 1


@a_mule
def test_messages_to_a_mule_end_with_a_reload(uwsgi: Offloading) -> None:
    sent = accepted(uwsgi)
    uwsgi.reload()
    assert uwsgi.lost(sent) > 1


@a_mule
def test_a_mules_queue_is_short_and_refuses_what_it_cannot_hold(uwsgi: Offloading) -> None:
    os.kill(uwsgi.worker(), signal.SIGSTOP)
    taken = next((taken for taken in range(FULL) if uwsgi.send(document(taken + 1)) == 503), None)
    assert taken
    assert "MULE MSG QUEUE IS FULL" in uwsgi.log()


@a_mule
def test_a_mule_gets_the_first_64_kib_of_a_document(uwsgi: Offloading) -> None:
    assert len(long_document()) > 65_536
    assert uwsgi.send(long_document()) == 202
    uwsgi.until((uwsgi.results / "refused").exists)
    assert (uwsgi.results / "refused").read_text() == "MalformedDocument: 65536 bytes"


@a_spooler
def test_a_killed_spooler_computes_its_document_again(uwsgi: Offloading) -> None:
    sent = accepted(uwsgi)
    uwsgi.kill_worker()
    assert uwsgi.lost(sent) == 0


@a_spooler
def test_spooled_documents_survive_the_server(uwsgi: Offloading) -> None:
    sent = accepted(uwsgi)
    uwsgi.kill()
    uwsgi.start()
    assert uwsgi.lost(sent) == 0


@a_spooler
def test_spooled_documents_survive_a_reload(uwsgi: Offloading) -> None:
    sent = accepted(uwsgi)
    uwsgi.reload()
    assert uwsgi.lost(sent) == 0


@a_spooler
def test_a_spooler_takes_long_documents(uwsgi: Offloading) -> None:
    assert uwsgi.send(long_document()) == 202
    uwsgi.until(lambda: uwsgi.done() == {1})
    assert (uwsgi.results / "1.json").read_bytes() == transform(long_document())
