"""`/wait` on PostgreSQL: `SELECT pg_sleep`, on connections that fit the worker class.

STATEMENTS_DATABASE     the database, as a libpq connection string
STATEMENTS_CONNECTIONS  the connections of a pool: as many as requests are served at a time

The first request connects, because a server may import the application in one process and serve from another. If the
database cannot be reached, or closes the connection, the request gets status 503, and the next request tries again. A
dead network between both is noticed within twice `PATIENCE_SECONDS`. A database that takes a query and never answers it
holds the request for ever: nothing tells it from a slow one.

`READINESS` is for `/readyz` of `app.health`: the check that fits a worker class, by its wait function. A check opens a
connection of its own, because all connections of a pool may be in use.
"""

import asyncio
import os
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from app.http import Problem

SLEEP = "SELECT pg_sleep(%s)"
PATIENCE_SECONDS = 2  # to open a connection, to get one from the pool, or to hear from the database's machine
CONNECTING = {
    "autocommit": True,
    "connect_timeout": PATIENCE_SECONDS,
    "tcp_user_timeout": PATIENCE_SECONDS * 1000,  # how long what was sent may stay unacknowledged
    "keepalives_idle": PATIENCE_SECONDS,  # while the query waits, nothing is sent but these probes
    "keepalives_interval": 1,
}
_making = Lock()


def on_one_connection(seconds: float) -> None:
    """Wait in a worker that serves one request at a time: one connection, reopened after it breaks."""
    with _refusal():
        if _connection().closed:
            _connection.cache_clear()
        _connection().execute(SLEEP, (seconds,))


def pooled(seconds: float) -> None:
    """Wait in one of several threads, or in a greenlet after gevent has patched the standard library."""
    with _making:
        pool = _pool()
    with _refusal(), pool.connection() as connection:
        connection.execute(SLEEP, (seconds,))


async def awaited(seconds: float) -> None:
    """Wait on any asyncio loop."""
    pool = _async_pool()
    with _refusal():
        if pool.closed:
            await pool.open()
        async with pool.connection() as connection:
            await connection.execute(SLEEP, (seconds,))


def in_greenlet(seconds: float) -> None:
    """Wait in a greenlet on asyncio's loop: uWSGI's asyncio engine."""
    _switched(awaited(seconds))


def reached() -> None:
    """Open a connection and close it, in a worker, a thread or a patched greenlet. Raises Problem 503 if it fails."""
    with _refusal():
        psycopg.connect(os.environ["STATEMENTS_DATABASE"], **CONNECTING).close()


async def reached_on_loop() -> None:
    """The same on any asyncio loop."""
    with _refusal():
        connection = await psycopg.AsyncConnection.connect(os.environ["STATEMENTS_DATABASE"], **CONNECTING)
        await connection.close()


def reached_in_greenlet() -> None:
    """The same in a greenlet on asyncio's loop."""
    _switched(reached_on_loop())


READINESS = {
    on_one_connection: reached,
    pooled: reached,
    awaited: reached_on_loop,
    in_greenlet: reached_in_greenlet,
}


def _switched(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on the loop of this greenlet's parent, which serves other requests meanwhile."""
    from greenlet import getcurrent  # noqa: PLC0415 - only this worker class installs it

    request = getcurrent()
    task = asyncio.get_event_loop().create_task(coroutine)
    task.add_done_callback(lambda _: request.switch())
    request.parent.switch()
    task.result()


@cache
def _connection() -> Any:
    return psycopg.connect(os.environ["STATEMENTS_DATABASE"], **CONNECTING)


@cache
def _pool() -> Any:
    return ConnectionPool(**_sized(), open=True)


@cache
def _async_pool() -> Any:
    return AsyncConnectionPool(**_sized(), open=False)  # opening it needs a running loop


def _sized() -> dict[str, Any]:
    """Options of a pool that opens all its connections at once, so that no request waits for one to open."""
    return {
        "conninfo": os.environ["STATEMENTS_DATABASE"],
        "min_size": int(os.environ["STATEMENTS_CONNECTIONS"]),
        "timeout": PATIENCE_SECONDS,
        "kwargs": CONNECTING,
    }


@contextmanager
def _refusal() -> Iterator[None]:
    """Raise Problem 503 if the database is gone or no connection is free in time."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise Problem("503 Service Unavailable", f"the database does not answer ({type(error).__name__})") from error
