"""A server and its proxy as one process tree: both run while the root does, and none is left behind."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from bench.model import Proxy
from bench.serve import proxy

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
TIMEOUT_SECONDS = 10


@contextmanager
def running(scratch: Path, server: list[str], before: list[str]) -> Iterator[psutil.Popen]:
    """Run `server` behind the proxy `before` in one tree."""
    front = proxy.configured(Proxy(argv=tuple(before), version=("true",), config=""), scratch, {})
    root = psutil.Popen(proxy.behind(front, server), start_new_session=True)
    try:
        yield root
    finally:
        with suppress(ProcessLookupError):
            os.killpg(root.pid, signal.SIGKILL)
        root.wait(TIMEOUT_SECONDS)


def both(root: psutil.Popen) -> list[psutil.Process]:
    """Return the server and its proxy, once both exist."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while len(root.children()) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    return sorted(root.children(), key=lambda process: process.pid)


def test_placeholders_are_replaced_and_the_configurations_own_braces_kept(tmp_path: Path) -> None:
    config = "http { listen {host}:{port}; set $a '{}'; }"
    declared = Proxy(argv=("proxy", "{scratch}/proxy.conf"), version=("true",), config=config)
    front = proxy.configured(declared, tmp_path, {"scratch": "/a b", "host": "127.0.0.1", "port": "80"})
    argv = proxy.behind(front, ["serve"])
    assert (tmp_path / "proxy.conf").read_text() == "http { listen 127.0.0.1:80; set $a '{}'; }"
    assert argv[0] == "sh"
    assert "\nproxy '/a b/proxy.conf' & " in argv[2]
    assert argv[-1] == "serve"


def test_the_version_is_the_programs_own() -> None:
    print_version = (sys.executable, "-c", "import sys; sys.stderr.write('nginx version: nginx/1.22.1\\n')")
    assert proxy.version(Proxy(argv=("nginx",), version=print_version, config="")) == "nginx/1.22.1"


def test_sigterm_ends_both(tmp_path: Path) -> None:
    with running(tmp_path, SLEEP, SLEEP) as root:
        tree = both(root)
        root.terminate()
        root.wait(TIMEOUT_SECONDS)
        assert not [process for process in tree if process.is_running()]


@pytest.mark.parametrize("first", [0, 1])
def test_neither_outlives_the_other(tmp_path: Path, first: int) -> None:
    with running(tmp_path, SLEEP, SLEEP) as root:
        tree = both(root)
        tree[first].kill()
        root.wait(TIMEOUT_SECONDS)
        assert not [process for process in tree if process.is_running()]


@pytest.mark.parametrize(("server", "before"), [(["false"], SLEEP), (SLEEP, ["false"])])
def test_a_failed_start_of_one_ends_the_other(tmp_path: Path, server: list[str], before: list[str]) -> None:
    with running(tmp_path, server, before) as root:
        root.wait(TIMEOUT_SECONDS)
