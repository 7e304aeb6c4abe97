"""The life of a back end, with real processes in PostgreSQL's place: ready when clients get in, gone at the end."""

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

# What stands in for PostgreSQL; what else it does is put in before.
PROGRAM = """#!{python}
import os, signal, subprocess, sys, time
{before}
open(sys.argv[1] + "/listens", "w").close()
while True:
    time.sleep(600)
"""
# Lets nobody in before it listens, and refuses so many clients even then.
READY = """#!/bin/sh
test -e "$1/listens" && echo >> "$1/asked" && test $(wc -l < "$1/asked") -gt {refusals}
"""

Make = Callable[..., Backend]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Decides what is made ready and what is started in place of PostgreSQL."""

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
    """Whether a process has ended; the kernel is given a moment to deliver a signal that was sent."""
    deadline = time.monotonic() + 5
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_it_runs_beside_the_generator_while_the_block_does_and_leaves_nothing(make: Make, tmp_path: Path) -> None:
    declared = make("print('here I am', flush=True)", "open(sys.argv[1] + '/made', 'w').close()")
    with backend.started(declared, tmp_path / "log") as running:
        folder = Path(running.dsn.removeprefix("host="))
        assert running.version == "made-up 15.7"
        assert set(running.process.cpu_affinity()) == cores().generator
        assert (folder / "made").exists()
    assert is_gone(running.process)
    assert not folder.exists()
    assert "here I am" in (tmp_path / "log").read_text()


def test_it_is_ready_once_it_lets_a_client_in(make: Make, tmp_path: Path) -> None:
    """Nothing listens yet, then clients are refused while it starts up: both are waited for."""
    with backend.started(make("time.sleep(0.2)", refusals=3), tmp_path / "log") as running:
        assert running.version == "made-up 15.7"


def test_what_cannot_be_made_is_told_in_the_programs_own_words(make: Make, tmp_path: Path) -> None:
    with (
        pytest.raises(LabError, match="made-up: make-it failed: error: no room"),
        backend.started(make(prepare="sys.exit('error: no room')"), tmp_path / "log"),
    ):
        pytest.fail("it never ran")


def test_one_that_dies_early_is_named_with_its_status_and_log(make: Make, tmp_path: Path) -> None:
    with (
        pytest.raises(LabError, match=r"made-up: it ended with status 3 before it was ready; see .*log"),
        backend.started(make("sys.exit(3)"), tmp_path / "log"),
    ):
        pytest.fail("it never ran")


def test_one_that_lets_nobody_in_is_given_up_and_ended(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "READY_SECONDS", 1.0)
    pid = tmp_path / "pid"
    declared = make(f"open({str(pid)!r}, 'w').write(str(os.getpid()))", refusals=10**9)
    with pytest.raises(LabError, match="not ready within 1 s"), backend.started(declared, tmp_path / "log"):
        pytest.fail("it was never ready")
    assert not psutil.pid_exists(int(pid.read_text()))


def test_one_that_does_not_heed_is_killed_with_its_children_and_complained_of(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "STOP_SECONDS", 0.2)
    child = "subprocess.Popen(['sleep', '600'], start_new_session=True)"  # as PostgreSQL's are, each on its own
    declared = make(f"signal.signal(signal.SIGINT, signal.SIG_IGN)\n{child}")
    with pytest.raises(LabError, match="made-up: it still ran 0 s after SIGINT, killed"):  # noqa: SIM117 - the end raises
        with backend.started(declared, tmp_path / "log") as running:
            tree = [running.process, *running.process.children()]
    assert len(tree) == 2
    assert all(map(is_gone, tree))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_goes_wrong_in_the_block_ends_it(make: Make, tmp_path: Path, error: type[BaseException]) -> None:
    ran: list[psutil.Process] = []

    def block() -> None:
        with backend.started(make(), tmp_path / "log") as running:
            ran.append(running.process)
            raise error

    with pytest.raises(error):
        block()
    assert is_gone(ran[0])


def test_one_that_ends_inside_the_block_is_no_clean_end(make: Make, tmp_path: Path) -> None:
    def block() -> None:
        with backend.started(make(), tmp_path / "log") as running:
            running.process.kill()
            assert is_gone(running.process)

    with pytest.raises(LabError, match="made-up: it ended by itself with status -9"):
        block()


def test_one_that_is_not_here_is_missing_with_the_command_that_brings_it(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = system.Part(name="Ghost", needed="-", packages=["ghost"])
    monkeypatch.setattr(system, "parts", lambda: [part])
    declared = make()
    (tmp_path / "make-it").unlink()
    ghost = msgspec.structs.replace(declared, needs=("Ghost",))
    with (
        pytest.raises(MissingError, match="made-up: make-it is not here") as caught,
        backend.started(ghost, tmp_path / "log"),
    ):
        pytest.fail("it never ran")
    assert caught.value.remedy == "sudo apt-get install --no-install-recommends ghost"


@pytest.mark.parametrize(
    ("server", "waits", "connections"),
    [
        ("gunicorn-sync", "app.postgres.on_one_connection", "1"),
        ("gunicorn-gthread", "app.postgres.pooled", "4"),
        ("uwsgi-asyncio", "app.postgres.in_greenlet", "64"),
        ("granian-asgi", "app.postgres.awaited", "64"),
    ],
)
def test_a_stack_is_told_where_it_is_and_waits_in_the_way_of_its_worker_class(
    server: str, waits: str, connections: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "_driver", lambda *_: Path("/beside"))
    declared = CATALOG.backends["postgres"]
    running = backend.Attached(backend=declared, version="15", dsn="host=/x", process=psutil.Process())
    stack = Stack(variant="cpython", framework="falcon", server=server)
    assert running.environment(stack, pairing.server_file(CATALOG, stack)) == {
        "STATEMENTS_WAIT": waits,
        "STATEMENTS_DATABASE": "host=/x",
        "STATEMENTS_CONNECTIONS": connections,
        "PYTHONPATH": "/beside",
    }


def test_who_takes_several_requests_at_a_time_says_how_they_wait_for_each_back_end() -> None:
    for server in CATALOG.servers.values():
        if server.concurrency > 1:
            assert server.waits.keys() == CATALOG.backends.keys(), server.name
