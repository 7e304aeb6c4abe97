"""A server that is replaced while it runs: by itself, or by another process that takes its place."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psutil

from bench.errors import LabError
from bench.host.cgroup import Group
from bench.host.pinning import cores, pinned
from bench.model import Catalog, Replacement, Stack
from bench.paths import PREFIXES
from bench.serve import process, proxy, releases, start_command
from bench.serve.life_cycle import HOST, READY_SECONDS
from bench.serve.ports import free_port
from bench.serve.start_command import BACKLOG

FIRST = 1  # the version that is served first
POLL_SECONDS = 0.02
STOP_SECONDS = 40.0  # a server may wait for idle connections: Gunicorn does for 30 s
GIVE_UP_SECONDS = 3.0  # waiting for a version that does not start, or answers wrong


class Generation(NamedTuple):
    """A process that was started with a version: its port, its process group, and what ends it."""

    port: int
    group: int
    life: ExitStack


class Succession:
    """A stack that is replaced in one way. Clients ask at `port`, whichever version answers there."""

    def __init__(
        self, catalog: Catalog, stack: Stack, way: Replacement, *, scratch: Path, log: Path, group: Group | None
    ) -> None:
        alone = msgspec.structs.replace(way, proxy=None)
        self._catalog = msgspec.structs.replace(catalog, tunings=catalog.tunings | {way.name: alone})
        self._stack = stack if stack.is_peer else msgspec.structs.replace(stack, server=f"{stack.server}+{way.name}")
        self._way, self._scratch, self._log, self._group = way, scratch, log, group
        self._proxy: psutil.Process | None = None
        self.port = free_port()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the first version, and the proxy before it. Whichever version is the current one ends after the block.

        Raises LabError if it is not ready in time, and if a process ends by itself that should not.
        """
        self._touch()
        releases.put(self._scratch, FIRST)
        self._current = self._started(FIRST)
        with ExitStack() as life:
            life.push(self._end)
            if self._way.proxy:
                argv = proxy.configured(self._way.proxy, self._scratch, self._placeholders())
                program = self._program(argv, {}, self.port, FIRST, ".proxy.log")
                self._proxy = life.enter_context(process.running(program)).process
            yield

    def _end(self, *error: Any) -> bool | None:
        """End whichever process is the current one by then."""
        return self._current.life.__exit__(*error)

    def replace(self, version: int) -> None:
        """Put a version in place, and replace the running one by it, as far as its way says what to do.

        Raises LabError if a new process never answers, or an old one never ends.
        """
        releases.put(self._scratch, version)
        if self._way.order is None:
            self._renew(version)
            return
        old = self._current
        if self._way.order == "stop-first":
            old.life.close()
        self._current = self._started(version)
        self._lead()
        if self._way.order == "start-first":
            old.life.close()

    def rest(self) -> None:
        """Wait until the server can be replaced again, once only the new version answers."""
        time.sleep(self._way.rest)

    def roll_back(self, version: int) -> None:
        """Replace a bad version: in the same way, or by a new start if no process is left.

        A second process that the server has started beside its first one ends before.
        """
        try:
            first_of(self._current.group)
        except LabError:
            with suppress(LabError):  # it ended by itself
                self._current.life.close()
            releases.put(self._scratch, version)
            self._current = self._started(version)
        else:
            self._end_successor()
            self.replace(version)

    def _end_successor(self) -> None:
        if self._way.successor and (pid := _read(self._placed(self._way.successor))):
            psutil.Process(int(pid)).terminate()
            _await(lambda: not psutil.pid_exists(int(pid)), "a bad successor has not ended")

    def roots(self) -> list[psutil.Process]:
        """The first process of the server, and that of the proxy."""
        return [first_of(self._current.group), *([self._proxy] if self._proxy else [])]

    def _started(self, version: int) -> Generation:
        """Start a process with the current version. It is ready when that answers over a new connection."""
        port = free_port() if self._way.proxy else self.port
        argv, env = start_command.command(self._catalog, self._stack, port, HOST, self._scratch)
        env = releases.environment(self._stack, self._scratch, version, env)
        life = ExitStack()
        started = life.enter_context(process.running(self._program(argv, env, port, version, f".{version}.log")))
        return Generation(port, started.process.pid, life)

    def _program(self, argv: list[str], env: dict[str, str], port: int, version: int, log: str) -> process.Program:
        peer = self._catalog.peers.get(self._stack.variant)
        return process.Program(
            name=str(self._stack),
            argv=pinned(self._group.argv_within(argv) if self._group else argv, cores().server),
            folder=PREFIXES / (peer.build if peer else self._stack.variant),
            env=env,
            log=self._log.with_name(f"{self._log.name}{log}"),
            is_ready=lambda: releases.shown(self._stack, port) == str(version),
            ready_seconds=_patience(version, READY_SECONDS),
            poll_seconds=POLL_SECONDS,
            signal=signal.SIGTERM,
            stop_seconds=STOP_SECONDS,
            hands_over=bool(self._way.pid_file),
        )

    def _renew(self, version: int) -> None:
        """The server replaces itself."""
        self._touch()
        first = first_of(self._current.group)
        for number, name in enumerate(self._way.signals):
            if number:
                self._await_answer(version)
            first.send_signal(signal.Signals[f"SIG{name}"])
        if self._way.pid_file:
            _await_ends([first])
            path = self._placed(self._way.pid_file)
            _await(lambda: _read(path) == str(first_of(self._current.group).pid), "it has no successor")

    def _await_answer(self, version: int) -> None:
        seconds = _patience(version, STOP_SECONDS)
        _await(
            lambda: releases.shown(self._stack, self.port) == str(version), "the new version has not answered", seconds
        )

    def _touch(self) -> None:
        if self._way.touch:
            self._placed(self._way.touch).touch()

    def _placed(self, path: str) -> Path:
        return Path(path.format(scratch=self._scratch))

    def _lead(self) -> None:
        """Lead the proxy, if there is one, to the current process. Its old workers answer what they have, and end."""
        if self._proxy is None or self._way.proxy is None:
            return
        workers = self._proxy.children()
        proxy.configured(self._way.proxy, self._scratch, self._placeholders())
        self._proxy.send_signal(signal.SIGHUP)
        _await_ends(workers)

    def _placeholders(self) -> dict[str, str]:
        return {
            "host": HOST,
            "port": str(self.port),
            "backlog": str(BACKLOG),
            "scratch": str(self._scratch),
            "server": f"{HOST}:{self._current.port}",
        }


