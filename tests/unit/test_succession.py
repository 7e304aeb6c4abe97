"""Servers that are replaced: which process is the first one, what may end by itself, and what a release is on disk."""

import signal
import sys
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from bench.errors import LabError
from bench.model import Stack
from bench.serve import process, proxy, releases, succession
from tests.declared import CATALOG

PARENT = """
import subprocess, sys, time
hands_over = sys.argv[1:]
child = "import time; time.sleep(60)" if hands_over else "import sys; sys.stdin.read()"
process = subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE)
open("started", "w").close()
time.sleep(1) if hands_over else process.wait()
"""


def program(folder: Path, *words: str, hands_over: bool = False) -> process.Program:
    return process.Program(
        name="it",
        argv=[sys.executable, "-c", PARENT, *words],
        folder=folder,
        env={},
        log=folder / "log",
        is_ready=(folder / "started").exists,
        ready_seconds=10.0,
        poll_seconds=0.01,
        signal=signal.SIGTERM,
        stop_seconds=5.0,
        hands_over=hands_over,
    )


def test_the_first_process_of_a_server_has_a_parent_outside_of_it(tmp_path: Path) -> None:
    with process.running(program(tmp_path)) as started:
        assert succession.first_of(started.process.pid) == started.process
        assert len(started.process.children()) == 1


def test_a_process_that_hands_over_may_end_and_its_successor_ends_with_the_block(tmp_path: Path) -> None:
    with process.running(program(tmp_path, "end", hands_over=True)) as started:
        psutil.wait_procs([started.process], 5)
        successor = succession.first_of(started.process.pid)
        assert successor.pid != started.process.pid
    assert psutil.wait_procs([successor], 5)[0] or successor.status() == psutil.STATUS_ZOMBIE
    with pytest.raises(LabError, match=r"^no process of the server is left$"):
        succession.first_of(started.process.pid)


def test_any_other_process_that_ends_by_itself_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(LabError, match="exited by itself with status 0"),
        process.running(program(tmp_path, "end")) as it,
    ):
        psutil.wait_procs([it.process], 5)


def test_the_link_leads_to_the_latest_version_and_earlier_ones_stay(tmp_path: Path) -> None:
    for version in (1, 2):
        releases.put(tmp_path, version)
        assert (tmp_path / "current/release.py").read_text() == f'VERSION = "{version}"\n'
    assert (tmp_path / "releases/1/release.py").is_file()


def test_a_process_finds_its_version_on_its_path_and_a_peer_in_its_environment(tmp_path: Path) -> None:
    python, peer = Stack(variant="cpython", framework="falcon", server="bjoern"), Stack(variant="node-ordinary")
    env = releases.environment(python, tmp_path, 3, {"PYTHONPATH": "/yardsticks"})
    assert env == {"PYTHONPATH": f"{tmp_path}/current:/yardsticks"}
    assert releases.environment(peer, tmp_path, 3, {})["RELEASE"] == "3"
    assert (releases.header_of(python), releases.header_of(peer)) == ("x-version", "server")


def test_a_proxy_leads_to_the_address_of_the_current_process(tmp_path: Path) -> None:
    way = CATALOG.replacements["behind-nginx"]
    assert way.proxy
    places = {"host": "127.0.0.1", "port": "1", "backlog": "2", "scratch": str(tmp_path), "server": "127.0.0.1:3"}
    argv = proxy.configured(way.proxy, tmp_path, places)
    assert argv[:3] == ["/usr/sbin/nginx", "-p", str(tmp_path)]
    assert "server 127.0.0.1:3 fail_timeout=0;" in (tmp_path / "proxy.conf").read_text()
    assert "{" not in proxy.configured(replace(way.proxy, argv=("{server}",)), tmp_path, places)[0]
