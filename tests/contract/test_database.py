"""A database whose network dies: a request that waits for it gets 503. Without limits of TCP it would wait for ever."""

import socket
import struct
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from bench.build import artifacts
from tests.contract.conftest import PLAIN
from tests.contract.database import environment_of
from tests.contract.network import HOST, deafen

pytestmark = pytest.mark.parametrize("name", [PLAIN["cpython"]], indirect=True)

ENDS_SECONDS = 30.0  # far above the limits

WAITS = """
from app import postgres
from app.http import Problem

postgres.on_one_connection(0)
print("connected", flush=True)
input()
try:
    postgres.on_one_connection(0)
except Problem as problem:
    print(problem.status)
"""

# PostgreSQL's protocol, as much of it as a query needs: https://www.postgresql.org/docs/15/protocol-flow.html
READY = b"Z\0\0\0\5I"
WELCOME = b"R" + struct.pack("!ii", 8, 0) + READY
SYNC = b"S\0\0\0\4"  # ends a query
ANSWER = b"1\0\0\0\4" + b"2\0\0\0\4" + b"n\0\0\0\4" + b"C\0\0\0\rSELECT 0\0" + READY


class Waiting(NamedTuple):
    """A process of the service, and the database's end of its connection."""

    process: subprocess.Popen[str]
    connection: socket.socket


@pytest.fixture
def environment(name: str) -> dict[str, str]:
    return environment_of(name)


@pytest.fixture
def waiting(name: str, environment: dict[str, str]) -> Iterator[Waiting]:
    """A process of the service that has asked the database once."""
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        address = f"host={HOST} port={port} user=lab dbname=lab sslmode=disable gssencmode=disable"
        process = subprocess.Popen(
            [artifacts.python(name), "-c", WAITS],
            cwd="/",
            env=environment | {"STATEMENTS_DATABASE": address},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        listener.settimeout(ENDS_SECONDS)
        try:
            with listener.accept()[0] as connection:
                connection.settimeout(ENDS_SECONDS)
                connection.recv(65_536)
                connection.sendall(WELCOME)
                read_query(connection)
                connection.sendall(ANSWER)
                assert process.stdout.readline() == "connected\n"
                yield Waiting(process, connection)
        finally:
            process.kill()
            process.communicate()


def read_query(connection: socket.socket) -> None:
    received = b""
    while not received.endswith(SYNC):
        received += connection.recv(65_536) or pytest.fail("the service has closed the connection")


@pytest.mark.parametrize("on_its_way", [True, False], ids=["query on its way", "query under way"])
def test_a_network_that_dies_is_noticed(waiting: Waiting, on_its_way: bool) -> None:
    process, connection = waiting
    if on_its_way:
        deafen(connection)
    process.stdin.write("\n")
    process.stdin.flush()
    if not on_its_way:
        read_query(connection)
        deafen(connection)
    assert process.communicate(timeout=ENDS_SECONDS)[0] == "503 Service Unavailable\n"
