"""Addresses of this machine, and the processes that listen there. Sources: proc(5), socket(7)."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

PROC = Path("/proc")
TUNNELS = {"kubectl", "ssh"}  # they forward to another machine
FORWARDERS = {"docker-proxy", "pasta", "rootlessport", "slirp4netns"}  # they forward to a container
MANAGERS = {"systemd"}  # it may hold the sockets of the services that it starts
WILDCARDS = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """The topmost processes that hold the listening socket of an address; their descendants serve it, too.

    `hidden` says why there are none. `tunnel` is the program that forwards the address to another machine.
    """

    roots: tuple[psutil.Process, ...] = ()
    hidden: str | None = None
    tunnel: str | None = None

    @property
    def identity(self) -> tuple[str, ...]:
        """What differs after a restart: process ids and times of start, in ticks since boot."""
        stats = [(PROC / str(each.pid) / "stat").read_text() for each in self.roots]
        return tuple(f"{stat.split()[0]} {stat.rpartition(')')[2].split()[19]}" for stat in stats)

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
    """Return the processes that listen at `address`:`port`, an IPv4 address of this machine."""
    rows = [row for row in psutil.net_connections("tcp") if row.status == psutil.CONN_LISTEN]
    held = [row for row in rows if row.laddr and row.laddr.port == port]
    exact = [row for row in held if row.laddr and row.laddr.ip in {address, f"::ffff:{address}"}]
    found = exact or [row for row in held if row.laddr and row.laddr.ip in WILDCARDS]
    if not found:
        return Listening(hidden="no process listens there itself: its packets are forwarded, such as to a container")
    if not all(row.pid for row in found):
        return Listening(hidden="its process belongs to another user: run the lab as that user or as root")
    roots = tuple(_topmost(_holders({_target(PROC / str(row.pid) / "fd" / str(row.fd)) for row in found})))
    for name in (each.name() for each in roots):
        if name in TUNNELS:
            return Listening(hidden=f"{name} forwards it to another machine", tunnel=name)
        if name in FORWARDERS:
            return Listening(hidden=f"{name} forwards it to a container, whose processes it hides")
    if set(roots) & {psutil.Process(), *psutil.Process().parents()}:
        return Listening(hidden="it runs in the lab's own process")
    return Listening(roots=roots, hidden=None if roots else "only a service manager holds its socket")


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
    yield from (each for each in sorted(known, key=lambda each: each.pid) if not known & set(each.parents()))


def _target(file: Path) -> str:
    """Return what a file descriptor is, such as `socket:[4711]`; an empty string once it is closed."""
    with suppress(OSError):
        return str(file.readlink())
    return ""
