"""The life cycle of a server, with real processes: ready at its first right answer, gone at the end in every case."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import psutil
import pytest

from bench import catalog
from bench.build import artifacts, beside
from bench.errors import LabError
from bench.host.pinning import cores
from bench.model import Backend, Catalog, Exchange, Stack, Tuning
from bench.paths import YARDSTICKS
from bench.serve import http_client, life_cycle, ports, start_command
from tests.declared import CATALOG

pytestmark = pytest.mark.slow

STACK = Stack(variant="cpython", framework="falcon", server="gunicorn-sync")

# Answers GET with a text and POST with the request's body. `before` is code that runs before it serves.
SERVER = """
import os, signal, subprocess, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({status}, {answer!r})
    def do_POST(self):
        self.answer(200, self.rfile.read(int(self.headers["Content-Length"])))
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

def child():
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])

{before}
HTTPServer(("127.0.0.1", {port}), Handler).serve_forever()
"""

Start = Callable[..., None]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Sets the program that is started instead of the stack's server."""

    def decide(before: str = "", answer: bytes = b"Hello, world!\n", status: int = 200) -> None:
        def parts(
            catalog: Catalog, stack: Stack, port: int, host: str, scratch: Path, *, dsn: str, workers: int
        ) -> start_command.Command:
            script = tmp_path / "server.py"
            (tmp_path / "dsn").write_text(dsn)
            script.write_text(SERVER.format(before=before, answer=answer, status=status, port=port))
            return start_command.Command([sys.executable, str(script)], {})

        monkeypatch.setattr(start_command, "parts", parts)
        monkeypatch.setattr(life_cycle, "PREFIXES", tmp_path)
        (tmp_path / STACK.variant).mkdir(exist_ok=True)

    return decide


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "server.log"


def serving(log: Path, first: Exchange = http_client.HELLO):
    return life_cycle.serving(CATALOG, STACK, first, log, cores().server)


def family(running: life_cycle.RunningServer) -> list[psutil.Process]:
    return [running.process, *running.process.children()]


