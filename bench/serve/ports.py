"""TCP ports of this machine: one that is free, or the program that holds a given one."""

from __future__ import annotations

import errno
import fcntl
import random
import socket
from contextlib import suppress

import psutil

from bench.errors import LabError
from bench.paths import LAB

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_000)  # the kernel gives clients others: none of them takes one that is not yet listened to


def free_port(host: str = LOOPBACK) -> int:
    """Return a TCP port that is currently free at `host`, an address of this machine, and given to no other caller.

    Two servers that set SO_REUSEPORT could both listen on one port, and each would answer requests of the other.
    """
    for _ in PORTS:
        port = _next_port()
        with suppress(OSError), socket.create_server((host, port)):
            return port
    raise LabError(f"no port from {PORTS.start} to {PORTS.stop - 1} of {host} is free")


def _next_port() -> int:
    """The port after the one that was given last, to whichever process of this checkout."""
    LAB.mkdir(exist_ok=True)
    with (LAB / "last-port").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        last = file.read()
        port = PORTS[(int(last) + 1 - PORTS.start) % len(PORTS)] if last else random.choice(PORTS)
        file.truncate(0)
        file.write(str(port))
    return port


def require_free(port: int, host: str = LOOPBACK) -> None:
    """Raises LabError unless a server can listen on TCP `port` of `host`; it names the program that does, if known."""
    try:
        socket.create_server((host, port)).close()
    except PermissionError as error:
        raise LabError(f"port {port} of {host} requires root: use a port from 1024 on") from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise LabError(f"port {port} of {host}: {error.strerror}") from error
        raise LabError(f"port {port} of {host} is in use{_holder(port)}: stop it, or use another port") from error


def _holder(port: int) -> str:
    """The program that listens on TCP `port`, in words."""
    with suppress(psutil.Error):
        for each in psutil.net_connections("tcp"):
            if each.pid and each.laddr and each.laddr.port == port and each.status == psutil.CONN_LISTEN:
                return f" by {psutil.Process(each.pid).name()} (process {each.pid})"
    return " by another program"
