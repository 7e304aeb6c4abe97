"""CPU time and memory of a service that the lab has not started, as far as its processes are visible."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import psutil
from msgspec.structs import replace

from bench.errors import DisturbedError
from bench.host import cpu_time, quiet
from bench.measure.instruments import process_tree
from bench.own.address import Service

LOST = "the service ignores SIGCHLD, so the CPU time of its ended processes is lost"


class Reader:
    """Reads CPU time and memory of a service's processes; `hidden` says why one of them cannot be read."""

    def __init__(self, service: Service) -> None:
        self._roots, self._is_here = service.found.roots, service.is_here
        self._meter = cpu_time.of_tree(*self._roots) if self._roots else None
        hidden = service.found.hidden
        self.hidden: dict[str, str] = {"cpu": hidden, "memory": hidden} if hidden else {}
        with suppress(OSError):
            if any(cpu_time.ignores_children(root) for root in self._roots):
                self.hidden["cpu"], self._meter = LOST, None

    def cpu(self) -> float | None:
        """Return the CPU seconds since the processes started, once they are idle."""
        meter = self._meter
        return self._read("cpu", lambda: cpu_time.read_when_idle(meter)) if meter else None

    def memory(self) -> float | None:
        """Return the PSS in bytes."""
        return self._read("memory", lambda: process_tree.pss_bytes(*self._roots))

    def sample(self) -> quiet.Sample:
        """Sample the machine, with the service as a part of the lab.

        Without a view of a service on this machine, no CPU time counts as that of other processes.
        """
        sample = quiet.sample()
        if self._meter is None:
            return replace(sample, own=sample.busy) if self._is_here else sample
        try:
            tree = {each.pid for root in self._roots for each in (root, *root.children(recursive=True))}
            own = sample.own + self._meter.read()
        except psutil.NoSuchProcess:
            return replace(sample, own=sample.busy)
        return replace(sample, own=own, others={pid: each for pid, each in sample.others.items() if pid not in tree})

    def _read(self, what: str, read: Callable[[], float]) -> float | None:
        if what in self.hidden:
            return None
        try:
            return read()
        except DisturbedError as error:
            self.hidden[what] = str(error)
        except (psutil.Error, OSError) as error:
            self.hidden[what] = f"its processes cannot be read ({type(error).__name__})"
        return None
