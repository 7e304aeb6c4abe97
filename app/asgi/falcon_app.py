"""The service on Falcon, as an ASGI application."""

from collections.abc import Awaitable, Callable
from typing import Any

import falcon.asgi

from app.asgi.bodies import until_broken, whole
from app.contract import Core
from app.http import (
    DEFAULT_MAX_BYTES,
    HELLO,
    JSON,
    PROBLEM,
    TEXT,
    Facts,
    Problem,
    answer,
    expect_json,
    queried,
    queried_wait,
    waited,
)

REQUIREMENTS = ("falcon",)  # packages that this file needs
HTTP_VERSIONS = {"1.0", "1.1", "2", "3"}  # those of ASGI that Falcon takes


class Hello:
    """The smallest answer of a server."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        queried(req.query_string)
        resp.content_type = TEXT
        resp.text = HELLO


class Statements:
    """The transform: a batch of orders in, one statement per customer out. It blocks the loop while it computes."""

    def __init__(self, transform: Callable[[bytes], bytes], max_bytes: int) -> None:
        self.transform = transform
        self.max_bytes = max_bytes

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        queried(req.query_string)
        expect_json(req.content_type or "")
        document = await req.stream.read(self.max_bytes + 1)
        whole(req.scope, document, self.max_bytes, req.content_length)
        resp.data = answer(self.transform, document)
        resp.content_type = JSON


class Wait:
    """A slow backend: the request waits and the loop serves others."""

    def __init__(self, wait: Callable[[float], Awaitable[object]]) -> None:
        self.wait = wait

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        seconds = queried_wait(req.query_string)
        await self.wait(seconds)
        resp.content_type = TEXT
        resp.text = waited(seconds)


class Fact:
    """What the service says of itself."""

    def __init__(self, fact: Callable[[], dict[str, Any]]) -> None:
        self.fact = fact

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        queried(req.query_string)
        resp.media = self.fact()


class App(falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response]):
    """Falcon's application for whatever servers hand over: each version of HTTP, and bodies that break off.

    Falcon raises an error for a version that ASGI does not name, such as `1` by Granian, or `2.0` by Uvicorn where a
    request line says so. Its syntax is that of HTTP/1.1, and it is answered as such (RFC 9110, 2.5).
    """

    async def __call__(  # type: ignore[override]  # as Falcon's own overrides that of its WSGI application
        self, scope: Any, receive: Any, send: Any
    ) -> None:
        if scope["type"] == "http":
            if scope.get("http_version", "1.1") not in HTTP_VERSIONS:
                scope = {**scope, "http_version": "1.1"}
            receive = until_broken(scope, receive)
        await super().__call__(scope, receive, send)


def make(
    core: Core,
    facts: Facts,
    wait: Callable[[float], Awaitable[object]],
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> App:
    """The ASGI application over a core; `facts` tell about it, `wait` waits for a number of seconds.

    A body of more than `max_bytes` gets status 413.
    """
    app = App()
    app.add_route("/hello", Hello())
    app.add_route("/statements", Statements(core.transform, max_bytes))
    app.add_route("/wait", Wait(wait))
    for path, fact in facts.items():
        app.add_route(path, Fact(fact))
    app.add_error_handler(Problem, _refuse)
    app.set_error_serializer(_refuse_http)
    return app


async def _refuse(_req: falcon.asgi.Request, resp: falcon.asgi.Response, problem: Problem, _params: object) -> None:
    _write_problem(resp, problem)


def _refuse_http(req: falcon.asgi.Request, resp: falcon.asgi.Response, error: falcon.HTTPError) -> None:
    """Answer Falcon's own errors, such as an unknown path, with problem details."""
    status = falcon.code_to_http_status(error.status)
    _write_problem(resp, Problem(status, error.description or req.path))


def _write_problem(resp: falcon.asgi.Response, problem: Problem) -> None:
    resp.status = problem.status
    resp.content_type = PROBLEM
    resp.set_headers(problem.headers)
    resp.data = problem.body()
