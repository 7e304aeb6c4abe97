"""Layer: SIGTERM drains a server that has no means of its own, bjoern or Waitress.

STATEMENTS_DRAIN_SECONDS  the bound: the process ends at most so many seconds after SIGTERM; the default is 8

After SIGTERM the server goes on serving, and `/readyz` of `app.health` answers 503. Once no request has been under way
for `QUIET_SECONDS`, the server gets SIGINT, its own signal to stop. bjoern then still answers on open connections until
they are closed. Waitress ends, and cuts off an answer that its client is still reading. The process exits with 0, or
with `CUT_OFF` if a request was under way at the bound.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from math import inf, nan
from threading import Lock, Thread
from typing import Any, NoReturn

from app import health
from app.context import Environ, WsgiApplication

QUIET_SECONDS = 1.0
POLL_SECONDS = 0.05
CUT_OFF = 1


class UnderWay:
    """Counts the requests that are under way.

    One begins with the call of the application. It ends when that returns a list, which the server may have to send
    yet, or when a body that is made while it is sent is closed.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.count = 0
        self.quiet_since = time.monotonic()

    def begin(self) -> None:
        with self.lock:
            self.count += 1

    def end(self) -> None:
        with self.lock:
            self.count -= 1
            self.quiet_since = time.monotonic()

    def quiet_seconds(self) -> float:
        """How long no request has been under way; 0 if one is."""
        return 0.0 if self.count else time.monotonic() - self.quiet_since


class Body:
    """A body that is made while the server sends it."""

    def __init__(self, parts: Iterable[bytes], end: Callable[[], None]) -> None:
        self.parts = parts
        self.end = end

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.parts)

    def close(self) -> None:
        """Close the body as WSGI asks for; the request has then ended."""
        try:
            getattr(self.parts, "close", lambda: None)()
        finally:
            self.end()


def wsgi(application: WsgiApplication) -> WsgiApplication:
    """The WSGI application, in a process that SIGTERM drains. Raises RuntimeError under a server with own means."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL or "uwsgi" in sys.modules:
        raise RuntimeError("STATEMENTS_LAYERS: drain is for bjoern and Waitress; this server handles SIGTERM itself")
    under_way = UnderWay()

    def counted(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        under_way.begin()
        try:
            body = application(environ, start_response)
        except BaseException:
            under_way.end()
            raise
        if isinstance(body, (list, tuple)):
            under_way.end()
            return body
        return Body(body, under_way.end)

    def drain(*_signal: object) -> None:
        health.draining.is_set = True
        if first.acquire(blocking=False):
            Thread(target=end, args=[under_way, bound], daemon=True).start()

    first = Lock()  # never released: only the first SIGTERM starts the end
    bound = bound_seconds(os.environ.get("STATEMENTS_DRAIN_SECONDS", "8"))
    signal.signal(signal.SIGTERM, drain)
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    return counted


def bound_seconds(text: str) -> float:
    """The bound from its variable. Raises ValueError, which names the variable."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = nan
    if not 0 < seconds < inf:
        raise ValueError(f"STATEMENTS_DRAIN_SECONDS: {text!r} is no number of seconds above 0")
    return seconds


def end(under_way: UnderWay, bound: float) -> NoReturn:
    """End the process: ask the server to stop once it is quiet, and exit at the bound."""
    signalled = time.monotonic()
    deadline = signalled + bound
    while time.monotonic() < deadline:
        if min(under_way.quiet_seconds(), time.monotonic() - signalled) >= QUIET_SECONDS:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(max(deadline - time.monotonic(), 0.0))
        time.sleep(POLL_SECONDS)
    os._exit(CUT_OFF if under_way.count else 0)
