"""How `/wait` waits for a PostgreSQL: `SELECT pg_sleep`, on the connections that fit the worker class.

STATEMENTS_DATABASE     where it is, in libpq's words
STATEMENTS_CONNECTIONS  how many connections a pool holds: as many as requests are served at a time

Nothing is connected before the first request: a server may import the application in one process and serve from
another. Where the database does not answer, a request is refused with 503, and a later one tries anew.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from app.http import Problem

SLEEP = "SELECT pg_sleep(%s)"
PATIENCE_SECONDS = 2  # for a connection, be it made or waited for
CONNECTING = {"autocommit": True, "connect_timeout": PATIENCE_SECONDS}
_making = Lock()


def on_one_connection(seconds: float) -> None:
    """Wait where one request is served at a time: one connection, made anew once it has broken."""
    with _refusal():
        if _connection().closed:
            _connection.cache_clear()
        _connection().execute(SLEEP, (seconds,))


def pooled(seconds: float) -> None:
    """Wait in a thread of several, or in a greenlet where gevent has patched the standard library before."""
    with _making:
        pool = _pool()
    with _refusal(), pool.connection() as connection:
        connection.execute(SLEEP, (seconds,))


async def awaited(seconds: float) -> None:
    """Wait on asyncio's loop, whichever one runs it."""
    pool = _async_pool()
    with _refusal():
        if pool.closed:
            await pool.open()
        async with pool.connection() as connection:
            await connection.execute(SLEEP, (seconds,))


def in_greenlet(seconds: float) -> None:
    """Wait where requests are greenlets on asyncio's loop: uWSGI's asyncio engine."""
    from greenlet import getcurrent  # noqa: PLC0415 - no other worker class has it

    request = getcurrent()
    task = asyncio.get_event_loop().create_task(awaited(seconds))
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
    return AsyncConnectionPool(**_sized(), open=False)  # a loop has to run where it is opened


def _sized() -> dict[str, Any]:
    """A pool that is full from the beginning on, so that no request of a load waits for a connection to be made."""
    return {
        "conninfo": os.environ["STATEMENTS_DATABASE"],
        "min_size": int(os.environ["STATEMENTS_CONNECTIONS"]),
        "timeout": PATIENCE_SECONDS,
        "kwargs": CONNECTING,
    }


@contextmanager
def _refusal() -> Iterator[None]:
    """Problem 503 where the database is gone, or has no connection to spare in time."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise Problem("503 Service Unavailable", f"the database does not answer ({type(error).__name__})") from error
