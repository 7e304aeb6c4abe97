"""The service on wheezy.web: its path routing and method handlers, without its forms, templates and sessions."""

import json
from collections.abc import Callable
from typing import Any

from wheezy.http import HTTPRequest, HTTPResponse, WSGIApplication, bootstrap_http_defaults
from wheezy.http.response import HTTP_STATUS
from wheezy.routing import PathRouter, url
from wheezy.web.handlers import MethodHandler
from wheezy.web.middleware import path_routing_middleware_factory

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
    not_allowed,
    problem_of,
    queried,
    queried_wait,
    read_document,
    waited,
)

REQUIREMENTS = ("wheezy-web",)  # packages that this file needs
HTTP_STATUS[422] = "422 Unprocessable Content"  # missing in its table

Middleware = Callable[[HTTPRequest, Callable[[HTTPRequest], HTTPResponse | None]], HTTPResponse]


def response(media_type: str, body: bytes) -> HTTPResponse:
    """An answer with status 200."""
    made = HTTPResponse(media_type)
    made.write_bytes(body)
    return made


class Hello(MethodHandler):
    """The smallest answer of a server."""

    def get(self) -> HTTPResponse:
        queried(self.request.environ["QUERY_STRING"])
        return response(TEXT, HELLO.encode())


class Statements(MethodHandler):
    """The transform: a batch of orders in, one statement per customer out."""

    def post(self) -> HTTPResponse:
        queried(self.request.environ["QUERY_STRING"])
        document = read_document(self.request.environ, self.options["max_bytes"])
        return response(JSON, answer(self.options["transform"], document))


class Wait(MethodHandler):
    """A slow backend: the worker waits and does not compute."""

    def get(self) -> HTTPResponse:
        seconds = queried_wait(self.request.environ["QUERY_STRING"])
        self.options["wait"](seconds)
        return response(TEXT, waited(seconds).encode())


class Fact(MethodHandler):
    """What the service says of itself."""

    def get(self) -> HTTPResponse:
        queried(self.request.environ["QUERY_STRING"])
        return response(JSON, json.dumps(self.route_args["fact"]()).encode())


class Head(HTTPResponse):
    """The answer to HEAD: the length that it tells is that of the body that it leaves out."""

    def __call__(self, start_response: Callable[..., object]) -> list[bytes]:
        super().__call__(start_response)
        return []


def allowed(router: PathRouter, path: str) -> list[str]:
    """The methods of the handler of a path."""
    handler, _ = router.match(path.lstrip("/"))
    return [method for method in ("GET", "POST") if method.lower() in vars(handler)]


def problems(options: dict[str, Any]) -> Middleware:
    """The middleware that answers all errors, also wheezy.web's own, with problem details."""

    def middleware(request: HTTPRequest, following: Callable[[HTTPRequest], HTTPResponse | None]) -> HTTPResponse:
        try:
            for name in ("PATH_INFO", "QUERY_STRING", "SCRIPT_NAME"):  # optional in WSGI, required by the framework
                request.environ.setdefault(name, "")
            found = following(request)
            if found is None:
                raise Problem(HTTP_STATUS[404], request.environ["PATH_INFO"])
            if found.status_code == 405:
                path = request.environ["PATH_INFO"]
                raise not_allowed(path, *allowed(options["path_router"], path))
        except Exception as error:  # noqa: BLE001 - a bug is answered, too
            problem = problem_of(error)
            found = (Head if request.method == "HEAD" else HTTPResponse)(PROBLEM)
            found.status_code = int(problem.status[:3])
            found.headers.extend(problem.headers)
            found.write_bytes(problem.body())
        return found

    return middleware


def make(
    core: Core, facts: Facts, wait: Callable[[float], object], max_bytes: int = DEFAULT_MAX_BYTES
) -> WSGIApplication:
    """The WSGI application over a core; `facts` tell about it, `wait` waits for a number of seconds.

    A body of more than `max_bytes` gets status 413.
    """
    router = PathRouter()
    router.add_routes(
        [
            url("hello", Hello),
            url("statements", Statements),
            url("wait", Wait),
            *[url(path.lstrip("/"), Fact, {"fact": fact}, name=path) for path, fact in facts.items()],
        ]
    )
    return WSGIApplication(
        middleware=[bootstrap_http_defaults, problems, path_routing_middleware_factory],
        options={
            "path_router": router,
            "transform": core.transform,
            "wait": wait,
            "max_bytes": max_bytes,
        },
    )
