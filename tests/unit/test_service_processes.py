"""The processes of a service that the lab has not started: found by their address, and read."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec.structs import replace

from bench.errors import DisturbedError
from bench.host import cpu_time, listening
from bench.host.listening import Identity
from bench.measure.instruments import process_tree
from bench.own import address
from bench.own.reader import Reader


def test_addresses_of_this_machine() -> None:
    assert listening.is_own("127.0.0.1")
    assert listening.is_own("127.1.2.3")
    assert not listening.is_own("192.0.2.1")


FORKED = """
import os, socket, time
listening = socket.create_server(("127.0.0.1", 0))
os.fork()
os.write(1, f"{listening.getsockname()[1]:<9}".encode())
time.sleep(60)
"""


def test_the_topmost_holder_of_the_socket_is_found_with_its_workers() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", FORKED], stdout=subprocess.PIPE, text=True) as process:
        try:
            ports = {int(process.stdout.read(9)) for _ in range(2)}
            found = listening.listening("127.0.0.1", *ports)
            assert [each.pid for each in found.roots] == [process.pid]
            assert found.title.endswith(f", process {process.pid} and 1 more")
            assert found.identity == listening.listening("127.0.0.1", *ports).identity
            assert [len(found.identity.roots), len(found.identity.workers)] == [1, 1]
        finally:
            for each in psutil.Process(process.pid).children():
                each.kill()
            process.kill()


FORKING = """
import os, signal, socket, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
with socket.create_server(("127.0.0.1", 0)) as listening:
    print(listening.getsockname()[1], flush=True)
    sys.stdin.readline()
"""


@contextmanager
def program(code: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A program that prints its port."""
    argv = [sys.executable, "-S", "-c", code]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def rows_of(port: int) -> list[Any]:
    rows: list[Any] = psutil.net_connections("tcp")
    return [row for row in rows if row.laddr.port == port]


def test_a_process_that_ends_while_it_is_looked_at_is_not_that_of_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    with program(FORKING) as (process, port):
        ended = [row._replace(pid=2**22 + 1) for row in rows_of(port)]  # no process has this id
        looks = iter([ended, rows_of(port)])
        monkeypatch.setattr(psutil, "net_connections", lambda _: next(looks))
        found = listening.listening("127.0.0.1", port)
        assert ([each.pid for each in found.roots], found.hidden) == ([process.pid], None)


def test_the_ipv4_wildcard_comes_before_the_one_of_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    with program(FORKING) as (process, port):
        known = rows_of(port)
        own = socket.create_server(("127.0.0.1", 0))
        four = [row._replace(laddr=row.laddr._replace(ip=address.ANYWHERE)) for row in known]
        six = [
            row._replace(laddr=row.laddr._replace(ip="::"), pid=psutil.Process().pid, fd=own.fileno()) for row in known
        ]
        monkeypatch.setattr(psutil, "net_connections", lambda _: [*six, *four])
        assert [each.pid for each in listening.listening("127.0.0.1", port).roots] == [process.pid]
        monkeypatch.setattr(psutil, "net_connections", lambda _: six)
        assert listening.listening("127.0.0.1", port).hidden == "it runs in the lab's own process"
        own.close()


def test_a_service_is_restarted_if_all_its_workers_are_new() -> None:
    known = Identity(roots=("1 10",), workers=("2 11", "3 11"))
    assert not known.is_restarted(known)
    assert not known.is_restarted(Identity(roots=("1 10",), workers=("3 11", "4 50")))
    assert known.is_restarted(Identity(roots=("1 10",), workers=("4 50", "5 50")))
    assert known.is_restarted(Identity(roots=("1 10",)))
    assert known.is_restarted(Identity(roots=("1 60",), workers=("2 61", "3 61")))
    assert known.is_restarted(Identity())
    assert not Identity().is_restarted(known)
    assert not Identity(roots=("1 10",)).is_restarted(known)
    assert known.lasting(Identity(roots=("1 10",), workers=("3 11",))) == replace(known, workers=("3 11",))


def test_a_socket_without_a_process_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        known = [row._replace(pid=None) for row in psutil.net_connections("tcp")]
        monkeypatch.setattr(psutil, "net_connections", lambda _: known)
        assert "belongs to another user" in str(listening.listening("127.0.0.1", port).hidden)
        monkeypatch.setattr(psutil, "net_connections", lambda _: [])
        assert "its packets are forwarded" in str(listening.listening("127.0.0.1", port).hidden)


def test_what_cannot_be_read_has_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> float:
        raise DisturbedError("the server still used 40 % of a core 5 s after its last answer")

    own = listening.Listening(roots=(psutil.Process(),))
    reader = Reader(address.Service(address="127.0.0.1", port=1, authority="x", found=own))
    monkeypatch.setattr(cpu_time, "read_when_idle", busy)
    monkeypatch.setattr(process_tree, "pss_bytes", lambda *_: Path("/nowhere").stat())
    assert (reader.cpu(), reader.memory()) == (None, None)
    assert reader.hidden == {
        "cpu": "the server still used 40 % of a core 5 s after its last answer",
        "memory": "its processes cannot be read (FileNotFoundError)",
    }


def test_cpu_is_unavailable_where_ended_processes_are_not_waited_for() -> None:
    with program(FORKING) as (_, port):
        found = listening.listening("127.0.0.1", port)
        reader = Reader(address.Service(address="127.0.0.1", port=port, authority="x", found=found))
        assert reader.cpu() is None
        assert reader.memory()
        told = "the service ignores SIGCHLD, so the CPU time of its ended processes is lost"
        assert reader.hidden == {"cpu": told}
        sample = reader.sample()
        assert sample.own == sample.busy


def test_the_work_of_the_service_is_no_noise() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) as process:
        try:
            root = psutil.Process(process.pid)
            found = listening.Listening(roots=(root,))
            reader = Reader(address.Service(address="127.0.0.1", port=1, authority="x", found=found))
            before, began = reader.sample(), root.cpu_times().user
            while root.cpu_times().user < began + 0.3:
                time.sleep(0.01)
            after = reader.sample()
            assert after.own - before.own > 0.25
            assert process.pid not in after.others
        finally:
            process.kill()
