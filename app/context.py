"""Each request in a context of its own: what it sets in a ContextVar ends with it.

Many servers run all requests of a worker, a thread or a connection in one context. A variable that one request sets is
then still set in the next one. `docs/identity.md` lists them.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextvars import Context
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
    """The ASGI or RSGI application, with a task and a context for each request."""

    async def in_context(scope: Any, *request: Any) -> None:  # Uvicorn takes what needs no argument for a factory
        await Context().run(asyncio.create_task, application(scope, *request))

    return in_context


rsgi = asgi
