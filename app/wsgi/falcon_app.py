"""The service on Falcon."""

from collections.abc import Callable, Iterable
from typing import Any

import falcon

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
    queried,
    queried_wait,
    read_document,
    waited,
)

REQUIREMENTS = ("falcon",)  # packages that this file needs


class Hello:
    """The smallest answer of a server."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        queried(req.query_string)
        resp.content_type = TEXT
        resp.text = HELLO


class Statements:
    """The transform: a batch of orders in, one statement per customer out."""

    def __init__(self, transform: Callable[[bytes], bytes], max_bytes: int) -> None:
        self.transform = transform
        self.max_bytes = max_bytes

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        queried(req.query_string)
        resp.data = answer(self.transform, read_document(req.env, self.max_bytes))
        resp.content_type = JSON


class Wait:
    """A slow backend: the worker waits and does not compute."""

    def __init__(self, wait: Callable[[float], object]) -> None:
        self.wait = wait

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        seconds = queried_wait(req.query_string)
        self.wait(seconds)
        resp.content_type = TEXT
        resp.text = waited(seconds)


class Fact:
    """What the service says of itself."""

    def __init__(self, fact: Callable[[], dict[str, Any]]) -> None:
        self.fact = fact

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        queried(req.query_string)
        resp.media = self.fact()


class App(falcon.App[falcon.Request, falcon.Response]):
    """Falcon's application for servers that hand over no path: WSGI lets them omit an empty one, as for CONNECT."""

    def __call__(self, env: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        env.setdefault("PATH_INFO", "")
        return super().__call__(env, start_response)


def make(core: Core, facts: Facts, wait: Callable[[float], object], max_bytes: int = DEFAULT_MAX_BYTES) -> App:
    """The WSGI application over a core; `facts` tell about it, `wait` waits for a number of seconds.

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


def _refuse(_req: falcon.Request, resp: falcon.Response, problem: Problem, _params: dict[str, Any]) -> None:
    resp.status = problem.status
    resp.content_type = PROBLEM
    resp.set_headers(problem.headers)
    resp.data = problem.body()


def _refuse_http(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
    """Answer Falcon's own errors, such as an unknown path, with problem details."""
    status = falcon.code_to_http_status(error.status)
    _refuse(req, resp, Problem(status, error.description or req.path), {})
