"""Addresses of this machine, and the processes that listen there. Sources: proc(5), socket(7)."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

PROC = Path("/proc")
TRIES, AGAIN_SECONDS = 20, 0.05
TUNNELS = {"kubectl", "ssh"}  # they forward to another machine
FORWARDERS = {"docker-proxy", "pasta", "rootlessport", "slirp4netns"}  # they forward to a container
MANAGERS = {"systemd"}  # it may hold the sockets of the services that it starts


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The processes of a service: their ids and times of start, in ticks since boot."""

    roots: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()

    def lasting(self, later: Identity) -> Identity:
        """Return the processes that still run `later`: without those that served one request and ended."""
        roots, workers = (
            tuple(each for each in one if each in other)
            for one, other in ((self.roots, later.roots), (self.workers, later.workers))
        )
        return Identity(roots=roots, workers=workers)

    def is_restarted(self, later: Identity) -> bool:
        """Return True if none of the roots, or none of the workers, still runs `later`.

        A server that replaces some of its workers is still the same. Invisible processes are never restarted.
        """
        left = self.lasting(later)
        return bool((self.roots and not left.roots) or (self.workers and not left.workers))


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """The topmost processes that hold the listening socket of an address; their descendants serve it, too.

    `workers` are the descendants that hold the socket, or all descendants if none does. `hidden` says why there are no
    processes. `tunnel` is the program that forwards the address to another machine.
    """

    roots: tuple[psutil.Process, ...] = ()
    workers: tuple[psutil.Process, ...] = ()
    hidden: str | None = None
    tunnel: str | None = None

    @property
    def identity(self) -> Identity:
        """What differs after a restart. An ended process is left out."""
        return Identity(roots=tuple(_started(self.roots)), workers=tuple(_started(self.workers)))

    @property
    def title(self) -> str:
        """Name and id of the first process, and the number of the others."""
        others = sum(1 + len(root.children(recursive=True)) for root in self.roots) - 1
        more = f" and {others} more" if others else ""
        return f"{self.roots[0].name()}, process {self.roots[0].pid}{more}"


def is_own(address: str) -> bool:
    """Return True for an IPv4 address of this machine."""
    known = {each.address for all_ in psutil.net_if_addrs().values() for each in all_ if each.family == socket.AF_INET}
    return ipaddress.ip_address(address).is_loopback or address in known


def listening(address: str, port: int) -> Listening:
    """Return the processes that listen at `address`:`port`, an IPv4 address of this machine.

    A server may start a process for each request, and one of them may end while it is looked at. It is then repeated.
    """
    for _ in range(TRIES):
        with suppress(psutil.NoSuchProcess):
            if found := _listening(address, port):
                return found
        time.sleep(AGAIN_SECONDS)
    return Listening(hidden="its processes end too soon to be seen")


def _listening(address: str, port: int) -> Listening | None:
    """Return None if the processes that were found have just ended."""
    rows = [row for row in psutil.net_connections("tcp") if row.status == psutil.CONN_LISTEN]
    held = [row for row in rows if row.laddr and row.laddr.port == port]
    by_address = ([row for row in held if row.laddr and row.laddr.ip in ips] for ips in _preferred(address))
    found = next(filter(None, by_address), [])
    if not found:
        return Listening(hidden="no process listens there itself: its packets are forwarded, such as to a container")
    if not all(row.pid for row in found):
        return Listening(hidden="its process belongs to another user: run the lab as that user or as root")
    sockets = {_target(PROC / str(row.pid) / "fd" / str(row.fd)) for row in found} - {""}  # without ended processes
    if not sockets:
        return None
    holders = set(_holders(sockets))
    roots = tuple(_topmost(holders))
    for name in (each.name() for each in roots):
        if name in TUNNELS:
            return Listening(hidden=f"{name} forwards it to another machine", tunnel=name)
        if name in FORWARDERS:
            return Listening(hidden=f"{name} forwards it to a container, whose processes it hides")
    if set(roots) & {psutil.Process(), *psutil.Process().parents()}:
        return Listening(hidden="it runs in the lab's own process")
    if not roots:
        return Listening(hidden="only a service manager holds its socket")
    return Listening(roots=roots, workers=tuple(holders - set(roots)) or tuple(_descendants(roots)))


def _preferred(address: str) -> tuple[set[str], ...]:
    """Return the local addresses of sockets in the order in which Linux prefers them for an IPv4 `address`."""
    return {address, f"::ffff:{address}"}, {"0.0.0.0"}, {"::"}  # noqa: S104 - compared, not bound


def _started(processes: Iterable[psutil.Process]) -> Iterator[str]:
    """Yield id and time of start of each process that still runs."""
    for each in sorted(processes, key=lambda each: each.pid):
        with suppress(OSError):
            fields = (PROC / str(each.pid) / "stat").read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                yield f"{each.pid} {fields[19]}"


def _descendants(roots: Iterable[psutil.Process]) -> Iterator[psutil.Process]:
    for root in roots:
        with suppress(psutil.NoSuchProcess):
            yield from root.children(recursive=True)


def _holders(sockets: set[str]) -> Iterator[psutil.Process]:
    """Yield the processes that hold any of the sockets, which are named as in /proc/PID/fd."""
    for process in psutil.process_iter():
        with suppress(OSError, psutil.NoSuchProcess):
            files = list((PROC / str(process.pid) / "fd").iterdir())
            if any(_target(file) in sockets for file in files) and process.name() not in MANAGERS:
                yield process


def _topmost(processes: Iterable[psutil.Process]) -> Iterator[psutil.Process]:
    """Yield those of the processes that descend from no other one."""
    known = set(processes)
    for each in sorted(known, key=lambda each: each.pid):
        with suppress(psutil.NoSuchProcess):
            if not known & set(each.parents()):
                yield each


def _target(file: Path) -> str:
    """Return what a file descriptor is, such as `socket:[4711]`; an empty string once it is closed."""
    with suppress(OSError):
        return str(file.readlink())
    return ""
