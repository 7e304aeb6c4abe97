"""A stack under every attack: what comes back, whether a process ends, and whether the next good request is answered.

Quick attacks go to one server, one after the other. Each slow one has a fresh server of its own, all at the same time,
so that what happens to that server is due to that attack. A quick attack that ends near its limit is tried once more
after the others, and that trial counts: what a busy machine delays is no fault of a server.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from functools import partial
from pathlib import Path

import msgspec
import psutil

from bench import verify
from bench.attacks import CORPUS, Hostile
from bench.attacks.requests import DOCUMENT, STATEMENT
from bench.catalog import pairing
from bench.documents.answers import difference
from bench.errors import LabError
from bench.host.pinning import cores
from bench.measure.instruments import hostility, process_tree
from bench.model import Catalog, Exchange, Good, Measurement, Observed, Reaction, RobustnessCase, Trial
from bench.serve import proxy
from bench.serve.http_client import HELLO, answered
from bench.serve.life_cycle import RunningServer, serving

POSTED = Exchange(method="POST", path="/statements", body=DOCUMENT, expect=STATEMENT.encode())
RECOVERY_SECONDS = 15.0  # after which a server that answers nothing right is started again
POLL_SECONDS = 0.2
REST_SECONDS = 1.0  # before memory is read
NEAR = 0.2  # of the limit: a trial that ends within that distance, or later, is tried once more


Serve = Callable[[Path], AbstractContextManager[RunningServer]]  # of the path of its log


class Target:
    """A server under attack, which `serve` starts. It is started again if an attack has ended it."""

    def __init__(self, serve: Serve, log: Path) -> None:
        self._serve, self._log = serve, log
        self.starts, self.is_over = 0, False
        self._start()

    def _start(self) -> None:
        self.starts += 1
        log = self._log if self.starts == 1 else self._log.with_suffix(f".{self.starts}.log")
        life = ExitStack()
        self.running = life.enter_context(self._serve(log))
        self._life = life

    def stop(self) -> None:
        """End the server for good. That an attack ended it before, or that it outlives its signal, is no error here."""
        self.is_over = True
        self._end()

    def _end(self) -> None:
        with suppress(LabError):  # it was killed, and `Trial.died` tells of its end
            self._life.close()

    def restart(self) -> None:
        """End the server and start it again."""
        self._end()
        self._start()

    def processes(self) -> list[tuple[psutil.Process, str]]:
        """All processes of the server, with their names."""
        try:
            tree = [self.running.process, *self.running.process.children(recursive=True)]
            return [(each, each.name()) for each in tree]
        except psutil.NoSuchProcess:
            return []


def observe(catalog: Catalog, case: RobustnessCase, output: Path) -> Observed:
    """Attack fresh servers of the case's stack.

    Metrics: `memory.idle` and `memory.after`: PSS of the server of the quick attacks, in bytes. `restarts`: how often
    it had to be started again. The facts have the attacks, a `Trial` for each that counts, and `first`, the trials that
    were repeated. Raises LabError if no server starts.
    """

    def serve(log: Path) -> AbstractContextManager[RunningServer]:
        return serving(catalog, case.stack, HELLO, log, cores().server)

    slow, quick = ([each for each in CORPUS if each.slow is is_slow] for is_slow in (True, False))
    trials: list[Trial] = []
    with ExitStack() as targets:
        pool = targets.enter_context(ThreadPoolExecutor(len(slow)))
        waiting = []
        for each in slow:
            target = Target(serve, output.with_name(f"{output.name}.{each.attack.name}.log"))
            targets.callback(target.stop)  # before the pool waits for its attack, if the study is interrupted
            waiting.append(pool.submit(_alone, target, each, case))
        main = Target(serve, output.with_suffix(".log"))
        targets.callback(main.stop)
        facts = verify.ask_provenance(catalog, main.running.port, case.stack)
        before = process_tree.pss_bytes(main.running.process)
        trials += [tried(main, each, case.limit_seconds, case.limit_seconds) for each in quick]
        repeated = [each for each in trials if each.seconds >= case.limit_seconds * (1 - NEAR)]
        again = {each.attack for each in repeated}
        trials = [each for each in trials if each.attack not in again]
        trials += [
            tried(main, each, case.limit_seconds, case.limit_seconds) for each in quick if each.attack.name in again
        ]
        time.sleep(REST_SECONDS)
        after = process_tree.pss_bytes(main.running.process)
        trials += [each.result() for each in waiting]
    server = None if case.stack.is_peer else pairing.server_file(catalog, case.stack)
    facts |= {"proxy": proxy.version(server.proxy)} if server and server.proxy else {}
    metrics = {"memory.idle": ("B", before), "memory.after": ("B", after), "restarts": ("1", main.starts - 1.0)}
    return Observed(
        measurements=tuple(Measurement(metric=m, unit=unit, values=(value,)) for m, (unit, value) in metrics.items()),
        facts=facts
        | {
            "attacks": msgspec.to_builtins([each.attack for each in CORPUS]),
            "trials": msgspec.to_builtins(trials),
            "first": msgspec.to_builtins(repeated),
        },
    )


def _alone(target: Target, hostile: Hostile, case: RobustnessCase) -> Trial:
    """The trial of a slow attack on a server of its own, which ends with it."""
    try:
        return tried(target, hostile, case.patience_seconds, case.limit_seconds)
    finally:
        target.stop()


def tried(target: Target, hostile: Hostile, limit_seconds: float, good_seconds: float) -> Trial:
    """Attack a server once, then send good requests until one is answered right, or start it again.

    While a held attack goes on, and after each, a good request has `good_seconds`.
    """
    port, processes = target.running.port, target.processes()
    beside: list[Good] = []
    ask = partial(good, port, good_seconds)
    for _ in range(hostile.before):
        ask()
    address = (target.running.host, port)
    ended = asyncio.run(hostility.attack(hostile, address, limit_seconds, beside=lambda: beside.append(ask())))
    after = ask()
    recovered = None if after.right else _recovered(target, ask)
    died = tuple(name for process, name in processes if not process_tree.is_alive(process))
    if not (after.right or target.is_over) and recovered is None:
        target.restart()
    first = ended[0]
    return Trial(
        attack=hostile.attack.name,
        received=first.received.decode("latin-1"),
        received_bytes=first.received_bytes,
        end=first.end,
        ends=hostility.ends(ended),
        others=_others(ended),
        heard=first.heard,
        seconds=first.seconds,
        beside=next(iter(beside), None),
        after=after,
        recovered_seconds=recovered,
        died=died,
    )


def _others(ended: Sequence[hostility.Ended]) -> tuple[Reaction, ...]:
    """The connections that went another way than the first one."""
    ways = Counter((each.received.decode("latin-1"), each.end) for each in ended)
    del ways[ended[0].received.decode("latin-1"), ended[0].end]
    return tuple(Reaction(received=received, end=end, count=count) for (received, end), count in ways.items())


def good(port: int, limit_seconds: float) -> Good:
    """Send a good GET and a good POST, each over a connection of its own, and compare the answers."""
    began = time.monotonic()
    told = None
    for exchange in (HELLO, POSTED):
        try:
            told = difference(exchange, answered(port, exchange, limit_seconds))
        except LabError as error:
            told = str(error)
        if told:
            break
    return Good(right=told is None, told=told, seconds=time.monotonic() - began)


def _recovered(target: Target, ask: Callable[[], Good]) -> float | None:
    """The seconds until a good request is answered right again; None if that takes too long."""
    began = time.monotonic()
    while time.monotonic() < began + RECOVERY_SECONDS and not target.is_over:
        if ask().right:
            return time.monotonic() - began
        time.sleep(POLL_SECONDS)
    return None