def is_gone(process: psutil.Process) -> bool:
    """Return True if a process has ended, even if it is still a zombie."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def are_gone(processes: list[psutil.Process]) -> bool:
    """Return True if all have ended within 5 s, which the kernel may need to deliver a signal."""
    deadline = time.monotonic() + 5
    while not all(map(is_gone, processes)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return all(map(is_gone, processes))


def test_a_server_answers_during_the_block_and_is_gone_after_it(start: Start, log: Path) -> None:
    start("print('here I am', flush=True)")
    with serving(log) as running:
        assert running.name == str(STACK)
        assert running.url == f"http://127.0.0.1:{running.port}"
        assert http_client.ask(running.port, http_client.HELLO) == (200, b"Hello, world!\n")
        body = Exchange(method="POST", path="/statements", body=b"\x00\xff", expect=b"")
        assert http_client.ask(running.port, body) == (200, b"\x00\xff")
        assert 0 < running.ready_seconds < 60
    assert is_gone(running.process)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", running.port))
    assert "here I am" in log.read_text()


def test_a_server_runs_on_the_given_cores(start: Start, log: Path) -> None:
    start()
    with serving(log) as running:
        assert set(running.process.cpu_affinity()) == cores().server


def test_a_server_is_ready_at_its_first_answer(start: Start, log: Path) -> None:
    """Connections that are refused before the server listens are not an error."""
    start("time.sleep(0.3)")
    with serving(log) as running:
        assert running.ready_seconds > 0.3


def test_a_proxy_may_be_ready_before_its_server(start: Start, log: Path) -> None:
    """Its 502 answers are treated like refused connections."""
    start(
        "began = time.monotonic()\n"
        "Handler.do_GET = lambda self: self.answer(200 if time.monotonic() > began + 0.3 else 502, b'Hello, world!\\n')"
    )
    with serving(log) as running:
        assert running.ready_seconds > 0.3


@pytest.mark.parametrize(("answer", "status"), [(b"Hello!\n", 200), (b"Hello, world!\n", 503), (b"", 404)])
def test_a_wrong_first_answer_fails_at_once(start: Start, log: Path, answer: bytes, status: int) -> None:
    start(answer=answer, status=status)
    wrong = "the body differs from byte 5 on" if status == 200 else f"status {status} instead of 200"
    with pytest.raises(LabError, match=f"wrong first answer: {wrong}"), serving(log):
        pytest.fail("it never answered right")


def test_a_server_that_exits_early_is_reported_with_its_status_and_log(start: Start, log: Path) -> None:
    start("sys.exit('no such module: nothing')\n")
    with pytest.raises(LabError) as caught, serving(log):
        pytest.fail("it never answered")
    assert str(caught.value) == (f"cpython/falcon/gunicorn-sync: exited with status 1 before it was ready; see {log}")
    assert "no such module: nothing" in log.read_text()


def test_a_server_that_never_answers_is_killed(start: Start, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life_cycle, "READY_SECONDS", 0.5)
    start(f"open({str(log.with_suffix('.pid'))!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)")
    with pytest.raises(LabError, match=r"not ready after 0\.5 s"), serving(log):
        pytest.fail("it never answered")
    assert not psutil.pid_exists(int(log.with_suffix(".pid").read_text()))


def test_a_request_that_hangs_is_named(start: Start, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life_cycle, "READY_SECONDS", 2.0)
    monkeypatch.setattr(http_client, "answered", partial(http_client.answered, timeout_seconds=0.2))
    start("Handler.do_GET = lambda self: time.sleep(600)")
    told = r"not ready after 2 s: GET /hello: no answer: TimeoutError: timed out; see "
    with pytest.raises(LabError, match=told), serving(log):
        pytest.fail("it never answered")


def test_a_server_that_ignores_sigterm_is_killed_with_its_children_and_reported(
    start: Start, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life_cycle, "STOP_SECONDS", 0.2)
    start("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nchild()")
    with pytest.raises(LabError, match=r"it still ran 0\.2 s after SIGTERM: killed"), serving(log) as running:
        tree = family(running)
    assert len(tree) == 2
    assert are_gone(tree)


def test_children_that_outlive_their_server_are_killed_and_reported(
    start: Start, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life_cycle, "STOP_SECONDS", 0.2)
    start("child()")
    with pytest.raises(LabError, match="1 of its children still ran"), serving(log) as running:
        tree = family(running)
    assert len(tree) == 2
    assert are_gone(tree)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_in_the_block_ends_the_server_and_its_children(
    start: Start, log: Path, error: type[BaseException]
) -> None:
    start("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nchild()")
    tree: list[psutil.Process] = []

    def block() -> None:
        with serving(log) as running:
            tree.extend(family(running))
            raise error

    with pytest.raises(error):
        block()
    assert len(tree) == 2
    assert are_gone(tree)


def test_a_server_that_exits_during_the_block_is_an_error(start: Start, log: Path) -> None:
    start()

    def block() -> None:
        with serving(log) as running:
            running.process.send_signal(signal.SIGKILL)
            assert are_gone([running.process])

    with pytest.raises(LabError, match="exited by itself with status -9"):
        block()


def test_a_missing_answer_is_reported(start: Start, log: Path) -> None:
    """Nothing listens; a connection is closed without an answer; a body is shorter than its Content-Length."""
    with pytest.raises(LabError, match="GET /hello: no answer"):
        http_client.ask(ports.free_port(), http_client.HELLO)
    start("Handler.do_POST = lambda self: None")
    posted = Exchange(method="POST", path="/statements", body=b"{}", expect=b"")
    with serving(log) as running, pytest.raises(LabError, match="POST /statements: no answer"):
        http_client.ask(running.port, posted)
    start("Handler.do_POST = lambda self: self.wfile.write(b'HTTP/1.0 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\n{')")
    with serving(log) as running, pytest.raises(LabError, match="POST /statements: no answer"):
        http_client.ask(running.port, posted)


def test_a_server_is_started_without_malloc_tuning(start: Start, log: Path) -> None:
    start()
    with serving(log) as running:
        assert not [name for name in running.process.environ() if name.startswith("MALLOC_")]


def test_a_backend_that_a_tuning_needs_runs_while_the_server_runs(start: Start, log: Path, tmp_path: Path) -> None:
    start()
    slow = Backend(name="slow", argv=("sleep", "600"), ready=("true",), dsn="slow://127.0.0.1:{port}")
    declared = msgspec.structs.replace(
        CATALOG,
        backends={"slow": slow},
        tunings={"queued": Tuning(name="queued", title="Q", backend="slow", env={"STATEMENTS_BROKER": "{dsn}"})},
    )
    stack = msgspec.structs.replace(STACK, server="gunicorn-sync+queued")
    with life_cycle.serving(declared, stack, http_client.HELLO, log, cores().server) as running:
        behind = running.backend
        assert behind is not None
        assert behind.process.is_running()
        assert (tmp_path / "dsn").read_text() == behind.dsn == f"slow://127.0.0.1:{behind.port}"
    assert are_gone([running.process, behind.process])
    assert log.with_suffix(".backend.log").exists()


def test_what_a_server_writes_to_a_pipe_is_read(start: Start, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(before="print('x' * 1_000_000, flush=True)")  # more than a pipe holds
    tuned = msgspec.structs.replace(STACK, server="gunicorn-sync+log")
    with life_cycle.serving(CATALOG, tuned, http_client.HELLO, log, cores().server) as running:
        assert Path(f"/proc/{running.process.pid}/fd/1").is_fifo()
        assert len(reader := psutil.Process().children()) == 2
    assert are_gone(reader)
    assert log.read_bytes().startswith(b"127.0.0.1")  # stderr


def test_a_yardsticks_packages_are_beside_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(artifacts, "require", lambda name: None)
    monkeypatch.setattr(artifacts, "base", lambda name: tmp_path)
    monkeypatch.setattr(beside, "folder", lambda variant, names: tmp_path / "+".join((variant, *names)))
    tuned = msgspec.structs.replace(STACK, server="gunicorn-sync+ecs-logging")
    argv, env = start_command.command(CATALOG, tuned, 8123, life_cycle.HOST, tmp_path)
    assert argv[-1] == "served_around:application"
    assert env["PYTHONPATH"] == f"{YARDSTICKS}:{tmp_path}/cpython+ecs-logging"


def test_a_free_port_can_be_bound() -> None:
    port = ports.free_port()
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_no_two_processes_get_one_port() -> None:
    code = "from bench.serve.ports import free_port; print(*(free_port() for _ in range(200)))"
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    given = [port for process in processes for port in process.communicate(timeout=60)[0].split()]
    assert len(given) == len(set(given)) == 800


def test_the_last_port_is_followed_by_the_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ports, "LAB", tmp_path)
    (tmp_path / "last-port").write_text(str(ports.PORTS[-1]))
    assert ports.free_port() - ports.PORTS.start < 100  # some of them may be in use
    assert int((tmp_path / "last-port").read_text()) >= ports.PORTS.start


def test_the_command_has_no_placeholders_and_nothing_of_the_callers_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere/else")
    monkeypatch.setattr(artifacts, "require", lambda name: None)
    monkeypatch.setattr(artifacts, "base", lambda name: tmp_path)
    argv, env = start_command.command(CATALOG, STACK, 8123, life_cycle.HOST, tmp_path)
    assert argv[0] == str(artifacts.python("cpython"))
    assert "127.0.0.1:8123" in argv
    assert not [part for part in argv if "{" in part]
    assert "PYTHONPATH" not in env


def test_a_tuning_gets_the_address_of_its_backend_and_may_serve_a_yardstick(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(artifacts, "require", lambda name: None)
    monkeypatch.setattr(artifacts, "base", lambda name: tmp_path)
    own = {name: msgspec.structs.replace(STACK, server=f"gunicorn-sync+{name}") for name in ("events", "events-bulk")}
    asked = {
        name: start_command.command(CATALOG, stack, 8123, life_cycle.HOST, tmp_path, dsn="nats://x:1")
        for name, stack in own.items()
    }
    assert {env["STATEMENTS_BROKER"] for _, env in asked.values()} == {"nats://x:1"}
    assert [argv[-1] for argv, _ in asked.values()] == ["app.entry:application", "events_bulk:application"]
    assert [env.get("PYTHONPATH") for _, env in asked.values()] == [None, str(YARDSTICKS)]


def test_a_variant_that_is_not_built_is_reported_with_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(artifacts, "ARTIFACTS", tmp_path)
    with pytest.raises(LabError, match="variant 'cpython' is not built: run `python -m bench build cpython`"):
        start_command.command(CATALOG, STACK, 8123, life_cycle.HOST, tmp_path)


def test_an_unsupported_stack_is_not_started(checkout: Path, tmp_path: Path) -> None:
    path = checkout / "bench/servers/gunicorn-sync.toml"
    path.write_text(path.read_text() + '\n[unsupported.cpython]\nreason = "it needs a moon"\nsymptom = "no moon"\n')
    with pytest.raises(LabError, match="cpython/falcon/gunicorn-sync is unsupported: it needs a moon"):
        start_command.command(catalog.read(), STACK, 8123, life_cycle.HOST, tmp_path)
