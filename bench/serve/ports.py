"""TCP ports of this machine: one that is free, or the program that holds a given one."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

import psutil

from bench.errors import LabError

LOOPBACK = "127.0.0.1"


def free_port(host: str = LOOPBACK) -> int:
    """Return a TCP port that is currently free at `host`, an address of this machine."""
    with socket.create_server((host, 0)) as probe:
        port: int = probe.getsockname()[1]
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
