"""Each request in a context of its own: what it sets in a ContextVar ends with it.

Many servers run all requests of a worker, a thread or a connection in one context. A variable that one request sets is
then still set in the next one. `docs/identity.md` lists them.
"""

from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
from contextvars import Context
from types import coroutine
from typing import Any

Environ = dict[str, Any]
WsgiApplication = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
AsyncApplication = Callable[..., Coroutine[Any, Any, None]]  # ASGI: scope, receive and send; RSGI: scope and protocol


class Body:
    """A body that is made while the server sends it: each part is made in the context of its request."""

    def __init__(self, parts: Iterable[bytes], context: Context) -> None:
        self.parts = parts
        self.context = context

    def __iter__(self) -> Iterator[bytes]:
        parts = self.context.run(iter, self.parts)
        end = object()
        while (part := self.context.run(next, parts, end)) is not end:
            yield part  # type: ignore[misc] # `end` is no part

    def close(self) -> None:
        """Close the body as WSGI asks for."""
        close = getattr(self.parts, "close", None)
        if close is not None:
            self.context.run(close)


def wsgi(application: WsgiApplication) -> WsgiApplication:
    """The WSGI application, with a context for each request."""

    def in_context(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        context = Context()
        body = context.run(application, environ, start_response)
        return body if isinstance(body, (list, tuple)) else Body(body, context)

    return in_context


def asgi(application: AsyncApplication) -> AsyncApplication:
    """The ASGI application, with a context for each request."""

    async def in_context(scope: Any, receive: Any, send: Any) -> None:  # Uvicorn calls what takes nothing as a factory
        await _stepped(application(scope, receive, send), Context())

    return in_context


def rsgi(application: AsyncApplication) -> AsyncApplication:
    """The RSGI application, with a context for each request."""

    async def in_context(scope: Any, protocol: Any) -> None:
        await _stepped(application(scope, protocol), Context())

    return in_context


@coroutine
def _stepped(request: Coroutine[Any, Any, None], context: Context) -> Generator[Any, Any, None]:
    """Run each step of a coroutine in a context, within the task that awaits it: another task would cost more."""
    step, value = request.send, None
    while True:
        try:
            awaited = context.run(step, value)
        except StopIteration:
            return
        try:
            step, value = request.send, (yield awaited)
        except BaseException as error:  # noqa: BLE001 - it goes on to the request, such as the task's cancellation
            step, value = request.throw, error
