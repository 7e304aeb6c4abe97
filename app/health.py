"""Layer: `GET /healthz` answers while the process does; `GET /readyz` answers 503 while it should get no requests.

STATEMENTS_DRAINING  a file: while it exists, the service is draining and `/readyz` answers 503; the default is none

A file can be made before SIGTERM is sent. A load balancer then has time to stop sending requests, while every server
still accepts them. All workers see it, and deleting it ends the draining. SIGTERM is noticed, too: some servers accept
connections for a while after it.

`/readyz` also answers 503 while a back end is away: the module of `STATEMENTS_WAIT` may have `READINESS`, the check for
each of its wait functions. A check has a time limit. One runs at a time, and its outcome is kept for `FRESH_SECONDS`.
"""

import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pkgutil import resolve_name
from threading import Lock, current_thread, main_thread
from typing import Any

from app.context import AsyncApplication, Environ, WsgiApplication
from app.http import TEXT, Problem, not_allowed
from app.replies import UNCACHED, Reply, refused, replied

HEALTHY, READY = "/healthz", "/readyz"
PATHS = (HEALTHY, READY)
FRESH_SECONDS = 5.0

Check = Callable[[], Any]  # returns, or returns an awaitable; raises Problem 503


class Draining:
    """Whether SIGTERM has arrived. The lock of an Event would stop a handler that interrupts another one for ever."""

    is_set = False


draining = Draining()


class Backend:
    """The back end's last outcome: `refusal` is None, or the problem that the last check raised."""

    def __init__(self, check: Check | None) -> None:
        self.check = check
        self.refusal = None if check is None else Problem("503 Service Unavailable", "the first check is under way")
        self.fresh_until = 0.0
        self.checking = Lock()

    def due(self) -> Check | None:
        """The check, if the caller has to make it now: the outcome is old, and nobody else is checking."""
        if self.check is None or time.monotonic() < self.fresh_until:
            return None
        return self.check if self.checking.acquire(blocking=False) else None

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Keep the outcome of the check that the block makes. An error that is no problem changes nothing."""
        try:
            yield
        except Problem as problem:
            self._keep(problem)
        else:
            self._keep(None)
        finally:
            self.checking.release()

    def _keep(self, refusal: Problem | None) -> None:
        self.refusal = refusal
        self.fresh_until = time.monotonic() + FRESH_SECONDS


def check_of(wait: str) -> Check | None:
    """The check of the back end that a wait function waits for, from its dotted name; None without a back end."""
    function = resolve_name(wait)
    found: Check | None = getattr(sys.modules[function.__module__], "READINESS", {}).get(function)
    return found


def notice_sigterm() -> None:
    """Set `draining` before the server's own handler is called. Without one, SIGTERM ends the process as before."""
    handler = signal.getsignal(signal.SIGTERM)
    if not callable(handler) or current_thread() is not main_thread():
        return

    def noticed(*given: Any) -> None:
        draining.is_set = True
        handler(*given)

    signal.signal(signal.SIGTERM, noticed)
    signal.siginterrupt(signal.SIGTERM, False)  # as Gunicorn sets it: no request is disturbed


def is_draining() -> bool:
    """Whether this service announces its end, by the file or by SIGTERM."""
    file = os.environ.get("STATEMENTS_DRAINING", "")
    return draining.is_set or os.path.exists(file)  # noqa: PTH110 - one system call, without a Path for each probe


def reply(method: str, path: str, refusal: Problem | None) -> Reply:
    """The answer to a probe; `refusal` says why the service is not ready."""
    if method not in {"GET", "HEAD"}:
        return refused(not_allowed(path, "GET", "HEAD"), UNCACHED)
    if path == READY and is_draining():
        return refused(Problem("503 Service Unavailable", "the service is draining"), UNCACHED)
    if path == READY and refusal is not None:
        return refused(refusal, UNCACHED)
    return replied("200 OK", TEXT, b"ok\n", UNCACHED)


def wsgi(application: WsgiApplication) -> WsgiApplication:
    """The WSGI application with the two paths."""
    notice_sigterm()
    backend = Backend(check_of(os.environ["STATEMENTS_WAIT"]))

    def with_health(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path not in PATHS:
            return application(environ, start_response)
        if path == READY and (check := backend.due()):
            with backend.checked():
                check()
        return reply(environ["REQUEST_METHOD"], path, backend.refusal).start(environ, start_response)

    return with_health


def on_loop(check: Check | None) -> Callable[[str, str], Awaitable[Reply]]:
    """The function that answers the probes of an asyncio loop."""
    notice_sigterm()
    backend = Backend(check)

    async def answered(method: str, path: str) -> Reply:
        if path == READY and (due := backend.due()):
            with backend.checked():
                await due()
        return reply(method, path, backend.refusal)

    return answered


def asgi(application: AsyncApplication) -> AsyncApplication:
    """The ASGI application with the two paths."""
    answered = on_loop(check_of(os.environ["STATEMENTS_WAIT"]))

    async def with_health(scope: dict[str, Any], receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        if scope["type"] != "http" or scope["path"] not in PATHS:
            await application(scope, receive, send)
            return
        answer = await answered(scope["method"], scope["path"])
        await answer.send(scope, send)

    return with_health


def rsgi(application: AsyncApplication) -> AsyncApplication:
    """The RSGI application with the two paths."""
    answered = on_loop(check_of(os.environ["STATEMENTS_WAIT"]))

    async def with_health(scope: Any, protocol: Any) -> None:
        if scope.proto != "http" or scope.path not in PATHS:
            await application(scope, protocol)
            return
        answer = await answered(scope.method, scope.path)
        answer.respond(scope, protocol)

    return with_health
