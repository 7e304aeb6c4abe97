"""The life cycle of a backend, with real processes instead of PostgreSQL: ready for clients, gone at the end."""

import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from bench.catalog import pairing
from bench.errors import LabError, MissingError
from bench.host.pinning import cores
from bench.model import Backend, Stack
from bench.provision import system
from bench.serve import backend
from tests.declared import CATALOG

pytestmark = pytest.mark.slow

# Stands in for PostgreSQL. `before` is code that runs before it listens.
PROGRAM = """#!{python}
import os, signal, subprocess, sys, time
{before}
open(sys.argv[1] + "/listens", "w").close()
while True:
    time.sleep(600)
"""
# Fails until PROGRAM listens, and then for as many further clients as `refusals` says.
READY = """#!/bin/sh
test -e "$1/listens" && echo >> "$1/asked" && test $(wc -l < "$1/asked") -gt {refusals}
"""

Make = Callable[..., Backend]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Sets the programs that are prepared and started instead of PostgreSQL."""

    def decide(before: str = "", prepare: str = "", refusals: int = 0) -> Backend:
        for name, text in {
            "make-it": f"#!{sys.executable}\nimport sys\n{prepare}\n",
            "run-it": PROGRAM.format(python=sys.executable, before=before),
            "ask-it": READY.format(refusals=refusals),
            "name-it": "#!/bin/sh\necho made-up 15.7\n",
        }.items():
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o755)
        return Backend(
            name="made-up",
            title="Made up",
            prepare=("make-it", "{folder}"),
            argv=("run-it", "{folder}"),
            ready=("ask-it", "{folder}"),
            version=("name-it",),
            dsn="host={folder}",
            wait="time.sleep",
            requirements={},
            paths=(str(tmp_path),),
        )

    return decide


def is_gone(process: psutil.Process) -> bool:
    """Return True if a process has ended within 5 s, which the kernel may need to deliver a signal."""
    deadline = time.monotonic() + 5
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_backend_runs_on_the_generators_cores_during_the_block_and_leaves_nothing(make: Make, tmp_path: Path) -> None:
    declared = make("print('here I am', flush=True)", "open(sys.argv[1] + '/made', 'w').close()")
    with backend.run_backend(declared, tmp_path / "log") as running:
        folder = Path(running.dsn.removeprefix("host="))
        assert running.version == "made-up 15.7"
        assert set(running.process.cpu_affinity()) == cores().generator
        assert (folder / "made").exists()
    assert is_gone(running.process)
    assert not folder.exists()
    assert "here I am" in (tmp_path / "log").read_text()


def test_a_backend_is_ready_once_it_accepts_a_client(make: Make, tmp_path: Path) -> None:
    """Neither a missing socket nor refused clients during start-up are an error."""
    with backend.run_backend(make("time.sleep(0.2)", refusals=3), tmp_path / "log") as running:
        assert running.version == "made-up 15.7"


def test_a_failed_preparation_is_reported_with_the_programs_message(make: Make, tmp_path: Path) -> None:
    with (
        pytest.raises(LabError, match="made-up: make-it failed: error: no room"),
        backend.run_backend(make(prepare="sys.exit('error: no room')"), tmp_path / "log"),
    ):
        pytest.fail("it never ran")


def test_a_backend_that_exits_early_is_reported_with_its_status_and_log(make: Make, tmp_path: Path) -> None:
    with (
        pytest.raises(LabError, match=r"made-up: exited with status 3 before it was ready; see .*log"),
        backend.run_backend(make("sys.exit(3)"), tmp_path / "log"),
    ):
        pytest.fail("it never ran")


def test_a_backend_that_accepts_no_client_is_ended(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "READY_SECONDS", 1.0)
    pid = tmp_path / "pid"
    declared = make(f"open({str(pid)!r}, 'w').write(str(os.getpid()))", refusals=10**9)
    with pytest.raises(LabError, match="not ready after 1 s"), backend.run_backend(declared, tmp_path / "log"):
        pytest.fail("it was never ready")
    assert not psutil.pid_exists(int(pid.read_text()))


def test_a_backend_that_ignores_its_signal_is_killed_with_its_children_and_reported(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "STOP_SECONDS", 0.2)
    child = "subprocess.Popen(['sleep', '600'], start_new_session=True)"  # like each child of PostgreSQL
    declared = make(f"signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{child}")
    with pytest.raises(LabError, match=r"made-up: it still ran 0\.2 s after SIGTERM: killed"):  # noqa: SIM117
        with backend.run_backend(declared, tmp_path / "log") as running:
            tree = [running.process, *running.process.children()]
    assert len(tree) == 2
    assert all(map(is_gone, tree))


def test_a_backend_listens_on_a_port_of_its_own(make: Make, tmp_path: Path) -> None:
    """Nothing but `argv`, `ready` and `dsn` is required."""
    listen = "import socket\nlistener = socket.create_server(('127.0.0.1', int(sys.argv[2])))"
    declared = msgspec.structs.replace(
        make(listen),
        prepare=(),
        version=(),
        argv=("run-it", "{folder}", "{port}"),
        ready=("ask-it", "{folder}"),
        dsn="mock://127.0.0.1:{port}",
    )
    with backend.run_backend(declared, tmp_path / "log") as running:
        socket.create_connection(("127.0.0.1", running.port)).close()
        assert running.dsn == f"mock://127.0.0.1:{running.port}"
        assert running.places == {"dsn": running.dsn, "folder": str(running.folder), "port": str(running.port)}
        assert running.version == "Made up"


def test_a_backend_in_python_leaves_no_bytecode_beside_its_modules(make: Make, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("")
    with backend.run_backend(make("import helper"), tmp_path / "log"):
        pass
    assert not (tmp_path / "__pycache__").exists()


def test_a_kept_folder_starts_as_a_copy_of_the_backend(make: Make, tmp_path: Path) -> None:
    declared = make(prepare="open(sys.argv[1] + '/made', 'w').close()")
    with backend.run_backend(declared, tmp_path / "log", keep=tmp_path / "state") as running:
        assert not running.is_prepared
        (running.folder / "row").write_text("1")
    again = msgspec.structs.replace(declared, prepare=("false",))
    with backend.run_backend(again, tmp_path / "log", state=tmp_path / "state") as running:
        assert running.is_prepared
        assert (running.folder / "made").exists()
        (running.folder / "row").write_text("2")
    assert (tmp_path / "state" / "row").read_text() == "1"


def test_what_ready_says_is_told_if_it_never_succeeds(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "READY_SECONDS", 0.5)
    declared = msgspec.structs.replace(make(), ready=("ls", "{folder}/gone"))
    with pytest.raises(LabError, match=r"not ready after 0\.5 s; see .*; `ls` says: .*No such file"):  # noqa: SIM117
        with backend.run_backend(declared, tmp_path / "log"):
            pytest.fail("it was never ready")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_in_the_block_ends_the_backend(make: Make, tmp_path: Path, error: type[BaseException]) -> None:
    ran: list[psutil.Process] = []

    def block() -> None:
        with backend.run_backend(make(), tmp_path / "log") as running:
            ran.append(running.process)
            raise error

    with pytest.raises(error):
        block()
    assert is_gone(ran[0])


def test_a_backend_that_exits_during_the_block_is_an_error(make: Make, tmp_path: Path) -> None:
    def block() -> None:
        with backend.run_backend(make(), tmp_path / "log") as running:
            running.process.kill()
            assert is_gone(running.process)

    with pytest.raises(LabError, match="made-up: exited by itself with status -9"):
        block()


def test_a_missing_program_of_ones_own_backend_is_reported_with_where_it_was_searched(make: Make) -> None:
    declared = msgspec.structs.replace(make(), ready=("ghost", "{folder}"))
    with pytest.raises(MissingError) as caught:
        backend.require(declared)
    told = (
        "made-up: ghost is not installed in /usr/local/bin, /usr/bin, /bin: install it, or name its folder in `paths`"
    )
    assert str(caught.value) == told


def test_a_missing_backend_is_reported_with_the_command_that_installs_it(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = system.Part(name="Ghost", needed="-", packages=["ghost"])
    monkeypatch.setattr(system, "parts", lambda: [part])
    declared = make()
    (tmp_path / "make-it").unlink()
    ghost = msgspec.structs.replace(declared, needs=("Ghost",))
    with (
        pytest.raises(MissingError, match="made-up: make-it is not installed") as caught,
        backend.run_backend(ghost, tmp_path / "log"),
    ):
        pytest.fail("it never ran")
    assert caught.value.remedy == "sudo apt-get install --no-install-recommends ghost"


@pytest.mark.parametrize("command", ["prepare", "argv", "ready", "version"])
@pytest.mark.parametrize("word", ["{file}", "--file={file}"])
def test_a_file_that_a_command_names_is_part_of_the_fingerprint(
    make: Make, tmp_path: Path, command: str, word: str
) -> None:
    file = tmp_path / "{{}}.py"  # braces are doubled in a declaration
    declared = make()
    words = (*getattr(declared, command), word.format(file=tmp_path / "{{{{}}}}.py"), "/nowhere", "/tmp")
    declared = msgspec.structs.replace(declared, **{command: words})
    file.write_text("1")
    before = backend.fingerprint(declared)
    assert backend.fingerprint(declared) == before
    file.write_text("2")
    assert backend.fingerprint(declared) != before


@pytest.mark.parametrize(
    ("server", "waits", "connections"),
    [
        ("gunicorn-sync", "app.postgres.on_one_connection", "1"),
        ("gunicorn-gthread", "app.postgres.pooled", "4"),
        ("uwsgi-asyncio", "app.postgres.in_greenlet", "64"),
        ("granian-asgi", "app.postgres.awaited", "64"),
    ],
)
def test_a_stacks_environment_has_the_dsn_and_the_wait_function_of_its_worker_class(
    server: str, waits: str, connections: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "_driver", lambda *_: Path("/beside"))
    declared = CATALOG.backends["postgres"]
    running = backend.RunningBackend(
        backend=declared, version="15", folder=Path("/x"), port=1, process=psutil.Process()
    )
    stack = Stack(variant="cpython", framework="falcon", server=server)
    assert running.environment(stack, pairing.server_file(CATALOG, stack)) == {
        "STATEMENTS_WAIT": waits,
        "STATEMENTS_DATABASE": "host=/x user=lab dbname=postgres",
        "STATEMENTS_CONNECTIONS": connections,
        "PYTHONPATH": "/beside",
    }


def test_every_concurrent_server_declares_a_wait_function_for_each_backend_that_requests_wait_for() -> None:
    waited_for = {name for name, declared in CATALOG.backends.items() if declared.wait}
    for server in CATALOG.servers.values():
        if server.concurrency > 1:
            assert server.waits.keys() == waited_for, server.name