def first_of(group: int) -> psutil.Process:
    """The process of a group whose parent is outside of it: that which began the group, or its successor.

    Raises LabError if no process of the group is left.
    """
    members = {
        each.pid: each
        for each in psutil.process_iter(["ppid", "status"])
        if each.info["status"] != psutil.STATUS_ZOMBIE and _group_of(each.pid) == group
    }
    for each in members.values():
        if each.info["ppid"] not in members:
            return each
    raise LabError("no process of the server is left")


def _group_of(pid: int) -> int | None:
    with suppress(ProcessLookupError):
        return os.getpgid(pid)
    return None


def _read(path: Path) -> str:
    with suppress(FileNotFoundError):
        return path.read_text().strip()
    return ""


def _await_ends(processes: Sequence[psutil.Process]) -> None:
    _await(lambda: all(map(_has_ended, processes)), "an old process has not ended")


def _has_ended(process: psutil.Process) -> bool:
    """Whether a process has ended, even if its parent has not reaped it."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _patience(version: int, seconds: float) -> float:
    """How long to wait for a version: `seconds`, but less for a bad one."""
    return GIVE_UP_SECONDS if version in releases.BAD else seconds


def _await(is_so: Callable[[], bool], otherwise: str, seconds: float = STOP_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise LabError(f"{otherwise} after {seconds:g} s")
        time.sleep(POLL_SECONDS)
